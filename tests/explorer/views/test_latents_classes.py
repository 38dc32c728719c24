"""The page Latents with a conditional model: its class is chosen, and every class shown."""

import numpy as np
import pytest
from test_latents_page import data, drawn, home, report

import gan_core
from explorer.services import model_registry
from gan_core.latent_space import classes
from support import save_checkpoint
from test_app import fine, state

NAMES = ["digit: 0", "digit: 1", "digit: 2", "glasses"]


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """A conditional model, the only one that the app sees."""
    architecture = {"name": "conditional", "classes": [3, 1]}
    training = {"tied": NAMES, "conditional": "digit,glasses"}
    folder = save_checkpoint(
        tmp_path / "digits", nz=10, architecture=architecture, training=training, name="digits"
    )
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path))
    return gan_core.load(folder)


def fields(app):
    return {box.label: box.value for box in app.selectbox if box.label in ("Digit", "Glasses")}


def now(model, z):
    groups = classes.groups_of(model)
    return [g.options[i] for g, i in zip(groups, classes.chosen(model, z[None])[0], strict=True)]


def test_the_fields_show_the_class_of_the_seed_and_set_another(digits, open_app):
    app = fine(open_app("latents", model="digits", start="3"))
    z = home(digits, 3)
    assert list(fields(app).values()) == now(digits, z)
    for label, option in (("Digit", "2"), ("Glasses", "yes"), ("Digit", "1"), ("Glasses", "no")):
        (field,) = [box for box in app.selectbox if box.label == label]
        app = fine(field.set_value(option).run())
        assert fields(app)[label] == option
        moved = np.float32(data(app)["values"])
        assert now(digits, moved)[label == "Glasses"] == option
        assert np.array_equal(moved[4:], z[4:])  # the class is all that moves


def test_a_dragged_code_is_followed_by_the_fields_and_the_grid(digits, open_app):
    app = fine(open_app("latents", model="digits", start="3"))
    values = home(digits, 3)
    values[:3] = -2, 2, -2
    app = fine(report(app, values))
    assert fields(app)["Digit"] == "1"
    (current,) = [t for t in state(app, "every-class-tiles-data")["tiles"] if t.get("current")]
    assert current["caption"].startswith("digit: 1, ")


def test_every_class_is_drawn_from_the_same_latent(digits, open_app):
    app = fine(open_app("latents", model="digits", start="3"))
    tiles = state(app, "every-class-tiles-data")["tiles"]
    assert len(tiles) == 6
    assert [t["caption"] for t in tiles[:2]] == ["digit: 0, no glasses", "digit: 0, glasses"]
    combinations, latents = classes.every(digits, home(digits, 3))
    for combination, z in zip(combinations, latents, strict=True):
        assert now(digits, z) == list(combination)
        assert np.array_equal(z[4:], home(digits, 3)[4:])
    (button,) = [b for b in app.button if b.key == "every-class-tiles-3"]
    app = fine(button.click().run())
    assert fields(app) == {"Digit": "1", "Glasses": "yes"}
    assert np.array_equal(np.float32(data(app)["values"]), latents[3])
    assert drawn(digits, latents[3]).shape == (32, 32, 3)


def test_a_model_without_classes_has_no_such_fields(two_models, open_app):
    app = fine(open_app("latents", model="alpha"))
    assert fields(app) == {}
    assert "every-class-tiles-data" not in app.session_state


def test_many_groups_vary_one_at_a_time(tmp_path):
    architecture = {"name": "conditional", "classes": [1] * 7}
    training = {"tied": [f"a{i}" for i in range(7)], "conditional": "a"}
    model = gan_core.load(
        save_checkpoint(tmp_path / "m", nz=10, architecture=architecture, training=training)
    )
    combinations, _ = classes.every(model, home(model, 1))
    assert len(combinations) == 8
    assert all(
        sum(a != b for a, b in zip(combinations[0], c, strict=True)) == 1 for c in combinations[1:]
    )


def test_a_card_with_other_names_gets_numbers(tmp_path):
    architecture = {"name": "conditional", "classes": [3, 1]}
    model = gan_core.load(save_checkpoint(tmp_path / "m", nz=10, architecture=architecture))
    groups = classes.groups_of(model)
    assert [g.name for g in groups] == ["class", "class 3"]
    assert groups[0].options == ("class 0", "class 1", "class 2")
