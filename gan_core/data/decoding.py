"""One image file, as people have them, to pixels in sRGB: limits, HEIC, colour profiles, 16 bits.

decode(data)            the bytes of a file -> a Pillow image
to_mode(image, mode)    any Pillow image -> "L" or "RGB" in sRGB
square(data, …)         either -> a packed picture
"""

import io
import warnings
from functools import cache, lru_cache

import numpy as np
from PIL import Image, ImageCms, ImageOps

from gan_core.data import deep_colour

MAX_BYTES = 256 * 2**20  # of one image file
# Pixels of one image, so that decoding takes less than 500 MB. Other formats than JPEG and HEIC are
# held in memory several times while they are decoded and converted.
MAX_PIXELS = 25_000_000
MAX_PIXELS_HEIC = 50_000_000
MAX_PIXELS_JPEG = 120_000_000
REDUCED = 50_000_000  # JPEGs with more pixels than this are decoded at a reduced scale
# Bytes of coefficients, which libjpeg holds for the whole of a progressive JPEG.
MAX_COEFFICIENTS = 330 * 2**20
MAX_PROFILE = 8 * 2**20  # bytes of a colour profile; those of printers have up to 3 MB
WHITE = 65535.0  # of 16 bits, where no other value is known
SAME = 2  # levels by which a profile may differ from sRGB and still count as sRGB
HEIC = "an iPhone photo (HEIC); install pillow-heif or export the photo as JPEG"
NOT_IN_FULL = "16 bits per colour in a form that cannot be read in full; save it as PNG"
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
# Endings of files that hold 8 bits per channel, so that their values need no look.
EIGHT_BITS = {".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".heic", ".heif", ".avif"}


class Unreadable(Exception):
    """One file cannot be used. The message is the reason."""


def square(
    data: bytes | Image.Image, size: int, crop: float, channels: int, white: float | None = None
) -> np.ndarray:
    """Image file bytes or a Pillow image -> uint8 (size, size, channels), in sRGB.

    The centre square, whose side is `crop` times the shorter side, is resized with antialiasing;
    crop 1 is the framing of the PyTorch DCGAN tutorial. Transparent areas become white. white: as
    for `to_mode`. Raises Unreadable with the reason.
    """
    image = data if isinstance(data, Image.Image) else decode(data, white=white)
    try:
        image = to_mode(image, "L" if channels == 1 else "RGB", white)
    except ValueError as error:
        raise Unreadable(str(error)[:80]) from None
    side = crop * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image).reshape(size, size, channels)


def most_pixels(kind: str | None) -> int:
    """The most pixels that an image of a format, named as Pillow does, may have."""
    if kind in ("JPEG", "MPO"):
        return MAX_PIXELS_JPEG
    return MAX_PIXELS_HEIC if kind == "HEIF" else MAX_PIXELS


def decode(
    data: bytes,
    formats: tuple[str, ...] | None = None,
    longest: int | None = None,
    white: float | None = None,
) -> Image.Image:
    """Image file bytes -> a fully read Pillow image, turned as its EXIF orientation says.

    Bytes and pixels are limited before anything is decoded. The format follows from the content.
    JPEGs of more than 50 million pixels are decoded at half their size.
    formats: Pillow's names of the accepted formats; None for all but EPS. longest: a sufficient
    length of the longer side in pixels, so that a JPEG can be decoded at a half or a quarter of its
    size. white: the value that becomes white in a colour file of 16 bits, of which Pillow keeps 8;
    None for 65,535. Grey files of 16 bits stay as they are. Raises Unreadable with the reason.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"larger than {MAX_BYTES // 2**20} MiB")
    if is_heic(data) and not can_read_heic():
        raise Unreadable(HEIC)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about harmless odd metadata
            image = Image.open(io.BytesIO(data), formats=formats or _formats())
            check_pixels(image)
            if image.format in ("JPEG", "MPO"):
                large = image.width * image.height > REDUCED
                if large or (longest and image.format == "JPEG"):
                    # The scale whose result has at least this size.
                    half = (image.width // 2, image.height // 2)
                    image.draft("RGB", (longest, longest) if longest else half)
                if image.width * image.height > REDUCED:
                    raise Unreadable(f"more than {REDUCED // 10**6} million pixels")
            deep = deep_colour.is_deep(image, data)
            if deep and deep_colour.in_planes(image):
                raise Unreadable(NOT_IN_FULL)
            image.load()
            white = white or WHITE
            if deep and white != WHITE and not deep_colour.scale(image, data, white):
                raise Unreadable(NOT_IN_FULL)
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:  # more than Pillow itself opens
        raise Unreadable(f"more than {MAX_PIXELS // 10**6} million pixels") from None
    except Unreadable:
        raise
    except Image.UnidentifiedImageError:
        raise Unreadable(what_it_is(data) or "not an image that Pillow can read") from None
    except Exception as error:  # a damaged file can raise nearly anything
        raise Unreadable(str(error).splitlines()[0][:80] if str(error) else "damaged") from None


def check_pixels(image: Image.Image) -> None:
    """Raise Unreadable for an opened image that takes too much memory to decode."""
    most = most_pixels(image.format)
    if image.width * image.height > most:
        raise Unreadable(f"more than {most // 10**6} million pixels")
    if image.info.get("progressive") and coefficients(image) > MAX_COEFFICIENTS:
        raise Unreadable(
            "a progressive JPEG too large for memory; save it smaller, or as a baseline JPEG"
        )


def coefficients(image: Image.Image) -> int:
    """Bytes of the coefficients of an opened JPEG, two for each sample of each channel."""
    layers = getattr(image, "layer", [])
    across = max((layer[1] for layer in layers), default=1)
    down = max((layer[2] for layer in layers), default=1)
    share = sum(layer[1] * layer[2] for layer in layers) / (across * down)
    return int(2 * image.width * image.height * share)


def what_it_is(data: bytes) -> str:
    """What a file is that is not an image, with what to do; "" when that is not known."""
    if data[:4] in (b"PK\3\4", b"PK\5\6"):
        return "a zip inside; unpack it and add its pictures"
    if data[:4] == b"Rar!" or data[:6] == b"7z\xbc\xaf\x27\x1c" or data[:2] == b"\x1f\x8b":
        return "an archive inside; unpack it and add its pictures"
    return ""


def is_heic(data: bytes) -> bool:
    """Whether bytes are those of a HEIC file, whatever it is called (ISO 23008-12, ftyp box)."""
    if data[4:8] != b"ftyp":
        return False
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[i : i + 4] for i in range(16, length, 4))}
    return bool(brands & HEIC_BRANDS)


@cache
def can_read_heic() -> bool:
    """Whether the optional package pillow-heif is installed; Pillow then reads HEIC with it."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True


