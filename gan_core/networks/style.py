"""A small style-based GAN, after StyleGAN2 (Karras et al. 2020, arXiv 1912.04958).

A mapping network turns the latent z into an intermediate latent w, and w scales the channels that
enter each convolution of the synthesis network. From the paper: modulation and demodulation, a
learned constant as the input, skip connections to RGB in G, residual connections in D, equalised
learning rates, the standard deviation over a minibatch (Karras et al. 2018, arXiv 1710.10196).

Smaller and plainer here, so that it trains on a CPU and runs in a browser:
- Modulation scales the input of an ordinary convolution and demodulation scales the output, which
  is the same as modulating the weights and needs no convolution per image.
- No noise inputs: the image is a function of z alone.
- Bilinear upsampling follows the first convolution of each size, at a quarter of the cost.
- w has as many coordinates as z.
"""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core.networks.dcgan import start_and_doublings

NORMS = ("none",)  # of D
SIZES = (28, 32, 64, 128, 256)
MULTIPLES = (1, 2, 4, 6, 8)  # channels at each size, from the image down, in ngf or ndf; then 8
MAPPING_LAYERS = 2
MAPPING_RATE = 0.01  # learning rate of the mapping network relative to the other layers
GROUP = 4  # images, at most, whose standard deviation D is given
SLOPE = 0.2  # of leaky ReLU
GAIN = math.sqrt(2)  # keeps the variance across a leaky ReLU
EPSILON = 1e-8


def widths(size: int, base: int) -> list[int]:
    """Channels at each size, from the smallest map up to the image: 64, 16 -> 128 … 32, 16."""
    _, doublings = start_and_doublings(size)
    multiples = [MULTIPLES[min(i, len(MULTIPLES) - 1)] for i in range(doublings + 1)]
    return [base * multiple for multiple in reversed(multiples)]


def weights(size: int, channels: int, nz: int, ngf: int, ndf: int) -> int:
    """How many weights both networks have, biases aside, without building them."""
    start, _ = start_and_doublings(size)
    g, d = widths(size, ngf), widths(size, ndf)
    total = MAPPING_LAYERS * nz**2
    total += g[0] * start**2 + 9 * g[0] ** 2 + nz * g[0]  # the constant, the first convolution
    total += sum(channels * width + nz * width for width in g)  # to RGB
    total += sum(9 * (a * b + b * b) + nz * (a + b) for a, b in itertools.pairwise(g))
    total += channels * d[-1] + 9 * (d[0] + 1) * d[0] + d[0] ** 2 * start**2 + d[0]
    total += sum(9 * b * b + 16 * a * b + a * b for a, b in itertools.pairwise(d))
    return total


class Linear(nn.Linear):
    """A linear layer with an equalised learning rate: float (N, inputs) -> float (N, outputs).

    Weights are N(0, 1) and scaled by 1/√inputs where they are used, so that Adam's steps are as
    large relative to every layer (Karras et al. 2018, section 4.1). rate: learning rate relative
    to other layers. gain: of the output.
    """

    def __init__(
        self, inputs: int, outputs: int, bias: float = 0.0, rate: float = 1.0, gain: float = 1.0
    ):
        super().__init__(inputs, outputs)
        nn.init.normal_(self.weight, 0.0, 1 / rate)
        nn.init.constant_(self.bias, bias / rate)
        self.scale, self.rate = gain * rate / math.sqrt(inputs), rate

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class Convolution(nn.Module):
    """A convolution with an equalised learning rate; kernel 3 keeps the size, kernel 4 halves it.

    Float (N, inputs, H, W) -> float (N, outputs, H, W) or (N, outputs, H/2, W/2).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, gain: float, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        nn.init.normal_(self.weight)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale = gain / math.sqrt(inputs * kernel**2)
        self.stride, self.padding = (2, 1) if kernel == 4 else (1, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, self.bias, self.stride, self.padding)


class ModulatedConvolution(nn.Module):
    """A convolution whose input channels are scaled by w, then demodulated, with a bias.

    (x float (N, inputs, H, W), w float (N, nw)) -> float (N, outputs, H, W). With styles s = A(w)
    and weights k, the output is Σ k·s·x / √Σ(k·s)² · gain + bias: equations 1 and 3 of the
    StyleGAN2 paper. demodulate: False leaves the division out, as for RGB.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        nw: int,
        kernel: int = 3,
        demodulate: bool = True,
        gain: float = GAIN,
    ):
        super().__init__()
        self.style = Linear(nw, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        nn.init.normal_(self.weight)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.padding, self.demodulate, self.gain = kernel // 2, demodulate, gain

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.style(w)
        weight = self.weight * self.scale
        if self.demodulate:
            energies = weight.square().sum((2, 3))  # (outputs, inputs)
            factors = (F.linear(styles.square(), energies) + EPSILON).rsqrt() * self.gain
        else:
            factors = styles.new_full((1, 1), self.gain)
        y = F.conv2d(x * styles[:, :, None, None], weight, padding=self.padding)
        # The bias is cast because a float32 parameter would turn bfloat16 maps into float32.
        return y * factors[:, :, None, None] + self.bias.to(y.dtype)[:, None, None]


def enlarged(x: Tensor) -> Tensor:
    """Twice the sides, bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear")


class Mapping(nn.Module):
    """z float (N, nz) -> w float (N, nz). z is scaled to a root mean square of 1 first."""

    def __init__(self, nz: int):
        super().__init__()
        self.layers = nn.ModuleList(
            Linear(nz, nz, rate=MAPPING_RATE, gain=GAIN) for _ in range(MAPPING_LAYERS)
        )

    def forward(self, z: Tensor) -> Tensor:
        x = z * (z.square().mean(1, keepdim=True) + EPSILON).rsqrt()
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
        return x


class Block(nn.Module):
    """One size of the synthesis network: maps and image of the size below -> of this size.

    (x float (N, inputs, H, W), image float (N, channels, H, W), w float (N, nw)) ->
    (float (N, outputs, 2H, 2W), float (N, channels, 2H, 2W)).
    """

    def __init__(self, inputs: int, outputs: int, channels: int, nw: int):
        super().__init__()
        self.enlarge = ModulatedConvolution(inputs, outputs, nw)
        self.refine = ModulatedConvolution(outputs, outputs, nw)
        self.colour = ModulatedConvolution(outputs, channels, nw, 1, demodulate=False, gain=1.0)

    def forward(self, x: Tensor, image: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        x = F.leaky_relu(enlarged(self.enlarge(x, w)), SLOPE)
        x = F.leaky_relu(self.refine(x, w), SLOPE)
        return x, enlarged(image) + self.colour(x, w)


class Synthesis(nn.Module):
    """w float (N, nw) -> images float (N, channels, size, size).

    While training the images may leave [−1, 1], so that every pixel has a gradient; in eval mode
    they are clamped to it.
    """

    def __init__(self, size: int, channels: int, nw: int, ngf: int):
        super().__init__()
        start, _ = start_and_doublings(size)
        steps = widths(size, ngf)
        self.constant = nn.Parameter(torch.empty(1, steps[0], start, start))
        nn.init.normal_(self.constant)
        self.refine = ModulatedConvolution(steps[0], steps[0], nw)
        self.colour = ModulatedConvolution(steps[0], channels, nw, 1, demodulate=False, gain=1.0)
        self.blocks = nn.ModuleList(Block(a, b, channels, nw) for a, b in itertools.pairwise(steps))

    def forward(self, w: Tensor) -> Tensor:
        x = self.constant.to(w.dtype).expand(len(w), -1, -1, -1)
        x = F.leaky_relu(self.refine(x, w), SLOPE)
        image = self.colour(x, w)
        for block in self.blocks:
            x, image = block(x, image, w)
        return image if self.training else image.clamp(-1, 1)


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size), see `Synthesis`.

    `mapping` gives w of z and `synthesis` images of w. ngf: channels at the image's own size; at
    smaller sizes 2, 4, 6, 8 times as many.
    """

    def __init__(self, size: int, channels: int, nz: int, ngf: int):
        super().__init__()
        self.nz = nz
        self.mapping = Mapping(nz)
        self.synthesis = Synthesis(size, channels, nz, ngf)

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.mapping(z))


