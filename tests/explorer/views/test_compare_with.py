"""Two models side by side on Browse, Latents and Interpolate: the same z, or why not."""

import numpy as np
import pytest

import gan_core
from explorer.services import model_registry, renderer
from explorer.services.side_by_side import SideBySide, why_not
from fields import field, state
from gan_core import latent
from gan_core.training import earlier
from test_app import fine, link, painted, seeds, shown

PAGES = ("browse", "latents", "interpolate")


@pytest.fixture
def pair(make_checkpoint, tmp_path, monkeypatch):
    """Two models with latents of the same length, one with another, one uniform."""
    make_checkpoint("alpha", nz=8, seed=1)
    make_checkpoint("beta", nz=8, seed=2)
    make_checkpoint("short", nz=5, seed=3)
    make_checkpoint("even", nz=8, seed=4, prior="uniform")
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path))
    return gan_core.load(tmp_path / "alpha"), gan_core.load(tmp_path / "beta")


def infos(app):
    assert not app.exception
    return [info.value for info in app.info]


def test_browse_shows_the_same_seeds_of_both_in_the_same_order(pair, open_app):
    app = fine(open_app(model="alpha", beside="beta", n="16", seed="3", sort="real"))
    beside = [int(tile["id"]) for tile in shown(app, "beside-tiles")]
    assert beside == seeds(app)
    assert beside != sorted(beside)  # the order is that of the first model's scores
    ours, theirs = painted(app), painted(app, "beside-tiles")
    assert ours.shape == theirs.shape
    drawn = renderer.pictures(pair[1], renderer.latents(pair[1], beside))
    assert np.abs(theirs.astype(int) - drawn).mean() < 6  # the sheet is compressed
    assert np.abs(ours.astype(int) - theirs).mean() > 8


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_one_field_chooses_it_and_the_link_says_it(pair, open_app, page):
    app = fine(open_app(page, model="alpha"))
    assert "beside" not in link(app)
    app = fine(field(app, "set-beside").set_value("beta").run())
    assert link(app)["beside"] == "beta"
    app = fine(field(app, "set-beside").set_value("").run())
    assert "beside" not in link(app)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("short", ("a latent of alpha has 8 numbers, one of short 5", "Choose another one")),
        ("even", ("latents of alpha are normal, those of even uniform", "Choose another one")),
        ("nowhere", ("There is no model called “nowhere” to compare with", "Choose another one")),
    ],
)
def test_what_cannot_be_compared_says_why(pair, open_app, page, other, words):
    app = fine(open_app(page, model="alpha", beside=other))
    (sentence,) = [info for info in infos(app) if "compare" in info]
    assert all(word in sentence for word in words)


def test_latents_draws_both_of_the_same_z(pair, open_app):
    app = fine(open_app("latents", model="alpha", beside="beta", start="7"))
    assert state(app, "latents-canvas-drawn") is not None
    z = renderer.latents(pair[0], [7])
    both = renderer.pictures(SideBySide(*pair), z)[0]
    assert np.array_equal(both[:, :32], pair[0].generate(z)[0])
    assert np.array_equal(both[:, 32:], pair[1].generate(z)[0])


def test_interpolate_shows_both_paths(pair, open_app):
    app = fine(open_app("interpolate", model="alpha", beside="beta", keys="1,2", step="4"))
    path = latent.path(renderer.latents(pair[1], [1, 2]), 5, "slerp", False)
    theirs = painted(app, "film-slerp-beside")
    assert theirs.shape == painted(app, "film-slerp").shape
    assert np.abs(theirs.astype(int) - pair[1].generate(path)).mean() < 6
    assert np.abs(theirs.astype(int) - pair[0].generate(path)).mean() > 8


def test_models_of_other_sizes_and_of_grey_have_the_same_size(make_checkpoint):
    small = gan_core.load(make_checkpoint("small", nz=4, size=32, channels=1))
    large = gan_core.load(make_checkpoint("large", nz=4, size=64))
    z = small.prior.sample(2, 0)
    images = SideBySide(small, large).generate(z)
    assert images.shape == (2, 64, 128, 3)
    assert np.array_equal(images[:, ::2, :64:2], np.repeat(small.generate(z), 3, axis=-1))
    assert np.array_equal(images[:, :, 64:], large.generate(z))
    assert why_not(small, large) == ""
    assert SideBySide(small, large).hash != SideBySide(large, small).hash


# --- An earlier state of the same model. ---


@pytest.fixture
def earlier_states(pair, tmp_path):
    """Two earlier states of alpha, made of other weights."""
    earlier.keep(tmp_path / "alpha", pair[1].generator, 12_000)
    earlier.keep(tmp_path / "alpha", pair[0].generator, 40_000)
    return earlier.load(tmp_path / "alpha", 12_000)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_earlier_states_are_offered_first(earlier_states, open_app, page):
    app = fine(open_app(page, model="alpha"))
    box = field(app, "set-beside")
    assert box.options[1:3] == ["alpha at 12 kimg", "alpha at 40 kimg"]
    app = fine(box.set_value("alpha@12").run())
    assert link(app)["beside"] == "alpha@12"


def test_browse_shows_the_seeds_as_the_earlier_state_drew_them(earlier_states, open_app):
    app = fine(open_app(model="alpha", beside="alpha@12", n="16", seed="3"))
    assert "**alpha at 12 kimg**" in [m.value for m in app.markdown]
    beside = [int(tile["id"]) for tile in shown(app, "beside-tiles")]
    assert beside == seeds(app)
    drawn = renderer.pictures(earlier_states, renderer.latents(earlier_states, beside))
    assert np.abs(painted(app, "beside-tiles").astype(int) - drawn).mean() < 6
    assert np.abs(painted(app).astype(int) - drawn).mean() > 8


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_state_that_is_gone_says_so(earlier_states, open_app, page):
    app = fine(open_app(page, model="alpha", beside="alpha@13"))
    (sentence,) = [info for info in infos(app) if "13" in info]
    assert "There is no state of alpha at 13 kimg" in sentence
