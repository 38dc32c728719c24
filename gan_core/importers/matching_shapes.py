"""Recognised tensors compared with those of the network that they are taken for."""

import functools
import json
from dataclasses import replace
from typing import Any

import torch

from gan_core.importers.layer_reader import Misfit, in_words
from gan_core.importers.recognised import Player
from gan_core.networks import registry


def as_generator(player: Player, prefix: str) -> Player:
    """The Player, checked against its generator; see `checked`."""
    built, _ = shapes_of(json.dumps(player.sizes))
    return checked(player, prefix, built)


def as_discriminator(player: Player, prefix: str) -> Player:
    """The Player, checked against its discriminator; see `checked`."""
    sizes = {**player.sizes, "nz": 1, "ngf": 1}  # any values: the generator is not used
    _, built = shapes_of(json.dumps(sizes))
    return checked(player, prefix, built)


@functools.lru_cache(maxsize=64)
def shapes_of(architecture: str) -> tuple[dict | None, dict | None]:
    """({name: shape} of G, of D) of an architecture (JSON), without memory for its weights."""
    generator, discriminator = registry.outline(json.loads(architecture))
    return _shapes(generator), _shapes(discriminator)


def _shapes(network: torch.nn.Module | None) -> dict | None:
    if network is None:
        return None
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def checked(player: Player, prefix: str, shapes: Any) -> Player:
    """The Player with float32 weights. Raises Misfit when a name or a shape is not as expected."""
    weights = dict(player.weights)
    for name in shapes:  # PyTorch before 0.4.1 had no such counter
        if name.endswith("num_batches_tracked"):
            weights.setdefault(name, torch.tensor(0))
    for name in [*shapes, *weights]:
        given = tuple(weights[name].shape) if name in weights else None
        if given != shapes.get(name):
            actual, right = shape_words(given), shape_words(shapes.get(name))
            raise Misfit(
                f"it looks like {player.words}, but {prefix}{player.name_in_file(name)} is "
                f"{actual} and should be {right}"
            )
    for name, tensor in weights.items():
        whole = name.endswith("num_batches_tracked")
        weights[name] = tensor.to(torch.int64 if whole else torch.float32)
        if not whole and not finite(weights[name]):
            raise Misfit(f"it looks like {player.words}, but holds numbers that are not finite")
    norms = [name for name in weights if name.endswith("running_var")]
    dead = player.dead or (
        bool(norms)
        and all(bool((weights[name] == 1).all()) for name in norms)
        and not any(bool(weights[name[:-3] + "mean"].any()) for name in norms)
    )
    return replace(player, weights=weights, prefix=prefix, dead=dead)


def finite(tensor: torch.Tensor) -> bool:
    """Whether all numbers are finite, without a copy of the whole tensor."""
    return all(bool(torch.isfinite(part).all()) for part in tensor.flatten().split(2**20))


def shape_words(shape: tuple[int, ...] | None) -> str:
    """A shape as text, "missing" for None."""
    return "missing" if shape is None else in_words(shape)
