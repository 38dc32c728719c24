"""Zip files of strangers: looked through before anything in them is unpacked.

Nothing is ever extracted to the disk: a member is read into memory, one at a time, and its name is
only a name. What is left to fear is size, and that is told by the zip's directory.
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
MAX_RATIO = 100  # what a whole zip may unpack to, as a multiple of its own size
MAX_MEMBER_RATIO = 200  # the same of a member that is larger than SMALL
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA asks for memory
SMALL = 2**20  # bytes; below this any ratio is harmless, as a flat BMP has


def open_zip(path: str | Path) -> zipfile.ZipFile:
    """A ZipFile whose directory has been checked. Raises InputError with what is wrong.

    Refused: a directory too large for memory, members that share bytes of the file (as the zips
    that unpack to petabytes do), and a whole that unpacks to more than MAX_RATIO times the file.
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
        reason = str(error).rstrip(".") or "it is no zip"
        raise InputError(f"{path} is damaged: {reason}.") from None
    try:
        check(archive.infolist(), size, path)
    except InputError:
        archive.fp.close()
        raise
    return archive


def listed(path: str | Path, most: int = MAX_MEMBERS) -> tuple[zipfile.ZipFile, int]:
    """(ZipFile, the file's size), its directory read and nothing else.

    Raises TooLarge when it lists more than `most` files, and DAMAGED for what is no zip.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(contextlib.closing(_Bounded(path, most)))
        archive = zipfile.ZipFile(file)
        file.limit = None
        if len(archive.filelist) > most:
            raise TooLarge
        stack.pop_all()  # all is well: the file stays open
        return archive, file.size


def check(members: Iterable[zipfile.ZipInfo], size: int, path: str | Path) -> None:
    """Raise InputError when the members, ZipInfos, cannot be pictures in a file of `size` bytes."""
    if sum(info.compress_size for info in members) > size:
        raise InputError(f"{path} holds files that lie over one another, as only a zip bomb's do.")
    whole = sum(info.file_size for info in members)
    if whole > max(MAX_RATIO * size, SMALL):
        raise InputError(
            f"{path} would unpack to {whole / size:,.0f} times its size, and pictures hardly "
            f"shrink; at most {MAX_RATIO} times is read."
        )


def why_not(info: zipfile.ZipInfo, most: int) -> str | None:
    """Why a member of a zip is not read, or None. info: ZipInfo. most: bytes it may have."""
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link, no picture"
    if info.file_size > most:
        return f"larger than {most // 2**20} MiB"
    if info.file_size > max(SMALL, MAX_MEMBER_RATIO * info.compress_size):
        return f"unpacks to more than {MAX_MEMBER_RATIO} times its size"
    if info.compress_type not in METHODS:
        return "packed in a way that is not read here"
    return None


def read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, and never more of them than the directory tells."""
    # Without a number, ZipFile unpacks to the end and only then cuts off what is too much.
    with archive.open(info) as member:
        return member.read(info.file_size)


class TooLarge(Exception):
    """A zip lists more than it may."""


# What ZipFile raises for a file that is no zip, or for one made to confuse it.
DAMAGED = (
    *(zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError),
    *(struct.error, EOFError, IndexError),
)


class _Bounded:
    """A file for ZipFile; while `limit` is set, no more than that is read at once.

    ZipFile reads the whole directory in one piece, before anybody can ask how large it is, and
    takes it apart, which for millions of names takes a minute: they are counted as they are read.
    """

    def __init__(self, path: str | Path, most: int) -> None:
        self.file = regular_files.open_regular(path)
        self.limit, self.most = MAX_DIRECTORY, most
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
