"""Networks described by a list of their layers, for imported weights of no fixed family.

A description lists one module after the other, each with its kind and its sizes:

    {"kind": "conv_transpose", "in": 100, "out": 32, "kernel": 4, "stride": 1, "padding": 0,
     "output_padding": 0, "bias": false}, {"kind": "batch_norm", "width": 32, "eps": 1e-05},
    {"kind": "relu"}, …, {"kind": "tanh"}

Descriptions come from files of strangers: every value is checked, and sizes are followed from layer
to layer, before anything is built.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from gan_core.util.errors import InputError

NORMS = ("batch",)
SIZES = range(8, 513)
MAX_LAYERS = 200
MAX_VALUES = 2**24  # of one picture between two layers
WHOLE, NUMBER, FLAG = "whole", "number", "flag"
# kind -> its fields beside "kind".
KINDS = {
    "linear": {"in": WHOLE, "out": WHOLE, "bias": FLAG},
    "reshape": {"channels": WHOLE, "side": WHOLE},
    "flatten": {},
    "conv": dict.fromkeys(("in", "out", "kernel", "stride", "padding"), WHOLE) | {"bias": FLAG},
    "conv_transpose": dict.fromkeys(
        ("in", "out", "kernel", "stride", "padding", "output_padding"), WHOLE
    )
    | {"bias": FLAG},
    "batch_norm": {"width": WHOLE, "eps": NUMBER},
    "upsample": {},  # twice the side, by repeating pixels
    "relu": {},
    "leaky_relu": {"slope": NUMBER},
    "elu": {},
    "tanh": {},
    "sigmoid": {},  # scaled to [−1, 1]
}
FROM_ZERO = ("padding", "output_padding")  # whole numbers that may be 0
Shape = tuple[int, ...]  # (values,) or (channels, side, side) of one picture


class ScaledSigmoid(nn.Module):
    """2 · sigmoid(x) − 1: a generator that draws in [0, 1], brought to [−1, 1]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * torch.sigmoid(x) - 1


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size) in [−1, 1].

    layers: the description of the modules; the first takes (N, nz), or (N, nz, 1, 1) if it is a
    convolution, and the last is tanh or sigmoid.
    """

    def __init__(self, layers: list[dict]) -> None:
        super().__init__()
        self.as_map = layers[0]["kind"] in ("conv", "conv_transpose")
        self.sequence = sequential(layers)  # not "layers", as in the `dcgan` of this project

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.sequence(z[:, :, None, None] if self.as_map else z)


class Discriminator(nn.Module):
    """Images float (N, channels, size, size) in [−1, 1] -> logits float (N,).

    layers: the description of the modules; the last layer with weights makes the logit.
    """

    def __init__(self, layers: list[dict]) -> None:
        super().__init__()
        modules = sequential(layers)
        self.sequence, self.head = modules[:-1], modules[-1]

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The penultimate features, float (N, F)."""
        return self.sequence(images).flatten(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.sequence(images)).flatten()


def build(architecture: dict, most: int) -> tuple[nn.Module, nn.Module | None]:
    """(generator, discriminator or None) of a description.

    architecture: {"size", "channels", "nz", "layers"} and, for a discriminator,
    "discriminator_layers". most: how many weights both may have.
    Raises InputError for anything that cannot be built or does not fit together.
    """
    needed = {"size", "channels", "nz", "layers"}
    if set(architecture) - {"discriminator_layers"} != needed:
        raise InputError(
            "The architecture layers is described by size, channels, nz, layers and for D by "
            f"discriminator_layers, not by {', '.join(architecture) or 'nothing':.200}."
        )
    size, channels, nz = (architecture[key] for key in ("size", "channels", "nz"))
    if not all(type(value) is int for value in (size, channels, nz)):
        raise InputError("The architecture's size, channels and nz must be whole numbers.")
    if size not in SIZES or channels not in (1, 3) or not 1 <= nz <= 65536:
        raise InputError(
            f"layers draws images of 8 to 512 pixels with 1 or 3 channels, not {size:,} pixels "
            f"with {channels:,}."
        )
    layers, judging = architecture["layers"], architecture.get("discriminator_layers")
    kind = checked_list(layers, "layers")[0]["kind"]
    start = (nz,) if kind == "linear" else (nz, 1, 1)
    end = last_shape(layers, start)
    if end != (channels, size, size) or layers[-1]["kind"] not in ("tanh", "sigmoid"):
        raise InputError(
            f"The layers of the architecture draw {' × '.join(map(str, end))} instead of "
            f"{channels} × {size} × {size} ending with tanh or sigmoid."
        )
    count = weights(layers)
    if judging is not None:
        checked_list(judging, "discriminator_layers")
        logit = last_shape(judging, (channels, size, size))
        if math.prod(logit) != 1 or "in" not in judging[-1]:
            raise InputError("The discriminator's layers do not end in one number.")
        count += weights(judging)
    if count > most:
        raise InputError(
            f"The architecture has {count // 10**6:,} million weights; at most "
            f"{most // 10**6:,} million can be built."
        )
    return Generator(layers), None if judging is None else Discriminator(judging)


