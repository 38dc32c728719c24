"""Which latent draws a given picture? A search for it by gradient descent on z (Zhu et al. 2016).

A GAN gives no p(z|x): nothing in it leads from a picture back to a latent. So several latents are
moved at once, each to draw the picture better, and the best of them is the answer. How good it can
be is told by doing the same to pictures whose answer is known, the generator's own samples, and to
real ones.

    for now in invert(model, image):        # may be left at any time
        show(now.image, now.step, now.steps)
    now.z, now.error
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from gan_core import checkpoint
from gan_core.metrics import store
from gan_core.networks import fuse_layers, onnx_generator
from gan_core.util.errors import InputError
from gan_core.util.progress import along

STEPS = 150  # of the descent
STARTS = 12  # latents moved at once, until …
TRIAL = 30  # … so many steps are done; then the best
KEPT = 4  # of them go on
RATE = 0.1  # step size of Adam in units of the latent, falling to 0 along a half cosine
FEATURES = 0.1  # weight of the discriminator's features beside the pixels
POOL = 2048  # samples among which the nearest are sought for a start
THUMBNAIL = 16  # pixels a side at which they are compared
FIRST_SEED = 3 * 10**9  # of the pool; nobody comes across these seeds while browsing
SAMPLES_SEED = 3_100_000_000  # of the samples whose error is measured
QUANTILE = 2.576  # standard deviations: 99% of the prior's latents have lengths inside
KINDS = ("samples", "training", "held-out")
MOST_POOLS = 4
_pools = {}  # weights -> thumbnails of the pool


@dataclass(frozen=True)
class Progress:
    """How far a search has come.

    step of steps. z: float32 (nz,), the best latent so far. image: uint8 (H, W, C), what it draws.
    error: root mean square difference to the picture in levels of 256, over pixels and channels.
    loss: what is made small; it never rises from one Progress to the next.
    """

    step: int
    steps: int
    z: np.ndarray
    image: np.ndarray
    error: float
    loss: float


def has_gradients(model):
    """Whether a Model's generator has gradients to follow, which an ONNX graph has not."""
    return not isinstance(model.generator, onnx_generator.Generator)


def invert(model, image, *, encoder=None, steps=STEPS, starts=STARTS, seed=0):
    """Search for the latent of an image; yields a Progress before the first step and after each.

    image: uint8 (H, W, C), of the Model's size. encoder: an `encoder.Encoder`, or None.
    starts: how many latents to begin with; after a fifth of the steps the best third goes on.
    seed: of the random starts. The same arguments give the same steps. The lock for drawing is
    held during a step and free between two. The generator's weights are never touched.
    Raises InputError for an image of another size, and for a generator without gradients.
    """
    check(model, image)
    if steps < 1 or starts < 1:
        raise InputError("An inversion takes one step and one start at least.")
    # Outside of inference mode, so that gradients can pass; quicker than with batch norm.
    generator = fuse_layers.fold(model.generator)
    target = checkpoint.to_float(torch.tensor(image)[None])
    wanted = look(model, target)
    z = torch.from_numpy(first_latents(model, image, encoder, starts, seed))
    mean, square = torch.zeros_like(z), torch.zeros_like(z)  # Adam's moments of the gradient
    trial, kept = max(steps * TRIAL // STEPS, 1), -(-starts * KEPT // STARTS)
    best = None
    for step in range(steps + 1):
        with model.lock, torch.enable_grad():
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
                *told(drawn[place], target[0]),
                float(losses[place]),
            )
        yield Progress(step, steps, best.z, best.image, best.error, best.loss)
        if step == steps:
            return
        mean, square = mean.lerp(slope, 0.1), square.lerp(slope.square(), 0.01)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        rate *= (1 - 0.99 ** (step + 1)) ** 0.5 / (1 - 0.9 ** (step + 1))  # Adam's correction
        z = bring_back(z - rate * mean / (square.sqrt() + 1e-8), model.prior)
        if step + 1 == trial:
            rows = losses.topk(min(kept, len(z)), largest=False).indices.sort().values
            z, mean, square = z[rows], mean[rows], square[rows]


def search(model, image, *, encoder=None, steps=STEPS, starts=STARTS, seed=0):
    """`invert` with its preparation in stretches: yields floats, then a Progress a step.

    The floats are the share of the pool that is drawn, 0 to 1; there are none where it was drawn
    before. Arguments and errors are those of `invert`.
    """
    yield from pool(model)
    yield from invert(model, image, encoder=encoder, steps=steps, starts=starts, seed=seed)


def check(model, image):
    """Raise InputError unless an image is one that the Model could have drawn."""
    shape = (model.size, model.size, model.card["architecture"]["channels"])
    if getattr(image, "dtype", None) != np.uint8 or image.shape != shape:
        raise InputError(
            f"{model.name} draws uint8 images of {' × '.join(map(str, shape))}; bring the picture "
            "to this size first."
        )


def look(model, images):
    """The discriminator's features of images, float (N, C, H, W), or None where there is no D."""
    return None if model.discriminator is None else model.discriminator.features(images)


def distance(model, drawn, target, wanted):
    """How far drawn images are from the target: float (N,).

    Mean squared differences of pixels, as they are and of 4 × 4 means, so that what lies a little
    aside counts for something; and the cosine distance of the discriminator's features.
    """
    apart = drawn - target
    found = apart.square().mean((1, 2, 3))
    if min(apart.shape[2:]) >= 4:
        found = found + F.avg_pool2d(apart, 4).square().mean((1, 2, 3))
    if wanted is not None:
        found = found + FEATURES * (1 - F.cosine_similarity(look(model, drawn), wanted))
    return found


