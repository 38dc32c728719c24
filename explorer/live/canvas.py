"""The live canvas: a picture that follows the sliders beside it while they are dragged.

The browser asks for strips of pictures when a hand comes near a slider, swaps them on its own
while the slider is dragged, and reports the values once when it is let go.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import streamlit as st

from explorer import renderer

HERE = Path(__file__).parent
SCRIPTS = ("latents", "strips", "drawing", "rows", "list", "pad", "canvas")
COUNTS = (9, 64)  # pictures of a coarse and of a fine strip, as strips.js asks for them
PAD = "pad"
PAD_SIDES = (5, 16)  # pictures a side of a coarse and of a fine grid

HTML = """<div class="live"><div class="body">
  <div class="stage"><canvas role="img"></canvas>
  <div class="names"></div><p class="note" role="status"></p></div>
  <div class="controls"></div>
</div></div>"""


def script():
    """The component's program: its files one after the other, the default export in the last."""
    return "\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)


_component = st.components.v2.component(
    "gan_explorer_canvas",
    html=HTML,
    css=(HERE / "canvas.css").read_text(encoding="utf-8"),
    js=script(),
)


def axis(label, low, high, step=0.01, **more):
    """One slider, as the browser is told. more: unit, ticks, effect (0 to 1), effectLabel."""
    return {"label": label, "min": float(low), "max": float(high), "step": step, **more}


def canvas(
    key,
    model,
    motions,
    axes,
    values,
    on_release,
    *,
    label,
    layout="rows",
    panes=("",),
    smooth=False,
    browser=None,
    home=None,
    frozen=None,
):
    """Show the picture at `values` and its sliders.

    motions: one from motions.py for each pane, all moved by the same sliders. axes: as `axis`
    makes them. values: floats, one a slider. on_release(values, frozen): called once after a drag,
    with lists of float and int. label: the picture's alternative text. layout: "rows", "list"
    (many sliders; `home` are their values for "Reset", `frozen` the numbers of those that rest) or
    "pad" (two sliders and a plane). browser: the addresses by which the browser can draw by
    itself, or None.
    Returns (float32 (panes, nz), uint8 (panes, H, W, C)) at `values`.
    """
    values = [float(v) for v in values]
    context = digest(model, motions)
    st.session_state[f"{key}-drawn"] = (context, axes)
    z = np.concatenate([motion.latents(np.array([values])) for motion in motions])
    images = renderer.pictures(model, z)
    exact = renderer.data_url(renderer.png(beside(images[:, None])[0]), "png")
    data = {
        "context": context,
        "axes": axes,
        "values": values,
        "heard": last_count(key),
        "exact": {"values": values, "src": exact},
        "strip": answer(key, model, motions, axes, context),
        "map": grid(model, motions, PAD_SIDES[0]) if layout == PAD else None,
        "layout": layout,
        "panes": list(panes),
        "width": images.shape[2] * len(panes),
        "height": images.shape[1],
        "label": label,
        "smooth": smooth,
        "home": [] if home is None else [float(v) for v in home],
        "frozen": sorted(frozen or ()),
        "freezable": frozen is not None,
        "browser": browser and {**browser, "specs": [motion.spec() for motion in motions]},
    }

    def released():
        report = read_report(key)
        if report:
            on_release(*report)

    _component(key=key, data=data, on_values_change=released, on_want_change=lambda: None)
    return z, images


def digest(model, motions):
    """A name for everything a picture depends on besides the sliders' values."""
    text = json.dumps([model.hash, [motion.spec() for motion in motions]])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def state_of(key, name):
    """What the browser last sent under a name: a dict, or {}."""
    sent = (st.session_state.get(key) or {}).get(name)
    return sent if isinstance(sent, dict) else {}


def last_count(key):
    """The number of the last report, echoed so that the browser knows what has been heard."""
    count = state_of(key, "values").get("count")
    return count if isinstance(count, int) else 0


def read_report(key):
    """The values and frozen sliders of a report, made to fit the axes; None when it cannot be used.

    It comes from outside, so nothing about it is taken for granted.
    """
    report = state_of(key, "values")
    context, axes = st.session_state.get(f"{key}-drawn", (None, []))
    values = read_values(report.get("values"), axes)
    if values is None or report.get("context") != context:
        return None
    frozen = report.get("frozen") or []
    return values, [i for i in range(len(axes)) if i in frozen]


def read_values(values, axes):
    """The values clipped to the axes, or None when they are not one finite number for each."""
    if not isinstance(values, list) or len(values) != len(axes):
        return None
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        return None
    return [min(max(float(v), a["min"]), a["max"]) for v, a in zip(values, axes, strict=True)]


def answer(key, model, motions, axes, context):
    """The strip that the browser asked for in this run, or None."""
    want = state_of(key, "want")
    values = read_values(want.get("values"), axes)
    which, n = want.get("axis"), want.get("n")
    if values is None or want.get("context") != context:
        return None
    reply = {"id": str(want.get("id"))[:40], "context": context, "axis": which, "n": n}
    reply["values"] = want["values"]
    if which == PAD and n in PAD_SIDES:
        return {**reply, "range": [0, 1], "sheet": grid(model, motions, n)}
    if type(which) is not int or not 0 <= which < len(axes) or n not in COUNTS:
        return None
    ends = [axes[which]["min"], axes[which]["max"]]
    along = np.tile(values, (n, 1))
    along[:, which] = np.linspace(*ends, n)
    return {**reply, "range": ends, "sheet": sheet(model, motions, along)}


def grid(model, motions, side):
    """side × side pictures of the whole pad, row by row."""
    ticks = np.linspace(0, 1, side)
    return sheet(model, motions, np.array([(x, y) for y in ticks for x in ticks]))


def sheet(model, motions, values):
    """The pictures at several values, the panes of each beside one another, as one sheet."""
    n = len(values)
    z = np.concatenate([motion.latents(values) for motion in motions])
    images = renderer.pictures(model, z)
    return renderer.sheet(beside(images.reshape(len(motions), n, *images.shape[1:])))


def beside(images):
    """uint8 (panes, N, H, W, C) -> (N, H, panes · W, C)."""
    return np.concatenate(list(images), axis=2)
