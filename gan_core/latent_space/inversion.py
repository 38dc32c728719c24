"""Search for the latent of a given picture by gradient descent on z (Zhu et al. 2016).

A GAN gives no p(z|x): nothing in it leads from a picture back to a latent. So several latents are
optimised at once to reproduce the picture, and the best of them is the result. What error to expect
is measured on pictures whose latent is known, the generator's own samples, and on real images.

    for current in invert(model, image):        # may be stopped at any time
        show(current.image, current.step, current.steps)
    current.z, current.error
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional as F

from gan_core import checkpoint, latent, spaces
from gan_core.data.training_set import TrainingSet
from gan_core.metrics import store
from gan_core.networks import fuse_layers, onnx_generator
from gan_core.util.errors import InputError
from gan_core.util.progress import Progress as Reporter
from gan_core.util.progress import along

STEPS = 150  # of the descent
STARTS = 12  # latents optimised at once, for the first …
TRIAL = 30  # … steps; then the best …
SURVIVORS = 4  # … of them continue
RATE = 0.1  # learning rate of Adam in units of the latent, falling to 0 along a half cosine
FEATURES = 0.1  # weight of the discriminator's features relative to the pixels
POOL = 2048  # samples of which the nearest are starting points
THUMBNAIL = 16  # side in pixels at which they are compared
FIRST_SEED = 3 * 10**9  # of the pool; far from the seeds that people browse
SAMPLES_SEED = 3_100_000_000  # of the samples whose error is measured
QUANTILE = 2.576  # standard deviations either side that hold 99 % of the prior's lengths
KINDS = ("samples", "training", "held-out")
MOST_POOLS = 4
_pools: dict[str, np.ndarray] = {}  # weights -> thumbnails of the pool


class ImageEncoder(Protocol):
    """What an inversion needs of an `encoder.Encoder`."""

    @property
    def hash(self) -> str: ...

    def encode(self, images: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Progress:
    """The state of a search after one step.

    step, steps: steps done, of all. z: float32 (nz,), the best latent so far. image: uint8
    (H, W, C), its picture. error: root mean square difference to the target in levels of 256, over
    pixels and channels. loss: the quantity minimised; it never rises from one Progress to the next.
    """

    step: int
    steps: int
    z: np.ndarray
    image: np.ndarray
    error: float
    loss: float


def has_gradients(model: checkpoint.Model) -> bool:
    """Whether a Model's generator has gradients; an ONNX graph has none."""
    return not isinstance(model.generator, onnx_generator.Generator)


