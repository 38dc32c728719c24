"""How good a run is by now: a measured distance, and whether G has collapsed to a few pictures."""

import numpy as np
import torch

from gan_core import checkpoint, feature_extractors
from gan_core.metrics import fidelity
from gan_core.util.errors import InputError

COLLAPSED = 0.5  # below this share of the training images' diversity a run says so


class Distance:
    """FD-EffNetLite0 of an averaged generator against a fixed part of the training images.

    Fréchet distance (Heusel et al. 2017) in the features of EfficientNet-Lite0, n samples of
    fixed seeds against n training images. At small n it is biased upwards, alike for every
    snapshot: good for choosing among them, not for comparing with other models (see evaluate.py).
    """

    name = "FD-EffNetLite0"

    def __init__(self, images, n, prior, device):
        self.features = feature_extractors.effnet(device=str(device))
        self.prior, self.n = prior, n
        chosen = np.random.RandomState(0).permutation(len(images))[:n]
        self.images, self.reference = images[np.sort(chosen)], None

    def __call__(self, generator):
        if self.reference is None:  # only now: it takes half a minute, and short runs never ask
            self.reference = self.features.extract(np.asarray(self.images))
        # Other seeds than a person looks at or `evaluate` measures: the choice is not made on them.
        z = torch.from_numpy(self.prior.sample(self.n, seed=10**8))
        drawn = [checkpoint.to_uint8(draw(generator, part)) for part in z.split(64)]
        return float(fidelity.frechet(self.features.extract(np.concatenate(drawn)), self.reference))


def measure_if_possible(images, settings, prior, device):
    """(Distance or None, a sentence that says why there is none or "")."""
    if not settings["measure_kimg"]:
        return None, ""
    if len(images) < settings["measure_n"] // 4:
        return None, (
            f"{len(images)} images are too few to measure a distance on {settings['measure_n']}, "
            "so the last snapshot counts; a smaller --measure-n measures on fewer."
        )
    try:
        return Distance(images, settings["measure_n"], prior, device), ""
    except InputError as error:
        return None, f"No distance is measured: {error}"


def spread(images):
    """Mean distance between pairs of images, seen at 8×8: uint8 (N, H, W, C) -> float in [0, 1].

    Root mean squared difference of the block means, of all pairs, 1 being black against white.
    """
    if len(images) < 2:
        return 0.0
    x = torch.as_tensor(np.array(images)).permute(0, 3, 1, 2).float() / 255
    x = torch.nn.functional.adaptive_avg_pool2d(x, 8).flatten(1)
    return float(torch.pdist(x).mean()) / x.shape[1] ** 0.5


@torch.inference_mode()
def draw(generator, z):
    """Latents, tensor (N, nz) -> images float32 (N, H, W, C) in [−1, 1], array."""
    device = next(generator.parameters()).device
    return generator(z.to(device)).float().permute(0, 2, 3, 1).cpu().numpy()
