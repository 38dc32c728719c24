"""The original GAN on digits, 28×28, grey (Goodfellow et al. 2014): two multilayer perceptrons.

As in the authors' settings: z of 100 normal coordinates, 100 images per step, one step of D for
each of G, dropout in D, no augmentation. Different from theirs: half their widths, so that the
weights stay small, Adam in place of SGD with momentum, and an average of G.
"""

from typing import Any


def options(count: int, size: int, channels: int) -> dict[str, Any]:
    """Options by name, see `presets`."""
    return {
        "architecture": "mlp",
        "augment": "none",
        "nz": 100,
        "ngf": 600,
        "ndf": 120,
        "k": 1,
        "batch": 100,
        "kimg": 3000.0,
    }
