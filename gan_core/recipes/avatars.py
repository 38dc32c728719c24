"""Flat drawings of faces: what the shipped avatars were trained with. Narrow networks draw them."""


def options(count, size, channels):
    return {"ngf": 32, "ndf": 16, "batch": 32, "kimg": 400.0}
