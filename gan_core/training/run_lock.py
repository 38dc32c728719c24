"""Which process trains a run, and how the last one ended: runs/NAME/process.json.

The process holds a lock on a file beside it for as long as it lives, and the system lets go of the
lock when it ends, however it ends. So a number of a process that is long gone, or that another
program has by now, is never taken for the run.
"""

import contextlib
import os
import time
from pathlib import Path

from gan_core.util import atomic_files
from gan_core.util.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

RECORD, LOCK = "process.json", "process.lock"


@contextlib.contextmanager
def holding(run, **about):
    """Hold a run while it is worked on; yields a function tell(**more) that adds to its record.

    run: the run's directory, made when it is missing. about: JSON values for the record, beside
    `pid`, `began` (seconds since 1970) and, in the end, `ended`: "finished", "stopped" or "failed",
    and `reason`, a sentence. Raises InputError when another process holds the run.
    """
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    with open(run / LOCK, "a+b") as file:
        if not _lock(file):
            raise InputError(
                f"{run} is being trained by process {read(run).get('pid', 'of another program')}; "
                "stop that first, or use another name."
            )
        record = {"pid": os.getpid(), "began": time.time(), **about}

        def tell(**more):
            record.update(more)
            with contextlib.suppress(OSError):  # a full disk has its own sentence
                atomic_files.write_json(run / RECORD, record)

        tell()
        try:
            yield tell
            tell(ended="finished")
        except KeyboardInterrupt:
            tell(ended="stopped")
            raise
        except (InputError, OSError) as error:
            tell(ended="failed", reason=str(error))
            raise
        except BaseException as error:
            tell(ended="failed", reason=f"{type(error).__name__}: {error}")
            raise
        finally:
            _unlock(file)


def read(run):
    """The record of a run's last process, a dict; {} when there is none that can be read."""
    try:
        return atomic_files.read_json(Path(run) / RECORD, "a run")
    except InputError:
        return {}


def held(run):
    """Whether a living process holds the run."""
    try:
        with open(Path(run) / LOCK, "r+b") as file:
            if not _lock(file):
                return True
            _unlock(file)
    except OSError:  # there is no lock, or it cannot be opened
        pass
    return False


def _lock(file):
    """Take the lock of an open file; whether it was free. A disk that knows no locks is free."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


def _unlock(file):
    with contextlib.suppress(OSError):
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_UN)
        else:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
