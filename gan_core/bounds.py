"""Lower bounds of the distance between images, from a few numbers of each.

Every image is brought to a thumbnail of block means, about 16 × 16, and that to its principal
components. Let y be the first K of them and τ the length of all that they leave out of the image,
finer detail than the thumbnail included. Both are lengths in one orthonormal basis, so

    ‖x − q‖² ≥ ‖y_x − y_q‖² + (τ_x − τ_q)²

by Cauchy and Schwarz on the part left out (the energy term of Panorama, arXiv 2510.00566). There
are two levels. Coarse: COARSE components, the length of the next ones up to FINE, and τ; small
enough for a scan of the whole set to be bound by the cache. Fine: all FINE components and τ, read
for the images that the coarse bound leaves. Principal components rather than coarser block means
for the first level, because at equal size they leave about a fifth as many images.

Everything rounds, so every squared bound is lowered by `Bounds.slack`, which covers all rounding.
"""

from dataclasses import dataclass

import numpy as np

from gan_core import exact

SIDE = 16  # blocks along the longer side of an image, at most
COARSE, FINE = 48, 192  # components
EXAMPLES = 4096  # images that the principal components are taken from
BLOCK = 512  # images worked on at once


@dataclass(frozen=True)
class Bounds:
    """What is known of N images.

    coarse: float32 (N, c + 3), c components, the length of the others up to f, τ, and the sum of
    these numbers' squares. fine: float32 (N, f + 1), f components and τ. norms: int64 (N,), for
    gan_core.exact. centre: float64 (t,), the mean thumbnail. axes: float64 (t, f), orthonormal
    columns. shape: of an image, (H, W, C). The arrays may be memory maps.
    """

    coarse: np.ndarray
    fine: np.ndarray
    norms: np.ndarray
    centre: np.ndarray
    axes: np.ndarray
    shape: tuple

    def describe(self, images):
        """(coarse, fine) of other images, such as queries: uint8 (n, H, W, C)."""
        coarse, fine, _ = describe(images, self.centre, self.axes)
        return coarse, fine

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
    norms = put("norms", (count,), np.int64)
    for start in range(0, count, BLOCK):
        block = np.ascontiguousarray(images[start : start + BLOCK])
        if seen:
            seen(block)
        rows = slice(start, start + BLOCK)
        coarse[rows], fine[rows], norms[rows] = describe(block, centre, axes)
    return Bounds(coarse, fine, norms, centre, axes, images.shape[1:])


def describe(images, centre, axes):
    """(coarse, fine, norms) of images, by the components `axes` of thumbnails about `centre`."""
    flat = np.asarray(images).reshape(len(images), -1)
    norms, sums = exact.norms_and_sums(flat)
    small = thumbnails(images).astype(np.float64)
    components = (small - centre) @ axes
    # The squared length of the image less the mean thumbnail, spread out to full size.
    squares = norms + 256 * sums - 128**2 * flat.shape[1]
    whole = squares - 2 * (small @ centre) + centre @ centre
    rest = np.sqrt(np.maximum(whole - (components**2).sum(1), 0))
    first = min(COARSE, components.shape[1])
    middle = np.sqrt((components[:, first:] ** 2).sum(1))
    coarse = np.column_stack(
        [components[:, :first], middle, rest, (components**2).sum(1) + rest**2]
    )
    return coarse.astype(np.float32), np.column_stack([components, rest]).astype(np.float32), norms


def thumbnails(images):
    """Block means of images times the root of a block's pixels, so that lengths are the image's.

    images: uint8 (n, H, W, C). Returns float32 (n, t). An image that blocks do not divide is
    thought to go on in black, which changes no distance.
    """
    n, height, width, channels = images.shape
    block = -(-max(height, width) // SIDE)
    rows, columns = -(-height // block), -(-width // block)
    tall = np.zeros((n, rows, width * channels), np.float32)
    lines = np.asarray(images).reshape(n, height, width * channels)
    for offset in range(block):
        part = lines[:, offset::block]
        tall[:, : part.shape[1]] += part
    # Sums of a block are integers below 2²⁴, so a product with zeros and ones is exact.
    into = np.arange(width)[:, None] // block == np.arange(columns)
    pool = np.kron(into, np.eye(channels)).astype(np.float32)
    return (tall.reshape(n * rows, -1) @ pool).reshape(n, -1) / np.float32(block)


def principal(examples):
    """(mean, axes): the mean and the first FINE principal axes of rows, float64, most first."""
    centre = examples.mean(0)
    centred = examples - centre
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centre, np.ascontiguousarray(axes[:, ::-1][:, :FINE])
