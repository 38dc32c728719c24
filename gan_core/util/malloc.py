"""How a training process manages its memory."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # options of glibc's mallopt


def keep_freed() -> None:
    """Keep freed memory in this process instead of returning it to the system (glibc only).

    A training step allocates and frees the same hundreds of megabytes every time. Memory that was
    returned to the system comes back page by page, each page cleared first, which is slow.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library or another system
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
