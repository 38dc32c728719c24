"""The processes of training runs that this app started, and whether they are alive."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

STARTING = 600  # seconds that a process may take to hold its run, on a busy computer
# pid -> process, so that none becomes a zombie
children: dict[int, subprocess.Popen] = {}


def alive(pid: object, at: float | None) -> bool:
    """Whether a process that was started has not ended. at: when it was started."""
    if pid in children:
        return children[pid].poll() is None
    # The clock may have been set back since then.
    if type(pid) is not int or pid <= 0 or at is None or abs(time.time() - at) >= STARTING:
        return False
    if os.name == "nt":  # where os.kill would end the process
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
    """Collect children that have ended."""
    for pid, child in list(children.items()):
        if child.poll() is not None:
            del children[pid]
