"""Pictures as people have them, and what happens to each.

    python tests/gan_core/data/picture_cases.py     writes the tables in docs/your-own-pictures.md

test_picture_cases.py packs each and compares the picture, or the reason for which it is skipped.
"""

import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

PAGE = Path(__file__).resolve().parents[3] / "docs" / "your-own-pictures.md"
BEGIN, END = "<!-- pictures: begin -->", "<!-- pictures: end -->"
SIZE = 16  # pixels of a packed picture
COLOUR = (200, 100, 50)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(colour=COLOUR, mode="RGB", size=(24, 24)):
    return Image.new(mode, size, colour)


# Colour profiles, written here because Pillow can only make that of sRGB (ICC.1:2010). The columns
# are the primaries, adapted to D50.
DISPLAY_P3 = (
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))


def fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def srgb_curve():
    x = np.linspace(0, 1, 1024)
    y = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    values = np.rint(y * 65535).astype(">u2").tobytes()
    return b"curv" + bytes(4) + struct.pack(">I", 1024) + values


def gamma_curve(gamma):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def profile(columns, curve):
    """The bytes of an ICC profile of an RGB display."""
    text = b"text" + bytes(4) + b"test\0" + bytes(3)
    description = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"cprt": text, b"desc": description}
    tags[b"wtpt"] = b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)
    for name, column in zip("rgb", columns, strict=True):
        tags[f"{name}XYZ".encode()] = b"XYZ " + bytes(4) + fixed(*column)
        tags[f"{name}TRC".encode()] = curve
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249)
    return head + bytes(128 - len(head)) + table + body


P3 = profile(DISPLAY_P3, srgb_curve())
ADOBE = profile(ADOBE_RGB, gamma_curve(2.19921875))
# From linear light to linear light; both spaces have sRGB's white (CSS Color 4).
P3_TO_SRGB = ((1.22494, -0.22494, 0), (-0.04206, 1.04206, 0), (-0.01964, -0.07864, 1.09828))
ADOBE_TO_SRGB = ((1.39836, -0.39836, 0), (0, 1, 0), (0, -0.04293, 1.04293))


def in_srgb(levels, matrix, decode):
    """What levels (…, 3) in another colour space are in sRGB, by its definition."""
    linear = np.clip(decode(np.asarray(levels) / 255) @ np.transpose(matrix), 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * encoded


def p3_in_srgb(levels):
    def decode(x):
        return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)

    return in_srgb(levels, P3_TO_SRGB, decode)


def adobe_in_srgb(levels):
    return in_srgb(levels, ADOBE_TO_SRGB, lambda x: x**2.19921875)


# Files.


def heic(brands=b"heic"):
    """The first bytes of a HEIC file, which tell what it is."""
    return struct.pack(">I4s4sI", 24, b"ftyp", brands, 0) + b"mif1heic" + bytes(200)


def a_real_heic(name):
    import pillow_heif

    return {name: written(pillow_heif.from_pillow(flat()).save)}


def written(save):
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def rotated():
    image = flat((0, 0, 0))
    image.paste(COLOUR, (0, 0, 24, 20))
    exif = Image.Exif()
    exif[0x0112] = 3
    return encoded(image.rotate(180), "JPEG", quality=95, exif=exif)


def deep(*values):
    """{name: a 16-bit file} of levels, the last of which is in the middle."""
    files = {}
    for i, value in enumerate(values):
        array = np.full((24, 24), value, np.uint16)
        files[f"{i}.png"] = encoded(Image.fromarray(array))
    return files


def png_of_16_bits(values):
    """uint16 (H, W, C), C from 2 to 4 -> a PNG; Pillow writes none with several channels."""
    height, width, channels = values.shape
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, chunk in ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")):
        data += struct.pack(">I", len(chunk)) + kind + chunk
        data += struct.pack(">I", zlib.crc32(kind + chunk))
    return data


