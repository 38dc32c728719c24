"""Objectives: values and gradients worked out by hand."""

import inspect
import math
from math import log

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from gan_core.training.losses import OBJECTIVES

NAMES = sorted(OBJECTIVES)
SMOOTHS = [name for name in NAMES if OBJECTIVES[name].smooths]
L = log(3)  # sigmoid(L) = 3/4, sigmoid(−L) = 1/4


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def logits(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def slope(x):
    """The slope of max(0, x) away from 0."""
    return float(x > 0)


def test_there_are_seven():
    expected = {"minimax", "non-saturating", "lsgan", "wgan", "wgan-gp", "hinge", "relativistic"}
    assert set(OBJECTIVES) == expected


def test_their_properties():
    def having(flag):
        return {name for name in OBJECTIVES if getattr(OBJECTIVES[name], flag)}

    assert having("probability") == {"minimax", "non-saturating"}
    assert having("paired") == {"relativistic"}
    assert having("wasserstein") == {"wgan", "wgan-gp"}
    assert having("smooths") == {"minimax", "non-saturating", "lsgan"}


@pytest.mark.parametrize("name", NAMES)
def test_smoothing_is_taken_only_where_the_flag_says_so(name):
    parameters = inspect.signature(OBJECTIVES[name].discriminator).parameters
    assert ("smoothing" in parameters) == OBJECTIVES[name].smooths


BY_HAND = {  # D's loss
    "minimax": -(log(3 / 4) + log(1 / 4)) / 2 - (log(1 / 2) + log(1 / 4)) / 2,
    "non-saturating": -(log(3 / 4) + log(1 / 4)) / 2 - (log(1 / 2) + log(1 / 4)) / 2,
    "lsgan": ((L - 1) ** 2 + (-L - 1) ** 2) / 2 / 2 + (0**2 + L**2) / 2 / 2,
    "wgan": (0 + L) / 2 - (L - L) / 2,
    "wgan-gp": (0 + L) / 2 - (L - L) / 2,
    "hinge": (0 + (1 + L)) / 2 + ((1 + 0) + (1 + L)) / 2,
    "relativistic": -(log(3 / 4) + log(1 / 10)) / 2,  # differences L and −2L: σ(−2L) = 1/(1 + 9)
}
BY_HAND_G = {
    "minimax": (log(1 / 2) + log(1 / 4)) / 2,
    "non-saturating": -(log(1 / 2) + log(3 / 4)) / 2,
    "lsgan": ((0 - 1) ** 2 + (L - 1) ** 2) / 2 / 2,
    "wgan": -(0 + L) / 2,
    "wgan-gp": -(0 + L) / 2,
    "hinge": -(0 + L) / 2,
    "relativistic": -(log(1 / 4) + log(9 / 10)) / 2,
}


@pytest.mark.parametrize("name", NAMES)
def test_values_by_hand(name):
    real, fake = logits(L, -L), logits(0.0, L)
    d_loss = OBJECTIVES[name].discriminator(real, fake)
    g_loss = OBJECTIVES[name].generator(real, fake)
    assert d_loss.shape == g_loss.shape == ()
    assert d_loss.item() == pytest.approx(BY_HAND[name], rel=1e-12)
    assert g_loss.item() == pytest.approx(BY_HAND_G[name], rel=1e-12)


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_an_undecided_discriminator_costs_two_log_two(name):
    value = OBJECTIVES[name].discriminator(logits(0.0, 0.0), logits(0.0))
    assert value.item() == pytest.approx(2 * log(2))


# The papers' derivatives by one real logit r and one generated logit f.
D_BY_REAL = {
    "minimax": lambda r, f: sigmoid(r) - 1,
    "non-saturating": lambda r, f: sigmoid(r) - 1,
    "lsgan": lambda r, f: r - 1,
    "wgan": lambda r, f: -1.0,
    "wgan-gp": lambda r, f: -1.0,
    "hinge": lambda r, f: -slope(1 - r),
    "relativistic": lambda r, f: -(1 - sigmoid(r - f)),
}
D_BY_FAKE = {
    "minimax": lambda r, f: sigmoid(f),
    "non-saturating": lambda r, f: sigmoid(f),
    "lsgan": lambda r, f: f,
    "wgan": lambda r, f: 1.0,
    "wgan-gp": lambda r, f: 1.0,
    "hinge": lambda r, f: slope(1 + f),
    "relativistic": lambda r, f: 1 - sigmoid(r - f),
}
G_BY_FAKE = {
    "minimax": lambda r, f: -sigmoid(f),
    "non-saturating": lambda r, f: -(1 - sigmoid(f)),
    "lsgan": lambda r, f: f - 1,
    "wgan": lambda r, f: -1.0,
    "wgan-gp": lambda r, f: -1.0,
    "hinge": lambda r, f: -1.0,
    "relativistic": lambda r, f: -(1 - sigmoid(f - r)),
}
REAL, FAKE = (-8.0, -1.5, 0.0, 0.4, 2.0, 8.0), (3.0, -2.5, 0.7, 0.0, -8.0, 8.5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_the_papers(name):
    n = len(REAL)
    pairs = list(zip(REAL, FAKE, strict=True))
    real, fake = logits(*REAL), logits(*FAKE)
    OBJECTIVES[name].discriminator(real, fake).backward()
    assert real.grad.mul(n).tolist() == pytest.approx([D_BY_REAL[name](*p) for p in pairs])
    assert fake.grad.mul(n).tolist() == pytest.approx([D_BY_FAKE[name](*p) for p in pairs])
    real, fake = logits(*REAL), logits(*FAKE)
    OBJECTIVES[name].generator(real, fake).backward()
    assert fake.grad.mul(n).tolist() == pytest.approx([G_BY_FAKE[name](*p) for p in pairs])


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name):
    real, fake, objective = logits(*REAL), logits(*FAKE), OBJECTIVES[name]
    assert torch.autograd.gradcheck(objective.discriminator, (real, fake))
    assert torch.autograd.gradcheck(objective.generator, (real, fake))
    if objective.smooths:
        assert torch.autograd.gradcheck(
            lambda r, f: objective.discriminator(r, f, 0.1), (real, fake)
        )


@pytest.mark.parametrize("name", [n for n in NAMES if not OBJECTIVES[n].paired])
def test_the_generator_needs_the_real_logits_only_when_paired(name):
    fake = logits(*FAKE)
    generator = OBJECTIVES[name].generator
    assert generator(None, fake).item() == generator(logits(*REAL), fake).item()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("x", [-1e4, 1e4])
def test_extreme_logits_stay_finite(name, x):
    real = logits(x, -x, x, dtype=torch.float32)
    fake = logits(x, x, -x, dtype=torch.float32)
    objective = OBJECTIVES[name]
    values = [objective.discriminator(real, fake), objective.generator(real, fake)]
    if objective.smooths:
        values.append(objective.discriminator(real, fake, 0.3))
    sum(values).backward()
    for number in (*values, real.grad, fake.grad):
        assert torch.isfinite(number).all()


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.45])
def test_smoothing_is_cross_entropy_with_a_lower_target(name, smoothing):
    real, fake = logits(*REAL), logits(*FAKE)
    target = torch.full_like(real, 1 - smoothing)
    expected = binary_cross_entropy_with_logits(real, target)
    expected = expected + binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    value = OBJECTIVES[name].discriminator(real, fake, smoothing)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)


