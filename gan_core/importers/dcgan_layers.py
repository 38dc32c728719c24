"""Convolutions and norms in their order, whatever their names, as this project's `dcgan`."""

import re
from collections.abc import Iterable
from dataclasses import replace

import torch

from gan_core.importers import layer_geometry, layer_reader
from gan_core.importers.layer_reader import PARTS, Misfit, in_words
from gan_core.importers.matching_shapes import as_generator
from gan_core.importers.recognised import Player
from gan_core.util.errors import InputError

TUTORIAL = "DCGAN as in PyTorch’s tutorial"
Tensors = dict[str, torch.Tensor]
Layers = list[tuple[str, Tensors]]  # ("conv" or "norm", its tensors by part), in their order


def sequence(group: Tensors) -> Layers | None:
    """The layers of numbered tensors, in the order of their numbers; None for other names.

    group: names such as "0.weight", or "1.0.weight" where a Sequential holds others.
    """
    layers: dict[tuple[int, ...], Tensors] = {}
    for name, tensor in group.items():
        match = re.fullmatch(rf"((?:\d{{1,4}}\.){{1,3}})({'|'.join(PARTS)})", name)
        if not match:
            return None
        place = tuple(map(int, match[1].rstrip(".").split(".")))
        layers.setdefault(place, {})[match[2]] = tensor
    return in_kinds([layers[place] for place in sorted(layers)])


def in_kinds(layers: Iterable[Tensors]) -> Layers | None:
    """The layers with their kinds; None when one is neither a convolution nor a norm."""
    kinds = []
    for parts in layers:
        weight = parts.get("weight")
        if "running_mean" in parts and "running_var" in parts:
            kinds.append(("norm", parts))
        elif weight is not None and weight.ndim == 4 and set(parts) <= {"weight", "bias"}:
            kinds.append(("conv", parts))
        else:
            return None
    return kinds or None


def as_dcgan(
    player: Player, links: list[layer_reader.Link], steps: list[layer_geometry.Step], words: str
) -> Player:
    """The Player as one of the family `dcgan`, if its layers are those of DCGAN; else itself."""
    usual = (player.activation, player.output) == ("relu", "tanh")
    stepping = {(step.stride, step.padding, step.output_padding) for step in steps[1:]}
    if not usual or stepping != {(2, 1, 0)} or not all(link.transposed for link in links):
        return player
    layers: Layers = []
    for link in links:
        layers.append(("conv", link.layer.parts))
        if link.norm is not None:
            layers.append(("norm", link.norm.parts))
    try:
        known = dcgan_generator(layers, words)
        known = known and as_generator(known, "")
    except (Misfit, InputError):
        return player
    if known is None or known.sizes["size"] != player.sizes["size"]:
        return player
    return replace(player, words=words, sizes=known.sizes, weights=known.weights)


def dcgan_generator(layers: Layers, words: str) -> Player | None:
    """The Player of transposed convolutions with a norm after each but the last."""
    kinds = [kind for kind, _ in layers]
    convolutions = [parts for kind, parts in layers if kind == "conv"]
    shapes = [tuple(parts["weight"].shape) for parts in convolutions]
    if len(shapes) < 3 or kinds[:3] != ["conv", "norm", "conv"] or shapes[0][1] != shapes[1][0]:
        return None  # a discriminator's first two layers do not fit each other this way
    if kinds != ["conv", "norm"] * (len(shapes) - 1) + ["conv"]:
        raise Misfit("it looks like DCGAN, but has one norm too few or too many")
    nz, width, start, _ = shapes[0]
    size, wanted = start * 2 ** (len(shapes) - 1), [(nz, width, start, start)]
    for _ in shapes[2:]:
        wanted.append((width, width // 2, 4, 4))
        width //= 2
    wanted.append((width, shapes[-1][1], 4, 4))
    for number, (shape, right) in enumerate(zip(shapes, wanted, strict=True), 1):
        if shape != right:
            raise Misfit(
                f"it looks like DCGAN, but its convolution {number} is {in_words(shape)} "
                f"instead of {in_words(right)}"
            )
    weights: Tensors = {}
    for place, (kind, parts) in enumerate(layers):
        at = 3 * (place // 2) + place % 2  # this project's numbers count the ReLU after each norm
        if kind == "norm":
            weights |= norm(f"layers.{at}", parts, layers[place - 1][1].get("bias"))
        else:
            weights[f"layers.{at}.weight"] = parts["weight"]
    last = convolutions[-1]
    weights[f"layers.{at}.bias"] = last.get("bias", torch.zeros(shapes[-1][1]))
    sizes = {"name": "dcgan", "size": size, "channels": shapes[-1][1], "nz": nz, "ngf": width}
    return Player(words, sizes, weights)


def dcgan_discriminator(layers: Layers, words: str) -> Player | None:
    """The Player of convolutions with norms from the second to the last but one, or without norms.

    A WGAN critic with clipping has none, for example.
    """
    kinds = [kind for kind, _ in layers]
    convolutions = [parts for kind, parts in layers if kind == "conv"]
    shapes = [tuple(parts["weight"].shape) for parts in convolutions]
    if len(shapes) < 3 or shapes[0][0] != shapes[1][1] or shapes[-1][0] != 1:
        return None
    steps = len(shapes) - 2
    normed = kinds == ["conv"] + ["conv", "norm"] * steps + ["conv"]
    if not normed and "norm" in kinds:
        raise Misfit("it looks like DCGAN's discriminator, but its norms are in other places")
    ndf, channels = shapes[0][:2]
    start = shapes[-1][2]
    weights: Tensors = {}
    at = 0
    before: Tensors = {}
    for kind, parts in layers[:-1]:
        if kind == "norm":
            weights |= norm(f"layers.{at - 1}", parts, before.get("bias"))
            at += 1
            continue
        weights[f"layers.{at}.weight"] = parts["weight"]
        if at == 0 or not normed:
            weights[f"layers.{at}.bias"] = parts.get("bias", torch.zeros(len(parts["weight"])))
        at, before = at + 2, parts
    weights["head.weight"] = convolutions[-1]["weight"]
    weights["head.bias"] = convolutions[-1].get("bias", torch.zeros(1))
    sizes = {"name": "dcgan", "size": start * 2 ** (steps + 1), "channels": channels, "ndf": ndf}
    return Player(words, sizes | ({} if normed else {"norm": "none"}), weights)


def norm(name: str, parts: Tensors, bias: torch.Tensor | None = None) -> Tensors:
    """The tensors of a batch norm under a name.

    bias: of the layer before it, which has none in this project: it is subtracted from the mean.
    """
    mean = parts["running_mean"]
    weights = {
        "weight": parts.get("weight", torch.ones_like(mean)),
        "bias": parts.get("bias", torch.zeros_like(mean)),
        "running_mean": mean if bias is None else mean - bias,
        "running_var": parts["running_var"],
        "num_batches_tracked": parts.get("num_batches_tracked", torch.tensor(0)),
    }
    return {f"{name}.{part}": tensor for part, tensor in weights.items()}
