"""Lower bounds of the distance between images, from a few numbers of each.

Every image is brought to a thumbnail of block means, about 16 × 16, and that to its principal
components. Let y be the first K of them and τ the length of all that they leave out of the image,
finer detail than the thumbnail included. Both are lengths in one orthonormal basis, so

    ‖x − q‖² ≥ ‖y_x − y_q‖² + (τ_x − τ_q)²

by Cauchy and Schwarz on the part left out (the energy term of Panorama, arXiv 2510.00566). There
are three levels. Coarse: COARSE components, the length of the next ones up to FINE, and τ; small
enough for a scan of the whole set to be bound by the cache. Fine: all FINE components and τ, read
for the images that the coarse bound leaves. Texture: what the components leave out of each block of
the thumbnail by itself, a length τ_b each, for the images that the fine bound leaves; blocks do not
overlap, so Σ (τ_xb − τ_qb)² may stand for (τ_x − τ_q)², and spares half of the comparisons.
Principal components rather than coarser block means for the first level, because at equal size they
leave about a fifth as many images.

Everything rounds, so every squared bound is lowered by `Bounds.slack`, which covers all rounding
but that of the texture, see `Bounds.raised`.
"""

import functools
from dataclasses import dataclass

import numpy as np

from gan_core.search import exact_distance

SIDE = 16  # blocks along the longer side of an image, at most
COARSE, FINE = 48, 192  # components
EXAMPLES = 4096  # images that the principal components are taken from
BLOCK = 512  # images worked on at once
ROUGH = 2.0**-11 * 1.01  # of a texture's length: what rounding it to float16 may change
MOST = 60_000  # that float16 can hold, with room; cutting lengths there brings no two further apart


@dataclass(frozen=True)
class Bounds:
    """What is known of N images.

    coarse: float32 (N, c + 3), c components, the length of the others up to f, τ, and the sum of
    these numbers' squares. fine: float32 (N, f + 1), f components and τ. texture: float16
    (N, b), τ_b of b blocks. norms: int64 (N,), for gan_core.search.exact_distance. centre:
    float64 (t,), the mean
    thumbnail. axes: float64 (t, f), orthonormal columns. shape: of an image, (H, W, C). The arrays
    may be memory maps.
    """

    coarse: np.ndarray
    fine: np.ndarray
    texture: np.ndarray
    norms: np.ndarray
    centre: np.ndarray
    axes: np.ndarray
    shape: tuple

    def describe(self, images):
        """(coarse, fine, texture) of other images, such as queries: uint8 (n, H, W, C)."""
        return describe(images, self.centre, self.axes)[:3]

    def raised(self, low, rows, fine, texture):
        """Squared fine bounds of some rows, raised by what their textures tell: float32 (n,).

        low: float32 (n,), the bounds. fine, texture: of the query, one row. A texture was rounded
        to float16, by no more than ROUGH of its length, τ.
        """
        own = self.fine[rows, -1]
        apart = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), exact_distance.PRODUCT_ROWS):
            part = exact_distance.taken(
                self.texture, rows[start : start + exact_distance.PRODUCT_ROWS]
            )
            part = part.astype(np.float32)
            part -= texture
            apart[start : start + len(part)] = np.einsum("nb,nb->n", part, part)
        apart = np.maximum(np.sqrt(apart) - ROUGH * own, 0)
        return np.maximum(low, low - (own - fine[-1]) ** 2 + apart**2)

    def slack(self, squares):
        """What a squared bound between two images must be lowered by.

        squares: the sum of both coarse rows' squares, at most. With the numbers rounded to float32
        and up to 200 products or squares of them summed in float32, in any order, the error stays
        below 5e-5 of it. The constant is for τ, the root of a difference of large numbers in double
        precision: it is off by less than 1e-6 of the longest image.
        """
        return 5e-5 * squares + 1 + 0.26 * np.prod(self.shape)


def build(images, put=None, seen=None):
    """The Bounds of images, uint8 (N, H, W, C), in one pass and flat memory.

    put(name, shape, dtype): makes the arrays of N rows; default in memory. seen(block): is given
    each block of images in order, to be hashed for example.
    """
    put = put or (lambda _, shape, dtype: np.empty(shape, dtype))
    count = len(images)
    chosen = np.unique(np.linspace(0, count - 1, min(count, EXAMPLES)).astype(int))
    examples = [thumbnails(images[rows]) for rows in np.array_split(chosen, -(-len(chosen) // 256))]
    centre, axes = principal(np.concatenate(examples).astype(np.float64))
    components = axes.shape[1]
    coarse = put("coarse", (count, min(COARSE, components) + 3), np.float32)
    fine = put("fine", (count, components + 1), np.float32)
    texture = put("texture", (count, axes.shape[0] // images.shape[3]), np.float16)
    norms = put("norms", (count,), np.int64)
    for start in range(0, count, BLOCK):
        block = np.ascontiguousarray(images[start : start + BLOCK])
        if seen:
            seen(block)
        rows = slice(start, start + BLOCK)
        coarse[rows], fine[rows], texture[rows], norms[rows] = describe(block, centre, axes)
    return Bounds(coarse, fine, texture, norms, centre, axes, images.shape[1:])


def describe(images, centre, axes):
    """(coarse, fine, texture, norms) of images, by the components `axes` of thumbnails.

    centre: the mean thumbnail. The texture is float32 here.
    """
    flat = np.asarray(images).reshape(len(images), -1)
    norms, sums = exact_distance.norms_and_sums(flat)
    totals, block = block_sums(images)
    small = totals.astype(np.float64) / block
    centred = small - centre
    components = centred @ axes
    # Sums of integers, so that the difference is exact, and that of a flat block 0.
    detail = (block**2 * block_sums(images, 2)[0] - totals.astype(np.float64) ** 2) / block**2
    left = (centred - components @ axes.T) ** 2 + detail
    texture = np.sqrt(left.reshape(len(left), -1, images.shape[3]).sum(2)).clip(max=MOST)
    # The squared length of the image less the mean thumbnail, spread out to full size.
    squares = norms + 256 * sums - 128**2 * flat.shape[1]
    whole = squares - 2 * (small @ centre) + centre @ centre
    rest = np.sqrt(np.maximum(whole - (components**2).sum(1), 0))
    first = min(COARSE, components.shape[1])
    middle = np.sqrt((components[:, first:] ** 2).sum(1))
    coarse = np.column_stack(
        [components[:, :first], middle, rest, (components**2).sum(1) + rest**2]
    )
    fine = np.column_stack([components, rest])
    return *(table.astype(np.float32) for table in (coarse, fine, texture)), norms


def thumbnails(images):
    """Block means of images times the root of a block's pixels, so that lengths are the image's.

    images: uint8 (n, H, W, C). Returns float32 (n, t). An image that blocks do not divide is
    thought to go on in black, which changes no distance.
    """
    sums, block = block_sums(images)
    return sums / np.float32(block)


def block_sums(images, power=1):
    """(sums, block): of pixels to a power over blocks of block × block pixels, (n, t).

    Every sum is an integer that float32, or of squares float64, holds exactly.
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
def pooling(width, columns, block, channels):
    """The matrix of zeros and ones that sums pixels of a row by block, (width · c, columns · c)."""
    into = np.arange(width)[:, None] // block == np.arange(columns)
    return np.kron(into, np.eye(channels)).astype(np.float32)


def principal(examples):
    """(mean, axes): the mean and the first FINE principal axes of rows, float64, most first."""
    centre = examples.mean(0)
    centred = examples - centre
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centre, np.ascontiguousarray(axes[:, ::-1][:, :FINE])
