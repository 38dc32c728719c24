"""Lower bounds of the distance between images, from a few numbers of each.

Every image is reduced to a thumbnail of block means, about 16 × 16, and the thumbnail to its
principal components. Let y be the first K of them and τ the length of everything in the image that
they leave out, including detail finer than the thumbnail. Both are lengths in one orthonormal
basis, so

    ‖x − q‖² ≥ ‖y_x − y_q‖² + (τ_x − τ_q)²

by Cauchy and Schwarz on the part left out (the energy term of Panorama, arXiv 2510.00566). There
are three levels. Coarse: COARSE components, the length of the next ones up to FINE, and τ; small
enough that a scan of the whole set is limited by the cache alone. Fine: all FINE components and τ,
read for the images that the coarse bound does not rule out. Texture: what the components leave out
of each block of the thumbnail, a length τ_b per block, read for the images that the fine bound does
not rule out. Blocks do not overlap, so Σ (τ_xb − τ_qb)² may replace (τ_x − τ_q)², which saves half
of the comparisons. The first level has principal components rather than coarser block means,
because at equal size they leave about a fifth as many images.

Everything is rounded, so every squared bound is lowered by `Bounds.slack`, which covers all
rounding except that of the texture, see `Bounds.tightened`.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from gan_core.search import exact_distance

SIDE = 16  # blocks along the longer side of an image, at most
COARSE, FINE = 48, 192  # components
EXAMPLES = 4096  # images that the principal components are computed from
BLOCK = 512  # images worked on at once
ROUGH = 2.0**-11 * 1.01  # share of a texture's length that rounding to float16 may change
MOST = 60_000  # largest length in float16, with room; clipping moves no two further apart


@dataclass(frozen=True)
class Bounds:
    """What the bounds of N images are computed from.

    coarse: float32 (N, c + 3), c components, the length of the others up to f, τ, and the sum of
    these numbers' squares. fine: float32 (N, f + 1), f components and τ. texture: float16 (N, b),
    τ_b of b blocks. norms: int64 (N,), for gan_core.search.exact_distance. centre: float64 (t,),
    the mean thumbnail. axes: float64 (t, f), orthonormal columns. shape: of an image, (H, W, C).
    The arrays may be memory maps.
    """

    coarse: np.ndarray
    fine: np.ndarray
    texture: np.ndarray
    norms: np.ndarray
    centre: np.ndarray
    axes: np.ndarray
    shape: tuple[int, ...]

    def describe(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(coarse, fine, texture) of other images, such as queries: uint8 (n, H, W, C)."""
        return describe(images, self.centre, self.axes)[:3]

    def tightened(
        self, low: np.ndarray, rows: np.ndarray, fine: np.ndarray, texture: np.ndarray
    ) -> np.ndarray:
        """Squared fine bounds of some rows, raised where their textures allow it: float32 (n,).

        low: float32 (n,), the bounds. fine, texture: the query's, one row each. Rounding a texture
        to float16 changes it by no more than ROUGH of its length, τ.
        """
        own = self.fine[rows, -1]
        apart = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), exact_distance.PRODUCT_ROWS):
            chosen = rows[start : start + exact_distance.PRODUCT_ROWS]
            part = exact_distance.take_rows(self.texture, chosen).astype(np.float32)
            part -= texture
            apart[start : start + len(part)] = np.einsum("nb,nb->n", part, part)
        apart = np.maximum(np.sqrt(apart) - ROUGH * own, 0)
        return np.maximum(low, low - (own - fine[-1]) ** 2 + apart**2)

    def slack(self, squares: np.ndarray) -> np.ndarray:
        """By how much squared bounds between two images must be lowered, for rounding: float (n,).

        squares: float (n,), upper limits of the sum of both coarse rows' squares. With the numbers
        rounded to float32 and up to 200 products or squares summed in float32, in any order, the
        error stays below 5e-5 of that sum. The constant is for τ, the root of a difference of large
        numbers in double precision: it is off by less than 1e-6 of the longest image.
        """
        return 5e-5 * squares + 1 + 0.26 * np.prod(self.shape)


