"""The tray: verbs, undo, and the file it is saved to."""

import json

import numpy as np
import pytest

from explorer.state import tray
from gan_core.util.errors import InputError


def item(name="a", seed=1, z=(0.5, -1.25), model="avatars", psi=1.0):
    return tray.Item(name, model, "0123456789ab", seed, psi, np.array(z, np.float32))


@pytest.fixture
def three():
    """A tray of three pictures and the pictures."""
    items = [item(name, seed) for seed, name in enumerate("abc")]
    return tray.add(tray.Tray(), *items), items


def names(now):
    return "".join(i.name for i in now.items)


def test_add_puts_items_at_the_end_in_order(three):
    now, _ = three
    assert names(tray.add(now, item("d"))) == "abcd"
    assert names(now) == "abc"  # the old tray is as it was


def test_every_item_has_an_id_of_its_own(three):
    _, items = three
    twin = tray.copy(items[0])
    assert len({i.id for i in [*items, twin]}) == 4
    assert twin.z is items[0].z


def test_find(three):
    now, items = three
    assert now.find(items[1].id) is items[1]
    assert now.find("item-nowhere") is None
    assert now.find(None) is None


def test_remove_takes_only_that_item(three):
    now, items = three
    assert names(tray.remove(now, items[1].id)) == "ac"


def test_rename_changes_only_that_name(three):
    now, items = three
    renamed = tray.rename(now, items[1].id, " new\tname ")
    assert [i.name for i in renamed.items] == ["a", "new name", "c"]
    assert renamed.items[1].id == items[1].id


@pytest.mark.parametrize("empty", ["", "   ", "\n\x00\u200b"])
def test_an_empty_name_leaves_the_old_one(three, empty):
    now, items = three
    assert names(tray.rename(now, items[0].id, empty)) == "abc"


def test_a_name_is_one_line_and_not_too_long():
    assert tray.clean("a\r\nb\x07c") == "a b c"
    assert tray.clean("x" * 500) == "x" * tray.MAX_NAME
    assert tray.clean("ψ ü 猫") == "ψ ü 猫"


@pytest.mark.parametrize(
    ("which", "by", "after"),
    [(0, 1, "bac"), (2, -1, "acb"), (0, 99, "bca"), (2, -99, "cab"), (0, -1, "abc"), (2, 1, "abc")],
)
def test_move(three, which, by, after):
    now, items = three
    assert names(tray.move(now, items[which].id, by)) == after


def test_a_move_that_moves_nothing_is_no_step(three):
    now, items = three
    assert tray.move(now, items[0].id, -1) is now
    assert tray.move(now, "item-nowhere", 1) is now


def test_empty_can_be_undone_and_redone(three):
    now, _ = three
    empty = tray.empty(now)
    assert names(empty) == ""
    back = tray.undo(empty)
    assert names(back) == "abc"
    assert names(tray.redo(back)) == ""


def test_undo_goes_back_step_by_step_and_redo_forward(three):
    start, items = three
    steps = [start]
    steps.append(tray.rename(steps[-1], items[0].id, "x"))
    steps.append(tray.move(steps[-1], items[0].id, 2))
    steps.append(tray.remove(steps[-1], items[1].id))
    assert [names(s) for s in steps] == ["abc", "xbc", "bcx", "cx"]
    now = steps[-1]
    for expected in ("bcx", "xbc", "abc", ""):
        now = tray.undo(now)
        assert names(now) == expected
    assert tray.undo(now) is now
    for expected in ("abc", "xbc", "bcx", "cx"):
        now = tray.redo(now)
        assert names(now) == expected
    assert tray.redo(now) is now


def test_a_change_after_an_undo_forgets_the_redo(three):
    now, items = three
    undone = tray.undo(tray.remove(now, items[0].id))
    changed = tray.add(undone, item("d"))
    assert names(tray.redo(changed)) == "abcd"
    assert names(tray.undo(changed)) == "abc"


def test_undo_remembers_only_so_many_steps():
    now = tray.add(tray.Tray(), item())
    for i in range(tray.MAX_STEPS + 20):
        now = tray.rename(now, now.items[0].id, f"n{i}")
    assert len(now.before) == tray.MAX_STEPS


def test_a_tray_holds_only_so_many():
    full = tray.add(tray.Tray(), *(item(str(i)) for i in range(tray.MAX_ITEMS)))
    with pytest.raises(InputError, match=f"holds at most {tray.MAX_ITEMS} pictures"):
        tray.add(full, item("one more"))


def test_came_from_compares_model_seed_and_psi():
    picked = item(seed=7, psi=0.7)
    assert picked.came_from("avatars", 7, 0.7)
    assert picked.came_from("avatars", 7, 0.70000001)
    assert not picked.came_from("faces", 7, 0.7)
    assert not picked.came_from("avatars", 8, 0.7)
    assert not picked.came_from("avatars", 7, 0.75)
    assert not item(seed=None).came_from("avatars", 0, 1.0)


