"""How far apart two sets of pictures are, computed from their features.

Pure functions on float arrays (N, d), one row per picture, in double precision. The two sides are
called `real` and `fake` where a measure is not symmetric.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from gan_core.util.errors import InputError

BLOCK = 1024  # rows of a distance matrix held at once: 10,000 columns of them are 80 MB


def frechet(a: ArrayLike, b: ArrayLike) -> float:
    """The Fréchet distance of two normal distributions fitted to a and b (Heusel et al. 2017, FID):

        |μa − μb|² + tr(Ca + Cb − 2 (Ca Cb)^½),

    in squared feature units, ≥ 0 and 0 for equal sets. a: (N, d), b: (M, d).

    When N ≤ d the covariances are singular and the value is far from its limit. Above that it still
    falls as N grows (Chong and Forsyth 2020), so compare only values of the same N. Raises
    InputError for fewer than two rows.
    """
    x, y = check(a, b, least=2)
    mean = ((x.mean(0) - y.mean(0)) ** 2).sum()
    x, y = ((side - side.mean(0)) / np.sqrt(len(side) - 1) for side in (x, y))
    # C = XᵀX = RᵀR of X = QR, and the trace of (Ca Cb)^½ is the sum of the singular values of
    # Ra Rbᵀ. Taking the square root of a covariance instead would lose half the digits.
    rx, ry = (np.asarray(np.linalg.qr(side, "r")) for side in (x, y))
    shared = np.linalg.svd(rx @ ry.T, compute_uv=False).sum()
    return max(0.0, float(mean + (x**2).sum() + (y**2).sum() - 2 * shared))


def kernel(
    a: ArrayLike, b: ArrayLike, subsets: int = 50, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The kernel distance of a and b (Bińkowski et al. 2018, KID): the unbiased estimate of the
    squared maximum mean discrepancy under the kernel (x·y / d + 1)³.

    a: (N, d), b: (M, d). Returns the mean and the standard deviation over random subsets. Each
    subset holds subset_size rows of either side, drawn without replacement, or as many as the
    smaller side has. Unlike a Fréchet distance it does not fall as N grows: for two sets from one
    distribution its expectation is 0 at any N, so about half of its values are negative.
    Raises InputError for fewer than two rows.
    """
    sides = check(a, b, least=2)
    size = min(subset_size, *map(len, sides))
    if subsets < 1 or size < 2:
        raise InputError("The kernel distance needs at least one subset of at least two images.")
    rng = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        x, y = (side[rng.choice(len(side), size, replace=False)] for side in sides)
        # Leaving out each row's kernel with itself makes the estimate unbiased.
        within = sum(cubic(s, s).sum() - cubic_diagonal(s).sum() for s in (x, y))
        values.append(within / (size * (size - 1)) - 2 * cubic(x, y).mean())
    return float(np.mean(values)), float(np.std(values))


def cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The kernel (x·y / d + 1)³ of all rows of x with all rows of y, float64 (n, m)."""
    linear = x @ y.T / x.shape[1] + 1
    return linear * linear * linear


def cubic_diagonal(x: np.ndarray) -> np.ndarray:
    """The kernel of each row of x with itself, float64 (n,)."""
    return ((x**2).mean(1) + 1) ** 3


def neighbours(real: ArrayLike, fake: ArrayLike, k: int = 5) -> dict[str, float]:
    """Precision, recall, density and coverage: how the sets cover each other's neighbourhoods.

    A row's neighbourhood is the closed ball that reaches its k-th nearest other row of its own set.

        precision  share of the fakes that lie in some real neighbourhood  Kynkäänniemi et al. 2019
        recall     share of the reals that lie in some fake neighbourhood  Kynkäänniemi et al. 2019
        density    mean number of real neighbourhoods a fake lies in, / k  Naeem et al. 2020
        coverage   share of the real neighbourhoods that hold a fake       Naeem et al. 2020

    real: (N, d), fake: (M, d). All values are in [0, 1] except density, which may exceed 1. They
    depend on N, M and k. Exact, in blocks: 10,000 rows of 1280 a side take under 1 GB. Raises
    InputError when a side has no k-th neighbour.
    """
    if k < 1:
        raise InputError(f"k is {k}; it must be 1 or more.")
    real, fake = check(real, fake, least=k + 1)
    real_radii, fake_radii = radii(real, k), radii(fake, k)
    # How many real balls each fake lies in, and how many fake balls each real lies in.
    in_real, in_fake = np.zeros(len(fake), int), np.zeros(len(real), int)
    covered = np.zeros(len(real), bool)
    for rows, distances in blocks(real, fake):
        holds = distances <= real_radii[rows, None]
        in_real += holds.sum(0)
        covered[rows] = holds.any(1)
        in_fake[rows] = (distances <= fake_radii).sum(1)
    return {
        "precision": float((in_real > 0).mean()),
        "recall": float((in_fake > 0).mean()),
        "density": float(in_real.mean() / k),
        "coverage": float(covered.mean()),
    }


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 5) -> tuple[float, float]:
    """Precision and recall of `neighbours` (Kynkäänniemi et al. 2019)."""
    values = neighbours(real, fake, k)
    return values["precision"], values["recall"]


def density_coverage(real: ArrayLike, fake: ArrayLike, k: int = 5) -> tuple[float, float]:
    """Density and coverage of `neighbours` (Naeem et al. 2020)."""
    values = neighbours(real, fake, k)
    return values["density"], values["coverage"]


def diversity(features: ArrayLike) -> float:
    """The mean distance of two different rows, ≥ 0, in feature units. features: (N, d)."""
    (x,) = check(features, least=2)
    return float(sum(np.sqrt(d).sum() for _, d in blocks(x, x)) / (len(x) * (len(x) - 1)))


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """The squared distance of each row to its k-th nearest other row, float64 (N,)."""
    reach = np.empty(len(x))
    for rows, distances in blocks(x, x):
        # A row's smallest distance, number 0, is the one to itself.
        reach[rows] = np.partition(distances, k, axis=1)[:, k]
    return reach


def blocks(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared distances of the rows of a to those of b: pairs of a slice of rows and (n, M)."""
    middle = a.mean(0)  # subtracted because large means would cost digits
    a, b = a - middle, b - middle
    squares = (b**2).sum(1)
    for start in range(0, len(a), BLOCK):
        rows = slice(start, start + BLOCK)
        part = a[rows]
        distances = part @ b.T
        distances *= -2
        distances += (part**2).sum(1)[:, None]
        distances += squares
        yield rows, np.maximum(distances, 0, out=distances)


def check(*sets: ArrayLike, least: int) -> list[np.ndarray]:
    """The sets as float64 arrays; InputError when they do not fit together or are too small."""
    tables = [np.asarray(x, np.float64) for x in sets]
    if any(x.ndim != 2 or x.shape[1] != tables[0].shape[1] for x in tables):
        raise InputError("Features must be tables (N, d) with the same d.")
    smallest = min(map(len, tables))
    if smallest < least:
        raise InputError(
            f"This distance needs at least {least} images on each side; there are {smallest}."
        )
    if not all(np.isfinite(x).all() for x in tables):
        raise InputError("The features hold a number that is not finite.")
    return tables
