"""Flat drawings of faces: the recipe of the shipped avatars.

Enlarging and then convolving keeps flat areas flat and edges sharp. D has no batch norm and is kept
in bounds by R1, on every eighth step; this allows step sizes five times DCGAN's, without Adam's
first moment. Images are not mirrored: partings and winks have a side.
"""

from typing import Any


def options(count: int, size: int, channels: int) -> dict[str, Any]:
    """Options by name, see `presets`."""
    return {
        "architecture": "resize",
        "norm": "none",
        "r1": 0.1,
        "penalty_every": 8,
        "lr_g": 0.001,
        "lr_d": 0.001,
        "beta1": 0.0,
        "beta2": 0.99,
        "augment": "translation",
        "ngf": 32,
        "ndf": 32,
        "batch": 32,
        "kimg": 1500.0,
        "cooldown": 0.4,
    }
