"""A film: pictures with a slider, all in the browser; moving through them sends nothing."""

from collections.abc import Sequence
from pathlib import Path

from explorer.components.component import component, joined

HERE = Path(__file__).parent
SCRIPTS = ("icons", "film_player")  # each after those that it imports

HTML = """<div class="film">
  <img draggable="false">
  <div class="bar">
    <button type="button" class="play"></button>
    <input type="range" min="0" step="1">
    <output></output>
  </div>
</div>"""

_component = component(
    "gan_explorer_film",
    html=HTML,
    css=(HERE / "film_player.css").read_text(encoding="utf-8"),
    js=joined(*SCRIPTS),
)


def film(
    key: str,
    frames: Sequence[dict[str, str]],
    *,
    name: str,
    label: str,
    step: int = 140,
    turn: str = "newest",
    smooth: bool = False,
) -> None:
    """Show frames with a slider and a button to play them.

    frames: dicts with "src", a data URL, and "words", its text beside the slider. name: identifies
    the film. label: the pictures' alternative text. step: milliseconds per frame. turn: "newest"
    for a film that begins at its last frame and plays once; "loop" or "back and forth" for one that
    begins at its first frame and plays until it is paused. smooth: blend enlarged pixels.
    """
    data = {"frames": frames, "name": name, "label": label, "step": step, "turn": turn}
    data["smooth"] = smooth
    _component(key=key, data=data)
