"""Layouts that are known by the names of their tensors.

Each is a function of a group of named tensors that returns a Player, or None where the names are
others.
"""

import functools
import math
import re
from collections.abc import Callable

import torch

from gan_core.importers import layer_layout
from gan_core.importers.dcgan_layers import (
    TUTORIAL,
    Layers,
    Tensors,
    as_dcgan,
    dcgan_discriminator,
    in_kinds,
    norm,
    sequence,
)
from gan_core.importers.layer_reader import PARTS, Misfit
from gan_core.importers.recognised import Choices, Player
from gan_core.networks import pytorch_gan_dcgan, residual_gan, style

ZOO = "pytorch_GAN_zoo’s DCGAN"
LINEAR_DCGAN = "PyTorch-GAN’s DCGAN"


def tutorial_discriminator(group: Tensors) -> Player | None:
    """PyTorch's DCGAN tutorial: a Sequential of convolutions."""
    layers = sequence(group)
    return dcgan_discriminator(layers, TUTORIAL) if layers else None


def own_discriminator(group: Tensors) -> Player | None:
    """This project's `dcgan`: a Sequential called layers, then head."""
    if not group or not all(re.match(r"(layers\.\d+|head)\.", name) for name in group):
        return None
    flat = {re.sub(r"^head\.", "999.", re.sub(r"^layers\.", "", n)): t for n, t in group.items()}
    return tutorial_discriminator(flat)


def zoo(group: Tensors, choices: Choices) -> Player | None:
    """The generator of pytorch_GAN_zoo's DCGAN."""
    layers = named(group, r"(formatLayer|main\.(?:batchNorm|convTranspose)\d+|main\.outlayer)")
    if layers is None or "formatLayer" not in layers or "main.outlayer" not in layers:
        return None
    depth = sum(name.startswith("main.convT") for name in layers)
    order = ["formatLayer", "main.batchNorm0"]
    for i in range(1, depth + 1):
        order += [f"main.convTranspose{i}", f"main.batchNorm{i}"]
    in_order = ordered(layers, [*order, "main.outlayer"])
    numbered = {
        f"{place}.{part}": tensor
        for place, (_, parts) in enumerate(in_order)
        for part, tensor in parts.items()
    }
    return as_dcgan(*layer_layout.generator(numbered, ZOO, choices, known=True), ZOO)


def zoo_discriminator(group: Tensors) -> Player | None:
    """The discriminator of pytorch_GAN_zoo's DCGAN."""
    layers = named(group, r"(decisionLayer|main\.(?:batchNorm|convTranspose)\d+)")
    if layers is None or "decisionLayer" not in layers:
        return None
    depth = sum(name.startswith("main.convT") for name in layers) - 1
    order = [f"main.convTranspose{depth}"]
    for i in reversed(range(depth)):
        order += [f"main.convTranspose{i}", f"main.batchNorm{i}"]
    return dcgan_discriminator(ordered(layers, [*order, "decisionLayer"]), ZOO)


def named(group: Tensors, pattern: str) -> dict[str, Tensors] | None:
    """name of a layer -> {part: tensor}; None when a name does not match the pattern."""
    layers: dict[str, Tensors] = {}
    for name, tensor in group.items():
        match = re.fullmatch(rf"{pattern}\.({'|'.join(PARTS)})", name)
        if not match:
            return None
        layers.setdefault(match[1], {})[match[2]] = tensor
    return layers


def ordered(layers: dict[str, Tensors], order: list[str]) -> Layers:
    """The layers in a given order of their names. Raises Misfit when they are not the same."""
    missing, extra = set(order) - set(layers), set(layers) - set(order)
    if missing or extra:
        problem = f"{min(missing)} is missing" if missing else f"{min(extra)} is one too many"
        raise Misfit(f"it looks like pytorch_GAN_zoo's DCGAN, but {problem}")
    kinds = in_kinds([layers[name] for name in order])
    if kinds is None:
        raise Misfit("it looks like pytorch_GAN_zoo's DCGAN, but a layer is of a different kind")
    return kinds


