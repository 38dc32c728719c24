"""Differentiable augmentation (Zhao et al. 2020): the same kinds of change for real and generated.

D's input is augmented in the steps of both networks, so that D cannot memorise the training images,
and G is never rewarded for drawing the augmentation itself. With a strength below 1 each kind of
change is made to each image with that probability (Karras et al. 2020, arXiv 2006.06676).
All functions: float (N, C, H, W) in [−1, 1] -> the same shape, with random numbers from a `Draws`
(see distributed.py).
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from gan_core.training.distributed import Draws
from gan_core.util.errors import InputError


def mirror(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Flip each image left to right with probability 1/2."""
    flip = draws.uniform(len(images), 1, 1, 1) < 0.5
    return torch.where(flip, images.flip(3), images)


def translation(images: torch.Tensor, draws: Draws, ratio: float = 1 / 8) -> torch.Tensor:
    """Shift each image by up to `ratio` of its size either way; the gap is filled with grey (0)."""
    n, _, height, width = images.shape
    pad_y, pad_x = round(height * ratio), round(width * ratio)
    padded = F.pad(images, (pad_x, pad_x, pad_y, pad_y)).permute(0, 2, 3, 1)
    top = draws.integers(2 * pad_y + 1, n, 1, 1)
    left = draws.integers(2 * pad_x + 1, n, 1, 1)
    rows = top + torch.arange(height, device=images.device)[None, :, None]
    columns = left + torch.arange(width, device=images.device)[None, None, :]
    which = torch.arange(n, device=images.device)[:, None, None]
    return padded[which, rows, columns].permute(0, 3, 1, 2)


def cutout(images: torch.Tensor, draws: Draws, ratio: float = 1 / 2) -> torch.Tensor:
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


def colour(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Brightness by ±0.5, saturation by 0–2×, contrast by 0.5–1.5×, as in the paper."""

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * draws.uniform(len(images), 1, 1, 1)

    images = images + uniform(-0.5, 0.5)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * uniform(0.0, 2.0)
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * uniform(0.5, 1.5)


def mild_colour(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Brightness by ±0.1, saturation by 0.5–1.5×, contrast by 0.8–1.25×."""

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * draws.uniform(len(images), 1, 1, 1)

    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * uniform(0.5, 1.5)
    contrast = uniform(math.log(0.8), math.log(1.25)).exp()
    return images * contrast + uniform(-0.1, 0.1)


def scale(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Enlarge or shrink each image about its centre by 2^x, x from N(0, 0.2) as in the paper."""
    factor = 2 ** (0.2 * draws.normal(len(images)))
    zero = torch.zeros_like(factor)
    return warp(images, torch.stack([1 / factor, zero, zero, 1 / factor], 1))


def rotation(images: torch.Tensor, draws: Draws, degrees: float = 15.0) -> torch.Tensor:
    """Turn each image about its centre by up to `degrees` either way."""
    angle = (2 * draws.uniform(len(images)) - 1) * math.radians(degrees)
    cos, sin = angle.cos(), angle.sin()
    return warp(images, torch.stack([cos, -sin, sin, cos], 1))


def warp(images: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """Sample each image at M·(x, y), bilinear; beyond its border the image is reflected.

    matrices: float (N, 4), M row by row; (x, y) is measured from the centre in half sides.
    """
    theta = F.pad(matrices.view(-1, 2, 2), (0, 1)).to(images.dtype)  # without a shift
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


AUGMENTATIONS: dict[str, Callable[[torch.Tensor, Draws], torch.Tensor]] = {
    "mirror": mirror,
    "translation": translation,
    "cutout": cutout,
    "colour": colour,
    "mild_colour": mild_colour,
    "scale": scale,
    "rotation": rotation,
}


def parse(names: str) -> tuple[str, ...]:
    """ "mirror,translation" -> the tuple of names, checked; "" or "none" -> ()."""
    chosen = tuple(name.strip() for name in names.split(",") if name.strip() not in ("", "none"))
    for name in chosen:
        if name not in AUGMENTATIONS:
            raise InputError(
                f"There is no augmentation {name!r}; choose from {', '.join(AUGMENTATIONS)}."
            )
    return chosen


def augment(
    images: torch.Tensor,
    names: tuple[str, ...],
    draws: Draws,
    strength: float | torch.Tensor = 1.0,
) -> torch.Tensor:
    """Apply the named augmentations in the order given.

    strength: probability, for each image and each kind, that the change is made; a number, or a
    tensor of shape () on the images' device. Mirroring does not depend on it: a mirrored half is
    what G draws too, if it draws mirrored images at all.
    """
    for name in names:
        changed = AUGMENTATIONS[name](images, draws)
        if name != "mirror" and (isinstance(strength, torch.Tensor) or strength < 1):
            chosen = draws.uniform(len(images), 1, 1, 1) < strength
            changed = torch.where(chosen, changed, images)
        images = changed
    return images
