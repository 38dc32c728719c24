"""Pictures as files: sheets, strips, GIF, MP4 and WebM, from uint8 images (N, H, W, C)."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_core.util import atomic_files


def sheet(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """N images in one, row by row: uint8 (rows · H, columns · W, C). Empty cells are white.

    columns: images per row; None for a sheet that is as close to a square as possible.
    """
    n, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    whole = np.full((rows * columns, height, width, channels), 255, np.uint8)
    whole[:n] = images
    whole = whole.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return whole.reshape(rows * height, columns * width, channels)


def picture(image: np.ndarray) -> Image.Image:
    """uint8 (H, W, C) -> a Pillow image, greyscale when C is 1."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def enlarge(image: np.ndarray, factor: int, smooth: bool = False) -> np.ndarray:
    """uint8 (H, W, C) -> uint8 (H · factor, W · factor, C), with hard pixel edges unless smooth."""
    height, width, channels = image.shape
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    large = picture(image).resize((width * factor, height * factor), how)
    return np.asarray(large).reshape(height * factor, width * factor, channels)


def encode(image: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    """uint8 (H, W, C) -> the bytes of an image file. kind, options: those of Pillow's `save`."""
    buffer = io.BytesIO()
    picture(image).save(buffer, kind, **options)
    return buffer.getvalue()


def save(path: str | Path, data: bytes) -> None:
    """Write bytes to a file atomically; its folder is created when missing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_files.replacing(path) as temporary:
        temporary.write_bytes(data)


def strip(frames: np.ndarray) -> np.ndarray:
    """N frames side by side: uint8 (H, N · W, C)."""
    return sheet(frames, columns=len(frames))


def gif(frames: np.ndarray, fps: float = 12, loop: bool = True) -> bytes:
    """Frames uint8 (N, H, W, C) -> the bytes of an animated GIF.

    GIF counts time in hundredths of a second, to which the frame rate is rounded.
    """
    first, *rest = [picture(frame).convert("RGB") for frame in frames]
    buffer = io.BytesIO()
    options = {"loop": 0} if loop else {}
    duration = max(20, round(100 / fps) * 10)  # ms; browsers slow down anything shorter
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=duration, **options)
    return buffer.getvalue()


def mp4(frames: np.ndarray, fps: int = 24) -> bytes:
    """Frames uint8 (N, H, W, C) -> the bytes of an H.264 video that browsers and phones play.

    Frames of odd size gain a row or a column, because the usual pixel format needs even sizes.
    """
    return encode_film(frames, "mp4", fps)


def webm(frames: np.ndarray, fps: int = 24) -> bytes:
    """Frames uint8 (N, H, W, C) -> the bytes of a WebM (VP9), which browsers play."""
    return encode_film(frames, "webm", fps)


def encode_film(frames: Iterable[np.ndarray], kind: str, fps: int) -> bytes:
    """Frames uint8 (H, W, C) of one size, one after another -> a film of kind "mp4" or "webm".

    The frames are taken one at a time, so that a long film needs the memory of a single frame.
    Frames of odd size gain a row or a column.
    """
    import av

    codec, options = {
        "mp4": ("libx264", {"crf": "16", "threads": "1"}),
        "webm": ("libvpx-vp9", {"crf": "24", "b": "0", "cpu-used": "5", "deadline": "realtime"}),
    }[kind]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as film:
        stream: Any = film.add_stream(codec, rate=fps, options=options)
        stream.pix_fmt = "yuv420p"
        for i, frame in enumerate(frames):
            frame = frame.repeat(3, axis=-1) if frame.shape[-1] == 1 else frame
            frame = np.pad(frame, [(0, size % 2) for size in frame.shape[:2]] + [(0, 0)], "edge")
            if i == 0:
                stream.height, stream.width = frame.shape[:2]
            picture_of_film = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
            film.mux(stream.encode(picture_of_film))
        film.mux(stream.encode(None))
    return buffer.getvalue()


def encode_gif(frames: Iterable[np.ndarray], fps: int) -> bytes:
    """Frames uint8 (H, W, C), one after another -> an animated GIF that repeats."""
    pictures = (picture(frame).convert("RGB") for frame in frames)
    first, buffer = next(pictures), io.BytesIO()
    duration = max(20, round(100 / fps) * 10)
    first.save(buffer, "GIF", save_all=True, append_images=pictures, duration=duration, loop=0)
    return buffer.getvalue()
