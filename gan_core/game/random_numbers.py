"""Random numbers that Python and JavaScript compute alike: a hash of a counter.

A number depends on (seed, stream, draw, place) alone, so nothing has to be remembered between
draws. explorer/components/game_random.js is the same in JavaScript.
"""

import numpy as np

# What the numbers of a stream are for.
GENERATOR, DISCRIMINATOR, REAL, FAKE, MOVE, PAIRED, MIX, POOL = range(8)
WORD = np.uint64(0xFFFFFFFF)


def mix(x: np.ndarray) -> np.ndarray:
    """A bijection of 32-bit words that scrambles all bits (Wellons 2018, lowbias32).

    x: uint64 below 2³², any shape. Returns the same shape.
    """
    x = x ^ (x >> np.uint64(16))
    x = (x * np.uint64(0x7FEB352D)) & WORD
    x = x ^ (x >> np.uint64(15))
    x = (x * np.uint64(0x846CA68B)) & WORD
    return x ^ (x >> np.uint64(16))


def uniform(seed: int, stream: int, draw: int, n: int) -> np.ndarray:
    """n numbers, float64 (n,), uniform in (0, 1).

    seed: 0 to 2³² − 1. stream: one of the constants above. draw: how often the stream was used.
    """
    key = np.array([seed], np.uint64)
    for word in (stream, draw):
        key = mix((key + np.uint64(0x9E3779B9) + np.uint64(word)) & WORD)
    places = np.arange(n, dtype=np.uint64)
    bits = mix((mix(places ^ mix(key)) + key) & WORD)
    return (bits.astype(np.float64) + 0.5) / 2**32


def normal(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two independent standard normal numbers for each pair of uniform ones (Box and Muller 1958).

    u, v: float64 (n,) in (0, 1). Returns two float64 (n,).
    """
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
    return radius * np.cos(angle), radius * np.sin(angle)
