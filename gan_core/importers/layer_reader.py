"""Named tensors read as a sequence of layers, by their shapes and their order.

    read(group)            the layers: linear layers, convolutions and norms, each with its tensors
    generator_chain(…)     those of a generator in their order, each with the norm that follows it
    discriminator_chain(…) the same of a discriminator

Names only say which tensors belong to one layer, and in which order layers of the same shape come.
A Misfit names the tensor that is missing, or the one too many.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch

Tensors = dict[str, torch.Tensor]
PARTS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
MAX_LAYERS = 100  # with their norms
MAX_WEIGHTS = 16  # layers with weights of one generator or discriminator
MAX_READINGS = 500  # layers looked at in the search for a chain
IMAGES = (1, 3)  # channels
ONNX = "the generator as ONNX (torch.onnx.export) is read whatever its layers are"


class Misfit(Exception):
    """Tensors resemble a layout but differ from it; the message says where."""


@dataclass
class Layer:
    """A layer: its name, its kind ("linear", "conv" or "norm"), and its tensors by part."""

    owner: str
    kind: str
    parts: Tensors = field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weight; of a norm, (channels,)."""
        return tuple(self.parts["running_mean" if self.kind == "norm" else "weight"].shape)

    @property
    def name(self) -> str:
        """The name of the weight in the file."""
        return f"{self.owner}.weight" if self.owner else "weight"


@dataclass
class Link:
    """A layer with weights in a chain, and the norm after it.

    transposed: of a convolution, whether its weight is (in, out, k, k) and not (out, in, k, k).
    given, made: channels before and after; values for a linear layer.
    side: of a linear layer whose values become a map, the side of that map, else 0.
    """

    layer: Layer
    transposed: bool
    given: int
    made: int
    side: int = 0
    norm: Layer | None = None

    @property
    def kernel(self) -> int:
        """The side of a convolution's kernel; 1 for a linear layer."""
        return self.layer.shape[2] if self.layer.kind == "conv" else 1

    @property
    def channels(self) -> int:
        """The channels of the map after this layer, or the values where there is none."""
        return self.made // self.side**2 if self.side else self.made


Reading = Callable[[list[Layer]], Iterator[list[Link]]]  # of weights as those of a network


def read(group: Tensors) -> list[Layer]:
    """The layers of a group of named tensors, in the order of the file. Raises Misfit."""
    owners: dict[str, Tensors] = {}
    for name, tensor in group.items():
        owner, _, part = name.rpartition(".")
        if part not in PARTS:
            raise Misfit(f"{name} ({in_words(tensor.shape)}) belongs to no layer that is known")
        owners.setdefault(owner, {})[part] = tensor
        if len(owners) > MAX_LAYERS:
            raise Misfit(f"it has more than {MAX_LAYERS} layers")
    return [Layer(owner, kind_of(owner, parts), parts) for owner, parts in owners.items()]


def kind_of(owner: str, parts: Tensors) -> str:
    """The kind of a layer. Raises Misfit when a part is missing or of another shape."""
    empty = [part for part, tensor in parts.items() if not tensor.numel()]
    if empty:
        raise Misfit(f"{owner}.{empty[0]} is empty")
    statistics = [part for part in ("running_mean", "running_var") if part in parts]
    weight = parts.get("weight")
    if len(statistics) == 1:
        missing = ({"running_mean", "running_var"} - set(statistics)).pop()
        raise Misfit(f"{owner}.{missing} is missing beside {owner}.{statistics[0]}")
    if statistics:
        width = parts["running_mean"].shape
        for part, tensor in parts.items():
            if part != "num_batches_tracked" and (tensor.shape != width or tensor.ndim != 1):
                raise Misfit(
                    f"{owner}.{part} is {in_words(tensor.shape)} beside a running_mean of "
                    f"{in_words(width)}"
                )
        for part, other in (("weight", "bias"), ("bias", "weight")):
            if part in parts and other not in parts:
                raise Misfit(f"{owner}.{other} is missing beside {owner}.{part}")
        return "norm"
    if weight is None:
        raise Misfit(f"{owner}.weight is missing beside {owner}.{next(iter(parts))}")
    if weight.ndim == 1 and "num_batches_tracked" in parts:
        raise Misfit(f"{owner}.running_mean and {owner}.running_var are missing")
    if weight.ndim == 1:
        raise Misfit(
            f"{owner}.weight ({in_words(weight.shape)}) looks like a norm without running "
            f"statistics, which is not known; {ONNX}"
        )
    if weight.ndim not in (2, 4) or (weight.ndim == 4 and weight.shape[2] != weight.shape[3]):
        raise Misfit(
            f"{owner}.weight ({in_words(weight.shape)}) is neither a linear layer nor a square "
            f"convolution; {ONNX}"
        )
    bias = parts.get("bias")
    if bias is not None and (bias.ndim != 1 or len(bias) not in weight.shape[:2]):
        raise Misfit(
            f"{owner}.bias is {in_words(bias.shape)} beside a weight of {in_words(weight.shape)}"
        )
    return "linear" if weight.ndim == 2 else "conv"


