"""A small classifier of the attributes that a training set is labelled with.

It belongs to the training set, not to the generator: a checkpoint keeps it when its training
continues. Two more readers of the same attributes keep it honest: a second classifier, of another
architecture, which only scores what the first one picked, and a linear probe on the features of
EfficientNet-Lite0, which never saw a generated picture nor learned to see from this training set.
Where they disagree, an attribute is unsure; see `agreement`. All three are trained by
`gan_core.attributes.train_classifier`.

>>> model = classifier.load("checkpoints/avatars")
>>> model.recognised  # the names of the attributes that it recognises well enough
>>> model.predict(images)  # float32 (N, A), a probability for each of classifier.names
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from gan_core import checkpoint, companions, feature_extractors
from gan_core.util import checked_safetensors
from gan_core.util.errors import MALFORMED, InputError

FORMAT = 1
FILES = {
    "first": "attributes.safetensors",
    "second": "attributes_second.safetensors",
    "probe": "attributes_probe.safetensors",
}
SIDE = 64  # images are resized to SIDE × SIDE pixels
BATCH = 64
LEAST_ACCURACY = 0.85  # balanced accuracy on held-out images from which an attribute is recognised
LEAST_IMAGES = 20  # held-out images with it, and without it, needed to measure this
MAX_ATTRIBUTES = 1000
COLUMNS = {"name", "recognised", "balanced_accuracy", "accuracy", "positives", "n"}
ARCHITECTURES = {"first": "strided", "second": "pooled", "probe": "probe"}
UNSURE = 0.5  # the probability of an attribute on which the readers disagree


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
                f"There is no attribute {name!r}; choose one of {', '.join(self.recognised)}."
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
    "probe": a linear layer on features of EfficientNet-Lite0, which is not in its state.
    Raises InputError for another architecture, or when EfficientNet-Lite0 is not installed.
    """
    if architecture == "probe":
        return Probe(outputs)
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
            f"it must be one of {', '.join(ARCHITECTURES.values())}."
        )
    network = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(size, outputs))
    return network.to(memory_format=torch.channels_last)


class Probe(nn.Module):
    """A linear layer on the features of EfficientNet-Lite0, each standardised.

    float (N, C, 64, 64) in [−1, 1] -> logits (N, outputs). Features are averaged over three bands
    of the picture, so that hair, eyes and mouth of an aligned face stay apart. Only the layer and
    the features' means and deviations belong to the state; the network is the one that measures
    distances, unchanged.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        size = effnet().size
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.linear = nn.Linear(size, outputs)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.linear((features_of(pictures) - self.mean) / self.deviation)


def features_of(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures float (N, C, 64, 64) in [−1, 1] -> EfficientNet-Lite0’s features (N, d)."""
    images = checkpoint.to_uint8(pictures.permute(0, 2, 3, 1).numpy())
    return torch.from_numpy(effnet().extract(images))


@functools.cache
def effnet() -> feature_extractors.Features:
    """EfficientNet-Lite0, read once. Raises InputError when its package is missing."""
    return feature_extractors.effnet(bands=3)


def prepare(images: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, C), array -> float32 (N, C, 64, 64) in [−1, 1], channels last."""
    pictures = checkpoint.to_float(torch.tensor(np.ascontiguousarray(images)))
    if pictures.shape[2:] != (SIDE, SIDE):
        pictures = nn.functional.interpolate(
            pictures, (SIDE, SIDE), mode="bilinear", antialias=True
        )
    return pictures.contiguous(memory_format=torch.channels_last)


def save(directory: str | Path, classifier: Classifier, reader: str = "first") -> str:
    """Write a Classifier into a checkpoint directory, as the reader "first", "second" or "probe".

    Returns the file's sha256 as hexadecimal.
    """
    tensors = {name: tensor.numpy() for name, tensor in classifier.network.state_dict().items()}
    arrays = {f"network/{name}": tensor for name, tensor in tensors.items()}
    arrays |= {"scale": classifier.scale, "offset": classifier.offset}
    return checked_safetensors.save(Path(directory) / FILES[reader], arrays, classifier.about)


def load_all(directory: str | Path) -> dict[str, Classifier]:
    """The readers in a checkpoint directory that have the attributes of the first one, by name.

    The first is among them; one that is missing, damaged or of other attributes is not. Raises
    InputError as `load` when the first cannot be read.
    """
    readers = {"first": load(directory)}
    for reader in list(FILES)[1:]:
        try:
            other = load(directory, reader)
        except InputError:
            continue
        if other.names == readers["first"].names:
            readers[reader] = other
    return readers


def agreement(readers: Sequence[Classifier], probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """What several readers agree on, float32 (N, A): the least certain of their probabilities.

    readers: of the same attributes, with the first classifier in front. probabilities: what each
    predicts, float (N, A). Where one says yes (0.5 or more) and another no, the attribute is
    unsure, and its probability is UNSURE. A reader that does not recognise an attribute well enough
    has no say in it, except for the first.
    """
    known = [
        [r is readers[0] or row["recognised"] for row in r.about["attributes"]] for r in readers
    ]
    stack = np.where(np.array(known)[:, None], np.stack(probabilities), np.nan)
    certain = np.where(np.isnan(stack), np.inf, np.abs(stack - 0.5))
    least = np.take_along_axis(stack, certain.argmin(0)[None], 0)[0]
    yes, no = (stack >= 0.5) | np.isnan(stack), (stack < 0.5) | np.isnan(stack)
    return np.where(yes.all(0) | no.all(0), least, UNSURE).astype(np.float32)


def load(directory: str | Path, reader: str = "first") -> Classifier:
    """A Classifier in a checkpoint directory: the reader "first", "second" or "probe".

    Raises InputError when it is missing or damaged, or was trained on other images than the model.
    """
    path = companions.locate(directory, FILES[reader])
    option = "" if reader == "first" else f" --{reader}"
    remedy = f"python -m gan_core attributes {directory}{option} makes it"
    arrays, about, digest = companions.load(
        directory, FILES[reader], remedy, FORMAT, "was trained on"
    )
    card = checkpoint.read_card(directory)
    rows: Any = about.get("attributes")
    channels: Any = about.get("channels")
    good = isinstance(rows, list) and 1 <= len(rows) <= MAX_ATTRIBUTES
    if not good or channels != card["architecture"]["channels"] or not all(map(_is_row, rows)):
        raise InputError(f"{path} does not match its own description; {remedy} again.")
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
        raise InputError(f"{path} does not match its own description; {remedy} again.") from None
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


WHAT = {
    "first": "The classifier",
    "second": "The second classifier, which only scores",
    "probe": "The linear probe on EfficientNet-Lite0's features",
}


def _paragraph(about: Mapping[str, Any], reader: str) -> str:
    """What a card tells of one classifier."""
    before, after = (about["calibration_error"][when] for when in ("before", "after"))
    what = WHAT[reader]
    return (
        f"{what} ({about['architecture']}, {about['epochs']} epochs, seed {about['seed']}; "
        f"expected calibration error {after:.3f}, {before:.3f} before "
        f"calibration):\n\n{table(about)}"
    )


def card_section(directory: str | Path) -> str:
    """The model card's section on the classifiers in a checkpoint; "" when there is none."""
    parts = []
    for reader, file in FILES.items():
        if not companions.locate(directory, file).exists():
            continue
        try:
            parts.append(_paragraph(load(directory, reader).about, reader))
        except InputError as error:  # this must not fail: a card is written after hours of training
            parts.append(str(error))
        except MALFORMED:  # a stranger's file
            parts.append(f"{file} does not say how accurate its classifier is.")
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
