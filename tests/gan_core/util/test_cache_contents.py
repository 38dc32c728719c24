"""The cache: what is counted, what is removed, and that whoever uses it notices nothing."""

import re
import threading

import numpy as np
import pytest

import gan_core
from gan_core import feature_extractors
from gan_core.data import training_set
from gan_core.search import index_cache, sample_cache
from gan_core.util import atomic_files, cache_contents, cache_dir
from gan_core.util.errors import InputError
from support import ROOT, pictures


@pytest.fixture
def root():
    folder = cache_dir.cache_directory()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def put(path, size=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def means():
    """Features that are quickly made: the mean of each picture."""

    def extract(images, **_):
        return images.reshape(len(images), -1).mean(1, dtype=np.float32)[:, None]

    return feature_extractors.Features("mean", 1, "1", extract)


def test_there_may_be_no_cache():
    assert {usage.bytes for usage in cache_contents.usage().values()} == {0}
    assert cache_contents.empty() == (0, 0)
    assert not cache_dir.cache_directory().exists()


def test_every_folder_that_the_code_keeps_there_is_counted():
    known = {
        pattern.partition("/")[0] for kind in cache_contents.KINDS.values() for pattern in kind
    }
    used = set()
    for package in ("gan_core", "explorer"):
        for file in (ROOT / package).rglob("*.py"):
            used |= set(re.findall(r'cache_directory\(\) / "(\w+)"', file.read_text("utf-8")))
    assert len(used) > 5
    assert used <= known


def test_what_is_there_is_counted_and_removed(root):
    put(root / "features" / "a.npz", 100)
    put(root / "samples" / "some-10" / "images.npy", 1000)
    put(root / "samples" / "some-10" / "set.json", 1)
    put(root / "labels" / "m-c" / "0000000000.npz", 7)
    put(root / f"{'a' * 24}-{'b' * 8}" / "images.npy", 50)
    usage = cache_contents.usage()
    assert usage["features of images"] == (1, 100)
    assert usage["samples of models"] == (2, 1001)
    assert sum(one.bytes for one in usage.values()) == 1158
    assert cache_contents.empty() == (1158, 0)
    assert [path for path in root.rglob("*") if path.is_file()] == []
    assert list(root.glob("*partial*")) == []


def test_what_is_not_the_projects_stays(root, tmp_path):
    strangers = [put(root / "thesis.txt"), put(root / "photos" / "me.png"), put(root / "abc-def")]
    outside = put(tmp_path / "outside" / "file")
    (root / "features").mkdir()
    (root / "features" / "link").symlink_to(outside.parent)
    cache_contents.empty()
    assert all(path.exists() for path in [*strangers, outside])


def test_what_is_being_written_stays_and_arrives(root):
    path = root / "features" / "a.npz"
    path.parent.mkdir()
    with atomic_files.replacing(path) as temporary:
        temporary.write_bytes(b"content")
        cache_contents.empty()
    assert path.read_bytes() == b"content"
    folder = root / "samples" / "some-10"
    with atomic_files.new_directory(folder) as temporary:
        put(temporary / "images.npy")
        cache_contents.empty()
    assert (folder / "images.npy").exists()


def test_what_is_open_stays_readable(root, make_checkpoint):
    samples = sample_cache.open_samples(gan_core.load(make_checkpoint()), 64)
    before = samples.images.copy()
    assert cache_contents.empty()[0] > before.nbytes
    assert not list((root / "samples").iterdir())
    np.testing.assert_array_equal(samples.images, before)


def test_a_folder_left_by_a_killed_process_goes_the_next_time(root, monkeypatch):
    monkeypatch.setattr(atomic_files, "STALE", -1)
    old = put(root / "emptied.partial-4194304999-1" / "0")
    cache_contents.empty()
    assert not old.exists()


def test_what_is_in_use_is_counted(root, monkeypatch):
    put(root / "features" / "a.npz")

    def refuse(*_):
        raise PermissionError(13, "in use")

    monkeypatch.setattr(cache_contents.os, "replace", refuse)
    assert cache_contents.empty() == (0, 1)


@pytest.mark.parametrize("of", ["samples", "index", "training set"])
@pytest.mark.slow
def test_what_goes_between_making_and_opening_is_made_again(
    of, root, make_checkpoint, make_set, tmp_path, monkeypatch
):
    times = []

    def emptied_after(make):
        def wrapped(*arguments, **options):
            done = make(*arguments, **options)
            if not times:
                assert cache_contents.empty()[0]
            times.append(1)
            return done

        return wrapped

    if of == "samples":
        monkeypatch.setattr(sample_cache, "generate", emptied_after(sample_cache.generate))
        samples = sample_cache.open_samples(gan_core.load(make_checkpoint()), 32)
        assert samples.images.shape == (32, 32, 32, 3)
    elif of == "index":
        monkeypatch.setattr(index_cache, "build", emptied_after(index_cache.build))
        data = training_set.load(make_set())
        index_cache.open_index(data).query(data.images[:2], 2)
    else:
        folder = tmp_path / "embedded"
        training_set.embed(make_set(), folder)
        monkeypatch.setattr(training_set, "unpack", emptied_after(training_set.unpack))
        assert training_set.load(folder).images.shape == (64, 32, 32, 3)
    assert len(times) == 2


def test_what_is_damaged_is_not_made_again_and_again(tmp_path):
    tmp_path.joinpath("there").mkdir()
    times = []

    def read():
        raise InputError("It is damaged.")

    with pytest.raises(InputError, match="damaged"):
        cache_dir.opened(tmp_path / "there", lambda: times.append(1), read)
    assert times == [1]


def test_features_that_are_made_while_the_cache_is_emptied_arrive(root):
    images, original = pictures(16), means()

    def extract(images, **_):
        cache_contents.empty()
        return original.extract(images)

    features = feature_extractors.Features("mean", 1, "1", extract)
    assert feature_extractors.cached(features, images).shape == (16, 1)


def test_work_goes_on_while_the_cache_is_emptied_again_and_again(make_checkpoint):
    """Samples and features, each made and opened several times with no error."""
    model = gan_core.load(make_checkpoint())
    images, errors = pictures(16), []
    working = threading.Event()

    def work():
        try:
            for _ in range(5):
                samples = sample_cache.open_samples(model, 32)
                assert samples.images[:].any()
                assert feature_extractors.cached(means(), images).shape == (16, 1)
        except Exception as error:
            errors.append(error)
        finally:
            working.set()

    worker = threading.Thread(target=work)
    worker.start()
    while not working.wait(0.05):  # as a person who clicks, only quicker
        cache_contents.empty()
    worker.join()
    assert errors == []
