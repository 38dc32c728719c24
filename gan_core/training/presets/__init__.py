"""Recipes: options of `trainer.train` that were found to work, one short file each.

A recipe's module offers `options(count, size, channels)`, which is told how many training images
there are, their side in pixels and their channels. Options given on the command line win over it.
"""

from gan_core.data import training_set
from gan_core.training.presets import avatars, cifar10, faces, folder, mnist
from gan_core.util.errors import InputError

RECIPES = {
    "faces": faces,
    "avatars": avatars,
    "mnist": mnist,
    "cifar10": cifar10,
    "folder": folder,
}


def options(name, data):
    """The options of a recipe for a packed training set; {} for no name.

    Raises InputError for a name that is not in the list.
    """
    if not name:
        return {}
    count, size, _, channels = training_set.read_card(data)["shape"]
    return choose(name, count, size, channels)


def choose(name, count, size, channels):
    """The options of a recipe for so many images of a size; raises as `options` does."""
    if name not in RECIPES:
        raise InputError(f"There is no recipe {name!r}; choose from {', '.join(RECIPES)}.")
    return RECIPES[name].options(count, size, channels)
