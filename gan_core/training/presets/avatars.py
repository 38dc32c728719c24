"""Flat drawings of faces: the preset of the included models avatars-tied and, at 128 px, avatars.

Upsampling followed by convolution keeps flat areas flat and edges sharp. D has no batch norm and is
regularised by R1 on every eighth step. This allows learning rates five times DCGAN's, without
Adam's first moment. Images are not mirrored, because partings and winks are on one side.
"""

from typing import Any


def options(count: int, size: int, channels: int) -> dict[str, Any]:
    """Options by name, see `presets`."""
    return {
        "architecture": "resize",
        "norm": "none",
        "r1": 0.1 * (size / 64) ** 2,
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
