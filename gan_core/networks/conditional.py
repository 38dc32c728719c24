"""A conditional GAN: G draws a given class, and D judges an image together with its class.

G is a resize DCGAN (`resize_dcgan`) whose batch norms take their scale and offset from the class
(Dumoulin, Shlens and Kudlur 2017; de Vries et al. 2017). D is DCGAN's with a projection (Miyato and
Koyama 2018, arXiv 1802.05637, equation 4): its logit is what it says of the image alone plus the
inner product of the class's embedding with the image's features.

The class is a part of the latent, so that whatever draws from the prior draws classes, too: the
first coordinates of z, normal like all others, stand for the attributes, each as often as the
training images have it (`labels`). The remaining ones never see the class, nor the class them:
the same remainder under every class is "same z, every class".

Two revisions can be loaded. In the first one, scale and offset were all that the class decided, and
small generators of 28 pixels, which have two norms, hardly learned it; one latent in five lay on a
border and was drawn as a mixture of two classes. In the second one, the class takes part in the
first layer as well, as in Mirza and Osindero 2014, and one latent in 25 is such a mixture.
"""

import itertools
import math

import torch
from torch import nn
from torch.nn import functional

from gan_core.networks import dcgan, resize_dcgan
from gan_core.networks.dcgan import SIZES, initialise, start_and_doublings
from gan_core.networks.resize_dcgan import transposed
from gan_core.networks.spectral_norm import normalise_spectrum

__all__ = ["NORMS", "SIZES", "Discriminator", "Generator", "weights"]

NORMS = ("spectral", "none")  # of D; batch norm would mix classes
REVISIONS = {1: 0.1, 2: 0.02}  # how wide the border is at which one class turns into the next
LATEST = max(REVISIONS)
TINY = 1e-6  # keeps the logarithm of a share of 0 or 1 finite


