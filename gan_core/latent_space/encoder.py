"""An encoder: from a picture to a first guess at its latent, for `gan_core.latent_space.inversion`.

It is trained on the generator's own samples, whose latents are known. Of a real photograph it
gives the latent of the sample that looks alike to it, which is a start and no answer.

    train_and_measure(checkpoint)   the verb: train, measure inversion, save both
    encoder.safetensors             the weights, sealed, with the hash of their generator
"""

from dataclasses import dataclass
from json import dumps
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gan_core import checkpoint
from gan_core.data import photo_alignment
from gan_core.latent_space import inversion
from gan_core.util import checked_safetensors
from gan_core.util.errors import InputError
from gan_core.util.progress import along

FORMAT = 1
FILE = "encoder.safetensors"
SIDE = 64  # pictures are brought to SIDE × SIDE pixels
WIDTHS = (32, 64, 128, 256)
FIRST_SEED = 3_200_000_000  # of the samples it is trained on; 10⁹ seeds follow
UNSEEN_SEED = 4_200_000_000  # of the samples it is measured on
UNSEEN = 256


@dataclass(frozen=True)
class Encoder:
    """A trained encoder.

    network: float (N, C, 64, 64) in [−1, 1] -> latents (N, nz). about: how it was trained and
    measured, plain JSON types. hash: 12 hexadecimal digits, which encoder gave a start.
    """

    network: nn.Module
    about: dict
    hash: str = ""

    @torch.inference_mode()
    def encode(self, images):
        """Images uint8 (N, H, W, C) -> latents float32 (N, nz), inside the prior's range or not."""
        parts = torch.tensor(np.asarray(images)).split(checkpoint.BATCH)
        return torch.cat([self.network(resize(checkpoint.to_float(p))) for p in parts]).numpy()


def train_and_measure(
    model,  # checkpoint directory
    *,
    data="",  # directory of the packed training set, where the images do not travel with the model
    steps=1000,  # of training, 64 samples each
    n=24,  # samples, training images and held-out ones that are inverted to be compared with
    seed=0,  # of the first weights and of the random starts
    eyes="",  # where the eyes are in its pictures, as parts of the side: 0.36,0.52,0.64,0.52
    json=False,  # print what was measured as one JSON object on the last line
):
    """Train an encoder on a model's own samples, and measure how well pictures are inverted."""
    loaded = checkpoint.load(model)
    places = photo_alignment.read_eyes(eyes) if eyes else photo_alignment.EYES
    try:
        reference = checkpoint.find_images(loaded, data)
    except InputError as error:
        if data:
            raise
        print(f"Only samples are inverted: {error}")
        reference = None
    trained = save(model, train(loaded, steps=steps, seed=seed, progress=True))
    told = trained.about["measured"]
    print(
        f"{Path(model) / FILE}: R² {told['r2']:.2f} of the latents of {UNSEEN} unseen samples, "
        f"whose pictures it misses by {told['error']:.1f} levels"
    )
    result = inversion.measure(loaded, reference, n=n, encoder=trained, seed=seed, progress=True)
    result["eyes"] = places
    inversion.save_metrics(model, result)
    print(inversion.table(result))
    if json:
        print(dumps({"encoder": trained.about, "inversion": result}, ensure_ascii=False))


def build(channels, nz):
    """The network: four convolutions of stride 2, then a linear layer on the map of 4 × 4."""
    layers, before = [], channels
    for width in WIDTHS:
        layers += [nn.Conv2d(before, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width)]
        layers.append(nn.LeakyReLU(0.2))
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * before, nz))


def resize(images):
    """float (N, C, H, W) -> (N, C, 64, 64), by means of blocks or by repeating pixels."""
    return nn.functional.adaptive_avg_pool2d(images, SIDE)


def train(model, *, steps=1000, seed=0, batch=64, progress=False):
    """Train an Encoder on samples of a Model; each is seen once. progress: as for `steps.along`.

    The loss is the mean squared error of the latent. A little noise of a random strength keeps the
    encoder from reading what no eye sees in a sample and no photograph has.
    """
    if steps < 1:
        raise InputError(f"steps is {steps}; it must be a number from 1 up.")
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
        "samples": steps * batch,
        "seed": seed,
    }
    trained = Encoder(network, about)
    about["measured"] = measure(model, trained)
    return trained


def measure(model, encoder):
    """{"r2", "error"} on unseen samples: the share of the latents' variance that is found, and how
    far what the found latents draw is from the samples, root mean square in levels."""
    z = model.prior.sample(UNSEEN, UNSEEN_SEED)
    images = model.generate(z)
    found = encoder.encode(images)
    apart = model.generate(found).astype(np.float64) - images
    r2 = 1 - np.square(found - z).sum() / np.square(z - z.mean(0)).sum()
    return {"r2": float(r2), "error": float(np.sqrt(np.square(apart).mean((1, 2, 3))).mean())}


def save(directory, encoder):
    """Write an Encoder into a checkpoint; returns it with its hash."""
    arrays = {name: value.numpy() for name, value in encoder.network.state_dict().items()}
    seal = checked_safetensors.save(Path(directory) / FILE, arrays, encoder.about)
    return Encoder(encoder.network, encoder.about, seal[:12])


def load(model):
    """The Encoder of a Model, or None when its checkpoint has none.

    Raises InputError with what to do when the file is damaged or of another generator.
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
    return Encoder(network.eval().requires_grad_(False), about, seal[:12])
