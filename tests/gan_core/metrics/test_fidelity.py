"""Distances between sets of features, against closed forms and points worked out by hand."""

import numpy as np
import pytest

from gan_core.metrics import fidelity
from gan_core.util.errors import InputError

# Four corners of a unit square, and one point far away.
SQUARE = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [10, 10]], float)


def normal(n, mean, deviation, seed=0):
    """Rows whose sample mean and covariance are exactly `mean` and diag(deviation²)."""
    x = np.random.RandomState(seed).standard_normal((n, len(mean)))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    return x * deviation + mean


def rotation(d, seed=0):
    return np.linalg.qr(np.random.RandomState(seed).standard_normal((d, d)))[0]


def test_frechet_of_normals_in_one_dimension():
    a, b = (np.array(x)[:, None] for x in ([0.0, 2, 4], [7.0, 8, 9]))
    # Means 2 and 8, deviations 2 and 1: (8 − 2)² + (2 − 1)².
    assert fidelity.frechet(a, b) == pytest.approx(37)


def test_frechet_of_normals_with_common_axes():
    a = normal(50, [0, 0, 0], [1, 2, 3]) @ rotation(3)
    b = normal(80, [1, 2, 2], [2, 2, 7], seed=1) @ rotation(3)
    assert fidelity.frechet(a, b) == pytest.approx(9 + 1 + 0 + 16)


def test_frechet_of_normals_with_different_axes():
    a = normal(50, [0, 0], [1, 3])
    b = normal(50, [0, 0], [1, 3], seed=1)[:, ::-1]
    # Covariances diag(1, 9) and diag(9, 1): 20 − 2 · (3 + 3).
    assert fidelity.frechet(a, b) == pytest.approx(8)
    turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    c = normal(50, [0, 0], [1, 3], seed=2) @ turn
    covariances = np.cov(a.T), np.cov(c.T)
    root = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1])).sum()
    assert fidelity.frechet(a, c) == pytest.approx(20 - 2 * root)
    assert root < 9.9  # they do not commute, so the answer is not that of equal axes


def test_frechet_is_symmetric_and_zero_for_equal_sets():
    a, b = np.random.RandomState(0).rand(2, 30, 50).astype(np.float32)  # N < d
    assert fidelity.frechet(a, b) == pytest.approx(fidelity.frechet(b, a), rel=1e-9)
    assert 0 <= fidelity.frechet(a, a) < 1e-9
    assert 0 <= fidelity.frechet(a, a[::-1]) < 1e-9
    assert fidelity.frechet(a, a + 1) == pytest.approx(50, rel=1e-5)


def test_frechet_with_fewer_rows_than_features_follows_the_definition():
    a, b = np.random.RandomState(1).standard_normal((2, 4, 9))
    ca, cb = np.cov(a.T), np.cov(b.T)
    root = np.sqrt(np.abs(np.linalg.eigvals(ca @ cb))).sum()
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb) - 2 * root
    assert fidelity.frechet(a, b) == pytest.approx(expected, rel=1e-5)


def test_frechet_falls_as_the_number_of_rows_grows():
    few, many = (np.random.RandomState(n).standard_normal((2, n, 20)) for n in (40, 1000))
    assert fidelity.frechet(*few) > 3 * fidelity.frechet(*many) > 0


def test_kernel_by_hand():
    a, b = np.array([[0.0, 0], [2, 0]]), np.array([[0.0, 2], [2, 2]])
    # d is 2. Kernels between different rows: 1 in a; (4 / 2 + 1)³ = 27 in b; across, 1, 1, 1, 27.
    mean, deviation = fidelity.kernel(a, b)
    assert mean == pytest.approx(1 + 27 - 2 * 30 / 4)
    assert deviation == pytest.approx(0)


def test_kernel_is_unbiased_where_the_sets_are_of_one_distribution():
    rng = np.random.RandomState(0)
    result = [fidelity.kernel(*rng.standard_normal((2, 20, 5)), subsets=1)[0] for _ in range(400)]
    error = np.std(result) / np.sqrt(len(result))
    assert abs(np.mean(result)) < 3 * error  # the biased estimate would be 50 errors away
    assert min(result) < 0 < max(result)


def test_kernel_distinguishes_distributions_and_is_symmetric():
    a, b, c = np.random.RandomState(0).standard_normal((3, 300, 5))
    options = {"subsets": 20, "subset_size": 100}
    same, deviation = fidelity.kernel(a, b, **options)
    other, _ = fidelity.kernel(a, c + 0.5, **options)
    assert other > same + 5 * deviation
    assert deviation > 0
    whole = {"subsets": 1, "subset_size": 300}
    assert fidelity.kernel(a, c, **whole)[0] == pytest.approx(fidelity.kernel(c, a, **whole)[0])