def build(
    images: np.ndarray,
    allocate: Callable[[str, tuple[int, ...], DTypeLike], np.ndarray] | None = None,
    visit: Callable[[np.ndarray], object] | None = None,
) -> Bounds:
    """The Bounds of images, uint8 (N, H, W, C), in one pass and constant memory.

    allocate(name, shape, dtype): makes the arrays of N rows; in memory by default. visit(block): is
    called with each block of images in order, for example to hash it.
    """
    allocate = allocate or (lambda _, shape, dtype: np.empty(shape, dtype))
    count = len(images)
    chosen = np.unique(np.linspace(0, count - 1, min(count, EXAMPLES)).astype(int))
    examples = [thumbnails(images[rows]) for rows in np.array_split(chosen, -(-len(chosen) // 256))]
    centre, axes = principal(np.concatenate(examples).astype(np.float64))
    components = axes.shape[1]
    coarse = allocate("coarse", (count, min(COARSE, components) + 3), np.float32)
    fine = allocate("fine", (count, components + 1), np.float32)
    texture = allocate("texture", (count, axes.shape[0] // images.shape[3]), np.float16)
    norms = allocate("norms", (count,), np.int64)
    for start in range(0, count, BLOCK):
        block = np.ascontiguousarray(images[start : start + BLOCK])
        if visit:
            visit(block)
        rows = slice(start, start + BLOCK)
        coarse[rows], fine[rows], texture[rows], norms[rows] = describe(block, centre, axes)
    return Bounds(coarse, fine, texture, norms, centre, axes, images.shape[1:])


def describe(
    images: np.ndarray, centre: np.ndarray, axes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(coarse, fine, texture, norms) of images uint8 (n, H, W, C), as in Bounds.

    centre, axes: the mean thumbnail and the components, as in Bounds. The texture is float32 here.
    """
    flat = np.asarray(images).reshape(len(images), -1)
    norms, sums = exact_distance.norms_and_sums(flat)
    totals, block = block_sums(images)
    small = totals.astype(np.float64) / block
    centred = small - centre
    components = centred @ axes
    # Sums of integers, so that the difference is exact, and 0 for a flat block.
    detail = (block**2 * block_sums(images, 2)[0] - totals.astype(np.float64) ** 2) / block**2
    left = (centred - components @ axes.T) ** 2 + detail
    texture = np.sqrt(left.reshape(len(left), -1, images.shape[3]).sum(2)).clip(max=MOST)
    # The squared length of the image minus the mean thumbnail at full size.
    squares = norms + 256 * sums - 128**2 * flat.shape[1]
    whole = squares - 2 * (small @ centre) + centre @ centre
    rest = np.sqrt(np.maximum(whole - (components**2).sum(1), 0))
    first = min(COARSE, components.shape[1])
    middle = np.sqrt((components[:, first:] ** 2).sum(1))
    coarse = np.column_stack(
        [components[:, :first], middle, rest, (components**2).sum(1) + rest**2]
    )
    fine = np.column_stack([components, rest])
    return (
        coarse.astype(np.float32),
        fine.astype(np.float32),
        texture.astype(np.float32),
        norms,
    )


def thumbnails(images: np.ndarray) -> np.ndarray:
    """Block means scaled by the root of a block's pixel count, so that lengths are the image's.

    images: uint8 (n, H, W, C). Returns float32 (n, t). An image that is not a whole number of
    blocks is padded with black, which changes no distance.
    """
    sums, block = block_sums(images)
    return sums / np.float32(block)


def block_sums(images: np.ndarray, power: int = 1) -> tuple[np.ndarray, int]:
    """(sums, block): sums of pixels to a power over blocks of block × block pixels, (n, t).

    Every sum is an integer that float32, or float64 for squares, holds exactly.
    """
    n, height, width, channels = images.shape
    block = -(-max(height, width) // SIDE)
    rows, columns = -(-height // block), -(-width // block)
    tall = np.zeros((n, rows, width * channels), np.float32)
    lines = np.asarray(images).reshape(n, height, width * channels)
    for offset in range(block):
        part = lines[:, offset::block]
        tall[:, : part.shape[1]] += part if power == 1 else part.astype(np.float32) ** power
    into = pooling(width, columns, block, channels)
    tall = tall.reshape(n * rows, -1).astype(np.float32 if power == 1 else np.float64)
    return (tall @ into.astype(tall.dtype)).reshape(n, -1), block


@functools.lru_cache(maxsize=4)
def pooling(width: int, columns: int, block: int, channels: int) -> np.ndarray:
    """The matrix of zeros and ones that sums the pixels of a row by block.

    Returns float32 (width · channels, columns · channels).
    """
    into = np.arange(width)[:, None] // block == np.arange(columns)
    return np.kron(into, np.eye(channels)).astype(np.float32)


def principal(examples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean, axes): the mean and the first FINE principal axes of rows, float64, largest first."""
    centre = examples.mean(0)
    centred = examples - centre
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centre, np.ascontiguousarray(axes[:, ::-1][:, :FINE])
