"""The live canvas: a picture that follows the sliders beside it while they are dragged.

The browser requests strips of pictures when the pointer comes near a slider, shows pictures from
them while the slider is dragged, and reports the values once when it is released.
"""

import hashlib
import html
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from explorer.components import browser_rendering, component_values, strips
from explorer.components.component import component, joined
from explorer.components.motions import Motion
from explorer.components.strips import PAD
from explorer.services import renderer, server, stranger_text

HERE = Path(__file__).parent
SCRIPTS = (  # each after those that it imports; the default export is in the last
    "latents",
    "strips",
    "drawing",
    "icons",
    "rows",
    "list",
    "pad",
    "canvas",
)

HTML = """<div class="live"><div class="body">
  <div class="stage"><canvas role="img"></canvas>
  <div class="names"></div><p class="note" role="status"></p></div>
  <div class="controls"></div>
</div></div>"""


_component = component(
    "gan_explorer_canvas",
    html=HTML,
    css=(HERE / "canvas.css").read_text(encoding="utf-8"),
    js=joined(*SCRIPTS),
)


def axis(label: str, low: float, high: float, step: float = 0.01, **more: Any) -> dict[str, Any]:
    """One slider, as sent to the browser.

    more: unit, ticks, effect (0 to 1), effectLabel, group (a heading above its first slider).
    """
    return {"label": label, "min": float(low), "max": float(high), "step": step, **more}


def canvas(
    key: str,
    model: renderer.Drawer,
    motions: Sequence[Motion],
    axes: Sequence[dict[str, Any]],
    values: Iterable[float],
    on_release: Callable[[list[float], list[int]], object],
    *,
    label: str,
    shows: Callable[[np.ndarray], str] | None = None,
    layout: str = "rows",
    panes: Iterable[str] = ("",),
    smooth: bool = False,
    browser: dict[str, Any] | None = None,
    home: Iterable[float] | None = None,
    frozen: Collection[int] | None = None,
    panel: str = "canvas",
    map_by: renderer.Drawer | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Show the picture at `values` and its sliders.

    motions: one from motions.py per pane, all moved by the same sliders. axes: from `axis`. values:
    floats, one per slider. on_release(values, frozen): called once after a drag, with lists of
    float and int. label: the picture's alternative text. shows: says what
    the pictures, uint8 (panes, H, W, C), show, for a screen reader; it is called once they are on
    their way, so that they do not wait for it. layout: "rows", "list" (many sliders;
    `home` holds their values for "Reset", `frozen` the indices of frozen ones), "beside" (some
    sliders beside the picture) or "pad" (two sliders and a plane). panes: names of the panes; there
    are more than motions for a model whose pictures hold several side by side. browser: the URLs
    for drawing in the browser, or None. panel: the panel that is redrawn after a drag. map_by: what
    draws the plane of a pad, for a model that draws several pictures at once.
    Returns (float32 (panes, nz), uint8 (panes, H, W, C)) at `values`.
    """
    values = [float(v) for v in values]
    context = digest(model, motions)
    st.session_state[f"{key}-drawn"] = (context, axes)
    strips.remember(context, model, motions, axes)
    z = np.concatenate([motion.latents(np.array([values])) for motion in motions])
    images = renderer.pictures(model, z)
    exact = renderer.data_url(renderer.png(strips.beside(images[:, None])[0]), "png")
    data = {
        "context": context,
        "axes": axes,
        "values": values,
        "exact": {"values": values, "src": exact},
        "map": strips.grid(map_by or model, motions, strips.PAD_SIDES[0])
        if layout == PAD
        else None,
        "layout": layout,
        "panes": list(panes),
        "width": images.shape[2] * len(motions),
        "height": images.shape[1],
        "label": stranger_text.clean(label),
        "smooth": smooth,
        "home": [] if home is None else [float(v) for v in home],
        "frozen": sorted(frozen or ()),
        "freezable": frozen is not None,
        "strips": server.STRIPS if server.available() else None,
        "browser": browser and {**browser, "specs": [motion.spec() for motion in motions]},
    }

    def released() -> None:
        report = read_report(key)
        if report:
            on_release(*report)
            st.rerun([panel])

    # A fragment of its own, so that a request for a strip does not rerun the rest of the panel.
    # (Strips are requested here only when the faster server of server.py does not run.)
    @st.fragment
    def mounted() -> None:
        wanted = component_values.record(key, "want")
        new = {"heard": last_count(key), "strip": strips.answer(wanted)}
        _component(key=key, data=data | new, on_values_change=released, on_want_change=lambda: None)

    mounted()
    # Places of their own: a popover below would close when what is before it comes or goes.
    with st.container(key=f"spoken-{key}"):  # read out, not seen, see page_style.css
        if shows is not None and (words := shows(images)):
            st.html(f"<p>{html.escape(words)}</p>")
    with st.container():
        browser_rendering.waiting()
    return z, images


def digest(model: renderer.Drawer, motions: Iterable[Motion]) -> str:
    """An identifier of everything that a picture depends on besides the sliders' values."""
    text = json.dumps([model.hash, [motion.spec() for motion in motions]])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def last_count(key: str) -> int:
    """The number of the last report, echoed so that the browser knows what has arrived."""
    return component_values.integer(component_values.record(key, "values").get("count")) or 0


def read_report(key: str) -> tuple[list[float], list[int]] | None:
    """The values and frozen sliders of a report, clipped to the axes; None when it is invalid.

    It comes from outside, so all of it is checked.
    """
    report = component_values.record(key, "values")
    context, axes = st.session_state.get(f"{key}-drawn", (None, []))
    values = strips.fit(report.get("values"), axes)
    if values is None or report.get("context") != context:
        return None
    return values, component_values.places(report.get("frozen"), len(axes))
