"""Which process trains a run, and how the last one ended: runs/NAME/process.json.

The process holds a lock on a file beside the record for as long as it lives, and the system
releases the lock when the process ends, however it ends. So a process id that is long gone, or that
another program has by now, is never mistaken for the run.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gan_core.util import atomic_files, regular_files
from gan_core.util.errors import InputError

RECORD, LOCK = "process.json", "process.lock"
PATIENCE = 1.0  # seconds; somebody who looks whether a run is held locks it for a moment
LOOKS = 5  # at a lock and its record, until both are of one moment


@contextlib.contextmanager
def holding(run: Path | str, **about: Any) -> Iterator[Callable[..., None]]:
    """Hold a run while it is worked on; yields a function update(**more) that adds to its record.

    run: the run's directory, made when it is missing. about: JSON values for the record, beside
    `pid`, `began` (seconds since 1970) and, in the end, `ended`: "finished", "stopped" or "failed",
    and `reason`, a sentence. Raises InputError when another process holds the run.
    """
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / LOCK, timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{run} is being trained by process {read(run).get('pid', '(number unknown)')}; stop "
            "that process first, or use another name."
        ) from None
    record = {"pid": os.getpid(), "began": time.time(), **about}

    def update(**more: Any) -> None:
        record.update(more)
        with contextlib.suppress(OSError):  # a full disk is reported by what needs the space
            atomic_files.write_json(run / RECORD, record)

    update()
    try:
        yield update
        update(ended="finished")
    except KeyboardInterrupt:
        update(ended="stopped")
        raise
    except (InputError, OSError) as error:
        update(ended="failed", reason=str(error))
        raise
    except BaseException as error:
        update(ended="failed", reason=f"{type(error).__name__}: {error}")
        raise
    finally:
        lock.release()


def read(run: Path | str) -> dict:
    """The record of a run's last process; {} when there is none that can be read."""
    try:
        return atomic_files.read_json(Path(run) / RECORD, "a run")
    except InputError:
        return {}


def state(run: Path | str) -> tuple[bool, dict]:
    """(whether a living process holds the run, the record of its last process) at one moment.

    A process that ends between two looks would otherwise appear to have ended without a word.
    """
    now = held(run)
    for _ in range(LOOKS):
        before, record = now, read(run)
        now = held(run)
        if now == before:
            break
    return now, record


def held(run: Path | str) -> bool:
    """Whether a living process holds the run."""
    path = Path(run) / LOCK
    try:
        regular_files.check(path, inside=path.parent)  # a run's folder may come from a stranger
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except (InputError, OSError):  # there is no lock, or it cannot be opened
        return False
