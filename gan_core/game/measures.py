"""How far a game has come: densities on a grid, Jensen–Shannon divergence, modes, the optimal D.

All functions are pure and take NumPy arrays in float64. A grid is (CELLS, CELLS) over the plane,
rows from below to above.
"""

from typing import NamedTuple

import numpy as np
import torch

from gan_core.game import distributions, random_numbers
from gan_core.game.distributions import HALF, NOISE
from gan_core.game.step import Game
from gan_core.training.losses import OBJECTIVES

CELLS = 40  # of the grid, along each side
BLUR = 1.0  # standard deviation of the smoothing, cells
REACH = 4  # how far the smoothing goes, cells
SAMPLES = 2000  # of G
POOL = 20_000  # points of the data
SHARE = 0.25  # of a mode's equal share of the samples that must lie in it
WITHIN = 3.0  # standard deviations of a mode that count as in it


class Measures(NamedTuple):
    """js: nats, 0 to log 2. modes: how many are caught, None where the data has none. gap: mean
    |D − D*| where there are points, None where D gives no probability."""

    js: float
    modes: int | None
    gap: float | None


def measure(game: Game, density_of_data: np.ndarray) -> Measures:
    """The measures of a game as it stands. density_of_data: of `data_density`."""
    fake = samples(game)
    density_of_fake = density(fake)
    centres = distributions.centres(game.settings.data)
    caught = None
    if centres is not None:
        caught = int(modes_caught(fake, centres, NOISE[game.settings.data]).sum())
    gap = None
    if OBJECTIVES[game.settings.objective].probability:
        gap = distance_to_optimal(probabilities(game), density_of_data, density_of_fake)
    return Measures(jensen_shannon(density_of_data, density_of_fake), caught, gap)


@torch.no_grad()
def samples(game: Game, n: int = SAMPLES) -> np.ndarray:
    """n samples of G as it stands, float64 (n, 2); always from the same latents."""
    return game.generator(game.latents(random_numbers.POOL, 1, n)).numpy()


def data_density(game: Game) -> np.ndarray:
    """The density of the data on the grid."""
    return density(game.real(random_numbers.POOL, 0, POOL).numpy())


def density(points: np.ndarray) -> np.ndarray:
    """The share of the points in each cell, smoothed; sums to 1.

    points: float64 (n, 2). Points outside of the plane count in the nearest cell of its edge.
    """
    places = np.clip(np.floor((points + HALF) / (2 * HALF) * CELLS), 0, CELLS - 1).astype(int)
    counts = np.zeros((CELLS, CELLS))
    np.add.at(counts, (places[:, 1], places[:, 0]), 1.0)
    smoothing = blurring()
    smooth = smoothing @ counts @ smoothing.T
    return smooth / smooth.sum()


def blurring() -> np.ndarray:
    """A matrix (CELLS, CELLS) that smooths a column: a Gaussian whose every row sums to 1."""
    apart = np.subtract.outer(np.arange(CELLS), np.arange(CELLS))
    weights = np.where(np.abs(apart) <= REACH, np.exp(-0.5 * (apart / BLUR) ** 2), 0.0)
    return weights / weights.sum(1, keepdims=True)


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """The Jensen–Shannon divergence of two densities on the grid, nats: 0 to log 2."""
    middle = (p + q) / 2
    return float((relative_entropy(p, middle) + relative_entropy(q, middle)) / 2)


def relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p ‖ q) in nats, for q above 0 wherever p is."""
    held = p > 0
    return float((p[held] * np.log(p[held] / q[held])).sum())


def modes_caught(points: np.ndarray, centres: np.ndarray, noise: float) -> np.ndarray:
    """Which modes are caught, bool (m,): a quarter of the equal share lies within 3 deviations.

    points: float64 (n, 2). centres: float64 (m, 2). noise: standard deviation of a mode.
    """
    squared = ((points[:, None] - centres[None]) ** 2).sum(2)
    inside = (squared <= (WITHIN * noise) ** 2).sum(0)
    return inside >= SHARE * len(points) / len(centres)


def optimal_discriminator(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """D*(x) = p(x) / (p(x) + q(x)): Goodfellow et al. 2014, proposition 1, for a fixed G.

    p, q: densities of data and samples on the grid. Where there is neither, D* is ½.
    """
    total = p + q
    return np.where(total > 0, p / np.where(total > 0, total, 1.0), 0.5)


def distance_to_optimal(learned: np.ndarray, p: np.ndarray, q: np.ndarray) -> float:
    """E|D(x) − D*(x)| over data and samples in equal parts; all arguments on the grid."""
    apart = np.abs(learned - optimal_discriminator(p, q))
    return float((apart * (p + q) / 2).sum())


@torch.no_grad()
def logits(game: Game) -> np.ndarray:
    """D's output in the middle of each cell, float64 (CELLS, CELLS)."""
    return game.discriminator(middles())[:, 0].view(CELLS, CELLS).numpy()


def probabilities(game: Game) -> np.ndarray:
    """D(x) = sigmoid(logit) in the middle of each cell, float64 (CELLS, CELLS)."""
    return 1 / (1 + np.exp(-logits(game)))


def shades(game: Game) -> np.ndarray:
    """D in the middle of each cell, from 0 (looks generated) to 1 (looks real).

    The probability where D gives one; for lsgan and hinge the targets of both kinds of points; for
    critics and relativistic D, which have no zero, the lowest and the highest value on the grid.
    """
    objective, values = game.settings.objective, logits(game)
    if OBJECTIVES[objective].probability:
        return 1 / (1 + np.exp(-values))
    low, high = {"lsgan": (0.0, 1.0), "hinge": (-1.0, 1.0)}.get(
        objective, (values.min(), values.max())
    )
    return np.clip((values - low) / ((high - low) or 1.0), 0, 1)


def middles() -> torch.Tensor:
    """The middles of the cells, float64 (CELLS², 2), row by row from below."""
    places = (np.arange(CELLS) + 0.5) * (2 * HALF / CELLS) - HALF
    across, up = np.meshgrid(places, places)
    return torch.from_numpy(np.stack([across.ravel(), up.ravel()], 1))
