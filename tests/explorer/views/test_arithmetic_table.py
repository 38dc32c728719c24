"""Arithmetic fills its baskets from the table of seeds that a model has, and waits for nothing."""

import numpy as np
import pytest

import gan_core
from explorer.services import trust
from explorer.widgets import preset_exemplars
from gan_core.attributes import label_cache
from gan_core.latent_space import arithmetic, arithmetic_report

PRESET = "smiling woman − neutral woman + neutral man"


@pytest.fixture
def opened(open_app, with_table, monkeypatch):
    """The page of a model with a table, where labelling a sample would fail the test."""
    monkeypatch.setattr(label_cache, "block", lambda *_: pytest.fail("labelled samples"))
    return open_app("arithmetic", model="alpha")


def state(app, name):
    return app.session_state[name]


def offered(app):
    return [int(tile["id"]) for tile in state(app, "fill-tiles-data")["tiles"]]


def basket(app, letter):
    """The seeds of a basket; before them stand its two means."""
    return [int(tile["id"]) for tile in state(app, f"basket-{letter}-data")["tiles"][2:]]


def first_seed(app):
    return next(field for field in app.number_input if field.label == "First seed")


@pytest.mark.slow
def test_the_samples_offered_are_realistic_until_a_seed_is_typed(opened, with_table):
    assert offered(opened) == with_table.openings[:24]
    app = first_seed(opened).set_value(40).run()
    assert offered(app) == list(range(40, 64))


@pytest.mark.slow
def test_a_search_is_answered_from_the_table(opened, with_table, monkeypatch):
    app = opened.multiselect(key="fill-with").set_value(["Smiling"]).run()
    app = app.multiselect(key="fill-without").set_value(["Male"]).run()
    assert not app.exception
    both = np.minimum(with_table.column("Smiling"), 1 - with_table.column("Male"))
    best = np.argsort(-both, kind="stable")
    assert offered(app) == [seed for seed in best if both[seed] >= 0.5][:24]


@pytest.mark.slow
def test_a_preset_fills_the_baskets_from_the_table(two_models, opened, with_table, with_classifier):
    triple = next(t for t in arithmetic_report.TRIPLES if t[0] == PRESET)
    app = next(b for b in opened.button if b.label == PRESET).click().run()
    assert not app.exception
    model = gan_core.load(two_models / "alpha")
    chosen, *_ = preset_exemplars.choose(
        model, with_classifier, triple, len(with_table), with_table.probabilities
    )
    assert all(map(len, chosen))
    for letter, seeds, wanted in zip("abc", chosen, triple[2:], strict=True):
        assert basket(app, letter) == list(seeds)
        able = arithmetic.most_confident(with_classifier, with_table.probabilities, wanted)
        assert np.isin(seeds, able).all()


def test_a_visitor_who_is_not_trusted_may_use_the_table(open_app, with_table, monkeypatch):
    monkeypatch.setattr(label_cache, "block", lambda *_: pytest.fail("labelled samples"))

    def refuse():
        raise trust.Refused("Not for strangers.")

    monkeypatch.setattr(trust, "check", refuse)
    app = open_app("arithmetic", model="alpha")
    button = next(b for b in app.button if b.label == PRESET)
    assert not button.disabled
    app = button.click().run()
    assert basket(app, "a")


@pytest.mark.slow
def test_nine_samples_are_realistic_ones(two_models, open_app, with_table):
    # Without a classifier there is no preset, and the table still knows good seeds.
    (two_models / "alpha" / "attributes.safetensors").unlink()
    app = open_app("arithmetic", model="alpha")
    app = next(b for b in app.button if b.label == "Nine samples").click().run()
    good = with_table.openings
    assert (basket(app, "a"), basket(app, "b"), basket(app, "c")) == (
        good[:3],
        good[3:6],
        good[6:9],
    )
