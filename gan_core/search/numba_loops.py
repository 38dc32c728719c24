"""Inner loops of the nearest-neighbour search, compiled by Numba on their first call.

NumPy needs several passes over each row: one to fetch, one to convert, one to multiply. These loops
make one pass, and other Python threads run meanwhile. The compiled code is cached beside this file,
or where Numba finds room, or not at all. Import this module inside the functions that use it:
importing Numba takes a third of a second, which the first page of the app cannot spare.
"""

from collections.abc import Callable

import numba
import numpy as np

EXACT = 256  # squares up to 255² that float32 sums exactly, in any order: 256 · 255² < 2²⁴


def compiled(function: Callable) -> Callable:
    """A function compiled by Numba without the GIL; sums in it may be taken in any order."""
    try:
        return numba.njit(cache=True, nogil=True, fastmath=True)(function)
    except RuntimeError:  # no folder can hold the cache
        return numba.njit(nogil=True, fastmath=True)(function)


@compiled
def pixel_distances(
    images: np.ndarray, rows: np.ndarray, query: np.ndarray, distances: np.ndarray
) -> None:
    """Write the exact squared distances of some images to a query into `distances`, int64 (n,).

    images: uint8 (N, size). rows: int64 (n,). query: float32 (size,), whole numbers 0 to 255.
    """
    for i in range(len(rows)):
        image = images[rows[i]]
        total = 0
        for start in range(0, len(query), EXACT):
            part = numba.float32(0)
            for j in range(start, min(start + EXACT, len(query))):
                apart = numba.float32(image[j]) - query[j]
                part += apart * apart
            total += numba.int64(part)  # type: ignore[call-overload]
        distances[i] = total


@compiled
def row_distances(
    table: np.ndarray, rows: np.ndarray, query: np.ndarray, distances: np.ndarray
) -> None:
    """Write the squared distances of some rows to a query, rounded, into `distances`, float32 (n,).

    table: float32 (N, m). rows: int64 (n,). query: float32 (m,).
    """
    for i in range(len(rows)):
        row = table[rows[i]]
        total = numba.float32(0)
        for j in range(len(query)):
            apart = row[j] - query[j]
            total += apart * apart
        distances[i] = total
