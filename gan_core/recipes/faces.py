"""Photographs of faces: DCGAN with batch norm in both, and two time scales.

In a sweep (benchmarks/recipes.py) batch norm in D learned several times quicker than R1 or spectral
norm without it. With equal step sizes D wins more and more of the game; a smaller one for D and a
larger one for G (Heusel et al. 2017) is as quick and keeps them level for longer. G is the wider of
the two, because the pictures are its; the step sizes fall to 0 over the last part.
"""


def options(count, size, channels):
    return {
        "lr_d": 1e-4,
        "lr_g": 4e-4,
        "ngf": 48,
        "ndf": 24,
        "batch": 32,
        "ema_kimg": 20.0,
        "cooldown": 0.3,
        "kimg": 1500.0,
    }
