"""Photographs from outside, brought into the frame of a model's pictures.

read_photo(content)          the bytes of a picture file, checked, as a Pillow image
Frame                        a turned square in a photo; its side, place and angle
frame_of_eyes(photo, …)      the Frame that puts both eyes where the model's pictures have them
find_eyes(photo)             where the eyes are, when OpenCV is installed
cut(photo, frame, …)         what the Frame holds, as the model's pictures are
"""

import io
import math
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gan_core.data import image_sources
from gan_core.util.errors import InputError

# By content, not by name: these kinds alone, since Pillow reads some that start programs.
KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_BYTES = 10 * 2**20
LEAST_PIXELS = 8  # of a photo's shorter side
LONGEST = 1024  # pixels; a larger photo is made smaller, a model's pictures are smaller still
Point = tuple[float, float]
Eyes = tuple[Point, Point]
# Where CelebA's alignment puts the eyes in the framing of `faces`: (left, right), each (x, y), as
# fractions of the picture's side. Left is the left of the picture.
EYES = ((0.36, 0.517), (0.635, 0.516))
DETECTED = 360  # pixels of the shorter side at which faces are sought
LEAST, MOST = 0.1, 2.0  # a frame's side, as parts of the photo's shorter side


@dataclass(frozen=True)
class Frame:
    """A turned square in a photo.

    x, y: its centre, as parts of the photo's width and height. side: as a part of the photo's
    shorter side. turn: degrees clockwise, by which the square is turned in the photo.
    """

    x: float = 0.5
    y: float = 0.5
    side: float = 1.0
    turn: float = 0.0


def read_photo(content: bytes) -> Image.Image:
    """The bytes of a picture file -> a Pillow image, RGB, its longest side at most 1,024 pixels.

    Bytes and pixels are limited before anything is decoded; the kind is told by the content. It is
    turned as its EXIF orientation says; of an animation it is the first picture; transparent parts
    become white. Raises InputError with one sentence.
    """
    check_picture(content, MAX_BYTES)
    try:
        image = image_sources.to_mode(image_sources.decode(content, KINDS, LONGEST), "RGB")
    except Exception:  # a damaged file can raise nearly anything
        raise InputError("This picture is damaged; take another one.") from None
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BICUBIC)
    if min(image.size) < LEAST_PIXELS:
        raise InputError("This picture is a narrow strip; take one that is less long.")
    return image