def tiff_of_16_bits(values, order="<", planes=False):
    """uint16 (H, W, C), C 3 or 4 -> an uncompressed TIFF. planes: a channel after the other."""
    height, width, channels = values.shape
    parts = list(np.moveaxis(values, -1, 0)) if planes else [values]
    strips = [part.astype(f"{order}u2").tobytes() for part in parts]
    tags = {256: [width], 257: [height], 258: [16] * channels, 259: [1], 262: [2]}
    tags |= {273: [0] * len(strips), 277: [channels], 278: [height], 279: list(map(len, strips))}
    tags |= {284: [2 if planes else 1]} | ({338: [2]} if channels == 4 else {})
    long = (256, 257, 273, 278, 279)
    beyond = 8 + 2 + 12 * len(tags) + 4
    start = beyond + sum(4 * len(values) for values in tags.values() if len(values) > 1)
    tags[273] = [start + sum(map(len, strips[:i])) for i in range(len(strips))]
    table, rest = b"", b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}{'I' if tag in long else 'H'}", *numbers)
        if len(packed) > 4:
            where = struct.pack(f"{order}I", beyond + len(rest))
            rest, packed = rest + packed.ljust(4 * len(numbers), b"\0"), where
        kind = 4 if tag in long else 3
        table += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    head += struct.pack(f"{order}H", len(tags)) + table + bytes(4) + rest
    return head.ljust(start, b"\0") + b"".join(strips)


def colour(write, ending, *pictures, **options):
    """{name: a 16-bit file} of colours."""
    arrays = [np.full((24, 24, len(values)), values, np.uint16) for values in pictures]
    return {f"{i}.{ending}": write(array, **options) for i, array in enumerate(arrays)}


