"""A memory map whose file becomes shorter must not end the process.

Reading a page that the file no longer has raises SIGBUS, which ends a process and cannot be caught
in Python: its handlers run only after the instruction that failed, which fails again at once. So
where `enable` was called, a handler compiled by Numba does what Wayland's compositors do for the
buffers of their clients (wl_shm_buffer_begin_access): it maps a page of zeros there, and counts.
What was read meanwhile is worthless, so whoever reads within `watching` gets an InputError at its
end, and nothing is saved in between (gan_core.util.atomic_files asks `check`).

Only maps given to `protect` are treated so. On other systems than Linux `protect` does nothing.
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

import numpy as np

from gan_core.util.errors import InputError

MOST = 4096  # maps at once; further ones go without
ZEROS, END = 1, 2  # what to do: go on with zeros, or end the process with a sentence
SENTENCE = "A file of images or of an index became shorter while it was read; put it back whole."
AVAILABLE = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")

_mode = 0
_installed = False
_lock = threading.Lock()
_table = np.zeros((MOST, 3), np.int64)  # first address, address after the last, faults there
_total = np.zeros(1, np.int64)  # faults in all maps
_local = threading.local()
_keep: list = []  # objects that the handler uses, never freed


def enable(mode: int = ZEROS) -> None:
    """From now on protect maps in this process. mode: ZEROS, or END for a command line."""
    global _mode
    _mode = mode if AVAILABLE else 0


def protect(array: np.memmap) -> np.memmap:
    """The array; its map is protected from now on, where `enable` was called."""
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
            weakref.finalize(array._mmap, _release, free[0])
    return array


def _release(row: int) -> None:
    _table[row] = 0


def spoiled(array: np.memmap) -> bool:
    """Whether zeros stand in a protected map where its file no longer has a page."""
    at = array.ctypes.data
    return bool(((_table[:, 0] <= at) & (at < _table[:, 1]) & (_table[:, 2] > 0)).any())


@contextlib.contextmanager
def watching() -> Iterator[None]:
    """Raise InputError at the end when a protected map became shorter within this block."""
    before = getattr(_local, "since", None)
    _local.since = int(_total[0])
    try:
        yield
        check()
    except InputError:
        raise
    except Exception:  # what comes of zeros where images were
        check()
        raise
    finally:
        _local.since = before


def check() -> None:
    """Raise InputError when that has happened since the thread's `watching` began."""
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
    def pointer(typingctx, address):
        def codegen(context, builder, signature, arguments):
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
    def handler(number, info, context):
        address, rows, count = info[2], pointer(table), pointer(total)  # si_addr
        for row in range(most):
            if rows[3 * row] <= address < rows[3 * row + 1]:
                if end:
                    say(2, words, length)
                    leave(2)
                rows[3 * row + 2] += 1
                count[0] += 1
                map_page(address // page * page, page, readable, flags, nowhere, 0)
                return
        to_default(bus, 0)  # not ours: the instruction fails again, and the process ends

    action = _Action(handler.address, flags=4 | 0x40000000)  # SA_SIGINFO, SA_NODEFER
    libc.sigaction(bus, ctypes.byref(action), None)
    _keep.extend([handler, line, libc])
