"""Digits, 28×28, grey: no mirroring, because a mirrored 2 is not a digit."""

from typing import Any


def options(count: int, size: int, channels: int) -> dict[str, Any]:
    """Options by name, see `presets`."""
    return {"augment": "translation", "ngf": 32, "ndf": 32, "nz": 64, "kimg": 400.0}
