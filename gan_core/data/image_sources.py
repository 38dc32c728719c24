"""Sources of images: a folder, a zip file or a torchvision data set, as one stream of squares.

Memory use is constant: one image is open at a time.
"""

import csv
import io
import itertools
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from gan_core.data import safe_zip, training_set
from gan_core.util import regular_files
from gan_core.util.errors import InputError

TORCHVISION = ("celeba", "cifar10", "mnist", "fashion-mnist", "lfw-people")
NOT_IMAGES = {".csv", ".txt", ".json", ".jsonl", ".md", ".html", ".pdf", ".db", ".ini"}
MAX_BYTES = 256 * 2**20  # of one image file
# Bytes, rows and different values of a table of attributes. CelebA's has 26 MiB, 202,599 and 2.
MAX_TABLE, MAX_ROWS, MAX_VALUES = 64 * 2**20, 1_000_000, 500_000
# Pixels of one image, so that decoding takes less than 500 MB. Other formats than JPEG are held in
# memory several times while they are decoded and converted.
MAX_PIXELS = 25_000_000
MAX_PIXELS_JPEG = 50_000_000


# Reads one image when called; raises Unreadable.
Opener = Callable[[], bytes | Image.Image]
# A stream of (file, opener, attributes or None, whether it is of a test set), the number of files,
# and the names of the attributes.
Source = tuple[Iterator[tuple[str, Opener, dict | None, bool]], int, Sequence[str]]


def pack(
    source: str | Path,  # a folder, a zip file, or the name of a torchvision data set
    out: str | Path,  # directory of the new training set
    *,
    size: int = 64,  # side of the packed images, pixels
    crop: float = 1.0,  # side of the centre square that is used, as a fraction of the shorter side
    channels: int = 3,  # 3 for colour, 1 for greyscale
    first: int = 0,  # use only this many images, in their order; 0 for all
    attributes: str | None = None,  # CSV with a file column, or CelebA's list_attr_celeba.txt
    held_out: str | None = None,  # a number (the last images), a share (10%), or a file of names
    licence: str = "",  # whose images these are and what is allowed, one sentence
    how: str = "",  # how somebody else can get the images, one sentence
    name: str | None = None,  # the set's name; the directory's by default
    root: str = "data/torchvision",  # where torchvision keeps its data sets
    download: bool = False,  # let torchvision download what is missing
    command: str = "",  # set by the command line, for the record
) -> tuple[int, int, list[tuple[str, str]]]:
    """Pack images into a training set; returns (training images, held-out images, skipped).

    skipped: (file, reason) of each file that could not be read. Raises InputError for options that
    cannot work, when there is no usable image, or when `out` already exists.
    """
    if not 0 < crop <= 1:
        raise InputError(f"crop is {crop}; it must be above 0 and at most 1.")
    if not 8 <= size <= 1024:
        raise InputError(f"size is {size}; it must be from 8 to 1024 pixels.")
    if channels not in (1, 3):
        raise InputError(f"Images have 1 or 3 channels, not {channels}.")
    if first < 0:
        raise InputError(f"first is {first}; it must be a number of images, or 0 for all.")
    stream, count, names = open_source(source, root, download)
    if first:
        stream, count = itertools.islice(stream, first), min(first, count)
    table, names = read_attributes(attributes) if attributes else ({}, names)
    set_aside = read_held_out(held_out, count)
    card = {
        "name": name or Path(out).name,
        "source": str(source) if source in TORCHVISION else Path(source).name,
        "licence": licence,
        "how": how,
        "command": command,
        "framing": {"crop": crop, "size": size, "channels": channels},
    }
    skipped: list[tuple[str, str]] = []
    used = [0, 0]
    with training_set.writing(out, size, channels, card, names) as writer:
        for position, (file, opened, known, test) in enumerate(
            tqdm(stream, total=count, unit="img")
        ):
            try:
                image = square(opened(), size, crop, channels)
            except Unreadable as error:
                skipped.append((file, str(error)))
                continue
            file = file.encode("utf-8", "replace").decode()  # some file names are not valid text
            row = table.get(file) or table.get(os.path.basename(file))
            known = dict(zip(names, row, strict=True)) if row else known
            aside = test if set_aside is None else set_aside(position, file)
            writer.add(image, file, known, held_out=bool(aside))
            used[bool(aside)] += 1
        if skipped and not any(used):
            file, reason = skipped[0]
            raise InputError(
                "No picture can be used, so no training set was made. The first of "
                f"{len(skipped)} file{'' if len(skipped) == 1 else 's'} is {file}: {reason}."
            )
    return used[0], used[1], skipped


