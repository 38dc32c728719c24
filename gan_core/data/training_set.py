"""A training set: N images as one uint8 memory map, with attributes, a licence and a fingerprint.

On disk it is a directory:

    set.json       format, shape, name, source, licence, framing, fingerprint, likeness, and where
                   it applies: skipped, the number of files that could not be used; brightest, the
                   brightest value of files of more than 8 bits; notes, what a person should know
    images.npy     the training images, uint8 (N, H, W, C)
    held_out.npy   images set aside, never trained on, uint8 (M, H, W, C); M may be 0
    index.csv      one row per image, training images first: file, held_out, its attributes
    skipped.csv    one row per file that could not be used: file, reason; only when there are any

An embedded set, which is part of a checkpoint, has `images.zip` and `held_out.zip` instead of the
arrays: sheets of images as lossless WebP. It is unpacked once into the cache and mapped there.
"""

import contextlib
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_core.data import safe_zip
from gan_core.data.perceptual_hash import COUNT, LENGTH, alike, likeness
from gan_core.util import (
    atomic_files,
    cache_dir,
    errors,
    json_values,
    mapped_arrays,
    regular_files,
)
from gan_core.util.errors import InputError

FORMAT = 1
SPLITS = ("images", "held_out")
SKIPPED = "skipped.csv"
MAX_NOTES, MAX_SKIPPED = 20, 300_000  # notes in a card, and rows of skipped.csv
SHEET = 20  # an embedded sheet holds up to SHEET × SHEET images
# Limits for untrusted sets: pixels per side of an image, bytes per sheet, average bytes per row of
# the index, characters per attribute value.
MAX_SIDE, MAX_SHEET, MAX_ROW, MAX_CELL = 1024, 256 * 2**20, 4096, 200
MAX_ZIP = 8 * 2**30  # bytes of an embedded set's zip, which is hashed at every use


@dataclass(frozen=True)
class TrainingSet:
    """images: uint8 memory map (N, H, W, C), what a model may be trained on.
    held_out: uint8 memory map (M, H, W, C), never trained on.
    attributes, held_out_attributes: {name: (N,) or (M,) array}, uint8 for 0/1, otherwise strings.
    files, held_out_files: the names of the files that the images came from.
    card: the contents of set.json.
    """

    images: np.ndarray
    held_out: np.ndarray
    attributes: dict[str, np.ndarray]
    held_out_attributes: dict[str, np.ndarray]
    files: list[str]
    held_out_files: list[str]
    card: dict

    @property
    def fingerprint(self) -> str:
        """sha256 of the training images' bytes, as hexadecimal."""
        return self.card["fingerprint"]

    def is_of(self, about: dict) -> str:
        """Whether these are the images that a model was trained on: "exactly", "alike" or "".

        about: the entry "training_set" of the model's card. "alike" means the same pictures at
        another scale or compression; see gan_core.data.perceptual_hash.
        """
        if self.fingerprint == about.get("fingerprint"):
            return "exactly"
        same = about.get("likeness") and list(self.images.shape) == about.get("shape")
        return "alike" if same and alike(about["likeness"], self.images) else ""


@contextlib.contextmanager
def writing(
    directory: str | Path, size: int, channels: int, card: dict, attribute_names: Iterable[str] = ()
) -> Iterator["Writer"]:
    """Write a training set image by image, in constant memory; it appears complete or not at all.

    >>> with writing("data/cats", size=64, channels=3, card={"name": "cats"}) as writer:
    ...     writer.add(image, "tom.jpg", {"smiling": 1}, held_out=False)

    card: the entries of set.json that are not computed: name, source, licence, framing.
    Raises InputError when the directory already exists or no training image was added.
    """
    with atomic_files.new_directory(directory) as temporary:
        writer = Writer(temporary, size, channels, attribute_names)
        try:
            yield writer
            writer.finish(card)
        finally:
            writer.close()


