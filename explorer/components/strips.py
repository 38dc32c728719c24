"""Strips: pictures along one slider's axis, or over a whole pad, drawn before the slider moves."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from explorer.components import component_values
from explorer.components.motions import Motion
from explorer.services import renderer

# Pictures in a coarse strip, in a fine one, and in those that replace it while the slider is held,
# as in strips.js. From 64 on each has the pictures of the one before, at exactly the same values,
# and one between any two of them, so half of it comes from the renderer's cache.
COUNTS = (9, 64, 127, 253)
PAD = "pad"  # the axis of a grid over both sliders of a pad
PAD_SIDES = (5, 16)  # pictures per side of a coarse and of a fine grid
MAX_CANVASES = 256  # canvases that are remembered

_lock = threading.Lock()
# context -> (model, motions, axes)
_canvases: OrderedDict[str, tuple[renderer.Drawer, Sequence[Motion], Sequence[dict[str, Any]]]] = (
    OrderedDict()
)


def remember(
    context: str, model: renderer.Drawer, motions: Sequence[Motion], axes: Sequence[dict[str, Any]]
) -> None:
    """Allow strips to be requested by this context, see canvas.digest."""
    with _lock:
        _canvases[context] = (model, motions, axes)
        _canvases.move_to_end(context)
        while len(_canvases) > MAX_CANVASES:
            _canvases.popitem(last=False)


def answer(question: Any) -> dict[str, Any] | None:
    """The strip that a browser requests, ready for JSON; None for an invalid request.

    question: {"id", "context", "axis", "n", "values"}. It comes from outside, so all of it is
    checked.
    """
    if not isinstance(question, dict):
        return None
    context = component_values.text(question.get("context"))
    if context is None:
        return None
    name = str(question.get("id"))[:40]  # only goes back to the browser that sent it
    with _lock:
        canvas = _canvases.get(context)
    if canvas is None:
        return None
    which, n = question.get("axis"), component_values.integer(question.get("n"))
    model, motions, axes = canvas
    values = fit(question.get("values"), axes)
    if values is None:
        return None
    reply = {"id": name, "context": context, "axis": which, "n": n}
    reply["values"] = question["values"]
    if which == PAD and n in PAD_SIDES and len(axes) == 2:
        return {**reply, "range": [0, 1], "sheet": grid(model, motions, n)}
    place = component_values.integer(which, 0, len(axes) - 1)
    if place is None or n not in COUNTS:
        return None
    low, high = axes[place]["min"], axes[place]["max"]
    along = np.tile(values, (n, 1))
    along[:, place] = np.linspace(low, high, n)
    return {**reply, "range": [low, high], "sheet": sheet(model, motions, along)}


def fit(values: Any, axes: Sequence[dict[str, Any]]) -> list[float] | None:
    """The values clipped to the axes; None unless they are one finite number per axis."""
    values = component_values.numbers(values, len(axes))
    if values is None:
        return None
    return [min(max(v, a["min"]), a["max"]) for v, a in zip(values, axes, strict=True)]


def grid(model: renderer.Drawer, motions: Sequence[Motion], side: int) -> dict[str, Any]:
    """side × side pictures of the whole pad, row by row."""
    ticks = np.linspace(0, 1, side)
    return sheet(model, motions, np.array([(x, y) for y in ticks for x in ticks]))


def sheet(model: renderer.Drawer, motions: Sequence[Motion], values: np.ndarray) -> dict[str, Any]:
    """The pictures at several values as one sheet, with the panes of each side by side."""
    n = len(values)
    z = np.concatenate([motion.latents(values) for motion in motions])
    images = renderer.pictures(model, z, spare=True)
    return renderer.sheet(beside(images.reshape(len(motions), n, *images.shape[1:])))


def beside(images: np.ndarray) -> np.ndarray:
    """uint8 (panes, N, H, W, C) -> (N, H, panes · W, C)."""
    return np.concatenate(list(images), axis=2)
