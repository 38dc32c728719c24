"""The tile grid: pictures as real buttons, painted from one sheet."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from explorer.components import component_values
from explorer.components.component import component

HERE = Path(__file__).parent
WIDTHS = {"small": 64, "medium": 108, "large": 176}  # minimum width of a tile, CSS pixels

_component = component(
    "gan_explorer_tiles",
    html='<div class="strip"><div class="tiles" role="group"></div></div>',
    css=(HERE / "tiles.css").read_text(encoding="utf-8"),
    js=(HERE / "tiles.js").read_text(encoding="utf-8"),
)


def tiles(
    key: str,
    sheet: dict[str, Any],
    tiles: Sequence[dict[str, Any]],
    on_pick: Callable[[str], object],
    *,
    label: str,
    width: int = 108,
    row: bool = False,
    full: bool = False,
    smooth: bool = False,
    on_drop: Callable[[str], object] | None = None,
    hint: str = "",
) -> None:
    """Show a sheet of pictures as buttons; `on_pick(id)` is called when one is clicked.

    sheet: {"src", "columns", "side"} from `renderer.sheet` or `renderer.pairs`. tiles: one dict per
    picture, with "id" and "label" (its alternative text), and optionally "caption", "marked" (a
    check mark), "current", "dim", "key" (a bar below), "big" (two places wide and high), "drag"
    (the text that it carries when dragged). label: what the group is. row: one row, which
    scrolls sideways where it does not fit with tiles a little narrower than width.
    full: a number of columns that leaves no gap in the last row. on_drop(text): called when a tile
    with "drag" is dropped here. hint: a text to show when there are no tiles.
    """

    def picked() -> None:
        sent = component_values.record(key, "pick").get("id")
        pick = component_values.choice(sent, [tile["id"] for tile in tiles])
        if pick is not None:
            on_pick(pick)

    def dropped() -> None:
        what = component_values.text(component_values.record(key, "drop").get("what"), 100)
        if what is not None and on_drop is not None:
            on_drop(what)

    data = {
        "sheet": sheet,
        "tiles": tiles,
        "label": label,
        "width": width,
        "row": row,
        "full": full,
        "smooth": smooth,
        "drops": on_drop is not None,
        "hint": hint,
    }
    drops = {"on_drop_change": dropped} if on_drop else {}
    _component(key=key, data=data, on_pick_change=picked, **drops)
