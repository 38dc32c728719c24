"""The schedules of a run: periodic jobs, learning rates, and when to stop."""

import math
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any


class Due:
    """Which of several periodic jobs are due; periods in kimg, 0 being never."""

    def __init__(self, position: int, **kimg: float):
        periods = {name: int(period * 1000) for name, period in kimg.items() if period}
        self.periods = {name: max(1, period) for name, period in periods.items()}
        self.reset(position)

    def reset(self, position: int) -> None:
        """Count from a position, in images."""
        self.done = {name: position // period for name, period in self.periods.items()}

    def __call__(self, position: int) -> list[str]:
        """The jobs whose period has ended since the last call."""
        due = [n for n, period in self.periods.items() if position // period > self.done[n]]
        for name in due:
            self.done[name] = position // self.periods[name]
        return due


def warm(position: int, warmup_kimg: float) -> float:
    """Factor of G's learning rate at the start: linearly from 0 to 1."""
    return min(1.0, position / (warmup_kimg * 1000)) if warmup_kimg else 1.0


def cool(position: int, total: int, cooldown: float) -> float:
    """Factor of both learning rates: 1, then linearly to 0 over the last share of the run."""
    if not cooldown:
        return 1.0
    return min(1.0, (total - position) / (cooldown * total))


def cosine(position: int, total: int, initial: float, final: float) -> float:
    """From `initial` to `final` along half a cosine over the run, slowly at both ends."""
    share = min(1.0, position / total)
    return final + (initial - final) * (1 + math.cos(math.pi * share)) / 2


class Stop:
    """Ctrl-C or SIGTERM, noticed between two steps; a second one ends the run at once.

    requested: whether the run has been asked to stop.
    """

    def __init__(self) -> None:
        self.requested = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():  # only it may handle signals
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self.request)
        return self

    def request(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self.requested = True
        print(
            "\nStopping after this step; press Ctrl-C again to stop immediately.", file=sys.stderr
        )
        self.restore()

    def restore(self) -> None:
        """Restore the previous signal handlers."""
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.restore()
