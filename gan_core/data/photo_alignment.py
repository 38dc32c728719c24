"""A user's photo, aligned with the framing of a model's pictures.

read_photo(content)          the bytes of an image file, checked, as a Pillow image
Frame                        a rotated square in a photo: its centre, side and angle
frame_of_eyes(photo, …)      the Frame that puts both eyes where the model's pictures have them
find_eyes(photo)             where the eyes are, when OpenCV is installed
cut(photo, frame, …)         the contents of a Frame at the model's resolution
"""

import io
import math
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gan_core.data import decoding
from gan_core.util.errors import InputError

# Recognised by content, not by name. Only these: for some others Pillow starts programs.
KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_BYTES = 10 * 2**20
LEAST_PIXELS = 8  # of a photo's shorter side
LONGEST = 1024  # pixels; larger photos are reduced, since a model's pictures are smaller still
Point = tuple[float, float]
Eyes = tuple[Point, Point]
# Where CelebA's alignment puts the eyes in the framing of `faces`: (left, right), each (x, y), as
# fractions of the picture's side. Left is the left of the picture.
EYES = ((0.36, 0.517), (0.635, 0.516))
DETECTED = 360  # pixels of the shorter side at which faces are detected
LEAST, MOST = 0.1, 2.0  # range of a frame's side, as a fraction of the photo's shorter side


@dataclass(frozen=True)
class Frame:
    """A rotated square in a photo.

    x, y: its centre, as fractions of the photo's width and height. side: as a fraction of the
    photo's shorter side. turn: the rotation of the square in the photo, degrees clockwise.
    """

    x: float = 0.5
    y: float = 0.5
    side: float = 1.0
    turn: float = 0.0


def kinds() -> tuple[str, ...]:
    """Pillow's names of the formats that a photo may have here."""
    return (*KINDS, "HEIF") if decoding.can_read_heic() else KINDS


def read_photo(content: bytes, white: float | None = None) -> Image.Image:
    """The bytes of an image file -> an RGB Pillow image whose longer side has at most 1,024 pixels.

    Bytes and pixels are limited before anything is decoded, and the format follows from the
    content. The EXIF orientation is applied, colours become sRGB, only the first frame of an
    animation is used, and transparent areas become white. white: the value that becomes white in a
    file of more than 8 bits, as in the training images; None for the photo's own brightest one.
    Raises InputError when the file is unusable.
    """
    check_picture(content, MAX_BYTES)
    try:
        white = white or decoding.white_of(decoding.brightest(content, kinds()))
        image = decoding.decode(content, kinds(), LONGEST, white)
        image = decoding.to_mode(image, "RGB", white)
    except Exception:  # a damaged file can raise nearly anything
        raise InputError("This picture is damaged; choose another one.") from None
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BICUBIC)
    if min(image.size) < LEAST_PIXELS:
        raise InputError("This picture is a narrow strip; choose one that is less elongated.")
    return image


