"""What samples show, by an attribute classifier: computed once for each seed and kept on disk."""

import numpy as np
from tqdm import tqdm

from gan_core import feature_extractors, latent
from gan_core.util import atomic_files, cache_dir
from gan_core.util.errors import InputError

BLOCK = 512  # seeds in one file of the cache
BATCH = 64  # of them drawn and looked at at once


def probabilities(model, classifier, n, seed=0, progress=None):
    """Attribute probabilities of the samples of seeds seed … seed + n − 1, float32 (n, A).

    model: Model. classifier: attributes.Classifier. progress: words before a progress bar on
    stderr; None for no bar. They are kept in the cache folder under the hashes of both, so that
    the same seeds are drawn and looked at once. Raises InputError when the seeds do not fit.
    """
    if n < 0 or seed < 0 or seed + n - 1 > latent.MAX_SEED:
        raise InputError(f"Seeds go from 0 to {latent.MAX_SEED}; {seed} for {n} does not fit.")
    starts = range(seed // BLOCK * BLOCK, seed + n, BLOCK) if n else ()
    bar = tqdm(starts, progress, unit="block", disable=progress is None, leave=False)
    blocks = [block(model, classifier, start) for start in bar]
    if not blocks:
        return np.empty((0, len(classifier.names)), np.float32)
    first = seed - starts[0]
    return np.concatenate(blocks)[first : first + n]


def is_cached(model, classifier, n: int, seed: int = 0) -> bool:
    """Whether `probabilities` of the same arguments would have nothing to compute."""
    starts = range(seed // BLOCK * BLOCK, seed + n, BLOCK) if n > 0 else ()
    return all(path_of(model, classifier, start).is_file() for start in starts)


def path_of(model, classifier, start):
    """Where the probabilities of the block that begins with the seed `start` are kept."""
    weights = model.card["files"]["generator.safetensors"]
    folder = cache_dir.cache_directory() / "labels" / f"{weights[:32]}-{classifier.hash}"
    return folder / f"{start:010d}.npz"


def block(model, classifier, start):
    """Probabilities of the seeds from `start` to the end of its block, from the cache or new."""
    count = min(BLOCK, latent.MAX_SEED + 1 - start)
    shape = (count, len(classifier.names))
    path = path_of(model, classifier, start)
    found = feature_extractors.read_array(path) if classifier.hash else None
    if found is None or found.shape != shape:
        # Batch by batch, so that others who draw come in between.
        parts = np.array_split(model.prior.sample(count, start), -(-count // BATCH))
        found = np.concatenate([classifier.predict(model.generate(part)) for part in parts])
        if classifier.hash:  # one that was never saved has no name to be kept under
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_files.replacing(path) as temporary, open(temporary, "wb") as file:
                np.savez(file, features=found)
    return found
