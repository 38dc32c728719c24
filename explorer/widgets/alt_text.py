"""What a picture shows, in words, for visitors who cannot see it."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from explorer.services import attribute_labels, seed_tables, stranger_text
from gan_core.attributes.classifier import UNSURE, readable_name
from gan_core.checkpoint import Model

MOST = 6  # attributes named


def of_picture(model: Model, words: str, image: np.ndarray) -> str:
    """The words, and what the model's readers agree on: "Seed 7: long hair, smiling".

    image: uint8 (H, W, C). Only the words where there is no classifier.
    """
    readers = attribute_labels.readers_of(model)
    if not readers:
        return words
    seen = attribute_labels.agreed_in(readers, image[None])[0]
    return joined(words, named(readers[0].recognised, seen))


def of_seeds(model: Model, seeds: Sequence[int], psi: float) -> list[str]:
    """What the pictures of seeds show: "long hair, smiling"; "" where no table of seeds says it."""
    classifier, table = attribute_labels.classifier_of(model), seed_tables.table_of(model)
    if classifier is None or table is None or psi != 1:
        return [""] * len(seeds)
    names = [name for name in classifier.recognised if name in table.attributes]
    columns = [table.attributes.index(name) for name in names]
    known: list[np.ndarray | list[float]] = [
        table.probabilities[seed, columns] if seed < len(table) else [] for seed in seeds
    ]
    return [named(names, probabilities) for probabilities in known]


def named(names: Sequence[str], probabilities: Iterable[float]) -> str:
    """The attributes that a picture has, most certain first; not those that are unsure."""
    there = sorted(zip(probabilities, names, strict=False), reverse=True)
    return ", ".join(readable_name(name) for p, name in there[:MOST] if p > UNSURE)


def joined(words: str, shows: str) -> str:
    """Words and what a picture shows, as plain text."""
    return stranger_text.clean(f"{words}: {shows}" if shows else words)


def of_canvas(model: Model, pane: int = 0) -> Callable[[np.ndarray], str]:
    """What the picture in a pane of a live canvas shows; "" where no classifier says it."""

    def shows(images: np.ndarray) -> str:
        words = "The picture shows"
        text = of_picture(model, words, images[pane])
        return "" if text == words else text

    return shows
