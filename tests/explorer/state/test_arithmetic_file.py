"""Arithmetic files and exemplars: they survive saving, and wrong ones are refused in a sentence."""

import json

import numpy as np
import pytest

import gan_core
from explorer.state import arithmetic_file, exemplars, tray, url_parts, url_state
from gan_core.util.errors import InputError


@pytest.fixture
def model(make_checkpoint):
    return gan_core.load(make_checkpoint("alpha", nz=8))


def file_of(model, **settings):
    view = url_state.View(**({"a": "1, 2@0.7", "b": "3", "c": "4"} | settings))
    return view, arithmetic_file.write(
        "alpha", model, view, url_parts.read_sum(view.sum), np.ones((2, 8))
    )


def test_an_arithmetic_file_reads_back_as_it_was_written(model):
    z = np.float32([0.1, -1e-7, 2, 3, 4, 5, 6, 1 / 3])
    stored = exemplars.store("On a path", "alpha", model.hash, z)
    view, text = file_of(model, d=f"5, {stored}", sum="1,-0.25,1,2.5", strength=0.35)
    back = arithmetic_file.read(text.encode(), "alpha", model)
    assert back == {
        name: getattr(view, name) for name in (*url_parts.BASKETS, "sum", "strength", "apart")
    }
    record = json.loads(text)
    assert record["baskets"][3]["exemplars"][1]["title"] == "On a path"
    assert np.array_equal(np.float32(record["baskets"][3]["exemplars"][1]["z"]), z)
    assert record["result"]["as_summed"] == [1.0] * 8


def test_an_arithmetic_file_holds_the_latents_that_a_link_cannot(model, monkeypatch):
    stored = exemplars.store("On a path", "alpha", model.hash, np.ones(8))
    _, text = file_of(model, a=stored)
    monkeypatch.setattr(exemplars, "_stored", type(exemplars._stored)())  # another day, another run
    with pytest.raises(InputError, match="no seed, so the link could not contain it"):
        exemplars.latents("A", model, stored)
    back = arithmetic_file.read(text, "alpha", model)
    np.testing.assert_array_equal(exemplars.latents("A", model, back["a"]), np.ones((1, 8)))


def basket(**change):
    return lambda record: record["baskets"][0].update(change)


def exemplar(value):
    return lambda record: record["baskets"][0]["exemplars"].append(value)


WRONG = {
    "not an arithmetic file saved": lambda r: r.update(format="gan-tray"),
    "not version 1": lambda r: r.update(version=2),
    "lacks its model": lambda r: r.pop("model"),
    "model beta; choose that model": lambda r: r.update(model="beta", model_hash="0"),
    "different weights of alpha": lambda r: r.update(model_hash="0"),
    "3 to 5 baskets": lambda r: r["baskets"].pop(),
    "Basket A of this file is not a record": lambda r: r["baskets"].__setitem__(0, 3),
    "weight of basket A": basket(weight=float("nan")),
    "basket A must be from −3 to 3": basket(weight=1e300),
    "16 exemplars": basket(exemplars=[{"seed": i, "psi": 1} for i in range(17)]),
    "list of at most 16": basket(exemplars="1, 2"),
    "A3 of this file has neither": exemplar({"seed": -1, "psi": 1}),
    "has neither a seed": exemplar({"seed": True, "psi": 1}),
    "neither a seed and ψ": exemplar(None),
    "ψ outside": exemplar({"seed": 1, "psi": 2}),
    "are not finite numbers": exemplar({"z": [float("nan")] * 8}),
    "latent with values that are not finite": exemplar({"z": [float("inf")] + [0] * 7}),
    "7 numbers; alpha takes 8": exemplar({"z": [0] * 7}),
    "strength": lambda r: r.update(strength="1"),
    "apart": lambda r: r.update(apart=1),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_file_gets_one_sentence(model, words):
    record = json.loads(file_of(model)[1])
    WRONG[words](record)
    with pytest.raises(InputError, match=words) as caught:
        arithmetic_file.read(json.dumps(record), "alpha", model)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"3", "not an arithmetic file"),
        (b" " * 10_000_000, "too large"),
    ],
)
def test_a_file_of_another_kind_gets_one_sentence(model, content, words):
    with pytest.raises(InputError, match=words):
        arithmetic_file.read(content, "alpha", model)


def test_exemplars_are_seeds_and_stored_latents_in_their_order(model):
    z = np.arange(8, dtype=np.float32)
    stored = exemplars.store("Mine", "alpha", model.hash, z)
    rows = exemplars.latents("A", model, f"3, {stored}, 4@0.5")
    np.testing.assert_array_equal(rows[0], model.prior.sample(1, 3)[0])
    np.testing.assert_array_equal(rows[1], z)
    np.testing.assert_allclose(rows[2], model.prior.sample(1, 4)[0] / 2)
    assert exemplars.store("Mine", "alpha", model.hash, z) == stored
    assert exemplars.latents("A", model, "").shape == (0, 8)


def test_exemplars_of_another_model_are_named_and_can_be_removed(model):
    own = exemplars.store("Own", "alpha", model.hash, np.ones(8))
    other = exemplars.store("Other", "beta", "beta's", np.ones(8))
    text = f"3, {other}, {own}, ~000000000000"
    with pytest.raises(InputError, match="“Other” was made with beta"):
        exemplars.latents("A", model, f"3, {other}")
    with pytest.raises(InputError, match="One exemplar of A has no seed"):
        exemplars.latents("A", model, text)
    assert exemplars.usable(model, text) == f"3, {own}"


def test_latents_that_are_not_finite_are_not_stored():
    with pytest.raises(InputError, match="finite"):
        exemplars.store("Bad", "alpha", "0", np.float32([1, np.nan]))


def test_tray_items_become_exemplars_when_they_are_of_the_model(model):
    z = np.ones(8, np.float32)
    item = lambda name, weights, seed, psi=1.0: tray.Item("It", name, weights, seed, psi, z)  # noqa: E731
    assert exemplars.of_item(item("alpha", model.hash, 3), "alpha", model) == "3"
    assert exemplars.of_item(item("alpha", model.hash, 3, 0.7), "alpha", model) == "3@0.7"
    stored = exemplars.of_item(item("alpha", model.hash, None), "alpha", model)
    assert exemplars.caption(stored, None) == "It"
    with pytest.raises(InputError, match="made with beta"):
        exemplars.of_item(item("beta", "0", 3), "alpha", model)
    with pytest.raises(InputError, match="other weights of alpha"):
        exemplars.of_item(item("alpha", "0", None), "alpha", model)


def test_what_is_stored_is_bounded(monkeypatch):
    monkeypatch.setattr(exemplars, "_stored", type(exemplars._stored)())
    monkeypatch.setattr(exemplars, "_bytes", 0)
    monkeypatch.setattr(exemplars, "MAX_BYTES", 3 * 32)
    names = [exemplars.store("It", "alpha", "0", np.full(8, i)) for i in range(5)]
    assert [exemplars.find(name) is not None for name in names] == [False] * 2 + [True] * 3
