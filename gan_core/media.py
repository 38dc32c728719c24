"""Pictures as files: sheets, strips, GIF and MP4. Functions on uint8 images (N, H, W, C)."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from gan_core import files


def sheet(images, columns=None):
    """N images as one, row by row: uint8 (rows · H, columns · W, C). Empty places are white.

    columns: pictures a row; the nearest to a square by default.
    """
    n, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    whole = np.full((rows * columns, height, width, channels), 255, np.uint8)
    whole[:n] = images
    whole = whole.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return whole.reshape(rows * height, columns * width, channels)


def picture(image):
    """uint8 (H, W, C) -> a Pillow image, grey when C is 1."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def enlarge(image, factor, smooth=False):
    """uint8 (H, W, C) -> uint8 (H · factor, W · factor, C), crisp unless smooth."""
    height, width, channels = image.shape
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    large = picture(image).resize((width * factor, height * factor), how)
    return np.asarray(large).reshape(height * factor, width * factor, channels)


def encode(image, kind="PNG", **options):
    """uint8 (H, W, C) -> the bytes of a picture file."""
    buffer = io.BytesIO()
    picture(image).save(buffer, kind, **options)
    return buffer.getvalue()


def save_png(path, image):
    """Write uint8 (H, W, C) as a PNG file, whole or not at all; makes the folder."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as temporary:
        temporary.write_bytes(encode(image))
