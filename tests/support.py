"""Plain functions that several tests share."""

from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def pictures(n, size=32, channels=3, seed=0):
    """n pictures of noise, uint8 (n, size, size, channels)."""
    shape = (n, size, size, channels)
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)
