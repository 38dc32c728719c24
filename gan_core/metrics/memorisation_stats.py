"""What the distance to the nearest training image means: evidence, never a verdict.

Pure functions on arrays of distances to the nearest training image, for three kinds of images:
samples, held-out images (real and never trained on), and training images (to the nearest other
one, "leave one out"). No single statistic distinguishes memorisation from other faults (dgm-eval,
Stein et al. 2023), so several are reported side by side, each with an interval.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gan_core.metrics import intervals
from gan_core.util.errors import InputError

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
ROUNDS = 25  # of k-means
LEAST = 20  # samples, and held-out images, that a cell needs to count


def quantiles(distances: ArrayLike) -> dict[str, float]:
    """{"1%": …, "5%": …, 25, 50, 75, 95, "99%": …} of distances, (n,); {} when there are none."""
    distances = np.asarray(distances, np.float64)
    if not len(distances):
        return {}
    values = np.quantile(distances, QUANTILES)
    return {f"{q:.0%}": float(value) for q, value in zip(QUANTILES, values, strict=True)}


def percentiles(distances: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """The percentile of each distance among the reference distances: float64 (n,), 0 to 100.

    distances: (n,). reference: float (m,). A percentile is the share of the reference that is
    strictly smaller. For images like the reference, percentiles are uniform; one near 0 means
    nearer than almost all of them, and nothing is nearer than an exact copy. Raises InputError when
    there is no reference.
    """
    reference = np.sort(np.asarray(reference))
    if not len(reference):
        raise InputError("A percentile needs at least one reference distance.")
    return 100 * np.searchsorted(reference, distances, "left") / len(reference)


def authentic(distances: ArrayLike, own: ArrayLike) -> np.ndarray:
    """The authenticity rule (Alaa et al. 2022, How Faithful is your Synthetic Data?): bool (n,).

    A sample is authentic when it is farther from its nearest training image than that image is from
    its own nearest other training image. distances: (n,), from samples to their nearest training
    images. own: (n,), from those training images to the nearest other ones. An equal distance does
    not count as farther. The mean, times 100, is AuthPct. For real images never trained on it is
    not 100 but often near 50, so compare it with that of held-out images.
    """
    return np.asarray(distances) > np.asarray(own)


def mann_whitney(samples: np.ndarray, held_out: np.ndarray) -> tuple[float, float]:
    """(z, share): whether samples are farther from the training images than held-out images are.

    samples, held_out: distances, (m,) and (n,). z: the standardised Mann–Whitney U statistic, with
    its variance corrected for ties. share: of pairs, those in which the sample's distance is the
    larger one, ties counting half. For samples that are like held-out images z is nearly N(0, 1)
    and share is near ½; both are low when samples are too near.
    """
    m, n = len(samples), len(held_out)
    values, counts = np.unique(np.concatenate([samples, held_out]), return_counts=True)
    ends = np.cumsum(counts)
    ranks = ends - (counts - 1) / 2
    u = ranks[np.searchsorted(values, samples)].sum() - m * (m + 1) / 2
    total = m + n
    ties = (counts.astype(np.float64) ** 3 - counts).sum()
    spread = m * n / 12 * (total + 1 - ties / (total * max(total - 1, 1)))
    z = (u - m * n / 2) / np.sqrt(spread) if spread > 0 else 0.0
    return float(z), float(u / (m * n))


def c_t(
    samples: ArrayLike,
    held_out: ArrayLike,
    sample_cells: np.ndarray | None = None,
    held_out_cells: np.ndarray | None = None,
) -> dict[str, Any]:
    """The data-copying statistic C_T (Meehan et al. 2020, A Three Sample Hypothesis Test).

    samples, held_out: distances to the nearest training image, (m,) and (n,). The cells, int arrays
    of the same shapes, divide the space; None for a single cell. C_T is the mean of z over the
    cells, each weighted by its number of held-out images. Cells with fewer than 20 samples or
    held-out images do not count; `left_out` is their share of the held-out images. C_T is near 0
    for samples like held-out images, far below 0 for copies (the paper calls −3 and below copying)
    and far above 0 for samples farther away than real images. Its size grows with the root of the
    number of images.

    Simplified: an image belongs to the cell of its nearest training image, while the paper uses the
    nearest k-means centre. This saves a second search.
    Returns a dict: c_t (None when no cell counts), farther (the share of pairs in which the sample
    is farther, weighted likewise; ½ for images of one kind), cells (how many count), left_out.
    """
    samples, held_out = np.asarray(samples), np.asarray(held_out)
    if sample_cells is None or held_out_cells is None:
        sample_cells, held_out_cells = np.zeros(len(samples), int), np.zeros(len(held_out), int)
    rows = []
    for cell in np.unique(held_out_cells):
        a, b = samples[sample_cells == cell], held_out[held_out_cells == cell]
        if min(len(a), len(b)) >= LEAST:
            rows.append((len(b), *mann_whitney(a, b)))
    if not rows:
        return {"c_t": None, "farther": None, "cells": 0, "left_out": 1.0}
    weights, z, share = np.array(rows).T
    return {
        "c_t": float(np.average(z, weights=weights)),
        "farther": float(np.average(share, weights=weights)),
        "cells": len(rows),
        "left_out": float(1 - weights.sum() / len(held_out)),
    }


def c_t_interval(
    samples: np.ndarray,
    held_out: np.ndarray,
    sample_cells: np.ndarray,
    held_out_cells: np.ndarray,
    rounds: int = 200,
    seed: int = 0,
) -> dict[str, tuple[float, float] | None]:
    """{"c_t": (low, high), "farther": (low, high)}: 95 % bootstrap intervals.

    Samples and held-out images are resampled with replacement. The training images are not, so the
    intervals hold for these training images only. None where c_t is undefined.
    """
    if not len(samples) or not len(held_out):
        return {"c_t": None, "farther": None}

    def statistic(a: np.ndarray, b: np.ndarray) -> Sequence[float]:
        result = c_t(samples[a], held_out[b], sample_cells[a], held_out_cells[b])
        return [np.nan if result[key] is None else result[key] for key in ("c_t", "farther")]

    ends = intervals.bootstrap(
        statistic, len(samples), len(held_out), rounds=rounds, seed=seed
    ).tolist()
    return {
        key: None if np.isnan(pair).any() else tuple(pair)
        for key, pair in zip(("c_t", "farther"), ends, strict=True)
    }


def k_means(points: ArrayLike, count: int, seed: int = 0) -> np.ndarray:
    """The cell of each point, int64 (n,), by Lloyd's k-means with k-means++ initialisation.

    points: float (n, d). There are at most `count` cells; an empty one keeps its centre.
    """
    points = np.asarray(points, np.float32)
    random = np.random.RandomState(seed)
    centres, far = points[[random.randint(len(points))]], np.full(len(points), np.inf)
    while len(centres) < count:
        far = np.minimum(far, ((points - centres[-1]) ** 2).sum(1, dtype=np.float64))
        if not far.any():  # every point is a centre
            break
        centres = np.vstack([centres, points[random.choice(len(points), p=far / far.sum())]])
    cells = np.full(len(points), -1)
    for _ in range(ROUNDS):
        before = cells
        cells = ((centres**2).sum(1) - 2 * points @ centres.T).argmin(1)
        if np.array_equal(cells, before):
            break
        for cell in np.unique(cells):
            centres[cell] = points[cells == cell].mean(0)
    return cells


def near_duplicates(
    distances: np.ndarray, indices: np.ndarray, limit: float
) -> list[tuple[int, int, float]]:
    """Pairs of training images no farther apart than `limit`, the nearest first.

    distances, indices: of each training image's nearest other one, (N,). Returns a list of
    (i, j, distance) with i < j, each pair once. Three similar images give at least two pairs, each
    image with its nearest. Duplicates are a confounder: they are memorised first, and a copy of one
    passes as authentic, since a short distance is usual there.
    """
    near = np.flatnonzero(np.asarray(distances) <= limit)
    pairs = {(min(i, indices[i]), max(i, indices[i])): distances[i] for i in near}
    rows = [(int(i), int(j), float(d)) for (i, j), d in pairs.items()]
    return sorted(rows, key=lambda row: (row[2], row[0], row[1]))


def suspicion(distances: ArrayLike, own: ArrayLike) -> np.ndarray:
    """Each sample's distance to its neighbour over the neighbour's to its own: float64 (n,).

    own: the neighbour's distance to the nearest different image, (n,), because beside a duplicate
    at distance 0 nothing would ever be suspicious; NaN where there is none. A low ratio is
    suspicious, and an exact copy has 0. For images without duplicates the rule of `authentic`
    changes at 1. The ratio is infinite where own is 0 or NaN.
    """
    distances, own = np.asarray(distances, np.float64), np.asarray(own, np.float64)
    ratio = np.divide(distances, own, out=np.full(len(distances), np.inf), where=own > 0)
    return np.where(distances == 0, 0.0, ratio)
