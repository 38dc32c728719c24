"""Latents: a seed means the same picture everywhere, and paths go where the mathematics says."""

import json

import numpy as np
import pytest

from gan_core import latent
from gan_core.latent import Prior
from gan_core.util.errors import InputError

# Written down once: these numbers must never change, on any machine or version.
GOLDEN = {
    "normal": {
        0: [1.764052391052246, 0.40015721321105957, 0.978738009929657, 2.2408931255340576],
        2**32 - 1: [0.6484086513519287, 0.6693235039710999, -1.0805437564849854, 0.28450104594],
    },
    "uniform": {
        0: [0.09762700647115707, 0.4303787350654602, 0.20552675426006317, 0.08976636826992035],
        2**32 - 1: [-0.8047359585762024, 0.824765682220459, 0.5780705809593201, 0.5600072145462],
    },
}


@pytest.fixture
def ends():
    a, b = np.random.RandomState(1).standard_normal((2, 100)).astype(np.float32)
    return a, 3 * b


def angles(points):
    """The angle between each point and the next, in radians."""
    unit = points.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return np.arccos((unit[:-1] * unit[1:]).sum(1))


@pytest.mark.parametrize("kind", latent.PRIORS)
def test_each_row_is_the_sample_of_its_own_seed(kind):
    prior = Prior(kind, 7)
    z = prior.sample(5, seed=43)
    for i in range(5):
        assert np.array_equal(z[i], prior.sample(1, seed=43 + i)[0])
    assert len(np.unique(z[:, 0])) == 5


@pytest.mark.parametrize("kind", latent.PRIORS)
@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_seeds_mean_the_frozen_numbers(kind, seed):
    z = Prior(kind, 4).sample(1, seed)
    assert z.dtype == np.float32
    assert np.array_equal(z[0], np.float32(GOLDEN[kind][seed]))


def test_a_fresh_process_draws_the_same_bytes(python):
    code = (
        "import json; from gan_core.latent import Prior; "
        "print(json.dumps([Prior(k, 64).sample(3, 9).tobytes().hex() for k in "
        "('normal', 'uniform')]))"
    )
    drawn = json.loads(python("-c", code, check=True).stdout)
    assert drawn == [Prior(k, 64).sample(3, 9).tobytes().hex() for k in ("normal", "uniform")]


def test_sampling_leaves_the_global_random_state_alone():
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    Prior("normal", 10).sample(3)
    assert np.random.rand() == expected


def test_priors_have_their_moments():
    normal = Prior("normal", 400).sample(100)
    assert abs(normal.mean()) < 0.02
    assert abs(normal.std() - 1) < 0.02
    uniform = Prior("uniform", 400).sample(100)
    assert abs(uniform.mean()) < 0.02
    assert abs(uniform.std() - 1 / np.sqrt(3)) < 0.01
    assert np.abs(uniform).max() <= 1


def test_a_page_of_no_samples_is_empty():
    assert Prior("normal", 3).sample(0).shape == (0, 3)


@pytest.mark.parametrize(
    ("kind", "size"),
    [("gaussian", 4), (None, 4), ("normal", 0), ("normal", -1), ("normal", 2.5), ("normal", "8")],
)
def test_impossible_priors_are_refused(kind, size):
    with pytest.raises(InputError):
        Prior(kind, size)


@pytest.mark.parametrize(("n", "seed"), [(1, -1), (1, 2**32), (2, 2**32 - 1)])
def test_seeds_out_of_range_are_refused(n, seed):
    with pytest.raises(InputError, match=str(2**32 - 1)):
        Prior("normal", 4).sample(n, seed)


def test_truncation_scales_towards_the_mean(ends):
    z = np.stack(ends)
    assert np.array_equal(latent.truncate(z, 1.0), z)
    assert not latent.truncate(z, 0.0).any()
    assert np.allclose(latent.truncate(z, 0.7), 0.7 * z)
    assert latent.truncate(z.astype(np.float64), 0.5).dtype == np.float32


@pytest.mark.parametrize("between", [latent.slerp, latent.lerp])
def test_interpolation_begins_and_ends_at_its_ends(ends, between):
    a, b = ends
    z = between(a, b, np.array([0.0, 1.0]))
    assert np.allclose(z, [a, b], atol=1e-6)
    assert z.dtype == np.float32
    assert between(a, b, 0.5).shape == (100,)


def test_lerp_is_the_straight_line():
    z = latent.lerp([0, 10], [4, 20], np.array([0, 0.25, 0.5, 1]))
    assert z.tolist() == [[0, 10], [1, 12.5], [2, 15], [4, 20]]