def weights(
    size: int,
    channels: int,
    nz: int,
    ngf: int,
    ndf: int,
    classes: tuple[int, ...] = (),
    revision: int = 1,
) -> int:
    """How many weights the layers of both networks have, without building them."""
    _, doublings = start_and_doublings(size)
    attributes = sum(classes)
    scales = 2 * attributes * ngf * (2**doublings - 1)
    embedding = attributes * ndf * 2 ** max(doublings - 1, 0)
    drawn = nz - attributes if revision == 1 else nz
    return resize_dcgan.weights(size, channels, drawn, ngf, ndf) + scales + embedding


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size) in [−1, 1].

    ngf: channels before the last layer; they double at each layer towards the latent. classes: the
    size of each group of attributes; of a group of several exactly one is true, such as a digit,
    and a group of one is yes or no. They take the first sum(classes) coordinates of z. revision:
    see above. The buffer `shares`, float (A,), is the share of training images that have each
    attribute.
    """

    shares: torch.Tensor

    def __init__(
        self,
        size: int,
        channels: int,
        nz: int,
        ngf: int,
        classes: tuple[int, ...],
        revision: int = 1,
    ) -> None:
        super().__init__()
        start, doublings = start_and_doublings(size)
        self.nz, self.classes, attributes = nz, tuple(classes), sum(classes)
        self.revision = revision
        usual = [1 / n if n > 1 else 0.5 for n in self.classes for _ in range(n)]
        self.register_buffer("shares", torch.tensor(usual))
        width = ngf * 2 ** (doublings - 1)
        drawn = nz - attributes if revision == 1 else nz
        self.project = nn.ConvTranspose2d(drawn, width, start, bias=False)
        self.norms = nn.ModuleList([ClassNorm(width, attributes)])
        self.convolutions = nn.ModuleList()
        for _ in range(doublings - 1):
            self.convolutions.append(nn.Conv2d(width, width // 2, 3, 1, 1, bias=False))
            width //= 2
            self.norms.append(ClassNorm(width, attributes))
        self.last = nn.Conv2d(width, channels, 3, 1, 1)
        for layer in (self.project, *self.convolutions, self.last):
            initialise(layer)

    def labels(self, z: torch.Tensor) -> torch.Tensor:
        """The attributes that latents (N, nz) stand for, float (N, A) from 0 to 1.

        Nearly all are 0 or 1; only a latent at the border of two classes, where a path from one to
        the other crosses it, has shares of both.
        """
        place, parts = 0, []
        for n in self.classes:
            code, share = z[:, place : place + n].float(), self.shares[place : place + n]
            level = (0.5 * (1 + torch.erf(code / math.sqrt(2)))).clamp(TINY, 1 - TINY)
            share = share.clamp(TINY, 1 - TINY)
            if n == 1:
                odds = torch.logit(level) + torch.logit(share)
                parts.append(torch.sigmoid(odds / REVISIONS[self.revision]))
            else:  # Gumbel-max: each has the largest log share + noise as often as its share
                gumbel = -(-level.log()).log() + share.log()
                parts.append(torch.softmax(gumbel / REVISIONS[self.revision], 1))
            place += n
        return torch.cat(parts, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        labels = self.labels(z).to(z.dtype)
        rest = z[:, labels.shape[1] :]
        given = rest if self.revision == 1 else torch.cat([labels, rest], 1)
        x = self.project(given[:, :, None, None])
        x = functional.relu(self.norms[0](x, labels))
        for convolution, norm in zip(self.convolutions, self.norms[1:], strict=True):
            weight = transposed(convolution.get_parameter("weight"))
            x = functional.conv_transpose2d(x, weight, None, 2, 1)
            x = functional.relu(norm(x, labels))
        weight = transposed(self.last.weight)
        return torch.tanh(functional.conv_transpose2d(x, weight, self.last.bias, 2, 1))


class ClassNorm(nn.Module):
    """Batch norm whose scale and offset follow from the class.

    float (N, C, H, W) and labels (N, A) -> (N, C, H, W). Scale and offset are sums over the
    attributes that are true; at the start they are the same for all.
    """

    def __init__(self, width: int, attributes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.scale = nn.Linear(attributes, width)
        self.offset = nn.Linear(attributes, width)
        for linear, start in ((self.scale, 1.0), (self.offset, 0.0)):
            nn.init.zeros_(linear.weight)
            nn.init.constant_(linear.bias, start)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        scale, offset = self.scale(labels), self.offset(labels)
        return self.norm(x) * scale[:, :, None, None] + offset[:, :, None, None]


class Discriminator(nn.Module):
    """Images float (N, channels, size, size), their labels float (N, A) -> logits float (N,).

    Without labels an image is judged together with the average class of the training images.
    ndf: channels after the first layer; they double at each layer towards the logit. norm: spectral
    as in the paper, or none. revision: of G; D is the same in all.
    """

    shares: torch.Tensor

    def __init__(
        self,
        size: int,
        channels: int,
        ndf: int,
        norm: str = "spectral",
        classes: tuple[int, ...] = (1,),
        revision: int = 1,
    ) -> None:
        super().__init__()
        start, doublings = start_and_doublings(size)
        layers = [nn.Conv2d(channels, ndf, 4, 2, 1), nn.LeakyReLU(0.2)]
        widths = [ndf * 2**i for i in range(doublings)]
        for before, width in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv2d(widths[-1], 1, start)
        self.embedding = nn.Linear(sum(classes), widths[-1], bias=False)
        usual = [1 / n if n > 1 else 0.5 for n in classes for _ in range(n)]
        self.register_buffer("shares", torch.tensor(usual))
        self.apply(dcgan.initialise_unnormalised)
        if norm == "spectral":
            normalise_spectrum(self)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The penultimate features: float (N, ndf · 2^(doublings − 1) · start²)."""
        return self.layers(images).flatten(1)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        maps = self.layers(images)
        if labels is None:
            labels = self.shares.expand(len(images), -1)
        projected = (self.embedding(labels.to(maps.dtype)) * maps.sum((2, 3))).sum(1)
        return self.head(maps).flatten() + projected
