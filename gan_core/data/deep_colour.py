"""Colour files of 16 bits per value, of which Pillow reads the upper 8: PNG and TIFF.

FFmpeg (PyAV) reads all 16. Its values are used only where their upper bytes are what Pillow reads,
so that a form of TIFF that FFmpeg takes for another one is never shown wrongly.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

BITS_PER_SAMPLE, PLANAR_CONFIGURATION = 258, 284  # tags of a TIFF
ROWS = 256  # of a picture are converted at once, to save memory


def is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether an opened Pillow image has 16 bits in each of several channels.

    data: the bytes of its file.
    """
    if image.format == "PNG":
        return data[24:25] == b"\x10" and data[25:26] != b"\0"  # colour type 0 is grey
    if image.format == "TIFF":
        bits = image.tag_v2.get(BITS_PER_SAMPLE, ())  # type: ignore[attr-defined]
        return len(bits) > 1 and set(bits) == {16}
    return False


def in_planes(image: Image.Image) -> bool:
    """Whether an opened image that `is_deep` keeps one channel after the other.

    Pillow takes the bytes of such a TIFF for 8-bit values, so its picture is wrong.
    """
    return image.format == "TIFF" and image.tag_v2.get(PLANAR_CONFIGURATION) == 2  # type: ignore[attr-defined]


def values(image: Image.Image, data: bytes) -> np.ndarray | None:
    """A loaded image that `is_deep` -> uint16 (H, W, C), C being the image's number of channels.

    The bytes of a value may be in either order, which NumPy knows.
    None where FFmpeg cannot read the file, or reads something else than Pillow.
    """
    array = _read(data, (image.width + 128) * (image.height + 128))  # FFmpeg counts a margin
    channels = len(image.getbands())
    if array is None or array.shape[:2] != (image.height, image.width):
        return None
    if array.shape[2] == 2:  # grey and alpha, for which Pillow has RGBA
        array = array[..., [0, 0, 0, 1]]
    if array.shape[2] < channels:
        return None
    array = array[..., :channels]  # Pillow keeps a transparent colour beside RGB
    same = all(
        np.array_equal(array[rows] >> 8, np.asarray(image.crop(_box(image, rows))))
        for rows in _blocks(image.height)
    )
    return array if same else None


def brightest(image: Image.Image, data: bytes) -> float:
    """The brightest value of an image that `is_deep`, from 0 to 65,535; alpha does not count."""
    image.load()
    array = values(image, data)
    colours = len(image.getbands()) - (image.mode in ("LA", "RGBA"))
    if array is not None:
        return float(array[..., :colours].max())
    # Of the upper byte alone, the most that the value can be.
    upper = max(int(np.asarray(band).max()) for band in image.split()[:colours])
    return 256.0 * upper + 255


def scale(image: Image.Image, data: bytes, white: float) -> bool:
    """Scale a loaded image that `is_deep` in place, so that a value becomes white.

    Its alpha is scaled alike where it stays within that value. Returns whether it could be.
    """
    array = values(image, data)
    if array is None:
        return False
    table = np.clip(np.rint(np.arange(65536) * (255 / white)), 0, 255).astype(np.uint8)
    alpha = image.mode in ("LA", "RGBA")
    full = alpha and array[..., -1].max() > white
    for rows in _blocks(image.height):
        levels = table[array[rows]]
        if full:
            levels[..., -1] = array[rows][..., -1] >> 8
        image.paste(Image.fromarray(levels, image.mode), (0, rows.start))
    return True


def _read(data: bytes, pixels: int) -> np.ndarray | None:
    """The first picture of a PNG or TIFF of 16 bits: uint16 (H, W, channels), None for others."""
    import av  # here, since few sets have such files

    decoder = av.CodecContext.create("png" if data[:4] == b"\x89PNG" else "tiff", "r")
    decoder.options = {"max_pixels": str(pixels)}
    try:
        frames = decoder.decode(av.Packet(data)) or decoder.decode(None)
    except (av.FFmpegError, ValueError):
        return None
    if not frames:
        return None
    (frame, *_), channels = frames, len(frames[0].format.components)
    name = frame.format.name
    if name[:-2] not in ("ya16", "rgb48", "rgba64"):
        return None
    kind = np.dtype(np.uint16).newbyteorder(">" if name.endswith("be") else "<")
    plane = frame.planes[0]
    lines = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // 2)
    lines = lines[: frame.height, : frame.width * channels]
    return lines.reshape(frame.height, frame.width, channels)  # a view: no copy of up to 200 MB


def _blocks(height: int) -> Iterator[slice]:
    return (slice(y, min(y + ROWS, height)) for y in range(0, height, ROWS))


def _box(image: Image.Image, rows: slice) -> tuple[int, int, int, int]:
    return (0, rows.start, image.width, rows.stop)