class Writer:
    """Yielded by `writing`; takes the images one at a time."""

    def __init__(
        self, directory: Path, size: int, channels: int, attribute_names: Iterable[str]
    ) -> None:
        self.directory = directory
        self.shape = (size, size, channels)
        self.names = list(attribute_names)
        self.counts = dict.fromkeys(SPLITS, 0)
        # Text, not lists: a row of CelebA's 40 attributes is then 100 bytes.
        self.rows = {split: io.StringIO(newline="") for split in SPLITS}
        self.hash = hashlib.sha256()
        self.files = {s: open(directory / f"{s}.npy", "wb") for s in SPLITS}  # noqa: SIM115
        for split in SPLITS:
            self._write_header(split)

    def add(
        self, image: np.ndarray, file: str, attributes: dict | None = None, held_out: bool = False
    ) -> None:
        """Add one image, uint8 (size, size, channels), and the name of the file it came from."""
        if image.dtype != np.uint8 or image.shape != self.shape:
            raise ValueError(f"expected uint8 {self.shape}, got {image.dtype} {image.shape}")
        split = SPLITS[held_out]
        data = np.ascontiguousarray(image).tobytes()
        self.files[split].write(data)
        if not held_out:
            self.hash.update(data)
        self.counts[split] += 1
        attributes = attributes or {}
        row = [file, int(held_out), *(attributes.get(n, "") for n in self.names)]
        csv.writer(self.rows[split]).writerow(row)

    def finish(self, card: dict) -> None:
        """Write the index and set.json. Raises InputError when there is no training image."""
        if not self.counts["images"]:
            raise InputError("There is no usable training image, so no training set was made.")
        for split in SPLITS:
            self._write_header(split)
        with open(self.directory / "index.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(["file", "held_out", *self.names])
            for split in SPLITS:
                file.write(self.rows[split].getvalue())
        description = {
            "format": FORMAT,
            "shape": [self.counts["images"], *self.shape],
            "held_out": self.counts["held_out"],
            "fingerprint": self.hash.hexdigest(),
            "likeness": self._likeness(),
        }
        atomic_files.write_json(self.directory / "set.json", description | card)

    def note_skipped(self, skipped: Sequence[tuple[str, str]]) -> None:
        """Record the files that cannot be used, each with the reason, in skipped.csv."""
        if skipped:
            with open(self.directory / SKIPPED, "w", newline="", encoding="utf-8") as file:
                rows = (
                    [part.encode("utf-8", "replace").decode() for part in row] for row in skipped
                )
                csv.writer(file).writerows([["file", "reason"], *rows])

    def close(self) -> None:
        """Close the files of images."""
        for file in self.files.values():
            file.close()

    def _likeness(self) -> str:
        self.files["images"].flush()
        return likeness(_map(self.directory / "images.npy", [self.counts["images"], *self.shape]))

    def _write_header(self, split: str) -> None:
        # NumPy pads the header so that the first axis can grow in place.
        shape = (self.counts[split], *self.shape)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        self.files[split].seek(0)
        np.lib.format.write_array_header_1_0(self.files[split], header)


def load(directory: str | Path) -> TrainingSet:
    """The TrainingSet in a directory; an embedded set is unpacked into the cache first.

    Raises InputError, naming the file, when something is missing or damaged.
    """
    directory = Path(directory)
    card = read_card(directory)
    if (directory / "images.npy").exists():
        images, held_out = _map_both(directory, card)
    else:
        arrays = unpacked(directory, card)
        images, held_out = cache_dir.opened(
            arrays, lambda: unpack(directory, card), lambda: _map_both(arrays, card)
        )
    names, columns = _read_index(directory / "index.csv", len(images) + len(held_out))
    n = len(images)
    return TrainingSet(
        images,
        held_out,
        {name: column[:n] for name, column in columns.items()},
        {name: column[n:] for name, column in columns.items()},
        names[:n],
        names[n:],
        card,
    )


def names_of(directory: str | Path) -> set[str] | None:
    """The files that a set was packed from, used and skipped; None when the skipped are unknown.

    Raises InputError when the set is damaged.
    """
    directory = Path(directory)
    card = read_card(directory)
    count = card.get("skipped")
    if type(count) is not int or not 0 <= count <= MAX_SKIPPED:
        return None
    names, _ = _read_index(directory / "index.csv", card["shape"][0] + card["held_out"])
    path = directory / SKIPPED
    if count:
        try:
            content = regular_files.read_bytes(path, MAX_ROW * (count + 1), directory)
            rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
            names += [row[0] for row in rows if row][1:]
        except (OSError, ValueError, csv.Error):
            return None
    return set(names)


def _map_both(arrays: Path, card: dict) -> tuple[np.ndarray, np.ndarray]:
    """The training images and the held-out ones of a folder of arrays."""
    held_out = [card["held_out"], *card["shape"][1:]]
    return _map(arrays / "images.npy", card["shape"]), _map(arrays / "held_out.npy", held_out)


def read_card(directory: str | Path) -> dict:
    """The contents of set.json. Raises InputError when it does not describe a training set."""
    path = Path(directory) / "set.json"
    card = atomic_files.read_json(path, "a training set")
    if card.get("format") != FORMAT:
        raise errors.wrong_format(path, card.get("format"), FORMAT)
    shape: Any = card.get("shape")
    good = (
        isinstance(shape, list)
        and len(shape) == 4
        and all(isinstance(s, int) and s > 0 for s in shape)
        and shape[1] == shape[2]
        and isinstance(card.get("held_out"), int)
        and isinstance(card.get("fingerprint"), str)
        and re.fullmatch("[0-9a-f]{64}", card["fingerprint"]) is not None
    )
    if not good or max(shape[1:]) > MAX_SIDE:
        raise InputError(f"{path} does not describe a training set of format {FORMAT}.")
    check_words(card, path)
    return card


def check_words(card: dict, path: str | Path) -> None:
    """Raise InputError when an entry on a training set that pages show has the wrong type.

    card: the contents of set.json, or the entry "training_set" of model.json, where all entries are
    optional.
    """
    for key in ("name", "source", "licence", "how", "command", "fingerprint"):
        if not isinstance(card.get(key), str | None):
            raise InputError(f"{path} is damaged: the {key} of its training set is not text.")
    shape = card.get("shape") or []
    if json_values.misfit(shape, [json_values.COUNT]) or len(shape) not in (0, 4):
        raise InputError(f"{path} is damaged: the shape of its training set is not four sizes.")
    hashes = card.get("likeness") or ""
    pattern = f"([0-9a-f]{{{LENGTH}}}){{0,{COUNT}}}"
    if not isinstance(hashes, str) or not re.fullmatch(pattern, hashes):
        raise InputError(f"{path} is damaged: the likeness of its training set is not a hash.")
    notes = card.get("notes") or []
    if json_values.misfit(notes, [json_values.TEXT]) or len(notes) > MAX_NOTES:
        raise InputError(f"{path} is damaged: the notes of its training set are not sentences.")
    light: Any = card.get("brightest") or 1
    if type(light) not in (int, float) or not 1 <= light < 2**40:
        raise InputError(f"{path} is damaged: the brightest value of its training set is invalid.")
    framing = card.get("framing") or {}
    crop: Any = framing.get("crop", 1.0) if isinstance(framing, dict) else None
    if type(crop) not in (int, float) or not 0 < crop <= 1:
        raise InputError(f"{path} is damaged: the framing of its training set has no valid crop.")


def _map(path: Path, shape: list[int]) -> np.ndarray:
    if shape[0] == 0:  # an empty file cannot be mapped
        return np.zeros(shape, np.uint8)
    try:
        array = mapped_arrays.open_read(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; pack the training set again.") from None
    except Exception:  # a damaged header can raise nearly anything
        raise InputError(f"{path} is damaged; pack the training set again.") from None
    if array.dtype != np.uint8 or list(array.shape) != list(shape):
        raise InputError(f"{path} does not have the shape given in set.json; pack the set again.")
    return array


def _read_index(path: Path, count: int) -> tuple[list[str], dict[str, np.ndarray]]:
    try:
        # The limit is what the rows of that many images can need.
        content = regular_files.read_bytes(path, MAX_ROW * (count + 1), path.parent)
        header, *rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    except (OSError, ValueError, csv.Error):
        raise InputError(f"{path} is missing or damaged; pack the training set again.") from None
    if len(rows) != count or header[:1] != ["file"] or any(len(r) != len(header) for r in rows):
        raise InputError(f"{path} does not have one row per image; pack the training set again.")
    # In a NumPy array of strings every cell takes as much memory as the longest one.
    if any(len(cell) > MAX_CELL for row in rows for cell in row[2:]):
        raise InputError(f"{path} has an attribute of more than {MAX_CELL} characters.")
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    attributes = {}
    for name, column in zip(header[2:], columns[2:], strict=True):
        binary = set(column) <= {"0", "1"}
        attributes[name] = np.array(column, np.uint8 if binary else str)
    return list(columns[0]), attributes


def embed(directory: str | Path, out: str | Path) -> None:
    """Write a packed set as an embedded one: lossless WebP sheets in two zip files."""
    directory, out = Path(directory), Path(out)
    whole = load(directory)
    with atomic_files.new_directory(out) as temporary:
        for split in SPLITS:
            array = getattr(whole, split)
            with zipfile.ZipFile(temporary / f"{split}.zip", "w", zipfile.ZIP_STORED) as archive:
                for start in range(0, len(array), SHEET * SHEET):
                    name = f"{start:08d}.webp"
                    sheet = _encode(array[start : start + SHEET * SHEET])
                    # A fixed date, so that the same images make the same file.
                    archive.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), sheet)
        (temporary / "index.csv").write_bytes((directory / "index.csv").read_bytes())
        atomic_files.write_json(temporary / "set.json", whole.card)


