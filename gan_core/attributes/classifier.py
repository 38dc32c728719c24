"""A small classifier of the attributes that a training set is labelled with.

It belongs to the training set, not to the generator: a checkpoint keeps it when its training
continues. A second classifier, of another architecture, only scores what the first one picked.
Both are trained by `gan_core.attributes.train_classifier`.

>>> model = classifier.load("checkpoints/avatars")
>>> model.recognised  # the names of the attributes that it recognises well enough
>>> model.predict(images)  # float32 (N, A), a probability for each of classifier.names
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from gan_core import checkpoint
from gan_core.util import checked_safetensors
from gan_core.util.errors import MALFORMED, InputError

FORMAT = 1
FILES = {False: "attributes.safetensors", True: "attributes_second.safetensors"}
SIDE = 64  # images are resized to SIDE × SIDE pixels
BATCH = 64
LEAST_ACCURACY = 0.85  # balanced accuracy on held-out images from which an attribute is recognised
LEAST_IMAGES = 20  # held-out images with it, and without it, needed to measure this
MAX_ATTRIBUTES = 1000
COLUMNS = {"name", "recognised", "balanced_accuracy", "accuracy", "positives", "n"}
ARCHITECTURES = ("strided", "pooled")  # of the first classifier and of the second


@dataclass(frozen=True)
class Classifier:
    """A trained attribute classifier.

    network: float (N, C, 64, 64) in [−1, 1] -> logits (N, A). scale, offset: float32 (A,), Platt's
    calibration: a probability is sigmoid(scale · logit + offset). about: how it was trained and
    measured, plain JSON types. hash: 12 hexadecimal digits that identify the classifier, "" for
    one that was never saved.
    """

    network: nn.Module
    scale: np.ndarray
    offset: np.ndarray
    about: dict[str, Any]
    hash: str = ""

    @property
    def names(self) -> list[str]:
        """The A attributes, in the order of the columns that `predict` returns."""
        return [row["name"] for row in self.about["attributes"]]

    @property
    def recognised(self) -> list[str]:
        """The attributes it recognises well enough to be offered, in the same order."""
        return [row["name"] for row in self.about["attributes"] if row["recognised"]]

    def column(self, name: str) -> int:
        """The column of `predict` that holds an attribute.

        Raises InputError for an attribute that is unknown or not recognised well enough.
        """
        if name not in self.names:
            raise InputError(
                f"There is no attribute {name!r}; there are: {', '.join(self.recognised)}."
            )
        if name not in self.recognised:
            raise InputError(
                f"{name} is not recognised well enough to be used; choose one of "
                f"{', '.join(self.recognised) or 'none'}."
            )
        return self.names.index(name)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Images uint8 (N, H, W, C) -> calibrated probabilities float32 (N, A).

        Raises InputError for images of another type or number of channels.
        """
        return sigmoid(self.scale * self.logits(images) + self.offset)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Images uint8 (N, H, W, C) -> logits float32 (N, A), before calibration."""
        images = np.asarray(images)
        channels = self.about["channels"]
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != channels:
            shape = " × ".join(map(str, images.shape))
            raise InputError(
                f"The attribute classifier needs uint8 images (N, H, W, {channels}); "
                f"these are {images.dtype} {shape}."
            )
        logits = np.empty((len(images), len(self.names)), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                part = prepare(images[start : start + BATCH])
                logits[start : start + BATCH] = self.network(part).numpy()
        return logits


def readable_name(name: str) -> str:
    """An attribute's name as people read it: "hair_colour: red" -> "hair colour: red".

    Cards, reports and pages all show this form. Files, links and `Classifier.column` keep the name
    of the training set.
    """
    return name.replace("_", " ")


def build(architecture: str, channels: int, outputs: int) -> nn.Module:
    """A classifier network: float (N, channels, 64, 64) -> logits (N, outputs).

    "strided": four convolutions of stride 2, then a linear layer on the map of 4 × 4.
    "pooled": five of 3 × 3 with max pooling between, then a linear layer on the mean.
    Raises InputError for another architecture.
    """
    layers: list[nn.Module] = []
    before = channels
    if architecture == "strided":
        for width in (24, 48, 96, 112):
            layers += [nn.Conv2d(before, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width)]
            layers.append(nn.ReLU())
            before = width
        size = before * 16
    elif architecture == "pooled":
        for width in (16, 32, 64, 128, 128):
            layers += [nn.Conv2d(before, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
            before = width
        layers[-1] = nn.AdaptiveAvgPool2d(1)
        size = before
    else:
        raise InputError(
            f"The classifier's architecture is {architecture!r}; "
            f"it must be one of {', '.join(ARCHITECTURES)}."
        )
    network = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(size, outputs))
    return network.to(memory_format=torch.channels_last)


def prepare(images: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, C), array -> float32 (N, C, 64, 64) in [−1, 1], channels last."""
    pictures = checkpoint.to_float(torch.tensor(np.ascontiguousarray(images)))
    if pictures.shape[2:] != (SIDE, SIDE):
        pictures = nn.functional.interpolate(
            pictures, (SIDE, SIDE), mode="bilinear", antialias=True
        )
    return pictures.contiguous(memory_format=torch.channels_last)


