"""The two players: multilayer perceptrons with two hidden layers, in float64."""

import itertools
import math

import torch
from torch import nn

from gan_core.game import random_numbers
from gan_core.game.settings import BETAS, MOMENTUM, SLOPE, Settings

LATENT = 2


def build(settings: Settings, seed: int) -> tuple[nn.Sequential, nn.Sequential]:
    """G, (n, 2) -> (n, 2), and D, (n, 2) -> (n, 1) logits, with the weights of a seed."""
    width = settings.width
    generator = network((LATENT, width, width, 2), settings.activation)
    discriminator = network((2, width, width, 1), settings.activation)
    start(generator, seed, random_numbers.GENERATOR)
    start(discriminator, seed, random_numbers.DISCRIMINATOR)
    return generator, discriminator


def network(sizes: tuple[int, ...], activation: str) -> nn.Sequential:
    """A perceptron with an activation between any two linear layers."""
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        if i:
            layers.append(nn.Tanh() if activation == "tanh" else nn.LeakyReLU(SLOPE))
        layers.append(nn.Linear(inputs, outputs, dtype=torch.float64))
    return nn.Sequential(*layers)


@torch.no_grad()
def start(player: nn.Sequential, seed: int, stream: int) -> None:
    """Initial weights: uniform with variance 1/inputs; biases uniform in ±1/√inputs.

    One draw of random numbers for each layer: its weights row by row, then its biases.
    """
    for draw, layer in enumerate(one for one in player if isinstance(one, nn.Linear)):
        outputs, inputs = layer.weight.shape
        numbers = random_numbers.uniform(seed, stream, draw, outputs * (inputs + 1))
        values = torch.from_numpy(2 * numbers - 1) / math.sqrt(inputs)
        layer.weight.copy_(math.sqrt(3) * values[: outputs * inputs].view(outputs, inputs))
        layer.bias.copy_(values[outputs * inputs :])


def optimiser(player: nn.Module, kind: str, lr: float) -> torch.optim.Optimizer:
    """SGD, SGD with momentum, or Adam, for a player. lr: learning rate."""
    if kind == "adam":
        return torch.optim.Adam(player.parameters(), lr, BETAS)
    return torch.optim.SGD(player.parameters(), lr, MOMENTUM if kind == "momentum" else 0.0)
