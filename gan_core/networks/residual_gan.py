"""Small residual networks without normalisation, after R3GAN (Huang et al. 2024, 2501.05441).

As in that paper, there is no batch norm; a block adds to its input the output of three convolutions
with two activations, and starts as the identity because the last convolution starts at zero (fix-up
initialisation, Zhang et al. 2019); resampling is separate from the convolutions, bilinear up and
average down; D mirrors G. These networks are smaller: one block per size, plain 3×3 convolutions.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from gan_core.networks.dcgan import start_and_doublings

NORMS = ("none",)  # of D
SIZES = (28, 32, 64, 128, 256)
WIDEST = 8  # most channels, as a multiple of ngf or ndf


def widths(size: int, base: int) -> list[int]:
    """Channels at each map size, from the smallest map up to the image."""
    _, doublings = start_and_doublings(size)
    return [base * min(2**i, WIDEST) for i in range(doublings, -1, -1)]


def inner(width: int) -> int:
    """Channels inside a block: half of its input channels."""
    return max(1, width // 2)


def weights(size: int, channels: int, nz: int, ngf: int, ndf: int) -> int:
    """How many weights the convolutions of both networks have, without building them."""
    start, _ = start_and_doublings(size)
    g, d = widths(size, ngf), widths(size, ndf)
    total = nz * g[0] * start**2 + channels * g[-1]
    total += 9 * channels * d[-1] + d[0] * start**2 + d[0]
    for steps in (g, d):
        total += sum(2 * w * inner(w) + 9 * inner(w) ** 2 for w in steps)
        total += sum(a * b for a, b in itertools.pairwise(steps))
    return total


class Block(nn.Module):
    """x + f(x), f a bottleneck 1×1, 3×3, 1×1 of half the channels; f is zero at the start."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        half = inner(width)
        self.enter = nn.Conv2d(width, half, 1)
        self.mix = nn.Conv2d(half, half, 3, 1, 1)
        self.leave = nn.Conv2d(half, width, 1, bias=False)
        for convolution in (self.enter, self.mix):
            nn.init.kaiming_normal_(convolution.weight, 0.2)
            # Fix-up: with L blocks of m layers, initial weights are scaled by L^(−1/(2m−2)).
            convolution.weight.data.mul_(blocks**-0.25)
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.leaky_relu(self.enter(x), 0.2)
        return x + self.leave(F.leaky_relu(self.mix(h), 0.2))


def change_width(a: int, b: int) -> nn.Conv2d:
    """A 1×1 convolution from a to b channels that preserves the variance of its input."""
    layer = nn.Conv2d(a, b, 1, bias=False)
    nn.init.kaiming_normal_(layer.weight, 1.0)
    return layer


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size) in [−1, 1].

    ngf: channels at the image's own size; they double at each halving, up to 8 · ngf.
    """

    def __init__(self, size: int, channels: int, nz: int, ngf: int) -> None:
        super().__init__()
        start, _ = start_and_doublings(size)
        steps = widths(size, ngf)
        self.enter = nn.ConvTranspose2d(nz, steps[0], start)  # a learned map for each z
        nn.init.normal_(self.enter.weight, 0.0, nz**-0.5)
        nn.init.zeros_(self.enter.bias)  # type: ignore[arg-type]
        layers: list[nn.Module] = [Block(steps[0], len(steps))]
        for a, b in itertools.pairwise(steps):
            # The 1×1 convolution and the upsampling commute; this order is cheaper.
            layers += [
                change_width(a, b),
                nn.Upsample(scale_factor=2, mode="bilinear"),
                Block(b, len(steps)),
            ]
        self.layers = nn.Sequential(*layers)
        self.leave = nn.Conv2d(steps[-1], channels, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.leave(self.layers(self.enter(z[:, :, None, None]))).tanh()


class Discriminator(nn.Module):
    """Images float (N, channels, size, size) in [−1, 1] -> logits float (N,).

    ndf: channels at the image's own size; they double at each halving, up to 8 · ndf.
    """

    def __init__(self, size: int, channels: int, ndf: int, norm: str = "none") -> None:
        super().__init__()
        start, _ = start_and_doublings(size)
        steps = widths(size, ndf)[::-1]
        layers: list[nn.Module] = [
            nn.Conv2d(channels, steps[0], 3, 1, 1),
            Block(steps[0], len(steps)),
        ]
        for a, b in itertools.pairwise(steps):
            layers += [nn.AvgPool2d(2), change_width(a, b), Block(b, len(steps))]
        self.layers = nn.Sequential(*layers)
        # A depthwise convolution over the whole last map, then a linear layer (as in R3GAN).
        self.gather = nn.Conv2d(steps[-1], steps[-1], start, groups=steps[-1], bias=False)
        self.head = nn.Linear(steps[-1], 1)
        nn.init.normal_(self.gather.weight, 0.0, 1 / start)
        nn.init.normal_(self.head.weight, 0.0, steps[-1] ** -0.5)
        nn.init.zeros_(self.head.bias)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The penultimate features: float (N, channels of the smallest map)."""
        return F.leaky_relu(self.gather(self.layers(images)).flatten(1), 0.2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images)).flatten()
