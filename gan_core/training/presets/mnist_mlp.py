"""The original GAN on digits, 28×28, grey (Goodfellow et al. 2014): two multilayer perceptrons.

As in the authors' settings: z of 100 normal coordinates, 100 images per step, one step of D for
each of G, dropout in D, no augmentation. Different from theirs: half their widths, so that the
weights stay small, Adam in place of SGD with momentum, and an average of G.

Not yet known to work: no run has been trained to the end. After 155 kimg on 20,000 digits all
samples still looked alike (diversity 0.08), and D won 998 of 1,000 comparisons.
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
