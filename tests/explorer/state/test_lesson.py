"""Lessons as files and in links, without a browser."""

import base64
import json
import random
import zlib

import pytest

from explorer.state import lesson, url_state
from explorer.state.lesson import Lesson, Step
from gan_core.util.errors import InputError

MADE = Lesson(
    "A title", (Step("browse?model=a", "One", "**Bold**\n\n- list"), Step("latents", "2"))
)


def test_a_lesson_survives_its_file_and_its_link():
    assert lesson.from_json(lesson.to_json(MADE)) == MADE
    packed = lesson.pack(MADE)
    assert lesson.find(packed) == MADE
    view, unread = url_state.read({"lesson": packed, "lesson_step": "1"}, "latents")
    assert (view.lesson, view.lesson_step, unread) == (packed, 1, [])


def test_steps_are_added_moved_edited_and_removed():
    three = lesson.add(MADE, Step("card", "3"))
    assert [s.title for s in lesson.move(three, 2, -1).steps] == ["One", "3", "2"]
    assert lesson.move(three, 0, -1) == three
    assert lesson.remove(three, 0).steps == three.steps[1:]
    edited = lesson.edit(three, 1, " New\ntitle ", "Notes").steps[1]
    assert edited == Step("latents", "New title", "Notes")
    assert lesson.edit(three, 1, " ", "").steps[1].title == "2"
    with pytest.raises(InputError, match="at most 40 steps"):
        lesson.add(Lesson("a", MADE.steps * 20), MADE.steps[0])


def test_the_link_of_a_step_says_nothing_of_a_lesson():
    link = lesson.link_of("browse", {"model": "a b", "lesson": "tour", "lesson_step": "2"})
    assert link == "browse?model=a+b"
    forged = Step("browse?lesson=tour&large=1&n=16", "x")
    assert lesson.target(forged) == ("browse", {"n": "16"})


@pytest.mark.parametrize("name", lesson.SHIPPED)
def test_shipped_lessons_lead_to_pages_with_settings_that_can_be_read(name):
    shipped = lesson.find(name)
    assert 5 <= len(shipped.steps) <= 8
    for step in shipped.steps:
        path, params = lesson.target(step)
        assert path in url_state.PAGES
        assert step.notes
        view, unread = url_state.read(params, path)
        assert unread == []
        assert set(params) <= set(url_state.names(view, path))
        # Seeds of a sum would show something else after the next training.
        assert not set(params) & set("abcde")
        assert path != "arithmetic" or params["wishes"]
    assert len(lesson.pack(shipped)) <= lesson.MAX_PACKED


def changed(**fields):
    return json.dumps(json.loads(lesson.to_json(MADE)) | fields)


STEP = {"link": "browse", "title": "t", "notes": ""}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "not a lesson saved by this app"),
        (changed(format="gan-tray"), "not a lesson saved by this app"),
        (changed(version=2), "not version 1"),
        (changed(title=5), "has no title"),
        (changed(title=" \n"), "has no title"),
        (changed(steps={}), "no list of steps"),
        (changed(steps=[]), "no list of steps"),
        (changed(steps=[STEP] * 41), "has 41 steps"),
        (changed(steps=["browse"]), "Step 1 of this lesson lacks"),
        (changed(steps=[STEP, STEP | {"title": None}]), "Step 2 of this lesson lacks"),
        (changed(steps=[STEP | {"link": "a\nb"}]), "too long or not one line"),
        (changed(steps=[STEP | {"link": "a" * 4001}]), "too long or not one line"),
        (changed(steps=[STEP | {"notes": "a" * 4001}]), "at most 4,000"),
        (changed(steps=[STEP | {"notes": ["a"]}]), "at most 4,000"),
        (" " * 200_001, "too large for a lesson"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(text, words):
    with pytest.raises(InputError, match=words) as caught:
        lesson.from_json(text)
    assert "\n" not in str(caught.value)


def packed(data):
    return "z." + base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        *("nothing", "z.", "z.!!", "z.é", "../tour", "z." + "A" * 6000),
        packed(b"not compressed"),
        packed(zlib.compress(b"[]")),
        packed(zlib.compress(b'["t", [["browse", "t"]]]')),
        packed(zlib.compress(b'["t", 5]')),
        packed(zlib.compress(b"\xff")),
        packed(zlib.compress(b'["t", [["browse", "t", ""]]]')[:-3]),
        packed(zlib.compress(b"[" * 100_000)),
        packed(zlib.compress(b" " * 3_000_000, 9)),
    ],
)
def test_a_forged_lesson_in_a_link_is_named_and_ignored(text):
    view, unread = url_state.read({"lesson": text})
    assert (view.lesson, unread) == ("", ["lesson"])


def test_a_lesson_too_long_for_a_link_says_so():
    draw = random.Random(0)
    notes = "".join(chr(draw.randrange(33, 10_000)) for _ in range(lesson.MAX_NOTES))
    with pytest.raises(InputError, match="too long for a link"):
        lesson.pack(Lesson("a", (Step("browse", "b", notes),)))


def test_control_characters_and_surrogates_are_dropped():
    text = changed(title="a\u202eb\ud800", steps=[STEP | {"notes": "a\x00b\nc\u2066"}])
    read = lesson.from_json(text)
    assert (read.title, read.steps[0].notes) == ("ab", "ab\nc")
    lesson.pack(read)
