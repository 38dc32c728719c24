"""Where a training run's pictures come from: an uploaded zip, or a folder given at the start."""

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from explorer.services import run_list, training_data, trust
from explorer.services.run_list import Run
from gan_core.data import image_sources, training_set
from gan_core.training import from_folder
from gan_core.util import atomic_files, environment
from gan_core.util.errors import InputError

UPLOAD = "upload.zip"  # in the folder of a run
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif"}


def save_upload(name: str, upload: BinaryIO) -> Path:
    """Write an uploaded zip into the run's folder; returns its path.

    Raises InputError when the upload is not a zip, is unsafe, or contains no pictures.
    """
    trust.check(training=True)
    path = run_list.folder() / name / UPLOAD
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_files.replacing(path) as temporary:
            upload.seek(0)
            with open(temporary, "wb") as file:
                while part := upload.read(2**20):
                    file.write(part)
            try:
                empty = not image_sources.count(temporary)
                if not empty:
                    image_sources.check_first(temporary)
            except InputError as error:
                raise InputError(str(error).replace(str(temporary), "This file")) from None
            if empty:
                raise InputError("This zip contains no pictures.")
    except OSError as error:
        raise InputError(f"{path.parent} cannot be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # when it is empty
    return path


def discard(path: Path) -> None:
    """Remove what `save_upload` wrote for a run that could not be started."""
    if run_list.look(path.parent).running:
        return
    with contextlib.suppress(OSError):
        path.unlink()
        path.parent.rmdir()  # when it is empty


def tidy(run: Run) -> None:
    """Delete an uploaded zip once its pictures are packed."""
    if (run.directory / "training_set" / "set.json").exists():
        with contextlib.suppress(OSError):
            (run.directory / UPLOAD).unlink(missing_ok=True)


def source_of(run: Run) -> Path | None:
    """The folder or zip that a run's pictures came from, if the app was started with it."""
    words = run.arguments
    if "--images" not in words[:-1]:
        return None
    path = Path(run.cwd) / words[words.index("--images") + 1]
    return path if confined(path) else None


def added(run: Run) -> int:
    """How many pictures were added to the folder of a run after it began."""
    source = source_of(run)
    packed = run.directory / "training_set"
    if source is None or not (packed / "set.json").exists():
        return 0
    return _added(str(source), str(packed))


@st.cache_data(ttl=30, max_entries=32, show_spinner=False)
def _added(source: str, packed: str) -> int:
    return from_folder.added(source, packed)


def notes(run: Run) -> list[str]:
    """What a person should know of how a run's pictures were packed, a sentence each."""
    try:
        return training_set.read_card(run.directory / "training_set").get("notes") or []
    except InputError:
        return []


def label_of(source: Path) -> str | None:
    """The label under which `image_folders` offers a folder or a zip, or None."""
    real = source.resolve()
    return next((label for label, p in image_folders().items() if p.resolve() == real), None)


def image_folders() -> dict[str, Path]:
    """Folders of pictures and zips in the folders given at the start: {label: Path}."""
    sources = {}
    for root in roots():
        inside = [root, *sorted(path for path in root.iterdir() if not path.name.startswith("."))]
        for path in inside:
            if confined(path) and holds_pictures(path):
                sources[str(path.relative_to(root.parent))] = path
    return sources


def packed_sets() -> dict[str, Path]:
    """Packed training sets in the folders given at the start: {label: Path}."""
    return {path.name: path for path in training_data.given()}


def roots() -> list[Path]:
    given = (environment.get(training_data.VARIABLE) or "").split(os.pathsep)
    return [Path(part).resolve() for part in given if part and Path(part).is_dir()]


def confined(path: str | Path) -> bool:
    """Whether a path, with all symlinks resolved, is inside a folder given at the start."""
    try:
        real = Path(path).resolve()
    except (OSError, ValueError, RuntimeError):  # an impossible name, or a cycle of symlinks
        return False
    return any(real == root or real.is_relative_to(root) for root in roots())


def holds_pictures(path: Path) -> bool:
    """Whether a path is a zip, or a folder with a picture among its first files."""
    try:
        if path.is_file():
            return path.suffix.lower() == ".zip"
        if (path / "set.json").exists():
            return False
        with os.scandir(path) as inside:
            first = [entry.name for _, entry in zip(range(200), inside, strict=False)]
    except OSError:
        return False
    return any(Path(name).suffix.lower() in PICTURES for name in first)
