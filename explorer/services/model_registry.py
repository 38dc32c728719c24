"""The available checkpoints: listed on every run, loaded once per process, shared read-only."""

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
from explorer.services import shutdown
from gan_core import checkpoint
from gan_core.checkpoint import Model
from gan_core.util import atomic_files, cache_dir, environment

ROOT = where.CODE
# Folders of checkpoints, passed on by `python -m explorer`, separated as in PATH.
VARIABLE = "LATENT_EXPLORER_CHECKPOINTS"
DEFAULT = "avatars"  # what a first visit shows, because its training images come with it
# Batch sizes that pages ask for: one picture, a coarse strip or pad, and the largest batch.
WARM = (1, 9, 25, checkpoint.BATCH)
# Directories listed per folder, cards read in one listing, and cards held in memory.
MOST_LISTED, MOST_READ, MOST_KNOWN = 5000, 200, 20_000
MOST_WORDS = 60  # characters of a purpose, which stands on one line of the menu

Stamp = tuple[int, int, int]  # time, size and inode of a card

# directory -> (its stamp when it was read, name, problem, purpose)
_read: dict[Path, tuple[Stamp, str, str | None, str]] = {}


@dataclass(frozen=True)
class Entry:
    """A checkpoint directory.

    problem: why it cannot be used, in one sentence, or None. purpose: what it is for, in a few
    words, as its card says it; "" for most models that do not come with the app.
    """

    name: str
    directory: Path
    stamp: int
    problem: str | None
    purpose: str = ""


def folders() -> list[Path]:
    """The folders that are searched for checkpoints."""
    given = environment.get(VARIABLE) or ""
    return [Path(folder) for folder in given.split(os.pathsep) if folder] or where.checkpoints()


def clear_up() -> None:
    """Remove what killed processes left half-written among the checkpoints and in the cache."""
    cache = cache_dir.cache_directory()
    for folder in (*folders(), cache, *cache.glob("*/")):
        atomic_files.clear_folders(folder)


def entries() -> dict[str, Entry]:
    """name -> Entry of every directory that holds a model.json, in the order of the folders.

    A folder may itself be a checkpoint. A checkpoint has the name of its directory; a second one
    of the same name gets a number, so that links and trays can tell the two apart.
    """
    listed: dict[str, Entry] = {}
    numbers: dict[str, int] = {}
    reads = 0
    for directory in directories():
        stamp = stamp_of(directory)
        if stamp is None:
            continue
        # The cards of a folder of thousands are read a few at a time, some on each listing.
        if not known(directory, stamp) and reads < MOST_READ:
            remember(directory, stamp)
            reads += 1
        entry = entry_of(directory, stamp)
        name = unused(entry.name, listed, numbers)
        listed[name] = replace(entry, name=name)
    return listed


def directories() -> Iterator[Path]:
    """The folders and at most MOST_LISTED directories in each, sorted by name.

    What a killed import left half-written is skipped.
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
    """(time, size, inode) of a card, by which a change is noticed; None where there is no card."""
    try:
        status = os.stat(directory / "model.json")
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def known(directory: Path, stamp: Stamp) -> bool:
    """Whether the current card of a directory has been read."""
    return directory in _read and _read[directory][0] == stamp


def remember(directory: Path, stamp: Stamp) -> None:
    """Read a card and store its name, problem and purpose."""
    if len(_read) >= MOST_KNOWN:
        _read.clear()
    _read[directory] = stamp, *read(directory)


def entry_of(directory: Path, stamp: Stamp) -> Entry:
    """The Entry of a directory. A card that has not been read has no problem until it is loaded."""
    _, name, problem, purpose = _read.get(directory, (None, directory.name, None, ""))
    return Entry(name, directory, stamp[0], problem, purpose)


def read(directory: Path) -> tuple[str, str | None, str]:
    """(name, problem, purpose) of a directory. Reads its card but not its weights."""
    purpose, problem = "", None
    try:
        card = checkpoint.read_card(directory)
        purpose = str(card.get("purpose") or "")[:MOST_WORDS]
    except gan_core.InputError as error:
        problem = str(error)
    except OSError:
        problem = f"{directory} cannot be read."
    return directory.resolve().name, problem, purpose


def unused(name: str, taken: Container[str], numbers: dict[str, int] | None = None) -> str:
    """The name, with a number if it is taken. numbers: name -> the last number it was given."""
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


def in_space(model: Model, space: str) -> Model:
    """A loaded Model in the latent space "z" or "w", made once; raises InputError for w without a
    mapping network. Other files than the generator are the loaded Model's own: a copy of a
    checkpoint has the same generator."""
    if space == model.space:
        return model
    view = _in_space(model.digest, space, model)
    card = {**model.card, "space": space}
    return replace(view, discriminator=model.discriminator, card=card, directory=model.directory)


@st.cache_resource(max_entries=8, show_spinner=False)
def _in_space(digest: str, space: str, _model: Model) -> Model:
    return checkpoint.in_space(_model, space)


@st.cache_resource(max_entries=8, show_spinner=False)
def _load(directory: str, stamp: int) -> Model:
    # The stamp is part of the key, so that a model that is trained again is loaded again.
    model = gan_core.load(directory)
    # The first batch of each shape is several times slower than the next. Soon after the load, the
    # first picture has been drawn and nobody is waiting. The process waits for it at its end: a
    # daemon would be torn out of torch, which aborts.
    timer = threading.Timer(2.0, settle_quietly, [model])
    timer.daemon = False  # which the threads of scripts are, from which it would inherit it
    timer.start()
    return model


def settle_quietly(model: Model) -> None:
    """`settle` in the background, where an error is only logged: a page that needs it shows it.

    The files of a model may have been replaced since it was loaded, or memory may be short.
    """
    if shutdown.ending.is_set():
        return
    try:
        settle(model)
    except Exception as error:
        logging.getLogger("explorer").info("%s was not made ready: %s", model.name, error)


def settle(model: Model) -> None:
    """Make later requests fast: run the usual batch sizes once, and tame the garbage collector."""
    for n in WARM:
        images = model.generate(np.zeros((n, model.prior.size), np.float32))
        if model.discriminator is not None:
            model.realness(images)
    # With torch loaded, a garbage collection blocks the interpreter for about 125 ms. Objects alive
    # now will stay, so they are excluded from it.
    gc.collect()
    gc.freeze()
