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
    chosen = np.unique(np.linspace(0, len(images) - 1, PICTURES).astype(int)) if len(images) else []
    shares = [
        (image[:, 1:] == image[:, :-1]).all(-1).mean() for image in map(images.__getitem__, chosen)
    ]
    return float(np.mean(shares)) if shares else 0.0
