"""The schedules of a run: its clock, periodic jobs, learning rates, and when to stop."""

import math
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from gan_core.util import interrupts


def now() -> float:
    """Seconds on a clock that is never set back."""
    return time.monotonic()


class Clock:
    """How much of a run is over: by images shown, or by time where the run has a time box.

    kimg: length of a run without a time box. minutes: length of the time box, from the start of the
    run to its published checkpoint, over all stretches of the run; 0 is none. before: seconds that
    earlier stretches took. reserve: seconds at the end of the time box that are not for training.
    """

    def __init__(self, kimg: float, minutes: float = 0.0):
        self.images, self.limit = round(kimg * 1000), minutes * 60
        self.before, self.reserve = 0.0, 0.0
        self.began = now()
        self.mark: tuple[float, int] | None = None  # seconds and position, see `expected`

    @property
    def boxed(self) -> bool:
        """Whether the run has a time box."""
        return self.limit > 0

    @property
    def seconds(self) -> float:
        """Time that the run has taken so far, over all stretches."""
        return self.before + now() - self.began

    @property
    def left(self) -> float:
        """Seconds of the time box that are left for training."""
        return max(0.0, self.limit - self.reserve - self.seconds)

    def progress(self, position: int) -> tuple[float, float]:
        """(done, total) at a position in images: both in images, or in seconds of training."""
        if not self.boxed:
            return position, self.images
        total = max(self.limit - self.reserve, 1e-9)
        return min(self.seconds, total), total

    def over(self, position: int) -> bool:
        """Whether training has reached its end."""
        done, total = self.progress(position)
        return done >= total

    def expected(self, position: int, rate: float) -> float:
        """The kimg that a run with a time box will reach.

        rate: images per second, which counts at the first call. Later the average since that call
        counts, with all that interrupts training.
        """
        seconds = self.seconds
        if self.mark is None or position <= self.mark[1] or seconds <= self.mark[0]:
            self.mark = seconds, position
        else:
            rate = (position - self.mark[1]) / (seconds - self.mark[0])
        return (position + rate * self.left) / 1000


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


def cool(done: float, total: float, cooldown: float) -> float:
    """Factor of both learning rates: 1, then linearly to 0 over the last share of the run."""
    if not cooldown:
        return 1.0
    return min(1.0, (total - done) / (cooldown * total))


def cosine(done: float, total: float, initial: float, final: float) -> float:
    """From `initial` to `final` along half a cosine over the run, slowly at both ends."""
    share = min(1.0, done / total)
    return final + (initial - final) * (1 + math.cos(math.pi * share)) / 2


class Stop:
    """Ctrl-C or SIGTERM, noticed between two steps; a second one ends the run at once.

    requested: whether the run has been asked to stop. interrupted: whether it stopped for that
    reason, before its end.
    """

    def __init__(self) -> None:
        self.requested = self.interrupted = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        self.requested = interrupts.noted()  # during set-up, in a place that swallowed it
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
