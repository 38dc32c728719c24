"""The random numbers of the game: fixed for ever, and random enough."""

import numpy as np
import pytest

from gan_core.game import random_numbers


def test_the_numbers_of_a_seed_are_these_for_ever():
    # Links promise that a seed starts the same game on every machine and in every version.
    assert random_numbers.uniform(0, 0, 0, 3) == pytest.approx(
        [0.693942944636, 0.470160224359, 0.732257396565], abs=1e-12
    )


def test_seeds_streams_and_draws_give_other_numbers():
    first = random_numbers.uniform(7, 2, 3, 100)
    for other in ((8, 2, 3), (7, 3, 3), (7, 2, 4)):
        assert not np.isin(first, random_numbers.uniform(*other, 100)).any()
    assert np.array_equal(first[:10], random_numbers.uniform(7, 2, 3, 10))


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_numbers_are_uniform_and_independent(seed):
    numbers = random_numbers.uniform(seed, 4, 1, 40_000)
    assert 0 < numbers.min() < numbers.max() < 1
    counts = np.histogram(numbers, 20, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 43.8  # χ² with 19 degrees of freedom, p = 0.001
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02


def test_normal_numbers_are_standard_normal():
    u, v = random_numbers.uniform(3, 0, 0, 40_000).reshape(2, -1)
    pair = np.stack(random_numbers.normal(u, v))
    assert pair.mean(1) == pytest.approx([0, 0], abs=0.03)
    assert np.cov(pair) == pytest.approx(np.eye(2), abs=0.03)
