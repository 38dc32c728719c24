"""The folder for what can be computed again: unpacked training sets, features, samples, indexes."""

from pathlib import Path

import platformdirs

from gan_core.util import environment


def cache_directory() -> Path:
    """$LATENT_EXPLORER_CACHE, else the system's folder for the user's caches.

    That is ~/.cache/latent-explorer on Linux ($XDG_CACHE_HOME is respected),
    ~/Library/Caches/latent-explorer on macOS and %LOCALAPPDATA%\\latent-explorer\\Cache on Windows.
    The folder may not exist yet.
    """
    chosen = environment.get("LATENT_EXPLORER_CACHE")
    return Path(chosen or platformdirs.user_cache_path("latent-explorer", appauthor=False))
