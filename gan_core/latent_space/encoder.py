"""An encoder that guesses the latent of a picture, for `gan_core.latent_space.inversion`.

It is trained on the generator's own samples, whose latents are known. For a real photograph it
gives the latent of a sample that looks similar to it, which is only a starting point. Where a model
has a mapping network the encoder is trained in w: a mapping network folds z, so that pictures which
look alike come from latents far apart, and their mean, which an encoder learns, is of no use.

    train_and_measure(checkpoint)   the verb: train, measure inversion, save both
    encoder.safetensors             the weights, sealed, with the hash of their generator
"""

from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from gan_core import checkpoint, spaces
from gan_core.data import photo_alignment
from gan_core.latent_space import inversion
from gan_core.metrics import store
from gan_core.util import checked_safetensors
from gan_core.util.errors import InputError
from gan_core.util.progress import Progress, along

FORMAT = 1
FILE = "encoder.safetensors"
SIDE = 64  # images are resized to SIDE × SIDE pixels
WIDTHS = (32, 64, 128, 256)
FIRST_SEED = 3_200_000_000  # of the samples it is trained on; 10⁹ seeds follow
TEST_SEED = 4_200_000_000  # of the samples it is measured on
TEST_SAMPLES = 256


@dataclass(frozen=True)
class Encoder:
    """A trained encoder.

    network: float (N, C, 64, 64) in [−1, 1] -> latents (N, nz). about: how it was trained and
    measured, and in which latent "space", plain JSON types. hash: 12 hexadecimal digits that
    identify the encoder.
    """

    network: nn.Module
    about: dict[str, Any]
    hash: str = ""

    @torch.inference_mode()
    def encode(self, images: np.ndarray) -> np.ndarray:
        """Images uint8 (N, H, W, C) -> latents float32 (N, nz), possibly outside the prior."""
        parts = torch.tensor(np.asarray(images)).split(checkpoint.BATCH)
        return torch.cat([self.network(resize(checkpoint.to_float(p))) for p in parts]).numpy()


def train_and_measure(
    model: str | Path,  # checkpoint directory
    *,
    data: str = "",  # packed training set, if the images are not shipped with the model
    steps: int = 1000,  # training steps, of 64 samples each; 0 only measures, as the model is
    n: int = 24,  # samples, training images and held-out images to invert, each
    seed: int = 0,  # of the initial weights and of the random starts
    eyes: str = "",  # positions of the eyes in its pictures, 0 to 1: 0.36,0.52,0.64,0.52
    json: bool = False,  # print the measurements as one JSON object on the last line
) -> None:
    """Train an encoder on a model's own samples, and measure how well pictures are inverted.

    A model with a mapping network has its encoder in w, and is measured in both z and w.
    """
    loaded = checkpoint.load(model)
    places = photo_alignment.read_eyes(eyes) if eyes else photo_alignment.EYES
    try:
        reference = checkpoint.find_images(loaded, data)
    except InputError as error:
        if data:
            raise
        print(f"Only samples will be inverted: {error}")
        reference = None
    if steps != 0:
        space = spaces.SPACES[loaded.has_w]
        there = checkpoint.load(model, space)
        trained = save(model, train(there, steps=steps, seed=seed, progress=True))
        measured = trained.about["measured"]
        print(
            f"{Path(model) / FILE}: on {TEST_SAMPLES} new samples R² of {space} is "
            f"{measured['r2']:.2f} and the RMS error of the pictures {measured['error']:.1f} levels"
        )
    results: dict[str, Any] = {"encoder": None}
    for space in spaces.SPACES if loaded.has_w else ("z",):
        there = checkpoint.load(model, space)
        guide = load(there)
        result = inversion.measure(there, reference, n=n, encoder=guide, seed=seed, progress=True)
        result["eyes"] = places
        inversion.save_metrics(model, result)
        if guide is not None:
            results["encoder"] = guide.about
        results[store.key("inversion", space)] = result
        print(
            f"In {space}:\n{inversion.table(result)}" if space != "z" else inversion.table(result)
        )
    if json:
        print(dumps(results, ensure_ascii=False))


def build(channels: int, nz: int) -> nn.Sequential:
    """The network: four convolutions of stride 2, then a linear layer on the 4 × 4 map."""
    layers: list[nn.Module] = []
    before = channels
    for width in WIDTHS:
        layers += [nn.Conv2d(before, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width)]
        layers.append(nn.LeakyReLU(0.2))
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * before, nz))


