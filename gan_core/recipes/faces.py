"""Photographs of faces: what the shipped faces were trained with, the best found so far.

In a short sweep (benchmarks/recipes.py) batch norm in D learned several times quicker than R1 or
spectral norm without it, and two time scales as quickly as equal ones. Steps that shrink to 0 over
the second half of the run lower the distance further.
"""


def options(count, size, channels):
    return {"ngf": 32, "ndf": 24, "batch": 32, "kimg": 1500.0, "cooldown": 0.5}
