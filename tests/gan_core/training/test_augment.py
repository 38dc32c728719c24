"""Differentiable augmentation: what it may do to a picture, and that gradients pass."""

import pytest
import torch

from gan_core.training import augment
from gan_core.training.distributed import Draws
from gan_core.util.errors import InputError

NAMES = sorted(augment.AUGMENTATIONS)


class Pair:
    """One of two processes that share each batch."""

    size = 2

    def __init__(self, rank):
        self.rank = rank

    def share(self, batch):
        return batch.chunk(2)[self.rank]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def draws(seed=0, team=None):
    return Draws(rng(seed), team)


def noise(n=8, channels=3, size=16, dtype=torch.float32):
    return torch.rand(n, channels, size, size, generator=rng(99), dtype=dtype) * 2 - 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_type_stay_and_the_pictures_change(name, channels):
    images = noise(16, channels)
    before = images.clone()
    changed = augment.augment(images, (name,), draws())
    assert changed.shape == images.shape
    assert changed.dtype == torch.float32
    assert torch.isfinite(changed).all()
    assert not torch.equal(changed, before)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", ["mirror", "translation", "cutout"])
def test_changes_of_place_stay_in_range(name):
    assert augment.augment(noise(32), (name,), draws()).abs().max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_follows_from_the_stream_alone(name):
    images = noise(32)
    first = augment.augment(images, (name,), draws(3))
    torch.rand(7)  # the global stream plays no part
    assert torch.equal(augment.augment(images, (name,), draws(3)), first)
    assert not torch.equal(augment.augment(images, (name,), draws(4)), first)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name):
    images = noise(2, 3, 6, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: augment.augment(x, (name,), draws(1)), (images,))


def test_mirror_is_an_exact_flip_of_about_half():
    images = noise(400, 1, 8)
    changed = augment.mirror(images, draws())
    flipped = (changed == images.flip(3)).flatten(1).all(1)
    same = (changed == images).flatten(1).all(1)
    assert (flipped ^ same).all()
    assert 150 < flipped.sum() < 250


def test_translation_moves_whole_pixels_by_at_most_an_eighth():
    images = torch.zeros(500, 1, 16, 32)
    images[:, :, 8, 16] = 1
    moved = augment.translation(images, draws())
    assert (moved.sum((1, 2, 3)) == 1).all()
    _, _, y, x = moved.nonzero(as_tuple=True)
    assert set((y - 8).tolist()) == set(range(-2, 3))
    assert set((x - 16).tolist()) == set(range(-4, 5))


def test_what_translation_lets_in_is_grey():
    moved = augment.translation(torch.ones(100, 1, 16, 16), draws())
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    assert moved.flatten(1).mean(1).min() >= (14 / 16) ** 2


def test_cutout_blanks_at_most_one_square_of_half_the_side():
    cut = augment.cutout(torch.ones(300, 1, 16, 16), draws())
    blank = cut[:, 0] == 0
    assert set(cut.unique().tolist()) == {0.0, 1.0}
    assert blank.any(2).sum(1).max() <= 8
    assert blank.any(1).sum(1).max() <= 8
    assert blank.flatten(1).sum(1).max() == 64
    assert blank.flatten(1).sum(1).min() >= 16
    for one in blank:  # a rectangle: every row with a blank has the same blanks
        rows = one[one.any(1)]
        assert (rows == rows[:1]).all()


def test_colour_leaves_the_layout_of_a_grey_picture():
    images = noise(64, 1, 8)
    changed = augment.colour(images, draws())
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
    both = augment.augment(images, ("mirror", "translation"), draws(5))
    stream = draws(5)
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
    assert augment.augment(images, (), draws()) is images


@pytest.mark.parametrize("kind", ["normal", "uniform", "integers"])
def test_two_processes_draw_what_one_draws(kind):
    def draw(team, n):
        one = draws(3, team)
        about = [7, n, 2, 1] if kind == "integers" else [n, 2, 1]
        return [getattr(one, kind)(*about) for _ in range(3)]  # and stay in step

    whole = draw(None, 8)
    shares = [draw(Pair(rank), 4) for rank in (0, 1)]
    for i, expected in enumerate(whole):
        assert expected.shape == (8, 2, 1)
        assert torch.equal(torch.cat([share[i] for share in shares]), expected)
        assert not torch.equal(shares[0][i], shares[1][i])


