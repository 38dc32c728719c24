"""Recognises the network of a set of tensors by their names and shapes.

Known layouts, each under any prefix (`module.`, `netG.`, `generator.` …):

    transposed convolutions, whatever names   PyTorch's DCGAN tutorial, pytorch/examples, and their
                                              descendants; the `dcgan` of this project; others are
                                              described by a list of layers (`layer_layout`)
    formatLayer, main.batchNorm0 …            facebookresearch/pytorch_GAN_zoo, DCGAN_nets.py
    l1, conv_blocks                           eriklindernoren/PyTorch-GAN, dcgan
    enter, layers, leave                      this project's `residual`
    mapping, synthesis                        this project's `style`

Strides, activations and the eps of a norm leave no trace in the tensors; those of the layout are
assumed, and checked against batch norm's statistics where there are any.
"""

import functools
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch

from gan_core.importers import layer_geometry, layer_layout, layer_reader
from gan_core.importers.layer_reader import PARTS, Misfit, in_words
from gan_core.importers.recognised import Choices, Player, SizeUnknown
from gan_core.networks import pytorch_gan_dcgan, registry, residual_gan, style
from gan_core.util.errors import InputError

AVERAGED = ("ema", "avg", "average")  # parts of a prefix: these are the weights to draw with
PLAYER_NAMES = r"(?i)(^|[._])(net_?)?g(en|enerator)?([._]|$)|ema|avg"  # of generators
# Of other networks and of optimisers, which nobody expects a generator to use.
OTHER_NAMES = (
    r"(?i)(^|[._])(net_?)?[de](isc|iscriminator|nc|ncoder)?[._]|critic|optim|(^|[._])avg|ema|"
    r"(^|[._])(net_?)?g(en|enerator)?[._]|exp_avg|state\."
)
NOTHING = "its tensors fit no known layout"
ZOO = "pytorch_GAN_zoo’s DCGAN"
TUTORIAL = "DCGAN as in PyTorch’s tutorial"
LINEAR_DCGAN = "PyTorch-GAN’s DCGAN"

Tensors = dict[str, torch.Tensor]
Layers = list[tuple[str, Tensors]]  # ("conv" or "norm", its tensors by part), in their order


class Unrecognised(InputError):
    """No layout fits. tensors: (name, shape, dtype) of every tensor in the file, as text."""

    def __init__(self, sentence: str, tensors: list[tuple[str, str, str]]) -> None:
        super().__init__(sentence)
        self.tensors = tensors


class Group(dict[str, torch.Tensor]):
    """Tensors by the rest of their names after a common prefix."""

    def __init__(self, prefix: str, tensors: Tensors) -> None:
        super().__init__(tensors)
        self.prefix = prefix


def generator(tensors: Tensors, where: str, choices: Choices = Choices()) -> Player:  # noqa: B008
    """The generator among named tensors. where: the name of the file, for messages.

    Of several, an averaged one (ema, avgG) is preferred, but never one whose batch norms saw no
    batch. choices: what a person decided. Raises SizeUnknown when a person must decide, and
    Unrecognised, an InputError that lists the tensors.
    """
    by_name, near_misses, _ = players(tensors, named_layouts(choices), as_generator)
    by_shape = functools.partial(any_layers, choices=choices)
    others, misfits, open_sizes = players(tensors, [by_shape], as_generator, by_name)
    recognised = [
        replace(player, notes=[*player.notes, *unused(player, tensors)])
        for player in by_name + others
    ]
    alive = [player for player in recognised if not player.dead]
    averaged = [player for player in alive or recognised if is_average(player.prefix)]
    if recognised:
        return with_choices((averaged or alive or recognised)[0], recognised, choices)
    if open_sizes:
        raise open_sizes[0]
    judges, _, _ = players(tensors, DISCRIMINATORS, as_discriminator)
    if judges and all(any(n.startswith(judge.prefix) for judge in judges) for n in tensors):
        why = f"it is a discriminator ({judges[0].words}); the generator is in another file"
    else:
        why = likeliest(near_misses) or likeliest(misfits) or NOTHING
    raise Unrecognised(
        f"No generator was recognised in {where}: {why}. Exported as ONNX, a generator of any "
        "kind can be imported.",
        listing(tensors),
    )


def unused(player: Player, tensors: Tensors) -> list[str]:
    """A sentence on weights beside a generator, in the same module, that no layer of it uses."""
    parent = re.match(r"(.*\.)?[^.]+\.$", player.prefix)
    if parent is None:
        return []
    module = parent[1] or ""
    names = [
        name
        for name, tensor in tensors.items()
        if name.startswith(module)
        and not name.startswith(player.prefix)
        and tensor.ndim > 1
        and not re.search(OTHER_NAMES, name.removeprefix(module))
    ]
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"Not used: {', '.join(names[:3])}{more}."]


