"""Held-out images that the model cannot have learned.

If few different pictures exist, some held-out images equal a training image.
"""

import numpy as np

from gan_core.data.training_set import TrainingSet
from gan_core.search import index_cache
from gan_core.util.progress import Progress, along

AT_ONCE = 256


def distinct_from_training(data: TrainingSet, progress: Progress = None) -> np.ndarray:
    """The indices of held-out images that equal no training image, int64 (m,), ascending.

    An image that equals a training image or its mirror image was in effect trained on, so it does
    not show how near unseen images come. progress: see `progress.along`.
    """
    index = index_cache.open_index(data, mirrored=True)
    parts = [np.empty(0, np.int64)]
    starts = range(0, len(data.held_out), AT_ONCE)
    for start in along(starts, "Comparing held-out with training images", progress):
        distances, *_ = index.query(np.asarray(data.held_out[start : start + AT_ONCE]), 1)
        parts.append(start + np.flatnonzero(distances[:, 0] > 0))
    return np.concatenate(parts)
