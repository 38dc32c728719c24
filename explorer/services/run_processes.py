"""The processes of training runs that this app started, and whether they are alive."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

STARTING = 600  # seconds that a process may take until it holds its run, on a busy computer
# pid -> process, so that none is left behind as a zombie
children: dict[int, subprocess.Popen] = {}


def alive(pid: object, at: float | None) -> bool:
    """Whether the process of a start is still about to begin."""
    if pid in children:
        return children[pid].poll() is None
    # The clock can have been set back since.
    if type(pid) is not int or pid <= 0 or at is None or abs(time.time() - at) >= STARTING:
        return False
    if os.name == "nt":  # there a signal cannot ask
        return True
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    words = Path(f"/proc/{pid}/cmdline")
    with contextlib.suppress(OSError):
        return b"gan_core" in words.read_bytes()
    return True


def reap() -> None:
    """Take note of children that have ended."""
    for pid, child in list(children.items()):
        if child.poll() is not None:
            del children[pid]
