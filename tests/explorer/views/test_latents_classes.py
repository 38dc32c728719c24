"""The page Latents with a conditional model: its class is chosen, and every option shown."""

import numpy as np
import pytest
from test_latents_page import PAD, data, drawn, home, link, picture, report

import gan_core
from explorer.services import model_registry
from explorer.widgets.class_fields import OWN
from fields import field
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


def tiles(app, group):
    return state(app, f"every-class-{group}-data")["tiles"]


def button_of(app, label):
    (button,) = [b for b in app.button if b.label == label]
    return button


def now(model, z):
    groups = classes.groups_of(model)
    return [g.options[i] for g, i in zip(groups, classes.chosen(model, z[None])[0], strict=True)]


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_dragged_code_is_followed_by_the_fields_and_the_grid(digits, open_app):
    app = fine(open_app("latents", model="digits", start="3"))
    values = home(digits, 3)
    values[:3] = -2, 2, -2
    app = fine(report(app, values))
    assert fields(app)["Digit"] == "1"
    (current,) = [t for t in tiles(app, 0) if t.get("current")]
    assert current["caption"] == "1"


@pytest.mark.slow
def test_every_option_is_drawn_from_the_same_latent(digits, open_app):
    app = fine(open_app("latents", model="digits", start="3"))
    z = home(digits, 3)
    assert [t["caption"] for t in tiles(app, 0)] == ["0", "1", "2"]
    assert [t["caption"] for t in tiles(app, 1)] == ["no", "yes"]
    for place, group in enumerate(classes.groups_of(digits)):
        shown = [t["caption"] for t in tiles(app, place) if t.get("current")]
        assert shown == [now(digits, z)[place]]
        rows = classes.every_option(digits, z, group)
        assert [now(digits, row)[place] for row in rows] == list(group.options)
        rest = [i for i in range(10) if i not in group.places]
        assert all(np.array_equal(row[rest], z[rest]) for row in rows)
    (button,) = [b for b in app.button if b.key == "every-class-0-1"]
    app = fine(button.click().run())
    assert fields(app) == {"Digit": "1", "Glasses": now(digits, z)[1]}
    moved = np.float32(data(app)["values"])
    assert np.array_equal(moved, classes.every_option(digits, z, classes.groups_of(digits)[0])[1])
    assert drawn(digits, moved).shape == (32, 32, 3)


@pytest.mark.slow
def test_a_class_stays_when_another_seed_is_drawn_and_reset_gives_it_back(digits, open_app):
    app = fine(open_app("latents", model="digits", start="3", coords="7:1.5"))
    other = next(d for d in "012" if d != now(digits, home(digits, 3))[0])
    (field,) = [box for box in app.selectbox if box.label == "Digit"]
    app = fine(field.set_value(other).run())
    app = fine(button_of(app, "Randomise").click().run())
    start = app.session_state["view"].start
    moved, z = np.float32(data(app)["values"]), home(digits, start)
    assert start != 3
    assert fields(app)["Digit"] == other
    assert np.array_equal(moved[3:], z[3:])  # all but the class is that of the new seed
    app = fine(button_of(app, "Reset").click().run())
    assert np.array_equal(np.float32(data(app)["values"]), z)


@pytest.mark.slow
def test_the_corners_of_the_pad_get_classes_and_the_link_says_them(digits, open_app):
    corners = ["0", "2", None, "1"]
    app = fine(open_app("latents", model="digits", way="pad", corners="3,3,3,3", x="0", y="0"))
    for i, digit in enumerate(corners):
        if digit is not None:
            field_of_corner = field(app, f"corner-class-{i}-0")
            assert field_of_corner.value == OWN
            app = fine(field_of_corner.set_value(int(digit)).run())
    app = fine(field(app, "corner-class-1-1").set_value(1).run())
    assert app.query_params["corner_classes"] == "digit:0;digit:2,glasses:yes;;digit:1"
    z = np.stack([home(digits, 3)] * 4)
    digit, glasses = classes.groups_of(digits)
    for i, option in enumerate(corners):
        if option is not None:
            z[i] = classes.with_class(digits, z[i : i + 1], digit, option)[0]
    z[1] = classes.with_class(digits, z[1:2], glasses, "yes")[0]
    assert np.array_equal(picture(app, PAD), drawn(digits, z[0]))
    for x, y, i in ((1, 0, 1), (0, 1, 2), (1, 1, 3)):
        again = fine(open_app("latents", **{**link(app), "x": str(x), "y": str(y)}))
        assert np.array_equal(picture(again, PAD), drawn(digits, z[i]))
    app = fine(field(app, "corner-class-0-0").set_value(OWN).run())
    assert app.query_params["corner_classes"] == ";digit:2,glasses:yes;;digit:1"


def test_a_model_without_classes_has_no_such_fields(two_models, open_app):
    app = fine(open_app("latents", model="alpha"))
    assert fields(app) == {}
    assert "every-class-0-data" not in app.session_state


def test_a_card_with_other_names_gets_numbers(tmp_path):
    architecture = {"name": "conditional", "classes": [3, 1]}
    model = gan_core.load(save_checkpoint(tmp_path / "m", nz=10, architecture=architecture))
    groups = classes.groups_of(model)
    assert [g.name for g in groups] == ["class", "class 3"]
    assert groups[0].options == ("class 0", "class 1", "class 2")