def resize(images: torch.Tensor) -> torch.Tensor:
    """float (N, C, H, W) -> (N, C, 64, 64), by averaging blocks or repeating pixels."""
    return nn.functional.adaptive_avg_pool2d(images, SIDE)


def train(
    model: checkpoint.Model,
    *,
    steps: int = 1000,
    seed: int = 0,
    batch: int = 64,
    progress: Progress = False,
) -> Encoder:
    """Train an Encoder on samples of a Model, each used once, in the Model's latent space.

    The loss is the mean squared error of the latent. A little noise of random strength keeps the
    encoder from using invisible details of samples that photographs do not have. progress: see
    `progress.along`. Raises InputError for fewer than one step.
    """
    if steps < 1:
        raise InputError(f"steps is {steps}; it must be 1 or more.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(model.card["architecture"]["channels"], model.prior.size)
        optimiser = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps, pct_start=0.1)
        network.train()
        for step in along(range(steps), "Training the encoder", progress):
            z = model.prior.sample(batch, FIRST_SEED + step * batch)
            images = resize(checkpoint.to_float(torch.tensor(model.generate(z))))
            images += 0.1 * torch.rand(batch, 1, 1, 1) * torch.randn_like(images)
            loss = nn.functional.mse_loss(network(images), torch.from_numpy(z))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        network.eval().requires_grad_(False)
    about = {
        "format": FORMAT,
        "generator": model.card["files"]["generator.safetensors"],
        "channels": model.card["architecture"]["channels"],
        "nz": model.prior.size,
        "space": model.space,
        "samples": steps * batch,
        "seed": seed,
    }
    trained = Encoder(network, about)
    about["measured"] = measure(model, trained)
    return trained


def measure(model: checkpoint.Model, encoder: Encoder) -> dict[str, float]:
    """{"r2", "error"} on new samples.

    r2: the share of the latents' variance that the encoder explains. error: root mean square
    difference between the samples and the pictures of the encoded latents, in levels of 256.
    """
    z = model.prior.sample(TEST_SAMPLES, TEST_SEED)
    images = model.generate(z)
    encoded = encoder.encode(images)
    apart = model.generate(encoded).astype(np.float64) - images
    r2 = 1 - np.square(encoded - z).sum() / np.square(z - z.mean(0)).sum()
    return {"r2": float(r2), "error": float(np.sqrt(np.square(apart).mean((1, 2, 3))).mean())}


def save(directory: str | Path, encoder: Encoder) -> Encoder:
    """Write an Encoder into a checkpoint; returns it with its hash."""
    arrays = {name: value.numpy() for name, value in encoder.network.state_dict().items()}
    seal = checked_safetensors.save(Path(directory) / FILE, arrays, encoder.about)
    return Encoder(encoder.network, encoder.about, seal[:12])


def load(model: checkpoint.Model) -> Encoder | None:
    """The Encoder of a Model, or None when its checkpoint has none for the Model's latent space.

    One of z serves w, too, but not the other way round: there is no way back through a mapping
    network. Raises InputError when the file is damaged or belongs to another generator.
    """
    path = model.directory / FILE
    if not path.exists():
        return None
    remedy = f"train it again with python -m gan_core encoder {model.directory}"
    arrays, about, seal = checked_safetensors.load(path, remedy)
    if about.get("generator") != model.card["files"]["generator.safetensors"]:
        raise InputError(f"{path} belongs to another generator; {remedy}.")
    try:
        network = build(model.card["architecture"]["channels"], model.prior.size)
        network.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
    except Exception:  # torch raises several kinds
        raise InputError(f"{path} does not fit its model; {remedy}.") from None
    network.eval().requires_grad_(False)
    space = about.get("space", "z")
    if space != model.space and space != "z":
        return None
    if space != model.space and isinstance(model.prior, spaces.Intermediate):
        network = nn.Sequential(network, ToW(model.prior))
    return Encoder(network, about, seal[:12])


class ToW(nn.Module):
    """Latents in z, float (N, nz) -> in w: an encoder that was trained in z serves both spaces."""

    def __init__(self, prior: spaces.Intermediate):
        super().__init__()
        self.prior = prior

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.prior.of(z.numpy()))
