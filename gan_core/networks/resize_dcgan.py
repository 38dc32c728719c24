"""DCGAN with a generator that enlarges before it convolves (Odena, Dumoulin and Olah 2016).

A fractionally-strided convolution has different weights for each pixel of a 2 × 2 square, and all
of them must agree before a uniform area comes out uniform. Here a map is enlarged by repeating
pixels, followed by an ordinary 3 × 3 convolution, the same at every pixel: flat drawings stay flat.
It is computed as the equivalent fractionally-strided convolution of 4 × 4, whose weights are sums
of the 3 × 3 weights: 16 products per small pixel instead of 36. The discriminator is DCGAN's.
"""

import itertools

import torch
from torch import nn
from torch.nn import functional

from gan_core.networks import dcgan
from gan_core.networks.dcgan import NORMS, SIZES, Discriminator, initialise, start_and_doublings

__all__ = ["NORMS", "SIZES", "Discriminator", "Generator", "weights"]


def weights(size: int, channels: int, nz: int, ngf: int, ndf: int) -> int:
    """How many weights the convolutions of both networks have, without building them."""
    start, doublings = start_and_doublings(size)
    widths = [ngf * 2**i for i in range(doublings - 1, -1, -1)]
    generator = nz * widths[0] * start**2 + 9 * channels * widths[-1]
    generator += 9 * sum(a * b for a, b in itertools.pairwise(widths))
    return generator + dcgan.weights(size, channels, nz, 0, ndf)


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size) in [−1, 1].

    ngf: channels before the last layer; they double at each layer towards the latent.
    """

    def __init__(self, size: int, channels: int, nz: int, ngf: int) -> None:
        super().__init__()
        start, doublings = start_and_doublings(size)
        width = ngf * 2 ** (doublings - 1)
        layers = [
            nn.ConvTranspose2d(nz, width, start, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        for _ in range(doublings - 1):
            layers += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(width, width // 2, 3, 1, 1, bias=False),
                nn.BatchNorm2d(width // 2),
                nn.ReLU(),
            ]
            width //= 2
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(width, channels, 3, 1, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = z[:, :, None, None]
        for before, layer in itertools.pairwise([None, *self.layers]):
            if isinstance(before, nn.Upsample):
                weight = transposed(layer.weight)
                x = functional.conv_transpose2d(x, weight, layer.bias, 2, 1)
            elif not isinstance(layer, nn.Upsample):
                x = layer(x)
        return x


def transposed(weight: torch.Tensor) -> torch.Tensor:
    """The weight of a fractionally-strided convolution that equals doubling and then convolving.

    weight: (out, in, 3, 3), of the convolution after nearest-neighbour doubling. Returns
    (in, out, 4, 4). A kernel row w of three large pixels covers two small ones, one of them with
    one weight and the other with two; so the rows of the result are w2, w1 + w2, w0 + w1 and w0.
    """
    sums = weight.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    wide = torch.einsum("ua,vb,oiab->iouv", sums, sums, weight)
    return wide.contiguous(memory_format=torch.channels_last)
