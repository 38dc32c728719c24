"""Untrusted zip files, checked before anything in them is unpacked.

Nothing is ever extracted to disk: members are read into memory one at a time, and a member's name
is never used as a path. The remaining danger is size, which the zip's directory states.
"""

import contextlib
import stat
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gan_core.util import regular_files
from gan_core.util.errors import InputError

MAX_DIRECTORY = 24 * 2**20  # bytes of a zip's directory
MAX_MEMBERS = 300_000  # files in it; CelebA has 202,599
MAX_RATIO = 100  # largest unpacked size of a whole zip, as a multiple of its own size
MAX_MEMBER_RATIO = 200  # the same for one member larger than SMALL
METHODS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
    zipfile.ZIP_BZIP2,
)  # LZMA needs much memory
SMALL = 2**20  # bytes; below this any ratio is harmless, for example that of a flat BMP


def open_zip(path: str | Path) -> zipfile.ZipFile:
    """A ZipFile whose directory has been checked.

    Raises InputError for a directory too large for memory, for members that share bytes of the file
    (as zip bombs do), and for a zip that unpacks to more than MAX_RATIO times its own size.
    """
    try:
        archive, size = listed(path)
    except TooLarge:
        raise InputError(
            f"{path} lists more files than fit into memory, over {MAX_MEMBERS:,}; "
            "unpack it and give the folder."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except DAMAGED as error:
        reason = str(error).rstrip(".") or "it is not a zip file"
        raise InputError(f"{path} is damaged: {reason}.") from None
    try:
        check(archive.infolist(), size, path)
    except InputError:
        archive.fp.close()  # type: ignore[union-attr]  # ZipFile closes no file that it was given
        raise
    return archive


def listed(path: str | Path, most: int = MAX_MEMBERS) -> tuple[zipfile.ZipFile, int]:
    """(ZipFile, size of the file in bytes); only the zip's directory is read.

    Raises TooLarge when it lists more than `most` files, and one of DAMAGED when it is not a zip.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(contextlib.closing(_Bounded(path, most)))
        archive = zipfile.ZipFile(file)
        file.limit = None
        if len(archive.filelist) > most:
            raise TooLarge
        stack.pop_all()  # no error: the file stays open
        return archive, file.size


def check(members: Iterable[zipfile.ZipInfo], size: int, path: str | Path) -> None:
    """Raise InputError when members cannot be pictures in a zip file of `size` bytes."""
    if sum(info.compress_size for info in members) > size:
        raise InputError(f"{path} holds overlapping files, which only a zip bomb does.")
    whole = sum(info.file_size for info in members)
    if whole > max(MAX_RATIO * size, SMALL):
        raise InputError(
            f"{path} would unpack to {whole / size:,.0f} times its size, more than pictures "
            f"can; at most {MAX_RATIO} times is accepted."
        )


def why_not(info: zipfile.ZipInfo, most: int) -> str | None:
    """Why a member of a zip is not read, or None. most: its largest size in bytes."""
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symlink, not a picture"
    if info.flag_bits & 1:
        return "protected by a password; unpack the zip with the password and use the folder"
    if info.file_size > most:
        return f"larger than {most // 2**20} MiB"
    if info.file_size > max(SMALL, MAX_MEMBER_RATIO * info.compress_size):
        return f"unpacks to more than {MAX_MEMBER_RATIO} times its size"
    if info.compress_type not in METHODS:
        return "compressed by an unsupported method"
    return None


def read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, never more than the zip's directory states."""
    # Without a size, ZipFile unpacks everything and only then truncates it.
    with archive.open(info) as member:
        return member.read(info.file_size)


class TooLarge(Exception):
    """A zip file lists too many files."""


# What ZipFile raises for a file that is not a zip, or that was made to confuse it.
DAMAGED = (
    *(zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError),
    *(struct.error, EOFError, IndexError),
)


class _Bounded:
    """A file for ZipFile; while `limit` is set, at most that many bytes are read at once.

    ZipFile reads the whole directory in one piece before its size can be checked, and parses it,
    which takes a minute for millions of names. So the names are counted as they are read.
    """

    def __init__(self, path: str | Path, most: int) -> None:
        self.file = regular_files.open_regular(path)
        self.limit: int | None = MAX_DIRECTORY
        self.most = most
        self.size = self.file.seek(0, 2)

    def read(self, n: int | None = -1) -> bytes:
        if self.limit is not None and (n is None or not 0 <= n <= self.limit):
            n = self.size - self.file.tell() if n is None or n < 0 else n
            if n > self.limit:
                raise TooLarge
        data = self.file.read(n)
        if self.limit is not None and data.count(b"PK\1\2") > self.most:
            raise TooLarge
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
