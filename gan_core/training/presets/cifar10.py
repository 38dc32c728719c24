"""Small photographs of ten kinds, 32×32: a spectral norm and the hinge loss, as SNGAN has them."""


def options(count, size, channels):
    return {
        "objective": "hinge",
        "norm": "spectral",
        "augment": "mirror,translation",
        "ngf": 64,
        "ndf": 64,
        "k": 2,
        "kimg": 10_000.0,
    }
