"""The framer: a square on a photo, moved by dragging, turned and resized by two eye handles."""

from collections.abc import Callable
from pathlib import Path

from explorer.components import component_values
from explorer.components.component import component
from gan_core.data.photo_alignment import Eyes

HERE = Path(__file__).parent

_component = component(
    "gan_explorer_framer",
    html='<div class="framer" role="group"></div>',
    css=(HERE / "photo_framer.css").read_text(encoding="utf-8"),
    js=(HERE / "photo_framer.js").read_text(encoding="utf-8"),
)


def framer(
    key: str,
    src: str,
    size: tuple[int, int],
    frame: dict[str, float],
    eyes: Eyes,
    limits: tuple[float, float],
    on_frame: Callable[[dict[str, float]], object],
    *,
    label: str,
    handles: tuple[str, str] = ("Left eye", "Right eye"),
) -> None:
    """Show a photo with the frame on it; on_frame(dict of x, y, side, turn) when it is released.

    src: the photo as a URL. size: its (width, height). frame: {"x", "y", "side", "turn"} as in
    gan_core.data.photo_alignment.Frame. eyes: the places of the eyes in the frame, ((x, y),
    (x, y)). limits: the smallest and the largest side. label: the photo's alternative text.
    handles: the names of both rings.
    """

    def framed() -> None:
        sent = component_values.record(key, "frame")
        numbers = {name: component_values.number(sent.get(name)) for name in frame}
        known = {name: number for name, number in numbers.items() if number is not None}
        if len(known) == len(frame):
            on_frame(known)

    data = {
        "src": src,
        "size": list(size),
        "frame": frame,
        "eyes": [list(eye) for eye in eyes],
        "limits": list(limits),
        "label": label,
        "handles": list(handles),
    }
    _component(key=key, data=data, on_frame_change=framed)