def generator_chain(layers: list[Layer]) -> list[Link]:
    """The layers of a generator from the latent to the image. Raises Misfit."""
    return chain(layers, generators)


def discriminator_chain(layers: list[Layer]) -> list[Link]:
    """The layers of a discriminator from the image to one number. Raises Misfit."""
    return chain(layers, discriminators)


def chain(layers: list[Layer], follow: Reading) -> list[Link]:
    """The links of layers in the first order in which they fit one another. Raises Misfit."""
    problem: Misfit | None = None
    for order in orders(layers):
        weights = [layer for layer in order if layer.kind != "norm"]
        if len(weights) > MAX_WEIGHTS:
            raise Misfit(f"it has more than {MAX_WEIGHTS} layers with weights; {ONNX}")
        if len(weights) < 2 or not any(layer.kind == "conv" for layer in weights):
            raise Misfit("it matches no known layout: it has no convolutions, or only one layer")
        for links in follow(weights):
            try:
                return with_norms(links, order)
            except Misfit as error:
                problem = problem or error
    raise problem or Misfit(why_not(layers, follow))


def orders(layers: list[Layer]) -> Iterator[list[Layer]]:
    """The orders to try: that of the file, that of the numbers in the names, and by shapes."""
    yield layers
    natural = sorted(layers, key=lambda layer: numbers(layer.owner))
    yield natural
    searched = by_shape(natural)
    if searched is not None:
        yield searched


