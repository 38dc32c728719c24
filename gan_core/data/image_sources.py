"""Sources of images: a folder, a zip file or a torchvision data set, as one stream of squares.

Memory use is constant: one image is open at a time.
"""

import itertools
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from gan_core.data import attribute_tables, decoding, safe_zip, training_set
from gan_core.data.attribute_tables import MAX_TABLE
from gan_core.data.decoding import MAX_BYTES, Unreadable
from gan_core.util import regular_files
from gan_core.util.errors import InputError

TORCHVISION = ("celeba", "cifar10", "mnist", "fashion-mnist", "lfw-people")
WITHOUT_FACES = ("cifar10", "mnist", "fashion-mnist")  # of these
NOT_IMAGES = {".csv", ".txt", ".json", ".jsonl", ".md", ".html", ".pdf", ".db", ".ini"}
SAME = 2  # levels by which pictures may differ and still look the same
ALIKE = (
    "All pictures look the same, so a model can only repeat them, and there is no diversity to "
    "measure. Use pictures that differ."
)
SHOWN = 3  # names in a sentence that names some of many

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
    folders: str = "",  # column of attributes for the names of class folders, such as breed
    held_out: str | None = None,  # a number (the last images), a share (10%), or a file of names
    licence: str = "",  # whose images these are and what is allowed, one sentence
    how: str = "",  # how somebody else can get the images, one sentence
    name: str | None = None,  # the set's name; the directory's by default
    root: str = "data/torchvision",  # where torchvision keeps its data sets
    download: bool = False,  # let torchvision download what is missing
    command: str = "",  # set by the command line, for the record
) -> tuple[int, int, list[tuple[str, str]]]:
    """Pack images into a training set; returns (training images, held-out images, skipped).

    skipped: (file, reason) of each file that could not be read. What else a person should know is
    written into the card of the set, as "notes". Raises InputError for options that cannot work,
    for a table with none of the images, when no image is usable, or when `out` already exists.
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
    table, names = attribute_tables.read(attributes) if attributes else ({}, names)
    find = attribute_tables.finder(table)
    class_of: Callable[[str], str] | None = None
    if folders:
        class_of = class_folders(source, folders, listed(source, first), names)
        names = [*names, folders]
    if attributes and str(source) not in TORCHVISION:
        check_table(attributes, table, listed(source, first))  # before minutes of packing
    set_aside = read_held_out(held_out, count)
    light = brightest(source, first)
    white = decoding.white_of(light)
    card: dict[str, Any] = {
        "name": name or Path(out).name,
        "source": str(source) if source in TORCHVISION else Path(source).name,
        "licence": licence,
        "how": how,
        "command": command,
        "framing": {"crop": crop, "size": size, "channels": channels},
    }
    if white:
        card["brightest"] = light
    skipped: list[tuple[str, str]] = []
    used, matched = [0, 0], 0
    before, alike = None, True
    with training_set.writing(out, size, channels, card, names) as writer:
        for position, (file, opened, known, test) in enumerate(
            tqdm(stream, total=count, unit="img")
        ):
            try:
                image = decoding.square(opened(), size, crop, channels, white)
            except Unreadable as error:
                skipped.append((file, str(error)))
                continue
            before = image if before is None else before
            alike = alike and np.abs(image.astype(np.int16) - before).max() <= SAME
            file = file.encode("utf-8", "replace").decode()  # some file names are not valid text
            row = find(file)
            matched += row is not None
            known = dict(zip(names, row, strict=False)) if row else known
            if class_of is not None:
                known = {**(known or {}), folders: class_of(file)}
            aside = test if set_aside is None else set_aside(position, file)
            writer.add(image, file, known, held_out=bool(aside))
            used[bool(aside)] += 1
        if skipped and not any(used):
            file, reason = skipped[0]
            raise InputError(
                "No picture can be used, so no training set was made. The first of "
                f"{len(skipped)} file{'' if len(skipped) == 1 else 's'} is {file}: {reason}."
            )
        if attributes and not matched and any(used):
            raise attribute_tables.nothing_matches(attributes, table, (), sum(used))
        notes = [left_out(source), white_note(light), ALIKE if alike and sum(used) > 1 else ""]
        if attributes and matched < sum(used):
            notes.append(
                f"{matched:,} of {sum(used):,} pictures are in the table "
                f"{Path(attributes).name}; the attributes of the others are unknown."
            )
        if any(notes):
            card["notes"] = [note for note in notes if note]
        card["skipped"] = len(skipped)
        writer.note_skipped(skipped)
    return used[0], used[1], skipped


def class_folders(
    source: str | Path, column: str, files: Sequence[str], names: Sequence[str]
) -> Callable[[str], str]:
    """A function from the name of a file to that of its class folder, "" where it is in none.

    Pictures of a class are in a folder of its own, as torchvision's ImageFolder wants it. Folders
    that hold all of the others, such as the only one in a zip, are passed over. column: what the
    classes are called. names: of the other attributes. Raises InputError when there are no two
    class folders, when the name of the column is taken, and for a torchvision data set.
    """
    if str(source) in TORCHVISION:
        raise InputError(f"{source} brings its classes with it; leave --folders out.")
    if column in names:
        raise InputError(f"The table already has a column {column}; give --folders another name.")
    levels = zip(*(file.split("/")[:-1] for file in files), strict=False)
    depth = len(list(itertools.takewhile(lambda level: len(set(level)) == 1, levels)))

    def class_of(file: str) -> str:
        return "".join(file.split("/")[:-1][depth : depth + 1])

    if len({class_of(file) for file in files} - {""}) < 2:
        raise InputError(
            f"{source} has no class folders; --folders needs two or more, one for each class, such "
            "as cats/ and dogs/."
        )
    return class_of


def check_table(path: str | Path, table: attribute_tables.Table, files: Sequence[str]) -> None:
    """Raise InputError when none of the files of pictures is in a table of attributes."""
    find = attribute_tables.finder(table)
    if files and not any(find(file) is not None for file in files):
        raise attribute_tables.nothing_matches(path, table, files, len(files))


def listed(source: str | Path, first: int = 0) -> list[str]:
    """The names of the files that `pack` would try to read in a folder or a zip, in its order."""
    stream, _, _ = open_source(source, "", False)
    # Some file names are not valid text; `pack` writes them as here.
    names = (file.encode("utf-8", "replace").decode() for file, *_ in stream)
    return list(itertools.islice(names, first or None))


def brightest(source: str | Path, first: int = 0) -> float:
    """The brightest value in a source's files of more than 8 bits; 0 when there are none.

    Only files that may have more are opened; torchvision's data sets have 8 bits.
    """
    if str(source) in TORCHVISION:
        return 0.0
    light = 0.0
    for file, opened, _, _ in itertools.islice(open_source(source, "", False)[0], first or None):
        if os.path.splitext(file)[1].lower() not in decoding.EIGHT_BITS:
            try:
                data = opened()
            except Unreadable:
                continue
            light = max(light, decoding.brightest(data) if isinstance(data, bytes) else 0.0)
    return light


def white_note(light: float) -> str:
    """What a person should know of the range of 16-bit files; "" when they use all of it."""
    white = decoding.white_of(light)
    if white is None or white == 65535:
        return ""
    return (
        f"Files with more than 8 bits hold values up to {light:,g}; they were scaled so that this "
        "brightest value of the set is white. Pictures that are compared later are scaled in the "
        "same way."
    )


def left_out(source: str | Path) -> str:
    """Which linked subfolders of a folder are left out, with what to do; "" when there are none."""
    if str(source) in TORCHVISION or not Path(source).is_dir():
        return ""
    links = linked_folders(Path(source))
    if not links:
        return ""
    names = ", ".join(links[:SHOWN]) + (" …" if len(links) > SHOWN else "")
    one = len(links) == 1
    return (
        f"{len(links)} linked folder{'' if one else 's'} left out, because "
        f"{'it leads' if one else 'they lead'} outside {Path(source).name}: {names}. Copy the "
        f"pictures into {Path(source).name} to use them."
    )


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
            decoding.square(opened(), 8, 1.0, 3)
            return
        except Unreadable as error:
            reason = reason or f"; the first, {file}: {error}"
    raise InputError(f"{source} holds no usable picture{reason}.")


def first_pictures(source: str | Path, most: int, size: int, tries: int = 20) -> np.ndarray:
    """The first usable pictures of a folder or zip as squares, uint8 (n ≤ most, size, size, 3).

    Looks at `tries` files at most. Raises InputError as `pack` does.
    """
    squares: list[np.ndarray] = []
    for _, opened, _, _ in itertools.islice(open_source(source, "", False)[0], tries):
        if len(squares) == most:
            break
        try:
            squares.append(np.asarray(decoding.square(opened(), size, 1.0, 3)))
        except Unreadable:
            continue
    return np.stack(squares) if squares else np.zeros((0, size, size, 3), np.uint8)


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
    archive = "an archive, but not a zip" if is_other_archive(path) else ""
    if archive:
        raise InputError(f"{path} is {archive}; unpack it and give the folder.")
    raise InputError(f"{path} is neither a folder nor a zip file.")


def is_other_archive(path: Path) -> bool:
    """Whether a file is a RAR, 7z, gzip, bzip2 or xz archive, or a tar."""
    try:
        start = regular_files.open_regular(path).read(512)
    except (OSError, InputError):
        return False
    known = (b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
    return start.startswith(known) or start[257:262] == b"ustar"


def linked_folders(folder: Path) -> list[str]:
    """The links to folders in a folder of pictures that lead out of it, by their paths in it.

    Such a link is not followed: a folder that came from somebody else could link to anything on
    this computer. A link to a folder inside leads to pictures that are packed already.
    """
    real, links = folder.resolve(), []
    for place, folders, _ in os.walk(folder):
        folders[:] = [name for name in folders if not _hidden(name)]
        for path in (Path(place, name) for name in folders):
            if path.is_symlink() and not path.resolve().is_relative_to(real):
                links.append(path.relative_to(folder).as_posix())
    return sorted(links)


def _folder_images(folder: Path) -> Source:
    # os.walk follows no links to folders, in any version of Python.
    inside = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    paths = sorted(
        p for p in inside if _may_be_image(p.relative_to(folder).as_posix()) and p.is_file()
    )
    stream = ((p.relative_to(folder).as_posix(), partial(_read, p), None, False) for p in paths)
    return stream, len(paths), ()


def _zip_images(path: Path) -> Source:
    archive = safe_zip.open_zip(path)
    # Names stay strings: creating hundreds of thousands of paths is slow.
    members = [i for i in archive.infolist() if not i.is_dir() and _may_be_image(i.filename)]
    members.sort(key=lambda info: info.filename)
    if members and all(info.flag_bits & 1 for info in members):
        raise InputError(
            f"{path} is protected by a password; unpack it with the password and give the folder."
        )
    if members and all(info.filename.lower().endswith(".zip") for info in members):
        raise InputError(f"{path} holds zips, not pictures; unpack it and give one of them.")
    stream = (
        (info.filename, partial(_read_member, archive, info), None, False) for info in members
    )
    return stream, len(members), ()


def _may_be_image(name: str) -> bool:
    hidden = any(map(_hidden, name.split("/")))
    return not hidden and os.path.splitext(name)[1].lower() not in NOT_IMAGES


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))


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
    names = ["digit" if name == "mnist" else "label"]
    if name == "celeba":
        names = [n for n in parts[0].attr_names if n]  # it lists an empty forty-first name
    elif name == "mnist":
        classes = [str(digit) for digit in range(10)]  # torchvision calls them "0 - zero"

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
                    known = {names[0]: classes[label] if classes else label}
                yield file, partial(_identity, image), known, test

    return stream(), sum(map(len, parts)), names


def _identity(image: Image.Image) -> Image.Image:
    return image


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
