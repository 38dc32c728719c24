"""The nearest training images of an image by what a network makes of them.

The distance is the cosine one, 1 − cos of the angle between two feature vectors, from 0 for the
same direction to 2 for opposite ones. Every vector is compared, so nothing is missed.
"""

from dataclasses import replace

import numpy as np
import torch

from gan_core import checkpoint
from gan_core import feature_extractors as networks
from gan_core.util.errors import InputError
from gan_core.util.progress import along

BLOCK = 256  # rows worked on at once: a table of 200,000 columns is 200 MB
CHUNK = 256  # images between two words on how far it is; a multiple of any usual batch
MARGIN = 1e-5  # by which a cosine of unit vectors in float32 may be off, with room to spare
DIGITS = 6  # decimals of a distance; what is finer is how float32 rounds, and equal images are at 0


class FeatureIndex:
    """Exact nearest rows by cosine distance, equal distances by index.

    >>> network = discriminator_features(model)
    >>> index = FeatureIndex(features.cached(network, training_set.images))
    >>> distances, indices = index.query(network.extract(images), k=8)

    features: float (N, d), one row an image, kept as unit vectors in float32. Distances are worked
    out in double precision from these; float32 only chooses what is worked out. They are rounded
    to DIGITS decimals, so that those which differ by rounding alone are equal. A row of zeros has
    no direction and lies at distance 1 from every other.
    Raises InputError when features are not such a table.
    """

    def __init__(self, features):
        self.units = unit(features)
        if not len(self.units):
            raise InputError("There is no image to be a neighbour; give at least one.")

    def query(self, features, k=8, exclude=None):
        """The k nearest rows of each query, nearest first.

        features: float (n, d). k, exclude: as for PixelIndex.query. Returns distances, float64
        (n, min(k, N)) in [0, 2], and indices, int64; one column less with exclude if k ≥ N.
        """
        queries, count = unit(features), len(self.units)
        if queries.shape[1] != self.units.shape[1]:
            raise InputError(
                f"The images have {self.units.shape[1]} features; a query has {queries.shape[1]}."
            )
        if k < 1:
            raise InputError(f"k is {k}; it must be a number from 1 up.")
        k = min(k, count if exclude is None else count - 1)
        exclude = np.full(len(queries), -1) if exclude is None else np.asarray(exclude)
        if exclude.shape != (len(queries),) or exclude.dtype.kind not in "iu":
            raise InputError("exclude must hold one index for each query, or −1 for none.")
        if len(exclude) and not (exclude.min() >= -1 and exclude.max() < count):
            raise InputError(f"exclude must hold indices from 0 to {count - 1}, or −1 for none.")
        distances, indices = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries) if k else 0, BLOCK):
            table = queries[start : start + BLOCK] @ self.units.T
            for q, row in enumerate(table, start):
                distances[q], indices[q] = self._choose(row, queries[q], k, exclude[q])
        return distances, indices

    def _choose(self, cosines, query, k, exclude):
        if exclude >= 0:
            cosines[exclude] = -np.inf
        least = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
        near = np.flatnonzero(cosines >= least - 2 * MARGIN)
        # Equal rows must come out equal, so each is summed in the same order.
        exact = np.round(1 - (self.units[near].astype(np.float64) * query).sum(1), DIGITS)
        order = np.lexsort((near, exact))[:k]
        return np.clip(exact[order], 0, 2), near[order]


def unit(features):
    """Rows as unit vectors, float32 (n, d); rows of zeros stay. Raises InputError for others."""
    features = np.asarray(features)
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "fiu":
        raise InputError("Features must be a table of numbers (N, d).")
    found = np.empty(features.shape, np.float32)
    for start in range(0, len(features), BLOCK):
        block = features[start : start + BLOCK].astype(np.float64)
        if not np.isfinite(block).all():
            raise InputError("The features hold a number that is not finite.")
        # The largest is taken out first, so that no square overflows or vanishes.
        largest = np.abs(block).max(1, keepdims=True)
        block /= np.where(largest > 0, largest, 1)
        lengths = np.sqrt((block**2).sum(1, keepdims=True))
        found[start : start + BLOCK] = block / np.where(lengths > 0, lengths, 1)
    return found


def told(network, words, progress):
    """Features that tell how far they have come; see `steps.along` for words and progress."""

    def extract(images, **options):
        starts = range(0, len(images), CHUNK)
        parts = [
            network.extract(np.asarray(images[start : start + CHUNK]), **options)
            for start in along(starts, f"{network.name}: {words}", progress)
        ]
        return np.concatenate(parts) if parts else network.extract(np.asarray(images), **options)

    return replace(network, extract=extract)


def discriminator_features(model):
    """A Model's discriminator, up to its last layer, as gan_core.feature_extractors.Features.

    Radford et al. 2016 took such features for a classifier. They are of this model alone: what its
    D has learned to look at, D having seen every training image. Raises InputError when the
    checkpoint has no discriminator.
    """
    if model.discriminator is None:
        raise InputError(f"{model.name} has no discriminator, so there are no features of it.")
    shape = (1, model.size, model.size, model.card["architecture"]["channels"])

    def extract(images, batch=checkpoint.BATCH, progress=None):
        if images.dtype != np.uint8 or images.shape[1:] != shape[1:]:
            raise InputError(
                f"D of {model.name} takes uint8 images of {' × '.join(map(str, shape[1:]))}."
            )
        starts = range(0, len(images), batch)
        parts = [look(np.asarray(images[start : start + batch])) for start in starts]
        return torch.cat(parts).numpy() if parts else np.empty((0, size), np.float32)

    # The lock is that of all drawing: held for a batch, so that nobody waits for a whole set.
    @torch.inference_mode()
    def look(images):
        with model.lock:
            return model.discriminator.features(checkpoint.to_float(torch.tensor(images))).float()

    size = 0
    size = extract(np.zeros(shape, np.uint8)).shape[1]
    version = "weights " + model.card["files"]["discriminator.safetensors"]
    return networks.Features("Discriminator", size, version, extract)
