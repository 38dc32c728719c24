"""The keys → and ← (Page Down and Page Up) press the buttons of a lesson."""

from pathlib import Path

from explorer.components.component import component

_component = component(
    "gan_explorer_lesson_keys",
    html="<i></i>",
    css="",
    js=(Path(__file__).parent / "lesson_keys.js").read_text(encoding="utf-8"),
)


def lesson_keys() -> None:
    """Listen for the keys as long as this is on the page, except where a person types."""
    _component(key="lesson-keys", data=None)
