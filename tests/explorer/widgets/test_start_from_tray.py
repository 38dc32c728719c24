"""Interpolate, its film and the pad open on the tray when two or more of its pictures fit."""

import base64

import numpy as np
import pytest

import gan_core
from browsing import decode
from explorer.state import url_parts
from fields import field, sentences, state
from gan_core import latent

TRAY = "alpha:5,alpha:6@0.7,beta:1,alpha:7"


def opened(open_app, page, tray, **view):
    """The app with a tray, after a page was chosen in the navigation, whose address is bare."""
    app = open_app("browse", model="alpha", tray=tray, **view)
    app._page_hash = open_app(page)._page_hash
    app.query_params.clear()
    app = app.run()
    assert not app.exception
    return app


def latents_of(model, *keys):
    return np.stack([latent.truncate(model.prior.sample(1, seed=s), psi)[0] for s, psi in keys])


@pytest.fixture
def alpha(two_models):
    return gan_core.load(two_models / "alpha")


@pytest.mark.slow
def test_the_path_and_its_film_open_on_the_tray(alpha, open_app):
    app = opened(open_app, "interpolate", TRAY)
    assert state(app, "view").source == "tray"
    expected = latents_of(alpha, (5, 1.0), (6, 0.7), (7, 1.0))
    chosen = [state(app, "tray").find(i) for i in state(app, "keyframes")["alpha"][1]]
    assert np.allclose([item.z for item in chosen], expected, atol=1e-6)
    app = app.button(key="show-film").click().run()
    (moments,) = state(app, "film_moments").values()
    pairs = ((moments[0], expected[0]), (moments[-1], expected[-1]))
    for moment, z in pairs:
        drawn = decode(base64.b64decode(moment["src"].partition(",")[2]))
        wanted = alpha.generate(z[None])[0]
        other = alpha.generate(alpha.prior.sample(1, seed=99))[0]
        assert distance(drawn, wanted) < distance(drawn, other) / 2
    assert sentences(app) == []


def distance(a, b):
    return np.abs(a.astype(float) - b.astype(float)).mean()


@pytest.mark.slow
@pytest.mark.parametrize("tray", ["", "alpha:5", "alpha:5,beta:6,beta:7"])
def test_with_fewer_than_two_it_opens_on_seeds(two_models, open_app, tray):
    assert state(opened(open_app, "interpolate", tray), "view").source == "seeds"


def test_a_link_with_settings_says_itself_what_the_path_is(two_models, open_app):
    app = open_app("interpolate", model="alpha", keys="1,2", tray="alpha:5,alpha:6")
    assert state(app, "view").source == "seeds"


@pytest.mark.slow
def test_a_choice_of_seeds_stays(two_models, open_app):
    app = opened(open_app, "interpolate", "alpha:5,alpha:6")
    app = field(app, "set-source").set_value("seeds").run()
    for page in ("browse", "interpolate"):
        app._page_hash = open_app(page)._page_hash
        app.query_params.clear()
        app = app.run()
    assert state(app, "view").source == "seeds"


@pytest.mark.slow
def test_the_pad_opens_on_the_first_pictures_of_the_tray(two_models, open_app):
    app = opened(open_app, "latents", TRAY)
    app = field(app, "set-way").set_value("pad").run()
    corners = url_parts.read_keys(state(app, "view").corners)
    assert corners[:3] == [(5, 1.0), (6, 0.7), (7, 1.0)]
    assert corners[3][0] not in (5, 6, 7)


@pytest.mark.slow
def test_corners_that_a_person_typed_stay(two_models, open_app):
    app = open_app("latents", model="alpha", way="pad", corners="1,2,3,4")
    app.session_state.tray = state(open_app("browse", tray="alpha:5,alpha:6"), "tray")
    app._page_hash = open_app("browse")._page_hash
    app = app.run()
    app._page_hash = open_app("latents")._page_hash
    app.query_params.clear()
    assert state(app.run(), "view").corners.replace(" ", "") == "1,2,3,4"