def test_a_saved_tray_comes_back_exactly():
    z = np.random.RandomState(0).standard_normal(100).astype(np.float32)
    z[:4] = [1e-30, -0.1, 1 / 3, 65537]
    before = (
        item("ψ “quoted”", 4294967295, z, "a model, odd: one", 0.7),
        item("b", None, -z, psi=1),
    )
    after = tray.from_json(tray.to_json(before))
    for a, b in zip(before, after, strict=True):
        assert (a.name, a.model, a.model_hash, a.seed, a.psi) == (
            b.name,
            b.model,
            b.model_hash,
            b.seed,
            b.psi,
        )
        assert b.z.dtype == np.float32
        assert a.z.tobytes() == b.z.tobytes()
        assert a.id != b.id


def test_a_tray_is_read_from_bytes_too():
    text = tray.to_json([item("ü")]).encode()
    assert tray.from_json(text)[0].name == "ü"


def test_an_empty_tray_can_be_saved():
    assert tray.from_json(tray.to_json(())) == ()


# Hostile files: each raises InputError with one sentence, and nothing else.


def refused(content):
    """The sentence that a file is refused with."""
    with pytest.raises(InputError) as caught:
        tray.from_json(content)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 200
    return sentence


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b'{"format": "gan-tray"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\x89PNG\r\n\x1a\n",
        b"9" * 5000,
    ],
)
def test_a_file_that_is_not_json(content):
    assert "not a tray" in refused(content)


@pytest.mark.parametrize("content", ["null", "[]", "3", '"x"', "{}", '{"format": "other"}'])
def test_json_that_is_no_tray(content):
    assert "not a tray" in refused(content)


def test_a_tray_of_another_version():
    assert "version" in refused('{"format": "gan-tray", "version": 2, "items": []}')


@pytest.mark.parametrize("items", [None, {}, "abc", 3])
def test_items_that_are_no_list(items):
    record = {"format": tray.FORMAT, "version": tray.VERSION, "items": items}
    assert "list" in refused(json.dumps(record))


def test_too_many_items():
    record = json.loads(tray.to_json([item()]))
    record["items"] *= tray.MAX_ITEMS
    assert len(tray.from_json(json.dumps(record))) == tray.MAX_ITEMS
    record["items"].append(record["items"][0])
    assert str(tray.MAX_ITEMS) in refused(json.dumps(record))


def test_a_huge_file_is_not_even_parsed(monkeypatch):
    monkeypatch.setattr(tray.json, "loads", lambda text: pytest.fail("it was parsed"))
    assert "too large" in refused(b" " * (tray.MAX_BYTES + 1))


BAD = {
    "name": [None, 3, ["a"]],
    "model": [None, "", 3, "m" * 201],
    "model_hash": [None, 3, "0" * 65],
    "seed": ["1", 1.5, True, -1, 2**32, 10**400, [1]],
    "psi": [None, "1", True, 1e300, 10**400, [1]],
    "z": [None, 3, "0", [], [None], ["1"], [True], [[1.0]], [1e39], [10**400], {"0": 1}],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in BAD.items() for v in values])
def test_a_record_with_a_value_of_the_wrong_kind(key, value):
    record = json.loads(tray.to_json([item(), item()]))
    record["items"][1][key] = value
    assert "Picture 2 " in refused(json.dumps(record))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("key", ["psi", "z"])
def test_numbers_that_are_not_finite(key, number):
    text = tray.to_json([item(z=[77.0], psi=77.0)])
    hostile = {"psi": f'"psi": {number}', "z": f'"z": [{number}]'}[key]
    plain = {"psi": '"psi": 77.0', "z": '"z": [77.0]'}[key]
    assert plain in text
    assert "Picture 1 " in refused(text.replace(plain, hostile))


@pytest.mark.parametrize("record", [None, 3, "x", []])
def test_an_item_that_is_no_record(record):
    whole = {"format": tray.FORMAT, "version": tray.VERSION, "items": [record]}
    assert "Picture 1 " in refused(json.dumps(whole))


@pytest.mark.parametrize("key", ["model", "model_hash"])
@pytest.mark.parametrize("hostile", ["\ud800", "a\nb", "a\x00b"])
def test_text_that_no_link_or_file_could_hold(key, hostile):
    """A lone surrogate cannot be encoded: the link or the saved tray would fail later."""
    record = json.loads(tray.to_json([item()]))
    record["items"][0][key] = hostile
    assert "Picture 1 " in refused(json.dumps(record))


def test_a_latent_longer_than_any_models():
    record = json.loads(tray.to_json([item()]))
    record["items"][0]["z"] = [0] * (tray.MAX_LATENT + 1)
    assert "Picture 1 " in refused(json.dumps(record))


def test_a_missing_name_gets_one():
    record = json.loads(tray.to_json([item()]))
    record["items"][0]["name"] = " \ud800\n "
    assert tray.from_json(json.dumps(record))[0].name == "Picture 1"


def test_unknown_keys_are_no_harm():
    record = json.loads(tray.to_json([item("a")]))
    record["items"][0]["__class__"] = record["more"] = {"x": [1]}
    assert tray.from_json(json.dumps(record))[0].name == "a"