def test_kernel_follows_its_seed():
    a, b = np.random.RandomState(0).rand(2, 50, 3)
    options = {"subsets": 5, "subset_size": 10}
    assert fidelity.kernel(a, b, **options) == fidelity.kernel(a, b, **options)
    assert fidelity.kernel(a, b, **options) != fidelity.kernel(a, b, seed=1, **options)


def test_neighbours_by_hand():
    # Balls of k = 1: radius 1 about each corner, √162 about (10, 10), which reaches (1, 1).
    # Fakes: (0.5, 0) is in the balls of (0, 0) and (1, 0); (5, 5) in that of (10, 10) alone;
    # (30, 30) in none.
    fake = np.array([[0.5, 0], [5, 5], [30, 30]])
    # The fakes' balls: √45.25 about the first two, which hold the corners, and √1250 about
    # (30, 30), which holds (10, 10), √800 away.
    result = fidelity.neighbours(SQUARE, fake, k=1)
    assert result["precision"] == pytest.approx(2 / 3)
    assert result["recall"] == pytest.approx(1)
    assert result["density"] == pytest.approx(3 / 3)
    assert result["coverage"] == pytest.approx(3 / 5)
    # With k = 2 the balls about the corners still have radius 1 and (10, 10) reaches (0, 1) too.
    result = fidelity.neighbours(SQUARE, np.vstack([fake, [[1.0, 0.5]]]), k=2)
    assert result["precision"] == pytest.approx(3 / 4)
    assert result["density"] == pytest.approx((2 + 1 + 0 + 3) / 4 / 2)
    assert result["coverage"] == pytest.approx(4 / 5)


def test_precision_and_recall_are_not_taken_for_each_other():
    grid = np.stack(np.meshgrid(*[np.arange(8.0)] * 2), -1).reshape(-1, 2)
    corner = grid[(grid < 4).all(1)] + 0.1  # all of it real, a quarter of the real
    precision, recall = fidelity.precision_recall(grid, corner, k=3)
    assert precision == 1
    assert 0.2 < recall < 0.5
    assert fidelity.precision_recall(corner, grid, k=3) == (recall, precision)
    density, coverage = fidelity.density_coverage(grid, corner, k=3)
    assert density > 0.9
    assert 0.2 < coverage < 0.5
    assert fidelity.density_coverage(grid, grid + 100, k=3) == (0, 0)


def test_equal_sets_cover_each_other():
    x = np.random.RandomState(0).rand(200, 4)
    result = fidelity.neighbours(x, x[::-1], k=5)
    assert result["precision"] == result["recall"] == result["coverage"] == 1
    assert result["density"] == pytest.approx(6 / 5)  # itself and five more, over k = 5


def test_blocks_change_nothing(monkeypatch):
    real, fake = np.random.RandomState(0).rand(2, 50, 3)
    whole = fidelity.neighbours(real, fake, 3), fidelity.diversity(real)
    monkeypatch.setattr(fidelity, "BLOCK", 7)
    assert fidelity.neighbours(real, fake, 3) == whole[0]
    assert fidelity.diversity(real) == pytest.approx(whole[1])


def test_a_large_mean_costs_no_digits():
    real, fake = np.random.RandomState(0).rand(2, 60, 3)
    assert fidelity.neighbours(real + 1e6, fake + 1e6) == fidelity.neighbours(real, fake)
    assert fidelity.diversity(real + 1e6) == pytest.approx(fidelity.diversity(real), rel=1e-6)


def test_diversity_by_hand():
    assert fidelity.diversity(np.array([[0.0, 0], [3, 4]])) == pytest.approx(5)
    # Six pairs of the square's corners: four sides and two diagonals.
    assert fidelity.diversity(SQUARE[:4]) == pytest.approx((4 + 2 * np.sqrt(2)) / 6)
    assert fidelity.diversity(np.ones((5, 3))) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda x: fidelity.frechet(x[:1], x),
        lambda x: fidelity.kernel(x, x[:1]),
        lambda x: fidelity.kernel(x, x, subsets=0),
        lambda x: fidelity.kernel(x, x, subset_size=1),
        lambda x: fidelity.neighbours(x, x[:5], k=5),
        lambda x: fidelity.neighbours(x[:5], x, k=5),
        lambda x: fidelity.neighbours(x, x, k=0),
        lambda x: fidelity.diversity(x[:1]),
        lambda x: fidelity.frechet(x, x[:, :2]),
        lambda x: fidelity.frechet(x[0], x[0]),
        lambda x: fidelity.frechet(x, np.where(x < 0.5, np.nan, x)),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(call):
    with pytest.raises(InputError) as caught:
        call(np.random.RandomState(0).rand(8, 3))
    assert "\n" not in str(caught.value)
