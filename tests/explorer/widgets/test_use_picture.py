"""The buttons that lead from an enlarged picture to every page that accepts a latent."""

import numpy as np
import pytest

import gan_core
from explorer.state import exemplars, tray
from explorer.widgets import use_picture
from fields import state


def enlarged(open_app, page="browse", **link):
    """The app with the dialog of the first picture of the tray."""
    app = open_app(page, model="alpha", **link)
    return enlarge(app, state(app, "tray").items[0])


def enlarge(app, item):
    app.session_state.enlarged = app.session_state.enlarged_before = item.id
    return app.run()


def go(app, name):
    """Press the button of a page. A browser reruns only the dialog, AppTest the whole app."""
    which = state(app, "enlarged_before")
    app.button(key=f"use-{name}").click()
    app.session_state.enlarged = which
    return app.run()


def view(app):
    return state(app, "view")


def test_there_is_a_button_for_every_page_that_takes_a_latent(two_models, open_app):
    app = enlarged(open_app, tray="alpha:5@0.7")
    labels = [one.label for one in app.button]
    for title in ("Latents", "Interpolate", "Directions", "Arithmetic", "Neighbours"):
        assert title in labels


@pytest.mark.slow
def test_sliders_begin_with_its_seed_and_psi(two_models, open_app):
    for name in ("latents", "directions"):
        app = go(enlarged(open_app, tray="alpha:5@0.7", way="pad"), name)
        assert (view(app).start, view(app).psi, view(app).coords) == (5, 0.7, "")
    assert view(go(enlarged(open_app, "latents", tray="alpha:5", way="pad"), "latents")).way == (
        "sliders"
    )


@pytest.mark.slow
def test_a_path_begins_with_it(two_models, open_app):
    app = go(enlarged(open_app, tray="alpha:5@0.7"), "interpolate")
    assert view(app).source == "seeds"
    assert view(app).keys.startswith("5@0.7, ")
    app = go(enlarged(open_app, tray="alpha:5,alpha:6,alpha:7"), "interpolate")
    assert view(app).source == "tray"
    chosen = state(app, "keyframes")["alpha"][1]
    assert [state(app, "tray").find(i).seed for i in chosen] == [5, 6, 7]


@pytest.mark.slow
def test_basket_c_holds_it_and_the_change_can_be_undone(two_models, open_app):
    app = go(enlarged(open_app, "arithmetic", a="1", b="2", c="3", tray="alpha:5"), "arithmetic")
    assert (view(app).a, view(app).b, view(app).c) == ("1", "2", "5")
    assert view(app).undo


@pytest.mark.slow
def test_it_has_its_own_class_in_basket_c_and_on_a_path(two_models, open_app):
    link = {"a": "1", "b": "2", "c": "3", "tray": "alpha:5"}
    app = enlarged(open_app, "arithmetic", basket_classes="digit:1;;digit:2;digit:3", **link)
    assert view(go(app, "arithmetic")).basket_classes == "digit:1;;;digit:3"
    for pictures in ("alpha:5", "alpha:5,alpha:6"):
        app = enlarged(open_app, "interpolate", key_classes="digit:1", tray=pictures)
        assert view(go(app, "interpolate")).key_classes == ""


def test_neighbours_are_asked_for_it(two_models, open_app):
    app = go(enlarged(open_app, tray="alpha:5@0.7"), "neighbours")
    assert (view(app).ask, view(app).of, view(app).picture) == ("sample", 5, "5@0.7")


@pytest.mark.slow
def test_a_picture_of_another_model_brings_its_model(two_models, open_app):
    for name in use_picture.PLACES:
        app = go(enlarged(open_app, tray="beta:5", c="3"), name)
        assert view(app).model == "beta"
        assert name != "arithmetic" or view(app).c == "5"


@pytest.fixture
def moved(two_models):
    """A tray file's picture without a seed, and its model."""
    model = gan_core.load(two_models / "alpha")
    z = np.random.RandomState(3).randn(8).astype(np.float32)
    return tray.Item("Moved", "alpha", model.hash, None, 1.0, z), model


@pytest.mark.slow
def test_a_latent_without_a_seed_goes_everywhere_too(moved, open_app):
    item, _ = moved
    app = open_app(model="alpha", tray="alpha:1,alpha:2")
    app.session_state.tray = tray.add(state(app, "tray"), item)
    for name in use_picture.PLACES:
        app = go(enlarge(app, item), name)
        if name in ("latents", "directions"):
            assert view(app).coords.count(":") == 8
        if name == "interpolate":
            assert state(app, "keyframes")["alpha"][1][0] == item.id
        if name == "arithmetic":
            assert np.array_equal(exemplars.find(view(app).c).z, item.z)
        if name == "neighbours":
            assert np.array_equal(exemplars.find(view(app).picture).z, item.z)


def test_a_lone_latent_without_a_seed_is_no_path(moved, open_app):
    item, _ = moved
    app = open_app(model="alpha")
    app.session_state.tray = tray.add(state(app, "tray"), item)
    app = enlarge(app, item)
    assert app.button(key="use-interpolate").disabled
    assert not app.button(key="use-latents").disabled
