"""The contents of the cache folder, their size, and how to empty it while it is in use."""

import contextlib
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gan_core.util import atomic_files, cache_dir

HEX = "[0-9a-f]"
# Only these are removed, because the chosen folder may hold other files too. Each pattern matches
# files and folders that their writers put in place in one step.
KINDS = {
    "training sets, unpacked": (f"{HEX * 24}-{HEX * 8}",),
    "samples of models": ("samples/*",),
    "features of images": ("features/*",),
    "indexes of neighbours": ("neighbours/*",),
    "distances of real images": ("references/*",),
    "what classifiers see in samples": ("labels/*/*",),
    "directions computed by pages": ("directions/*",),
    "reports on memorisation": ("memorisation/*",),
    "generators for browsers": ("onnx/*",),
    "marks of finished work": ("prepared/*",),
    "strengths of coordinates": ("effects/*",),
}


class Usage(NamedTuple):
    """files: how many. bytes: their sizes together."""

    files: int
    bytes: int


def usage() -> dict[str, Usage]:
    """The Usage of each of KINDS; files that disappear during counting are left out."""
    return {kind: _together(map(_size, _units(kind))) for kind in KINDS}


def empty() -> tuple[int, int]:
    """Empty the cache; returns (bytes removed, number of files and folders left behind).

    Safe while this process and others use the cache: files being written have temporary names and
    stay, open files remain readable until they are closed, and a folder is removed in one step, so
    that nobody finds half of one. Files that the system does not release, such as open files on
    Windows, are left behind. Whatever is missing later is computed again.
    """
    root = cache_dir.cache_directory()
    atomic_files.clear_folders(root)  # left by an `empty` that was killed
    bin_folder = root / f"emptied.partial-{os.getpid()}-{threading.get_ident()}"
    removed = left = 0
    for number, unit in enumerate(unit for kind in KINDS for unit in _units(kind)):
        size = _size(unit).bytes
        try:
            bin_folder.mkdir(exist_ok=True)
            os.replace(unit, bin_folder / str(number))
            removed += size
        except FileNotFoundError:  # another process was faster
            continue
        except OSError:
            left += 1
    shutil.rmtree(bin_folder, ignore_errors=True)
    return removed, left


def _units(kind: str) -> Iterator[Path]:
    """The files and folders of a kind, except those that are being written."""
    root = cache_dir.cache_directory()
    for pattern in KINDS[kind]:
        for path in root.glob(pattern):
            if not atomic_files.is_partial(path) and not path.is_symlink():
                yield path


def _size(path: Path) -> Usage:
    """The Usage of a file, or of a folder and its contents; links are not followed."""
    sizes = []
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            return _together(_size(inside) for inside in list(path.iterdir()))
        sizes.append(path.lstat().st_size)
    return Usage(len(sizes), sum(sizes))


def _together(parts: Iterable[Usage]) -> Usage:
    parts = list(parts)
    return Usage(sum(part.files for part in parts), sum(part.bytes for part in parts))
