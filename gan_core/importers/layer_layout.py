"""Generators and discriminators of any names, recognised by the shapes and the order of layers.

    generator(group, …)        linear layers and convolutions from a latent to an image
    discriminator(group, …)    convolutions from an image to one number

The layers become a description for `gan_core.networks.layer_list`. What tensors do not tell is
taken from known layouts (`layer_geometry`) and from batch norm's statistics (`norm_statistics`);
what stays in doubt is said.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch

from gan_core import latent
from gan_core.importers import layer_geometry, layer_reader, norm_statistics
from gan_core.importers.layer_geometry import Step
from gan_core.importers.layer_reader import Link, Misfit, Tensors
from gan_core.importers.norm_statistics import Walk
from gan_core.importers.recognised import Choices, Player, SizeUnknown

EPS = 1e-5
SLOPE = 0.2  # of LeakyReLU in a discriminator
NEAR = 2.5  # cost up to which another size is as good as the likeliest
POSSIBLE = 5.0  # cost up to which another size is offered
# Where statistics lie between ReLU (0) and LeakyReLU (1); between these they are in doubt, as they
# are beyond LeakyReLU, which those of the first training steps are with either activation, and when
# the standard error is larger than MAX_ERROR.
RELU, LEAKY, BEYOND = 0.35, 0.65, 1.12
MAX_ERROR = 0.2
FITS = 0.3  # largest gap of a norm's log-variance to fresh latents without a doubt
PRIOR_FITS = 0.35
LAYERS: dict[str, dict[str, Any]] = {
    "relu": {"kind": "relu"},
    "leaky": {"kind": "leaky_relu", "slope": 0.2},
    "leaky-0.01": {"kind": "leaky_relu", "slope": 0.01},
    "elu": {"kind": "elu"},
}
NAMES = {"relu": "ReLU", "leaky": "LeakyReLU 0.2", "leaky-0.01": "LeakyReLU 0.01", "elu": "ELU"}
PRIOR_NAMES = {"normal": "normal", "uniform": "uniform, −1 to 1"}


@dataclass
class Decision:
    """What was decided about a generator, and how sure that is."""

    prior: str = "normal"
    activation: str = "relu"
    bare: str | None = None  # after a linear layer without a norm; None for the same activation
    steps: list[list[tuple[float, Step]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def generator(
    group: Tensors, words: str, choices: Choices, known: bool = False
) -> tuple[Player, list[Link], list[Step]]:
    """(Player, layers, steps) of a generator of named tensors; raises Misfit.

    words: the layout, "" for a description by layers. known: whether the layout is one whose size
    and activation are not in question. Raises SizeUnknown when a person must decide.
    """
    links = layer_reader.generator_chain(layer_reader.read(group))
    options = [
        layer_geometry.options(links, place) if link.layer.kind == "conv" else []
        for place, link in enumerate(links)
    ]
    if known:
        options = [steps[:1] for steps in options]
    norms = [link.norm for link in links if link.norm is not None]
    dead = norm_statistics.is_dead(norms)
    check_finite(group)
    decided = decide(links, options, choices, known, alive=bool(norms) and not dead)
    size, steps, possible = choose_size(links, decided.steps, choices.size, known)
    if size not in layer_geometry.USUAL and not choices.size:
        decided.doubts.append(
            f"Its layers seem to draw {size} × {size} pixels, an unusual size: a stride or a "
            "padding may be wrong."
        )
    if len(possible) > 1 and not choices.size:
        others = " or ".join(str(one) for one in possible if one != size)
        decided.notes.append(
            f"Taken as {size} × {size} pixels; {others} would be possible too; choose the "
            "size if the samples show a border or a grid."
        )
    output = choices.output or "tanh"
    layers, weights = describe(links, steps, decided, output)
    sizes = {"name": "layers", "size": size, "channels": links[-1].made, "nz": links[0].given}
    player = Player(
        words or in_words(links),
        sizes | {"layers": layers},
        weights,
        possible=possible,
        prior=decided.prior,
        activation=decided.activation,
        output=output,
        dead=dead,
        notes=decided.notes,
        doubts=decided.doubts,
    )
    return replace(player, listed=player), links, steps


def check_finite(group: Tensors) -> None:
    """Raise Misfit when a tensor holds numbers that are not finite."""
    for name, tensor in group.items():
        parts = tensor.flatten().split(2**20)
        if tensor.is_floating_point() and not all(bool(torch.isfinite(p).all()) for p in parts):
            raise Misfit(f"{name} holds numbers that are not finite")


def decide(
    links: list[Link], options: list[list[Step]], choices: Choices, known: bool, alive: bool
) -> Decision:
    """Prior, activation and strides, by statistics where there are any."""
    if not alive:
        decided = Decision(choices.prior or "normal", choices.activation or "relu")
        decided.steps = [[(step.cost, step) for step in steps] for steps in options]
        if not choices.prior or not choices.activation:
            decided.doubts.append(
                "There are no batch-norm statistics that reveal the activation and the prior, so "
                f"{NAMES[decided.activation]} and {PRIOR_NAMES[decided.prior]} latents are "
                "assumed."
            )
        return decided
    shares = norm_statistics.forgotten([link.norm for link in links if link.norm is not None])
    priors = [choices.prior] if choices.prior else list(latent.PRIORS)
    activations = [choices.activation] if choices.activation else ["relu", "leaky"]
    if known:
        activations = activations[:1]
    bares = bare_activations(links)
    first = 2 if len(bares) > 1 else 1  # norms that tell the prior
    best: tuple[float, str, float, str | None] | None = None
    for prior in priors:
        for share in shares:
            for bare in bares:
                begun = norm_statistics.walk(
                    links, options, prior, activations[0], share, bare, first
                )
                badness = sum(min(one.ratio**2, 4.0) for one in begun.gaps)
                if best is None or badness < best[0]:
                    best = badness, prior, share, bare
    assert best is not None
    _, prior, share, bare = best
    chosen = norm_statistics.walk(links, options, prior, activations[0], share, bare)
    decided = Decision(prior, activations[0], bare)
    if len(activations) > 1:
        other = norm_statistics.walk(links, options, prior, activations[1], share, bare)
        position, error = norm_statistics.leaning(chosen, other)
        if LEAKY < position < BEYOND and error < MAX_ERROR:
            chosen, decided.activation = other, activations[1]
        elif position > RELU or error >= MAX_ERROR:
            decided.doubts.append(
                "The batch-norm statistics do not distinguish ReLU from LeakyReLU; ReLU is assumed."
            )
    decided.steps = chosen.steps
    for link, usual, scored in zip(links, options, chosen.steps, strict=True):
        if link.norm is not None and scored and scored[0][1] != usual[0]:
            step = scored[0][1]
            decided.notes.append(
                f"{link.layer.name} has a stride of {step.stride} and a padding of {step.padding}, "
                "as the statistics after it show."
            )
    judge(decided, chosen, choices)
    return decided


def bare_activations(links: list[Link]) -> list[str | None]:
    """The possible activations after a linear layer that no norm follows: none, or the usual."""
    bare = any(link.layer.kind == "linear" and link.norm is None for link in links)
    return ["", None] if bare else [None]


def judge(decided: Decision, walk: Walk, choices: Choices) -> None:
    """Add doubts where the statistics do not fit what was decided."""
    for number, one in enumerate(walk.gaps):
        first = number == 0
        if abs(one.ratio) <= (PRIOR_FITS if first else FITS):
            continue
        factor = f"{torch.exp(torch.tensor(-one.ratio)):.3g}"
        if first:
            decided.doubts.append(
                f"In training, {one.owner} saw {factor} times the variance that "
                f"{PRIOR_NAMES[decided.prior]} latents give: the prior or the first layer is "
                "wrong."
            )
        else:
            decided.doubts.append(
                f"In training, {one.owner} saw {factor} times the variance that these layers give "
                "for new latents: a stride, a padding or the activation before it is wrong, or "
                "its statistics belong to other weights. If the samples look wrong, export the "
                "generator as ONNX where it was trained, and import that."
            )
        break  # those after it differ because of it


def choose_size(
    links: list[Link], scored: list[list[tuple[float, Step]]], wanted: int, known: bool
) -> tuple[int, list[Step], list[int]]:
    """(size of the images, step of each convolution, all possible sizes).

    wanted: the size that a person chose, 0 for none. Raises Misfit when no size is possible, and
    SizeUnknown when two are and the choice is a person's.
    """
    linear = [link for link in links if link.side]
    paths: dict[int, tuple[float, list[Step]]] = {linear[-1].side if linear else 1: (0.0, [])}
    for link, steps in zip(links, scored, strict=True):
        if link.layer.kind != "conv":
            continue
        following: dict[int, tuple[float, list[Step]]] = {}
        for side, (cost, done) in paths.items():
            for price, step in steps:
                after = step.side(side, link.kernel, link.transposed)
                better = after not in following or cost + price < following[after][0]
                if 1 <= after <= layer_geometry.LARGEST and better:
                    following[after] = cost + price, [*done, step]
        paths = following
    channels = links[-1].made
    costs = {
        size: cost + layer_geometry.size_cost(size, channels)
        for size, (cost, _) in paths.items()
        if size >= layer_geometry.SMALLEST
    }
    if not costs:
        raise Misfit("its layers make no image of 8 to 512 pixels a side")
    likeliest = min(costs, key=lambda size: (costs[size], size))
    possible = sorted(
        size
        for size in costs
        if size == likeliest
        or (size in layer_geometry.USUAL and costs[size] <= costs[likeliest] + POSSIBLE)
    )
    if wanted:
        if wanted not in costs:
            sizes = ", ".join(map(str, possible))
            raise Misfit(f"its layers make no images of {wanted} pixels a side, but of {sizes}")
        return wanted, paths[wanted][1], possible
    near = [size for size in possible if costs[size] <= costs[likeliest] + NEAR]
    if not known and channels == 1 and {28, 32} <= set(near):
        raise SizeUnknown(
            "Its layers fit images of 28 × 28 and of 32 × 32 pixels, and the tensors do not say "
            "which is right: choose the size, --size 28 or --size 32.",
            [28, 32],
        )
    return likeliest, paths[likeliest][1], [likeliest] if known else possible


def describe(
    links: list[Link], steps: list[Step], decided: Decision, output: str
) -> tuple[list[dict], Tensors]:
    """(layers, weights) of a generator for `gan_core.networks.layer_list`."""
    layers: list[dict] = []
    weights: Tensors = {}
    remaining = iter(steps)
    for link in links:
        last = link is links[-1]
        if link.layer.kind == "linear":
            add(layers, weights, linear(link), link.layer.parts)
            by_value = link.norm is not None and link.norm.shape[0] == link.made
            if link.norm is not None and by_value:
                add_norm(layers, weights, link.norm)
            if link.side:
                layers.append({"kind": "reshape", "channels": link.channels, "side": link.side})
            if link.norm is not None and not by_value:
                add_norm(layers, weights, link.norm)
            bare = link.norm is None and decided.bare is not None
            activation = decided.bare if bare else decided.activation
        else:
            step = next(remaining)
            if step.enlarges:
                layers.append({"kind": "upsample"})
            add(layers, weights, convolution(link, step), link.layer.parts)
            if link.norm is not None:
                add_norm(layers, weights, link.norm)
            activation = decided.activation
        if last:
            layers.append({"kind": output})
        elif activation:
            layers.append(dict(LAYERS[activation]))
    return layers, weights


def add(layers: list[dict], weights: Tensors, layer: dict, parts: Tensors) -> None:
    """Append a layer with its tensors, in float32."""
    for part, tensor in parts.items():
        whole = part == "num_batches_tracked"
        weights[f"sequence.{len(layers)}.{part}"] = tensor.to(
            torch.int64 if whole else torch.float32
        )
    layers.append(layer)


def add_norm(layers: list[dict], weights: Tensors, norm: layer_reader.Layer) -> None:
    """Append a batch norm, with a scale of 1 and a shift of 0 where the file has none."""
    mean = norm.parts["running_mean"]
    parts = {
        "weight": torch.ones_like(mean),
        "bias": torch.zeros_like(mean),
        "num_batches_tracked": torch.tensor(0),
    }
    add(layers, weights, {"kind": "batch_norm", "width": len(mean), "eps": EPS}, parts | norm.parts)


def linear(link: Link) -> dict:
    """The description of a linear layer."""
    has_bias = "bias" in link.layer.parts
    return {"kind": "linear", "in": link.given, "out": link.made, "bias": has_bias}


def convolution(link: Link, step: Step) -> dict:
    """The description of a convolution with its step."""
    layer = {"kind": "conv_transpose" if link.transposed else "conv", "in": link.given}
    layer |= {"out": link.made, "kernel": link.kernel, "stride": step.stride}
    layer |= {"padding": step.padding, "bias": "bias" in link.layer.parts}
    return layer | ({"output_padding": step.output_padding} if link.transposed else {})


def discriminator(group: Tensors, size: int, channels: int) -> Player:
    """The Player of a discriminator for images of a size. Raises Misfit."""
    links = layer_reader.discriminator_chain(layer_reader.read(group))
    check_finite(group)
    if links[0].given != channels:
        raise Misfit(f"it takes images of {links[0].given} channels, not {channels}")
    remaining = iter(layer_geometry.judging(links, size))
    layers: list[dict] = []
    weights: Tensors = {}
    mapped = True
    for link in links:
        if link.layer.kind == "linear":
            if mapped:
                layers.append({"kind": "flatten"})
            mapped = False
            add(layers, weights, linear(link), link.layer.parts)
        else:
            add(layers, weights, convolution(link, next(remaining)), link.layer.parts)
        if link is links[-1]:
            break
        if link.norm is not None:
            add_norm(layers, weights, link.norm)
        layers.append({"kind": "leaky_relu", "slope": SLOPE})
    last = f"sequence.{len(layers) - 1}."
    weights = {name.replace(last, "head."): tensor for name, tensor in weights.items()}
    sizes = {"name": "layers", "size": size, "channels": channels, "discriminator_layers": layers}
    return Player(in_words(links), sizes, weights)


def in_words(links: list[Link]) -> str:
    """The layers of a chain as text: "1 linear layer and 3 transposed convolutions"."""
    kinds = [
        "linear layer"
        if link.layer.kind == "linear"
        else f"{'transposed ' if link.transposed else ''}convolution"
        for link in links
    ]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    return " and ".join(f"{n} {kind}{'' if n == 1 else 's'}" for kind, n in counts.items())
