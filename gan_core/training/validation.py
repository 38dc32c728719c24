"""The quality of a run so far: sample grids, a measured distance, and signs of collapse."""

import numpy as np
import torch
from torch import nn

from gan_core import checkpoint, feature_extractors, latent
from gan_core.data import media
from gan_core.metrics import fidelity
from gan_core.training import ema, schedule
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError

ALIKE = 1e-3  # spread of images that all look the same: a quarter of a level
NO_DIVERSITY = (
    "The training images all look the same, so there is no diversity to compare that of the "
    "samples with. Train on pictures that differ."
)
COLLAPSED = 0.5  # a run warns when samples have less than this share of the images' diversity
GRID = 64  # samples of a grid
PROBE = 64  # images that a measurement is timed on before there is one


class Distance:
    """FD-EffNetLite0 of an averaged generator against a fixed part of the training images.

    Fréchet distance (Heusel et al. 2017) in the features of EfficientNet-Lite0, n samples of
    fixed seeds against n training images. At small n it is biased upwards, alike for every
    snapshot: good for choosing among them, not for comparing with other models (see
    `metrics.fidelity_report`).
    """

    name = "FD-EffNetLite0"

    def __init__(self, images: np.ndarray, n: int, prior: latent.Prior, device: torch.device | str):
        self.features = feature_extractors.effnet(device=str(device))
        self.prior, self.n = prior, n
        chosen = np.random.RandomState(0).permutation(len(images))[:n]
        self.images = images[np.sort(chosen)]
        self.reference: np.ndarray | None = None

    def __call__(self, generator: nn.Module) -> float:
        """The distance of a generator in eval mode."""
        if self.reference is None:  # takes half a minute, and a short run never measures
            self.reference = self.features.extract(np.asarray(self.images))
        # Seeds that `evaluate` does not use, so that snapshots are not chosen on its samples.
        z = torch.from_numpy(self.prior.sample(self.n, seed=10**8))
        samples = [checkpoint.to_uint8(draw(generator, part)) for part in z.split(64)]
        features = self.features.extract(np.concatenate(samples))
        return float(fidelity.frechet(features, self.reference))

    def rehearse(self, generator: nn.Module) -> tuple[float, float]:
        """Estimate (seconds that the first measurement takes more, seconds of a measurement).

        Times 64 images and samples, and the arithmetic of the distance itself in full.
        """
        images, times = np.asarray(self.images[:PROBE]), []
        self.features.extract(images)  # the first batch is slower
        z = torch.from_numpy(self.prior.sample(PROBE, seed=10**8))
        noise = np.random.RandomState(0).normal(size=(self.n, self.features.size))
        for work in (
            lambda: self.features.extract(images),
            lambda: checkpoint.to_uint8(draw(generator, z)),
            lambda: fidelity.frechet(noise, noise),
        ):
            began = schedule.now()
            work()
            times.append(schedule.now() - began)
        extracting, drawing = times[0] / len(images), times[1] / PROBE
        reference = 0.0 if self.reference is not None else extracting * len(self.images)
        return reference, self.n * (extracting + drawing) + times[2]


def measure_if_possible(
    images: np.ndarray, config: TrainingConfig, prior: latent.Prior, device: torch.device | str
) -> tuple[Distance | None, str]:
    """(Distance or None, a sentence that says why there is none, or "")."""
    if not config.measure_kimg:
        return None, ""
    if len(images) < config.measure_n // 4:
        return None, (
            f"{len(images)} images are too few to measure a distance with {config.measure_n} "
            "samples, so the last snapshot is published; a smaller --measure-n needs fewer."
        )
    try:
        return Distance(images, config.measure_n, prior, device), ""
    except InputError as error:
        return None, f"No distance is measured: {error}"


class Grid:
    """The same 64 latents at every sample grid, and how much the training images differ."""

    def __init__(self, images: np.ndarray, prior: latent.Prior, device: torch.device):
        self.prior, self.device = prior, device
        self.z = torch.from_numpy(prior.sample(GRID, seed=0))
        some = np.random.RandomState(0).permutation(len(images))[:1000]
        self.images_spread = spread(images[np.sort(some)])
        self.why_no_diversity = NO_DIVERSITY if self.images_spread <= ALIKE else ""

    def draw(self, average: nn.Module) -> tuple[np.ndarray, float | None]:
        """(sheet, uint8 (H, W, C); diversity) of the averaged generator.

        diversity: the samples' spread as a share of the training images'; None when these are all
        the same, so that there is nothing to compare with.
        """
        fitted = ema.fit_average(average, self.prior, self.device)
        samples = checkpoint.to_uint8(draw(fitted, self.z))
        sheet = media.sheet(samples)
        if self.why_no_diversity:
            return sheet, None
        return sheet, spread(samples) / self.images_spread


def spread(images: np.ndarray) -> float:
    """Mean distance between pairs of images, seen at 8×8: uint8 (N, H, W, C) -> float in [0, 1].

    Root mean squared difference of the block means, of all pairs, 1 being black against white.
    """
    if len(images) < 2:
        return 0.0
    x = torch.as_tensor(np.array(images)).permute(0, 3, 1, 2).float() / 255
    x = torch.nn.functional.adaptive_avg_pool2d(x, 8).flatten(1)
    return float(torch.pdist(x).mean()) / x.shape[1] ** 0.5


@torch.inference_mode()
def draw(generator: nn.Module, z: torch.Tensor) -> np.ndarray:
    """Latents, tensor (N, nz) -> images float32 (N, H, W, C) in [−1, 1], array."""
    device = next(generator.parameters()).device
    return generator(z.to(device)).float().permute(0, 2, 3, 1).cpu().numpy()
