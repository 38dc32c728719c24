"""DCGAN (Radford, Metz and Chintala 2016, arXiv 1511.06434).

The paper's guidelines, section 3: strided convolutions in D and fractionally-strided ones in G in
place of pooling; batch norm in both except at G's output and D's input; no fully connected hidden
layers; ReLU in G with tanh at its output; LeakyReLU 0.2 in D; weights from N(0, 0.02).

The depth follows from the image size: from a map of 4×4 (7×7 for 28) it doubles up to the image.
Kernel 4 with stride 2 divides evenly, which avoids checkerboards (Odena et al. 2016).
"""

import itertools

import torch
from torch import nn

from gan_core.networks.spectral_norm import normalise_spectrum

NORMS = ("batch", "none", "spectral")  # of D
SIZES = (28, 32, 64, 128, 256)


def start_and_doublings(size: int) -> tuple[int, int]:
    """(side of the smallest map, number of doublings up to the image): 64 -> (4, 4)."""
    start = 7 if size == 28 else 4
    return start, (size // start).bit_length() - 1


def weights(size: int, channels: int, nz: int, ngf: int, ndf: int) -> int:
    """How many weights the convolutions of both networks have, without building them."""
    start, doublings = start_and_doublings(size)
    widths = [2**i for i in range(doublings)]
    pairs = sum(a * b for a, b in itertools.pairwise(widths))
    generator = nz * ngf * widths[-1] * start**2 + 16 * (ngf**2 * pairs + ngf * channels)
    discriminator = 16 * (channels * ndf + ndf**2 * pairs) + ndf * widths[-1] * start**2
    return generator + discriminator


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size) in [−1, 1].

    ngf: channels before the last layer; they double at each layer towards the latent.
    """

    def __init__(self, size: int, channels: int, nz: int, ngf: int) -> None:
        super().__init__()
        start, doublings = start_and_doublings(size)
        width = ngf * 2 ** (doublings - 1)
        # On a 1×1 map, this convolution is the paper's "project and reshape".
        layers = [
            nn.ConvTranspose2d(nz, width, start, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        for _ in range(doublings - 1):
            layers += [
                nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width // 2),
                nn.ReLU(),
            ]
            width //= 2
        layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layers(z[:, :, None, None])


class Discriminator(nn.Module):
    """Images float (N, channels, size, size) in [−1, 1] -> logits float (N,).

    ndf: channels after the first layer; they double at each layer towards the logit.
    norm: batch as in the paper, none, or spectral (Miyato et al. 2018).
    """

    def __init__(self, size: int, channels: int, ndf: int, norm: str = "batch") -> None:
        super().__init__()
        start, doublings = start_and_doublings(size)
        layers = [nn.Conv2d(channels, ndf, 4, 2, 1), nn.LeakyReLU(0.2)]
        width = ndf
        for _ in range(doublings - 1):
            layers.append(nn.Conv2d(width, width * 2, 4, 2, 1, bias=norm != "batch"))
            width *= 2
            if norm == "batch":
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv2d(width, 1, start)
        self.apply(initialise if norm == "batch" else initialise_unnormalised)
        if norm == "spectral":
            normalise_spectrum(self)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The penultimate features: float (N, ndf · 2^(doublings − 1) · start²)."""
        return self.layers(images).flatten(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(images)).flatten()


def initialise(module: nn.Module) -> None:
    """All weights from N(0, 0.02), batch-norm scales from N(1, 0.02), all offsets 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def initialise_unnormalised(module: nn.Module) -> None:
    """He initialisation: without a norm, N(0, 0.02) would shrink the signal to nothing."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, 0.2)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
