"""The nearest training images of an image, measured in a network's features.

The distance is the cosine distance, 1 − cos of the angle between two feature vectors: 0 for the
same direction, 2 for opposite ones. Every vector is compared, so no neighbour is missed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike

from gan_core import checkpoint, feature_extractors
from gan_core.feature_extractors import Features
from gan_core.search import pixel_index
from gan_core.util.errors import InputError
from gan_core.util.progress import Progress, along

BLOCK = 256  # rows worked on at once: a table of 200,000 columns is 200 MB
CHUNK = 256  # images between two progress reports; a multiple of any usual batch
MARGIN = 1e-5  # by which a cosine of unit vectors in float32 may be off, with room to spare
DIGITS = 6  # decimals of a distance; finer ones are float32 rounding, and equal images are at 0


class FeatureIndex:
    """Exact nearest rows by cosine distance, equal distances by index.

    >>> network = discriminator_features(model)
    >>> index = FeatureIndex(feature_extractors.cached(network, training_set.images))
    >>> distances, indices = index.query(network.extract(images), k=8)

    features: float (N, d), one row per image, stored as unit vectors in float32. Distances are
    computed from these in double precision; float32 only selects the candidates. They are rounded
    to DIGITS decimals, so that distances which differ only by rounding are equal. A row of zeros
    has no direction and is at distance 1 from every other row.
    Raises InputError when the features are not such a table.
    """

    def __init__(self, features: ArrayLike) -> None:
        self.units = unit(features)
        if not len(self.units):
            raise InputError("There are no images to search; give at least one.")

    def query(
        self,
        features: ArrayLike,
        k: int = 8,
        exclude: ArrayLike | None = None,
        among: ArrayLike | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest rows of each query, nearest first.

        features: float (n, d). k, exclude, among: as for PixelIndex.query. Returns distances,
        float64 (n, min(k, N)) in [0, 2], and indices, int64; one column less with exclude if k ≥ N.
        """
        if among is not None:
            rows = pixel_index.checked_rows(among, len(self.units), exclude is None)
            distances, places = FeatureIndex(self.units[rows]).query(features, k)
            return distances, rows[places]
        queries, count = unit(features), len(self.units)
        if queries.shape[1] != self.units.shape[1]:
            raise InputError(
                f"The images have {self.units.shape[1]} features; a query has {queries.shape[1]}."
            )
        if k < 1:
            raise InputError(f"k is {k}; it must be 1 or more.")
        k = min(k, count if exclude is None else count - 1)
        excluded = np.full(len(queries), -1) if exclude is None else np.asarray(exclude)
        if excluded.shape != (len(queries),) or excluded.dtype.kind not in "iu":
            raise InputError("exclude must hold one index for each query, or −1 for none.")
        if len(excluded) and not (excluded.min() >= -1 and excluded.max() < count):
            raise InputError(f"exclude must hold indices from 0 to {count - 1}, or −1 for none.")
        distances, indices = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries) if k else 0, BLOCK):
            table = queries[start : start + BLOCK] @ self.units.T
            for q, row in enumerate(table, start):
                distances[q], indices[q] = self._choose(row, queries[q], k, excluded[q])
        return distances, indices

    def _choose(
        self, cosines: np.ndarray, query: np.ndarray, k: int, excluded: int
    ) -> tuple[np.ndarray, np.ndarray]:
        if excluded >= 0:
            cosines[excluded] = -np.inf
        least = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
        near = np.flatnonzero(cosines >= least - 2 * MARGIN)
        # Equal rows must have equal distances, so each is summed in the same order.
        exact = np.round(1 - (self.units[near].astype(np.float64) * query).sum(1), DIGITS)
        order = np.lexsort((near, exact))[:k]
        return np.clip(exact[order], 0, 2), near[order]


def unit(features: ArrayLike) -> np.ndarray:
    """Rows as unit vectors, float32 (n, d); rows of zeros stay zero.

    Raises InputError unless features are a table of finite numbers.
    """
    features = np.asarray(features)
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "fiu":
        raise InputError("Features must be a table of numbers (N, d).")
    units = np.empty(features.shape, np.float32)
    for start in range(0, len(features), BLOCK):
        block = features[start : start + BLOCK].astype(np.float64)
        if not np.isfinite(block).all():
            raise InputError("The features hold a number that is not finite.")
        # Dividing by the largest first keeps squares from overflowing or vanishing.
        largest = np.abs(block).max(1, keepdims=True)
        block /= np.where(largest > 0, largest, 1)
        lengths = np.sqrt((block**2).sum(1, keepdims=True))
        units[start : start + BLOCK] = block / np.where(lengths > 0, lengths, 1)
    return units


def with_progress(network: Features, what: str, progress: Progress) -> Features:
    """The same Features, whose `extract` reports its progress.

    what: which images they are taken of, shown after the network's name. progress: see
    `progress.along`.
    """

    def extract(images: np.ndarray, **options: object) -> np.ndarray:
        starts = range(0, len(images), CHUNK)
        parts = [
            network.extract(np.asarray(images[start : start + CHUNK]), **options)
            for start in along(starts, f"{network.name}: {what}", progress)
        ]
        return np.concatenate(parts) if parts else network.extract(np.asarray(images), **options)

    return replace(network, extract=extract)


def discriminator_features(model: checkpoint.Model) -> Features:
    """A Model's discriminator up to its last layer, as Features.

    Radford et al. 2016 used such features for a classifier. They belong to this model alone: they
    are what its D learned to look at, and D saw every training image. Raises InputError when the
    checkpoint has no discriminator.
    """
    discriminator = model.discriminator
    if discriminator is None:
        raise InputError(
            f"{model.name} {model.lacks_discriminator}, so there are no features of D."
        )
    features = cast(Callable[[torch.Tensor], torch.Tensor], discriminator.features)
    shape = (1, model.size, model.size, model.card["architecture"]["channels"])

    def extract(
        images: np.ndarray, batch: int = checkpoint.BATCH, progress: object = None
    ) -> np.ndarray:
        if images.dtype != np.uint8 or images.shape[1:] != shape[1:]:
            raise InputError(
                f"D of {model.name} takes uint8 images of {' × '.join(map(str, shape[1:]))}."
            )
        starts = range(0, len(images), batch)
        parts = [forward(np.asarray(images[start : start + batch])) for start in starts]
        return torch.cat(parts).numpy() if parts else np.empty((0, size), np.float32)

    # Generating takes turns, too. One lasts for one batch, so that nobody waits for a whole set.
    @torch.inference_mode()
    def forward(images: np.ndarray) -> torch.Tensor:
        with model.turn:
            return features(checkpoint.to_float(torch.tensor(images))).float()

    size = 0
    size = extract(np.zeros(shape, np.uint8)).shape[1]
    version = "weights " + model.card["files"]["discriminator.safetensors"]
    return feature_extractors.Features("Discriminator", size, version, extract)
