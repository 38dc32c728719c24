"""Attribute probabilities of samples, computed once for each seed and cached on disk."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from gan_core import feature_extractors, latent
from gan_core.attributes.classifier import Classifier
from gan_core.checkpoint import Model
from gan_core.util import atomic_files, cache_dir
from gan_core.util.errors import InputError

BLOCK = 512  # seeds in one file of the cache
BATCH = 64  # seeds whose pictures are generated and classified at once


def probabilities(
    model: Model, classifier: Classifier, n: int, seed: int = 0, progress: str | None = None
) -> np.ndarray:
    """Attribute probabilities of the samples of seeds seed … seed + n − 1, float32 (n, A).

    progress: label of a progress bar on stderr; None for no bar. The probabilities are cached on
    disk under the hashes of model and classifier, so that the same seeds are generated and
    classified once. Raises InputError when the seeds are out of range.
    """
    if n < 0 or seed < 0 or seed + n - 1 > latent.MAX_SEED:
        raise InputError(f"Seeds go from 0 to {latent.MAX_SEED}; {n} seeds from {seed} do not fit.")
    starts = range(seed // BLOCK * BLOCK, seed + n, BLOCK) if n else range(0)
    bar = tqdm(starts, progress, unit="block", disable=progress is None, leave=False)
    blocks = [block(model, classifier, start) for start in bar]
    if not blocks:
        return np.empty((0, len(classifier.names)), np.float32)
    first = seed - starts[0]
    return np.concatenate(blocks)[first : first + n]


def is_cached(model: Model, classifier: Classifier, n: int, seed: int = 0) -> bool:
    """Whether `probabilities` of the same arguments would have nothing to compute."""
    starts = range(seed // BLOCK * BLOCK, seed + n, BLOCK) if n > 0 else ()
    return all(path_of(model, classifier, start).is_file() for start in starts)


def path_of(model: Model, classifier: Classifier, start: int) -> Path:
    """Where the probabilities of the block that begins with the seed `start` are cached."""
    weights = model.card["files"]["generator.safetensors"]
    folder = cache_dir.cache_directory() / "labels" / f"{weights[:32]}-{classifier.hash}"
    return folder / f"{start:010d}.npz"


def block(model: Model, classifier: Classifier, start: int) -> np.ndarray:
    """Probabilities of the seeds from `start` to the end of its block, cached or computed."""
    count = min(BLOCK, latent.MAX_SEED + 1 - start)
    shape = (count, len(classifier.names))
    path = path_of(model, classifier, start)
    values = feature_extractors.read_array(path) if classifier.hash else None
    if values is None or values.shape != shape:
        # Batch by batch, so that others can generate in between.
        parts = np.array_split(model.prior.sample(count, start), -(-count // BATCH))
        values = np.concatenate([classifier.predict(model.generate(part)) for part in parts])
        if classifier.hash:  # one that was never saved has no name for the cache
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_files.replacing(path) as temporary, open(temporary, "wb") as file:
                np.savez(file, features=values)
    return values
