"""Intermediate latents: the same pictures by way of w, and truncation towards the mean of w."""

import numpy as np
import pytest

from gan_core import checkpoint, latent
from gan_core.latent_space import intermediate
from gan_core.util.errors import InputError
from support import save_checkpoint


def make(tmp_path, name):
    sizes = {"name": name, "size": 28, "channels": 1, "ngf": 2, "ndf": 2}
    return checkpoint.load(save_checkpoint(tmp_path / name, nz=6, architecture=sizes))


@pytest.fixture
def model(tmp_path):
    return make(tmp_path, "style")


def test_pictures_by_way_of_w_are_those_of_z(model):
    z = model.prior.sample(70)  # more than are drawn at once
    w = intermediate.of(model, z)
    assert w.shape == (70, 6)
    assert w.dtype == np.float32
    assert np.array_equal(intermediate.generate(model, w), model.generate(z))


@pytest.mark.slow
def test_truncation_goes_to_the_mean_of_w(model):
    w, mean = intermediate.of(model, model.prior.sample(5)), intermediate.mean(model)
    assert np.allclose(mean, intermediate.of(model, model.prior.sample(4000)).mean(0), atol=0.05)
    assert np.array_equal(mean, intermediate.mean(model))
    assert np.allclose(intermediate.truncate(w, mean, 1.0), w, atol=1e-6)
    assert np.allclose(intermediate.truncate(w, mean, 0.0), mean)
    assert np.allclose(intermediate.truncate(w, mean, 0.5), (w + mean) / 2, atol=1e-6)
    assert np.abs(w - mean).max() > 0.1


def test_truncating_z_changes_nothing(model):
    """Why w is truncated."""
    z = model.prior.sample(3)
    half = intermediate.of(model, latent.truncate(z, 0.5))
    assert np.allclose(half, intermediate.of(model, z), atol=1e-4)


def test_a_model_without_a_mapping_network_is_refused(tmp_path):
    dcgan = make(tmp_path, "dcgan")
    assert not intermediate.has(dcgan)
    with pytest.raises(InputError, match="dcgan has no intermediate latents"):
        intermediate.of(dcgan, dcgan.prior.sample(2))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((2, 5), np.float32), "have 6 numbers each; these are 2 × 5"),
        (np.zeros(6, np.float32), "have 6 numbers each; these are 6"),
        (np.full((1, 6), np.nan, np.float32), "not finite"),
    ],
)
def test_wrong_latents_are_refused(model, wrong, words):
    assert intermediate.has(model)
    for function in (intermediate.of, intermediate.generate):
        with pytest.raises(InputError, match=words):
            function(model, wrong)