def linear(group: Tensors) -> Player | None:
    """PyTorch-GAN's generator: l1, and conv_blocks, once called conv_model."""
    weights = {
        re.sub(r"^conv_(blocks|model)\.", "layers.", re.sub(r"^l1\.0\.", "project.", name)): tensor
        for name, tensor in group.items()
    }
    first, last = weights.get("project.weight"), weights.get("layers.9.weight")
    if first is None or last is None or first.ndim != 2 or last.ndim != 4:
        return None
    channels, ngf = last.shape[:2]
    start = math.isqrt(first.shape[0] // (2 * ngf))
    sizes = {"name": "upsample", "size": 4 * start, "channels": channels}
    blocks = (
        "conv_model." if any(name.startswith("conv_model.") for name in group) else "conv_blocks."
    )
    names = {"project.": "l1.0.", "layers.": blocks}
    return Player(LINEAR_DCGAN, sizes | {"nz": first.shape[1], "ngf": ngf}, weights, names=names)


def linear_discriminator(group: Tensors) -> Player | None:
    """PyTorch-GAN's discriminator: model and adv_layer. Older ones lack the last norm."""
    first, last = group.get("model.0.weight"), group.get("adv_layer.0.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 2:
        return None
    ndf, channels = first.shape[:2]
    side = math.isqrt(last.shape[1] // (8 * ndf))
    # Their numbers count dropouts: convolutions at 0, 3, 7, 11, norms at 6, 10, 14.
    places = {0: 0, 3: 2, 6: 4, 7: 5, 10: 7, 11: 8, 14: 10}
    weights = {}
    for name, tensor in group.items():
        match = re.fullmatch(r"model\.(\d+)\.(\w+)", name)
        if match and int(match[1]) in places:
            weights[f"layers.{places[int(match[1])]}.{match[2]}"] = tensor
        else:
            weights[re.sub(r"^adv_layer\.0\.", "head.", name)] = tensor
    if "model.14.weight" not in group:  # an identity norm
        mean = torch.zeros(8 * ndf)
        unit = {
            "running_mean": mean,
            "running_var": torch.full_like(mean, 1 - pytorch_gan_dcgan.EPS),
        }
        weights |= norm("layers.10", unit)
    return Player(
        LINEAR_DCGAN,
        {"name": "upsample", "size": 16 * side, "channels": channels, "ndf": ndf},
        weights,
    )


def enlarging(group: Tensors) -> Player | None:
    """This project's `resize`, in a plain state dict."""
    layers = {name.removeprefix("layers."): tensor for name, tensor in group.items()}
    kinds = sequence(layers)
    if not kinds or len(kinds) < 5 or any(not name.startswith("layers.") for name in group):
        return None
    shapes = [tuple(parts["weight"].shape) for kind, parts in kinds if kind == "conv"]
    if len(shapes) < 3 or {shape[2:] for shape in shapes[1:]} != {(3, 3)}:
        return None
    nz, _, start, _ = shapes[0]
    sizes = {"name": "resize", "size": start * 2 ** (len(shapes) - 1), "channels": shapes[-1][0]}
    return Player("this project’s resize", sizes | {"nz": nz, "ngf": shapes[-1][1]}, dict(group))


def residual_generator(group: Tensors) -> Player | None:
    """This project's `residual`, in a plain state dict."""
    first, last = group.get("enter.weight"), group.get("leave.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 4:
        return None
    blocks = sum(bool(re.fullmatch(r"layers\.\d+\.mix\.weight", name)) for name in group)
    sizes = {"name": "residual", "size": first.shape[2] * 2 ** (blocks - 1)}
    sizes |= {"channels": last.shape[0], "nz": first.shape[0], "ngf": last.shape[1]}
    if blocks < 1 or sizes["size"] not in residual_gan.SIZES:
        return None
    return Player("this project’s residual", sizes, dict(group))


def style_generator(group: Tensors) -> Player | None:
    """This project's `style`, in a plain state dict."""
    constant, first = group.get("synthesis.constant"), group.get("mapping.layers.0.weight")
    colour = group.get("synthesis.colour.weight")
    if constant is None or first is None or colour is None:
        return None
    if (constant.ndim, first.ndim, colour.ndim) != (4, 2, 4):
        return None
    last = "synthesis.blocks.{}.colour.weight"
    blocks = sum(bool(re.fullmatch(last.replace("{}", r"\d+"), name)) for name in group)
    size = constant.shape[2] * 2**blocks
    if blocks < 1 or size not in style.SIZES or last.format(blocks - 1) not in group:
        return None
    sizes = {"name": "style", "size": size, "channels": colour.shape[0], "nz": first.shape[1]}
    sizes["ngf"] = group[last.format(blocks - 1)].shape[1]
    return Player("this project’s style", sizes, dict(group))


def named_layouts(choices: Choices) -> list[Callable[[Tensors], Player | None]]:
    """The layouts of generators that are known by the names of their tensors."""
    pytorch_gan_zoo = functools.partial(zoo, choices=choices)
    return [pytorch_gan_zoo, linear, enlarging, residual_generator, style_generator]


DISCRIMINATORS = (
    *(tutorial_discriminator, own_discriminator),
    *(zoo_discriminator, linear_discriminator),
)
