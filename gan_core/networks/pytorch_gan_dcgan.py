"""The DCGAN of eriklindernoren/PyTorch-GAN, for imported weights.

It differs from the paper: a linear layer makes a map of a quarter of the image's side, which is
doubled twice by nearest-neighbour upsampling, each followed by a 3 × 3 convolution; G uses
LeakyReLU too; and batch norm divides by √(variance + 0.8). (That repository passes 0.8 as eps where
it probably meant the momentum; the trained weights depend on it.) D has four convolutions of
stride 2, each followed by LeakyReLU and then the norm; its dropout does nothing in eval mode.
"""

import torch
from torch import nn

NORMS = ("batch",)  # of D
SIZES = range(8, 513, 4)
EPS = 0.8


def weights(size: int, channels: int, nz: int, ngf: int, ndf: int = 0) -> int:
    """How many weights the layers of both networks have, without building them."""
    wide = 2 * ngf
    generator = nz * wide * (size // 4) ** 2 + 9 * (wide * wide + wide * ngf + ngf * channels)
    discriminator = 9 * (channels * ndf + 42 * ndf**2) + 8 * ndf * (size // 16) ** 2
    return generator + discriminator


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size) in [−1, 1].

    ngf: channels before the last layer; twice as many before.
    """

    def __init__(self, size: int, channels: int, nz: int, ngf: int) -> None:
        super().__init__()
        wide, self.start = 2 * ngf, size // 4
        self.project = nn.Linear(nz, wide * self.start**2)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(wide),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(wide, wide, 3, 1, 1),
            nn.BatchNorm2d(wide, EPS),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(wide, ngf, 3, 1, 1),
            nn.BatchNorm2d(ngf, EPS),
            nn.LeakyReLU(0.2),
            nn.Conv2d(ngf, channels, 3, 1, 1),
            nn.Tanh(),
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layers(self.project(z).unflatten(1, (-1, self.start, self.start)))


class Discriminator(nn.Module):
    """Images float (N, channels, size, size) in [−1, 1] -> logits float (N,).

    size: a multiple of 16. ndf: channels after the first layer; they double at each layer.
    """

    def __init__(self, size: int, channels: int, ndf: int, norm: str = "batch") -> None:
        super().__init__()
        layers = [nn.Conv2d(channels, ndf, 3, 2, 1), nn.LeakyReLU(0.2)]
        width = ndf
        for _ in range(3):
            layers += [nn.Conv2d(width, 2 * width, 3, 2, 1), nn.LeakyReLU(0.2)]
            layers += [nn.BatchNorm2d(2 * width, EPS)]
            width *= 2
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width * (size // 16) ** 2, 1)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The penultimate features: float (N, 8 · ndf · (size / 16)²)."""
        return self.layers(images).flatten(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images)).flatten()
