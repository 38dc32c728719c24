"""A loop of pictures that morph into one another, played in the browser from one sheet."""

from pathlib import Path
from typing import Any

from explorer.components.component import component, joined

HERE = Path(__file__).parent
SCRIPTS = ("icons", "morph_loop")  # each after those that it imports

HTML = """<div class="loop">
  <canvas role="img"></canvas>
  <button type="button"></button>
</div>"""

_component = component(
    "gan_explorer_loop",
    html=HTML,
    css=(HERE / "morph_loop.css").read_text(encoding="utf-8"),
    js=joined(*SCRIPTS),
)


def morph_loop(
    key: str, sheet: dict[str, Any], frames: int, *, tiles: int, label: str, smooth: bool
) -> None:
    """Show a row of tiles that all play one closed loop, each from another place in it.

    sheet: the frames, from renderer.sheet. frames: how many, the last followed by the first. tiles:
    how many side by side, less on a narrow screen. label: the alternative text. Where the system
    asks for reduced motion the loop stands still until it is started.
    """
    _component(
        key=key,
        data=sheet | {"frames": frames, "tiles": tiles, "label": label, "smooth": smooth},
    )
