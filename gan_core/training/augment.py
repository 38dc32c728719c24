"""Differentiable augmentation (Zhao et al. 2020): the same kinds of change for real and generated.

What D sees is always augmented, in both players' steps, so that it cannot tell a training image by
heart, and G is never asked to draw the augmentation itself.
All functions: float (N, C, H, W) in [−1, 1] -> the same shape; random numbers
from the `Draws` given (see distributed.py).
"""

import torch
import torch.nn.functional as F

from gan_core.util.errors import InputError


def mirror(images, draws):
    """Flip each image left to right with probability 1/2."""
    flip = draws.uniform(len(images), 1, 1, 1) < 0.5
    return torch.where(flip, images.flip(3), images)


def translation(images, draws, ratio=1 / 8):
    """Shift each image by up to `ratio` of its size either way; what comes in is grey (0)."""
    n, _, height, width = images.shape
    pad_y, pad_x = round(height * ratio), round(width * ratio)
    padded = F.pad(images, (pad_x, pad_x, pad_y, pad_y)).permute(0, 2, 3, 1)
    top = draws.integers(2 * pad_y + 1, n, 1, 1)
    left = draws.integers(2 * pad_x + 1, n, 1, 1)
    rows = top + torch.arange(height, device=images.device)[None, :, None]
    columns = left + torch.arange(width, device=images.device)[None, None, :]
    which = torch.arange(n, device=images.device)[:, None, None]
    return padded[which, rows, columns].permute(0, 3, 1, 2)


def cutout(images, draws, ratio=1 / 2):
    """Blank one square of `ratio` of the image's size in each image."""
    n, _, height, width = images.shape
    size_y, size_x = round(height * ratio), round(width * ratio)
    y = draws.integers(height + 1, n, 1, 1, 1)
    x = draws.integers(width + 1, n, 1, 1, 1)
    rows = torch.arange(height, device=images.device)[None, None, :, None]
    columns = torch.arange(width, device=images.device)[None, None, None, :]
    top, left = y - size_y // 2, x - size_x // 2
    inside = (rows >= top) & (rows < top + size_y) & (columns >= left) & (columns < left + size_x)
    return images.masked_fill(inside, 0)


def colour(images, draws):
    """Brightness by ±0.5, saturation by 0–2×, contrast by 0.5–1.5×, as in the paper."""

    def uniform(low, high):
        return low + (high - low) * draws.uniform(len(images), 1, 1, 1)

    images = images + uniform(-0.5, 0.5)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * uniform(0.0, 2.0)
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * uniform(0.5, 1.5)


AUGMENTATIONS = {
    "mirror": mirror,
    "translation": translation,
    "cutout": cutout,
    "colour": colour,
}


def parse(names):
    """ "mirror,translation" -> the tuple of names, checked; "" or "none" -> ()."""
    chosen = tuple(name.strip() for name in names.split(",") if name.strip() not in ("", "none"))
    for name in chosen:
        if name not in AUGMENTATIONS:
            raise InputError(
                f"There is no augmentation {name!r}; choose from {', '.join(AUGMENTATIONS)}."
            )
    return chosen


def augment(images, names, draws):
    """Apply the named augmentations in the order given."""
    for name in names:
        images = AUGMENTATIONS[name](images, draws)
    return images