class ResidualBlock(nn.Module):
    """Half the sides: float (N, inputs, H, W) -> float (N, outputs, H/2, W/2)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.refine = Convolution(inputs, inputs, 3, GAIN)
        # The sum of both branches has twice the variance of one, so each is scaled by √½.
        self.reduce = Convolution(inputs, outputs, 4, 1.0)
        self.skip = Convolution(inputs, outputs, 1, math.sqrt(0.5), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        skipped = self.skip(F.avg_pool2d(x, 2))
        x = F.leaky_relu(self.refine(x), SLOPE)
        return F.leaky_relu(self.reduce(x), SLOPE) + skipped


class MinibatchDeviation(nn.Module):
    """One more channel: how much the images of a group differ (Karras et al. 2018, section 3).

    Float (N, C, H, W) -> float (N, C + 1, H, W). Groups have 4 images, or fewer if N is not a
    multiple of 4. The channel reveals a generator that draws too few kinds of images. In eval mode
    it is its mean over training, so that an image is judged independently of its batch.
    """

    usual: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("usual", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        if not self.training:
            return torch.cat([x, self.usual.to(x.dtype).expand(n, 1, height, width)], 1)
        deviation = minibatch_deviation(x)
        with torch.no_grad():
            self.usual.lerp_(deviation.mean().float(), 0.01)
        return torch.cat([x, deviation.to(x.dtype).expand(n, 1, height, width)], 1)


def minibatch_deviation(x: Tensor) -> Tensor:
    """float (N, C, H, W) -> float32 (N, 1, 1, 1): the mean standard deviation in an image's group.

    Image i is in a group with i ± N/group: groups are strided, as in StyleGAN2.
    """
    n = len(x)
    group = next(size for size in range(GROUP, 0, -1) if n % size == 0)
    grouped = x.float().unflatten(0, (group, n // group))
    deviations = (grouped.var(0, correction=0) + EPSILON).sqrt()
    return deviations.mean((1, 2, 3)).repeat(group)[:, None, None, None]


class Discriminator(nn.Module):
    """Images float (N, channels, size, size) -> logits float (N,).

    ndf: channels at the image's own size; at smaller sizes 2, 4, 6, 8 times as many.
    """

    def __init__(self, size: int, channels: int, ndf: int, norm: str = "none"):
        super().__init__()
        start, _ = start_and_doublings(size)
        steps = widths(size, ndf)[::-1]
        self.enter = Convolution(channels, steps[0], 1, GAIN)
        self.blocks = nn.ModuleList(ResidualBlock(a, b) for a, b in itertools.pairwise(steps))
        self.deviation = MinibatchDeviation()
        self.mix = Convolution(steps[-1] + 1, steps[-1], 3, GAIN)
        self.gather = Linear(steps[-1] * start**2, steps[-1], gain=GAIN)
        self.head = Linear(steps[-1], 1)

    def features(self, images: Tensor) -> Tensor:
        """The penultimate features: float (N, channels of the smallest map)."""
        x = F.leaky_relu(self.enter(images), SLOPE)
        for block in self.blocks:
            x = block(x)
        x = F.leaky_relu(self.mix(self.deviation(x)), SLOPE)
        return F.leaky_relu(self.gather(x.flatten(1)), SLOPE)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images)).flatten()
