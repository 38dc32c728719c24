"""Attributes tied to coordinates of z: an auxiliary loss of G after InfoGAN and AC-GAN.

Nothing in a GAN's objective asks for one direction that means smiling on every face: without help
G may encode a smile differently on different kinds of faces, and then latent arithmetic fails.
Here the first coordinates of z stand for the attributes of the training set, each as often as the
training images have it, and G is also trained so that a classifier recognises them in its samples
(Chen et al. 2016, with a trained classifier for Q; Odena, Olah and Shlens 2017).
The prior does not change, and neither does anything that draws from it.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from gan_core import latent
from gan_core.attributes import classifier as attributes
from gan_core.attributes import train_classifier
from gan_core.data import training_set
from gan_core.util.errors import InputError

TINY = 1e-7  # keeps the logarithm of a share of 0 or 1 finite


@dataclass(frozen=True)
class Codes:
    """Coordinate i of z stands for attribute i.

    names: the A attributes. groups: lists of coordinates; in a group of several, such as hair
    colours, exactly one attribute is true, and a group of one is yes or no. shares: float (A,), the
    share of training images that have each attribute. network, scale, offset: images float
    (N, C, 64, 64) -> logits. columns: which of the classifier's logits belong to the attributes.
    """

    names: list[str]
    groups: list[list[int]]
    shares: torch.Tensor
    network: nn.Module
    scale: torch.Tensor
    offset: torch.Tensor
    columns: list[int]
    prior: str

    def targets(self, z: torch.Tensor) -> torch.Tensor:
        """The attributes that latents (N, nz) stand for, float (N, A) of 0 and 1."""
        level = z[:, : len(self.names)]
        level = torch.special.ndtr(level) if self.prior == "normal" else (level + 1) / 2
        level = level.clamp(TINY, 1 - TINY)
        targets = torch.zeros_like(level)
        for group in self.groups:
            if len(group) == 1:
                targets[:, group[0]] = (level[:, group[0]] > 1 - self.shares[group[0]]).float()
            else:  # Gumbel-max: each has the largest log share + noise as often as its share
                gumbel = -(-level[:, group].log()).log() + self.shares[group].log()
                rows = torch.arange(len(z), device=z.device)
                targets[rows, torch.tensor(group, device=z.device)[gumbel.argmax(1)]] = 1
        return targets

    def loss(self, images: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the classifier's answers on images drawn from z: nats an image.

        images: float (N, C, H, W) in [−1, 1], with a gradient. z: (N, nz). Returns a scalar.
        """
        if images.shape[2:] != (attributes.SIDE, attributes.SIDE):
            images = nn.functional.interpolate(
                images, (attributes.SIDE, attributes.SIDE), mode="bilinear", antialias=True
            )
        logits = (self.network(images) * self.scale + self.offset)[:, self.columns]
        losses = nn.functional.binary_cross_entropy_with_logits(
            logits, self.targets(z), reduction="none"
        )
        return losses.sum(1).mean()


def load(
    directory: Path | str,
    data: Path | str,
    prior: str,
    nz: int,
    chosen: str = "",
    device: torch.device | str = "cpu",
) -> Codes:
    """The Codes of a checkpoint's classifier, for a generator with nz coordinates.

    data: directory of the packed training set, whose labels give the shares; without labels the
    classifier estimates them. chosen: the attributes to tie, see `choose`. Raises InputError when
    the classifier is missing, was trained on other images or does not recognise an attribute, and
    when z has too few coordinates.
    """
    images = training_set.load(data)
    classifier = attributes.load(directory)
    if classifier.about["training_set"] != images.fingerprint:
        raise InputError(
            f"The classifier of {directory} was trained on other images than {data}; train one "
            "with the attributes command on a checkpoint of these images."
        )
    names = choose(classifier, chosen)
    if not 0 < len(names) <= nz:
        raise InputError(
            f"The classifier of {directory} recognises {len(names)} of these attributes, and z has "
            f"{nz} coordinates; at least one attribute is needed, and a coordinate for each."
        )
    if images.attributes:
        known, labels, _ = train_classifier.concepts(images)
    else:  # as often as the classifier sees them in the training images
        known, labels = classifier.names, classifier.predict(images.images)
    shares = [float(labels[:, known.index(name)].mean()) for name in names]
    return Codes(
        names,
        group(names),
        torch.tensor(shares, device=device).clamp(TINY, 1 - TINY),
        classifier.network.to(device),
        torch.tensor(classifier.scale, device=device),
        torch.tensor(classifier.offset, device=device),
        [classifier.names.index(name) for name in names],
        latent.Prior(prior, nz).kind,
    )


def choose(classifier: attributes.Classifier, chosen: str) -> list[str]:
    """The attributes to tie: all that a classifier recognises, or those named, in this order.

    chosen: names separated by commas, or "". Attributes are tied as if they were independent, so
    those that occur together in the training images, such as make-up and lipstick, are better left
    out. Raises InputError for a name that the classifier does not recognise.
    """
    names = [name.strip() for name in chosen.split(",") if name.strip()]
    unknown = [name for name in names if name not in classifier.recognised]
    if unknown:
        raise InputError(
            f'The classifier does not recognise "{unknown[0]}"; it recognises '
            f"{', '.join(classifier.recognised) or 'nothing'}."
        )
    return list(dict.fromkeys(names)) or classifier.recognised


def group(names: list[str]) -> list[list[int]]:
    """Coordinates by the category of their attribute: "hair: red" belongs to "hair"."""
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        category = name.split(": ")[0] if ": " in name else name
        groups.setdefault(category, []).append(i)
    return list(groups.values())
