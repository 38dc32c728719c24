"""What the running statistics of batch norms tell of how a generator was trained.

A batch norm keeps the mean and the variance of what came in during training. Fresh latents sent
through the layers must give the same, if the prior, the activation and the strides are the right
ones: latents of U(−1, 1) have a third of the variance of normal ones, LeakyReLU lets more through
than ReLU, and a stride of 2 leaves a quarter of the products of a stride of 1.

    is_dead(norms)           statistics that never saw a batch: means of 0 and variances of 1
    walk(links, …)           the gaps between the statistics and those of fresh latents
    reestimate(network, …)   statistics measured again on fresh latents

The latents go through as in training, normalised by their own statistics, so that an error in one
norm does not spread to the next. benchmarks/norm_statistics.py measures the thresholds.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional

from gan_core import latent
from gan_core.importers.layer_geometry import Step
from gan_core.importers.layer_reader import Layer, Link, Misfit

LATENTS = 256
FEWEST = 4  # latents through wide maps, which average over many pixels
MAX_VALUES = 2**23  # of all maps at once, where FEWEST are not more
MOST_VALUES = 2**25  # of more, a network is refused
MOST_FLAT = 2**20  # values of a linear layer
LARGEST_MAP = 512  # pixels a side
EPS = 1e-5
MOMENTUM = 0.1  # PyTorch's default, by which a norm forgets its first variance of 1
FEW = 60  # batches after which less than 0.2 % of it is left
BATCHES = 32  # of LATENTS, to estimate statistics again


@dataclass
class Gap:
    """How fresh latents differ from a norm's statistics.

    ratios: log of their variance over the norm's, per channel. shifts: their mean minus the norm's,
    in standard deviations of the norm.
    """

    owner: str
    ratios: np.ndarray
    shifts: np.ndarray

    @property
    def ratio(self) -> float:
        """The mean of the ratios: what all channels have in common."""
        return float(self.ratios.mean())


@dataclass
class Walk:
    """What came out of one pass of latents.

    gaps: of the norms in their order. steps: of each layer, the possible steps with their costs,
    the best first; empty for a linear layer.
    """

    gaps: list[Gap] = field(default_factory=list)
    steps: list[list[tuple[float, Step]]] = field(default_factory=list)


def is_dead(norms: list[Layer]) -> bool:
    """Whether norms never saw a batch: all means are 0 and all variances 1."""
    return bool(norms) and all(
        not norm.parts["running_mean"].any() and bool((norm.parts["running_var"] == 1).all())
        for norm in norms
    )


def forgotten(norms: list[Layer]) -> list[float]:
    """The possible shares of the first variance of 1 in a norm's statistics, likely first.

    After n batches with a momentum of 0.1, the share is 0.9ⁿ; averages over all batches (a
    momentum of None) keep none of it.
    """
    counts = [norm.parts.get("num_batches_tracked") for norm in norms]
    count = min((int(n) for n in counts if n is not None and n.numel() == 1), default=0)
    return [0.0, (1 - MOMENTUM) ** count] if 0 < count < FEW else [0.0]


def gap(values: torch.Tensor, norm: Layer, share: float = 0.0) -> Gap:
    """The Gap between what comes into a norm, float (N, C, …), and its statistics.

    share: of the first variance of 1 that the statistics still hold.
    """
    over = [axis for axis in range(values.ndim) if axis != 1]
    mean, variance = values.mean(over), values.var(over)
    mean, variance = (1 - share) * mean, share + (1 - share) * variance
    stored_mean = norm.parts["running_mean"].float()
    stored_variance = norm.parts["running_var"].float().clamp_min(0) + EPS
    ratios = torch.log((variance + EPS) / stored_variance)
    return Gap(norm.owner, ratios.numpy(), ((mean - stored_mean) / stored_variance.sqrt()).numpy())


def latents(prior: str, nz: int, n: int = LATENTS) -> torch.Tensor:
    """n latents of a prior, float32 (n, nz)."""
    return torch.from_numpy(latent.Prior(prior, nz).sample(n, seed=0))


def activate(values: torch.Tensor, activation: str) -> torch.Tensor:
    """The values after an activation of ACTIVATIONS, or unchanged for ""."""
    return ACTIVATIONS[activation](values) if activation else values


ACTIVATIONS = {
    "relu": torch.relu,
    "leaky": lambda x: functional.leaky_relu(x, 0.2),
    "leaky-0.01": lambda x: functional.leaky_relu(x, 0.01),
    "elu": functional.elu,
}


def through(link: Link, step: Step | None, x: torch.Tensor) -> torch.Tensor:
    """What a layer makes of maps or values; step: of a convolution."""
    weight = link.layer.parts["weight"].float()
    bias = link.layer.parts.get("bias")
    bias = None if bias is None else bias.float()
    if step is None:
        return functional.linear(x, weight, bias)
    if x.ndim == 2:
        x = x[:, :, None, None]
    if link.transposed:
        return functional.conv_transpose2d(
            x, weight, bias, step.stride, step.padding, step.output_padding
        )
    x = functional.interpolate(x, scale_factor=2.0) if step.enlarges else x
    return functional.conv2d(x, weight, bias, step.stride, step.padding)


def normalised(values: torch.Tensor, norm: Layer) -> torch.Tensor:
    """Values after a norm in training: by their own statistics, then scaled and shifted."""
    parts = norm.parts
    weight, bias = parts.get("weight"), parts.get("bias")
    return functional.batch_norm(
        values,
        None,
        None,
        None if weight is None else weight.float(),
        None if bias is None else bias.float(),
        training=True,
    )


EXPLAINS = 0.15  # a gap of the log-variance up to which a stride explains it
TAU = 0.1  # a gap of the log-variance that counts as much as a cost of 1


@torch.inference_mode()
def walk(
    links: list[Link],
    options: list[list[Step]],
    prior: str,
    activation: str,
    share: float = 0.0,
    bare: str | None = None,
    until: int = 0,
) -> Walk:
    """Fresh latents through a generator, with the steps that its norms' statistics fit best.

    options: of each layer, the possible steps, likely first; none for a linear layer. activation:
    of ACTIVATIONS, after every layer. share: see `gap`. bare: the activation after a linear layer
    without a norm, "" for none; None for the same as elsewhere. until: the number of norms after
    which the walk ends, 0 for all.
    """
    result = Walk()
    x = latents(prior, links[0].given)
    for place, (link, possible) in enumerate(zip(links, options, strict=True)):
        if place == len(links) - 1 and link.norm is None:
            result.steps.append([(step.cost, step) for step in possible])
            break
        scored: list[tuple[float, Step]] = []
        if not possible:
            y = through(link, None, fewer(x, link, link.made))
            by_value = link.norm is not None and link.norm.shape[0] == link.made
            if link.side and not by_value:
                y = y.unflatten(1, (-1, link.side, link.side))
            seen = None if link.norm is None else gap(y, link.norm, share)
        else:
            y, seen, scored = best_step(link, possible, x, share)
        result.steps.append(scored)
        if seen is not None and link.norm is not None:
            result.gaps.append(seen)
            if len(result.gaps) == until:
                break
            x = activate(normalised(y, link.norm), activation)
        else:
            x = activate(y, bare if bare is not None and not possible else activation)
        if link.side and x.ndim == 2:
            x = x.unflatten(1, (-1, link.side, link.side))
    return result


def fewer(x: torch.Tensor, link: Link, values: int) -> torch.Tensor:
    """As many rows of x as a layer can turn into so many values each. Raises Misfit for none."""
    if values * FEWEST > MOST_VALUES or (link.layer.kind == "linear" and values > MOST_FLAT):
        raise Misfit(f"{link.layer.name} makes more values than any image needs")
    return x[: max(FEWEST, MAX_VALUES // values)]


def best_step(
    link: Link, possible: list[Step], x: torch.Tensor, share: float
) -> tuple[torch.Tensor, Gap | None, list[tuple[float, Step]]]:
    """(values after the best step, their Gap, every step with its cost, the best first).

    Other steps than the usual one are only tried when that does not fit, or when they differ from
    it at the border alone and may lead to another usual size.
    """
    if x.ndim == 2:
        x = x[:, :, None, None]
    sides = [step.side(x.shape[2], link.kernel, link.transposed) for step in possible]
    possible = [
        step for step, side in zip(possible, sides, strict=True) if 1 <= side <= LARGEST_MAP
    ]
    if not possible:
        raise Misfit(f"{link.layer.name} makes a map larger than that of any image")
    x = fewer(x, link, link.made * max(side for side in sides if side <= LARGEST_MAP) ** 2)
    fits = False
    tried: list[tuple[float, int, torch.Tensor, Gap | None]] = []
    for number, step in enumerate(possible):
        alike = link.kernel % 2 and (step.stride, step.enlarges) == (
            possible[0].stride,
            possible[0].enlarges,
        )
        if fits and not alike:
            continue
        y = through(link, step, x)
        if link.norm is None:
            return y, None, [(step.cost, step) for step in possible]
        seen = gap(y, link.norm, share)
        tried.append((step.cost + (seen.ratio / TAU) ** 2, number, y, seen))
        fits = fits or (number == 0 and abs(seen.ratio) < TAU)
    # A step that is not usual must explain the statistics; a smaller misfit is no reason for it.
    tried = [one for one in tried if one[3] and abs(one[3].ratio) < EXPLAINS] or tried[:1]
    tried.sort(key=lambda one: (one[0], one[1]))
    scored = [(score, possible[number]) for score, number, _, _ in tried]
    return tried[0][2], tried[0][3], scored


def leaning(one: Walk, other: Walk) -> tuple[float, float]:
    """(position, standard error) of the norms' statistics between two walks of other activations.

    0 where they are as the first walk makes them, 1 as the second. Over all channels of the norms
    after the first, whose input no activation reaches, the gaps of the first walk are regressed on
    what the second walk changes: training that goes on while statistics are recorded moves all of
    them, but not in that pattern. Means and variances each give an estimate, weighted by its error.
    """
    estimates = []
    for kind in ("shifts", "ratios"):
        gap = np.concatenate([-getattr(a, kind) for a in one.gaps[1:]] or [np.zeros(0)])
        change = [getattr(b, kind) - getattr(a, kind) for a, b in pairs(one, other)]
        wide = np.concatenate(change or [np.zeros(0)]).astype(np.float64)
        total = float(wide @ wide)
        if len(wide) < 2 or not np.isfinite(total) or total == 0:
            continue
        position = float(gap @ wide) / total
        rest = gap - position * wide
        estimates.append((position, float(rest @ rest) / (len(wide) - 1) / total + 1e-6))
    if not estimates:
        return 0.5, 1.0
    weights = [1 / variance for _, variance in estimates]
    mean = sum(w * p for w, (p, _) in zip(weights, estimates, strict=True)) / sum(weights)
    return mean, sum(weights) ** -0.5


def pairs(one: Walk, other: Walk) -> list[tuple[Gap, Gap]]:
    """The gaps of two walks at the norms after the first."""
    return list(zip(one.gaps[1:], other.gaps[1:], strict=True))


@torch.no_grad()
def reestimate(network: torch.nn.Module, prior: str, nz: int) -> None:
    """Measure the statistics of a network's batch norms again, in place, on fresh latents."""
    norms = [
        module
        for module in network.modules()
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
    ]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    network.train()
    for part in latents(prior, nz, BATCHES * 64).split(64):
        network(part)
    network.eval()
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
