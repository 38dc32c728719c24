"""Memory-mapped .npy files."""

import errno
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gan_core.util import map_guard, regular_files

BLOCK = 2**20  # bytes of zeros written at once
NOT_KNOWN = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)  # the file system cannot allocate


def create(path: str | Path, shape: tuple, dtype: type | np.dtype) -> np.memmap:
    """A new .npy file of zeros, mapped for writing. Raises OSError when the disk is full.

    The space is allocated first: on a full disk, writing to a map ends the process by SIGBUS.
    """
    dtype = np.dtype(dtype)
    header = {"descr": dtype.str, "fortran_order": False, "shape": tuple(shape)}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        allocate(file, file.tell() + dtype.itemsize * int(np.prod(shape)))
    return np.lib.format.open_memmap(path, "r+")


def allocate(file: BinaryIO, size: int) -> None:
    """Allocate `size` bytes on disk for an open file. Raises OSError when the disk is full.

    file: a binary file open for writing; its contents so far are preserved.
    """
    file.flush()
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
            return
        except OSError as error:
            if error.errno not in NOT_KNOWN:
                raise
    zeros = bytes(BLOCK)
    left = size - file.seek(0, os.SEEK_END)
    while left > 0:
        left -= file.write(zeros[: min(left, BLOCK)])
    file.flush()
    os.fsync(file.fileno())


def open_read(path: str | Path) -> np.memmap:
    """A regular .npy file in its own folder, mapped for reading.

    Raises InputError for any other kind of file, FileNotFoundError when there is none, and
    ValueError and others when it is damaged, for example shorter than its header says.
    gan_core.util.map_guard handles files that are truncated later.
    """
    path = Path(path)
    size = regular_files.check(path, inside=path.parent).st_size
    array = np.lib.format.open_memmap(path, mode="r")
    if array.offset + array.nbytes > size:
        raise ValueError(f"{path} is shorter than its header says")
    return map_guard.protect(array)
