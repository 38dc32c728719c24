"""Held-out images that the model cannot have learned.

If few different pictures exist, some held-out images equal a training image.
"""

import hashlib

import numpy as np

from gan_core.data.training_set import TrainingSet
from gan_core.util.progress import Progress, along

AT_ONCE = 256


def distinct_from_training(data: TrainingSet, progress: Progress = None) -> np.ndarray:
    """The indices of held-out images that equal no training image, int64 (m,), ascending.

    An image that equals a training image or its mirror image was in effect trained on, so it does
    not show how near unseen images come. Digests of 128 bits are compared, which takes a second
    where a search for the nearest images takes many. progress: see `progress.along`.
    """
    if not len(data.held_out):
        return np.empty(0, np.int64)
    trained: set[bytes] = set()
    starts = range(0, len(data.images), AT_ONCE)
    for start in along(starts, "Comparing held-out with training images", progress):
        trained.update(map(digest, np.asarray(data.images[start : start + AT_ONCE])))
    numbers = []
    for i in range(len(data.held_out)):
        image = np.asarray(data.held_out[i])
        if not trained & {digest(image), digest(image[:, ::-1])}:
            numbers.append(i)
    return np.array(numbers, np.int64)


def digest(image: np.ndarray) -> bytes:
    """A digest of an image's pixels, uint8 (H, W, C) -> 16 bytes."""
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
