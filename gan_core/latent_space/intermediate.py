"""The intermediate latents w of a generator that has a mapping network (the family "style").

    w = intermediate.of(model, model.prior.sample(8))
    images = intermediate.generate(model, intermediate.truncate(w, intermediate.mean(model), 0.7))

The mapping network scales z to unit length per coordinate, so truncating z changes nothing there;
w is truncated towards its mean instead (Karras et al. 2019, arXiv 1812.04948, section 3 and B).
"""

from typing import cast

import numpy as np
import torch
from torch import nn

from gan_core import checkpoint, spaces
from gan_core.util.errors import InputError

SAMPLES, MEAN_SEED = spaces.SAMPLES, spaces.FIRST_SEED  # that the mean of w is taken over


def has(model: checkpoint.Model) -> bool:
    """Whether a model has intermediate latents."""
    return spaces.has_w(model.generator) or model.space == "w"


def of(model: checkpoint.Model, z: np.ndarray) -> np.ndarray:
    """Latents float32 (N, nz) -> intermediate latents float32 (N, nw).

    Raises InputError for a model without a mapping network and for latents of another size.
    """
    z = checked(model, z)
    with torch.inference_mode(), model.lock:
        return _part(model, "mapping")(torch.from_numpy(z)).numpy()


def mean(model: checkpoint.Model, n: int = SAMPLES) -> np.ndarray:
    """The mean intermediate latent, float32 (nw,), over n samples of the prior; always the same."""
    return of(model, model.prior.sample(n, MEAN_SEED)).mean(0, dtype=np.float64).astype(np.float32)


def truncate(w: np.ndarray, mean: np.ndarray, psi: float) -> np.ndarray:
    """Pull intermediate latents towards their mean: mean + ψ·(w − mean), float32 (N, nw)."""
    return (mean + np.float32(psi) * (np.asarray(w, np.float32) - mean)).astype(np.float32)


def generate(model: checkpoint.Model, w: np.ndarray) -> np.ndarray:
    """Intermediate latents float32 (N, nw) -> images uint8 (N, H, W, C).

    Raises InputError as `of` does.
    """
    parts = torch.from_numpy(checked(model, w)).split(checkpoint.BATCH)
    images = [_synthesize(model, part).permute(0, 2, 3, 1).numpy() for part in parts]
    return checkpoint.to_uint8(np.concatenate(images))


def checked(model: checkpoint.Model, latents: np.ndarray) -> np.ndarray:
    """Latents as float32 (N, nz); w has as many coordinates as z. Raises InputError."""
    if not spaces.has_w(model.generator):
        raise InputError(f"{model.name} has no intermediate latents; its architecture has no w.")
    latents = np.asarray(latents, np.float32)
    if latents.ndim != 2 or latents.shape[1] != model.prior.size or not len(latents):
        shape = " × ".join(map(str, latents.shape))
        raise InputError(
            f"Latents of {model.name} have {model.prior.size} numbers each; these are {shape}."
        )
    if not np.isfinite(latents).all():
        raise InputError("A latent holds a number that is not finite.")
    return latents


@torch.inference_mode()
def _synthesize(model: checkpoint.Model, w: torch.Tensor) -> torch.Tensor:
    with model.lock:
        return _part(model, "synthesis")(w)


def _part(model: checkpoint.Model, name: str) -> nn.Module:
    """A part of the generator that `has` found."""
    return cast(nn.Module, getattr(model.generator, name))
