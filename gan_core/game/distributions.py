"""What the players see: the data in the plane, and the latents that G starts from.

The plane is the square from −2 to 2 in both coordinates.
"""

from collections.abc import Sequence

import numpy as np

from gan_core.game import random_numbers

HALF = 2.0  # half the side of the plane
RADIUS = 1.4  # of the ring, and of the circle of eight Gaussians
SIDEWAYS = 1.6  # of the line
ASIDE = 0.4  # of the Gaussian from the middle, in both coordinates
SPACING = 0.7  # between two of the grid of 25
NOISE = {"ring": 0.06, "8 gaussians": 0.08, "moons": 0.06, "grid": 0.05, "line": 0.05}
NOISE |= {"gaussian": 0.5, "points": 0.05}  # standard deviations
DATA = tuple(NOISE)
PRIORS = ("uniform", "normal")

Points = Sequence[tuple[float, float]]


def centres(data: str) -> np.ndarray | None:
    """The means of the modes, float64 (8 or 25, 2), or None for data without modes."""
    if data == "8 gaussians":
        angles = np.arange(8) * np.pi / 4
        return RADIUS * np.stack([np.cos(angles), np.sin(angles)], 1)
    if data == "grid":
        places = np.arange(25)
        return SPACING * np.stack([places % 5 - 2.0, places // 5 - 2.0], 1)
    return None


def sample(data: str, points: Points, seed: int, stream: int, draw: int, n: int) -> np.ndarray:
    """n points of the data, float64 (n, 2).

    data: one of DATA. points: for "points", the centres of equally likely Gaussians; at least one.
    seed, stream, draw: as in `random_numbers.uniform`.
    """
    u, v, w = random_numbers.uniform(seed, stream, draw, 3 * n).reshape(n, 3).T
    noise = NOISE[data] * np.stack(random_numbers.normal(v, w), 1)
    if data == "ring":
        return RADIUS * np.stack([np.cos(2 * np.pi * u), np.sin(2 * np.pi * u)], 1) + noise
    if data == "moons":
        upper = u < 0.5
        angle = np.pi * (2 * u - np.where(upper, 0.0, 1.0))
        x = np.where(upper, np.cos(angle) - 0.5, 0.5 - np.cos(angle))
        y = np.where(upper, np.sin(angle) - 0.25, 0.25 - np.sin(angle))
        return 1.2 * np.stack([x, y], 1) + noise
    if data == "line":
        return np.stack([np.full(n, SIDEWAYS), 2 * u - 1], 1) + noise
    if data == "gaussian":
        return ASIDE + noise
    means = np.asarray(points, np.float64).reshape(-1, 2) if data == "points" else centres(data)
    assert means is not None
    return means[np.floor(u * len(means)).astype(int)] + noise


def latents(prior: str, seed: int, stream: int, draw: int, n: int) -> np.ndarray:
    """n latents, float64 (n, 2): uniform in the square from −1 to 1, or standard normal."""
    u, v = random_numbers.uniform(seed, stream, draw, 2 * n).reshape(n, 2).T
    if prior == "uniform":
        return np.stack([2 * u - 1, 2 * v - 1], 1)
    return np.stack(random_numbers.normal(u, v), 1)