def told(drawn, target):
    """(image uint8 (H, W, C), its root mean square difference in levels) of float (C, H, W)."""
    image = checkpoint.to_uint8(drawn.permute(1, 2, 0).numpy())
    return image, float((drawn - target).square().mean().sqrt()) * 127.5


# The prior's shell.


def lengths(prior):
    """The shortest and the longest length that a latent of N(0, I) usually has.

    99% of them lie between. |z|² follows χ², whose quantiles are those of Wilson and Hilferty
    (1931): its cube root is nearly normal.
    """
    spread = 2 / (9 * prior.size)
    cubes = (1 - spread + np.array([-QUANTILE, QUANTILE]) * spread**0.5).clip(0) ** 3
    return np.sqrt(prior.size * cubes)


def bring_back(z, prior):
    """Latents, tensor (N, nz), brought back to where the prior has its samples.

    Of N(0, I): to the nearest of the usual lengths; of U(−1, 1): into the cube.
    """
    if prior.kind == "uniform":
        return z.clamp(-1, 1)
    shortest, longest = lengths(prior)
    length = z.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return z * (length.clamp(shortest, longest) / length)


# Where to begin.


def first_latents(model, image, encoder, n, seed):
    """n latents to begin with, float32 (n, nz): the encoder's and some around it where there is
    one, those of the nearest of POOL samples, and random ones."""
    random = model.prior.sample(n, FIRST_SEED + POOL + seed % 10**6)
    parts = []
    if encoder is not None:
        guess = np.repeat(encoder.encode(image[None]), max(n // 4, 1), 0)
        guess[1:] = 0.9 * guess[1:] + 0.4 * random[: len(guess) - 1]
        parts.append(guess)
    near = nearest_samples(model, image, -(-n * 3 // 8))
    z = np.concatenate([*parts, near, random])[:n]
    return bring_back(torch.from_numpy(z), model.prior).numpy()


def nearest_samples(model, image, n):
    """Latents, float32 (n, nz), of the n samples of the pool nearest in pixels, nearest first."""
    apart = thumbnails(model) - thumbnail(image[None])
    near = np.argsort(np.square(apart).sum((1, 2, 3)), kind="stable")[:n]
    return np.concatenate([model.prior.sample(1, FIRST_SEED + int(i)) for i in near])


def thumbnails(model):
    """Thumbnails of the pool, float32 (POOL, side, side, C), drawn once for a Model's weights."""
    found = _pools.get(model.hash)
    return draw_pool(model) if found is None else found


def draw_pool(model):
    for _ in pool(model):
        pass
    return _pools[model.hash]


def pool(model):
    """Draw the pool of a Model, where it is not drawn yet; yields the share done, batch by batch.

    It takes the longest of what comes before the first step of a search, and may be left.
    """
    if model.hash in _pools:
        return
    parts = []
    for seed in range(FIRST_SEED, FIRST_SEED + POOL, checkpoint.BATCH):
        if parts:
            yield (seed - FIRST_SEED) / POOL
        parts.append(thumbnail(model.generate(model.prior.sample(checkpoint.BATCH, seed))))
    while len(_pools) >= MOST_POOLS:
        _pools.pop(next(iter(_pools)), None)
    _pools[model.hash] = np.concatenate(parts)


def thumbnail(images):
    """uint8 (N, H, W, C) -> float32 (N, s, s, C), means of blocks, s at most THUMBNAIL."""
    pixels = torch.tensor(images).permute(0, 3, 1, 2).float()
    small = F.adaptive_avg_pool2d(pixels, min(THUMBNAIL, pixels.shape[-1]))
    return small.permute(0, 2, 3, 1).numpy()


# What an error means.


def errors(
    model,
    images,
    *,
    encoder=None,
    steps=STEPS,
    starts=STARTS,
    seed=0,
    progress=None,
    words="Inverting",
):
    """The error of inverting each image: floats in levels. progress: as for `steps.along`."""
    found = []
    for image in along(images, words, progress):
        search = invert(
            model, np.asarray(image), encoder=encoder, steps=steps, starts=starts, seed=seed
        )
        *_, now = search
        found.append(round(now.error, 2))
    return found


def measure(model, training_set=None, *, n=24, encoder=None, seed=0, progress=None, **budget):
    """Invert n samples, n training images and n held-out ones: what an error is to be held against.

    training_set: a TrainingSet, or None for samples alone. Returns a dict of plain JSON types;
    errors: {kind: [levels]}, a kind of KINDS without images being left out.
    """
    z = model.prior.sample(n, SAMPLES_SEED + seed)
    images = {"samples": model.generate(z)}
    if training_set is not None:
        draw = np.random.RandomState(seed)
        for kind, all_of in zip(
            KINDS[1:], (training_set.images, training_set.held_out), strict=True
        ):
            rows = np.sort(draw.permutation(len(all_of))[:n])
            images[kind] = [np.asarray(all_of[i]) for i in rows]
    budget = {"steps": STEPS, "starts": STARTS} | budget
    found = {
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
        "model": model.hash,
        "encoder": encoder.hash if encoder is not None else "",
        **budget,
        "seed": seed,
        "errors": found,
    }


def save_metrics(directory, result):
    """Write what `measure` returned into the checkpoint's model.json, under metrics."""
    store.save_metrics(directory, {"inversion": result})


def load_metrics(model):
    """What `measure` returned for a Model as its card has it, or None.

    None too for other weights, or where it is not what `measure` writes.
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


def table(result):
    """The errors of `measure` as Markdown."""
    lines = ["| pictures | number | median error | smallest | largest |", "|---|---|---|---|---|"]
    for kind, found in result["errors"].items():
        low, high = min(found), max(found)
        lines.append(f"| {kind} | {len(found)} | {np.median(found):.1f} | {low:.1f} | {high:.1f} |")
    return "\n".join(lines)
