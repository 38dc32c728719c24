"""Small photographs of ten kinds, 32×32: spectral norm and hinge loss, as in SNGAN."""

from typing import Any


def options(count: int, size: int, channels: int) -> dict[str, Any]:
    """Options by name, see `presets`."""
    return {
        "objective": "hinge",
        "norm": "spectral",
        "augment": "mirror,translation",
        "ngf": 64,
        "ndf": 64,
        "k": 2,
        "kimg": 10_000.0,
    }
