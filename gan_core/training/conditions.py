"""The classes of a conditional model: columns of the training set's attributes, as numbers."""

from dataclasses import dataclass

import numpy as np

from gan_core.attributes import train_classifier
from gan_core.data.training_set import TrainingSet
from gan_core.training import attribute_codes
from gan_core.util.errors import InputError

FEWEST = 10  # training images of a class


@dataclass(frozen=True)
class Conditions:
    """names: the A attributes, "digit: 3" or "smiling". sizes: of the groups that they form, in
    this order; in a group of several exactly one is true. labels: float32 (N, A) of 0 and 1, those
    of the training images."""

    names: list[str]
    sizes: tuple[int, ...]
    labels: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """The share of training images that have each attribute, float32 (A,)."""
        return self.labels.mean(0)


def load(images: TrainingSet, columns: str, nz: int) -> Conditions:
    """The Conditions of a training set's columns.

    columns: names separated by commas; a column of 0 and 1 is one attribute, and a column of words
    is one attribute a word. nz: coordinates of z, of which each attribute takes one. Raises
    InputError for a column that is not there, cells without a value, a class of few images, and
    when the attributes leave no coordinate over.
    """
    wanted = [name.strip() for name in columns.split(",") if name.strip()]
    has = list(images.attributes)
    for name in wanted:
        if name not in has:
            raise InputError(
                f'The training set has no column "{name}"; it has {", ".join(has) or "none"}. '
                "Pack it with class folders or with --labels."
            )
    known, labels, _ = train_classifier.concepts(images)
    chosen = [
        i
        for name in dict.fromkeys(wanted)
        for i, one in enumerate(known)
        if one == name or one.startswith(f"{name}: ")
    ]
    missing = [name for name in wanted if not any(known[i].split(": ")[0] == name for i in chosen)]
    if missing or not chosen:
        raise InputError(
            f'The column "{(missing or wanted or [columns])[0]}" has no classes: it needs from 2 '
            f"to {train_classifier.MOST_VALUES} different values."
        )
    names, labels = [known[i] for i in chosen], labels[:, chosen]
    unknown = int(np.isnan(labels).any(1).sum())
    if unknown:
        raise InputError(
            f"{unknown:,} of {len(labels):,} training images have no value in {columns}; pack the "
            "set without them."
        )
    counts = np.minimum(labels.sum(0), (1 - labels).sum(0)).astype(int)
    if counts.min() < FEWEST:
        few = names[int(counts.argmin())]
        raise InputError(
            f'Only {counts.min()} training images tell "{few}" from the rest; a class needs at '
            f"least {FEWEST}."
        )
    if len(names) >= nz:
        raise InputError(
            f"The classes take {len(names)} coordinates of z, which has {nz}; use a larger --nz."
        )
    groups = attribute_codes.group(names)
    return Conditions(names, tuple(map(len, groups)), labels)
