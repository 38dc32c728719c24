"""Differentiable augmentation: what it may do to a picture, and that gradients pass."""

import pytest
import torch

from gan_core import augment
from gan_core.errors import InputError

NAMES = sorted(augment.AUGMENTATIONS)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(n=8, channels=3, size=16, dtype=torch.float32):
    return torch.rand(n, channels, size, size, generator=rng(99), dtype=dtype) * 2 - 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_type_stay_and_the_pictures_change(name, channels):
    images = noise(16, channels)
    before = images.clone()
    changed = augment.augment(images, (name,), rng())
    assert changed.shape == images.shape
    assert changed.dtype == torch.float32
    assert torch.isfinite(changed).all()
    assert not torch.equal(changed, before)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", ["mirror", "translation", "cutout"])
def test_changes_of_place_stay_in_range(name):
    assert augment.augment(noise(32), (name,), rng()).abs().max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_follows_from_the_generator_alone(name):
    images = noise(32)
    first = augment.augment(images, (name,), rng(3))
    torch.rand(7)  # the global stream plays no part
    assert torch.equal(augment.augment(images, (name,), rng(3)), first)
    assert not torch.equal(augment.augment(images, (name,), rng(4)), first)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name):
    images = noise(2, 3, 6, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: augment.augment(x, (name,), rng(1)), (images,))


def test_mirror_is_an_exact_flip_of_about_half():
    images = noise(400, 1, 8)
    changed = augment.mirror(images, rng())
    flipped = (changed == images.flip(3)).flatten(1).all(1)
    same = (changed == images).flatten(1).all(1)
    assert (flipped ^ same).all()
    assert 150 < flipped.sum() < 250


def test_translation_moves_whole_pixels_by_at_most_an_eighth():
    images = torch.zeros(500, 1, 16, 32)
    images[:, :, 8, 16] = 1
    moved = augment.translation(images, rng())
    assert (moved.sum((1, 2, 3)) == 1).all()
    _, _, y, x = moved.nonzero(as_tuple=True)
    assert set((y - 8).tolist()) == set(range(-2, 3))
    assert set((x - 16).tolist()) == set(range(-4, 5))


def test_what_translation_lets_in_is_grey():
    moved = augment.translation(torch.ones(100, 1, 16, 16), rng())
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    assert moved.flatten(1).mean(1).min() >= (14 / 16) ** 2


def test_cutout_blanks_at_most_one_square_of_half_the_side():
    cut = augment.cutout(torch.ones(300, 1, 16, 16), rng())
    blank = cut[:, 0] == 0
    assert set(cut.unique().tolist()) == {0.0, 1.0}
    assert blank.any(2).sum(1).max() <= 8
    assert blank.any(1).sum(1).max() <= 8
    assert blank.flatten(1).sum(1).max() >= 49
    for one in blank:  # a rectangle: every row with a blank has the same blanks
        rows = one[one.any(1)]
        assert (rows == rows[:1]).all()


def test_colour_leaves_the_layout_of_a_grey_picture():
    images = noise(64, 1, 8)
    changed = augment.colour(images, rng())
    a = images.flatten(1) - images.flatten(1).mean(1, keepdim=True)
    b = changed.flatten(1) - changed.flatten(1).mean(1, keepdim=True)
    gain = (a * b).sum(1) / (a * a).sum(1)
    assert torch.allclose(b, gain[:, None] * a, atol=1e-5)
    assert 0.5 <= gain.min() < 0.7
    assert 1.3 < gain.max() <= 1.5
    shift = changed.mean((1, 2, 3)) - images.mean((1, 2, 3))
    assert shift.abs().max() <= 0.5 + 1e-5
    assert shift.abs().max() > 0.4


def test_real_and_generated_pictures_meet_the_same_kinds_of_change():
    images = noise(4)
    both = augment.augment(images, ("mirror", "translation"), rng(5))
    stream = rng(5)
    by_hand = augment.translation(augment.mirror(images, stream), stream)
    assert torch.equal(both, by_hand)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("none", ()),
        ("mirror", ("mirror",)),
        (" mirror , colour ", ("mirror", "colour")),
        ("translation,mirror", ("translation", "mirror")),
    ],
)
def test_parse(text, expected):
    assert augment.parse(text) == expected


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match=r"'blur'.*mirror"):
        augment.parse("mirror,blur")


def test_no_augmentation_leaves_images_alone():
    images = noise()
    assert augment.augment(images, (), rng()) is images
