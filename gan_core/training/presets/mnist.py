"""Digits, 28×28, gray: no mirroring, because a mirrored 2 is no digit."""


def options(count, size, channels):
    return {"augment": "translation", "ngf": 32, "ndf": 32, "nz": 64, "kimg": 400.0}