def invert(
    model: checkpoint.Model,
    image: np.ndarray,
    *,
    encoder: ImageEncoder | None = None,
    steps: int = STEPS,
    starts: int = STARTS,
    seed: int = 0,
) -> Iterator[Progress]:
    """Search for the latent of an image; yields a Progress before the first step and after each.

    image: uint8 (H, W, C), of the Model's size. encoder: an `encoder.Encoder`, or None. starts: how
    many latents to begin with; after a fifth of the steps the best third goes on. seed: of the
    random starts. The same arguments give the same steps. `model.turn` is held during a step and
    free between two steps. The generator's weights are never changed. Raises InputError for an
    image of another size, fewer than one step or start, and a generator without gradients.
    """
    check(model, image)
    if steps < 1 or starts < 1:
        raise InputError("An inversion needs at least one step and one start.")
    # Outside inference mode, so that gradients can flow; faster than with batch norm.
    generator = fuse_layers.fold(model.generator)
    target = checkpoint.to_float(torch.tensor(image)[None])
    wanted = discriminator_features(model, target)
    z = torch.from_numpy(first_latents(model, image, encoder, starts, seed))
    mean, square = torch.zeros_like(z), torch.zeros_like(z)  # Adam's moments of the gradient
    trial, survivors = max(steps * TRIAL // STEPS, 1), -(-starts * SURVIVORS // STARTS)
    best: Progress | None = None
    for step in range(steps + 1):
        with model.turn, torch.enable_grad():
            z = z.detach().requires_grad_(step < steps)
            drawn = generator(z)
            losses = distance(model, drawn, target, wanted)
            if step < steps:
                (slope,) = torch.autograd.grad(losses.sum(), z)
        losses, drawn, z = losses.detach(), drawn.detach(), z.detach()
        place = int(losses.argmin())
        if best is None or losses[place] < best.loss:
            best = Progress(
                step,
                steps,
                z[place].numpy().copy(),
                *to_image_and_error(drawn[place], target[0]),
                float(losses[place]),
            )
        yield Progress(step, steps, best.z, best.image, best.error, best.loss)
        if step == steps:
            return
        mean, square = mean.lerp(slope, 0.1), square.lerp(slope.square(), 0.01)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        rate *= (1 - 0.99 ** (step + 1)) ** 0.5 / (1 - 0.9 ** (step + 1))  # Adam's correction
        z = project_to_prior(z - rate * mean / (square.sqrt() + 1e-8), model.prior)
        if step + 1 == trial:
            rows = losses.topk(min(survivors, len(z)), largest=False).indices.sort().values
            z, mean, square = z[rows], mean[rows], square[rows]


def search(
    model: checkpoint.Model,
    image: np.ndarray,
    *,
    encoder: ImageEncoder | None = None,
    steps: int = STEPS,
    starts: int = STARTS,
    seed: int = 0,
) -> Iterator[float | Progress]:
    """`invert` with its preparation in parts: yields floats, then a Progress per step.

    The floats are the share of the pool that is generated, 0 to 1; there are none if it exists
    already. Arguments and errors are those of `invert`.
    """
    yield from pool(model)
    yield from invert(model, image, encoder=encoder, steps=steps, starts=starts, seed=seed)


def check(model: checkpoint.Model, image: np.ndarray) -> None:
    """Raise InputError unless an image has the shape and type of the Model's pictures."""
    shape = (model.size, model.size, model.card["architecture"]["channels"])
    if getattr(image, "dtype", None) != np.uint8 or image.shape != shape:
        raise InputError(
            f"{model.name} draws uint8 images of {' × '.join(map(str, shape))}; resize the picture "
            "first."
        )


def discriminator_features(model: checkpoint.Model, images: torch.Tensor) -> torch.Tensor | None:
    """The discriminator's features of images, float (N, C, H, W), or None where there is no D."""
    discriminator: Any = model.discriminator
    return None if discriminator is None else discriminator.features(images)


def distance(
    model: checkpoint.Model,
    drawn: torch.Tensor,
    target: torch.Tensor,
    wanted: torch.Tensor | None,
) -> torch.Tensor:
    """How far generated images are from the target: float (N,).

    drawn, target: float (N, C, H, W) and (1, C, H, W). wanted: the target's discriminator features.
    The distance is the mean squared difference of pixels and of 4 × 4 means, so that small shifts
    are penalised less, plus the cosine distance of the discriminator's features.
    """
    apart = drawn - target
    loss = apart.square().mean((1, 2, 3))
    if min(apart.shape[2:]) >= 4:
        loss = loss + F.avg_pool2d(apart, 4).square().mean((1, 2, 3))
    features = discriminator_features(model, drawn) if wanted is not None else None
    if wanted is not None and features is not None:
        loss = loss + FEATURES * (1 - F.cosine_similarity(features, wanted))
    return loss


def to_image_and_error(drawn: torch.Tensor, target: torch.Tensor) -> tuple[np.ndarray, float]:
    """(image uint8 (H, W, C), its root mean square difference in levels) of float (C, H, W)."""
    image = checkpoint.to_uint8(drawn.permute(1, 2, 0).numpy())
    return image, float((drawn - target).square().mean().sqrt()) * 127.5


# The prior's shell.


def shell_bounds(prior: latent.Prior) -> np.ndarray:
    """The lengths between which 99 % of the latents of N(0, I) lie: float64 (2,).

    |z|² follows χ². Its quantiles come from the approximation of Wilson and Hilferty (1931), by
    which its cube root is nearly normal.
    """
    spread = 2 / (9 * prior.size)
    cubes = (1 - spread + np.array([-QUANTILE, QUANTILE]) * spread**0.5).clip(0) ** 3
    return np.sqrt(prior.size * cubes)


def project_to_prior(z: torch.Tensor, prior: latent.Prior) -> torch.Tensor:
    """Latents, float (N, nz), moved to the nearest place where the prior has its samples.

    For N(0, I) this is within `shell_bounds`; for U(−1, 1) it is the cube; for w see
    `spaces.Intermediate.shorten`.
    """
    if isinstance(prior, spaces.Intermediate):
        return prior.shorten(z)
    if prior.kind == "uniform":
        return z.clamp(-1, 1)
    shortest, longest = shell_bounds(prior)
    length = z.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return z * (length.clamp(shortest, longest) / length)


# Where to begin.


def first_latents(
    model: checkpoint.Model, image: np.ndarray, encoder: ImageEncoder | None, n: int, seed: int
) -> np.ndarray:
    """n latents to begin with, float32 (n, nz).

    They are the encoder's guess and some around it where there is an encoder, the nearest of POOL
    samples, and random ones.
    """
    random = model.prior.sample(n, FIRST_SEED + POOL + seed % 10**6)
    parts = []
    if encoder is not None:
        guess = np.repeat(encoder.encode(image[None]), max(n // 4, 1), 0)
        guess[1:] = 0.9 * guess[1:] + 0.4 * random[: len(guess) - 1]
        parts.append(guess)
    near = nearest_samples(model, image, -(-n * 3 // 8))
    z = np.concatenate([*parts, near, random])[:n]
    return project_to_prior(torch.from_numpy(z), model.prior).numpy()


def nearest_samples(model: checkpoint.Model, image: np.ndarray, n: int) -> np.ndarray:
    """Latents, float32 (n, nz), of the n samples of the pool nearest in pixels, nearest first."""
    apart = thumbnails(model) - thumbnail(image[None])
    near = np.argsort(np.square(apart).sum((1, 2, 3)), kind="stable")[:n]
    return np.concatenate([model.prior.sample(1, FIRST_SEED + int(i)) for i in near])


def thumbnails(model: checkpoint.Model) -> np.ndarray:
    """Thumbnails of the pool, float32 (POOL, side, side, C), generated once per Model's weights."""
    known = _pools.get(model.hash)
    if known is not None:
        return known
    for _ in pool(model):
        pass
    return _pools[model.hash]


def pool(model: checkpoint.Model) -> Iterator[float]:
    """Generate a Model's pool if it does not exist; yields the share done, batch by batch.

    It is the slowest part of the preparation of a search, and may be stopped at any time.
    """
    if model.hash in _pools:
        return
    parts: list[np.ndarray] = []
    for seed in range(FIRST_SEED, FIRST_SEED + POOL, checkpoint.BATCH):
        if parts:
            yield (seed - FIRST_SEED) / POOL
        parts.append(thumbnail(model.generate(model.prior.sample(checkpoint.BATCH, seed))))
    while len(_pools) >= MOST_POOLS:
        _pools.pop(next(iter(_pools)), None)
    _pools[model.hash] = np.concatenate(parts)


def thumbnail(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, C) -> float32 (N, s, s, C), means of blocks, s at most THUMBNAIL."""
    pixels = torch.tensor(images).permute(0, 3, 1, 2).float()
    small = F.adaptive_avg_pool2d(pixels, min(THUMBNAIL, pixels.shape[-1]))
    return small.permute(0, 2, 3, 1).numpy()


# What an error means.


def errors(
    model: checkpoint.Model,
    images: Any,
    *,
    encoder: ImageEncoder | None = None,
    steps: int = STEPS,
    starts: int = STARTS,
    seed: int = 0,
    progress: Reporter = None,
    words: str = "Inverting",
) -> list[float]:
    """The error of inverting each image, in levels of 256.

    images: uint8 (n, H, W, C), or a list of images. words, progress: see `progress.along`. The
    other arguments are those of `invert`.
    """
    values = []
    for image in along(images, words, progress):
        *_, last = invert(
            model, np.asarray(image), encoder=encoder, steps=steps, starts=starts, seed=seed
        )
        values.append(round(last.error, 2))
    return values


def measure(
    model: checkpoint.Model,
    training_set: TrainingSet | None = None,
    *,
    n: int = 24,
    encoder: ImageEncoder | None = None,
    seed: int = 0,
    progress: Reporter = None,
    **budget: int,
) -> dict[str, Any]:
    """Invert n samples, n training images and n held-out images, to know what errors are usual.

    training_set: None for samples alone. budget: steps and starts, as for `invert`. Returns a dict
    of plain JSON types; errors: {kind: [levels]}, without kinds that have no images.
    """
    z = model.prior.sample(n, SAMPLES_SEED + seed)
    images: dict[str, Any] = {"samples": model.generate(z)}
    if training_set is not None:
        draw = np.random.RandomState(seed)
        for kind, all_of in zip(
            KINDS[1:], (training_set.images, training_set.held_out), strict=True
        ):
            rows = np.sort(draw.permutation(len(all_of))[:n])
            images[kind] = [np.asarray(all_of[i]) for i in rows]
    budget = {"steps": STEPS, "starts": STARTS} | budget
    by_kind = {
        kind: errors(
            model,
            some,
            encoder=encoder,
            seed=seed,
            progress=progress,
            words=f"Inverting {kind}",
            **budget,
        )
        for kind, some in images.items()
        if len(some)
    }
    return {
        "model": model.weights,
        **store.in_space(model),
        "encoder": encoder.hash if encoder is not None else "",
        **budget,
        "seed": seed,
        "errors": by_kind,
    }


def save_metrics(directory: str | Path, result: dict[str, Any]) -> None:
    """Save the result of `measure` in the checkpoint's model.json, under metrics."""
    store.save_metrics(directory, {"inversion": result})


def load_metrics(model: checkpoint.Model) -> dict[str, Any] | None:
    """The result of `measure` saved in a Model's card.

    None where there is none, where it was measured on other weights, or where it is malformed.
    """
    result = store.load_metrics(model.card, "inversion")
    if result is None:
        return None
    rows = result.get("errors")
    if not isinstance(rows, dict) or not rows or not set(rows) <= set(KINDS):
        return None
    whole = all(isinstance(row, list) and row for row in rows.values())
    numbers = [value for row in rows.values() for value in row] if whole else [None]
    return result if all(type(value) in (int, float) for value in numbers) else None


def table(result: dict[str, Any]) -> str:
    """The errors of `measure` as a Markdown table."""
    lines = ["| pictures | number | median error | smallest | largest |", "|---|---|---|---|---|"]
    for kind, values in result["errors"].items():
        low, high = min(values), max(values)
        middle = np.median(values)
        lines.append(f"| {kind} | {len(values)} | {middle:.1f} | {low:.1f} | {high:.1f} |")
    return "\n".join(lines)