def check_picture(content: bytes, most_bytes: int, least: int = LEAST_PIXELS) -> None:
    """Raise InputError when a file is too large, not a picture, or has too many or too few pixels.

    Only the picture's header is decoded. least: pixels of its shorter side.
    """
    if decoding.is_heic(content) and not decoding.can_read_heic():
        raise InputError(f"This file is {decoding.HEIC}.")
    if len(content) > most_bytes:
        raise InputError(f"This file is larger than {most_bytes // 2**20} MB; reduce its size.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of many pixels, which are checked below
            with Image.open(io.BytesIO(content), formats=kinds()) as image:
                (width, height), most = image.size, decoding.most_pixels(image.format)
    except Image.DecompressionBombError:
        width = height = most = decoding.MAX_PIXELS
    except Exception:  # a damaged file can raise nearly anything
        raise InputError(
            "This file is not a picture that can be read; choose a PNG, JPEG or WebP file."
        ) from None
    if width * height > most:
        raise InputError(
            f"This picture has more than {most // 10**6} million pixels; reduce its size."
        )
    if min(width, height) < least:
        raise InputError(
            f"This picture is less than {least} pixels high or wide; choose a larger one."
        )


def corners(photo_size: tuple[int, int], frame: Frame) -> np.ndarray:
    """The frame's corners in pixels of the photo, (4, 2), clockwise from the upper left."""
    width, height = photo_size
    side, angle = frame.side * min(width, height), math.radians(frame.turn)
    turned = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side / 2
    return square @ turned + [frame.x * width, frame.y * height]


def cut(photo: Image.Image, frame: Frame, size: int, channels: int = 3) -> np.ndarray:
    """The contents of a Frame: uint8 (size, size, channels), antialiased.

    Outside the photo its edge pixels are repeated. An unrotated square inside the photo is cut
    exactly as `image_sources.pack` cuts training images. Raises InputError for a side out of range.
    """
    if not (LEAST <= frame.side <= MOST and math.isfinite(frame.x + frame.y + frame.turn)):
        raise InputError("The frame's side must be from 0.1 to 2 of the photo's shorter side.")
    points = corners(photo.size, frame)
    inside = points.min() >= -1e-6 and (points <= np.array(photo.size) + 1e-6).all()
    if frame.turn == 0 and inside:
        box = np.clip([*points[0], *points[2]], 0, [*photo.size] * 2)
        image = photo.convert("L" if channels == 1 else "RGB")
        image = image.resize((size, size), Image.Resampling.BICUBIC, box=tuple(box))
        return np.asarray(image).reshape(size, size, channels)
    # First at about the photo's own resolution: a whole number of samples per pixel of the result.
    times = max(1, math.ceil(frame.side * min(photo.size) / size))
    right, down = (points[1] - points[0]) / (size * times), (points[3] - points[0]) / (size * times)
    steps = np.arange(size * times) + 0.5
    x = points[0][0] + right[0] * steps[None, :] + down[0] * steps[:, None]
    y = points[0][1] + right[1] * steps[None, :] + down[1] * steps[:, None]
    large = bilinear(np.asarray(photo.convert("RGB"), np.float32), x - 0.5, y - 0.5)
    small = large.reshape(size, times, size, times, 3).mean((1, 3))
    result = np.clip(np.rint(small), 0, 255).astype(np.uint8)
    if channels == 1:
        result = np.asarray(Image.fromarray(result).convert("L"))
    return result.reshape(size, size, channels)


def bilinear(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear samples of an image (H, W, C) at x, y, each (h, w), in pixels from the first centre.

    Returns (h, w, C). Positions outside the image take the value of its edge.
    """
    height, width = image.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    a, b = (x - left)[..., None], (y - top)[..., None]
    upper = image[top, left] * (1 - a) + image[top, right] * a
    lower = image[below, left] * (1 - a) + image[below, right] * a
    return upper * (1 - b) + lower * b


def frame_of_eyes(
    photo_size: tuple[int, int],
    left: Point,
    right: Point,
    eyes: Eyes = EYES,
    turn: float | None = None,
) -> Frame:
    """The Frame that puts two points of a photo where the model's pictures have the eyes.

    left, right: (x, y), as fractions of the photo's width and height. eyes: where they should be,
    as fractions of the frame's side. turn: the orientation of the photo in degrees, where it is
    known; the points are swapped when the frame would otherwise be upside down.
    Raises InputError when the points are too close together or too far apart.
    """
    size = np.array(photo_size, float)
    here = np.array([left, right], float) * size
    there = np.array(eyes, float)
    # In complex numbers, rotation and scaling are one product: photo = start + scale · frame.
    scale = complex(*(here[1] - here[0])) / complex(*(there[1] - there[0]))
    centre = complex(*here[0]) + scale * (complex(0.5, 0.5) - complex(*there[0]))
    side = abs(scale) / size.min()
    if not LEAST <= side <= MOST:
        raise InputError("These eyes are too close together or too far apart for a face.")
    angle = math.degrees(math.atan2(scale.imag, scale.real))
    if turn is not None and abs((angle - turn + 180) % 360 - 180) > 90:
        return frame_of_eyes(photo_size, right, left, eyes)
    return Frame(centre.real / size[0], centre.imag / size[1], side, angle)


def eyes_of_frame(photo_size: tuple[int, int], frame: Frame, eyes: Eyes = EYES) -> Eyes:
    """The inverse of `frame_of_eyes`: where the eyes of a Frame are in the photo."""
    upper_left, upper_right, _, lower_left = corners(photo_size, frame)
    (a, b), (c, d) = (
        (upper_left + x * (upper_right - upper_left) + y * (lower_left - upper_left)) / photo_size
        for x, y in eyes
    )
    return (float(a), float(b)), (float(c), float(d))


def read_eyes(text: str) -> Eyes:
    """ "0.36,0.52,0.64,0.52" -> ((0.36, 0.52), (0.64, 0.52)): left eye, right eye.

    Raises InputError for anything else.
    """
    try:
        a, b, c, d = (float(part) for part in text.split(","))
    except ValueError:
        a = b = c = d = math.nan
    if not (0 <= a < c <= 1 and 0 <= b <= 1 and 0 <= d <= 1):
        raise InputError(
            f"eyes is {text!r}; it must be four fractions of the sides: 0.36,0.52,0.64,0.52."
        )
    return ((a, b), (c, d))


def can_find_eyes() -> bool:
    """Whether OpenCV and its cascades are installed, which `find_eyes` needs."""
    try:
        import cv2

        return hasattr(cv2, "CascadeClassifier") and hasattr(cv2, "data")
    except ImportError:
        return False


def find_eyes(photo: Image.Image) -> Eyes | None:
    """The eyes of the largest face, ((x, y), (x, y)) as fractions of the photo, or None.

    The detector of Viola and Jones (2001), with the cascades of OpenCV 4 (pip install
    "opencv-python-headless<5"). Eyes that it misses in a face are assumed at the usual places.
    """
    if not can_find_eyes():
        return None
    import cv2

    enlarged = DETECTED / min(photo.size)
    size = [max(round(side * enlarged), 1) for side in photo.size]
    grey = np.asarray(photo.convert("L").resize(size, Image.Resampling.BICUBIC))

    def detect(image: np.ndarray, name: str, least: int, neighbours: int) -> np.ndarray:
        cascade = cv2.CascadeClassifier(cv2.data.haarcascades + name)
        return cascade.detectMultiScale(image, 1.1, neighbours, minSize=(least, least))

    faces = detect(grey, "haarcascade_frontalface_default.xml", DETECTED // 8, 5)
    if not len(faces):
        return None
    x, y, w, h = max(faces, key=lambda face: face[2])
    upper = grey[y : y + round(0.6 * h), x : x + w]
    eyes = detect(upper, "haarcascade_eye.xml", max(w // 8, 8), 4)
    centres = [(x + a + c / 2, y + b + d / 2) for a, b, c, d in eyes]
    sides = [[e for e in centres if e[0] < x + w / 2], [e for e in centres if e[0] >= x + w / 2]]
    usual = [(x + 0.3 * w, y + 0.38 * h), (x + 0.7 * w, y + 0.38 * h)]
    if all(sides):
        usual = [_nearest(side, place) for side, place in zip(sides, usual, strict=True)]
    (a, b), (c, d) = usual
    return (
        (float(a / size[0]), float(b / size[1])),
        (float(c / size[0]), float(d / size[1])),
    )


def _nearest(points: list[Point], place: Point) -> Point:
    return min(points, key=lambda point: math.dist(point, place))
