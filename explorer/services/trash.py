"""Deleted models, runs and directions, which can be put back for a while.

What is deleted moves in one step into a folder beside it, so that no disk fills up and nothing is
half deleted:

    .trash/1732696000123-model/NAME

The number is the time in milliseconds. What is older than DAYS is removed for good with the next
deletion and at the next start of the app.
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gan_core.util.errors import InputError

FOLDER = ".trash"
DAYS = 7
KINDS = ("model", "run", "direction")
MOST = 200  # listed
NAMED = re.compile(rf"(\d{{10,13}})-({'|'.join(KINDS)})", re.ASCII)


@dataclass(frozen=True)
class Deleted:
    """Something in the trash. at: seconds since 1970. place: where it lies, under its old name."""

    kind: str
    at: float
    place: Path

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def home(self) -> Path:
        """The folder that it was deleted from."""
        return self.place.parents[2]


def new_place(folder: Path, kind: str) -> Path:
    """A new folder in the trash of a folder. Raises InputError when it cannot be created."""
    clean(folder)
    try:
        for stamp in range(now := time.time_ns() // 10**6, now + 1000):
            with contextlib.suppress(FileExistsError):
                place = folder / FOLDER / f"{stamp}-{kind}"
                place.mkdir(parents=True)
                return place
    except OSError as error:
        raise InputError(
            f"The folder {folder.name} cannot be written to: {error.strerror}."
        ) from None
    raise InputError("The trash is in use; try again.")


def put(path: Path, kind: str) -> Deleted:
    """Move a file or folder into the trash. Raises InputError when that is not possible."""
    place = new_place(path.parent, kind)
    try:
        os.rename(path, place / path.name)
    except OSError as error:
        with contextlib.suppress(OSError):
            place.rmdir()
        raise InputError(f"{path.name} cannot be deleted: {error.strerror}.") from None
    return Deleted(kind, time.time(), place / path.name)


def listed(folder: Path, kind: str) -> list[Deleted]:
    """What of a kind is in the trash of a folder, the latest first."""
    return sorted((d for d in inside(folder) if d.kind == kind), key=lambda d: -d.at)[:MOST]


def inside(folder: Path) -> Iterable[Deleted]:
    """Everything in the trash of a folder."""
    with contextlib.suppress(OSError):
        for place in (folder / FOLDER).iterdir():
            match = NAMED.fullmatch(place.name)
            if match and place.is_dir() and not place.is_symlink():
                for path in list(place.iterdir())[:1]:
                    yield Deleted(match[2], int(match[1]) / 1000, path)


def put_back(deleted: Deleted) -> None:
    """Move something back to where it was. Raises InputError when its name is in use again."""
    target = deleted.home / deleted.name
    if target.exists() or target.is_symlink():
        raise InputError(
            f"There is a new {deleted.kind} called {deleted.name}; rename or delete that one first."
        )
    try:
        os.rename(deleted.place, target)
    except OSError as error:
        raise InputError(f"{deleted.name} cannot be put back: {error.strerror}.") from None
    with contextlib.suppress(OSError):
        deleted.place.parent.rmdir()


def remove(deleted: Deleted) -> None:
    """Remove something in the trash for good. Links are removed, not what they lead to."""
    shutil.rmtree(deleted.place.parent, ignore_errors=True)


def clean(folder: Path, days: float = DAYS) -> None:
    """Remove for good what has been in the trash of a folder for longer."""
    before = time.time() - days * 24 * 3600
    for deleted in list(inside(folder)):
        if deleted.at < before:
            remove(deleted)