@cache
def _formats() -> tuple[str, ...]:
    """The formats that Pillow reads, except EPS, for which Pillow runs Ghostscript on the file."""
    Image.init()
    can_read_heic()
    return tuple(kind for kind in Image.ID if kind != "EPS")


# Values.


def brightest(data: bytes, formats: tuple[str, ...] | None = None) -> float:
    """The brightest value in a file of more than 8 bits per value; 0 for any other file.

    Integers of 16 bits count always; others and floats when they exceed 255. formats: as for
    `decode`.
    """
    if data[:4] == b"\x89PNG" and data[24:25] != b"\x10":
        return 0.0  # the usual case needs no decoding
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=formats or _formats()) as image:
                if deep_colour.is_deep(image, data):
                    check_pixels(image)
                    if deep_colour.in_planes(image):
                        return 0.0
                    return deep_colour.brightest(image, data)
                if not _deep(image):
                    return 0.0
        return _brightest_grey(decode(data, formats))
    except Exception:  # the file is skipped, with the reason, when it is packed
        return 0.0


def _brightest_grey(image: Image.Image) -> float:
    top = float(np.nan_to_num(np.asarray(image, np.float32)).max(initial=0))
    return top if image.mode.startswith("I;16") or top > 255 else 0.0


def white_of(brightest: float) -> float | None:
    """The value that becomes white in files of more than 8 bits, by their brightest value.

    Files of 8, 10, 12 or 14 bits in 16 do not use the upper half of the range, so their brightest
    value is white; others use the whole range. None where no file has more than 8 bits.
    """
    if not brightest:
        return None
    return WHITE if 32768 <= brightest <= 65535 else float(brightest)


def _deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _to_8_bits(image: Image.Image, white: float | None) -> Image.Image:
    """Modes I, I;16 and F -> L. white: as for `to_mode`."""
    values = np.nan_to_num(np.asarray(image, np.float32))
    # Modes I and F do not say their range: values up to 255 mean 8 bits, unless the set has files
    # with more, and floats up to 1 mean a range of 0 to 1.
    top = values.max(initial=0)
    if image.mode == "F" and top <= 1:
        scale = 255.0
    elif not image.mode.startswith("I;16") and top <= 255 and white is None:
        scale = 1.0
    else:
        scale = 255.0 / (white or max(WHITE, float(top)))
    return Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))


# Colours.


def to_mode(image: Image.Image, mode: str, white: float | None = None) -> Image.Image:
    """Any Pillow mode -> "L" or "RGB" in sRGB: profiles, palettes, alpha over white, CMYK, 16 bits.

    white: the value that becomes white in images of more than 8 bits, `white_of` their set; None
    for 65,535.
    """
    if _deep(image):
        image = _to_8_bits(image, white)
    image = to_srgb(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(paper, image)
    if image.mode == "LAB":
        image = image.convert("RGB")
    return image.convert(mode)


def to_srgb(image: Image.Image) -> Image.Image:
    """An image with its colours converted from its embedded profile to sRGB.

    Without a profile, with one that is sRGB to within two levels or one that cannot be read, the
    image stays as it is.
    """
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= MAX_PROFILE:
        return image
    mode, transform = _transform(profile)
    fits = image.mode == "CMYK" if mode == "CMYK" else image.mode not in ("CMYK", "LAB")
    if transform is None or not fits:
        return image
    if image.has_transparency_data:  # a colour that means transparent must be known as it was
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    converted = ImageCms.applyTransform(image.convert(mode), transform)
    assert converted is not None  # it is None only when the image itself is changed
    if alpha is not None:
        converted.putalpha(alpha)
    converted.info.pop("icc_profile", None)
    return converted


@lru_cache(maxsize=8)
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """(Pillow mode of a profile's values, transform from there to sRGB, or None for none)."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[given.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(
            *(given, ImageCms.createProfile("sRGB"), mode, "RGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
        if mode == "CMYK":
            return mode, transform
        # Values on a grid: profiles called sRGB by many makers differ from it by rounding.
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
        before = Image.fromarray(grid).convert(mode)
        after = np.asarray(ImageCms.applyTransform(before, transform), int)
        same = np.abs(after - np.asarray(before.convert("RGB"), int)).max() <= SAME
        return mode, None if same else transform
    except (ImageCms.PyCMSError, KeyError, OSError, ValueError, TypeError):
        return "RGB", None
