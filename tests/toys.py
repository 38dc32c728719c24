"""A generator, a classifier and features whose truth is known and that take no time."""

import numpy as np
import torch
from torch import nn

from gan_core import checkpoint, feature_extractors, latent
from gan_core.attributes.classifier import Classifier, sigmoid


class Linear:
    """A Model in all but name that draws pictures of 4 × 4 whose values are W z / 8.

    W is orthogonal, so coordinates of z appear unmixed in `read`: pictures tell z itself.
    """

    name, hash, weights, space = "toy", "toy", "toy", "z"

    def __init__(self, nz=6, seed=0, prior="normal", scales=None):
        self.prior = latent.Prior(prior, nz)
        stream = np.random.RandomState(seed)
        basis = np.linalg.qr(stream.standard_normal((48, nz)))[0]
        turn = np.linalg.qr(stream.standard_normal((nz, nz)))[0]
        self.basis = basis.astype(np.float32)
        self.axes = turn.astype(np.float32)  # rows: the directions of the factors
        self.scales = np.ones(nz, np.float32) if scales is None else np.float32(scales)
        layer = nn.Linear(nz, 48, bias=False)
        layer.weight = nn.Parameter(torch.from_numpy(basis * self.scales @ turn).float())
        self.generator = nn.Sequential(layer).requires_grad_(False)
        self.discriminator = None
        self.digest = f"{seed:064d}"
        self.card = {"files": {"generator.safetensors": self.digest}}
        self.drawn = 0

    def values(self, z):
        """Latents float32 (n, nz) -> picture values float32 (n, 4, 4, 3), not clipped."""
        values = self.generator(torch.from_numpy(np.asarray(z, np.float32))).numpy()
        return values.reshape(-1, 4, 4, 3)

    def generate(self, z):
        self.drawn += len(z)
        return checkpoint.to_uint8(self.values(z) / 8)


class Reader(Classifier):
    """A Classifier in all but its network: attribute i is the mean of every third value from i."""

    def __init__(self, names, unsure=(), digest="", gain=1):
        # The app remembers what a classifier of this digest said, whatever the test.
        digest = digest or f"reader of {', '.join(names)}, gain {gain}"
        rows = [{"name": name, "recognised": name not in unsure} for name in names]
        super().__init__(None, None, None, {"attributes": rows, "channels": 3}, digest)
        object.__setattr__(self, "gain", gain)

    def predict(self, images):
        means = images.astype(np.float64).mean((1, 2)) - 127.5
        return sigmoid(self.gain * means[:, : len(self.names)])


def thumbnails(images, batch=8, progress=None):
    """16 features of images uint8 (n, S, S, C): a grey thumbnail of 4 × 4, in [0, 6]."""
    images = np.asarray(images)
    n, side = len(images), images.shape[1] // 4
    tiles = images.reshape(n, 4, side, 4, side, images.shape[3])
    return (tiles.mean((2, 4, 5)).reshape(n, 16) / 42.5).astype(np.float32)


def quick_features():
    """Features in place of EfficientNet-Lite0."""
    return feature_extractors.Features("EffNetLite0", 16, "quick", thumbnails)
