"""Exact squared distances between uint8 images: every number is an integer and nothing is rounded.

A single query is compared in a compiled loop (gan_core.search.numba_loops). For several queries the
distance follows from the stored norms ‖x′‖², where x′ = x − 128, and one product with the pixels as
they lie on disk:

    ‖x − q‖² = ‖x′‖² + ‖q′‖² + 256 Σq′ − 2 x·q′

The product of a pixel of x and one of q′ = q − 128 is at most 255 · 128 in size, so 512 of them sum
to less than 2²⁴: float32 holds every partial sum exactly, in whatever order a BLAS adds them. The
sums of such chunks are added as 64-bit integers. (Computing ‖x‖² + ‖q‖² − 2 x·q in float32, as
vector-search libraries do, is off by thousands for near-duplicates.)
"""

import functools
import threading
import time

import numpy as np
import torch
from numpy.typing import DTypeLike

CHUNK = 512  # numbers in a product that float32 sums exactly
SQUARES = 256  # squares of 0 … 255 that float32 sums exactly
ROWS = 32  # images converted to float32 at once: 1.5 MB of 64 × 64 × 3, which stays in the cache
PRODUCT_ROWS = 256  # likewise for a product with several queries, where larger parts pay off
INT8_ROWS = 4096  # images in one product of 8-bit integers
INT32 = 2**31 // 128**2  # numbers in an image up to which 32-bit sums of such products are exact

_buffers = threading.local()


