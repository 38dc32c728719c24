"""The transforms of gan_core.training.winograd, as loops that Numba compiles.

In one dimension, with interpolation points 0, 1, −1, 2 and ∞ (Toom and Cook), an input d of five
numbers and a kernel g of two, the four outputs y_i = d_i g_0 + d_{i+1} g_1 are

    y = Aᵀ (G g · Bᵀ d)

with five products in place of eight. In two dimensions the matrices are applied along both axes:
25 products in place of 64. Below are Bᵀ, Aᵀ and G on vectors along the channels, and for the
gradients B, A and Gᵀ.

Pictures are channels last. A 4 × 4 convolution with stride 2 is a 2 × 2 convolution with stride 1
on the four pictures of even and odd rows and columns, stacked to four times the channels.
"Tiles" are float32 (25, n, channels): the 25 products of n tiles, each of 4 × 4 numbers of the
small map, or of 10 × 10 of the large one with its border of zeros.

Every function works on a range of the pictures, or of the kernels, so that several threads can
share them.
"""

import numba
import numpy as np

from gan_core.search.numba_loops import compiled

Float = np.float32
HALF, SIXTH, THIRD = np.float32(1 / 2), np.float32(1 / 6), np.float32(1 / 3)
TWO, THREE, FOUR, EIGHT = map(np.float32, (2, 3, 4, 8))


@compiled
def from_input(
    d0: Float, d1: Float, d2: Float, d3: Float, d4: Float
) -> tuple[Float, Float, Float, Float, Float]:  # Bᵀ
    odd = d3 - d1
    return (
        TWO * (d0 - d2) + odd,
        d3 - d2 - TWO * d1,
        TWO * d1 - THREE * d2 + d3,
        odd,
        d4 - d2 - TWO * odd,
    )


@compiled
def to_input(
    e0: Float, e1: Float, e2: Float, e3: Float, e4: Float
) -> tuple[Float, Float, Float, Float, Float]:  # B
    return (
        TWO * e0,
        TWO * (e2 + e4 - e1) - e0 - e3,
        -TWO * e0 - e1 - THREE * e2 - e4,
        e0 + e1 + e2 + e3 - TWO * e4,
        e4,
    )


@compiled
def from_output(
    y0: Float, y1: Float, y2: Float, y3: Float
) -> tuple[Float, Float, Float, Float, Float]:  # A
    even, odd = y0 + y2, y1 + y3
    return y0, even + odd, even - odd, y0 + TWO * y1 + FOUR * y2 + EIGHT * y3, y3


@compiled
def to_output(
    m0: Float, m1: Float, m2: Float, m3: Float, m4: Float
) -> tuple[Float, Float, Float, Float]:  # Aᵀ
    plus, minus = m1 + m2, m1 - m2
    return m0 + plus + m3, minus + TWO * m3, plus + FOUR * m3, minus + EIGHT * m3 + m4


@compiled
def from_kernel(g0: Float, g1: Float) -> tuple[Float, Float, Float, Float, Float]:  # G
    return (HALF * g0, -HALF * (g0 + g1), SIXTH * (g1 - g0), SIXTH * g0 + THIRD * g1, g1)


@compiled
def to_kernel(e0: Float, e1: Float, e2: Float, e3: Float, e4: Float) -> tuple[Float, Float]:  # Gᵀ
    return HALF * (e0 - e1) + SIXTH * (e3 - e2), SIXTH * e2 + THIRD * e3 - HALF * e1 + e4