def numbers(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts names with numbers as people do: conv2 before conv10."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part[:9]), "") if part.isdigit() else (0, 0, part) for part in parts if part]


def by_shape(layers: list[Layer]) -> list[Layer] | None:
    """Transposed convolutions in the order that their channels leave, where there is only one.

    For names without a meaning, as in a file that lists tensors by the alphabet.
    """
    weights = [layer for layer in layers if layer.kind == "conv"]
    if len(weights) != sum(layer.kind != "norm" for layer in layers):
        return None
    after = {layer.shape[1] for layer in weights}
    first = [layer for layer in weights if layer.shape[0] not in after]
    if len(first) != 1 or len({layer.shape[0] for layer in weights}) != len(weights):
        return None
    by_input = {layer.shape[0]: layer for layer in weights}
    order, width = [], first[0].shape[0]
    while width in by_input:
        order.append(by_input.pop(width))
        width = order[-1].shape[1]
    # A discriminator read backwards would fit too: there the last number is the first channel.
    if by_input or order[0].shape[0] == 1:
        return None
    return [*order, *(layer for layer in layers if layer.kind == "norm")]


def generators(weights: list[Layer]) -> Iterator[list[Link]]:
    """Every reading of weights as a generator's: from a latent to 1 or 3 channels.

    Readings with transposed convolutions come first. A weight of as many inputs as outputs can be
    read both ways; the search ends after MAX_READINGS layers.
    """
    tried = 0

    def extend(links: list[Link]) -> Iterator[list[Link]]:
        nonlocal tried
        place = len(links)
        tried += 1
        if tried > MAX_READINGS:
            return
        if place == len(weights):
            if links[-1].layer.kind == "conv" and links[-1].made in IMAGES:
                yield links
            return
        layer = weights[place]
        before = links[-1] if links else None
        if layer.kind == "linear":
            made, given = layer.shape
            if before is None or (before.layer.kind == "linear" and before.made == given):
                yield from extend([*links, Link(layer, False, given, made)])
            return
        usual = before is None or before.layer.kind == "linear" or before.transposed
        for transposed in (usual, not usual):
            given, made = layer.shape[:2] if transposed else layer.shape[1::-1]
            if not transposed and before is None:
                continue  # an ordinary convolution takes no latent
            bias = layer.parts.get("bias")
            if bias is not None and len(bias) != made:
                continue
            if before is None or (before.layer.kind == "conv" and before.made == given):
                yield from extend([*links, Link(layer, transposed, given, made)])
            elif before.layer.kind == "linear":
                side = root(before.made, given)
                if side:
                    mapped = replace(before, side=side)
                    yield from extend([*links[:-1], mapped, Link(layer, transposed, given, made)])

    yield from extend([])


def discriminators(weights: list[Layer]) -> Iterator[list[Link]]:
    """The reading of weights as a discriminator's: from 1 or 3 channels to one number."""
    links: list[Link] = []
    for layer in weights:
        made, given = layer.shape[:2]
        if layer.kind == "conv":
            fits = links[-1].made == given if links else given in IMAGES
            fits = fits and (not links or links[-1].layer.kind == "conv")
        else:
            fits = bool(links) and given % links[-1].made == 0
            side = root(given, links[-1].made) if fits and links[-1].layer.kind == "conv" else 0
            if side:
                links[-1] = replace(links[-1], side=side)
            elif not fits or given != links[-1].made:
                fits = False
        bias = layer.parts.get("bias")
        if not fits or (bias is not None and len(bias) != made):
            return
        links.append(Link(layer, False, given, made))
    if links and links[-1].made == 1:
        yield links


def root(values: int, channels: int) -> int:
    """The side of a square map of so many values in so many channels, 0 when there is none."""
    side = round((values / channels) ** 0.5)
    return side if side**2 * channels == values else 0


def with_norms(links: list[Link], order: list[Layer]) -> list[Link]:
    """The links with the norm after each, by position, else by width. Raises Misfit."""
    norms = [layer for layer in order if layer.kind == "norm"]
    links = [replace(link) for link in links]
    by_owner = {link.layer.owner: link for link in links}
    last: Link | None = None
    for layer in order:
        if layer.kind != "norm":
            last = by_owner[layer.owner]
        elif last is None or last.norm is not None or layer.shape[0] not in widths(last):
            break
        else:
            last.norm = layer
    else:
        check_gaps(links)
        return links
    for link in links:
        link.norm = None
    for norm in sorted(norms, key=lambda layer: numbers(layer.owner)):
        free = [link for link in links if link.norm is None and norm.shape[0] in widths(link)]
        same = [link for link in free if number_of(link.layer.owner) == number_of(norm.owner)]
        crowded = sum(norm.shape[0] == other.shape[0] for other in norms) < len(free)
        if not free:
            raise Misfit(
                f"{norm.owner} is a norm of {norm.shape[0]} channels, but no layer before it makes "
                f"as many: {before(norm.owner, links)} is missing"
            )
        (same[0] if same and crowded else free[0]).norm = norm
    check_gaps(links)
    return links


def widths(link: Link) -> set[int]:
    """How many channels a norm after a layer may have."""
    return {link.made, link.channels}


def number_of(name: str) -> str:
    """The last number in a name, or nothing."""
    return (re.findall(r"\d+", name) or [""])[-1]


def before(norm: str, links: list[Link]) -> str:
    """The probable name of the weight that is missing before a norm."""
    for link in links:
        if link.norm is None:
            continue
        mine, other = re.split(r"(\d+)", link.layer.owner), re.split(r"(\d+)", link.norm.owner)
        wanted = re.split(r"(\d+)", norm)
        digits = [part.isdigit() for part in mine]
        if digits == [part.isdigit() for part in wanted] == [part.isdigit() for part in other]:
            name = "".join(
                str(int(w) + int(m) - int(o)) if d else m
                for m, o, w, d in zip(mine, other, wanted, digits, strict=True)
            )
            return f"{name}.weight"
    stem, number = re.fullmatch(r"(.*?)(\d*)", norm).groups()  # type: ignore[union-attr]
    return f"{stem}{int(number) - 1}.weight" if number else "the weight of that layer"


def check_gaps(links: list[Link]) -> None:
    """Raise Misfit when numbers of a Sequential leave room for a norm that the file lacks.

    Where convolutions are numbered 0, 3, 6 with norms at 1 and 4, one at 9 with the next at 12 had
    a norm at 10.
    """
    places = [re.fullmatch(r"(.*?)(\d+)", link.layer.owner) for link in links]
    if not all(places) or len({place[1] for place in places if place}) != 1:
        return
    at = [int(place[2]) for place in places if place]
    normed = {
        b - a
        for (a, b), link in zip(pairwise(at), links, strict=False)
        if link.norm is not None and b - a > 1
    }
    bare = [
        (a, link)
        for (a, b), link in zip(pairwise(at), links, strict=False)
        if link.norm is None and b - a in normed
    ]
    if bare and normed:
        place, link = bare[0]
        stem = places[0][1] if places[0] else ""
        raise Misfit(
            f"{stem}{place + 1}, the norm of {link.made} channels after {link.layer.owner}, "
            "is missing"
        )


def why_not(layers: list[Layer], follow: Reading) -> str:
    """Why layers make no chain, naming the tensor that is missing or the one too many."""
    norms = [layer for layer in layers if layer.kind == "norm"]
    weights = [layer for layer in layers if layer.kind != "norm"]
    # Without one layer the rest fits: that one is too many.
    for one in reversed(layers):
        if one.kind == "norm":
            continue
        rest = [layer for layer in weights if layer is not one]
        for links in follow(rest) if len(rest) > 1 else ():
            try:
                fitting = with_norms(links, [layer for layer in layers if layer is not one])
            except Misfit:
                continue
            if fitting[-1].norm is not None:  # the last layer is not the one too many
                continue
            return f"{one.name} ({in_words(one.shape)}) is one too many: without it the rest fits"
    for norm in norms:
        made = {side for layer in weights for side in layer.shape[:2]}
        follows = [layer for layer in weights if norm.shape[0] in layer.shape[:2]]
        if norm.shape[0] not in made or lonely(norm, layers):
            name = before(norm.owner, paired(layers))
            if not any(layer.name == name for layer in follows):
                return (
                    f"{name} is missing: {norm.owner}, a norm of {norm.shape[0]} channels, "
                    "follows no layer"
                )
    return unfitting(weights)


def lonely(norm: Layer, layers: list[Layer]) -> bool:
    """Whether a norm follows another norm, or nothing, in the order of the file."""
    place = next(i for i, layer in enumerate(layers) if layer is norm)
    return place == 0 or layers[place - 1].kind == "norm"


def paired(layers: list[Layer]) -> list[Link]:
    """Links of the weights that a norm follows in the order of the file, for their names."""
    return [
        Link(weight, False, 0, norm.shape[0], norm=norm)
        for weight, norm in pairwise(layers)
        if weight.kind != "norm" and norm.kind == "norm"
    ]


def unfitting(weights: Iterable[Layer]) -> str:
    """The first layer that does not fit the one before it, or the last that makes no image."""
    last: Layer | None = None
    for layer in weights:
        if last is not None and last.kind == layer.kind == "conv":
            if not {last.shape[0], last.shape[1]} & {layer.shape[0], layer.shape[1]}:
                return (
                    f"{layer.name} is {in_words(layer.shape)} and does not fit {last.name} before "
                    f"it, {in_words(last.shape)}; a layer between them is missing, or one of "
                    "them is of another network"
                )
            if last.shape[1] != layer.shape[0] and last.shape[0] != layer.shape[1]:
                return (
                    f"{layer.name} is {in_words(layer.shape)} and does not fit {last.name} before "
                    f"it, {in_words(last.shape)}"
                )
        last = layer
    if last is None or last.kind != "conv":
        return "its tensors match no known layout"
    return (
        f"its last convolution, {last.name}, is {in_words(last.shape)}; an image has 1 or 3 "
        "channels, so a layer after it is missing or it is no generator"
    )


def in_words(shape: Iterable[int]) -> str:
    """A shape as text."""
    return " × ".join(map(str, shape)) or "a number"