def with_choices(player: Player, recognised: list[Player], choices: Choices) -> Player:
    """The player that was chosen among the recognised, with notes. Raises InputError.

    It does so when a choice was made that its layout does not leave open.
    """
    if player.listed is None and (choices.activation or choices.output or choices.size):
        raise InputError(
            f"{player.words} has a size, an activation and an output of its own; leave these "
            "choices out."
        )
    dead = [one for one in recognised if one.dead and is_average(one.prefix)]
    notes = list(player.notes)
    if player.dead:
        notes.append(
            "Its batch norms never saw a batch (means of 0, variances of 1), so their statistics "
            "were estimated on fresh latents."
        )
    elif dead and not is_average(player.prefix):
        notes.append(
            f"{dead[0].prefix.rstrip('.')} in the file is not used: its batch norms never saw a "
            "batch (means of 0, variances of 1)."
        )
    return replace(player, notes=notes)


def likeliest(misfits: list[tuple[Group, str]]) -> str:
    """Of the reasons why groups of tensors fit no layout, that of the largest.

    A group whose prefix names a generator comes before any other. Returns "" for none.
    """

    def weight(misfit: tuple[Group, str]) -> tuple[bool, int]:
        group, _ = misfit
        return bool(re.search(PLAYER_NAMES, group.prefix)), len(group)

    return max(misfits, key=weight)[1] if misfits else ""


def discriminator(tensors: Tensors, where: str) -> Player:
    """The discriminator of a known layout among named tensors. Raises Unrecognised."""
    recognised, misfits, _ = players(tensors, DISCRIMINATORS, as_discriminator)
    if recognised:
        return recognised[0]
    why = likeliest(misfits) or NOTHING
    raise Unrecognised(f"No discriminator was recognised in {where}: {why}.", listing(tensors))


def listed_discriminator(tensors: Tensors, where: str, size: int, channels: int) -> Player:
    """The discriminator among named tensors as a list of layers. Raises Unrecognised.

    size, channels: of the images of its generator.
    """

    def layout(group: Group) -> Player:
        full = {f"{group.prefix}{name}": tensor for name, tensor in group.items()}
        return layer_layout.discriminator(full, size, channels)

    recognised, misfits, _ = players(tensors, (layout,), lambda player, _: player)
    if recognised:
        return recognised[0]
    why = likeliest(misfits) or NOTHING
    raise Unrecognised(f"No discriminator was recognised in {where}: {why}.", listing(tensors))


def players(
    tensors: Tensors,
    layouts: Iterable[Callable],
    finish: Callable[[Player, str], Player],
    known: Iterable[Player] = (),
) -> tuple[list[Player], list[tuple[Group, str]], list[SizeUnknown]]:
    """(recognised networks, reasons of near misses, sizes to be chosen), over prefixes and layouts.

    The reasons come with the tensors in question. known: networks that were recognised before,
    whose tensors are left alone.
    """
    recognised: list[Player] = []
    misfits: list[tuple[Group, str]] = []
    open_sizes: list[SizeUnknown] = []
    for prefix, group in groups(tensors).items():
        if any(prefix.startswith(one.prefix) for one in recognised):
            continue  # a part of what was recognised
        if any(prefix.startswith(one.prefix) or one.prefix.startswith(prefix) for one in known):
            continue
        for layout in layouts:
            try:
                player = layout(group)
                if player is not None:
                    recognised.append(finish(player, prefix))
                    break
            except SizeUnknown as error:
                open_sizes.append(error)
            except (Misfit, InputError) as error:
                misfits.append((group, str(error).rstrip(".")))
    return recognised, misfits, open_sizes


def groups(tensors: Tensors) -> dict[str, Group]:
    """prefix -> its Group, for the empty prefix and all that end with a dot."""
    by_prefix = {"": Group("", tensors)}
    for name, tensor in tensors.items():
        places = [match.end() for match in re.finditer(r"\.", name)][:8]
        for place in places:
            prefix = name[:place]
            by_prefix.setdefault(prefix, Group(prefix, {}))[name[place:]] = tensor
    return by_prefix


def is_average(prefix: str) -> bool:
    """Whether a prefix names averaged weights."""
    words = re.split(r"[._\d]|(?<=[a-z])(?=[A-Z])", prefix)
    return any(word.lower() in AVERAGED for word in words)


def listing(tensors: Tensors) -> list[tuple[str, str, str]]:
    """(name, shape, dtype) of every tensor, as text."""
    return [
        (name, " × ".join(map(str, t.shape)) or "a number", str(t.dtype).removeprefix("torch."))
        for name, t in tensors.items()
    ]


# Sequences: convolutions and norms in their order, whatever their names.


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


def any_layers(group: Group, choices: Choices) -> Player:
    """A generator of any names; of the family `dcgan` where its layers are those of DCGAN."""
    full = {f"{group.prefix}{name}": tensor for name, tensor in group.items()}  # for messages
    player, links, steps = layer_layout.generator(full, "", choices, is_own_dcgan(group))
    return as_dcgan(player, links, steps, TUTORIAL)


def is_own_dcgan(group: Tensors) -> bool:
    """Whether tensors are named as in the `dcgan` of this project, whose last layer has a bias."""
    if not all(re.fullmatch(r"layers\.\d+\.\w+", name) for name in group):
        return False
    last = max((name for name in group), key=lambda name: int(name.split(".")[1]))
    return f"layers.{last.split('.')[1]}.bias" in group


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


# Layouts: functions of a group of named tensors that return a Player or None.


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


# The recognised tensors are compared with those of the network.


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
