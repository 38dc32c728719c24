"""What is measured of a game, on densities and points whose answers are known."""

import math

import numpy as np
import pytest

from gan_core.game import distributions, measures
from gan_core.game.measures import CELLS
from gan_core.game.settings import Settings
from gan_core.game.step import Game, step


def test_a_density_sums_to_one_and_lies_where_the_points_are():
    density = measures.density(np.array([[1.0, -1.0]] * 5))
    assert density.shape == (CELLS, CELLS)
    assert density.sum() == pytest.approx(1)
    row, column = np.unravel_index(density.argmax(), density.shape)
    assert (row, column) == (10, 30)


def test_points_outside_of_the_plane_count_at_its_edge():
    density = measures.density(np.array([[50.0, 0.0]]))
    assert density.sum() == pytest.approx(1)
    assert density[:, -1].max() == density.max()


def test_the_divergence_is_zero_of_the_same_and_log_2_of_disjoint_densities():
    left = measures.density(np.array([[-1.0, 0.0]]))
    right = measures.density(np.array([[1.0, 0.0]]))
    assert measures.jensen_shannon(left, left) == pytest.approx(0, abs=1e-12)
    assert measures.jensen_shannon(left, right) == pytest.approx(math.log(2))
    near = measures.density(np.array([[-0.9, 0.0]]))
    between = measures.jensen_shannon(left, near)
    assert 0 < between < math.log(2)
    assert measures.jensen_shannon(near, left) == pytest.approx(between)


def test_a_mode_is_caught_by_a_quarter_of_its_share():
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    points = np.concatenate([np.tile(centres[0], (93, 1)), np.tile(centres[1], (7, 1))])
    assert measures.modes_caught(points, centres, 0.1).tolist() == [True, True, False, False]
    points[-1] = 5
    assert measures.modes_caught(points, centres, 0.1).tolist() == [True, False, False, False]
    beside = np.tile(centres[0] + [0.31, 0], (100, 1))
    assert not measures.modes_caught(beside, centres, 0.1).any()


@pytest.mark.parametrize("data", ["8 gaussians", "grid"])
def test_the_data_themselves_catch_all_modes(data):
    points = distributions.sample(data, (), 0, 0, 0, measures.SAMPLES)
    centres = distributions.centres(data)
    assert measures.modes_caught(points, centres, distributions.NOISE[data]).all()


def test_the_optimal_discriminator_is_that_of_proposition_1():
    p, q = np.array([[0.6, 0.2], [0.2, 0.0]]), np.array([[0.2, 0.2], [0.6, 0.0]])
    best = measures.optimal_discriminator(p, q)
    assert best == pytest.approx(np.array([[0.75, 0.5], [0.25, 0.5]]))
    assert measures.distance_to_optimal(best, p, q) == 0
    assert measures.distance_to_optimal(best + 0.1, p, q) == pytest.approx(0.1)


def test_d_comes_nearer_to_the_optimal_one_of_a_fixed_g():
    game = Game(Settings(data="gaussian", lr_g=0.0, lr_d=0.01, width=16))
    data = measures.data_density(game)
    before = measures.measure(game, data).gap
    for _ in range(100):
        step(game)
    after = measures.measure(game, data)
    assert after.gap < 0.5 * before
    assert after.modes is None


def test_only_a_d_with_probabilities_has_a_distance_to_the_optimal_one():
    game = Game(Settings(objective="hinge"))
    assert measures.measure(game, measures.data_density(game)).gap is None


@pytest.mark.parametrize("objective", ["minimax", "hinge", "lsgan", "wgan", "relativistic"])
def test_shades_go_from_generated_to_real(objective):
    game = Game(Settings(objective=objective, data="line", width=16, lr_d=0.02))
    for _ in range(10):
        step(game)
    shades = measures.shades(game)
    assert 0 <= shades.min() < shades.max() <= 1
    right = int((distributions.SIDEWAYS + 2) / 4 * CELLS)
    assert shades[CELLS // 2, right] > shades[CELLS // 2, CELLS // 4]