def test_smoothing_of_least_squares_by_hand():
    value = OBJECTIVES["lsgan"].discriminator(logits(2.0, 0.5), logits(1.0, -3.0), 0.1)
    expected = ((2 - 0.9) ** 2 + (0.5 - 0.9) ** 2) / 2 / 2 + (1**2 + 3**2) / 2 / 2
    assert value.item() == pytest.approx(expected)


@pytest.mark.parametrize("name", SMOOTHS)
def test_smoothing_moves_the_best_answer_for_real_images_alone(name):
    best = 0.9 if name == "lsgan" else log(0.9 / 0.1)
    real, fake = logits(best), logits(0.7)
    OBJECTIVES[name].discriminator(real, fake, 0.1).backward()
    plain = logits(0.7)
    OBJECTIVES[name].discriminator(logits(best), plain).backward()
    assert real.grad.item() == pytest.approx(0, abs=1e-12)
    assert fake.grad.item() == plain.grad.item()


def test_only_the_saturating_gradient_vanishes_where_d_is_sure():
    for name, expected in (("minimax", 0.0), ("non-saturating", -1.0)):
        fake = logits(-30.0)
        OBJECTIVES[name].generator(None, fake).backward()
        assert fake.grad.item() == pytest.approx(expected, abs=1e-12)


def test_beyond_the_margin_the_hinge_lets_go():
    real, fake = logits(1.01, 0.99), logits(-1.01, -0.99)
    OBJECTIVES["hinge"].discriminator(real, fake).backward()
    assert real.grad.tolist() == [0, -0.5]
    assert fake.grad.tolist() == [0, 0.5]


def test_a_relativistic_loss_depends_only_on_differences():
    real, fake = logits(*REAL), logits(*FAKE)
    for loss in (OBJECTIVES["relativistic"].discriminator, OBJECTIVES["relativistic"].generator):
        value = loss(real, fake).item()
        assert loss(real + 5, fake + 5).item() == pytest.approx(value, rel=1e-12)
        assert loss(real + 5, fake).item() != pytest.approx(value, rel=1e-3)
        assert loss(real, fake.flip(0)).item() != pytest.approx(value, rel=1e-3)  # other pairs


def test_relativistic_players_are_each_others_mirror():
    real, fake = logits(*REAL), logits(*FAKE)
    objective = OBJECTIVES["relativistic"]
    assert objective.generator(real, fake).item() == objective.discriminator(fake, real).item()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("x", [-0.6, -0.2, 0.3])
def test_a_step_down_the_loss_moves_logits_the_way_each_player_wants(name, x):
    real, fake, drawn = logits(0.3), logits(0.2), logits(x)
    OBJECTIVES[name].discriminator(real, fake).backward()
    OBJECTIVES[name].generator(logits(0.3), drawn).backward()
    assert real.grad.item() < 0 < fake.grad.item()
    assert drawn.grad.item() < 0
