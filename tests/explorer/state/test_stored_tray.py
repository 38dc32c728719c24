"""What a browser stores of a session, and what is made of a text that anybody can have written."""

import json

import numpy as np
import pytest

from explorer.services import widget_states
from explorer.state import stored_tray, tray
from explorer.state.lesson import Lesson, Step

LESSON = Lesson("Mine", (Step("browse?model=alpha", "One", "Notes, *here*"),))


def item(name="a", seed=None, from_photo=False, size=3):
    z = np.random.RandomState(0).randn(size).astype(np.float32)
    return tray.Item(name, "alpha", "0123456789ab", seed, 0.7, z, from_photo=from_photo)


def test_what_is_written_is_read():
    text, too_large = stored_tray.write([item("moved"), item("猫", 7)], LESSON, photos=False)
    stored = stored_tray.read(text)
    assert (too_large, stored.problems, stored.lesson) == ((), (), LESSON)
    assert [(i.name, i.seed, i.psi) for i in stored.items] == [("moved", None, 0.7), ("猫", 7, 0.7)]
    assert np.array_equal(stored.items[0].z, item().z)


def test_nothing_is_nothing():
    assert stored_tray.write([], None, photos=True) == ("", ())
    assert stored_tray.write([], Lesson("Empty"), photos=True) == ("", ())


def test_photos_only_when_a_person_says_so():
    items = [item("path"), item("face", from_photo=True)]
    for photos, names in ((False, ["path"]), (True, ["path", "face"])):
        stored = stored_tray.read(stored_tray.write(items, None, photos)[0])
        assert [i.name for i in stored.items] == names
    assert stored.items[1].from_photo
    assert stored_tray.write(items[1:], None, photos=False) == ("", ())


def test_what_is_too_large_is_left_out_and_named():
    text, too_large = stored_tray.write([item(size=60_000)], LESSON, photos=False)
    assert too_large == ("tray",)
    assert (stored_tray.read(text).items, stored_tray.read(text).lesson) == ((), LESSON)


def test_the_largest_text_is_one_that_a_browser_may_send():
    assert sum(stored_tray.MOST.values()) < 0.9 * widget_states.MOST
    full = [item("ü" * tray.MAX_NAME, size=512) for _ in range(tray.MAX_ITEMS)]
    text, too_large = stored_tray.write(full, None, photos=False)
    assert not too_large
    assert len(json.dumps({"text": text})) < widget_states.MOST


GOOD = json.loads(stored_tray.write([item("a", 7)], LESSON, photos=False)[0])


@pytest.mark.parametrize(
    "text",
    [
        *("", "off", "{", "[]", "null", "[" * 100_000, json.dumps({**GOOD, "format": "gan-tray"})),
        *(json.dumps({**GOOD, "version": v}) for v in (0, 2, None, "1")),
    ],
)
def test_a_text_of_somebody_else_is_one_sentence(text):
    stored = stored_tray.read(text)
    assert (stored.items, stored.lesson, len(stored.problems)) == ((), None, 1)


@pytest.mark.parametrize("part", ["tray", "lesson"])
@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, {"format": "x"}, {"format": "gan-tray", "version": 1}]
)
def test_a_damaged_part_leaves_the_other(part, value):
    stored = stored_tray.read(json.dumps({**GOOD, part: value}))
    assert len(stored.problems) == 1
    assert bool(stored.items) == (part == "lesson")
    assert (stored.lesson == LESSON) == (part == "tray")


@pytest.mark.parametrize("z", [["x"], [float("nan")], [1e300], ["huge"], [[1.0]], [], "12"])
def test_the_checks_of_a_tray_file_apply(z):
    damaged = {**GOOD["tray"], "items": [{**GOOD["tray"]["items"][0], "z": z}]}
    text = '{"format": "latent-explorer", "version": 1, "tray": ' + as_json(damaged) + "}"
    stored = stored_tray.read(text)
    assert (stored.items, len(stored.problems)) == ((), 1)


def as_json(value):
    """JSON of a value that may hold a number which Python refuses to write."""
    return json.dumps(value).replace('"huge"', "1" + "0" * 5000)


def test_a_tray_within_lists_within_lists():
    text = '{"format": "latent-explorer", "version": 1, "tray": ' + "[" * 900 + "]" * 900 + "}"
    assert len(stored_tray.read(text).problems) == 1
