"""From Latents to Interpolate: a path through one latent in every class."""

import numpy as np
import pytest

import gan_core
from explorer.services import model_registry, renderer
from explorer.state import url_parts, url_state
from explorer.widgets import class_morph
from fields import sentences, state
from gan_core import latent
from gan_core.latent_space import classes
from support import save_conditional

DIGITS = [f"digit: {i}" for i in range(10)]
NAMES = [*DIGITS, "glasses"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A conditional model with more classes than a path has keyframes."""
    folder = tmp_path_factory.mktemp("models") / "digits"
    return gan_core.load(save_conditional(folder, [10, 1], NAMES, nz=16))


@pytest.fixture
def open_page(digits, monkeypatch, open_app):
    """open_page(page, link); the app sees only that model."""
    monkeypatch.setenv(model_registry.VARIABLE, str(digits.directory.parent))
    return lambda page, link: open_app(page, model="digits", **link)


def morph(app, place, monkeypatch):
    """Click the button of a group; returns the view and the tray with which Interpolate opens."""
    went = []
    monkeypatch.setattr(class_morph.st, "switch_page", lambda page: went.append(page.url_path))
    app = app.button(key=f"morph-{place}").click().run()
    assert sentences(app) == []
    assert went == ["interpolate"]
    return app.session_state["view"], app.session_state["tray"].items, app


def latent_of(model, seed, **moved):
    z = renderer.latents(model, [seed])[0]
    for name, value in moved.items():
        z[int(name[1:])] = value
    return z


def test_the_path_begins_with_the_class_that_is_shown_and_has_room_for_eight(digits):
    z = latent_of(digits, 3)
    digit, glasses = classes.groups_of(digits)
    for option in ("0", "5", "9"):
        row = classes.with_class(digits, z[None], digit, option)[0]
        order = class_morph.options_of(digits, row, 0)
        assert order == [str((int(option) + i) % 10) for i in range(url_parts.MAX_KEYS)]
    assert order[:2] == ["9", "0"]
    said = class_morph.left_out(digit, order)
    assert said.endswith(
        "at most 8 keyframes, so this one begins with the class that was shown and leaves out "
        "digit 7 and 8."
    )
    row = classes.with_class(digits, z[None], glasses, "yes")[0]
    assert class_morph.options_of(digits, row, 1) == ["yes", "no"]
    assert class_morph.left_out(glasses, ["yes", "no"]) == ""


@pytest.mark.slow
def test_a_seed_in_every_class_is_a_link(digits, open_page, monkeypatch):
    moved = {
        i: round(value, 3)
        for i, value in classes.codes(digits, classes.groups_of(digits)[0], "4").items()
    }
    coords = url_parts.write_coordinates(moved)
    app = open_page("latents", {"start": "3", "psi": "0.7", "coords": coords})
    view, items, _ = morph(app, 1, monkeypatch)
    assert not items
    own = classes.chosen(digits, renderer.latents(digits, [3], 0.7))[0, 1]
    order = [("no", "yes")[own], ("yes", "no")[own]]
    assert view.key_classes == ";".join(f"digit:4,glasses:{one}" for one in order)
    assert (view.source, view.keys, view.psi) == ("seeds", "3, 3", 0.7)
    link = url_state.write(view, "interpolate")
    app = open_page("interpolate", {name: text for name, text in link.items() if name != "model"})
    z = renderer.latents(digits, [3], 0.7)
    ends = np.concatenate(
        [classes.with_classes(digits, z, {"digit": "4", "glasses": one}) for one in order]
    )
    expected = renderer.pictures(digits, latent.path(ends, 9, "slerp", False))
    assert state(app, "film-slerp-data")["sheet"]["src"] == renderer.sheet(expected)["src"]


@pytest.mark.slow
def test_a_moved_latent_in_every_class_comes_onto_the_tray(digits, open_page, monkeypatch):
    app = open_page("latents", {"start": "3", "coords": "13:1.5"})
    view, items, app = morph(app, 0, monkeypatch)
    z = latent_of(digits, 3, z13=1.5)
    order = class_morph.options_of(digits, z, 0)
    assert [item.name for item in items] == [f"Digit {one}, seed 3, moved" for one in order]
    digit = classes.groups_of(digits)[0]
    for item, option in zip(items, order, strict=True):
        assert np.array_equal(item.z, classes.with_class(digits, z[None], digit, option)[0])
    assert (view.source, view.key_classes) == ("tray", "")
    assert state(app, "keyframes")["digits"][1] == [item.id for item in items]


@pytest.mark.slow
def test_a_full_tray_stays_as_it_is(digits, open_page, monkeypatch):
    full = ",".join(["digits:1"] * 60)
    app = open_page("latents", {"start": "3", "coords": "13:1.5", "tray": full})
    monkeypatch.setattr(class_morph.st, "switch_page", lambda page: pytest.fail("it went on"))
    app = app.button(key="morph-0").click().run()
    assert any("at most 64 pictures" in sentence for sentence in sentences(app))
    assert len(app.session_state["tray"].items) == 60
    assert app.session_state["view"].source == "seeds"
