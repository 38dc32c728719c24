"""The latent space: its prior, seeded sampling, truncation, and paths through it.

Pure functions on float32 NumPy arrays whose last axis is the latent, of size nz.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gan_core.util.errors import InputError

PRIORS = ("normal", "uniform")
MODES = ("slerp", "lerp")
MAX_SEED = 2**32 - 1
RARE = 1000  # samples of which one is as short as `least_psi` makes them all
SHORTEST = 3.09  # standard deviations below the mean at which that one lies


@dataclass(frozen=True)
class Prior:
    """The distribution p(z) that a generator was trained on.

    kind: "normal", N(0, I), or "uniform", U(−1, 1) in every coordinate (Radford et al. 2016).
    size: nz, the number of coordinates of z.
    """

    kind: str
    size: int

    def __post_init__(self) -> None:
        if self.kind not in PRIORS:
            raise InputError(f"The prior is {self.kind!r}; it must be one of {', '.join(PRIORS)}.")
        if not isinstance(self.size, int) or not 1 <= self.size <= 65536:
            raise InputError(f"The prior's size is {self.size!r}; it must be from 1 to 65536.")

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """n latents, float32 (n, nz); row i is the latent of the seed `seed + i`.

        So each sample has a number of its own, and page 2 of a grid is a grid from a later seed.
        The stream is NumPy's RandomState, the only generator that NumPy promises never to change
        (NEP 19), so a seed gives the same latent on every machine and with every version.
        Raises InputError when a seed falls outside 0 … 2³² − 1.
        """
        if seed < 0 or seed + n - 1 > MAX_SEED:
            raise InputError(f"Seeds go from 0 to {MAX_SEED}; {seed} for {n} samples does not fit.")
        z = np.empty((n, self.size), np.float32)
        for i in range(n):
            stream = np.random.RandomState(seed + i)
            if self.kind == "normal":
                z[i] = stream.standard_normal(self.size)
            else:
                z[i] = stream.uniform(-1.0, 1.0, self.size)
        return z


def truncate(z: np.ndarray, psi: float) -> np.ndarray:
    """Scale latents towards the prior's mean, which is 0 for both priors: ψ·z.

    ψ = 1 leaves z unchanged, ψ = 0 is the mean latent, a smaller ψ trades variety for typicality,
    and ψ > 1 exaggerates (the truncation of StyleGAN, Karras et al. 2019, applied to z itself).
    """
    return (np.float32(psi) * np.asarray(z, np.float32)).astype(np.float32)


def least_psi(prior: Prior) -> float:
    """The smallest ψ at which a typical latent is still one that the generator was trained on.

    Latents of many coordinates have nearly the same length: those of N(0, I) lie on a shell of
    radius √nz, a little less than one thick whatever nz. ψ·z leaves the shell, and a generator
    without a mapping network has never been trained inside it. At the ψ returned a latent of
    typical length is as short as the shortest of RARE samples. Rounded to 0.05; near 0 for priors
    of few coordinates, where latents of every length occur, and 0 for latents in w.
    """
    if prior.kind == "intermediate":  # truncation was made for w
        return 0.0
    n = prior.size
    # The length of n independent coordinates is close to normally distributed.
    length, deviation = (
        (np.sqrt(max(n - 0.5, 0.0)), np.sqrt(0.5))
        if prior.kind == "normal"
        else (np.sqrt(n / 3), np.sqrt(1 / 15))
    )
    shortest = max(length - SHORTEST * deviation, 0.0)
    return float(np.round(20 * shortest / length) / 20)


def natural_mode(prior: Prior) -> str:
    """The interpolation that suits a prior: "slerp", or "lerp" in w, which lies on no sphere."""
    return "lerp" if prior.kind == "intermediate" else "slerp"


def lerp(a: np.ndarray, b: np.ndarray, t: ArrayLike) -> np.ndarray:
    """The straight line from a to b, (1 − t)·a + t·b.

    a, b: float32 (nz,); t: scalar or (n,) in [0, 1]. Returns float32 (nz,) or (n, nz).
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    t = np.asarray(t, np.float64)[..., None]
    return ((1 - t) * a + t * b).astype(np.float32)


