"""The realism score and its compact reference."""

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from gan_core.metrics import realism
from gan_core.util.errors import InputError


def clusters(n, d=64, seed=0):
    """Features in five clusters within a plane of 8 dimensions, with a little noise, (n, d)."""
    shape = np.random.RandomState(9)
    axes, middles = shape.standard_normal((8, d)), shape.standard_normal((5, 8)) * 4
    stream = np.random.RandomState(seed)
    inside = middles[stream.randint(0, 5, n)] + stream.standard_normal((n, 8))
    return (inside @ axes + 0.3 * stream.standard_normal((n, d))).astype(np.float32)


def by_the_formula(real, features, k):
    """Equation 4 of the paper, word for word."""
    radii = [np.sort(np.linalg.norm(real - one, axis=1))[k] for one in real]
    centres = [i for i, radius in enumerate(radii) if radius < np.median(radii)]
    return [max(radii[i] / np.linalg.norm(x - real[i]) for i in centres) for x in features]


def test_the_full_score_is_that_of_the_paper():
    real, features = clusters(60), clusters(20, seed=1)
    np.testing.assert_allclose(
        realism.full(real, features, 3), by_the_formula(real, features, 3), rtol=1e-5
    )


def test_a_hypersphere_of_a_lonely_training_image_counts_for_nothing():
    crowd = np.random.RandomState(0).standard_normal((40, 2)).astype(np.float32)
    lonely = np.float32([[50, 0]])
    beside = np.float32([[49, 0]])  # well within its hypersphere, which reaches the crowd
    assert realism.full(np.concatenate([crowd, lonely]), beside)[0] < 0.1


def test_a_training_image_has_the_highest_score_and_a_far_picture_a_low_one():
    real = clusters(400)
    small = realism.full(real, real) == realism.MOST
    assert small.mean() == pytest.approx(0.5, abs=0.01)  # those whose hyperspheres count
    assert realism.full(real, real + 100).max() < 0.5


def test_the_compact_reference_ranks_as_the_full_score_does():
    real = clusters(3000)
    stream = np.random.RandomState(2)
    good, bad = clusters(300, seed=1), clusters(300, seed=3)
    bad = bad + stream.uniform(0, 6, (300, 1)) * stream.standard_normal((300, 64))
    features = np.concatenate([good, bad]).astype(np.float32)
    compact = realism.make(real, dimensions=8).score(features)
    assert spearmanr(compact, realism.full(real, features)).statistic > 0.9


def test_what_the_components_cannot_describe_is_far_from_everything():
    real = clusters(600)
    reference = realism.make(real, dimensions=8)
    basis = np.linalg.qr(np.concatenate([reference.basis, np.eye(64)], axis=1))[0]
    outside = reference.mean + 40 * basis[:, 20]  # the components see the very mean
    seen, rest = realism.project(outside[None], reference.mean, reference.basis)
    assert abs(seen).max() < 0.1
    assert rest[0] == pytest.approx(40, rel=0.01)
    inside = reference.score(clusters(50, seed=1)).min()
    assert reference.score(outside[None])[0] < inside / 2


@pytest.mark.slow
def test_half_of_the_images_are_stored_in_half_precision_below_a_megabyte(
    tmp_path, make_checkpoint
):
    directory = make_checkpoint()
    stream = np.random.RandomState(0)
    real = stream.uniform(0, 6, (realism.IMAGES, 1280)).astype(np.float32)
    reference = realism.make(real, about={"training_set": None, "features": "x", "version": "y"})
    assert len(reference.centres) == realism.IMAGES // 2
    realism.save(directory, reference)
    assert (directory / realism.FILE).stat().st_size < 2**20
    again = realism.load(directory)
    assert again.hash
    np.testing.assert_array_equal(again.score(real[:50] + 1), reference.score(real[:50] + 1))


def test_the_same_images_are_chosen_every_time():
    few = realism.chosen(10_000, 4000)
    assert len(few) == len(set(few)) == 4000
    assert list(few) == sorted(few)
    np.testing.assert_array_equal(few, realism.chosen(10_000, 4000))
    assert list(realism.chosen(5)) == [0, 1, 2, 3, 4]


def test_bad_tables_are_one_sentence():
    with pytest.raises(InputError, match="at least 16 images"):
        realism.make(clusters(15))
    with pytest.raises(InputError, match="tables of 64 features"):
        realism.make(clusters(50), dimensions=4).score(np.zeros((3, 8)))


def saved(directory, **about):
    known = {"training_set": None, "features": "EffNetLite0", "version": "1"}
    realism.save(directory, realism.make(clusters(60), dimensions=4, about=known | about))
    return directory / realism.FILE


def test_a_missing_damaged_or_foreign_reference_is_one_sentence(make_checkpoint):
    directory = make_checkpoint()
    with pytest.raises(
        InputError, match=r"realism.safetensors is missing; python -m gan_core seeds"
    ):
        realism.load(directory)
    path = saved(directory)
    realism.load(directory)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"realism.safetensors is damaged; python -m gan_core"):
        realism.load(directory)
    saved(directory, training_set="0" * 64)
    with pytest.raises(InputError, match="made from images other than the model"):
        realism.load(directory)
    saved(directory, features=3)
    with pytest.raises(InputError, match="does not match its own description"):
        realism.load(directory)


def test_the_size_of_a_reference_is_checked(make_checkpoint, monkeypatch):
    directory = make_checkpoint()
    saved(directory)
    monkeypatch.setattr(realism, "MOST_CENTRES", 20)
    with pytest.raises(InputError, match="does not match its own description"):
        realism.load(directory)


def test_its_description_is_plain_json():
    json.dumps(realism.make(clusters(40)).about)
