"""One step of the game: who moves, by which loss, and what keeps D in bounds."""

import numpy as np
import pytest
import torch

from gan_core.game import step
from gan_core.game.settings import Settings
from gan_core.game.step import Game
from gan_core.training.losses import OBJECTIVES


def weights(player):
    return torch.cat([one.detach().flatten() for one in player.parameters()])


def test_each_player_moves_in_its_own_turn():
    game = Game(Settings(batch=16))
    g, d = weights(game.generator), weights(game.discriminator)
    step.update_discriminator(game)
    assert torch.equal(weights(game.generator), g)
    moved = weights(game.discriminator)
    assert not torch.equal(moved, d)
    step.update_generator(game)
    assert torch.equal(weights(game.discriminator), moved)
    assert not torch.equal(weights(game.generator), g)
    assert (game.updates, game.steps) == (1, 1)


def test_d_moves_k_times_for_each_move_of_g():
    game = Game(Settings(batch=16, k=3))
    step.step(game)
    step.step(game)
    assert (game.updates, game.steps) == (6, 2)


def test_the_same_seed_plays_the_same_game():
    games = [Game(Settings(batch=16), seed) for seed in (4, 4, 5)]
    for game in games:
        step.step(game)
    first, again, other = (weights(game.generator) for game in games)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_update_of_d_lowers_its_loss_on_that_batch(objective):
    game = Game(Settings(objective=objective, optimiser_d="sgd", lr_d=1e-4, clip=10, gp=0))
    real = game.real(2, 0, 64)
    fake = game.generator(game.latents(3, 0, 64)).detach()
    before = step.discriminator_loss(game, real, fake).item()
    step.update_discriminator(game)
    assert game.loss_d == before
    assert step.discriminator_loss(game, real, fake).item() < before


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_update_of_g_lowers_its_loss_on_that_batch(objective):
    game = Game(Settings(objective=objective, optimiser_g="sgd", lr_g=1e-4))
    before = step.generator_loss(game).item()
    step.update_generator(game)
    game.steps = 0  # the same batch
    assert step.generator_loss(game).item() < before


def test_clipping_holds_the_weights_of_d():
    game = Game(Settings(objective="wgan", clip=0.02))
    step.update_discriminator(game)
    assert weights(game.discriminator).abs().max() == pytest.approx(0.02)
    other = Game(Settings(objective="hinge", clip=0.02))
    step.update_discriminator(other)
    assert weights(other.discriminator).abs().max() > 0.1


@pytest.mark.parametrize(
    ("changes", "there"),
    [
        ({"objective": "hinge", "r1": 0.5}, True),
        ({"objective": "hinge", "r1": 0.0}, False),
        ({"objective": "wgan-gp", "gp": 0.5}, True),
        ({"objective": "wgan", "gp": 0.5, "r1": 0.5}, False),
    ],
)
def test_a_penalty_belongs_to_its_objective(changes, there):
    game = Game(Settings(**changes))
    real, fake = game.real(2, 0, 64), game.generator(game.latents(3, 0, 64)).detach()
    assert (step.discriminator_penalty(game, real, fake).item() > 0) == there


def test_both_penalties_are_what_finite_differences_say():
    for changes in ({"r1": 0.7}, {"objective": "wgan-gp", "gp": 0.7}):
        game = Game(Settings(activation="tanh", batch=16, **changes))
        real, fake = game.real(2, 0, 16), game.generator(game.latents(3, 0, 16)).detach()

        def slopes(points, judge=game.discriminator):
            h, each = 1e-5, []
            for axis in torch.eye(2, dtype=torch.float64):
                with torch.no_grad():
                    each.append((judge(points + h * axis) - judge(points - h * axis))[:, 0])
            return torch.stack(each, 1) / (2 * h)

        if "r1" in changes:
            expected = 0.7 / 2 * slopes(real).square().sum(1).mean()
        else:
            mix = step.random_numbers.uniform(0, step.random_numbers.MIX, 0, 16)
            between = torch.lerp(real, fake, torch.from_numpy(mix)[:, None])
            expected = 0.7 * (slopes(between).norm(dim=1) - 1).square().mean()
        penalty = step.discriminator_penalty(game, real, fake)
        assert penalty.item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_learning_rate_of_zero_leaves_a_player_where_it_is():
    game = Game(Settings(lr_g=0.0))
    before = weights(game.generator)
    for _ in range(3):
        step.step(game)
    assert torch.equal(weights(game.generator), before)


def test_own_points_are_the_data():
    game = Game(Settings(data="points"), 0, [(1.0, 1.0)])
    assert np.allclose(game.real(2, 0, 200).mean(0), 1, atol=0.02)
