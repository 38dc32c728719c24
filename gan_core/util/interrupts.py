"""Ctrl-C and SIGTERM that are not lost.

Python raises KeyboardInterrupt wherever the program happens to be. In the callback of a weak
reference or in a destructor it is printed and forgotten, and the program goes on. So that a stop is
not lost there, it is also noted.
"""

import signal
from types import FrameType
from typing import NoReturn

_noted = False


def install() -> None:
    """From now on both signals raise KeyboardInterrupt and are noted; forgets earlier ones."""
    global _noted
    _noted = False
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def noted() -> bool:
    """Whether one of the signals has come since `install`."""
    return _noted


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    global _noted
    _noted = True
    raise KeyboardInterrupt