def check_picture(content: bytes, most_bytes: int, least: int = LEAST_PIXELS) -> None:
    """Raise InputError when bytes are too many, no picture, or one of too many or few pixels.

    Nothing but the picture's header is read. least: pixels of its shorter side.
    """
    if len(content) > most_bytes:
        raise InputError(f"This file is larger than {most_bytes // 2**20} MB; make it smaller.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of many pixels, which are counted here
            with Image.open(io.BytesIO(content), formats=KINDS) as image:
                (width, height), most = image.size, image_sources.most_pixels(image.format)
    except Image.DecompressionBombError:
        width = height = most = image_sources.MAX_PIXELS
    except Exception:  # a damaged file can raise nearly anything
        raise InputError(
            "This file is not a picture that can be read here; take a PNG, JPEG or WebP."
        ) from None
    if width * height > most:
        raise InputError(
            f"This picture has more than {most // 10**6} million pixels; make it smaller."
        )
    if min(width, height) < least:
        raise InputError(
            f"This picture is less than {least} pixels high or wide; take a larger one."
        )


def corners(photo_size: tuple[int, int], frame: Frame) -> np.ndarray:
    """The frame's corners in pixels of the photo, (4, 2): from the upper left one clockwise."""
    width, height = photo_size
    side, angle = frame.side * min(width, height), math.radians(frame.turn)
    turned = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side / 2
    return square @ turned + [frame.x * width, frame.y * height]


def cut(photo: Image.Image, frame: Frame, size: int, channels: int = 3) -> np.ndarray:
    """What a Frame holds: uint8 (size, size, channels), antialiased.

    What lies outside of the photo repeats its edge. A square that is not turned and lies inside is
    cut just as `sources.pack` cuts training images. Raises InputError for a frame of no size.
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
    # First at about the photo's own resolution, a whole number of pixels for each one wanted.
    times = max(1, math.ceil(frame.side * min(photo.size) / size))
    right, down = (points[1] - points[0]) / (size * times), (points[3] - points[0]) / (size * times)
    steps = np.arange(size * times) + 0.5
    x = points[0][0] + right[0] * steps[None, :] + down[0] * steps[:, None]
    y = points[0][1] + right[1] * steps[None, :] + down[1] * steps[:, None]
    large = bilinear(np.asarray(photo.convert("RGB"), np.float32), x - 0.5, y - 0.5)
    small = large.reshape(size, times, size, times, 3).mean((1, 3))
    found = np.clip(np.rint(small), 0, 255).astype(np.uint8)
    if channels == 1:
        found = np.asarray(Image.fromarray(found).convert("L"))
    return found.reshape(size, size, channels)


def bilinear(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """image (H, W, C) at places x, y, each (h, w), in pixels from the first one's centre."""
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

    left, right: (x, y), as parts of the photo's width and height. eyes: where they are to be, as
    parts of the frame's side. turn: how the photo is held, in degrees, where that is known: the
    points change places where they would make a frame that stands on its head in it.
    Raises InputError when they are too near or too far apart.
    """
    size = np.array(photo_size, float)
    here = np.array([left, right], float) * size
    there = np.array(eyes, float)
    # As complex numbers, a turned and enlarged square is a product: photo = start + scale · frame.
    scale = complex(*(here[1] - here[0])) / complex(*(there[1] - there[0]))
    centre = complex(*here[0]) + scale * (complex(0.5, 0.5) - complex(*there[0]))
    side = abs(scale) / size.min()
    if not LEAST <= side <= MOST:
        raise InputError("These eyes are too near to each other or too far apart for a face.")
    found = math.degrees(math.atan2(scale.imag, scale.real))
    if turn is not None and abs((found - turn + 180) % 360 - 180) > 90:
        return frame_of_eyes(photo_size, right, left, eyes)
    return Frame(centre.real / size[0], centre.imag / size[1], side, found)


def eyes_of_frame(photo_size: tuple[int, int], frame: Frame, eyes: Eyes = EYES) -> Eyes:
    """The other way round: where in the photo the eyes of a Frame are, ((x, y), (x, y))."""
    upper_left, upper_right, _, lower_left = corners(photo_size, frame)
    places = [
        upper_left + x * (upper_right - upper_left) + y * (lower_left - upper_left) for x, y in eyes
    ]
    return tuple(tuple(float(v) for v in place / photo_size) for place in places)


def read_eyes(text: str) -> Eyes:
    """ "0.36,0.52,0.64,0.52" -> ((0.36, 0.52), (0.64, 0.52)): x, y of the left eye, of the right.

    Raises InputError for anything else.
    """
    try:
        a, b, c, d = (float(part) for part in text.split(","))
    except ValueError:
        a = b = c = d = math.nan
    if not (0 <= a < c <= 1 and 0 <= b <= 1 and 0 <= d <= 1):
        raise InputError(
            f"eyes is {text!r}; it must be four parts of the side: 0.36,0.52,0.64,0.52."
        )
    return ((a, b), (c, d))


def detector() -> bool:
    """Whether eyes can be found without a hand: whether OpenCV and its cascades are installed."""
    try:
        import cv2

        return hasattr(cv2, "CascadeClassifier") and hasattr(cv2, "data")
    except ImportError:
        return False


def find_eyes(photo: Image.Image) -> Eyes | None:
    """Where the eyes of the largest face are, ((x, y), (x, y)) as parts of the photo, or None.

    Viola and Jones (2001), by the cascades of OpenCV 4 (pip install "opencv-python-headless<5").
    Where it finds a face and not both of its eyes, they are where faces usually have them.
    """
    if not detector():
        return None
    import cv2

    enlarged = DETECTED / min(photo.size)
    size = [max(round(side * enlarged), 1) for side in photo.size]
    grey = np.asarray(photo.convert("L").resize(size, Image.Resampling.BICUBIC))

    def look(image, name, least, sure):
        cascade = cv2.CascadeClassifier(cv2.data.haarcascades + name)
        return cascade.detectMultiScale(image, 1.1, sure, minSize=(least, least))

    faces = look(grey, "haarcascade_frontalface_default.xml", DETECTED // 8, 5)
    if not len(faces):
        return None
    x, y, w, h = max(faces, key=lambda face: face[2])
    upper = grey[y : y + round(0.6 * h), x : x + w]
    eyes = look(upper, "haarcascade_eye.xml", max(w // 8, 8), 4)
    centres = [(x + a + c / 2, y + b + d / 2) for a, b, c, d in eyes]
    sides = [[e for e in centres if e[0] < x + w / 2], [e for e in centres if e[0] >= x + w / 2]]
    usual = [(x + 0.3 * w, y + 0.38 * h), (x + 0.7 * w, y + 0.38 * h)]
    if all(sides):
        found = [
            min(some, key=lambda e, u=u: math.dist(e, u))
            for some, u in zip(sides, usual, strict=True)
        ]
    else:
        found = usual
    return tuple((float(a / size[0]), float(b / size[1])) for a, b in found)
