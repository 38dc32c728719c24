"""The nearest training images of an image: exact, in pixels and in features.

In pixels the distance is the squared Euclidean one between uint8 images, in integers. Most images
are ruled out by a lower bound (gan_core.search.lower_bounds); the others are compared in the
order of their
bounds until the next bound exceeds the k-th distance found (gan_core.search.exact_distance). So
the result is that
of comparing with every image, ties by index, always.
"""

import mmap
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from gan_core.search import exact_distance, lower_bounds
from gan_core.util import map_guard
from gan_core.util.errors import InputError

SMALL = 512  # images up to which comparing with all of them is as quick
SHARE = 0.1  # of the images left by the bounds, above which all are compared
TOGETHER = 16  # queries worked on at once, for a bound each of up to MOST
MOST = 16_000_000  # numbers in a table of bounds: 64 MB
GROUP = 32  # images of which the one with the least bound may be a first candidate
FIRST = 256  # such images that a first k-th distance is taken from
STEP = 32  # images compared before the k-th distance is looked at again; doubles
SCAN = 2048  # images in a block of a comparison with all


class PixelIndex:
    """Exact nearest images by squared Euclidean distance of their pixels.

    >>> index = PixelIndex(training_set.images)
    >>> distances, indices = index.query(images, k=8)  # int64 (n, 8) and (n, 8)

    images: uint8 (N, H, W, C), in memory or memory-mapped; it is read when the index is made
    (about 20 s of a processor for 200,000 of 64 × 64 × 3) and at every query, and must not
    change.
    mirrored: also compare with the images' mirror images, see `query`. known: the images' Bounds
    when they are there already; `gan_core.search.index_cache.open_index` keeps them on disk. The
    index
    itself takes about 1.5 KB an image. Several threads may query it at once.
    Raises InputError when images are not of that kind.
    """

    def __init__(self, images, mirrored=False, known=None):
        check_images(images)
        if not len(images):
            raise InputError("There is no image to be a neighbour; give at least one.")
        self.images = images
        self.mirrored = mirrored
        self.stamp = stamp(images)
        self.bounds = known or lower_bounds.build(images)
        self.longest = float(self.bounds.coarse[:, -1].max())
        self.flat = np.asarray(images).reshape(len(images), -1)
        advise(images, "MADV_RANDOM")

    def query(self, images, k=8, exclude=None):
        """The k nearest images of each query, nearest first, equal distances by index.

        images: uint8 (n, H, W, C). k: from 1 up; no more columns come back than there are images.
        exclude: int (n,), the index of an image that each query must not find, such as itself for
        leave-one-out, or −1 for none; there is then one image less to be found. An image is left
        out by its index, never because its distance is 0.

        Returns distances, int64 (n, min(k, N)), squared Euclidean, and indices, int64 of the same
        shape. Of a mirrored index a third: bool of the same shape, true where the mirror image of
        that training image is the nearer one; each training image counts once, at the smaller of
        both distances.
        Raises InputError for queries of another shape, or when the images' file has changed.
        """
        k, exclude = self._check(images, k, exclude)
        found = self._search(images, k, exclude)
        if self.mirrored:
            # A query is as far from a mirrored image as the mirrored query is from the image.
            flipped = np.asarray(images)[:, :, ::-1]
            found = merge(found, self._search(flipped, k, exclude))
        if stamp(self.images) != self.stamp:  # they may have changed while they were read
            raise changed(self.images)
        return found

    def _check(self, images, k, exclude):
        check_images(images)
        if images.shape[1:] != self.bounds.shape:
            shapes = (
                " × ".join(map(str, shape)) for shape in (self.bounds.shape, images.shape[1:])
            )
            raise InputError("The training images are {}; a query is {}.".format(*shapes))
        if k < 1:
            raise InputError(f"k is {k}; it must be a number from 1 up.")
        if stamp(self.images) != self.stamp:
            raise changed(self.images)
        most = len(self.flat)
        if exclude is None:
            return min(k, most), np.full(len(images), -1)
        exclude = np.asarray(exclude)
        if exclude.shape != (len(images),) or exclude.dtype.kind not in "iu":
            raise InputError("exclude must hold one index for each query, or −1 for none.")
        if len(exclude) and not (exclude.min() >= -1 and exclude.max() < most):
            raise InputError(f"exclude must hold indices from 0 to {most - 1}, or −1 for none.")
        return min(k, most - 1), exclude

    def _search(self, images, k, exclude):
        distances = np.empty((len(images), k), np.int64)
        indices = np.empty((len(images), k), np.int64)
        together = max(1, min(TOGETHER, MOST // len(self.flat)))
        for start in range(0, len(images) if k else 0, together):
            rows = slice(start, start + together)
            distances[rows], indices[rows] = self._search_some(images[rows], k, exclude[rows])
        return distances, indices

    def _search_some(self, images, k, exclude):
        queries = exact_distance.Queries(images)
        found = [None] * len(images)
        if len(self.flat) > max(SMALL, 4 * k):
            coarse, fine, texture = self.bounds.describe(images)
            slack = self.bounds.slack(coarse[:, -1] + self.longest)
            # ‖a‖² + ‖b‖² − 2 a·b for all rows in one product; ‖b‖², of the query, is left out.
            table = np.column_stack([-2 * coarse[:, :-1], np.ones(len(images), np.float32)])
            table = table @ self.bounds.coarse.T
            offset = slack - coarse[:, -1]

            # One after another: steps this short gain nothing from Python's threads.
            for q in range(len(images)):
                own = float(slack[q]), float(offset[q]), fine[q], texture[q]
                found[q] = self._prune(queries, q, table[q], *own, k, exclude[q])
        left = [q for q, pair in enumerate(found) if pair is None]
        if left:
            scanned = self._scan(exact_distance.Queries(images[left]), k, exclude[left])
            for q, pair in zip(left, scanned, strict=True):
                found[q] = pair
        return (np.stack(part) for part in zip(*found, strict=True))

    def _prune(self, queries, q, low, slack, offset, fine, texture, k, exclude):
        """(distances, indices) for query q by bounds; None when they rule out too few images.

        low: float32 (N,), less `offset` the coarse bounds. fine, texture: the query's rows. It
        changes low.
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
        low = self.bounds.raised(low, left, fine, texture)
        order = np.argsort(low, kind="stable")
        order = order[: np.searchsorted(low[order], limit, "right")]
        left, low = left[order], low[order]
        best, start, step = (np.empty(0, np.int64),) * 2, 0, STEP
        while start < len(left) and low[start] <= limit:
            part = slice(start, start + step)
            found = self._compare(queries, q, left[part])
            if (low[part] > found).any():  # which bounds of these very images cannot be
                raise changed(self.images)
            best = nearest((best[0], found), (best[1], left[part]), k)
            limit = float(best[0][-1]) if len(best[0]) == k else limit
            start, step = part.stop, step * 2
        if len(best[0]) < k:  # though the first candidates were near enough
            raise changed(self.images)
        return best

    def _fine_bounds(self, rows, fine):
        """The squared fine bounds of some rows, before slack: float32 (n,)."""
        from gan_core.search import numba_loops  # see there

        found = np.empty(len(rows), np.float32)
        numba_loops.rows_apart(self.bounds.fine, rows, fine, found)
        return found

    def _compare(self, queries, q, rows):
        """The distances of some rows to query q, int64 (n,)."""
        return exact_distance.to_one(self.flat, queries, q, rows)

    def _scan(self, queries, k, exclude):
        """A list of (distances, indices), one of each query, from comparing with every image."""
        starts = range(0, len(self.flat), SCAN)
        # A product with several queries shares the work among threads by itself.
        parts = workers() if len(exclude) == 1 else 1
        size = -(-len(starts) // parts)

        def scan(starts):
            best = [(np.empty(0, np.int64),) * 2] * len(exclude)
            for start in starts:
                rows = slice(start, start + SCAN)
                block = np.asarray(self.flat[rows])
                table = exact_distance.to_all(block, self.bounds.norms[rows], queries)
                for q, (distances, indices) in enumerate(best):
                    found = table[:, q]
                    limit = distances[-1] if len(distances) == k else np.inf
                    near = np.flatnonzero(found < limit)
                    near = near[near + start != exclude[q]]
                    if len(near):
                        both = (distances, found[near]), (indices, near + start)
                        best[q] = nearest(*both, k)
            return best

        advise(self.images, "MADV_SEQUENTIAL")
        try:
            found = in_threads(scan, [starts[i : i + size] for i in range(0, len(starts), size)])
        finally:
            advise(self.images, "MADV_RANDOM")
        return [nearest(*zip(*bests, strict=True), k) for bests in zip(*found, strict=True)]


def nearest(distances, indices, k):
    """(distances, indices) of the k nearest among several arrays, equal distances by index."""
    distances, indices = np.concatenate(distances), np.concatenate(indices)
    order = np.lexsort((indices, distances))[:k]
    return distances[order], indices[order]


def merge(plain, mirrored):
    """(distances, indices, mirrored) from the neighbours of queries and of their mirror images."""
    n, k = plain[0].shape
    found = np.empty((n, k), np.int64), np.empty((n, k), np.int64), np.empty((n, k), bool)
    flags = np.repeat([False, True], k)
    for q in range(n):
        distances, indices = (
            np.concatenate([a[q], b[q]]) for a, b in zip(plain, mirrored, strict=True)
        )
        order = np.lexsort((flags, indices, distances))
        _, first = np.unique(indices[order], return_index=True)  # the nearer of an image's two
        order = order[np.sort(first)[:k]]
        for array, values in zip(found, (distances, indices, flags), strict=True):
            array[q] = values[order]
    return found


def grouped(values, count):
    """(groups, least): values as a table with a group in each column, and the least of each group.

    Groups are of GROUP values or of fewer, so that there are at least `count` where there are as
    many values; a value's group is its index modulo their number, which lets the processor work on
    many groups at once. Up to GROUP values at the end belong to none.
    """
    size = max(1, min(GROUP, len(values) // count))
    number = len(values) // size
    groups = values[: number * size].reshape(size, number)
    return groups, groups.min(0)


def best_of_groups(groups, least, count):
    """Indices of the least value of each of the `count` best groups."""
    best = np.arange(len(least))
    if len(least) > count:
        best = np.argpartition(least, count)[:count]
    return groups[:, best].argmin(0) * len(least) + best


def up_to(limit, values, groups, least):
    """Indices of the values up to a limit, in order; only groups that have one are looked at."""
    some = np.flatnonzero(least <= limit)
    places, columns = np.nonzero(groups[:, some] <= limit)
    end = np.flatnonzero(values[groups.size :] <= limit) + groups.size
    return np.concatenate([places * len(least) + some[columns], end])


def in_threads(function, items):
    """[function(item) …], on as many threads as PyTorch uses; NumPy lets them run side by side."""
    count = min(workers(), len(items))
    if count < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, items))


def workers():
    return torch.get_num_threads()


def check_images(images):
    """Raise InputError unless images are uint8 (N, H, W, C)."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4:
        kind = getattr(images, "dtype", type(images).__name__)
        shape = " × ".join(map(str, getattr(images, "shape", ())))
        raise InputError(f"Neighbours need uint8 images (N, H, W, C); these are {kind} {shape}.")
    if 0 in images.shape[1:]:
        raise InputError("An image must have a pixel and a channel at least.")


def mapped(images):
    """The memory map that an array is or views; None where there is none."""
    while isinstance(images, np.ndarray):
        if isinstance(images, np.memmap) and images.filename:
            return images
        images = images.base
    return None


def stamp(images):
    """What tells that the file under an array has changed: None where there is no file."""
    source = mapped(images)
    if source is None:
        return None
    try:
        state = os.stat(source.filename)
    except OSError:
        return "gone"
    if map_guard.spoiled(source):
        return "spoiled"
    return [state.st_size, state.st_mtime_ns, state.st_ino]


def changed(images):
    """The InputError for images that are no longer those that were indexed."""
    source = mapped(images)
    what = "The images" if source is None else source.filename
    have = "have" if source is None else "has"
    return InputError(f"{what} {have} changed since being indexed; load and index the set again.")


def advise(images, how):
    """Tell the system how a memory map is about to be read, where it listens.

    Without MADV_RANDOM every image read from a cold file brings 128 KB with it.
    """
    source = mapped(images)
    if source is not None and hasattr(mmap, how):
        source._mmap.madvise(getattr(mmap, how))
