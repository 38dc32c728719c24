"""The checkpoints at hand: listed at every run, each loaded once per process, shared read-only."""

import functools
import gc
import os
import stat
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

import gan_core
from explorer.services import folders as where
from gan_core import checkpoint

ROOT = where.CODE
# Folders of checkpoints, handed on by `python -m explorer`, separated as in PATH.
VARIABLE = "GAN_EXPLORER_CHECKPOINTS"
DEFAULT = "avatars"  # what a first visit shows where it is: its training images are there too
# Batches that a page asks for: one picture, a coarse strip or pad, and the most drawn at once.
WARM = (1, 9, 25, checkpoint.BATCH)


@dataclass(frozen=True)
class Entry:
    """A checkpoint directory. problem: why it cannot be used, in one sentence, or None."""

    name: str
    directory: Path
    stamp: int
    problem: str | None


def folders():
    """The folders that are looked through for checkpoints."""
    given = os.environ.get(VARIABLE, "")
    return [Path(folder) for folder in given.split(os.pathsep) if folder] or where.checkpoints()


def entries():
    """name -> Entry of every directory that holds a model.json, in order of the folders.

    A folder given may be a checkpoint itself. A checkpoint is called by its directory; a second
    of the same name gets a number, so that links and trays can tell the two apart.
    """
    found = {}
    for folder in folders():
        inside = folder.iterdir() if folder.is_dir() else []
        inside = sorted(inside, key=lambda path: (path.name.lower(), path.name))
        for directory in [folder, *inside]:
            entry = look(directory)
            if entry is not None:
                name = unused(entry.name, found)
                found[name] = replace(entry, name=name)
    return found


def look(directory):
    """The Entry of a directory, or None where there is no model.json."""
    try:
        status = os.stat(directory / "model.json")
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    name, problem = read(directory, status.st_mtime_ns, status.st_size)
    return Entry(name, directory, status.st_mtime_ns, problem)


@functools.lru_cache(maxsize=1024)
def read(directory, stamp, size):
    """(name, problem) of a directory; its card is read, its weights are not.

    The list is made many times in every run: what has not changed is not read again.
    """
    try:
        checkpoint.read_card(directory)
        problem = None
    except gan_core.InputError as error:
        problem = str(error)
    except OSError:
        problem = f"{directory} cannot be read."
    return directory.resolve().name, problem


def unused(name, taken):
    """The name, with a number when it is taken."""
    names = [name, *(f"{name} ({i})" for i in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def load(entry):
    """The Model of an Entry. Raises InputError with one sentence when it cannot be loaded."""
    if entry.problem:
        raise gan_core.InputError(entry.problem)
    return _load(str(entry.directory), entry.stamp)


@st.cache_resource(max_entries=8, show_spinner=False)
def _load(directory, stamp):
    # The stamp is part of the key, so that a model trained anew is picked up.
    model = gan_core.load(directory)
    # The first batch of a shape is several times slower than the next. A while after the load,
    # the first picture has been drawn and nobody waits.
    timer = threading.Timer(2.0, settle, [model])
    timer.daemon = True
    timer.start()
    return model


def settle(model):
    """Make what comes next quick: run the usual batch sizes once, and tame the collector."""
    for n in WARM:
        images = model.generate(np.zeros((n, model.prior.size), np.float32))
        if model.discriminator is not None:
            model.realness(images)
    # Streamlit collects garbage after every run, which with torch loaded holds the interpreter
    # for about 125 ms. Objects alive now stay for good: taking them out of the count ends that.
    gc.collect()
    gc.freeze()
