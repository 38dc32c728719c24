"""Two models as one drawer: each picture is the first's beside the second's, of the same latent."""

import hashlib
from dataclasses import dataclass

import numpy as np

from gan_core.checkpoint import Model


@dataclass(frozen=True)
class SideBySide:
    """A renderer.Drawer of two models with the same latents; see `why_not`."""

    first: Model
    second: Model

    @property
    def hash(self) -> str:
        return hashlib.sha256(f"{self.first.hash} {self.second.hash}".encode()).hexdigest()

    def generate(self, z: np.ndarray) -> np.ndarray:
        """Latents (N, nz) -> uint8 (N, side, 2 · side, 3): both at the side of the larger one."""
        side = max(self.first.size, self.second.size)
        return np.concatenate(
            [fitted(model.generate(z), side) for model in (self.first, self.second)], axis=2
        )


def fitted(images: np.ndarray, side: int) -> np.ndarray:
    """Images uint8 (N, H, W, C) -> uint8 (N, side, side, 3), with sharp pixels."""
    places = np.arange(side) * images.shape[1] // side
    images = images[:, places][:, :, places]
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def why_not(first: Model, second: Model) -> str:
    """Why two models cannot be shown the same latents, a sentence, or ""."""
    one, other = first.prior, second.prior
    if one.size != other.size:
        return (
            f"{first.name} and {second.name} cannot be compared: a latent of {first.name} has "
            f"{one.size} numbers, one of {second.name} {other.size}, so they share no z."
        )
    if one.kind != other.kind:
        return (
            f"{first.name} and {second.name} cannot be compared: latents of {first.name} are "
            f"{one.kind}, those of {second.name} {other.kind}, so they share no z."
        )
    return ""
