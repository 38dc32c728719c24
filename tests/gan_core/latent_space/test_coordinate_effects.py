"""Sensitivity: how much a coordinate moves the picture, on generators whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pytest

import gan_core
from gan_core.latent import Prior
from gan_core.latent_space import coordinate_effects

SIZE = 5
SHAPE = (4, 4, 3)


def generator(function, kind="normal"):
    """A model that draws function(z), and a list of how many pictures it drew each time."""
    drawn = []

    def synthesize(z):
        assert z.dtype == np.float32
        drawn.append(len(z))
        return function(z).astype(np.float32)

    return SimpleNamespace(prior=Prior(kind, SIZE), synthesize=synthesize), drawn


@pytest.fixture
def weights():
    """What each coordinate does to each value of a picture; nothing in the case of the third."""
    weights = 0.01 * np.random.RandomState(3).standard_normal((SIZE, *SHAPE))
    weights *= np.array([3, 1, 0, 5, 2])[:, None, None, None]
    return weights


def linear(weights):
    return generator(lambda z: np.tensordot(z, weights, 1))[0]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("step", [0.5, 1.0, -2.0])
def test_a_linear_generator_has_the_root_mean_square_of_its_weights(weights, n, step):
    expected = 127.5 * abs(step) * np.sqrt(np.square(weights).mean(axis=(1, 2, 3)))
    effects = coordinate_effects.effects(linear(weights), n=n, step=step, seed=4)
    assert effects.shape == (SIZE,)
    assert effects.dtype == np.float64
    assert np.allclose(effects, expected, rtol=1e-4, atol=1e-4)


def test_a_coordinate_that_does_nothing_has_no_effect(weights):
    effects = coordinate_effects.effects(linear(weights))
    assert effects[2] == 0
    assert (np.delete(effects, 2) > 1).all()


def test_one_level_of_every_value_is_an_effect_of_one():
    model, _ = generator(lambda z: np.broadcast_to(z[:, :1, None, None] / 127.5, (len(z), *SHAPE)))
    assert np.allclose(coordinate_effects.effects(model), [1, 0, 0, 0, 0], atol=1e-4)


@pytest.mark.parametrize("seed", [0, 1, 1000])
def test_the_order_does_not_depend_on_the_seed(weights, seed):
    effects = coordinate_effects.effects(linear(weights), seed=seed)
    assert list(np.argsort(-effects)) == [3, 0, 4, 1, 2]


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_elsewhere_it_is_the_mean_over_samples_of_the_prior(kind):
    model, _ = generator(lambda z: np.square(z)[:, :, None, None] * np.ones((1, SIZE, 2, 1)), kind)
    z = model.prior.sample(6, seed=9).astype(float)
    step = 0.25
    # One row of five changes, by (z + step)² − z².
    expected = np.abs(2 * z * step + step**2).mean(axis=0) * 127.5 / np.sqrt(SIZE)
    effects = coordinate_effects.effects(model, n=6, step=step, seed=9)
    assert np.allclose(effects, expected, rtol=1e-3)
    assert not np.allclose(
        effects, coordinate_effects.effects(model, n=6, step=step, seed=90), rtol=1e-2
    )


def test_it_draws_a_picture_for_each_coordinate_and_one_more(weights):
    model, drawn = generator(lambda z: np.tensordot(z, weights, 1))
    coordinate_effects.effects(model, n=3)
    assert sum(drawn) == 3 * (SIZE + 1)


def test_a_real_model_is_measured_as_its_pictures_differ(make_checkpoint):
    model = gan_core.load(make_checkpoint(nz=3))
    z = model.prior.sample(1, seed=7)
    images = [model.synthesize(z + np.float32([[0, 0.5, 0]]) * i).astype(float) for i in (0, 1)]
    expected = 127.5 * np.sqrt(np.square(images[1] - images[0]).mean())
    assert expected > 0.1
    assert np.isclose(
        coordinate_effects.effects(model, n=1, step=0.5, seed=7)[1], expected, rtol=1e-3
    )
