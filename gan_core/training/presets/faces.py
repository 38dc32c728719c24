"""Photographs of faces: the recipe of the shipped faces, the best so far.

D has no batch norm, so that it cannot tell real batches from generated ones by their statistics,
and is kept in bounds by R1, on every eighth step; this allows step sizes five times DCGAN's,
without Adam's first moment. Steps that shrink to 0 at the end lower the distance further.
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
