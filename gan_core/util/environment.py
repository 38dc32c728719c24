"""Environment variables of this project. They begin with LATENT_EXPLORER_."""

import os
import warnings

PREFIX = "LATENT_EXPLORER_"
OLD_PREFIX = "GAN_EXPLORER_"  # read for one release; see CHANGELOG.md


def get(name: str) -> str | None:
    """The value of an environment variable, or None when it is not set.

    name: the full name, such as "LATENT_EXPLORER_CACHE". When only the variable of the former
    prefix is set, its value is returned, and a FutureWarning gives the new name.
    """
    value = os.environ.get(name)
    old = OLD_PREFIX + name.removeprefix(PREFIX)
    if value is None and old in os.environ:
        warnings.warn(
            f"{old} is now called {name}; the next release will not read the old name.",
            FutureWarning,
            stacklevel=2,
        )
        value = os.environ[old]
    return value