def checked_list(layers: Any, name: str) -> list[dict]:
    """The layers, if each is of a known kind with the right fields. Raises InputError."""
    if not isinstance(layers, list) or not 2 <= len(layers) <= MAX_LAYERS:
        raise InputError(f"The architecture's {name} must be a list of 2 to {MAX_LAYERS} layers.")
    for place, layer in enumerate(layers):
        fields = KINDS.get(layer.get("kind")) if is_named(layer) else None
        if fields is None or set(layer) != {"kind", *fields}:
            raise InputError(f"Entry {place} of the architecture's {name} is no known layer.")
        for key, kind in fields.items():
            if not fits(layer[key], kind, 0 if key in FROM_ZERO else 1):
                raise InputError(
                    f"Entry {place} of the architecture's {name} has an unusable {key}."
                )
    return layers


def is_named(layer: Any) -> bool:
    """Whether a layer is an object with a kind."""
    return isinstance(layer, dict) and isinstance(layer.get("kind"), str)


def fits(value: Any, kind: str, least: int) -> bool:
    """Whether a field holds a value of its kind, in bounds."""
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == WHOLE:
        return type(value) is int and least <= value <= 2**20
    return type(value) in (int, float) and 0 < value <= 1


def follow(layers: list[dict], shape: Shape) -> Iterator[tuple[dict, Shape, Shape]]:
    """(layer, shape before, shape after) of each layer. Raises InputError when they do not fit."""
    for place, layer in enumerate(layers):
        after = shape_after(layer, shape)
        if after is None or min(after) < 1 or math.prod(after) > MAX_VALUES:
            raise InputError(
                f"Entry {place} of the architecture's layers, {layer['kind']}, does not fit its "
                f"input of {' × '.join(map(str, shape))}."
            )
        yield layer, shape, after
        shape = after


def shape_after(layer: dict, shape: Shape) -> Shape | None:
    """The shape that a layer makes of a shape, None when it cannot take it."""
    kind, is_map = layer["kind"], len(shape) == 3
    if kind == "linear":
        return (layer["out"],) if shape == (layer["in"],) else None
    if kind == "reshape":
        target = (layer["channels"], layer["side"], layer["side"])
        return target if not is_map and shape[0] == math.prod(target) else None
    if kind == "flatten":
        return (math.prod(shape),)
    if kind == "batch_norm":
        return shape if shape[0] == layer["width"] else None
    if kind == "upsample":
        return (shape[0], 2 * shape[1], 2 * shape[2]) if is_map else None
    if kind in ("conv", "conv_transpose"):
        side = side_after(layer, shape[1]) if is_map and shape[0] == layer["in"] else 0
        return (layer["out"], side, side) if side > 0 else None
    return shape


def side_after(layer: dict, side: int) -> int:
    """The side of the map that a convolution makes of one with another side."""
    kernel, stride, padding = layer["kernel"], layer["stride"], layer["padding"]
    if layer["kind"] == "conv":
        return (side + 2 * padding - kernel) // stride + 1
    extra = layer["output_padding"]
    if extra and extra >= stride:  # PyTorch refuses it
        return 0
    return (side - 1) * stride - 2 * padding + kernel + extra


def last_shape(layers: list[dict], shape: Shape) -> Shape:
    """The shape of what the layers make of a shape. Raises InputError when they do not fit."""
    after = shape
    for _, _, after in follow(layers, shape):  # noqa: B007
        pass
    return after


def weights(layers: list[dict]) -> int:
    """How many weights the layers have, without building them."""
    return sum(
        layer["in"] * layer["out"] * layer.get("kernel", 1) ** 2
        for layer in layers
        if "in" in layer
    )


def sequential(layers: list[dict]) -> nn.Sequential:
    """The modules of a checked description."""
    modules: list[nn.Module] = []
    flat = layers[0]["kind"] == "linear"  # whether values come without a map
    for layer in layers:
        sizes = {key: value for key, value in layer.items() if key != "kind"}
        flat = layer["kind"] == "flatten" or (flat and layer["kind"] != "reshape")
        modules.append(MODULES[layer["kind"]](sizes, flat))
    return nn.Sequential(*modules)


def norm(sizes: dict, flat: bool) -> nn.Module:
    """A batch norm of values or of maps."""
    kind = nn.BatchNorm1d if flat else nn.BatchNorm2d
    return kind(sizes["width"], sizes["eps"])


MODULES: dict[str, Callable[[dict, bool], nn.Module]] = {
    "linear": lambda s, _: nn.Linear(s["in"], s["out"], s["bias"]),
    "reshape": lambda s, _: nn.Unflatten(1, (s["channels"], s["side"], s["side"])),
    "flatten": lambda _, __: nn.Flatten(),
    "conv": lambda s, _: nn.Conv2d(
        s["in"], s["out"], s["kernel"], s["stride"], s["padding"], bias=s["bias"]
    ),
    "conv_transpose": lambda s, _: nn.ConvTranspose2d(
        s["in"],
        s["out"],
        s["kernel"],
        s["stride"],
        s["padding"],
        s["output_padding"],
        bias=s["bias"],
    ),
    "batch_norm": norm,
    "upsample": lambda _, __: nn.Upsample(scale_factor=2),
    "relu": lambda _, __: nn.ReLU(),
    "leaky_relu": lambda s, _: nn.LeakyReLU(s["slope"]),
    "elu": lambda _, __: nn.ELU(),
    "tanh": lambda _, __: nn.Tanh(),
    "sigmoid": lambda _, __: ScaledSigmoid(),
}
