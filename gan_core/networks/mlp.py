"""The original GAN: two multilayer perceptrons (Goodfellow et al. 2014, arXiv 1406.2661).

As in the authors' settings for MNIST (goodfeli/adversarial, mnist.yaml): G has two hidden layers of
rectifiers and a sigmoid at its output; D has two hidden layers of maxout units, each the largest of
five linear pieces (Goodfellow et al. 2013, arXiv 1302.4389), and dropout of a fifth of the pixels
and of half of each hidden layer. The paper's widths are ngf 1200 and ndf 240.

Nothing here knows which pixels are neighbours. Weights are uniform with variance 1 / inputs, which
is the paper's ±0.05 after 1,200 units. Unlike there, G's last offsets start at 0 and not at the
mean image, and D's weights are not ±0.005, which suits SGD at a rate of 0.1 and not Adam.
"""

from typing import Any

import torch
from torch import nn

from gan_core.networks.dcgan import SIZES
from gan_core.networks.spectral_norm import normalise_spectrum

__all__ = ["NORMS", "SIZES", "Discriminator", "Dropout", "Generator", "Maxout", "weights"]

NORMS = ("none", "spectral")  # of D
PIECES = 5  # of a maxout unit
DROPPED = (0.2, 0.5, 0.5)  # shares of the pixels and of both hidden layers of D


def weights(size: int, channels: int, nz: int, ngf: int, ndf: int) -> int:
    """How many weights the linear layers of both networks have, without building them."""
    values = channels * size**2
    generator = nz * ngf + ngf**2 + ngf * values
    return generator + PIECES * (values * ndf + ndf**2) + ndf


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size) in [−1, 1].

    ngf: units of each hidden layer.
    """

    def __init__(self, size: int, channels: int, nz: int, ngf: int) -> None:
        super().__init__()
        self.nz, self.shape = nz, (channels, size, size)
        self.layers = nn.Sequential(
            nn.Linear(nz, ngf),
            nn.ReLU(),
            nn.Linear(ngf, ngf),
            nn.ReLU(),
            nn.Linear(ngf, channels * size**2),
            nn.Sigmoid(),
        )
        self.apply(initialise)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (self.layers(z) * 2 - 1).unflatten(1, self.shape)


class Discriminator(nn.Module):
    """Images float (N, channels, size, size) in [−1, 1] -> logits float (N,).

    ndf: maxout units of each hidden layer. norm: none as in the paper, or spectral (Miyato et al.
    2018). In training the logits are random, because units are dropped.
    """

    def __init__(self, size: int, channels: int, ndf: int, norm: str = "none") -> None:
        super().__init__()
        pixels, first, second = map(Dropout, DROPPED)
        self.layers = nn.Sequential(
            pixels, Maxout(channels * size**2, ndf), first, Maxout(ndf, ndf), second
        )
        self.head = nn.Linear(ndf, 1)
        self.apply(initialise)
        if norm == "spectral":
            normalise_spectrum(self)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The penultimate features: float (N, ndf)."""
        return self.layers((images.flatten(1) + 1) / 2)  # a black pixel is 0, as in the paper

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images)).flatten()


class Maxout(nn.Module):
    """float (N, inputs) -> float (N, units): the largest of each unit's linear pieces."""

    def __init__(self, inputs: int, units: int, pieces: int = PIECES) -> None:
        super().__init__()
        self.pieces = nn.Linear(inputs, units * pieces)
        self.shape = (units, pieces)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pieces(x).unflatten(1, self.shape).amax(2)


class Dropout(nn.Module):
    """In training, sets a share of the values to 0 and scales up the others; otherwise nothing.

    draws: where training has its random numbers from (`gan_core.training.distributed.Draws`), so
    that a resumed run drops what an uninterrupted one would. None: from PyTorch's own stream.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.draws: Any = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        drawn = torch.rand_like(x) if self.draws is None else self.draws.uniform(*x.shape)
        return x * (drawn >= self.share) / (1 - self.share)


def initialise(module: nn.Module) -> None:
    """Weights from U(±√(3 / inputs)), whose variance is 1 / inputs; offsets 0."""
    if isinstance(module, nn.Linear):
        bound = (3 / module.in_features) ** 0.5
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.zeros_(module.bias)