def save(directory: str | Path, classifier: Classifier, second: bool = False) -> str:
    """Write a Classifier into a checkpoint directory, as its first or its second one.

    Returns the file's sha256 as hexadecimal.
    """
    tensors = {name: tensor.numpy() for name, tensor in classifier.network.state_dict().items()}
    arrays = {f"network/{name}": tensor for name, tensor in tensors.items()}
    arrays |= {"scale": classifier.scale, "offset": classifier.offset}
    return checked_safetensors.save(Path(directory) / FILES[second], arrays, classifier.about)


def load(directory: str | Path, second: bool = False) -> Classifier:
    """The Classifier in a checkpoint directory; second: the one for scoring.

    Raises InputError when it is missing or damaged, or was trained on other images than the model.
    """
    path = Path(directory) / FILES[second]
    remedy = f"python -m gan_core attributes {directory}{' --second' * second} makes it"
    arrays, about, digest = checkpoint.load_companion(path, remedy, FORMAT, "was trained on")
    card = checkpoint.read_card(directory)
    rows: Any = about.get("attributes")
    channels: Any = about.get("channels")
    good = isinstance(rows, list) and 1 <= len(rows) <= MAX_ATTRIBUTES
    if not good or channels != card["architecture"]["channels"] or not all(map(_is_row, rows)):
        raise InputError(f"{path} does not fit its own description; {remedy} again.")
    network = build(str(about.get("architecture")), channels, len(rows))
    weights = {
        name.removeprefix("network/"): torch.from_numpy(array)
        for name, array in arrays.items()
        if name.startswith("network/")
    }
    try:
        network.load_state_dict(weights)
        scale, offset = (np.broadcast_to(arrays[key], len(rows)) for key in ("scale", "offset"))
    except (RuntimeError, KeyError, ValueError):
        raise InputError(f"{path} does not fit its own description; {remedy} again.") from None
    network.eval().requires_grad_(False)
    return Classifier(network, scale, offset, about, digest[:12])


def _is_row(row: object) -> bool:
    """Whether this is a classifier's description of one attribute."""
    if not (isinstance(row, dict) and set(row) >= COLUMNS):
        return False
    measured = [row["accuracy"], row["positives"], row["n"]]
    if row["recognised"] or row["balanced_accuracy"] is not None:
        measured.append(row["balanced_accuracy"])
    return isinstance(row["name"], str) and all(type(x) in (int, float) for x in measured)


def table(about: Mapping[str, Any]) -> str:
    """A classifier's held-out accuracy as a Markdown table."""
    lines = [
        "| attribute | images with it | accuracy | balanced accuracy | recognised |",
        "|---|---|---|---|---|",
    ]
    for row in about["attributes"]:
        balanced = "–" if row["balanced_accuracy"] is None else f"{row['balanced_accuracy']:.3f}"
        recognised = "yes" if row["recognised"] else "no"
        count = f"{row['positives']:,} of {row['n']:,}"
        cells = [readable_name(row["name"]), count, f"{row['accuracy']:.3f}", balanced, recognised]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _paragraph(about: Mapping[str, Any], second: bool) -> str:
    """What a card tells of one classifier."""
    before, after = (about["calibration_error"][when] for when in ("before", "after"))
    what = "The second classifier, which only scores" if second else "The classifier"
    return (
        f"{what} ({about['architecture']}, {about['epochs']} epochs, seed {about['seed']}; "
        f"expected calibration error {after:.3f}, {before:.3f} before "
        f"calibration):\n\n{table(about)}"
    )


def card_section(directory: str | Path) -> str:
    """The model card's section on the classifiers in a checkpoint; "" when there is none."""
    parts = []
    for second, file in FILES.items():
        if not (Path(directory) / file).exists():
            continue
        try:
            parts.append(_paragraph(load(directory, second).about, second))
        except InputError as error:  # this must not fail: a card is written after hours of training
            parts.append(str(error))
        except MALFORMED:  # a stranger's file
            parts.append(f"{file} does not tell how well its classifier was measured.")
    if not parts:
        return ""
    words = (
        "## How well attributes are recognised\n\nMeasured on the held-out images. An attribute "
        f"counts as recognised with a balanced accuracy of {LEAST_ACCURACY} or more, measured on "
        f"at least {LEAST_IMAGES} held-out images with it and {LEAST_IMAGES} without it.\n\n"
    )
    return words + "\n\n".join(parts) + "\n"


def sigmoid(x: ArrayLike) -> np.ndarray:
    """1 / (1 + e^−x) as float32, without overflow."""
    return (0.5 * (1 + np.tanh(0.5 * np.asarray(x)))).astype(np.float32)
