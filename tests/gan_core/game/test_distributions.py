"""The data of the game and its latents."""

import numpy as np
import pytest

from gan_core.game import distributions
from gan_core.game.distributions import DATA, HALF, NOISE, RADIUS

POINTS = [(1.0, 0.5), (-1.0, 0.0)]


def sample(data, n=4000, **more):
    return distributions.sample(data, more.pop("points", POINTS), 5, 2, 0, n)


@pytest.mark.parametrize("data", DATA)
def test_a_sample_has_its_shape_lies_in_the_plane_and_is_the_same_again(data):
    points = sample(data)
    assert points.shape == (4000, 2)
    assert (np.abs(points) < HALF + NOISE[data]).mean() > 0.995
    assert np.array_equal(points, sample(data))


@pytest.mark.parametrize(("data", "count"), [("8 gaussians", 8), ("grid", 25)])
def test_every_mode_gets_its_share(data, count):
    centres = distributions.centres(data)
    assert centres.shape == (count, 2)
    distances = np.linalg.norm(sample(data)[:, None] - centres, axis=2)
    nearest = distances.argmin(1)
    assert np.bincount(nearest, minlength=count) == pytest.approx(4000 / count, rel=0.35)
    assert distances.min(1).std() < NOISE[data]
    assert (distances.min(1) ** 2).mean() == pytest.approx(2 * NOISE[data] ** 2, rel=0.1)


def test_the_ring_is_a_ring():
    radii = np.linalg.norm(sample("ring"), axis=1)
    assert radii.mean() == pytest.approx(RADIUS, abs=0.01)
    assert radii.std() == pytest.approx(NOISE["ring"], rel=0.1)


def test_the_moons_are_one_turned_into_the_other():
    points = sample("moons", 20_000)
    assert points.mean(0) == pytest.approx([0, 0], abs=0.02)
    upper = points[points[:, 1] > 0.5]
    lower = points[points[:, 1] < -0.5]
    assert upper[:, 0].mean() == pytest.approx(-lower[:, 0].mean(), abs=0.05)


def test_own_points_are_equally_likely_centres():
    points = sample("points")
    right = points[:, 0] > 0
    assert right.mean() == pytest.approx(0.5, abs=0.03)
    assert points[right].mean(0) == pytest.approx(POINTS[0], abs=0.01)


def test_latents_follow_their_prior():
    square = distributions.latents("uniform", 1, 3, 0, 4000)
    disc = distributions.latents("normal", 1, 3, 0, 4000)
    assert np.abs(square).max() < 1
    assert square.std(0) == pytest.approx([3**-0.5] * 2, rel=0.05)
    assert disc.std(0) == pytest.approx([1, 1], rel=0.05)
