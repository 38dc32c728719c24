"""Attributes tied to coordinates of z: an auxiliary loss of G after InfoGAN and AC-GAN.

Left alone, a GAN may draw a smile for other reasons on one kind of face than on another; then no
single direction means smiling, and latent arithmetic fails: nothing in the game asks for one.
Here the first coordinates of z stand for the attributes of the training set, each as often as the
training images have it, and G is also judged by whether a classifier reads them off its pictures
(Chen et al. 2016, with a trained classifier for Q; Odena, Olah and Shlens 2017).
The prior stays what it was, and so does everything that draws from it.
"""

from dataclasses import dataclass

import torch
from torch import nn

from gan_core import latent
from gan_core.attributes import classifier as attributes
from gan_core.attributes import train_classifier
from gan_core.data import training_set
from gan_core.util.errors import InputError

TINY = 1e-7  # keeps a share of 0 or 1 from an infinite logarithm


@dataclass(frozen=True)
class Codes:
    """Coordinate i of z stands for attribute i.

    names: the A attributes. groups: lists of coordinates; of a group of several, such as hair
    colours, exactly one is true, and a group of one is a yes or no. shares: float (A,), how many
    training images have each. network, scale, offset: images float (N, C, 64, 64) -> logits.
    columns: which of the classifier's logits are the attributes'.
    """

    names: list
    groups: list
    shares: torch.Tensor
    network: nn.Module
    scale: torch.Tensor
    offset: torch.Tensor
    columns: list
    prior: str

    def wanted(self, z):
        """Latents (N, nz) -> what they stand for, float (N, A) of 0 and 1."""
        level = z[:, : len(self.names)]
        level = torch.special.ndtr(level) if self.prior == "normal" else (level + 1) / 2
        level = level.clamp(TINY, 1 - TINY)
        found = torch.zeros_like(level)
        for group in self.groups:
            if len(group) == 1:
                found[:, group[0]] = (level[:, group[0]] > 1 - self.shares[group[0]]).float()
            else:  # the largest of Gumbel noise + log share falls to each as often as its share
                gumbel = -(-level[:, group].log()).log() + self.shares[group].log()
                rows = torch.arange(len(z), device=z.device)
                found[rows, torch.tensor(group, device=z.device)[gumbel.argmax(1)]] = 1
        return found

    def loss(self, images, z):
        """Cross-entropy of what the classifier reads off images drawn from z: nats an image.

        images: float (N, C, H, W) in [−1, 1], with a gradient.
        """
        if images.shape[2:] != (attributes.SIDE, attributes.SIDE):
            images = nn.functional.interpolate(
                images, (attributes.SIDE, attributes.SIDE), mode="bilinear", antialias=True
            )
        logits = (self.network(images) * self.scale + self.offset)[:, self.columns]
        each = nn.functional.binary_cross_entropy_with_logits(
            logits, self.wanted(z), reduction="none"
        )
        return each.sum(1).mean()


def load(directory, data, prior, nz, chosen="", device="cpu"):
    """The Codes of a checkpoint's classifier, for a generator with nz coordinates.

    data: directory of the packed training set, whose labels tell the shares; without labels the
    classifier tells them. chosen: the attributes to tie, as `choose` reads them. Raises InputError
    when the classifier is missing or does not recognise them, learned from other images, or when z
    is short.
    """
    images = training_set.load(data)
    classifier = attributes.load(directory)
    if classifier.about["training_set"] != images.fingerprint:
        raise InputError(
            f"The classifier of {directory} learned from other images than {data}; train one on "
            "these with the attributes command, on a checkpoint of theirs."
        )
    names = choose(classifier, chosen)
    if not 0 < len(names) <= nz:
        raise InputError(
            f"The classifier of {directory} recognises {len(names)} of these attributes, and z has "
            f"{nz} coordinates; it takes one attribute at least, and a coordinate for each."
        )
    if images.attributes:
        known, labels, _ = train_classifier.concepts(images)
    else:  # as often as the classifier reads them off the training images
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


def choose(classifier, chosen):
    """The attributes to tie: all that a classifier recognises, or those named, in this order.

    chosen: names separated by commas, or "". Attributes are tied as if they were independent; those
    that come together in the training images, such as make-up and lipstick, are better left alone.
    Raises InputError on a name that is not recognised.
    """
    names = [name.strip() for name in chosen.split(",") if name.strip()]
    unknown = [name for name in names if name not in classifier.recognised]
    if unknown:
        raise InputError(
            f'The classifier does not recognise "{unknown[0]}"; it does '
            f"{', '.join(classifier.recognised) or 'nothing'}."
        )
    return list(dict.fromkeys(names)) or classifier.recognised


def names_of(model):
    """What the first coordinates of a Model's latents stand for: a list of str, often empty.

    It was published with the model, and may come from anyone; words that cannot be are left out.
    """
    found = (model.card.get("training") or {}).get("tied")
    found = found[: model.prior.size] if isinstance(found, list) else []
    if not all(isinstance(name, str) and name.isprintable() for name in found):
        return []
    return [attributes.readable_name(name[:60]) for name in found]


def group(names):
    """Coordinates by the category that their attribute belongs to: "hair: red" to "hair"."""
    groups = {}
    for i, name in enumerate(names):
        category = name.split(": ")[0] if ": " in name else name
        groups.setdefault(category, []).append(i)
    return list(groups.values())
