"""Presets: options of `TrainingConfig` that are known to work, one short file each.

A preset's module has `options(count, size, channels)`: count is the number of training images, size
their side in pixels, channels 1 or 3. Options on the command line override the preset's.
"""

from pathlib import Path
from typing import Any

from gan_core.data import training_set
from gan_core.training.presets import (
    avatars,
    cifar10,
    faces,
    folder,
    gpu_faces,
    mnist,
    mnist_mlp,
)
from gan_core.util.errors import InputError

PRESETS = {
    "faces": faces,
    "avatars": avatars,
    "mnist": mnist,
    "mnist-mlp": mnist_mlp,
    "cifar10": cifar10,
    "gpu-faces": gpu_faces,
    "folder": folder,
}


def options(name: str, data: Path | str) -> dict[str, Any]:
    """The options of a preset for the packed training set in a directory; {} if name is "".

    Raises InputError for an unknown name.
    """
    if not name:
        return {}
    count, size, _, channels = training_set.read_card(data)["shape"]
    return choose(name, count, size, channels)


def choose(name: str, count: int, size: int, channels: int) -> dict[str, Any]:
    """The options of a preset for images of a number and size; raises InputError as `options`."""
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}; choose from {', '.join(PRESETS)}.")
    return PRESETS[name].options(count, size, channels)
