"""The checkpoints at hand: listed at every run, each loaded once per process, shared read-only."""

import gc
import logging
import os
import stat
import threading
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

import gan_core
from explorer.services import folders as where
from gan_core import checkpoint
from gan_core.checkpoint import Model
from gan_core.util import atomic_files, cache_dir, environment

ROOT = where.CODE
# Folders of checkpoints, handed on by `python -m explorer`, separated as in PATH.
VARIABLE = "LATENT_EXPLORER_CHECKPOINTS"
DEFAULT = "avatars"  # what a first visit shows where it is: its training images are there too
# Batches that a page asks for: one picture, a coarse strip or pad, and the most drawn at once.
WARM = (1, 9, 25, checkpoint.BATCH)
# Directories listed of each folder, cards read anew in one listing, and cards kept in memory.
MOST_LISTED, MOST_READ, MOST_KNOWN = 5000, 200, 20_000

Stamp = tuple[int, int, int]  # time, size and inode of a card

# directory -> (its stamp when it was read, name, problem)
_read: dict[Path, tuple[Stamp, str, str | None]] = {}


@dataclass(frozen=True)
class Entry:
    """A checkpoint directory. problem: why it cannot be used, in one sentence, or None."""

    name: str
    directory: Path
    stamp: int
    problem: str | None


def folders() -> list[Path]:
    """The folders that are looked through for checkpoints."""
    given = environment.get(VARIABLE) or ""
    return [Path(folder) for folder in given.split(os.pathsep) if folder] or where.checkpoints()


def clear_up() -> None:
    """Remove what killed processes left half written among checkpoints and in the cache."""
    cache = cache_dir.cache_directory()
    for folder in (*folders(), cache, *cache.glob("*/")):
        atomic_files.clear_folders(folder)


def entries() -> dict[str, Entry]:
    """name -> Entry of every directory that holds a model.json, in order of the folders.

    A folder given may be a checkpoint itself. A checkpoint is called by its directory; a second
    of the same name gets a number, so that links and trays can tell the two apart.
    """
    listed: dict[str, Entry] = {}
    numbers: dict[str, int] = {}
    reads = 0
    for directory in directories():
        stamp = stamp_of(directory)
        if stamp is None:
            continue
        # In a folder of thousands the cards are read bit by bit, at each listing some more of them.
        if not known(directory, stamp) and reads < MOST_READ:
            remember(directory, stamp)
            reads += 1
        entry = entry_of(directory, stamp)
        name = unused(entry.name, listed, numbers)
        listed[name] = replace(entry, name=name)
    return listed


def directories() -> Iterator[Path]:
    """The folders and what lies in each, in order of the names; MOST_LISTED of each at most.

    What a killed import left half written is none of them.
    """
    for folder in folders():
        try:
            inside = [path for path in folder.iterdir() if not atomic_files.is_partial(path)]
        except OSError:
            inside = []
        inside.sort(key=lambda path: (path.name.lower(), path.name))
        yield folder
        yield from inside[:MOST_LISTED]


def look(directory: Path) -> Entry | None:
    """The Entry of a directory, or None where there is no model.json."""
    stamp = stamp_of(directory)
    if stamp is None:
        return None
    if not known(directory, stamp):
        remember(directory, stamp)
    return entry_of(directory, stamp)


def stamp_of(directory: Path) -> Stamp | None:
    """What tells that a card has changed: (time, size, inode); None where there is no card."""
    try:
        status = os.stat(directory / "model.json")
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def known(directory: Path, stamp: Stamp) -> bool:
    """Whether the card of a directory has been read as it is now."""
    return directory in _read and _read[directory][0] == stamp


def remember(directory: Path, stamp: Stamp) -> None:
    """Read a card and keep what it told."""
    if len(_read) >= MOST_KNOWN:
        _read.clear()
    _read[directory] = stamp, *read(directory)


def entry_of(directory: Path, stamp: Stamp) -> Entry:
    """The Entry of a directory. A card that was not read yet has no problem until it is loaded."""
    _, name, problem = _read.get(directory, (None, directory.name, None))
    return Entry(name, directory, stamp[0], problem)


def read(directory: Path) -> tuple[str, str | None]:
    """(name, problem) of a directory; its card is read, its weights are not."""
    try:
        checkpoint.read_card(directory)
        problem = None
    except gan_core.InputError as error:
        problem = str(error)
    except OSError:
        problem = f"{directory} cannot be read."
    return directory.resolve().name, problem


def unused(name: str, taken: Container[str], numbers: dict[str, int] | None = None) -> str:
    """The name, with a number when it is taken. numbers: name -> the last number given to it."""
    new, numbers = name, {} if numbers is None else numbers
    while new in taken:
        numbers[name] = numbers.get(name, 1) + 1
        new = f"{name} ({numbers[name]})"
    return new


def load(entry: Entry) -> Model:
    """The Model of an Entry. Raises InputError with one sentence when it cannot be loaded."""
    if entry.problem:
        raise gan_core.InputError(entry.problem)
    return _load(str(entry.directory), entry.stamp)


@st.cache_resource(max_entries=8, show_spinner=False)
def _load(directory: str, stamp: int) -> Model:
    # The stamp is part of the key, so that a model trained anew is picked up.
    model = gan_core.load(directory)
    # The first batch of a shape is several times slower than the next. A while after the load,
    # the first picture has been drawn and nobody waits.
    timer = threading.Timer(2.0, settle_quietly, [model])
    timer.daemon = True
    timer.start()
    return model


def settle_quietly(model: Model) -> None:
    """`settle` where nobody waits: whatever fails here fails again on the page that needs it.

    The files of a model may have been replaced since it was loaded, and memory may be short.
    """
    try:
        settle(model)
    except Exception as error:
        logging.getLogger("explorer").info("%s was not made ready: %s", model.name, error)


def settle(model: Model) -> None:
    """Make what comes next quick: run the usual batch sizes once, and tame the collector."""
    for n in WARM:
        images = model.generate(np.zeros((n, model.prior.size), np.float32))
        if model.discriminator is not None:
            model.realness(images)
    # Streamlit collects garbage after every run, which with torch loaded holds the interpreter
    # for about 125 ms. Objects alive now stay for good: taking them out of the count ends that.
    gc.collect()
    gc.freeze()