class Queries:
    """Images prepared for comparison with others: uint8 (n, …) of `size` numbers each."""

    def __init__(self, images: np.ndarray) -> None:
        flat = np.asarray(images).reshape(len(images), -1)
        centred = flat.astype(np.int64) - 128
        self.size = flat.shape[1]
        self.whole = flat.astype(np.float32)
        self.int8 = (flat ^ 128).view(np.int8)
        self.constant = (centred**2).sum(1) + 256 * centred.sum(1)
        padded = np.zeros((len(flat), -(-self.size // CHUNK) * CHUNK), np.float32)
        padded[:, : self.size] = centred
        self.chunks = padded.reshape(len(flat), -1, CHUNK)


def to_one(
    images: np.ndarray, queries: Queries, q: int, rows: np.ndarray | None = None
) -> np.ndarray:
    """Distances of images to query number q: int64 (n,).

    images: uint8 (N, size). rows: int64 (n,), the images to compare with; all, in order, by
    default.
    """
    from gan_core.search import numba_loops  # slow to import, see there

    rows = np.arange(len(images)) if rows is None else rows
    distances = np.empty(len(rows), np.int64)
    numba_loops.pixel_distances(images, rows, queries.whole[q], distances)
    return distances


def to_all(images: np.ndarray, norms: np.ndarray, queries: Queries) -> np.ndarray:
    """Distances of images to all queries: int64 (n, queries).

    images: uint8 (n, size). norms: int64 (n,), their ‖x′‖² as `norms_and_sums` returns them.
    """
    if len(queries.int8) == 1:
        return to_one(images, queries, 0)[:, None]
    if int8_is_usable() and queries.size <= INT32:
        products = int8_products(images, queries.int8) + 128 * _sums(queries)
    else:
        products = float_products(images, queries)
    return norms[:, None] + queries.constant - 2 * products


def _sums(queries: Queries) -> np.ndarray:
    """By how much x·q′ exceeds x′·q′, in units of 128: Σq′."""
    return queries.int8.sum(1, dtype=np.int64)


def float_products(images: np.ndarray, queries: Queries) -> np.ndarray:
    """x·q′ as int64 (n, queries), summed exactly in float32 chunks."""
    products = np.zeros((len(images), len(queries.chunks)), np.int64)
    for start in range(0, len(images), PRODUCT_ROWS):
        part = as_float(images[start : start + PRODUCT_ROWS])
        for chunk in range(queries.chunks.shape[1]):
            columns = part[:, chunk * CHUNK : (chunk + 1) * CHUNK]
            sums = columns @ queries.chunks[:, chunk].T
            products[start : start + PRODUCT_ROWS] += sums.astype(np.int64)
    return products


def int8_products(images: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """x′·q′ as int64 (n, queries), by PyTorch's product of 8-bit integers.

    images: uint8 (n, size). queries: int8 (m, size), the q′.
    """
    right = torch.zeros(queries.shape[1], -(-len(queries) // 8) * 8, dtype=torch.int8)
    right[:, : len(queries)] = torch.from_numpy(queries.T.copy())
    products = np.empty((len(images), len(queries)), np.int64)
    for start in range(0, len(images), INT8_ROWS):
        left = torch.from_numpy((images[start : start + INT8_ROWS] ^ 128).view(np.int8))
        product = torch._int_mm(left, right)
        products[start : start + INT8_ROWS] = product[:, : len(queries)].numpy()
    return products


@functools.lru_cache(maxsize=1)
def int8_is_usable() -> bool:
    """Whether `int8_products` is correct on this machine and faster than `float_products`.

    torch._int_mm is private. On processors without certain instructions it has been wrong where
    sums of pairs overflow 16 bits, and it can be hundreds of times slower than float32. So it is
    tried once.
    """
    try:
        return _int8_is_right() and _int8_is_quick()
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return False


def _int8_is_right() -> bool:
    """Extreme values, constant and alternating, and random ones, against 64-bit integers."""
    random = np.random.RandomState(0)
    extremes = np.array([0, 255, 1, 127, 128, 129, 254], np.uint8)
    images = np.concatenate(
        [
            np.repeat(extremes[:, None], 768, 1),
            np.tile(np.array([0, 255], np.uint8), (4, 384)),
            extremes[random.randint(0, 7, (16, 768))],
            random.randint(0, 256, (37, 768)).astype(np.uint8),
        ]
    )
    queries = (images[::3] ^ 128).view(np.int8)
    expected = (images.astype(np.int64) - 128) @ queries.astype(np.int64).T
    return np.array_equal(int8_products(images, queries), expected)


def _int8_is_quick() -> bool:
    images = np.random.RandomState(0).randint(0, 256, (256, 3072)).astype(np.uint8)
    queries = Queries(images[:32])
    seconds = []
    for product in (
        lambda: float_products(images, queries),
        lambda: int8_products(images, queries.int8),
    ):
        product()
        began = time.perf_counter()
        product()
        seconds.append(time.perf_counter() - began)
    return seconds[1] < seconds[0]


def norms_and_sums(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(‖x′‖², Σx) of images, both int64 (n,). images: uint8 (n, size)."""
    size = images.shape[1]
    squares, sums = np.empty(len(images), np.int64), np.empty(len(images), np.int64)
    for start in range(0, len(images), ROWS):
        part = as_float(images[start : start + ROWS]).reshape(-1, 2, SQUARES)
        rows = slice(start, min(start + ROWS, len(images)))
        shape = (rows.stop - start, -1)
        squares[rows] = np.einsum("ncd,ncd->nc", part, part).astype(np.int64).reshape(shape).sum(1)
        sums[rows] = part.sum(2).astype(np.int64).reshape(shape).sum(1)
    return squares - 256 * sums + 128**2 * size, sums


def take_rows(table: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Some rows of an array (N, m), by index, in memory that `buffer` lends."""
    into = buffer("rows", len(rows), table.shape[1], table.dtype)
    return np.take(table, rows, 0, out=into, mode="clip")  # any other mode copies twice


def buffer(name: str, rows: int, width: int, dtype: DTypeLike) -> np.ndarray:
    """An array (rows, width) that reuses the thread's memory: valid until the next call.

    Fresh memory costs more than the work done in it, because the system clears it page by page.
    """
    key = f"{name} {width} {dtype}"
    known = getattr(_buffers, key, None)
    if known is None or len(known) < rows:
        known = np.empty((max(rows, PRODUCT_ROWS), width), dtype)
        setattr(_buffers, key, known)
    return known[:rows]


def as_float(images: np.ndarray) -> np.ndarray:
    """Images uint8 (n, size) as float32, padded with zeros to whole chunks, in `buffer` memory."""
    width = -(-images.shape[1] // CHUNK) * CHUNK
    into = buffer("floats", len(images), width, np.float32)
    into[:, images.shape[1] :] = 0
    np.copyto(into[:, : images.shape[1]], images)
    return into