def slerp(a: np.ndarray, b: np.ndarray, t: ArrayLike) -> np.ndarray:
    """The great circle from a to b; the norm changes linearly from |a| to |b|.

    High-dimensional normal latents lie close to a sphere of radius √nz. A straight line passes
    through its interior, where the generator was hardly ever trained (White 2016, Sampling
    Generative Networks). When the directions are nearly equal or opposite, or a latent has length
    zero, there is no unique great circle and the path is the straight line.
    Shapes as in `lerp`.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    if norm_a == 0 or norm_b == 0:
        return lerp(a, b, t)
    u, v = a / norm_a, b / norm_b
    angle = np.arccos(np.clip(u @ v, -1.0, 1.0))
    if np.sin(angle) < 1e-6:
        return lerp(a, b, t)
    t = np.asarray(t, np.float64)[..., None]
    direction = (np.sin((1 - t) * angle) * u + np.sin(t * angle) * v) / np.sin(angle)
    return (((1 - t) * norm_a + t * norm_b) * direction).astype(np.float32)


def path(keyframes: np.ndarray, n: int, mode: str = "slerp", closed: bool = False) -> np.ndarray:
    """n latents along a path through keyframes, evenly spaced in the keyframes' own time.

    keyframes: float32 (m, nz) with m ≥ 2. An open path starts at the first keyframe and ends at
    the last. A closed path continues from the last to the first and stops one step before it, so
    that it loops without repeating a picture.
    mode: "slerp" or "lerp". Returns float32 (n, nz).
    """
    segments = len(keyframes) if closed else len(keyframes) - 1
    return at(keyframes, np.linspace(0.0, segments, n, endpoint=not closed), mode, closed)


def at(
    keyframes: np.ndarray, time: ArrayLike, mode: str = "slerp", closed: bool = False
) -> np.ndarray:
    """The latents at given times on a path; keyframe k is at time k.

    time: scalar or (n,) in [0, m − 1], or [0, m] when closed. Returns float32 (nz,) or (n, nz).
    Raises InputError for fewer than two keyframes or an unknown mode.
    """
    keyframes = np.asarray(keyframes, np.float32)
    if keyframes.ndim != 2 or len(keyframes) < 2:
        raise InputError("A path needs at least two keyframes.")
    if mode not in MODES:
        raise InputError(f"The interpolation is {mode!r}; it must be one of {', '.join(MODES)}.")
    between = slerp if mode == "slerp" else lerp
    if closed:
        keyframes = np.concatenate([keyframes, keyframes[:1]])
    time = np.asarray(time, np.float64)
    segment = np.clip(np.floor(time).astype(int), 0, len(keyframes) - 2)
    points = [
        between(keyframes[s], keyframes[s + 1], t - s)
        for s, t in zip(segment.ravel(), time.ravel(), strict=True)
    ]
    return np.stack(points).reshape(*time.shape, -1)


def plane(corners: np.ndarray, xy: ArrayLike, mode: str = "slerp") -> np.ndarray:
    """Latents between four corners: interpolated along both horizontal edges, then between them.

    corners: float32 (4, nz), in reading order: upper left, upper right, lower left, lower right.
    xy: float (n, 2) in [0, 1], x to the right and y down. mode: "slerp" or "lerp".
    Returns float32 (n, nz). Raises InputError for another number of corners or an unknown mode.
    """
    corners = np.asarray(corners, np.float32)
    if corners.ndim != 2 or len(corners) != 4:
        raise InputError(f"A plane has four corners; these are {len(corners)}.")
    if mode not in MODES:
        raise InputError(f"The interpolation is {mode!r}; it must be one of {', '.join(MODES)}.")
    between = slerp if mode == "slerp" else lerp
    a, b, c, d = corners
    points = [between(between(a, b, x), between(c, d, x), y) for x, y in np.asarray(xy)]
    return np.stack(points) if points else np.empty((0, corners.shape[1]), np.float32)


def combine(
    vectors: np.ndarray, weights: ArrayLike, origin: ArrayLike = 0.0, norm: float | None = None
) -> np.ndarray:
    """Weighted sums of latents: origin + Σ weight · vector (the arithmetic of Radford et al. 2016).

    vectors: float32 (k, nz). weights: float (n, k). origin: float32 (nz,) or 0. norm: the length
    to which every sum is scaled (a sum of length 0 stays), or None for no scaling.
    Returns float32 (n, nz).
    """
    weights, vectors = np.asarray(weights, np.float64), np.asarray(vectors, np.float64)
    sums = np.asarray(origin, np.float64) + weights @ vectors
    if norm is not None:
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        sums = sums * (norm / np.where(lengths > 0, lengths, 1.0))
    return sums.astype(np.float32)