@compiled
def large_to_tiles(pictures: np.ndarray, tiles: np.ndarray, first: int, last: int) -> None:
    """Bᵀ d B. pictures: float32 (N, H, W, C), sides multiples of 8. tiles: (25, N·H·W/64, 4C)."""
    _, height, width, channels = pictures.shape
    down, across = height // 8, width // 8
    zeros = np.zeros(channels, np.float32)
    half = np.empty((5, 5, 4 * channels), np.float32)
    for n in range(first, last):
        for place in range(down * across):
            tile = n * down * across + place
            for phase in range(4):
                row = 8 * (place // across) - 1 + phase // 2
                start = phase * channels
                for b in range(5):
                    column = 8 * (place % across) - 1 + phase % 2 + 2 * b
                    inside = 0 <= column < width
                    d0 = pictures[n, row, column] if inside and row >= 0 else zeros
                    d1 = pictures[n, row + 2, column] if inside else zeros
                    d2 = pictures[n, row + 4, column] if inside else zeros
                    d3 = pictures[n, row + 6, column] if inside else zeros
                    d4 = pictures[n, row + 8, column] if inside and row + 8 < height else zeros
                    for c in range(channels):
                        e0, e1, e2, e3, e4 = from_input(d0[c], d1[c], d2[c], d3[c], d4[c])
                        half[0, b, start + c] = e0
                        half[1, b, start + c] = e1
                        half[2, b, start + c] = e2
                        half[3, b, start + c] = e3
                        half[4, b, start + c] = e4
            for a in range(5):
                t0, t1, t2 = tiles[5 * a, tile], tiles[5 * a + 1, tile], tiles[5 * a + 2, tile]
                t3, t4 = tiles[5 * a + 3, tile], tiles[5 * a + 4, tile]
                for c in range(4 * channels):
                    t0[c], t1[c], t2[c], t3[c], t4[c] = from_input(
                        half[a, 0, c], half[a, 1, c], half[a, 2, c], half[a, 3, c], half[a, 4, c]
                    )


@compiled
def tiles_to_large(tiles: np.ndarray, pictures: np.ndarray, first: int, last: int) -> None:
    """B e Bᵀ, summed where tiles overlap; shapes as in `large_to_tiles`."""
    _, height, width, channels = pictures.shape
    down, across = height // 8, width // 8
    border = np.empty(channels, np.float32)
    half = np.empty((5, 5, 4 * channels), np.float32)
    for n in range(first, last):
        pictures[n] = numba.float32(0)
        for place in range(down * across):
            tile = n * down * across + place
            for a in range(5):
                t0, t1, t2 = tiles[5 * a, tile], tiles[5 * a + 1, tile], tiles[5 * a + 2, tile]
                t3, t4 = tiles[5 * a + 3, tile], tiles[5 * a + 4, tile]
                for c in range(4 * channels):
                    e0, e1, e2, e3, e4 = to_input(t0[c], t1[c], t2[c], t3[c], t4[c])
                    half[a, 0, c] = e0
                    half[a, 1, c] = e1
                    half[a, 2, c] = e2
                    half[a, 3, c] = e3
                    half[a, 4, c] = e4
            for phase in range(4):
                row = 8 * (place // across) - 1 + phase // 2
                start = phase * channels
                for b in range(5):
                    column = 8 * (place % across) - 1 + phase % 2 + 2 * b
                    if not 0 <= column < width:
                        continue
                    d0 = pictures[n, row, column] if row >= 0 else border
                    d1, d2 = pictures[n, row + 2, column], pictures[n, row + 4, column]
                    d3 = pictures[n, row + 6, column]
                    d4 = pictures[n, row + 8, column] if row + 8 < height else border
                    for c in range(channels):
                        e0, e1, e2, e3, e4 = to_input(
                            half[0, b, start + c],
                            half[1, b, start + c],
                            half[2, b, start + c],
                            half[3, b, start + c],
                            half[4, b, start + c],
                        )
                        d0[c] += e0
                        d1[c] += e1
                        d2[c] += e2
                        d3[c] += e3
                        d4[c] += e4


@compiled
def small_to_tiles(pictures: np.ndarray, tiles: np.ndarray, first: int, last: int) -> None:
    """A y Aᵀ. pictures: float32 (N, h, w, O), sides multiples of 4. tiles: (25, N·h·w/16, O)."""
    _, height, width, channels = pictures.shape
    down, across = height // 4, width // 4
    half = np.empty((5, 4, channels), np.float32)
    for n in range(first, last):
        for place in range(down * across):
            tile = n * down * across + place
            row, column = 4 * (place // across), 4 * (place % across)
            for b in range(4):
                y0, y1 = pictures[n, row, column + b], pictures[n, row + 1, column + b]
                y2, y3 = pictures[n, row + 2, column + b], pictures[n, row + 3, column + b]
                h0, h1, h2, h3, h4 = half[0, b], half[1, b], half[2, b], half[3, b], half[4, b]
                for c in range(channels):
                    h0[c], h1[c], h2[c], h3[c], h4[c] = from_output(y0[c], y1[c], y2[c], y3[c])
            for a in range(5):
                h0, h1, h2, h3 = half[a, 0], half[a, 1], half[a, 2], half[a, 3]
                t0, t1, t2 = tiles[5 * a, tile], tiles[5 * a + 1, tile], tiles[5 * a + 2, tile]
                t3, t4 = tiles[5 * a + 3, tile], tiles[5 * a + 4, tile]
                for c in range(channels):
                    t0[c], t1[c], t2[c], t3[c], t4[c] = from_output(h0[c], h1[c], h2[c], h3[c])


@compiled
def tiles_to_small(tiles: np.ndarray, pictures: np.ndarray, first: int, last: int) -> None:
    """Aᵀ m A; shapes as in `small_to_tiles`."""
    _, height, width, channels = pictures.shape
    down, across = height // 4, width // 4
    half = np.empty((5, 4, channels), np.float32)
    for n in range(first, last):
        for place in range(down * across):
            tile = n * down * across + place
            for a in range(5):
                t0, t1, t2 = tiles[5 * a, tile], tiles[5 * a + 1, tile], tiles[5 * a + 2, tile]
                t3, t4 = tiles[5 * a + 3, tile], tiles[5 * a + 4, tile]
                h0, h1, h2, h3 = half[a, 0], half[a, 1], half[a, 2], half[a, 3]
                for c in range(channels):
                    h0[c], h1[c], h2[c], h3[c] = to_output(t0[c], t1[c], t2[c], t3[c], t4[c])
            row, column = 4 * (place // across), 4 * (place % across)
            for b in range(4):
                h0, h1, h2, h3, h4 = half[0, b], half[1, b], half[2, b], half[3, b], half[4, b]
                y0, y1 = pictures[n, row, column + b], pictures[n, row + 1, column + b]
                y2, y3 = pictures[n, row + 2, column + b], pictures[n, row + 3, column + b]
                for c in range(channels):
                    y0[c], y1[c], y2[c], y3[c] = to_output(h0[c], h1[c], h2[c], h3[c], h4[c])


@compiled
def kernels_to_tiles(kernels: np.ndarray, tiles: np.ndarray, first: int, last: int) -> None:
    """G g Gᵀ. kernels: float32 (O, 4, 4, C). tiles: (25, O, 4C)."""
    channels = kernels.shape[3]
    half = np.empty((5, 2, channels), np.float32)
    for o in range(first, last):
        for phase in range(4):
            for b in range(2):
                g0 = kernels[o, phase // 2, 2 * b + phase % 2]
                g1 = kernels[o, phase // 2 + 2, 2 * b + phase % 2]
                h0, h1, h2, h3, h4 = half[0, b], half[1, b], half[2, b], half[3, b], half[4, b]
                for c in range(channels):
                    h0[c], h1[c], h2[c], h3[c], h4[c] = from_kernel(g0[c], g1[c])
            start, end = phase * channels, (phase + 1) * channels
            for a in range(5):
                h0, h1 = half[a, 0], half[a, 1]
                t0, t1 = tiles[5 * a, o, start:end], tiles[5 * a + 1, o, start:end]
                t2, t3 = tiles[5 * a + 2, o, start:end], tiles[5 * a + 3, o, start:end]
                t4 = tiles[5 * a + 4, o, start:end]
                for c in range(channels):
                    t0[c], t1[c], t2[c], t3[c], t4[c] = from_kernel(h0[c], h1[c])


@compiled
def tiles_to_kernels(tiles: np.ndarray, kernels: np.ndarray, first: int, last: int) -> None:
    """Gᵀ e G; shapes as in `kernels_to_tiles`."""
    channels = kernels.shape[3]
    half = np.empty((5, 2, channels), np.float32)
    for o in range(first, last):
        for phase in range(4):
            start, end = phase * channels, (phase + 1) * channels
            for a in range(5):
                t0, t1 = tiles[5 * a, o, start:end], tiles[5 * a + 1, o, start:end]
                t2, t3 = tiles[5 * a + 2, o, start:end], tiles[5 * a + 3, o, start:end]
                t4 = tiles[5 * a + 4, o, start:end]
                h0, h1 = half[a, 0], half[a, 1]
                for c in range(channels):
                    h0[c], h1[c] = to_kernel(t0[c], t1[c], t2[c], t3[c], t4[c])
            for b in range(2):
                h0, h1, h2, h3, h4 = half[0, b], half[1, b], half[2, b], half[3, b], half[4, b]
                g0 = kernels[o, phase // 2, 2 * b + phase % 2]
                g1 = kernels[o, phase // 2 + 2, 2 * b + phase % 2]
                for c in range(channels):
                    g0[c], g1[c] = to_kernel(h0[c], h1[c], h2[c], h3[c], h4[c])
