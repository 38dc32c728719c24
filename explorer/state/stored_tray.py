"""What a browser stores of a session: the tray and the lesson being made. Pure data, no Streamlit.

One text for both, {"format": "latent-explorer", "version": 1, "tray": …, "lesson": …}, where each
part is what its file would hold. Whatever comes back is read as such a file is, because anybody can
have written it.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from explorer.state import lesson as lessons
from explorer.state import tray
from explorer.state.lesson import Lesson
from explorer.state.tray import Item
from gan_core.util.errors import InputError

FORMAT = "latent-explorer"
VERSION = 1
T = TypeVar("T")
# Bytes; together less than what a browser may send at once, see services.widget_states.
MOST = {"tray": 600_000, "lesson": 200_000}


@dataclass(frozen=True)
class Stored:
    """problems: why parts could not be read, one sentence each."""

    items: tuple[Item, ...] = ()
    lesson: Lesson | None = None
    problems: tuple[str, ...] = ()


def write(
    items: Iterable[Item], lesson: Lesson | None, photos: bool
) -> tuple[str, tuple[str, ...]]:
    """(the text, the parts that are too large for it and are left out); "" with nothing to store.

    photos: whether latents of photos are stored.
    """
    items = [item for item in items if photos or not item.from_photo]
    parts = {
        "tray": tray.to_json(items) if items else "",
        "lesson": lessons.to_json(lesson) if lesson is not None and lesson.steps else "",
    }
    too_large = tuple(name for name, text in parts.items() if len(text.encode()) > MOST[name])
    record: dict[str, Any] = {
        name: json.loads(text) for name, text in parts.items() if text and name not in too_large
    }
    if not record:
        return "", too_large
    return json.dumps({"format": FORMAT, "version": VERSION, **record}), too_large


def read(text: str) -> Stored:
    """The contents of a text that `write` has made; what cannot be read is left out and named."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return Stored(problems=("It was not written by this app.",))
    if record.get("version") != VERSION:
        return Stored(problems=(f"It is not version {VERSION}, the only one that this app reads.",))
    empty: tuple[Item, ...] = ()
    items, no_tray = part(record, "tray", tray.from_json, empty)
    lesson, no_lesson = part(record, "lesson", lessons.from_json, None)
    return Stored(items, lesson, tuple(filter(None, (no_tray, no_lesson))))


def part(
    record: dict[str, Any], name: str, read_file: Callable[[str], T], usual: T
) -> tuple[T, str]:
    """(a part as its file is read, why it could not be read)."""
    try:
        return (read_file(json.dumps(record[name])) if name in record else usual), ""
    except InputError as error:
        return usual, str(error)
    except (ValueError, RecursionError):  # numbers of thousands of digits, or lists within lists
        return usual, f"Its {name} cannot be read."
