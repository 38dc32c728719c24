"""Confidence intervals, against SciPy and against what their level promises."""

import numpy as np
import pytest

from gan_core.metrics import intervals, memorisation_stats
from gan_core.util.errors import InputError

stats = pytest.importorskip("scipy.stats")


@pytest.mark.parametrize(("n", "k"), [(1, 0), (1, 1), (10, 9), (20, 20), (137, 0), (1000, 900)])
def test_wilson_is_scipys(n, k):
    share, low, high = intervals.wilson(np.arange(n) < k)
    expected = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert share == k / n
    np.testing.assert_allclose([low, high], expected, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_wilson_covers_the_true_share(share):
    random = np.random.RandomState(1)
    hits = 0
    for _ in range(400):
        estimate, low, high = intervals.wilson(random.rand(120) < share)
        assert 0 <= low <= estimate <= high <= 1
        assert low < high
        hits += low <= share <= high
    assert hits >= 0.9 * 400


def test_wilson_narrows_with_more_draws():
    few, many = intervals.wilson(np.arange(10) < 9), intervals.wilson(np.arange(1000) < 900)
    assert many[2] - many[1] < 0.1 * (few[2] - few[1]) * 2
    assert intervals.wilson(np.ones(20, bool))[1] < 1


def test_a_share_of_nothing_is_refused():
    with pytest.raises(InputError, match="at least one image"):
        intervals.wilson([])


def test_the_bootstrap_of_a_mean_is_scipys():
    values = np.random.RandomState(5).gamma(2, size=300)
    mean, low, high = intervals.bootstrap_mean(values)
    assert mean == pytest.approx(values.mean())
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=0
    ).confidence_interval
    width = expected.high - expected.low
    np.testing.assert_allclose([low, high], expected, atol=0.08 * width)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(300), rel=0.1)


def test_the_bootstrap_resamples_each_sample_on_its_own():
    random = np.random.RandomState(0)
    a, b = random.standard_normal(200), 1 + 2 * random.standard_normal(150)
    difference = lambda i, j: [a[i].mean() - b[j].mean()]  # noqa: E731
    ((low, high),) = intervals.bootstrap(difference, len(a), len(b), rounds=4000)
    expected = stats.bootstrap(
        (a, b),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        n_resamples=20_000,
        method="percentile",
        rng=0,
    ).confidence_interval
    np.testing.assert_allclose([low, high], expected, atol=0.05 * (expected.high - expected.low))
    assert low < -1 < high


def test_undefined_statistics_are_left_out():
    def statistic(rows):
        return [np.nan if rows[0] < 5 else 1.0, np.nan, rows.mean()]

    result = intervals.bootstrap(statistic, 10, rounds=50)
    assert result[0].tolist() == [1, 1]
    assert np.isnan(result[1]).all()
    assert result[2, 0] < result[2, 1]


def test_the_same_seed_gives_the_same_interval():
    values = np.random.RandomState(0).rand(40)
    assert intervals.bootstrap_mean(values) == intervals.bootstrap_mean(values)
    assert intervals.bootstrap_mean(values) != intervals.bootstrap_mean(values, seed=1)


def test_mann_whitney_is_scipys_with_and_without_ties():
    random = np.random.RandomState(2)
    for a, b in [
        (random.standard_normal(80), 0.3 + random.standard_normal(50)),
        (random.randint(0, 6, 70), random.randint(1, 7, 90)),
        (random.rand(25), random.rand(25) / 2),
    ]:
        z, share = memorisation_stats.mann_whitney(a, b)
        expected = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False)
        assert share == pytest.approx(expected.statistic / (len(a) * len(b)))
        assert 2 * stats.norm.sf(abs(z)) == pytest.approx(expected.pvalue)
        assert (z > 0) == (share > 0.5)
