"""The latent spaces z and w of a generator with a mapping network, and how w becomes latents.

The mapping network turns z into an intermediate latent w, and the synthesis network draws w. For a
model in the space "w" the latents are u = (w − mean of w) / scale, with one scale for which a
coordinate of u has a root mean square of 1. What is done with latents then means the same in both
spaces: ψ·u truncates towards the mean of w (Karras et al. 2019, arXiv 1812.04948, section 3 and B),
|u| is the distance from the mean and typically √nz, straight lines and directions are those of w.
`gan_core.checkpoint.load(directory, space="w")` makes such a model.
"""

import copy
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
from torch import nn

from gan_core import latent
from gan_core.util.errors import InputError

SPACES = ("z", "w")
SAMPLES = 4096  # that the mean and the scale of w are taken over
FIRST_SEED = 2**31  # of these samples; far from the seeds that people look at
SHARE = 0.995  # of the samples, which lie within `Intermediate.shorten`
FLAT = 1e-6  # of the largest variance; w hardly varies along a component below it


@dataclass(frozen=True)
class Intermediate(latent.Prior):
    """The distribution of u, to which the mapping network turns the prior of z.

    base: the Prior of z. mapping: the mapping network in double precision, in which a sample has
    the same coordinates in a batch of any size. mean: float64 (nz,). scale: see the module.
    whitening: float32 (nz, nz), which turns u into coordinates of variance 1. longest: the length
    that SHARE of the samples do not exceed in these.
    """

    kind: str
    size: int
    base: latent.Prior
    mapping: nn.Module = field(compare=False, repr=False)
    mean: np.ndarray = field(compare=False, repr=False)
    scale: float = field(compare=False, repr=False)
    whitening: np.ndarray = field(compare=False, repr=False)
    longest: float = field(compare=False, repr=False)

    def __post_init__(self) -> None:
        """Nothing to check: `base` has been checked."""

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """The samples of `base` in w, float32 (n, nz). Raises InputError as there."""
        return self.of(self.base.sample(n, seed))

    def of(self, z: np.ndarray) -> np.ndarray:
        """Latents in z, float32 (n, nz) -> the same latents in w, float32 (n, nz)."""
        return ((_map(self.mapping, z) - self.mean) / self.scale).astype(np.float32)

    def shorten(self, u: torch.Tensor) -> torch.Tensor:
        """Latents in w, float (n, nz), moved towards the mean to where the samples are.

        w varies more in some directions than in others, so lengths are measured in its own
        standard deviations. Nearer to the mean is allowed: truncated latents are there.
        """
        length = (u @ torch.from_numpy(self.whitening)).norm(dim=1, keepdim=True).clamp_min(1e-12)
        return u * (length.clamp(max=self.longest) / length)


class CentredSynthesis(nn.Module):
    """u float (N, nz) -> images float (N, channels, size, size): the synthesis network on w.

    synthesis: of the generator. mean, scale: as in `Intermediate`.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, synthesis: nn.Module, mean: np.ndarray, scale: float):
        super().__init__()
        self.synthesis = synthesis
        self.nz = len(mean)
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))

    def forward(self, z: torch.Tensor) -> torch.Tensor:  # "z" names the input of an ONNX file
        return self.synthesis(z * self.scale + self.mean)

    def styles(self) -> np.ndarray:
        """The weights by which w scales the channels of every convolution: float64 (rows, nz)."""
        layers = [m for m in self.synthesis.modules() if isinstance(m, nn.Linear)]
        return torch.cat([layer.weight.detach().double() for layer in layers]).numpy()


def has_w(generator: nn.Module) -> bool:
    """Whether a generator of z has a mapping network, and so intermediate latents."""
    return hasattr(generator, "mapping") and hasattr(generator, "synthesis")


def in_w(generator: nn.Module, prior: latent.Prior) -> tuple[CentredSynthesis, Intermediate]:
    """A generator's synthesis network as a generator of u, and the prior of u.

    The weights are shared with the generator. Raises InputError where w never varies.
    """
    mapping = copy.deepcopy(_part(generator, "mapping")).double().requires_grad_(False)
    w = _map(mapping, prior.sample(SAMPLES, FIRST_SEED))
    mean = w.mean(0)
    scale = float(np.sqrt(np.square(w - mean).mean()))
    if not np.isfinite(scale) or scale == 0:
        raise InputError("The mapping network gives the same w for every z; use the space z.")
    u = (w - mean) / scale
    variances, components = np.linalg.eigh(np.cov(u.T).reshape(prior.size, prior.size))
    whitening = components / np.sqrt(np.maximum(variances, FLAT * variances.max()))
    prior_of_w = Intermediate(
        "intermediate",
        prior.size,
        prior,
        mapping,
        mean,
        scale,
        whitening.astype(np.float32),
        float(np.quantile(np.linalg.norm(u @ whitening, axis=1), SHARE)),
    )
    return CentredSynthesis(_part(generator, "synthesis"), mean, scale), prior_of_w


@torch.inference_mode()
def _map(mapping: nn.Module, z: np.ndarray) -> np.ndarray:
    """z float (n, nz) -> w float64 (n, nz), by a mapping network in double precision."""
    return mapping(torch.from_numpy(np.asarray(z, np.float64))).numpy()


def _part(generator: nn.Module, name: str) -> nn.Module:
    return cast(nn.Module, getattr(generator, name))
