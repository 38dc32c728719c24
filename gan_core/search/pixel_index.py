"""The exact nearest training images of an image, in pixels.

The distance is the squared Euclidean distance between uint8 images, in integers. Most images are
ruled out by a lower bound (gan_core.search.lower_bounds). The others are compared in the order of
their bounds until the next bound exceeds the k-th distance so far (gan_core.search.exact_distance).
The result is therefore always that of comparing with every image, ties by index.
"""

import mmap
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import ArrayLike

from gan_core.search import exact_distance, lower_bounds
from gan_core.util import map_guard
from gan_core.util.errors import InputError

SMALL = 512  # images up to which comparing with all of them is as fast
SHARE = 0.1  # of the images left by the bounds, above which all images are compared
TOGETHER = 16  # queries worked on at once, while their bounds stay within MOST
MOST = 16_000_000  # numbers in a table of bounds: 64 MB
GROUP = 32  # images of which the one with the smallest bound may be a first candidate
FIRST = 256  # such images that the first k-th distance comes from
STEP = 32  # images compared before the k-th distance is updated; doubles each time
SCAN = 2048  # images in one block when all are compared


class PixelIndex:
    """Exact nearest images by squared Euclidean distance of their pixels.

    >>> index = PixelIndex(training_set.images)
    >>> distances, indices = index.query(images, k=8)  # int64 (n, 8) and (n, 8)

    images: uint8 (N, H, W, C), in memory or memory-mapped. They are read when the index is built
    (about 20 s of one core for 200,000 images of 64 × 64 × 3) and at every query, and must not
    change. mirrored: also compare with the images' mirror images, see `query`. known: the images'
    Bounds if they exist already; `gan_core.search.index_cache.open_index` stores them on disk. The
    index itself takes about 1.5 KB per image. Several threads may query it at once.
    Raises InputError when images are not such an array.
    """

    def __init__(
        self,
        images: np.ndarray,
        mirrored: bool = False,
        known: lower_bounds.Bounds | None = None,
    ) -> None:
        check_images(images)
        if not len(images):
            raise InputError("There are no images to search; give at least one.")
        self.images = images
        self.mirrored = mirrored
        self.stamp = stamp(images)
        self.bounds = known or lower_bounds.build(images)
        self.longest = float(self.bounds.coarse[:, -1].max())
        self.flat = np.asarray(images).reshape(len(images), -1)
        advise(images, "MADV_RANDOM")

    def query(
        self,
        images: np.ndarray,
        k: int = 8,
        exclude: ArrayLike | None = None,
        among: ArrayLike | None = None,
    ) -> tuple[np.ndarray, ...]:
        """The k nearest images of each query, nearest first, equal distances by index.

        images: uint8 (n, H, W, C). k: from 1 up; at most N columns are returned. exclude: int (n,),
        the index of an image that each query must not return, such as the query itself for
        leave-one-out, or −1 for none; with exclude, at most N − 1 columns are returned. An image
        is excluded by its index, never because its distance is 0. among: int (m,), the indices of
        the only images that are compared, such as those of one class; at most m columns are
        returned. It cannot be combined with exclude.

        Returns distances, int64 (n, min(k, N)), squared Euclidean, and indices, int64 of the same
        shape. A mirrored index returns a third array: bool of the same shape, true where the mirror
        image of that training image is nearer; each training image counts once, at the smaller of
        its two distances.
        Raises InputError for queries of another shape, for an `among` that is not such a list, or
        when the images' file has changed.
        """
        k, excluded = self._check(images, k, exclude)
        rows = None if among is None else checked_rows(among, len(self.flat), exclude is None)

        def search(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            if rows is None:
                return self._search(images, k, excluded)
            return self._search_rows(images, min(k, len(rows)), rows)

        plain = search(images)
        result: tuple[np.ndarray, ...] = plain
        if self.mirrored:
            # A query is as far from a mirrored image as the mirrored query is from the image.
            flipped = np.asarray(images)[:, :, ::-1]
            result = merge(plain, search(flipped))
        if stamp(self.images) != self.stamp:  # they may have changed while they were read
            raise changed_error(self.images)
        return result

    def _check(
        self, images: np.ndarray, k: int, exclude: ArrayLike | None
    ) -> tuple[int, np.ndarray]:
        check_images(images)
        if images.shape[1:] != self.bounds.shape:
            shapes = (
                " × ".join(map(str, shape)) for shape in (self.bounds.shape, images.shape[1:])
            )
            raise InputError("The training images are {}; a query is {}.".format(*shapes))
        if k < 1:
            raise InputError(f"k is {k}; it must be 1 or more.")
        if stamp(self.images) != self.stamp:
            raise changed_error(self.images)
        most = len(self.flat)
        if exclude is None:
            return min(k, most), np.full(len(images), -1)
        excluded = np.asarray(exclude)
        if excluded.shape != (len(images),) or excluded.dtype.kind not in "iu":
            raise InputError("exclude must hold one index for each query, or −1 for none.")
        if len(excluded) and not (excluded.min() >= -1 and excluded.max() < most):
            raise InputError(f"exclude must hold indices from 0 to {most - 1}, or −1 for none.")
        return min(k, most - 1), excluded

    def _search(
        self, images: np.ndarray, k: int, exclude: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        distances = np.empty((len(images), k), np.int64)
        indices = np.empty((len(images), k), np.int64)
        together = max(1, min(TOGETHER, MOST // len(self.flat)))
        for start in range(0, len(images) if k else 0, together):
            rows = slice(start, start + together)
            distances[rows], indices[rows] = self._search_some(images[rows], k, exclude[rows])
        return distances, indices

    def _search_rows(
        self, images: np.ndarray, k: int, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(distances, indices) from comparing with these images only, all of them."""
        queries = exact_distance.Queries(images)
        best = [(np.empty(0, np.int64), np.empty(0, np.int64))] * len(images)
        for start in range(0, len(rows) if len(images) else 0, SCAN):
            part = rows[start : start + SCAN]
            table = exact_distance.to_all(
                np.asarray(self.flat[part]), self.bounds.norms[part], queries
            )
            best = [
                nearest((distances, column), (indices, part), k)
                for (distances, indices), column in zip(best, table.T, strict=True)
            ]
        shape = (len(images), k)
        distances = np.array([d for d, _ in best], np.int64).reshape(shape)
        return distances, np.array([i for _, i in best], np.int64).reshape(shape)

    def _search_some(
        self, images: np.ndarray, k: int, exclude: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        queries = exact_distance.Queries(images)
        pairs: list[tuple[np.ndarray, np.ndarray] | None] = [None] * len(images)
        if len(self.flat) > max(SMALL, 4 * k):
            coarse, fine, texture = self.bounds.describe(images)
            slack = self.bounds.slack(coarse[:, -1] + self.longest)
            # ‖a‖² + ‖b‖² − 2 a·b for all rows in one product, without the query's ‖b‖².
            table = np.column_stack([-2 * coarse[:, :-1], np.ones(len(images), np.float32)])
            table = table @ self.bounds.coarse.T
            offset = slack - coarse[:, -1]

            # One after another: steps this short gain nothing from Python's threads.
            for q in range(len(images)):
                own = float(slack[q]), float(offset[q]), fine[q], texture[q]
                pairs[q] = self._prune(queries, q, table[q], *own, k, exclude[q])
        left = [q for q, pair in enumerate(pairs) if pair is None]
        if left:
            scanned = self._scan(exact_distance.Queries(images[left]), k, exclude[left])
            for q, pair in zip(left, scanned, strict=True):
                pairs[q] = pair
        distances, indices = zip(*(pair for pair in pairs if pair is not None), strict=True)
        return np.stack(distances), np.stack(indices)

    def _prune(
        self,
        queries: exact_distance.Queries,
        q: int,
        low: np.ndarray,
        slack: float,
        offset: float,
        fine: np.ndarray,
        texture: np.ndarray,
        k: int,
        exclude: int,
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """(distances, indices) for query q by bounds; None when they rule out too few images.

        low: float32 (N,), the coarse bounds plus `offset`; it is changed. fine, texture: the
        query's rows.
        """
        if exclude >= 0:
            low[exclude] = np.inf
        # A first k-th distance, from images with small bounds: one each of as many groups.
        groups, least = grouped(low, max(FIRST, 4 * k))
        first = best_of_groups(groups, least, max(FIRST, 4 * k))
        first = first[first != exclude]
        first = first[np.argsort(self._fine_bounds(first, fine), kind="stable")[: max(2 * k, 16)]]
        limit = float(np.partition(self._compare(queries, q, first), k - 1)[k - 1])
        left = up_to(limit + offset, low, groups, least)
        if len(left) > 4 * SHARE * len(low):  # the fine bounds would not rule out enough
            return None
        low = self._fine_bounds(left, fine) - slack
        left, low = left[low <= limit], low[low <= limit]
        if len(left) > SHARE * len(self.flat):
            return None
        low = self.bounds.tightened(low, left, fine, texture)
        order = np.argsort(low, kind="stable")
        order = order[: np.searchsorted(low[order], limit, "right")]
        left, low = left[order], low[order]
        best = np.empty(0, np.int64), np.empty(0, np.int64)
        start, step = 0, STEP
        while start < len(left) and low[start] <= limit:
            part = slice(start, start + step)
            distances = self._compare(queries, q, left[part])
            if (low[part] > distances).any():  # impossible for bounds of these very images
                raise changed_error(self.images)
            best = nearest((best[0], distances), (best[1], left[part]), k)
            limit = float(best[0][-1]) if len(best[0]) == k else limit
            start, step = part.stop, step * 2
        if len(best[0]) < k:  # though the first candidates were near enough
            raise changed_error(self.images)
        return best

    def _fine_bounds(self, rows: np.ndarray, fine: np.ndarray) -> np.ndarray:
        """The squared fine bounds of some rows, before slack: float32 (n,)."""
        from gan_core.search import numba_loops  # slow to import, see there

        bounds = np.empty(len(rows), np.float32)
        numba_loops.row_distances(self.bounds.fine, rows, fine, bounds)
        return bounds

    def _compare(self, queries: exact_distance.Queries, q: int, rows: np.ndarray) -> np.ndarray:
        """The distances of some rows to query q, int64 (n,)."""
        return exact_distance.to_one(self.flat, queries, q, rows)

    def _scan(
        self, queries: exact_distance.Queries, k: int, exclude: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """(distances, indices) of each query, from comparing with every image."""
        starts = range(0, len(self.flat), SCAN)
        # A product with several queries is multi-threaded already.
        parts = workers() if len(exclude) == 1 else 1
        size = -(-len(starts) // parts)

        def scan(starts: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
            best = [(np.empty(0, np.int64), np.empty(0, np.int64))] * len(exclude)
            for start in starts:
                rows = slice(start, start + SCAN)
                block = np.asarray(self.flat[rows])
                table = exact_distance.to_all(block, self.bounds.norms[rows], queries)
                for q, (distances, indices) in enumerate(best):
                    column = table[:, q]
                    limit = distances[-1] if len(distances) == k else np.inf
                    near = np.flatnonzero(column < limit)
                    near = near[near + start != exclude[q]]
                    if len(near):
                        both = (distances, column[near]), (indices, near + start)
                        best[q] = nearest(*both, k)
            return best

        advise(self.images, "MADV_SEQUENTIAL")
        try:
            parts_of = in_threads(scan, [starts[i : i + size] for i in range(0, len(starts), size)])
        finally:
            advise(self.images, "MADV_RANDOM")
        return [
            nearest([d for d, _ in bests], [i for _, i in bests], k)
            for bests in zip(*parts_of, strict=True)
        ]


def checked_rows(among: ArrayLike, count: int, alone: bool) -> np.ndarray:
    """`among` of a query as int64 (m,), ascending and each once.

    count: how many images there are. alone: whether the query excludes nothing. Raises InputError
    where it is not a list of indices, or an empty one.
    """
    rows = np.unique(np.asarray(among))
    if not alone:
        raise InputError("A search takes exclude or among, not both.")
    if not len(rows) or rows.dtype.kind not in "iu" or rows[0] < 0 or rows[-1] >= count:
        raise InputError(f"among must hold at least one index, all from 0 to {count - 1}.")
    return rows.astype(np.int64)


def nearest(
    distances: Sequence[np.ndarray], indices: Sequence[np.ndarray], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """(distances, indices) of the k nearest among several arrays, equal distances by index."""
    all_distances, all_indices = np.concatenate(distances), np.concatenate(indices)
    order = np.lexsort((all_indices, all_distances))[:k]
    return all_distances[order], all_indices[order]


def merge(
    plain: tuple[np.ndarray, np.ndarray], mirrored: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(distances, indices, mirrored) from the neighbours of queries and of their mirror images.

    plain, mirrored: (distances, indices), each int64 (n, k).
    """
    n, k = plain[0].shape
    merged = np.empty((n, k), np.int64), np.empty((n, k), np.int64), np.empty((n, k), bool)
    flags = np.repeat([False, True], k)
    for q in range(n):
        distances, indices = (
            np.concatenate([a[q], b[q]]) for a, b in zip(plain, mirrored, strict=True)
        )
        order = np.lexsort((flags, indices, distances))
        _, first = np.unique(indices[order], return_index=True)  # the nearer of an image's two
        order = order[np.sort(first)[:k]]
        for array, values in zip(merged, (distances, indices, flags), strict=True):
            array[q] = values[order]
    return merged


def grouped(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(groups, least): values as a table with one group per column, and each group's minimum.

    A group holds GROUP values, or fewer so that there are at least `count` groups where there are
    as many values. A value's group is its index modulo their number, which lets the processor work
    on many groups at once. Up to GROUP values at the end belong to no group.
    """
    size = max(1, min(GROUP, len(values) // count))
    number = len(values) // size
    groups = values[: number * size].reshape(size, number)
    return groups, groups.min(0)


def best_of_groups(groups: np.ndarray, least: np.ndarray, count: int) -> np.ndarray:
    """Indices of the smallest value of each of the `count` best groups."""
    best = np.arange(len(least))
    if len(least) > count:
        best = np.argpartition(least, count)[:count]
    return groups[:, best].argmin(0) * len(least) + best


def up_to(limit: float, values: np.ndarray, groups: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Indices of the values up to a limit; only groups that have one are searched."""
    some = np.flatnonzero(least <= limit)
    places, columns = np.nonzero(groups[:, some] <= limit)
    end = np.flatnonzero(values[groups.size :] <= limit) + groups.size
    return np.concatenate([places * len(least) + some[columns], end])


def in_threads(function: Callable, items: Sequence) -> list:
    """[function(item) …], on as many threads as PyTorch uses; NumPy releases the GIL."""
    count = min(workers(), len(items))
    if count < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, items))


def workers() -> int:
    """How many threads to use."""
    return torch.get_num_threads()


def check_images(images: object) -> None:
    """Raise InputError unless images are uint8 (N, H, W, C)."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4:
        kind = getattr(images, "dtype", type(images).__name__)
        shape = " × ".join(map(str, getattr(images, "shape", ())))
        raise InputError(f"Neighbours need uint8 images (N, H, W, C); these are {kind} {shape}.")
    if 0 in images.shape[1:]:
        raise InputError("An image must have at least one pixel and one channel.")


def mapped(images: np.ndarray) -> np.memmap | None:
    """The memory map that an array is or views; None where there is none."""
    array: object = images
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and array.filename:
            return array
        array = array.base
    return None


def stamp(images: np.ndarray) -> list[int] | str | None:
    """A stamp that changes with the file under an array; None where there is no file."""
    source = mapped(images)
    if source is None or source.filename is None:
        return None
    try:
        state = os.stat(source.filename)
    except OSError:
        return "gone"
    if map_guard.spoiled(source):
        return "spoiled"
    return [state.st_size, state.st_mtime_ns, state.st_ino]


def changed_error(images: np.ndarray) -> InputError:
    """The InputError for images that are no longer those that were indexed."""
    source = mapped(images)
    what = "The images" if source is None else source.filename
    have = "have" if source is None else "has"
    return InputError(f"{what} {have} changed since being indexed; load and index the set again.")


def advise(images: np.ndarray, how: str) -> None:
    """Tell the system how a memory map is about to be read, on systems that support it.

    Without MADV_RANDOM every image read from a cold file reads 128 KB.
    """
    memory = getattr(mapped(images), "_mmap", None)
    if memory is not None and hasattr(mmap, how):
        memory.madvise(getattr(mmap, how))
