"""Keeps the process alive when the file behind a memory map is truncated.

Reading a page that the file no longer has raises SIGBUS, which ends a process and cannot be caught
in Python: Python's handlers run only after the failing instruction, which fails again at once. So
after `enable`, a handler compiled by Numba does what Wayland compositors do for the buffers of
their clients (wl_shm_buffer_begin_access): it maps a page of zeros there and counts the fault.
What was read meanwhile is worthless, so a reader within `watching` gets an InputError at its end,
and nothing is saved in between (gan_core.util.atomic_files calls `check`).

Only maps given to `protect` are covered. On systems other than Linux `protect` does nothing.
"""

import contextlib
import ctypes
import mmap
import platform
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from gan_core.util.errors import InputError

MOST = 4096  # maps protected at once; further ones are not protected
ZEROS, END = 1, 2  # modes: continue with zeros, or end the process with a message
SENTENCE = "A file of images or of an index was truncated while it was read; restore the file."
AVAILABLE = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")

_mode = 0
_installed = False
_lock = threading.Lock()
_table = np.zeros((MOST, 3), np.int64)  # first address, end address, number of faults
_total = np.zeros(1, np.int64)  # faults in all maps
_local = threading.local()
_keep: list = []  # objects that the handler uses, never freed


def enable(mode: int = ZEROS) -> None:
    """Protect maps in this process from now on. mode: ZEROS, or END for a command line."""
    global _mode
    _mode = mode if AVAILABLE else 0


def protect(array: np.memmap) -> np.memmap:
    """Protect the map of an array, if `enable` was called; returns the array."""
    global _installed
    if not _mode or not isinstance(array, np.memmap) or not array.nbytes:
        return array
    with _lock:
        if not _installed:
            _install()
            _installed = True
        free = np.flatnonzero(_table[:, 1] == 0)
        if len(free):
            start = array.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
            _table[free[0]] = start, array.ctypes.data + array.nbytes, 0
            memory = array._mmap  # type: ignore[attr-defined]
            weakref.finalize(memory, _release, free[0])
    return array


def _release(row: int) -> None:
    _table[row] = 0


def spoiled(array: np.memmap) -> bool:
    """Whether a protected map contains zeros because its file was truncated."""
    at = array.ctypes.data
    return bool(((_table[:, 0] <= at) & (at < _table[:, 1]) & (_table[:, 2] > 0)).any())


@contextlib.contextmanager
def watching() -> Iterator[None]:
    """Raise InputError at the end of the block when a protected file was truncated within it."""
    before = getattr(_local, "since", None)
    _local.since = int(_total[0])
    try:
        yield
        check()
    except InputError:
        raise
    except Exception:  # possibly a consequence of zeros in place of images
        check()
        raise
    finally:
        _local.since = before


def check() -> None:
    """Raise InputError when a file was truncated since this thread's `watching` began."""
    since = getattr(_local, "since", None)
    if since is not None and _total[0] != since:
        raise InputError(SENTENCE)


class _Action(ctypes.Structure):
    """struct sigaction of Linux's C libraries on 64 bits."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


def _install() -> None:
    import numba
    from numba.extending import intrinsic

    @intrinsic
    def pointer(typingctx: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = context.get_value_type(signature.return_type)
            return builder.inttoptr(arguments[0], kind)

        return numba.types.CPointer(numba.types.int64)(address), codegen

    libc = ctypes.CDLL(None, use_errno=False)
    word, number = ctypes.c_uint64, ctypes.c_int
    map_page, to_default, leave, say = libc.mmap, libc.signal, libc._exit, libc.write
    map_page.argtypes, map_page.restype = [word, word, number, number, number, word], word
    to_default.argtypes, to_default.restype = [number, word], word
    leave.argtypes, leave.restype = [number], None
    say.argtypes, say.restype = [number, word, word], word
    line = ctypes.create_string_buffer(f"gan_core: {SENTENCE}\n".encode())
    words, length = ctypes.addressof(line), len(line) - 1
    table, total, page = _table.ctypes.data, _total.ctypes.data, mmap.PAGESIZE
    bus, end, most = int(signal.SIGBUS), _mode == END, MOST
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x10  # MAP_FIXED
    readable, nowhere = mmap.PROT_READ, -1

    @numba.cfunc(numba.void(numba.int32, numba.types.CPointer(numba.int64), numba.types.voidptr))
    def handler(number: Any, info: Any, context: Any) -> None:
        address = info[2]  # si_addr
        # Numba passes the first argument of an intrinsic itself.
        rows: Any = pointer(table)  # type: ignore[call-arg]
        count: Any = pointer(total)  # type: ignore[call-arg]
        for row in range(most):
            if rows[3 * row] <= address < rows[3 * row + 1]:
                if end:
                    say(2, words, length)
                    leave(2)
                rows[3 * row + 2] += 1
                count[0] += 1
                map_page(address // page * page, page, readable, flags, nowhere, 0)
                return
        to_default(bus, 0)  # not a protected map: the instruction fails again and ends the process

    action = _Action(handler.address, flags=4 | 0x40000000)  # SA_SIGINFO, SA_NODEFER
    libc.sigaction(bus, ctypes.byref(action), None)
    _keep.extend([handler, line, libc])
