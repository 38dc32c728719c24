"""How far apart two sets of pictures are, worked out from their features.

Pure functions on float arrays (N, d), one row a picture, in double precision. `real` and `fake`
name the two sides where a measure is not the same both ways.
"""

import numpy as np

from gan_core.util.errors import InputError

BLOCK = 1024  # rows of a distance matrix held at once: 10,000 columns of them are 80 MB


def frechet(a, b):
    """The Fréchet distance of two normal distributions fitted to a and b (Heusel et al. 2017, FID):

        |μa − μb|² + tr(Ca + Cb − 2 (Ca Cb)^½),

    in squared feature units, ≥ 0 and 0 for equal sets. a: (N, d), b: (M, d); returns a float.

    With as many rows as features or fewer (N ≤ d) the covariances are singular and the number is
    far from its limit; above that it still falls as N grows (Chong and Forsyth 2020), so compare
    only numbers of the same N. Raises InputError for fewer than two rows.
    """
    a, b = check(a, b, least=2)
    mean = ((a.mean(0) - b.mean(0)) ** 2).sum()
    a, b = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b))
    # C = XᵀX = RᵀR of X = QR, and the trace of (Ca Cb)^½ is the sum of the singular values of
    # Ra Rbᵀ. No square root of a covariance is taken, which would lose half the digits.
    product = np.linalg.qr(a, "r") @ np.linalg.qr(b, "r").T
    shared = np.linalg.svd(product, compute_uv=False).sum()
    return max(0.0, float(mean + (a**2).sum() + (b**2).sum() - 2 * shared))


def kernel(a, b, subsets=50, subset_size=1000, seed=0):
    """The kernel distance of a and b (Bińkowski et al. 2018, KID): the squared maximum mean
    discrepancy, in the unbiased estimate, under the kernel (x·y / d + 1)³.

    It is the mean over random subsets, each of subset_size rows of either side without
    replacement, or of all rows of the smaller side when those are fewer. a: (N, d), b: (M, d).
    Returns the mean and the standard deviation over the subsets, two floats. Unlike a Fréchet
    distance it does not fall as N grows: for two sets of one distribution its expectation is 0 at
    any N, and so it is negative about half the time.
    Raises InputError for fewer than two rows.
    """
    a, b = check(a, b, least=2)
    size = min(subset_size, len(a), len(b))
    if subsets < 1 or size < 2:
        raise InputError("The kernel distance needs a subset or more, of two images or more.")
    rng = np.random.RandomState(seed)
    found = []
    for _ in range(subsets):
        x, y = (s[rng.choice(len(s), size, replace=False)] for s in (a, b))
        # A row's kernel with itself is left out: that makes the estimate unbiased.
        within = sum(cubic(s, s).sum() - cubic_diagonal(s).sum() for s in (x, y))
        found.append(within / (size * (size - 1)) - 2 * cubic(x, y).mean())
    return float(np.mean(found)), float(np.std(found))


def cubic(x, y):
    """The kernel (x·y / d + 1)³ of all rows of x with all rows of y, float64 (n, m)."""
    linear = x @ y.T / x.shape[1] + 1
    return linear * linear * linear


def cubic_diagonal(x):
    """The kernel of each row of x with itself, float64 (n,)."""
    return ((x**2).mean(1) + 1) ** 3


def neighbours(real, fake, k=5):
    """Precision, recall, density and coverage: how the sets cover each other's neighbourhoods.

    A row's neighbourhood is the closed ball that reaches its k-th nearest other row of its own set.

        precision  part of the fakes that lie in some real neighbourhood   Kynkäänniemi et al. 2019
        recall     part of the reals that lie in some fake neighbourhood   Kynkäänniemi et al. 2019
        density    mean number of real neighbourhoods a fake lies in, / k  Naeem et al. 2020
        coverage   part of the real neighbourhoods that hold a fake        Naeem et al. 2020

    real: (N, d), fake: (M, d). Returns a dict of floats; all are in [0, 1] but density, which may
    exceed 1. They depend on N, M and k. Exact, in blocks: 10,000 rows of 1280 a side take under
    1 GB. Raises InputError when a side has no k-th neighbour.
    """
    if k < 1:
        raise InputError(f"k is {k}; it must be a number from 1 up.")
    real, fake = check(real, fake, least=k + 1)
    real_radii, fake_radii = radii(real, k), radii(fake, k)
    # How many real balls each fake lies in, and likewise the other way.
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


def precision_recall(real, fake, k=5):
    """Precision and recall of `neighbours`, two floats (Kynkäänniemi et al. 2019)."""
    found = neighbours(real, fake, k)
    return found["precision"], found["recall"]


def density_coverage(real, fake, k=5):
    """Density and coverage of `neighbours`, two floats (Naeem et al. 2020)."""
    found = neighbours(real, fake, k)
    return found["density"], found["coverage"]


def diversity(features):
    """The mean distance of two different rows, a float ≥ 0 in feature units. features: (N, d)."""
    (features,) = check(features, least=2)
    n = len(features)
    return float(sum(np.sqrt(d).sum() for _, d in blocks(features, features)) / (n * (n - 1)))


def radii(x, k):
    """The squared distance of each row to its k-th nearest other row, float64 (N,)."""
    found = np.empty(len(x))
    for rows, distances in blocks(x, x):
        # Of a row's distances in order the first, number 0, is the one to itself.
        found[rows] = np.partition(distances, k, axis=1)[:, k]
    return found


def blocks(a, b):
    """Squared distances of the rows of a to those of b: pairs of a slice of rows and (n, M)."""
    middle = a.mean(0)  # which is taken off because large means would cost digits
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


def check(*sets, least):
    """The sets as float64 arrays; InputError when they do not fit together or are too small."""
    sets = [np.asarray(x, np.float64) for x in sets]
    if any(x.ndim != 2 or x.shape[1] != sets[0].shape[1] for x in sets):
        raise InputError("Features must be tables (N, d) with the same d.")
    if min(map(len, sets)) < least:
        raise InputError(
            f"This distance needs at least {least} images a side; there are {min(map(len, sets))}."
        )
    if not all(np.isfinite(x).all() for x in sets):
        raise InputError("The features hold a number that is not finite.")
    return sets
