"""The cache folder: unpacked training sets, features, samples, indexes, all of them replaceable."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import platformdirs

from gan_core.util import environment
from gan_core.util.errors import InputError

ATTEMPTS = 3
Content = TypeVar("Content")


def cache_directory() -> Path:
    """$LATENT_EXPLORER_CACHE, else the system's folder for the user's caches.

    That is ~/.cache/latent-explorer on Linux ($XDG_CACHE_HOME is respected),
    ~/Library/Caches/latent-explorer on macOS and %LOCALAPPDATA%\\latent-explorer\\Cache on Windows.
    The folder may not exist yet.
    """
    chosen = environment.get("LATENT_EXPLORER_CACHE")
    return Path(chosen or platformdirs.user_cache_path("latent-explorer", appauthor=False))


def opened(where: Path, make: Callable[[], object], read: Callable[[], Content]) -> Content:
    """make() and then read(); both again if the cache was emptied in between.

    where: the folder in the cache that `make` leaves and `read` opens. Raises what either raises.
    """
    for _ in range(ATTEMPTS - 1):
        make()
        try:
            return read()
        except InputError:
            if where.exists():
                raise
    make()
    return read()