def test_slerp_turns_by_equal_angles_while_the_norm_goes_linearly(ends):
    a, b = ends
    t = np.linspace(0, 1, 9)
    z = latent.slerp(a, b, t)
    steps = angles(z)
    assert np.allclose(steps, steps[0], rtol=1e-4)
    assert np.allclose(steps.sum(), angles(np.stack([a, b]))[0], rtol=1e-5)
    expected = (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
    assert np.allclose(np.linalg.norm(z, axis=1), expected, rtol=1e-5)


def test_slerp_of_a_right_angle_is_the_circle():
    z = latent.slerp([1, 0], [0, 1], np.array([1 / 3, 0.5]))
    assert np.allclose(z, [[np.sqrt(3) / 2, 0.5], [np.sqrt(0.5), np.sqrt(0.5)]])


@pytest.mark.parametrize(
    "b", [[3, 4], [6, 8], [-3, -4], [0, 0], [3, 4.0000001]], ids=lambda b: f"to {b}"
)
@pytest.mark.parametrize("swap", [False, True])
def test_slerp_without_a_unique_circle_is_the_straight_line(b, swap):
    a, b = ([3, 4], b) if not swap else (b, [3, 4])
    t = np.linspace(0, 1, 5)
    z = latent.slerp(a, b, t)
    assert np.isfinite(z).all()
    assert np.allclose(z, latent.lerp(a, b, t), atol=1e-6)


@pytest.mark.parametrize("mode", latent.MODES)
def test_an_open_path_passes_every_keyframe(mode):
    keys = Prior("normal", 16).sample(3)
    z = latent.path(keys, 9, mode)
    assert z.shape == (9, 16)
    assert np.allclose(z[[0, 4, 8]], keys, atol=1e-6)


@pytest.mark.parametrize("mode", latent.MODES)
def test_a_closed_path_loops_without_a_doubled_picture(mode):
    keys = Prior("normal", 16).sample(3)
    z = latent.path(keys, 12, mode, closed=True)
    assert z.shape == (12, 16)
    assert np.allclose(z[[0, 4, 8]], keys, atol=1e-6)
    halfway = getattr(latent, mode)(keys[2], keys[0], 0.5)
    assert np.allclose(z[10], halfway, atol=1e-5)
    assert not np.allclose(z[-1], z[0], atol=1e-2)


def test_the_modes_differ_between_keyframes():
    keys = Prior("normal", 16).sample(2)
    assert not np.allclose(latent.at(keys, 0.5, "slerp"), latent.at(keys, 0.5, "lerp"), atol=0.05)


def test_time_k_is_keyframe_k():
    keys = Prior("normal", 16).sample(3)
    assert latent.at(keys, 1.0).shape == (16,)
    assert np.allclose(latent.at(keys, [0, 1, 2]), keys, atol=1e-6)
    assert np.allclose(latent.at(keys, 3, closed=True), keys[0], atol=1e-6)
    assert np.allclose(latent.at(keys, 0.25, "lerp"), 0.75 * keys[0] + 0.25 * keys[1], atol=1e-6)


def test_paths_need_two_keyframes_and_a_known_mode():
    keys = Prior("normal", 4).sample(2)
    for too_few in (keys[:1], keys[0], keys[:0]):
        with pytest.raises(InputError, match="two keyframes"):
            latent.path(too_few, 5)
    with pytest.raises(InputError, match="'cubic'"):
        latent.path(keys, 5, "cubic")


CORNERS = [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize("mode", latent.MODES)
def test_a_plane_passes_its_corners_in_reading_order(mode):
    corners = Prior("normal", 16).sample(4)
    z = latent.plane(corners, CORNERS, mode)
    assert z.shape == (4, 16)
    assert z.dtype == np.float32
    assert np.allclose(z, corners, atol=1e-6)
    assert mode == "slerp" or np.array_equal(z, corners)


@pytest.mark.parametrize("mode", latent.MODES)
@pytest.mark.parametrize(
    ("first", "second", "edge"),
    [
        (0, 1, lambda t: (t, 0)),
        (2, 3, lambda t: (t, 1)),
        (0, 2, lambda t: (0, t)),
        (1, 3, lambda t: (1, t)),
    ],
    ids=["upper", "lower", "left", "right"],
)
def test_the_edges_of_a_plane_are_paths_between_corners(mode, first, second, edge):
    corners = Prior("normal", 16).sample(4)
    t = np.linspace(0, 1, 7)
    z = latent.plane(corners, [edge(u) for u in t], mode)
    expected = getattr(latent, mode)(corners[first], corners[second], t)
    assert np.allclose(z, expected, atol=1e-6)


def test_inside_a_plane_it_goes_from_the_upper_edge_to_the_lower():
    corners = Prior("normal", 16).sample(4)
    upper, lower = latent.slerp(*corners[:2], 0.3), latent.slerp(*corners[2:], 0.3)
    expected = latent.slerp(upper, lower, 0.8)
    assert np.allclose(latent.plane(corners, [(0.3, 0.8)])[0], expected, atol=1e-6)


def test_a_straight_plane_is_bilinear():
    corners = np.float32([[0, 0], [4, 0], [0, 8], [4, 8]])
    z = latent.plane(corners, [(0.25, 0.5), (0.5, 0.25), (1, 0.75)], "lerp")
    assert z.tolist() == [[1, 4], [2, 2], [4, 6]]


def test_a_plane_at_no_places_is_empty():
    assert latent.plane(np.zeros((4, 3)), np.empty((0, 2))).shape == (0, 3)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_a_plane_needs_four_corners(n):
    with pytest.raises(InputError, match=f"four corners; these are {n}"):
        latent.plane(np.ones((n, 3)), [(0.5, 0.5)])


def test_four_numbers_are_no_corners():
    with pytest.raises(InputError, match="four corners"):
        latent.plane(np.ones(4), [(0.5, 0.5)])


@pytest.mark.parametrize("mode", ["both", "cubic", "", None])
def test_a_plane_needs_a_known_mode(mode):
    with pytest.raises(InputError, match="slerp, lerp"):
        latent.plane(np.ones((4, 3)), [(0.5, 0.5)], mode)


def test_combine_adds_weighted_vectors_to_the_origin():
    vectors = [[1, 0, 2], [0, 1, -1]]
    weights = [[0, 0], [1, 0], [2, -3], [0.5, 0.25]]
    z = latent.combine(vectors, weights)
    assert z.dtype == np.float32
    assert z.tolist() == [[0, 0, 0], [1, 0, 2], [2, -3, 7], [0.5, 0.25, 0.75]]
    moved = latent.combine(vectors, weights, origin=np.float32([10, 20, 30]))
    assert np.array_equal(moved, z + np.float32([10, 20, 30]))


@pytest.mark.parametrize("norm", [0.0, 1.0, 7.5])
def test_combine_brings_every_sum_to_the_norm(norm):
    vectors = Prior("normal", 20).sample(3)
    weights = np.random.RandomState(4).standard_normal((6, 3))
    z, free = latent.combine(vectors, weights, norm=norm), latent.combine(vectors, weights)
    lengths = np.linalg.norm(free, axis=1, keepdims=True)
    assert np.allclose(np.linalg.norm(z, axis=1), norm, rtol=1e-6)
    assert np.allclose(z, norm * free / lengths, atol=1e-6)
    assert lengths.std() > 0.1


def test_the_norm_counts_from_zero_and_not_from_the_origin():
    z = latent.combine([[0, 1]], [[4]], origin=[3, 0], norm=10.0)
    assert np.allclose(z, [[6, 8]])


def test_a_sum_of_length_zero_stays():
    z = latent.combine([[1, 2], [1, 2]], [[1, -1], [1, 1]], norm=np.sqrt(5))
    assert np.allclose(z, [[0, 0], [1, 2]])


@pytest.mark.parametrize("norm", [None, 3.0])
def test_combine_does_not_depend_on_the_order_or_on_what_weighs_nothing(norm):
    vectors = Prior("normal", 12).sample(4)
    weights = np.array([[0.5, -1.25, 0.0, 2.0]])
    z = latent.combine(vectors, weights, norm=norm)
    order = [2, 0, 3, 1]
    assert np.allclose(latent.combine(vectors[order], weights[:, order], norm=norm), z, atol=1e-6)
    left = [0, 1, 3]
    assert np.allclose(latent.combine(vectors[left], weights[:, left], norm=norm), z, atol=1e-6)
    other = vectors.copy()
    other[2] = 1e6
    assert np.allclose(latent.combine(other, weights, norm=norm), z, atol=1e-6)


@pytest.mark.parametrize("norm", [None, 3.0])
def test_other_signs_of_vector_and_weight_are_the_same_and_of_one_the_opposite(norm):
    vectors = Prior("normal", 12).sample(2)
    weights = np.array([[0.5, -1.25]])
    z = latent.combine(vectors, weights, norm=norm)
    assert np.array_equal(latent.combine(-vectors, -weights, norm=norm), z)
    assert np.array_equal(latent.combine(vectors, -weights, norm=norm), -z)
    flipped = vectors * np.float32([[1], [-1]])
    assert np.array_equal(latent.combine(flipped, weights * [[1, -1]], norm=norm), z)


def test_combine_of_several_rows_is_row_by_row():
    vectors = Prior("normal", 12).sample(3)
    weights = np.random.RandomState(4).standard_normal((5, 3))
    z = latent.combine(vectors, weights, origin=vectors[0], norm=2.0)
    for row, single in zip(z, weights, strict=True):
        assert np.allclose(row, latent.combine(vectors, [single], vectors[0], 2.0)[0], atol=1e-6)


@pytest.mark.parametrize(("kind", "size"), [("normal", 100), ("uniform", 100), ("normal", 512)])
@pytest.mark.slow
def test_below_the_least_psi_hardly_a_sample_is_as_short(kind, size):
    prior = Prior(kind, size)
    lengths = np.linalg.norm(prior.sample(5000), axis=1)
    psi = latent.least_psi(prior)
    # Rounded to 0.05, so a step below it is too short and a step above it is not.
    assert (lengths < (psi - 0.05) * lengths.mean()).mean() <= 1 / 1000
    assert (lengths < (psi + 0.05) * lengths.mean()).mean() >= 1 / 1000


def test_the_least_psi_of_few_coordinates_is_zero():
    assert latent.least_psi(Prior("normal", 100)) == 0.8
    assert latent.least_psi(Prior("normal", 4)) == 0
    assert latent.least_psi(Prior("uniform", 1)) <= 0.05
