"""Objectives: values and gradients worked out by hand."""

import math

import pytest
import torch

from gan_core.objectives import OBJECTIVES


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def logits(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_the_objectives_are_those_of_the_first_paper():
    assert {"minimax", "non-saturating"} <= set(OBJECTIVES)


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_the_discriminators_loss_is_binary_cross_entropy(name):
    real, fake = (2.0, -1.0), (0.5, -3.0, 1.0)
    expected = -sum(math.log(sigmoid(x)) for x in real) / 2
    expected -= sum(math.log(1 - sigmoid(x)) for x in fake) / 3
    value = OBJECTIVES[name].discriminator(logits(*real), logits(*fake))
    assert value.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_an_undecided_discriminator_costs_two_log_two(name):
    value = OBJECTIVES[name].discriminator(logits(0.0, 0.0), logits(0.0))
    assert value.item() == pytest.approx(2 * math.log(2))


def test_the_generators_losses():
    fake = (0.5, -3.0, 1.0)
    saturating = sum(math.log(1 - sigmoid(x)) for x in fake) / 3
    non_saturating = -sum(math.log(sigmoid(x)) for x in fake) / 3
    assert OBJECTIVES["minimax"].generator(logits(*fake)).item() == pytest.approx(saturating)
    assert OBJECTIVES["non-saturating"].generator(logits(*fake)).item() == pytest.approx(
        non_saturating
    )


@pytest.mark.parametrize("x", [-8.0, -1.0, 0.0, 2.0, 8.0])
def test_gradients(x):
    real, fake = logits(x), logits(x)
    OBJECTIVES["minimax"].discriminator(real, fake).backward()
    assert real.grad.item() == pytest.approx(sigmoid(x) - 1)
    assert fake.grad.item() == pytest.approx(sigmoid(x))
    fake = logits(x)
    OBJECTIVES["minimax"].generator(fake).backward()
    assert fake.grad.item() == pytest.approx(-sigmoid(x))
    fake = logits(x)
    OBJECTIVES["non-saturating"].generator(fake).backward()
    assert fake.grad.item() == pytest.approx(-(1 - sigmoid(x)))


def test_only_the_saturating_gradient_vanishes_where_d_is_sure():
    for name, expected in (("minimax", 0.0), ("non-saturating", -1.0)):
        fake = logits(-30.0)
        OBJECTIVES[name].generator(fake).backward()
        assert fake.grad.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
@pytest.mark.parametrize("x", [-1000.0, 1000.0])
def test_extreme_logits_do_not_overflow(name, x):
    real = torch.tensor([x, -x], requires_grad=True)
    fake = torch.tensor([x], requires_grad=True)
    objective = OBJECTIVES[name]
    value = objective.discriminator(real, fake) + objective.generator(fake)
    value.backward()
    for number in (value, real.grad, fake.grad):
        assert torch.isfinite(number).all()


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_a_step_down_the_loss_moves_logits_the_way_each_player_wants(name):
    real, fake, drawn = logits(0.3), logits(-0.2), logits(-0.2)
    OBJECTIVES[name].discriminator(real, fake).backward()
    OBJECTIVES[name].generator(drawn).backward()
    assert real.grad.item() < 0 < fake.grad.item()
    assert drawn.grad.item() < 0
