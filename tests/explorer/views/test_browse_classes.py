"""The page Browse with a conditional model: all of its samples are of the class that is chosen."""

import numpy as np
import pytest

import gan_core
from explorer.services import model_registry, renderer
from explorer.widgets import class_picker, every_class
from explorer.widgets.sample_classes import ANY
from gan_core.latent_space import classes
from support import save_conditional
from test_app import fine, state

NAMES = ["digit: 0", "digit: 1", "digit: 2", "glasses"]
SEEDS = list(range(5, 21))


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """A conditional model and another one of the same latents; the app sees only these."""
    save_conditional(tmp_path / "other", [3, 1], NAMES, nz=10, seed=1)
    folder = save_conditional(tmp_path / "digits", [3, 1], NAMES, nz=10)
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path))
    return gan_core.load(folder)


def field(app, label):
    (box,) = [box for box in app.selectbox if box.label == label]
    return box


def shown(app, of="browse"):
    """(captions, pictures as they were sent) of the grid."""
    data = state(app, f"{of}-tiles-data")
    return [tile["caption"] for tile in data["tiles"]], data["sheet"]["src"]


def sent(model, latents):
    return renderer.sheet(renderer.pictures(model, latents))["src"]


def test_every_sample_is_of_the_class_and_otherwise_that_of_its_seed(digits, open_app):
    app = fine(open_app("browse", model="digits", seed="5", n="16", sort="seed"))
    own = renderer.latents(digits, SEEDS)
    assert shown(app)[1] == sent(digits, own)
    app = fine(field(app, "Digit").set_value(2).run())
    app = fine(field(app, "Glasses").set_value(1).run())
    expected = classes.with_classes(digits, own, {"digit": "2", "glasses": "yes"})
    assert (classes.chosen(digits, expected) == [2, 1]).all()
    assert np.array_equal(expected[:, 4:], own[:, 4:])
    assert shown(app)[1] == sent(digits, expected)
    assert app.query_params["classes"] == "digit:2,glasses:yes"
    app = fine(field(app, "Digit").set_value(ANY).run())
    assert shown(app)[1] == sent(digits, classes.with_classes(digits, own, {"glasses": "yes"}))
    app = fine(field(app, "Glasses").set_value(ANY).run())
    assert shown(app)[1] == sent(digits, own)
    assert "classes" not in app.query_params


def test_the_picture_on_the_tray_is_the_one_that_was_shown(digits, open_app):
    link = {"model": "digits", "seed": "5", "n": "16", "sort": "seed", "classes": "digit:1"}
    app = fine(open_app("browse", **link))
    assert field(app, "Digit").value == 1
    (button,) = [b for b in app.button if b.key == "browse-tiles-7"]
    app = fine(button.click().run())
    (item,) = app.session_state["tray"].items
    z = classes.with_classes(digits, renderer.latents(digits, [7]), {"digit": "1"})[0]
    assert np.array_equal(item.z, z)
    assert (item.seed, item.name) == (None, "Seed 7, digit 1")
    marked = [t["id"] for t in state(app, "browse-tiles-data")["tiles"] if t["marked"]]
    assert marked == ["7"]
    app = fine(field(app, "Digit").set_value(2).run())  # which is another picture
    assert not any(t["marked"] for t in state(app, "browse-tiles-data")["tiles"])


def test_a_model_beside_it_draws_the_same_latents(digits, open_app):
    link = {"model": "digits", "beside": "other", "seed": "5", "n": "16", "classes": "digit:1"}
    app = fine(open_app("browse", **link))
    z = classes.with_classes(digits, renderer.latents(digits, SEEDS), {"digit": "1"})
    entry = model_registry.entries()["other"]
    assert shown(app, "beside")[1] == sent(model_registry.load(entry), z)


def test_a_class_that_the_model_lacks_is_said_in_a_sentence(digits, open_app):
    app = fine(open_app("browse", model="digits", seed="5", n="16", classes="digit:12"))
    assert "There is no digit 12 in digits; choose one of 0, 1, 2." in [i.value for i in app.info]
    assert field(app, "Digit").value == ANY
    assert shown(app)[1] == sent(digits, renderer.latents(digits, SEEDS))


def test_samples_of_one_class_cannot_be_searched(digits, open_app):
    link = {"model": "digits", "seed": "5", "n": "16", "having": "round", "classes": "digit:1"}
    app = open_app("browse", **link)
    assert not app.exception
    said = "Samples of one class (digit 1) cannot be searched for round, so the search was dropped."
    assert [w.value for w in app.warning] == [said]
    assert "having" not in app.query_params


def test_a_model_without_classes_has_no_fields(two_models, open_app):
    app = fine(open_app("browse", model="alpha", classes="digit:1"))
    assert not [box for box in app.selectbox if box.label == "Digit"]
    assert not app.info


@pytest.mark.parametrize("page", ["browse", "latents"])
def test_pages_say_when_pictures_are_the_wrong_way_round(digits, open_app, monkeypatch, page):
    for module in (class_picker, every_class):
        monkeypatch.setattr(module, "mirror_note", lambda model: "Some are mirrored.")
    app = fine(open_app(page, model="digits"))
    assert sum("Some are mirrored." in caption.value for caption in app.caption) == 1
