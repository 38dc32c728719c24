"""How a process that trains holds its memory."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # options of glibc's mallopt


def keep_freed():
    """Let this process keep the memory that it frees, where the C library is glibc.

    A step of training takes and frees the same hundreds of megabytes each time. Given back to the
    system, they come anew and are cleared page by page.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another library, or another system
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
