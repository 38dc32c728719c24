"""Recipes and exemplars: what is written is read again, and what is wrong is told in a sentence."""

import json

import numpy as np
import pytest

import gan_core
from explorer.state import arithmetic_file, exemplars, tray, url_state
from gan_core.util.errors import InputError


@pytest.fixture
def model(make_checkpoint):
    return gan_core.load(make_checkpoint("alpha", nz=8))


def recipe(model, **settings):
    view = url_state.View(**({"a": "1, 2@0.7", "b": "3", "c": "4"} | settings))
    return view, arithmetic_file.write(
        "alpha", model, view, url_state.read_sum(view.sum), np.ones((2, 8))
    )


def test_a_recipe_reads_back_as_it_was_written(model):
    z = np.float32([0.1, -1e-7, 2, 3, 4, 5, 6, 1 / 3])
    kept = exemplars.keep("On a path", "alpha", model.hash, z)
    view, text = recipe(model, d=f"5, {kept}", sum="1,-0.25,1,2.5", strength=0.35)
    back = arithmetic_file.read(text.encode(), "alpha", model)
    assert back == {
        name: getattr(view, name) for name in (*url_state.BASKETS, "sum", "strength", "apart")
    }
    record = json.loads(text)
    assert record["baskets"][3]["exemplars"][1]["title"] == "On a path"
    assert np.array_equal(np.float32(record["baskets"][3]["exemplars"][1]["z"]), z)
    assert record["result"]["as_summed"] == [1.0] * 8


def test_a_recipe_holds_the_latents_that_a_link_cannot(model, monkeypatch):
    kept = exemplars.keep("On a path", "alpha", model.hash, np.ones(8))
    _, text = recipe(model, a=kept)
    monkeypatch.setattr(exemplars, "_kept", type(exemplars._kept)())  # another day, another run
    with pytest.raises(InputError, match="no seed, so the link could not contain it"):
        exemplars.latents("A", model, kept)
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
    "Basket A of this recipe is not a record": lambda r: r["baskets"].__setitem__(0, 3),
    "weight of basket A": basket(weight=float("nan")),
    "basket A must be from −3 to 3": basket(weight=1e300),
    "16 exemplars": basket(exemplars=[{"seed": i, "psi": 1} for i in range(17)]),
    "list of 16": basket(exemplars="1, 2"),
    "A3 of this recipe has neither": exemplar({"seed": -1, "psi": 1}),
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
def test_a_wrong_recipe_gets_one_sentence(model, words):
    record = json.loads(recipe(model)[1])
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
def test_a_file_that_is_no_recipe_gets_one_sentence(model, content, words):
    with pytest.raises(InputError, match=words):
        arithmetic_file.read(content, "alpha", model)


def test_exemplars_are_seeds_and_kept_latents_in_their_order(model):
    z = np.arange(8, dtype=np.float32)
    kept = exemplars.keep("Mine", "alpha", model.hash, z)
    found = exemplars.latents("A", model, f"3, {kept}, 4@0.5")
    np.testing.assert_array_equal(found[0], model.prior.sample(1, 3)[0])
    np.testing.assert_array_equal(found[1], z)
    np.testing.assert_allclose(found[2], model.prior.sample(1, 4)[0] / 2)
    assert exemplars.keep("Mine", "alpha", model.hash, z) == kept
    assert exemplars.latents("A", model, "").shape == (0, 8)


def test_exemplars_of_another_model_are_told_and_can_be_taken_out(model):
    own = exemplars.keep("Own", "alpha", model.hash, np.ones(8))
    other = exemplars.keep("Other", "beta", "beta's", np.ones(8))
    text = f"3, {other}, {own}, ~000000000000"
    with pytest.raises(InputError, match="“Other” was made with beta"):
        exemplars.latents("A", model, f"3, {other}")
    with pytest.raises(InputError, match="One exemplar of A has no seed"):
        exemplars.latents("A", model, text)
    assert exemplars.without_strangers(model, text) == f"3, {own}"


def test_latents_that_are_not_finite_are_not_kept():
    with pytest.raises(InputError, match="finite"):
        exemplars.keep("Bad", "alpha", "0", np.float32([1, np.nan]))


def test_tray_items_become_exemplars_when_they_are_of_the_model(model):
    z = np.ones(8, np.float32)
    item = lambda name, weights, seed, psi=1.0: tray.Item("It", name, weights, seed, psi, z)  # noqa: E731
    assert exemplars.of_item(item("alpha", model.hash, 3), "alpha", model) == "3"
    assert exemplars.of_item(item("alpha", model.hash, 3, 0.7), "alpha", model) == "3@0.7"
    kept = exemplars.of_item(item("alpha", model.hash, None), "alpha", model)
    assert exemplars.caption(kept, None) == "It"
    with pytest.raises(InputError, match="made with beta"):
        exemplars.of_item(item("beta", "0", 3), "alpha", model)
    with pytest.raises(InputError, match="other weights of alpha"):
        exemplars.of_item(item("alpha", "0", None), "alpha", model)


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(exemplars, "_kept", type(exemplars._kept)())
    monkeypatch.setattr(exemplars, "_bytes", 0)
    monkeypatch.setattr(exemplars, "MAX_BYTES", 3 * 32)
    names = [exemplars.keep("It", "alpha", "0", np.full(8, i)) for i in range(5)]
    assert [exemplars.find(name) is not None for name in names] == [False] * 2 + [True] * 3
