"""Makes the app end on a signal, whatever its threads are still doing.

Python waits for its threads at exit, and background work takes minutes. So the first SIGINT or
SIGTERM lets the server close its connections and stops background work at its next step; after
GRACE seconds, or at the second signal, the process ends immediately. Files are written atomically
(see gan_core.util.atomic_files), so none is left half-written. Training runs have processes and
sessions of their own and continue.
"""

import contextlib
import functools
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

GRACE = 3  # seconds
SIGNALS = (signal.SIGINT, signal.SIGTERM)

ending = threading.Event()  # set once the app is ending


def watch() -> None:
    """Handle signals before the handlers that are installed now, which are called afterwards."""
    for number in SIGNALS:
        signal.signal(number, functools.partial(_on_signal, signal.getsignal(number)))


def _on_signal(before: Any, number: int, frame: FrameType | None) -> None:
    if ending.is_set():
        leave()
    ending.set()
    threading.Thread(target=_leave_late, name="shutdown", daemon=True).start()
    if hasattr(signal, "alarm"):  # in case a thread holds the interpreter
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(GRACE + 1)
    if callable(before):
        before(number, frame)


def _leave_late() -> None:
    time.sleep(GRACE)
    leave()


def leave(status: int = 0) -> None:
    """End the process now, without waiting for its threads."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)
