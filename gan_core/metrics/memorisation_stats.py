"""What the distance to the nearest training image means: evidence, never a verdict.

Pure functions on arrays of distances to the nearest training image, of three kinds of images:
samples, held-out images (real ones never trained on), and training images (to the nearest other
one, "leave one out"). No statistic alone tells memorisation from other faults (dgm-eval, Stein et
al. 2023), so several stand side by side, each with an interval.
"""

import numpy as np

from gan_core.metrics import intervals
from gan_core.util.errors import InputError

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
ROUNDS = 25  # of k-means
LEAST = 20  # samples, and held-out images, without which a cell tells nothing


def quantiles(distances):
    """{"1%": …, "5%": …, 25, 50, 75, 95, "99%": …} of distances, floats; {} of none."""
    if not len(distances):
        return {}
    values = np.quantile(np.asarray(distances, np.float64), QUANTILES)
    return {f"{q:.0%}": float(value) for q, value in zip(QUANTILES, values, strict=True)}


def percentiles(distances, reference):
    """Where distances stand among reference ones: float64 (n,), 0 to 100.

    The share of the reference, float (m,), that is strictly smaller: how many lie nearer. Of images
    like the reference the percentiles are spread evenly; near 0 says "nearer than nearly all", and
    nothing lies nearer than an exact copy. Raises InputError when there is no reference.
    """
    reference = np.sort(reference)
    if not len(reference):
        raise InputError("A percentile needs a reference distance or more.")
    return 100 * np.searchsorted(reference, distances, "left") / len(reference)


def authentic(distances, own):
    """The authenticity rule (Alaa et al. 2022, How Faithful is your Synthetic Data?): bool (n,).

    A sample is authentic when it lies farther from its nearest training image than that image from
    its own nearest other training image. distances: (n,), of samples to their nearest training
    images. own: (n,), of those training images to the nearest other ones. An equal distance is not
    farther. The mean, times 100, is AuthPct. Of real images never trained on it is not 100 but
    often near 50, so compare it with that of held-out images.
    """
    return np.asarray(distances) > np.asarray(own)


def mann_whitney(samples, held_out):
    """(z, share): whether samples lie farther from the training images than held-out ones do.

    z: the Mann–Whitney statistic of distances, standardised; share: of pairs in which the sample's
    distance is the larger one, ties half. z is near N(0, 1), and share near ½, for samples that
    are like held-out images; both are low when samples lie too near. Variance corrected for ties.
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


def c_t(samples, held_out, sample_cells=None, held_out_cells=None):
    """The data-copying statistic C_T (Meehan et al. 2020, A Three Sample Hypothesis Test).

    samples, held_out: distances to the nearest training image, (m,) and (n,). The cells, int of
    the same shapes, divide the space; None for one cell. C_T is the mean of z over the cells, each
    weighted by its held-out images; cells with fewer than 20 samples or held-out images are left
    out, whose share of the held-out ones is `left_out`. Near 0 for samples like held-out images,
    far below 0 for copies (the paper calls −3 and less copying), far above 0 for samples that lie
    farther off than real images. It grows with the root of the number of images.

    Simplified: an image belongs to the cell of its nearest training image, where the paper takes
    the nearest centre of k-means, which spares a second search.
    Returns a dict: c_t (None when no cell has enough), farther (likewise weighted, the share of
    pairs in which the sample lies farther, ½ for like images), cells (how many counted), left_out.
    """
    samples, held_out = np.asarray(samples), np.asarray(held_out)
    if sample_cells is None:
        sample_cells, held_out_cells = np.zeros(len(samples), int), np.zeros(len(held_out), int)
    found = []
    for cell in np.unique(held_out_cells):
        a, b = samples[sample_cells == cell], held_out[held_out_cells == cell]
        if min(len(a), len(b)) >= LEAST:
            found.append((len(b), *mann_whitney(a, b)))
    if not found:
        return {"c_t": None, "farther": None, "cells": 0, "left_out": 1.0}
    weights, z, share = np.array(found).T
    return {
        "c_t": float(np.average(z, weights=weights)),
        "farther": float(np.average(share, weights=weights)),
        "cells": len(found),
        "left_out": float(1 - weights.sum() / len(held_out)),
    }


def c_t_interval(samples, held_out, sample_cells, held_out_cells, rounds=200, seed=0):
    """{"c_t": (low, high), "farther": (low, high)}: 95 % intervals by the bootstrap.

    Samples and held-out images are drawn again with replacement; the training images stay, so the
    intervals tell of these training images only. None where c_t could not be worked out.
    """
    if not len(samples) or not len(held_out):
        return {"c_t": None, "farther": None}

    def statistic(a, b):
        result = c_t(samples[a], held_out[b], sample_cells[a], held_out_cells[b])
        return [np.nan if result[key] is None else result[key] for key in ("c_t", "farther")]

    ends = intervals.bootstrap(
        statistic, len(samples), len(held_out), rounds=rounds, seed=seed
    ).tolist()
    return {
        key: None if np.isnan(pair).any() else tuple(pair)
        for key, pair in zip(("c_t", "farther"), ends, strict=True)
    }


def k_means(points, count, seed=0):
    """The cell of each point, int64 (n,), by Lloyd's k-means, begun as k-means++ does.

    points: float (n, d). There are at most `count` cells; an empty one keeps its centre.
    """
    points = np.asarray(points, np.float32)
    random = np.random.RandomState(seed)
    centres, far = points[[random.randint(len(points))]], np.inf
    while len(centres) < count:
        far = np.minimum(far, ((points - centres[-1]) ** 2).sum(1, dtype=np.float64))
        if not far.any():  # no point is left that is not a centre
            break
        centres = np.vstack([centres, points[random.choice(len(points), p=far / far.sum())]])
    cells = None
    for _ in range(ROUNDS):
        before = cells
        cells = ((centres**2).sum(1) - 2 * points @ centres.T).argmin(1)
        if before is not None and np.array_equal(cells, before):
            break
        for cell in np.unique(cells):
            centres[cell] = points[cells == cell].mean(0)
    return cells


def near_duplicates(distances, indices, limit):
    """Pairs of training images no farther apart than `limit`, the nearest first.

    distances, indices: of each training image's nearest other one, (N,). Returns a list of
    (i, j, distance) with i < j, each pair once. Of three images alike at least two pairs are found,
    each image with its nearest. Duplicates are a confounder: they are learned by heart first, and
    beside them a copy passes for authentic, since that rule takes a short distance for usual there.
    """
    near = np.flatnonzero(np.asarray(distances) <= limit)
    pairs = {(min(i, indices[i]), max(i, indices[i])): distances[i] for i in near}
    rows = [(int(i), int(j), float(d)) for (i, j), d in pairs.items()]
    return sorted(rows, key=lambda row: (row[2], row[0], row[1]))


def suspicion(distances, own):
    """Each sample's distance over that of its neighbour to its own: float64 (n,).

    own: to the nearest different image, (n,), since beside a duplicate at distance 0 nothing would
    ever be suspicious; NaN where there is none. A low ratio is suspicious: 0 for an exact copy; at
    1 the rule of `authentic` turns for images without duplicates; infinite where own is 0 or NaN.
    """
    distances, own = np.asarray(distances, np.float64), np.asarray(own, np.float64)
    ratio = np.divide(distances, own, out=np.full(len(distances), np.inf), where=own > 0)
    return np.where(distances == 0, 0.0, ratio)
