"""Which held-out images are truly unseen: of few possible pictures some come twice."""

import numpy as np

from gan_core.search import index_cache
from gan_core.util.progress import along

AT_ONCE = 256


def unseen(data, progress=None):
    """The numbers of held-out images that equal no training image, int64 (m,), ascending.

    data: TrainingSet. An image that equals a training image or its mirror image was trained on, so
    it cannot show how near images come that were not. progress: as for `steps.along`.
    """
    index = index_cache.open_index(data, mirrored=True)
    parts = [np.empty(0, np.int64)]
    starts = range(0, len(data.held_out), AT_ONCE)
    for start in along(starts, "Comparing held-out with training images", progress):
        distances, *_ = index.query(np.asarray(data.held_out[start : start + AT_ONCE]), 1)
        parts.append(start + np.flatnonzero(distances[:, 0] > 0))
    return np.concatenate(parts)
