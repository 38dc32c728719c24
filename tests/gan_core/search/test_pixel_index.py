"""Nearest images: the same as from comparing with every image, in integers, whatever the set."""

import os
import threading

import numpy as np
import pytest

import gan_core
from gan_core import checkpoint
from gan_core.data import training_set as sets
from gan_core.search import (
    exact_distance,
    feature_index,
    index_cache,
    lower_bounds,
    numba_loops,
    pixel_index,
)
from gan_core.util import atomic_files, cache_dir
from gan_core.util.errors import InputError
from support import pictures


def brute_force(images, queries, k, exclude=None):
    """The k nearest by 64-bit integers, all distances sorted, ties by index."""
    flat = images.reshape(len(images), -1).astype(np.int64)
    distances, indices = [], []
    for q, query in enumerate(queries.reshape(len(queries), -1).astype(np.int64)):
        all_distances = ((flat - query) ** 2).sum(1)
        order = np.lexsort((np.arange(len(flat)), all_distances))
        order = [i for i in order if exclude is None or i != exclude[q]][:k]
        distances.append(all_distances[order])
        indices.append(order)
    return np.array(distances), np.array(indices)


def smooth(n, size=12, channels=3, seed=0):
    """n pictures that bounds can tell apart: noise of 4 × 4, enlarged, and grain."""
    random = np.random.RandomState(seed)
    coarse = random.randint(0, 240, (n, 4, 4, channels))
    side = -(-size // 4)
    large = coarse.repeat(side, 1).repeat(side, 2)[:, :size, :size]
    return (large + random.randint(0, 16, large.shape)).astype(np.uint8)


def constant(n, size, channels):
    return np.full((n, size, size, channels), 77, np.uint8)


def duplicates(n, size, channels):
    return smooth(7, size, channels)[np.random.RandomState(1).randint(0, 7, n)]


def extremes(n, size, channels):
    random = np.random.RandomState(2)
    return random.choice([0, 255], (n, size, size, channels)).astype(np.uint8)


def levels(n, size, channels):
    """Flat pictures of every level: bounds that are tight to the last digit, and many ties."""
    return (
        np.arange(n)
        .astype(np.uint8)[:, None, None, None]
        .repeat(size, 1)
        .repeat(size, 2)
        .repeat(channels, 3)
    )


@pytest.fixture
def pruned(monkeypatch):
    """Bounds are used for sets of any size, and never given up."""
    monkeypatch.setattr(pixel_index, "SMALL", 0)
    monkeypatch.setattr(pixel_index, "SHARE", 2)


SETS = [smooth, duplicates, constant, extremes, levels, pictures]


@pytest.mark.slow
@pytest.mark.parametrize("size_and_channels", [(12, 3), (28, 1), (5, 4), (33, 1)])
@pytest.mark.parametrize("make", SETS)
def test_equals_brute_force(make, size_and_channels, pruned):
    images = make(600, *size_and_channels)
    others = smooth(3, *size_and_channels, seed=9)
    queries = np.concatenate([images[:4], images[-2:], 255 - images[7:9], others])
    results = pixel_index.PixelIndex(images).query(queries, 8)
    expected = brute_force(images, queries, 8)
    assert results[0].dtype == results[1].dtype == np.int64
    np.testing.assert_array_equal(results[0], expected[0])
    np.testing.assert_array_equal(results[1], expected[1])


@pytest.mark.slow
@pytest.mark.parametrize("make", SETS)
def test_equals_brute_force_where_all_is_as_it_ships(make):
    images, k = make(700, 12, 3), 5
    queries = np.concatenate([images[::97], smooth(60, 12, 3, seed=3)])  # more than one batch
    results = pixel_index.PixelIndex(images).query(queries, k)
    for one, other in zip(results, brute_force(images, queries, k), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_bounds_spare_most_of_the_work(monkeypatch):
    images, compared = smooth(3000), []
    to_one = exact_distance.to_one
    index = pixel_index.PixelIndex(images)
    monkeypatch.setattr(
        exact_distance,
        "to_one",
        lambda *given: (compared.append(len(given[-1])), to_one(*given))[1],
    )
    results = index.query(smooth(4, seed=5), 3)
    np.testing.assert_array_equal(results[1], brute_force(images, smooth(4, seed=5), 3)[1])
    assert sum(compared) < 4 * 300


@pytest.mark.parametrize("make", SETS)
def test_bounds_are_bounds(make):
    images = make(300, 20, 3)
    queries = np.concatenate([images[:5], smooth(5, 20), pictures(5, 20)])
    known = lower_bounds.build(images)
    coarse, fine, texture = known.describe(queries)
    true = ((images[None].astype(np.int64) - queries[:, None]) ** 2).sum((2, 3, 4))
    slack = known.slack(coarse[:, -1][:, None] + known.coarse[:, -1].max()).astype(np.float64)
    low = known.coarse.astype(np.float64)
    low = ((low[None, :, :-1] - coarse[:, None, :-1].astype(np.float64)) ** 2).sum(2)
    high = ((known.fine[None].astype(np.float64) - fine[:, None]) ** 2).sum(2)
    assert (low - slack <= true).all()
    assert (high - slack <= true).all()
    assert (low <= high + slack).all()
    for q in range(len(queries)):
        every = np.arange(len(images))
        tighter = known.tightened(high[q].astype(np.float32), every, fine[q], texture[q])
        assert (tighter - slack[q] <= true[q]).all()
        assert (tighter >= high[q].astype(np.float32)).all()


def test_a_texture_rounded_up_is_still_a_bound(monkeypatch):
    """Where it is tight: every block the same checkerboard, as strong as float16 rounds most."""
    strengths = np.arange(30, 120)
    lengths = strengths * np.sqrt(48)  # of a block of 4 × 4 × 3 numbers
    strength = strengths[np.argmax(np.float16(lengths).astype(float) - lengths)]
    board = np.indices((64, 64)).sum(0)[None, :, :, None] % 2 * 2 - np.ones((1, 64, 64, 3), int)
    images = np.uint8(128 + board * np.array([strength, 1])[:, None, None, None])
    known = lower_bounds.build(images.repeat(300, 0))
    _, fine, texture = known.describe(images[1:])
    true = ((images[0].astype(int) - images[1].astype(int)) ** 2).sum()
    slack = known.slack(2 * known.coarse[:, -1].max())

    low = ((known.fine[:1] - fine) ** 2).sum(1)

    def raised():
        return known.tightened(low, np.array([0]), fine[0], texture[0])[0]

    assert true - 3 * slack < raised() - slack <= true
    monkeypatch.setattr(lower_bounds, "ROUGH", 0)
    assert raised() - slack > true


@pytest.mark.parametrize("n", [1, 2, 5])
def test_more_neighbours_than_images(n):
    images = smooth(n)
    distances, indices = pixel_index.PixelIndex(images).query(images, 8)
    assert distances.shape == indices.shape == (n, n)
    np.testing.assert_array_equal(indices, brute_force(images, images, n)[1])
    distances, indices = pixel_index.PixelIndex(images).query(images, 8, exclude=np.arange(n))
    assert distances.shape == indices.shape == (n, n - 1)


def test_no_query():
    distances, indices = pixel_index.PixelIndex(smooth(20)).query(smooth(20)[:0], 3)
    assert distances.shape == indices.shape == (0, 3)


@pytest.mark.parametrize("n", [40, 900])
def test_leave_one_out_is_by_index(n):
    images = duplicates(n, 12, 3)
    itself = np.arange(n)
    distances, indices = pixel_index.PixelIndex(images).query(images[::9], 6, itself[::9])
    assert (distances[:, 0] == 0).all()  # another copy, not the image itself
    expected = brute_force(images, images[::9], 6, itself[::9])
    np.testing.assert_array_equal(distances, expected[0])
    np.testing.assert_array_equal(indices, expected[1])
    some = np.where(itself[::9] % 2, itself[::9], -1)
    results = pixel_index.PixelIndex(images).query(images[::9], 1, some)
    np.testing.assert_array_equal(results[1], brute_force(images, images[::9], 1, some)[1])


@pytest.mark.slow
@pytest.mark.parametrize(("n", "k"), [(30, 3), (250, 5), (600, 1), (2000, 4)])
def test_leave_one_out_by_bounds(n, k, pruned):
    images, itself = smooth(n), np.arange(0, n, 11)
    images[1] = images[0]
    distances, indices = pixel_index.PixelIndex(images).query(images[itself], k, itself)
    expected = brute_force(images, images[itself], k, itself)
    np.testing.assert_array_equal(distances, expected[0])
    np.testing.assert_array_equal(indices, expected[1])


@pytest.mark.parametrize("make", [smooth, duplicates, constant])
def test_mirrored(make, pruned):
    images = make(300, 12, 3)
    images[40] = images[41, :, ::-1]  # a copy and its mirror image
    images[50, :, 6:] = images[50, :, :6][:, ::-1]  # the same both ways
    queries = np.concatenate([images[[41, 50]], smooth(3, seed=4), images[7:9, :, ::-1]])
    distances, indices, mirrored = pixel_index.PixelIndex(images, mirrored=True).query(queries, 5)
    flat = images.astype(np.int64)
    for q, query in enumerate(queries.astype(np.int64)):
        plain = ((flat - query) ** 2).sum((1, 2, 3))
        turned = ((flat[:, :, ::-1] - query) ** 2).sum((1, 2, 3))
        nearer = np.minimum(plain, turned)
        order = np.lexsort((np.arange(len(flat)), nearer))[:5]
        np.testing.assert_array_equal(indices[q], order)
        np.testing.assert_array_equal(distances[q], nearer[order])
        np.testing.assert_array_equal(mirrored[q], (turned < plain)[order])


def test_sums_do_not_wrap_around():
    black, white = constant(3, 64, 3) * 0, constant(1, 64, 3) * 0 + 255
    distances, _ = pixel_index.PixelIndex(black).query(white, 1)
    assert distances[0, 0] == 255**2 * 64 * 64 * 3


@pytest.mark.parametrize("numbers", [1, 7, 256, 511, 512, 513, 3072])
def test_exact_distances_of_extreme_and_random_numbers(numbers):
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (300, numbers)).astype(np.uint8)
    images[:3], images[3:6] = 0, 255
    queries = exact_distance.Queries(np.concatenate([images[::50], images[:1], images[3:4]]))
    others = np.concatenate([images[::50], images[:1], images[3:4]]).astype(np.int64)
    norms, sums = exact_distance.norms_and_sums(images)
    np.testing.assert_array_equal(norms, ((images.astype(np.int64) - 128) ** 2).sum(1))
    np.testing.assert_array_equal(sums, images.sum(1, dtype=np.int64))
    expected = ((images.astype(np.int64)[:, None] - others) ** 2).sum(2)
    np.testing.assert_array_equal(exact_distance.to_all(images, norms, queries), expected)
    np.testing.assert_array_equal(exact_distance.to_one(images, queries, 1), expected[:, 1])


@pytest.mark.slow
def test_loops_are_compiled_where_nothing_can_be_cached(monkeypatch):
    true = numba_loops.numba.njit

    def refusing(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return true(**options)

    monkeypatch.setattr(numba_loops.numba, "njit", refusing)
    again = numba_loops.compiled(numba_loops.pixel_distances.py_func)
    images, results = pictures(9).reshape(9, -1), np.empty(2, np.int64)
    again(images, np.array([3, 5]), images[4].astype(np.float32), results)
    true_ones = ((images[[3, 5]].astype(np.int64) - images[4]) ** 2).sum(1)
    np.testing.assert_array_equal(results, true_ones)


@pytest.mark.slow
def test_the_compiler_is_loaded_by_the_first_query_only(python):
    code = """
import sys
import numpy as np
from gan_core.search import pixel_index
index = pixel_index.PixelIndex(np.zeros((3, 4, 4, 3), np.uint8))
assert "numba" not in sys.modules
assert index.query(index.images[:1] + 1, 1)[0] == 48
assert "numba" in sys.modules
"""
    done = python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("pays", [True, False])
def test_both_products_of_several_queries(monkeypatch, pays):
    if pays and not exact_distance._int8_is_right():
        pytest.skip("PyTorch's 8-bit product is wrong here, which is what the check is for")
    monkeypatch.setattr(exact_distance, "int8_is_usable", lambda: pays)
    images = pictures(70)
    results = pixel_index.PixelIndex(images).query(images[:9], 4)
    np.testing.assert_array_equal(results[0], brute_force(images, images[:9], 4)[0])


def test_a_product_that_saturates_is_noticed(monkeypatch):
    true = exact_distance.int8_products

    def saturating(images, queries):
        return np.clip(true(images, queries), -(2**22), 2**22)

    monkeypatch.setattr(exact_distance, "int8_products", saturating)
    assert not exact_distance._int8_is_right()


def test_two_threads_at_once(pruned):
    images = smooth(2000)
    index = pixel_index.PixelIndex(images)
    queries = [smooth(40, seed=seed) for seed in (5, 6)]
    alone = [index.query(q, 4) for q in queries]
    results, start = {}, threading.Barrier(2)

    def ask(i):
        start.wait()
        results[i] = [index.query(queries[i], 4) for _ in range(5)]

    threads = [threading.Thread(target=ask, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in (0, 1):
        for distances, indices in results[i]:
            np.testing.assert_array_equal(distances, alone[i][0])
            np.testing.assert_array_equal(indices, alone[i][1])


def test_reads_a_memory_map_and_notices_a_change(tmp_path):
    path = tmp_path / "images.npy"
    np.save(path, smooth(800))
    index = gan_core.PixelIndex(np.load(path, mmap_mode="r"))
    results = index.query(smooth(2, seed=1), 3)
    np.testing.assert_array_equal(results[1], brute_force(smooth(800), smooth(2, seed=1), 3)[1])
    part = gan_core.PixelIndex(np.load(path, mmap_mode="r")[100:300])
    change(path, 5)
    for changed in (index, part):
        with pytest.raises(InputError, match=r"images\.npy has changed since being indexed"):
            changed.query(smooth(2, seed=1), 3)
    path.unlink()
    with pytest.raises(InputError, match="has changed"):
        index.query(smooth(2, seed=1), 3)


def change(path, image, keep_time=False):
    """Change an image in a file in place, as another program would."""
    before = os.stat(path)
    array = np.load(path, mmap_mode="r+")
    array[image] = 255 - array[image]
    array.flush()
    del array
    later = before.st_mtime_ns + (0 if keep_time else 10**9)
    os.utime(path, ns=(before.st_atime_ns, later))


def test_bounds_of_other_images_are_noticed():
    images = smooth(900)
    index = pixel_index.PixelIndex(images)
    images[:] = smooth(900, seed=8)
    with pytest.raises(InputError, match="have changed since being indexed"):
        index.query(images[:20], 1)


@pytest.mark.parametrize(
    ("images", "k", "exclude", "words"),
    [
        (smooth(2).astype(np.float32), 1, None, "need uint8 images"),
        (smooth(2)[0], 1, None, "need uint8 images"),
        (smooth(2, 8), 1, None, "a query is 8 × 8 × 3"),
        (smooth(2), 0, None, "k is 0"),
        (smooth(2), 1, np.array([1]), "one index for each query"),
        (smooth(2), 1, np.array([0.5, 1]), "one index for each query"),
        (smooth(2), 1, np.array([0, 30]), "from 0 to 29"),
        (smooth(2), 1, np.array([0, -2]), "from 0 to 29"),
    ],
)
def test_invalid_queries_are_refused(images, k, exclude, words):
    index = pixel_index.PixelIndex(smooth(30))
    with pytest.raises(InputError, match=words):
        index.query(images, k, exclude)


def test_no_images():
    with pytest.raises(InputError, match="no image"):
        pixel_index.PixelIndex(smooth(3)[:0])


# A cached index.


def test_a_cached_index_is_built_once(make_set, monkeypatch):
    data = sets.load(make_set(n=700))
    first = index_cache.open_index(data)
    monkeypatch.setattr(lower_bounds, "build", None)  # it would fail if it were made again
    second = index_cache.open_index(sets.load(make_set_path(data)), mirrored=True)
    queries = pictures(3, seed=5)
    np.testing.assert_array_equal(first.query(queries)[1], brute_force(data.images, queries, 8)[1])
    assert len(second.query(queries)) == 3


def make_set_path(data):
    return os.path.dirname(data.images.filename)


def test_a_cached_index_refuses_a_changed_set(make_set):
    data = sets.load(make_set(n=100))
    index_cache.open_index(data)
    change(data.images.filename, 3)
    with pytest.raises(InputError, match="does not hold the images that its set"):
        index_cache.open_index(sets.load(make_set_path(data)))


def test_a_cached_index_compares_images_even_when_the_file_looks_the_same(make_set):
    data = sets.load(make_set(n=60))
    index_cache.open_index(data)
    change(data.images.filename, 3, keep_time=True)
    with pytest.raises(InputError, match="has changed since being indexed"):
        index_cache.open_index(sets.load(make_set_path(data)))


def test_a_set_changed_before_indexing_is_refused_and_leaves_nothing(make_set):
    data = sets.load(make_set(n=60))
    change(data.images.filename, 3)
    with pytest.raises(InputError, match="does not hold the images"):
        index_cache.open_index(sets.load(make_set_path(data)))
    assert not list((cache_dir.cache_directory() / "neighbours").iterdir())


def test_a_copy_of_a_set_is_checked_and_shares_its_index(make_set, monkeypatch):
    index_cache.open_index(sets.load(make_set(n=60)))
    monkeypatch.setattr(lower_bounds, "build", None)
    copy = sets.load(make_set("copy", n=60))
    index_cache.open_index(copy)
    change(copy.images.filename, 3)
    with pytest.raises(InputError, match=r"copy/images\.npy does not hold the images"):
        index_cache.open_index(sets.load(make_set_path(copy)))


@pytest.mark.parametrize("name", ["index.json", "coarse.npy", "axes.npy"])
def test_a_damaged_index_is_made_again(make_set, name):
    data = sets.load(make_set(n=60))
    index_cache.open_index(data)
    (path,) = (cache_dir.cache_directory() / "neighbours").glob(f"*/{name}")
    path.write_bytes(b"half")
    distances, _ = index_cache.open_index(data).query(data.images[:2], 1)
    assert (distances == 0).all()


# Features.


def test_features_equal_brute_force():
    random = np.random.RandomState(0)
    features = random.randn(500, 24).astype(np.float32)
    features[100:200] = features[:100]  # ties
    features[300] = features[301] * 2  # the same direction
    features[7] = 0
    queries = np.concatenate([features[:9], features[300:303], random.randn(4, 24)])
    distances, indices = feature_index.FeatureIndex(features).query(queries, 6)
    lengths = np.linalg.norm(features.astype(np.float64), axis=1)
    for q, query in enumerate(queries.astype(np.float64)):
        norms = lengths * np.linalg.norm(query)
        cosines = np.divide(features @ query, norms, out=np.zeros(500), where=norms > 0)
        order = np.lexsort((np.arange(500), np.round(1 - cosines, 6)))[:6]
        np.testing.assert_allclose(distances[q], 1 - cosines[order], atol=1e-6)
        if q != 7:
            np.testing.assert_array_equal(indices[q], order)
    np.testing.assert_array_equal(indices[0, :2], [0, 100])
    assert (distances[7] == 1).all()


def test_equal_images_are_at_distance_0_whatever_float32_makes_of_them():
    features = np.random.RandomState(0).rand(40, 3000).astype(np.float32)
    results, indices = feature_index.FeatureIndex(features).query(features * (1 + 3e-7), 1)
    assert results.max() == 0
    assert indices.ravel().tolist() == list(range(40))


def test_features_leave_one_out_and_too_few():
    features = np.random.RandomState(0).randn(5, 3)
    index = feature_index.FeatureIndex(features)
    _, indices = index.query(features, 9, exclude=np.arange(5))
    assert indices.shape == (5, 4)
    assert not (indices == np.arange(5)[:, None]).any()
    with pytest.raises(InputError, match="has 4"):
        index.query(np.ones((2, 4)))
    with pytest.raises(InputError, match="not finite"):
        index.query(np.full((2, 3), np.nan))


@pytest.mark.parametrize("channels", [1, 3])
def test_features_of_the_discriminator(make_checkpoint, channels):
    model = checkpoint.load(make_checkpoint(channels=channels))
    network = feature_index.discriminator_features(model)
    images = pictures(70, channels=channels)
    results = network.extract(images)
    assert results.shape == (70, network.size)
    assert results.dtype == np.float32
    np.testing.assert_allclose(network.extract(images[3:4])[0], results[3], atol=1e-5)
    with pytest.raises(InputError, match="takes uint8 images"):
        network.extract(pictures(2, 64, channels))
    alone = checkpoint.load(make_checkpoint("alone", discriminator=False))
    with pytest.raises(InputError, match="ships without its discriminator"):
        feature_index.discriminator_features(alone)


@pytest.mark.slow
def test_index_files_are_described(make_set):
    data = sets.load(make_set(n=60))
    index_cache.open_index(data)
    (path,) = (cache_dir.cache_directory() / "neighbours").glob("*/index.json")
    message = atomic_files.read_json(path, "an index")
    assert message["fingerprint"] == data.fingerprint


@pytest.mark.parametrize("n", [1, 5, 64, 1000, 1037])
def test_values_are_selected_by_group(n):
    values = np.random.RandomState(0).randint(0, 90, n).astype(np.float32)
    groups, least = pixel_index.grouped(values, 20)
    for limit in (-1, 0, 3, 40, 90, np.inf):
        results = pixel_index.up_to(limit, values, groups, least)
        np.testing.assert_array_equal(results, np.flatnonzero(values <= limit))
    best = pixel_index.best_of_groups(groups, least, 20)
    assert len(set(best.tolist())) == len(best) == min(20, len(least))
    np.testing.assert_array_equal(np.sort(values[best]), np.sort(least)[: len(best)])


@pytest.mark.parametrize("mirrored", [False, True])
def test_only_the_images_of_a_list_are_compared(mirrored):
    images, queries = smooth(700), smooth(5, seed=9)
    among = np.arange(3, 700, 7)
    index = pixel_index.PixelIndex(images, mirrored)
    found = index.query(queries, 6, among=among[::-1])
    restricted = pixel_index.PixelIndex(images[among], mirrored).query(queries, 6)
    expected, places = restricted[0], restricted[1]
    assert np.array_equal(found[0], expected)
    assert np.array_equal(found[1], among[places])
    assert len(found) == 2 + mirrored
    if not mirrored:
        assert np.array_equal(found[0], brute_force(images[among], queries, 6)[0])
    everything = index.query(queries, 6)
    assert (found[0] >= everything[0]).all()
    assert not np.isin(everything[1], among).all()
    assert index.query(queries, 9, among=[5, 2])[1].shape == (5, 2)


def test_only_the_rows_of_a_list_are_compared_in_features():
    features = np.random.RandomState(0).standard_normal((300, 12))
    queries = np.random.RandomState(1).standard_normal((4, 12))
    among = np.arange(1, 300, 5)
    distances, indices = feature_index.FeatureIndex(features).query(queries, 3, among=among)
    expected, places = feature_index.FeatureIndex(features[among]).query(queries, 3)
    assert np.array_equal(distances, expected)
    assert np.array_equal(indices, among[places])


@pytest.mark.parametrize("among", [[], [-1], [40], [0.5], ["a"]])
def test_a_list_that_is_none_of_images_gets_a_sentence(among):
    index = pixel_index.PixelIndex(smooth(40))
    with pytest.raises(InputError, match="among must hold at least one index, all from 0 to 39"):
        index.query(smooth(1), among=among)
    with pytest.raises(InputError, match="exclude or among, not both"):
        index.query(smooth(1), exclude=np.array([0]), among=[1])