class Unreadable(Exception):
    """One file cannot be used. The message is the reason."""


def square(data: bytes | Image.Image, size: int, crop: float, channels: int) -> np.ndarray:
    """Image file bytes or a Pillow image -> uint8 (size, size, channels).

    The centre square, whose side is `crop` times the shorter side, is resized with antialiasing;
    crop 1 is the framing of the PyTorch DCGAN tutorial. Transparent areas become white.
    Raises Unreadable with the reason.
    """
    image = data if isinstance(data, Image.Image) else decode(data)
    try:
        image = to_mode(image, "L" if channels == 1 else "RGB")
    except ValueError as error:
        raise Unreadable(str(error)[:80]) from None
    side = crop * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image).reshape(size, size, channels)


def most_pixels(kind: str | None) -> int:
    """The most pixels that an image of a format, named as Pillow does, may have."""
    return MAX_PIXELS_JPEG if kind in ("JPEG", "MPO") else MAX_PIXELS


def decode(
    data: bytes, formats: tuple[str, ...] | None = None, longest: int | None = None
) -> Image.Image:
    """Image file bytes -> a fully read Pillow image, turned as its EXIF orientation says.

    Bytes and pixels are limited before anything is decoded. The format follows from the content.
    formats: Pillow's names of the accepted formats; None for all but EPS. longest: a sufficient
    length of the longer side in pixels, so that a JPEG can be decoded at a half or a quarter of its
    size. Raises Unreadable with the reason.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"larger than {MAX_BYTES // 2**20} MiB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about harmless odd metadata
            image = Image.open(io.BytesIO(data), formats=formats or _formats())
            most = most_pixels(image.format)
            if image.width * image.height > most:
                raise Unreadable(f"more than {most // 10**6} million pixels")
            if longest and image.format == "JPEG":
                image.draft("RGB", (longest, longest))
            image.load()
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:  # more than Pillow itself opens
        raise Unreadable(f"more than {MAX_PIXELS // 10**6} million pixels") from None
    except Unreadable:
        raise
    except Image.UnidentifiedImageError:
        raise Unreadable("not an image that Pillow can read") from None
    except Exception as error:  # a damaged file can raise nearly anything
        raise Unreadable(str(error).splitlines()[0][:80] if str(error) else "damaged") from None


@cache
def _formats() -> tuple[str, ...]:
    """The formats that Pillow reads, except EPS, for which Pillow runs Ghostscript on the file."""
    Image.init()
    return tuple(kind for kind in Image.ID if kind != "EPS")


def to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Any Pillow mode -> "L" or "RGB": palettes, alpha over white, CMYK, 16-bit and float."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.nan_to_num(np.asarray(image, np.float32))
        # 16-bit files hold 0 … 65535. Modes I and F do not say: values above 255 mean 16 bits, and
        # floats up to 1 mean a range of 0 to 1.
        brightest = values.max(initial=0)
        if image.mode.startswith("I;16") or brightest > 255:
            scale = 255.0 / 65535.0
        else:
            scale = 255.0 if image.mode == "F" and brightest <= 1 else 1.0
        image = Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    if image.mode == "LAB":
        image = image.convert("RGB")
    return image.convert(mode)


def count(source: str | Path, root: str | Path = "data/torchvision", download: bool = False) -> int:
    """How many files `pack` would try to read. Raises InputError as `pack` does."""
    return open_source(source, root, download)[1]


def check_first(source: str | Path, tries: int = 20) -> None:
    """Raise InputError when none of the first `tries` files of a folder or zip is a usable picture.

    It saves waiting until packing fails.
    """
    reason = ""
    for file, opened, _, _ in itertools.islice(open_source(source, "", False)[0], tries):
        try:
            square(opened(), 8, 1.0, 3)
            return
        except Unreadable as error:
            reason = reason or f"; the first, {file}: {error}"
    raise InputError(f"{source} holds no usable picture{reason}.")


def open_source(source: str | Path, root: str | Path, download: bool) -> Source:
    """A Source of the images in a folder, a zip file or a torchvision data set.

    Raises InputError when there is no such source.
    """
    if str(source) in TORCHVISION:
        return torchvision_images(str(source), root, download)
    path = Path(source)
    try:
        path.stat()
    except FileNotFoundError:
        raise InputError(
            f"{path} does not exist; name a folder, a zip file or one of {', '.join(TORCHVISION)}."
        ) from None
    except (OSError, ValueError) as error:  # not a valid file name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {reason}.") from None
    if path.is_dir():
        return _folder_images(path)
    if path.is_file() and zipfile.is_zipfile(path):
        return _zip_images(path)
    raise InputError(f"{path} is neither a folder nor a zip file.")


def _folder_images(folder: Path) -> Source:
    inside = (path for path in folder.rglob("*") if path.is_file())
    paths = sorted(p for p in inside if _may_be_image(p.relative_to(folder).as_posix()))
    stream = ((p.relative_to(folder).as_posix(), partial(_read, p), None, False) for p in paths)
    return stream, len(paths), ()


def _zip_images(path: Path) -> Source:
    archive = safe_zip.open_zip(path)
    # Names stay strings: creating hundreds of thousands of paths is slow.
    members = [i for i in archive.infolist() if not i.is_dir() and _may_be_image(i.filename)]
    members.sort(key=lambda info: info.filename)
    stream = (
        (info.filename, partial(_read_member, archive, info), None, False) for info in members
    )
    return stream, len(members), ()


def _may_be_image(name: str) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    return not hidden and os.path.splitext(name)[1].lower() not in NOT_IMAGES


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"larger than {MAX_BYTES // 2**20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from None


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    reason = safe_zip.why_not(info, MAX_BYTES)
    if reason:
        raise Unreadable(reason)
    try:
        return safe_zip.read(archive, info)
    except Exception as error:  # a damaged or encrypted member can raise nearly anything
        raise Unreadable(str(error)[:80] or "damaged") from None


def _fail(reason: str) -> bytes:
    raise Unreadable(reason)


def torchvision_images(name: str, root: str | Path, download: bool) -> Source:
    """The images of a torchvision data set: its training part, then its test part."""
    from torchvision import datasets

    kinds: dict[str, tuple[Any, list[dict]]] = {
        "celeba": (datasets.CelebA, [{"split": s} for s in ("train", "valid", "test")]),
        "cifar10": (datasets.CIFAR10, [{"train": True}, {"train": False}]),
        "mnist": (datasets.MNIST, [{"train": True}, {"train": False}]),
        "fashion-mnist": (datasets.FashionMNIST, [{"train": True}, {"train": False}]),
        "lfw-people": (datasets.LFWPeople, [{"split": "train"}, {"split": "test"}]),
    }
    kind, splits = kinds[name]
    try:
        parts = [kind(root, download=download, **split) for split in splits]
    except Exception as error:  # not found, incomplete, no network
        reason = (str(error).splitlines() or ["it cannot be read"])[0].rstrip(".")
        hint = "" if download else " Add --download, or name its folder with --root."
        raise InputError(f"{name} cannot be loaded from {root}: {reason}.{hint}") from None
    classes = [str(c) for c in getattr(parts[0], "classes", ())]
    # CelebA lists an empty forty-first name.
    names = [n for n in parts[0].attr_names if n] if name == "celeba" else ["label"]

    def stream() -> Iterator[tuple[str, Opener, dict | None, bool]]:
        for part, split in zip(parts, splits, strict=True):
            test = split in ({"split": "test"}, {"train": False})
            for i in range(len(part)):
                try:
                    image, label = part[i]
                except Exception as error:  # one damaged or missing file; others may be fine
                    yield f"image {i}", partial(_fail, str(error)[:80] or "damaged"), None, test
                    continue
                if name == "celeba":
                    file, known = part.filename[i], dict(zip(names, label.tolist(), strict=False))
                else:
                    file = f"{'test' if test else 'train'}/{i:06d}"
                    known = {"label": classes[label] if classes else label}
                yield file, partial(_identity, image), known, test

    return stream(), sum(map(len, parts)), names


def _identity(image: Image.Image) -> Image.Image:
    return image


def read_attributes(path: str | Path) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """({file: (value, …)}, names) from a CSV or from CelebA's list_attr_celeba.txt.

    CelebA's −1 becomes 0. File names may include folders or not. Raises InputError for anything
    else, and for a table larger than MAX_TABLE, MAX_ROWS and MAX_VALUES allow.
    """
    path = Path(path)
    try:
        if regular_files.check(path).st_size > MAX_TABLE:
            raise InputError(
                f"{path} is larger than {MAX_TABLE // 2**20} MiB, far more than attributes need."
            )
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _table(file, path)
    except (OSError, UnicodeError, csv.Error) as error:
        why = f": {error}" if isinstance(error, csv.Error) else ""
        raise InputError(f"{path} cannot be read as a table of attributes{why}.") from None


def _table(file: TextIO, path: Path) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The result of `read_attributes` for an open file."""
    rows: Iterable[list[str]]
    first = file.readline(1000)
    if first.strip().isdigit():  # CelebA: a count, the names, then rows
        names = file.readline().split()
        rows = (line.split() for line in file)
    else:
        file.seek(0)
        rows = csv.reader(file)
        header = next(rows, [])
        if not header or header[0].strip().lower() not in ("file", "image_id", "filename", "image"):
            raise InputError(f"{path} must begin with a header whose first column is file.")
        names = [n.strip() for n in header[1:]]
    table: dict[str, tuple[str, ...]] = {}
    values = {"-1": "0"}
    for number, row in enumerate(filter(None, rows), 1):
        if len(row) != len(names) + 1:
            raise InputError(f"{path}: row {number} has {len(row)} cells, not {len(names) + 1}.")
        # A tuple of shared strings: one dictionary per row would take hundreds of megabytes.
        table[row[0]] = tuple(values.setdefault(v, v) for v in row[1:])
        if number > MAX_ROWS or len(values) > MAX_VALUES:
            raise InputError(
                f"{path} has more than {MAX_ROWS:,} rows or {MAX_VALUES:,} different values; "
                "leave out the columns that are not attributes."
            )
    return table, names


def read_held_out(held_out: str | int | None, count: int) -> Callable[[int, str], bool] | None:
    """A function (position, file) -> whether the image is held out; None to follow the source.

    held_out: a number of images at the end, a share such as "10%", or a file of names. count: the
    number of images. Raises InputError when it is none of these, or leaves nothing to train on.
    """
    if held_out is None or held_out == "":
        return None
    if re.fullmatch(r"\d{1,2}(\.\d+)?%", str(held_out), re.ASCII):
        share = float(str(held_out)[:-1]) / 100
        # Evenly spread: the last images of a sorted folder may all be of one kind.
        return lambda position, file: int((position + 1) * share) > int(position * share)
    if str(held_out).isdigit():
        number = int(held_out)
        if number >= count:
            raise InputError(f"{number} held-out images of {count} leave none to train on.")
        return lambda position, file: position >= count - number
    path = Path(str(held_out))
    try:
        content = regular_files.read_bytes(path, MAX_TABLE).decode("utf-8")
        names = {line.strip() for line in content.splitlines() if line.strip()}
    except (OSError, ValueError):
        raise InputError(f"{path} is neither a number nor a readable list of files.") from None
    return lambda position, file: file in names or os.path.basename(file) in names
