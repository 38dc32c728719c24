"""A button that copies the address of the page, which is a link to what it shows."""

from collections.abc import Callable
from pathlib import Path

from explorer.components import component_values
from explorer.components.component import component

HERE = Path(__file__).parent

_component = component(
    "gan_explorer_copy_link",
    html='<button type="button" class="copy" aria-label="Copy link"></button>',
    css=(HERE / "copy_link.css").read_text(encoding="utf-8"),
    js=(HERE / "copy_link.js").read_text(encoding="utf-8"),
)


def copy_link(key: str, label: str, on_copied: Callable[[bool], object]) -> None:
    """The button. on_copied(done): called after a click; False where the browser refused."""

    def copied() -> None:
        done = component_values.record(key, "copied").get("done")
        if type(done) is bool:
            on_copied(done)

    _component(key=key, data={"label": label}, on_copied_change=copied)
