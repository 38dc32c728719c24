"""Where the memorisation report measures distances: pixels, and features of networks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gan_core import checkpoint, feature_extractors
from gan_core.data.training_set import TrainingSet
from gan_core.search import feature_index, index_cache
from gan_core.util.progress import Progress

NEAR = 8.0  # RMS difference in grey levels up to which training images are near-duplicates
LEAVE_ONE_OUT = 10_000  # training images whose nearest other image is searched for


@dataclass(frozen=True)
class Space:
    """Where distances are measured: how to search there, and what to compare.

    search(rows, k, exclude): (distances float64, indices, mirrored or None), distances in `unit`.
    training, samples, held_out: what `search` takes, one row per image. coordinates: float (N, d)
    of the training images, for cells. tables: (training, sample) features for precision and recall,
    None where there are none. near: the largest distance of near-duplicates, None for no limit.
    """

    unit: str
    search: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray | None]]
    training: np.ndarray
    samples: np.ndarray
    held_out: np.ndarray
    coordinates: np.ndarray
    tables: tuple[np.ndarray, np.ndarray] | None
    near: float | None


def pixels(
    model: checkpoint.Model,
    reference: TrainingSet,
    samples: np.ndarray,
    held_out: np.ndarray,
    progress: Progress,
) -> Space:
    """The Space of pixels, in which a training image and its mirror image count as one."""
    index = index_cache.open_index(reference, mirrored=True)
    size = samples[0].size

    def search(
        images: np.ndarray, k: int, exclude: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        squared, indices, mirrored = index.query(images, k, exclude)
        return np.sqrt(squared / size), indices, mirrored

    coordinates = np.asarray(index.bounds.coarse[:, :-1])
    unit = "grey levels, root mean square"
    return Space(unit, search, reference.images, samples, held_out, coordinates, None, NEAR)


def of_network(
    network: feature_extractors.Features,
    reference: TrainingSet,
    samples: np.ndarray,
    held_out: np.ndarray,
    progress: Progress,
) -> Space:
    """The Space of a network's features, with the cosine distance."""
    real = feature_index.with_progress(network, "real images", progress)
    training, held_out_features = (
        feature_extractors.cached(real, part) for part in (reference.images, held_out)
    )
    fake = feature_index.with_progress(network, "samples", progress)
    # The app reuses the features of a usual number of samples.
    few = len(samples) <= LEAVE_ONE_OUT
    features = feature_extractors.cached(fake, samples) if few else fake.extract(samples)
    index = feature_index.FeatureIndex(training)

    def search(
        rows: np.ndarray, k: int, exclude: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, None]:
        return (*index.query(rows, k, exclude), None)

    tables = (training, features)
    return Space(
        "1 − cosine", search, training, features, held_out_features, index.units, tables, None
    )


SPACES = {
    "pixels": pixels,
    "discriminator": lambda model, *rest: of_network(
        feature_index.discriminator_features(model), *rest
    ),
    "effnet": lambda model, *rest: of_network(feature_extractors.effnet(), *rest),
}
