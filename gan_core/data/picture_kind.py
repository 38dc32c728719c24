"""Whether a set of pictures are drawings, with flat areas and hard edges, or photographs."""

import numpy as np

KINDS = ("drawing", "photograph")
PICTURES = 256  # looked at, evenly spread over the set
FLAT = 0.4  # share of equal neighbours from which a set counts as drawings


def kind_of(images: np.ndarray) -> str:
    """One of KINDS for pictures uint8 (N, H, W, C)."""
    return KINDS[0] if flatness(images) >= FLAT else KINDS[1]


def flatness(images: np.ndarray) -> float:
    """The share of pixels that equal their right neighbour in every channel, in [0, 1].

    images: uint8 (N, H, W, C). Light and sensors give nearly every pixel of a photograph another
    value than its neighbour's; a drawing is mostly areas of one colour.
    """
    if not len(images):
        return 0.0
    chosen = np.unique(np.linspace(0, len(images) - 1, PICTURES).astype(int))
    equal = [(images[i][:, 1:] == images[i][:, :-1]).all(-1).mean() for i in chosen]
    return float(np.mean(equal))
