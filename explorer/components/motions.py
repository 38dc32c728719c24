"""Motions: how slider positions become latents, here and in the browser.

A motion consists of a few arrays. `latents(values)` takes float (n, number of sliders) and returns
float32 (n, nz); `spec()` is the same motion as JSON, which latents.js evaluates in the browser.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from gan_core import latent


class Motion(Protocol):
    """The interface of all motions."""

    def latents(self, values: ArrayLike) -> np.ndarray: ...

    def spec(self) -> dict[str, Any]: ...


@dataclass(frozen=True, eq=False)
class Path:
    """One slider: the time on a path through keyframes, float32 (m, nz); see `latent.at`."""

    keyframes: np.ndarray
    mode: str = "slerp"
    closed: bool = False

    def latents(self, values: ArrayLike) -> np.ndarray:
        return latent.at(self.keyframes, np.asarray(values)[:, 0], self.mode, self.closed)

    def spec(self) -> dict[str, Any]:
        keyframes = self.keyframes[[*range(len(self.keyframes)), 0]]
        keyframes = keyframes if self.closed else self.keyframes
        return {"kind": "path", "mode": self.mode, "keyframes": keyframes.tolist()}


@dataclass(frozen=True)
class Coordinates:
    """A slider for every coordinate of z: the values are the latent."""

    def latents(self, values: ArrayLike) -> np.ndarray:
        return np.asarray(values, np.float32)

    def spec(self) -> dict[str, Any]:
        return {"kind": "coordinates"}


@dataclass(frozen=True, eq=False)
class Pad:
    """Two sliders, x and y from 0 to 1, between four corners; see `latent.plane`."""

    corners: np.ndarray
    mode: str = "slerp"

    def latents(self, values: ArrayLike) -> np.ndarray:
        return latent.plane(self.corners, np.asarray(values), self.mode)

    def spec(self) -> dict[str, Any]:
        return {"kind": "pad", "mode": self.mode, "corners": self.corners.tolist()}


@dataclass(frozen=True, eq=False)
class Sum:
    """A slider for every vector, float32 (k, nz): origin + Σ value · vector; `latent.combine`.

    norm: the length to which every latent is rescaled, or None.
    """

    origin: np.ndarray
    vectors: np.ndarray
    norm: float | None = None

    def latents(self, values: ArrayLike) -> np.ndarray:
        return latent.combine(self.vectors, values, self.origin, self.norm)

    def spec(self) -> dict[str, Any]:
        return {
            "kind": "sum",
            "origin": self.origin.tolist(),
            "vectors": self.vectors.tolist(),
            "norm": self.norm,
        }
