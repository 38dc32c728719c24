"""Distances between sets of features, against the packages that most papers use for them."""

import numpy as np
import pytest

from gan_core.metrics import fidelity


def features(n, d=12, shift=0.0, seed=0):
    """Correlated features float64 (n, d), as networks make them: skewed and of unequal variance."""
    random = np.random.RandomState(seed)
    mixed = random.standard_normal((n, d)) @ np.random.RandomState(99).standard_normal((d, d))
    return np.maximum(mixed + shift, -0.5) * np.linspace(0.2, 3, d)


SETS = [(features(300), features(240, shift=0.4, seed=1)), (features(40), features(25, seed=2))]


@pytest.mark.parametrize(("real", "fake"), SETS)
def test_frechet_is_that_of_scipys_matrix_square_root(real, fake):
    linalg = pytest.importorskip("scipy.linalg")
    a, b = np.cov(real.T), np.cov(fake.T)
    root = linalg.sqrtm(a @ b)
    shift = real.mean(0) - fake.mean(0)
    expected = shift @ shift + np.trace(a + b) - 2 * np.trace(root).real
    assert fidelity.frechet(real, fake) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("real", "fake"), SETS)
def test_frechet_is_torch_fidelitys_fid(real, fake):
    fid = pytest.importorskip("torch_fidelity.metric_fid")
    statistics = [{"mu": x.mean(0), "sigma": np.cov(x, rowvar=False)} for x in (real, fake)]
    expected = fid.fid_statistics_to_metric(*statistics, verbose=False)
    assert fidelity.frechet(real, fake) == pytest.approx(
        expected["frechet_inception_distance"], rel=1e-6
    )


def torch_fidelitys_kid(real, fake, subsets, size):
    """(mean, standard deviation over the subsets), with torch-fidelity's usual kernel."""
    torch = pytest.importorskip("torch")
    kid = pytest.importorskip("torch_fidelity.metric_kid")
    options = {"kid_subsets": subsets, "kid_subset_size": size, "rng_seed": 0, "verbose": False}
    result = kid.kid_features_to_metric(torch.from_numpy(real), torch.from_numpy(fake), **options)
    return result["kernel_inception_distance_mean"], result["kernel_inception_distance_std"]


@pytest.mark.parametrize("size", [2, 25])
def test_kernel_of_all_rows_is_torch_fidelitys_kid(size):
    real, fake = (x[:size] for x in SETS[1])
    expected, _ = torch_fidelitys_kid(real, fake, 1, size)
    value, deviation = fidelity.kernel(real, fake, subsets=1, subset_size=size)
    assert value == pytest.approx(expected, rel=1e-9)
    assert deviation == 0


def test_kernel_over_subsets_is_torch_fidelitys_kid():
    real, fake = SETS[0]
    expected, expected_deviation = torch_fidelitys_kid(real, fake, 200, 100)
    mean, deviation = fidelity.kernel(real, fake, subsets=200, subset_size=100)
    # The subsets differ, so the means agree up to their standard errors.
    error = np.hypot(deviation, expected_deviation) / np.sqrt(200)
    assert abs(mean - expected) < 4 * error
    assert deviation == pytest.approx(expected_deviation, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("real", "fake"), SETS)
def test_neighbourhood_measures_are_prdcs(real, fake, k):
    prdc = pytest.importorskip("prdc")
    expected = prdc.compute_prdc(real, fake, nearest_k=k)
    result = fidelity.neighbours(real, fake, k)
    assert set(result) == set(expected)
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, abs=1e-12), name
    # No measure is trivial on these sets, or the test could not fail.
    assert 0 < result["precision"] < 1 or len(real) < 100
