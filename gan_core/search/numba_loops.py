"""Inner loops of the nearest-neighbour search, compiled by Numba when first called.

NumPy needs several passes over each row that it fetches, one to fetch, one to convert, one to
multiply; these loops make one, and other threads of Python run meanwhile. What was compiled is kept
beside this file, or where Numba finds room, or not at all. Import this module where it is used:
Numba takes a third of a second that the first page of the app does not have.
"""

import numba

EXACT = 256  # squares up to 255² that float32 sums exactly, in any order: 256 · 255² < 2²⁴


def compiled(function):
    options = {"nogil": True, "fastmath": True}  # which lets sums be taken in any order
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to keep it in
        return numba.njit(**options)(function)


@compiled
def pixels_apart(images, rows, query, found):
    """Write into found, int64 (n,), the squared distances of some images to a query, exactly.

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
            total += numba.int64(part)
        found[i] = total


@compiled
def rows_apart(table, rows, query, found):
    """Write into found, float32 (n,), the squared distances of some rows to a query, rounded.

    table: float32 (N, m). rows: int64 (n,). query: float32 (m,).
    """
    for i in range(len(rows)):
        row = table[rows[i]]
        total = numba.float32(0)
        for j in range(len(query)):
            apart = row[j] - query[j]
            total += apart * apart
        found[i] = total
