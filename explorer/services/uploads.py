"""Where a training run's pictures come from: an uploaded zip, or a folder given at the start."""

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from explorer.services import run_list, training_data, trust
from explorer.services.run_list import Run
from gan_core.data import image_sources
from gan_core.util import atomic_files, environment
from gan_core.util.errors import InputError

UPLOAD = "upload.zip"  # in the folder of a run
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


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


def tidy(run: Run) -> None:
    """Delete an uploaded zip once its pictures are packed."""
    if (run.directory / "training_set" / "set.json").exists():
        with contextlib.suppress(OSError):
            (run.directory / UPLOAD).unlink(missing_ok=True)


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