def zip_of(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_password():
    """A zip whose members are marked as encrypted, in front of them and in the directory."""
    data = bytearray(zip_of({"photo.png": encoded(flat())}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


@dataclass(frozen=True)
class Case:
    """make: {name: bytes} of files in a folder. looked_at: the one whose picture is compared.

    expected: the colour of its centre, or None where it is skipped. reason: why it is skipped.
    words: what happens to it, for the docs; the reason where there is one. refused: whether the
    file is given as the source itself and refused with the reason. needs: a package.
    """

    make: Callable[[], dict[str, bytes]]
    looked_at: str
    expected: tuple[int, ...] | None = None
    words: str = "read"
    reason: str = ""
    refused: bool = False
    needs: str = ""


def one(name, make, expected=COLOUR, words="read", **more):
    return Case(lambda: {name: make() if callable(make) else make}, name, expected, words, **more)


def skipped(name, data, reason, **more):
    return Case(lambda: {name: data() if callable(data) else data}, name, reason=reason, **more)


BY_THE_SET = "scaled by the brightest value of the set, with a note"
NOT_IN_FULL = "16 bits per colour in a form that cannot be read in full; save it as PNG"
NOT_HEIC = "an iPhone photo (HEIC); install pillow-heif or export the photo as JPEG"
CASES = {
    "JPEG": one("a.jpg", lambda: encoded(flat(), "JPEG", quality=95)),
    "JPEG in CMYK, from a print shop": one(
        "a.jpg",
        lambda: encoded(flat((0, 255, 255, 0), "CMYK"), "JPEG", quality=95),
        (255, 0, 0),
        "read, as RGB",
    ),
    "PNG, WebP, GIF, BMP, TIFF and anything else that Pillow reads": one("a.png", encoded(flat())),
    "a photo taken with a rotated camera": one(
        "a.jpg", rotated, words="turned upright, as its EXIF orientation says"
    ),
    "a picture with transparent areas": one(
        "a.png", encoded(flat((200, 100, 50, 0), "RGBA")), (255, 255, 255), "placed on white"
    ),
    "greyscale": one(
        "a.png", encoded(flat(90, "L")), (90, 90, 90), "read, with three equal channels"
    ),
    "Display P3, as from an iPhone": one(
        "a.jpg",
        lambda: encoded(flat(), "JPEG", quality=95, icc_profile=P3),
        tuple(p3_in_srgb(COLOUR)),
        "converted to sRGB",
    ),
    "Adobe RGB, as from a camera": one(
        "a.tif",
        lambda: encoded(flat(), "TIFF", icc_profile=ADOBE),
        tuple(adobe_in_srgb(COLOUR)),
        "converted to sRGB",
    ),
    "HEIC, with pillow-heif installed": Case(
        lambda: a_real_heic("IMG_1.HEIC"), "IMG_1.HEIC", COLOUR, needs="pillow_heif"
    ),
    "HEIC, without pillow-heif": skipped("IMG_1.HEIC", heic, NOT_HEIC, needs="no pillow_heif"),
    "HEIC with the extension .jpg": skipped("IMG_1.jpg", heic, NOT_HEIC, needs="no pillow_heif"),
    "16 bits per value": Case(
        lambda: deep(65535, 32896), "1.png", (128,) * 3, "scaled by 65,535, white in 16 bits"
    ),
    "12 bits in a 16-bit file": Case(lambda: deep(4000, 2000), "1.png", (128,) * 3, BY_THE_SET),
    "8 bits in a 16-bit file": Case(lambda: deep(250, 125), "1.png", (128,) * 3, BY_THE_SET),
    "16 bits per colour": Case(
        lambda: colour(png_of_16_bits, "png", (65535, 0, 0), (51400, 25700, 12850)),
        "1.png",
        COLOUR,
        "scaled by 65,535, white in 16 bits",
    ),
    "12 bits per colour in a 16-bit PNG": Case(
        lambda: colour(png_of_16_bits, "png", (4000, 0, 0), (3137, 1569, 784)),
        "1.png",
        COLOUR,
        BY_THE_SET,
    ),
    "8 bits per colour in a 16-bit PNG": Case(
        lambda: colour(png_of_16_bits, "png", (255, 0, 0), COLOUR), "1.png", COLOUR, BY_THE_SET
    ),
    "12 bits per colour in a 16-bit TIFF": Case(
        lambda: colour(tiff_of_16_bits, "tif", (4000, 0, 0), (3137, 1569, 784)),
        "1.tif",
        COLOUR,
        BY_THE_SET,
    ),
    "a 16-bit TIFF that stores its colours one after the other": skipped(
        "0.tif",
        lambda: colour(tiff_of_16_bits, "tif", (4000, 200, 100), planes=True)["0.tif"],
        NOT_IN_FULL,
    ),
    "a file that ends too early": skipped(
        "a.jpg",
        lambda: encoded(Image.effect_noise((64, 64), 90), "JPEG")[:900],
        "truncated",
    ),
    "text, a video, a document": skipped(
        "a.mov", b"moov" * 99, "not an image that Pillow can read"
    ),
    "a zip among the pictures": skipped(
        "more.zip",
        lambda: zip_of({"a.png": encoded(flat())}),
        "a zip inside; unpack it and add its pictures",
    ),
    "a RAR, 7z or gzip among the pictures": skipped(
        "more.rar",
        b"Rar!\x1a\x07\x01\x00" + bytes(99),
        "an archive inside; unpack it and add its pictures",
    ),
    "a zip of zips": skipped(
        "all.zip",
        lambda: zip_of({"1.zip": zip_of({"a.png": encoded(flat())})}),
        "holds zips, not pictures; unpack it and give one of them",
        refused=True,
    ),
    "a zip with a password": skipped(
        "all.zip",
        with_password,
        "is protected by a password; unpack it with the password and give the folder",
        refused=True,
    ),
    "a RAR, 7z, gzip or tar": skipped(
        "all.rar",
        b"Rar!\x1a\x07\x01\x00" + bytes(99),
        "is an archive, but not a zip; unpack it and give the folder",
        refused=True,
    ),
}


def table():
    rows = ["| pictures | what happens to them |", "|---|---|"]
    for name, case in CASES.items():
        words = case.words
        if case.reason:
            words = f"{'refused' if case.refused else 'skipped'}: “{case.reason}”"
        rows.append(f"| {name} | {words} |")
    return "\n".join(rows)


def with_table(page):
    """The page with the table of now."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PAGE.name} is up to date.\n")
