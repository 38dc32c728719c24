"""Confidence intervals: Wilson's for a share, and the percentile bootstrap for everything else."""

from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from gan_core.util.errors import InputError

LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
Z = NormalDist().inv_cdf(TAILS[1])  # standard deviations either side of the mean that hold LEVEL
ROUNDS = 1000  # resamples of the bootstrap


def wilson(flags: ArrayLike) -> tuple[float, float, float]:
    """The share of true values and its 95 % interval (Wilson 1927): (share, low, high).

    flags: bool (n,). Raises InputError when there are none.
    """
    flags = np.asarray(flags, bool)
    n = len(flags)
    if not n:
        raise InputError("A share needs at least one image.")
    share = float(flags.mean())
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    # Rounding at 0 and 1 must not put the share itself outside.
    return share, float(max(0, min(share, centre - half))), float(min(1, max(share, centre + half)))


def bootstrap(
    statistic: Callable[..., Sequence[float]],
    *sizes: int,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> np.ndarray:
    """95 % percentile intervals of m statistics, float64 (m, 2): low and high of each.

    statistic: takes one array of row indices per sample and returns m floats, NaN where one is
    undefined. sizes: how many rows each sample has; each is resampled with replacement on its own.
    Undefined values are left out; an interval is NaN when all its values are.
    """
    values = np.array([statistic(*rows) for rows in resamples(sizes, rounds, seed)], np.float64)
    columns = [column[~np.isnan(column)] for column in values.T]
    return np.array([np.quantile(c, TAILS) if len(c) else [np.nan] * 2 for c in columns])


def bootstrap_mean(values: ArrayLike, seed: int = 0) -> tuple[float, float, float]:
    """The mean of values, float (n,), and its 95 % bootstrap interval: (mean, low, high)."""
    values = np.asarray(values, np.float64)
    ((low, high),) = bootstrap(lambda rows: [values[rows].mean()], len(values), seed=seed)
    return float(values.mean()), float(low), float(high)


def resamples(sizes: Sequence[int], rounds: int, seed: int) -> Iterator[list[np.ndarray]]:
    """For each round, row indices drawn with replacement: one int64 (n,) for each size n."""
    random = np.random.RandomState(seed)
    for _ in range(rounds):
        yield [random.randint(0, size, size) for size in sizes]
