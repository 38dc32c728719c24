"""Lessons: ordered views of the app with a title and notes for each. Pure data, no Streamlit.

A lesson is one JSON file:

    {"format": "gan-lesson", "version": 1, "title": "…",
     "steps": [{"link": "browse?model=avatars", "title": "…", "notes": "Markdown"}, …]}

A link is a path and query of the app, as the address bar shows it. In a link, a lesson is either
the name of one that ships with the app or the whole lesson, compressed.
"""

import base64
import binascii
import functools
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from explorer.state import saved_file
from gan_core.util.errors import InputError

FORMAT = "gan-lesson"
VERSION = 1
MAX_BYTES = 200_000
MAX_STEPS = 40
MAX_TITLE = 120
MAX_NOTES = 4000
MAX_LINK = 4000
MAX_PACKED = 6000  # characters in a link: longer addresses are cut off by some servers
PACKED = "z."  # what a compressed lesson begins with
TOUR = "tour"
SHIPPED = {"tour": "tour.json", "invented": "invented.json"}
FOLDER = Path(__file__).parents[1] / "shipped_lessons"
# What a link says of a lesson; the links of steps say nothing of it.
FIELDS = ("lesson", "lesson_step", "large")


@dataclass(frozen=True)
class Step:
    """One view. link: path and query; notes: Markdown, cleaned when shown."""

    link: str
    title: str
    notes: str = ""


@dataclass(frozen=True)
class Lesson:
    title: str
    steps: tuple[Step, ...] = ()


def add(lesson: Lesson, step: Step) -> Lesson:
    """The lesson with one more step. Raises InputError if it is full."""
    if len(lesson.steps) >= MAX_STEPS:
        raise InputError(f"A lesson has at most {MAX_STEPS} steps.")
    return replace(lesson, steps=(*lesson.steps, step))


def remove(lesson: Lesson, place: int) -> Lesson:
    """The lesson without the step at a place."""
    steps = lesson.steps
    return replace(lesson, steps=(*steps[:place], *steps[place + 1 :]))


def move(lesson: Lesson, place: int, by: int) -> Lesson:
    """The lesson with a step `by` places later, but not beyond the ends."""
    steps = list(lesson.steps)
    new = min(max(place + by, 0), len(steps) - 1)
    steps.insert(new, steps.pop(place))
    return replace(lesson, steps=tuple(steps))


def edit(lesson: Lesson, place: int, title: str, notes: str) -> Lesson:
    """The lesson with another title and notes at a place; an empty title leaves the old one."""
    steps = list(lesson.steps)
    title = one_line(title) or steps[place].title
    steps[place] = replace(steps[place], title=title, notes=printable(notes)[:MAX_NOTES])
    return replace(lesson, steps=tuple(steps))


def link_of(page: str, params: Mapping[str, str]) -> str:
    """A page and its query parameters as the link of a step."""
    query = urlencode({name: value for name, value in params.items() if name not in FIELDS})
    return f"{page}?{query}" if query else page


def target(step: Step) -> tuple[str, dict[str, str]]:
    """The (path, query parameters) of a step's link; the path may be one the app does not have."""
    path, _, query = step.link.partition("?")
    try:
        params = dict(parse_qsl(query, errors="strict", max_num_fields=100))
    except ValueError:  # too many fields, or bytes that are no text
        return "", {}
    return path.strip("/"), {name: text for name, text in params.items() if name not in FIELDS}


def to_json(lesson: Lesson) -> str:
    """The text of a lesson's file."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "title": lesson.title,
        "steps": [
            {"link": step.link, "title": step.title, "notes": step.notes} for step in lesson.steps
        ],
    }
    return json.dumps(record, ensure_ascii=False, indent=1)


def from_json(text: str | bytes) -> Lesson:
    """The lesson in a file, given as bytes or str.

    Raises InputError with one sentence when the file is not as `to_json` writes it.
    """
    record = saved_file.read(text, "a lesson", FORMAT, VERSION, MAX_BYTES)
    title, steps = record.get("title"), record.get("steps")
    if not isinstance(title, str) or not one_line(title):
        raise InputError("This lesson has no title.")
    if not isinstance(steps, list) or not steps:
        raise InputError("This lesson has no list of steps.")
    if len(steps) > MAX_STEPS:
        raise InputError(f"This lesson has {len(steps)} steps; the maximum is {MAX_STEPS}.")
    return Lesson(one_line(title), tuple(read_step(i, step) for i, step in enumerate(steps, 1)))


def read_step(number: int, record: Any) -> Step:
    """One record of a file as a Step; see `from_json`. A link is checked when it is opened."""
    record = record if isinstance(record, dict) else {}
    link, title, notes = (record.get(name) for name in ("link", "title", "notes"))
    if not isinstance(link, str) or not isinstance(title, str):
        raise InputError(f"Step {number} of this lesson lacks its link or its title.")
    if len(link) > MAX_LINK or not link.isprintable():
        raise InputError(f"The link of step {number} of this lesson is too long or not one line.")
    if not isinstance(notes, str | None) or len(notes or "") > MAX_NOTES:
        raise InputError(
            f"The notes of step {number} of this lesson must be text of at most {MAX_NOTES:,}"
            " characters."
        )
    return Step(link, one_line(title) or f"Step {number}", printable(notes or ""))


def one_line(text: str) -> str:
    return " ".join(printable(text).split())[:MAX_TITLE].strip()


def printable(text: str) -> str:
    """The text with its line breaks, and without other control characters and lone surrogates."""
    return "".join(c for c in text.expandtabs(4) if c == "\n" or c.isprintable())


def pack(lesson: Lesson) -> str:
    """A lesson as one setting of a link. Raises InputError if it is too long for that."""
    record = [lesson.title, [[step.link, step.title, step.notes] for step in lesson.steps]]
    data = zlib.compress(json.dumps(record, ensure_ascii=False).encode(), 9)
    text = PACKED + base64.urlsafe_b64encode(data).decode().rstrip("=")
    if len(text) > MAX_PACKED:
        raise InputError(
            f"This lesson is too long for a link: {len(text):,} characters, when compressed, and at"
            f" most {MAX_PACKED:,} fit. Shorten its notes, or remove a step."
        )
    return text


@functools.lru_cache(maxsize=64)
def find(name: str) -> Lesson:
    """The lesson that a link names or contains. Raises ValueError if there is none."""
    if name in SHIPPED:
        return from_json((FOLDER / SHIPPED[name]).read_text("utf-8"))
    if not name.startswith(PACKED) or len(name) > MAX_PACKED:
        raise ValueError(name[:20])
    try:
        data = name.removeprefix(PACKED)
        packed = base64.b64decode(data + "=" * (-len(data) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, MAX_BYTES)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise ValueError(name[:20])
        title, steps = json.loads(text)
        record = {
            **{"format": FORMAT, "version": VERSION, "title": title},
            "steps": [dict(zip(("link", "title", "notes"), step, strict=True)) for step in steps],
        }
        return from_json(json.dumps(record))
    except (binascii.Error, zlib.error, RecursionError, TypeError, InputError) as error:
        raise ValueError(name[:20]) from error


def read_name(text: str) -> str:
    """A lesson's name or compressed text as a link carries it; else ValueError."""
    find(text)
    return text