def _encode(images: np.ndarray) -> bytes:
    n, height, width, channels = images.shape
    rows = -(-n // SHEET)
    sheet = np.zeros((rows * SHEET, height, width, channels), np.uint8)
    sheet[:n] = images
    sheet = sheet.reshape(rows, SHEET, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * height, SHEET * width, channels)
    buffer = io.BytesIO()
    picture = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    picture.convert("RGB").save(buffer, "WEBP", lossless=True, quality=100, method=6)
    return buffer.getvalue()


def _decode(data: bytes, n: int, shape: list[int]) -> np.ndarray:
    height, width, channels = shape
    image = Image.open(io.BytesIO(data), formats=("WEBP",))
    if image.width != SHEET * width or image.height > SHEET * height:
        raise ValueError("a sheet of another size")
    sheet = np.asarray(image.convert("RGB"))[..., :channels]
    rows = sheet.shape[0] // height
    images = sheet.reshape(rows, height, SHEET, width, channels).swapaxes(1, 2)
    return images.reshape(-1, height, width, channels)[:n]


def unpacked(directory: Path, card: dict) -> Path:
    """The directory in the cache for the arrays of an embedded set; it may not exist yet.

    Raises InputError when the zip of the held-out images cannot be read.
    """
    path = directory / "held_out.zip"  # the fingerprint covers the training images only
    digest = hashlib.sha256()
    try:
        with regular_files.open_regular(path, MAX_ZIP, directory) as file:
            while part := file.read(2**20):
                digest.update(part)
    except OSError:
        raise InputError(f"{path} is missing or cannot be read.") from None
    held_out = digest.hexdigest()
    return cache_dir.cache_directory() / f"{card['fingerprint'][:24]}-{held_out[:8]}"


def unpack(directory: Path, card: dict) -> Path:
    """Unpack an embedded set into the cache, once; returns the directory of its arrays.

    Several processes may do so at the same time: each unpacks into its own temporary directory, and
    the first to finish wins. Raises InputError when the zip files are missing or damaged, or when
    the images are not those that set.json describes.
    """
    out = unpacked(directory, card)
    if out.exists():
        return out
    try:
        with writing(out, card["shape"][1], card["shape"][3], {}) as writer:
            for split, count in zip(SPLITS, (card["shape"][0], card["held_out"]), strict=True):
                for image in _embedded_images(directory / f"{split}.zip", count, card["shape"][1:]):
                    writer.add(image, "", held_out=split == "held_out")
            if writer.hash.hexdigest() != card["fingerprint"]:
                raise InputError(
                    f"{directory / 'images.zip'} does not hold the images that set.json describes."
                )
    except (InputError, OSError):
        if not out.exists():  # otherwise another process was first, which is as good
            raise
    return out


def _embedded_images(path: Path, count: int, shape: list[int]) -> Iterator[np.ndarray]:
    try:
        regular_files.check(path, MAX_ZIP, path.parent)
        with safe_zip.open_zip(path) as archive:
            for start in range(0, count, SHEET * SHEET):
                n = min(SHEET * SHEET, count - start)
                member = archive.getinfo(f"{start:08d}.webp")
                if safe_zip.why_not(member, MAX_SHEET):
                    raise ValueError("not a sheet that was written here")
                images = _decode(safe_zip.read(archive, member), n, shape)
                if len(images) != n:
                    raise ValueError("too few images")
                yield from images
    except Exception:  # a damaged file can raise nearly anything
        raise InputError(f"{path} is missing or damaged; fetch the checkpoint again.") from None
