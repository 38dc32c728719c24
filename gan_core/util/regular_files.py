"""Reading untrusted files: only regular files, of bounded size, inside their own folder.

A checkpoint, a training set or a run is a folder that somebody else may have filled. A named pipe
in it would block the reader for ever, a device would never end, a symlink could expose any file of
this computer, and a huge file would fill the memory. Every reader of such folders uses this module.
"""

import io
import os
import stat
from pathlib import Path

from gan_core.util.errors import InputError

MAX_JSON = 8 * 2**20  # bytes of a description; the longest that is written here has 0.3 MB


def check(
    path: str | Path, limit: int | None = None, inside: str | Path | None = None
) -> os.stat_result:
    """The os.stat_result of a regular file of at most `limit` bytes.

    inside: the folder that must contain the file once all symlinks are resolved; None for any.
    Raises InputError for anything else and FileNotFoundError when there is no such file.
    """
    path = Path(path)
    try:
        if inside is not None and not _lies_in(path, Path(inside)):
            raise InputError(
                f"{path} is a symlink that leaves {inside}, so it is not read; remove it."
            )
        status = os.stat(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # a cycle of symlinks, for example
        raise InputError(f"{path} cannot be read: {_reason(error)}.") from None
    _check_status(path, status, limit)
    return status


def open_regular(
    path: str | Path, limit: int | None = None, inside: str | Path | None = None
) -> io.BufferedReader:
    """The file opened for binary reading, after `check`. Opening never waits for a writer."""
    check(path, limit, inside)  # first, because opening some devices has side effects
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        file = os.fdopen(os.open(path, flags), "rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {_reason(error)}.") from None
    try:
        _check_status(path, os.fstat(file.fileno()), limit)
    except BaseException:
        file.close()
        raise
    return file


def read_bytes(path: str | Path, limit: int, inside: str | Path | None = None) -> bytes:
    """The contents of a file, after `check`. A file that grows while it is read is refused too."""
    with open_regular(path, limit, inside) as file:
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {_reason(error)}.") from None
    if len(data) > limit:
        raise InputError(_too_large(path, len(data), limit))
    return data


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether a path is inside a folder once all symlinks are resolved."""
    if path.parent == folder and not stat.S_ISLNK(os.lstat(path).st_mode):
        return True
    return path.resolve(strict=True).is_relative_to(folder.resolve(strict=True))


def _check_status(path: str | Path, status: os.stat_result, limit: int | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is not a regular file, so it is not read; remove it.")
    if limit is not None and status.st_size > limit:
        raise InputError(_too_large(path, status.st_size, limit))


def _too_large(path: str | Path, size: int, limit: int) -> str:
    return f"{path} has {size / 2**20:,.1f} MiB; at most {limit / 2**20:,.4g} MiB are read."


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is not the name of a file"