def test_kinds_of_draw():
    normal, uniform = draws().normal(4000), draws().uniform(4000)
    assert abs(normal.mean()) < 0.1
    assert abs(normal.std() - 1) < 0.1
    assert 0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1
    assert set(draws().integers(3, 200).tolist()) == {0, 1, 2}


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_change_pictures_as_one_does(name):
    images = noise(8)
    whole = augment.augment(images, (name, "mirror"), draws(3))
    shares = [
        augment.augment(part, (name, "mirror"), draws(3, Pair(rank)))
        for rank, part in enumerate(images.chunk(2))
    ]
    assert torch.allclose(torch.cat(shares), whole, atol=1e-6)


def test_scale_keeps_the_centre_and_changes_the_size():
    square = -torch.ones(400, 1, 32, 32)
    square[:, :, 12:20, 12:20] = 1  # 8 × 8 about the centre
    changed = augment.scale(square, draws())
    areas = (changed + 1).sum((1, 2, 3)) / 2
    sides = (areas.sqrt() / 8).log2()  # x of 2^x
    assert sides.mean().abs() < 0.05
    assert sides.std().item() == pytest.approx(0.2, abs=0.03)
    assert torch.allclose(changed, changed.flip(2), atol=1e-4)
    assert torch.allclose(changed, changed.flip(3), atol=1e-4)


def test_rotation_turns_about_the_centre_by_at_most_fifteen_degrees():
    dot = torch.zeros(500, 1, 65, 65)
    dot[:, :, 32, 56] = 1  # 24 pixels to the right of the centre
    turned = augment.rotation(dot, draws())
    mass = turned.sum((1, 2, 3))
    assert torch.allclose(mass, torch.ones(500), atol=0.25)  # bilinear sampling moves fractions
    along = torch.arange(65.0) - 32
    x = (turned.sum((1, 2)) * along).sum(1) / mass
    y = (turned.sum((1, 3)) * along).sum(1) / mass
    assert torch.allclose(x.hypot(y), torch.full((500,), 24.0), atol=0.5)
    angles = torch.atan2(y, x).rad2deg()
    assert 14 < angles.abs().max() < 16
    assert abs(angles.mean()) < 1.5


def test_what_turns_in_is_reflected():
    turned = augment.rotation(torch.full((50, 3, 16, 16), 0.7), draws())
    assert torch.allclose(turned, torch.full_like(turned, 0.7), atol=1e-5)


def test_mild_colour_stays_close_to_the_picture():
    images = noise(300, 3, 8)
    changed = augment.mild_colour(images, draws())
    grey, before = changed.mean(1), images.mean(1)
    slope = (grey[:, 0, 0] - grey[:, 3, 3]) / (before[:, 0, 0] - before[:, 3, 3])
    assert 0.8 - 1e-3 <= slope.min() < 0.85
    assert 1.2 < slope.max() <= 1.25 + 1e-3
    at_zero = grey[:, 0, 0] - slope * before[:, 0, 0]
    assert at_zero.abs().max() <= 0.1 + 1e-3
    spread = (changed - changed.mean(1, keepdim=True)) / (images - images.mean(1, keepdim=True))
    saturation = spread[:, 0, 0, 0] / slope
    assert 0.5 - 1e-3 <= saturation.min() < 0.6
    assert 1.4 < saturation.max() <= 1.5 + 1e-3


KINDS = [name for name in NAMES if name != "mirror"]


@pytest.mark.parametrize("name", KINDS)
def test_strength_is_the_share_of_images_that_are_changed(name):
    images = noise(400, 3, 8)
    changed = augment.augment(images, (name,), draws(), 0.3)
    untouched = (changed == images).flatten(1).all(1).float().mean().item()
    whole = augment.augment(images, (name,), draws())
    always = (whole == images).flatten(1).all(1).float().mean().item()  # a shift of 0, for example
    assert untouched == pytest.approx(0.7 + 0.3 * always, abs=0.08)


def test_full_strength_draws_no_other_numbers_than_before():
    images = noise()
    whole = augment.augment(images, ("colour", "translation"), draws(2), 1.0)
    assert torch.equal(whole, augment.augment(images, ("colour", "translation"), draws(2)))


def test_a_strength_on_the_device_acts_as_the_number_does():
    images = noise(64)
    for strength in (0.0, 0.4):
        number = augment.augment(images, ("colour",), draws(), strength)
        tensor = augment.augment(images, ("colour",), draws(), torch.tensor(strength))
        assert torch.equal(number, tensor)
    assert torch.equal(augment.augment(images, ("colour",), draws(), 0.0), images)
    full = augment.augment(images, ("colour",), draws(), torch.tensor(1.0))
    assert torch.equal(full, augment.colour(images, draws()))


def test_mirroring_does_not_depend_on_the_strength():
    images = noise(64)
    changed = augment.augment(images, ("mirror",), draws(), 0.0)
    assert torch.equal(changed, augment.mirror(images, draws()))
    assert not torch.equal(changed, images)
