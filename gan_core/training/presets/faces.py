"""Photographs of faces: the preset of the included model faces, the best so far.

D has no batch norm, so that it cannot distinguish real from generated batches by their statistics,
and is regularised by R1 on every eighth step. This allows learning rates five times DCGAN's,
without Adam's first moment. Learning rates that decay to 0 at the end lower the distance further.
"""

from typing import Any


def options(count: int, size: int, channels: int) -> dict[str, Any]:
    """Options by name, see `presets`."""
    return {
        "norm": "none",
        "r1": 0.02,
        "penalty_every": 8,
        "lr_g": 0.001,
        "lr_d": 0.001,
        "beta1": 0.0,
        "beta2": 0.99,
        "ngf": 32,
        "ndf": 32,
        "batch": 32,
        "kimg": 1500.0,
        "cooldown": 0.4,
    }
