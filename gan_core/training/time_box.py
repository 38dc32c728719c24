"""A run with a time box: what its end will take, rehearsed once, and what it can afford until then.

The last snapshot, the last grid and the publishing need time that training must leave. How much
depends on the machine and on the networks, so all of it is done once at the start, with the
untrained networks and in a folder that is removed.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from gan_core import latent
from gan_core.training import ema, schedule, snapshot, validation
from gan_core.training.schedule import Clock, Due
from gan_core.util.errors import InputError

FRAMES = 40  # sample grids of a run at most, at equal shares of the time
GRIDS = 0.1  # share of the time that sample grids may take
MEASUREMENTS = 0.1  # share of the time so far that measured distances may take
SNAPSHOT = 60.0  # seconds between two snapshots
MARGIN, SPARE = 1.25, 1.0  # the reserve is so many times what was rehearsed, and so many seconds
PREFIX = ".rehearsal-"

Publish = Callable[[Path, Path], object]  # of a run's directory and of a checkpoint's


class TimeBox:
    """What a run with a time box can afford.

    clock: of the run; its reserve is set here. ending: seconds from the end of training to the
    published checkpoint. grid: seconds of a sample grid. measurement: seconds of a measured
    distance; reference: those that the first one takes in addition. has_best: whether a distance
    has been measured, so that the end is measured too.
    """

    def __init__(
        self,
        clock: Clock,
        ending: float,
        grid: float,
        measurement: float = 0.0,
        reference: float = 0.0,
        has_best: bool = False,
    ):
        self.clock, self.measurement, self.reference = clock, measurement, reference
        self.ending = ending + grid
        self.measured, self.has_best = 0.0, has_best
        self.reserve_time()
        total = clock.progress(0)[1]
        frames = min(FRAMES, max(1, int(GRIDS * total / grid))) if grid else FRAMES
        self.periods = {"grid": total / frames, "snapshot": SNAPSHOT}
        self.jobs = Due(self.milliseconds, **self.periods)

    @property
    def milliseconds(self) -> int:
        return int(self.clock.seconds * 1000)

    def reserve_time(self) -> None:
        """Leave time for the end, and for its measurement where there is a best to compare with."""
        last = self.measurement if self.has_best else 0.0
        self.clock.reserve = MARGIN * (self.ending + last) + SPARE

    def due(self) -> list[str]:
        """The jobs that come at equal times and are due now: "grid", "snapshot"."""
        due = self.jobs(self.milliseconds)
        # Shortly before the end there is no snapshot: the last one follows.
        return [job for job in due if job != "snapshot" or self.clock.left > self.ending]

    def fits(self, finished: bool) -> bool:
        """Whether there is time to measure a distance now. finished: whether training has ended."""
        clock, cost = self.clock, self.measurement + self.reference
        if finished:
            return clock.limit - clock.seconds >= self.ending + cost
        later = 0.0 if self.has_best else MARGIN * self.measurement  # the one at the end
        return clock.left >= cost + later and self.measured + cost <= MEASUREMENTS * clock.seconds

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        """Take the time of a measured distance, which is what the next one will take."""
        began = schedule.now()
        yield
        seconds = schedule.now() - began
        self.measured += seconds
        self.measurement = max(seconds - self.reference, seconds / 2)
        self.reference, self.has_best = 0.0, True
        self.reserve_time()


def rehearse(
    clock: Clock,
    state: snapshot.State,
    position: int,
    prior: latent.Prior,
    grid: validation.Grid,
    distance: validation.Distance | None,
    publish: Publish | None,
) -> TimeBox:
    """Do once all that the end of a run consists of, take its time, and return the TimeBox.

    publish: makes a checkpoint of a run, or None where nothing is published. Raises InputError when
    the time box leaves nothing for training.
    """
    run, average = state.path.parent, state.parts["average"]
    for left in run.glob(f"{PREFIX}*"):  # when a rehearsal was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=run) as folder:
        began = schedule.now()
        trial = snapshot.State(
            Path(folder) / state.path.name, state.parts, state.rng, state.settings, state.record
        )
        trial.save(position)
        if publish:
            publish(Path(folder), Path(folder) / "model")
        ending = schedule.now() - began
    grid.draw(average)  # the first one is slower
    began = schedule.now()
    grid.draw(average)
    drawing = schedule.now() - began
    costs = {"measurement": 0.0, "reference": 0.0}
    if distance:
        began = schedule.now()
        fitted = ema.fit_average(average, prior, grid.device)
        fitting = schedule.now() - began
        costs["reference"], seconds = distance.rehearse(fitted)
        costs["measurement"] = seconds + fitting
    box = TimeBox(clock, ending, drawing, **costs, has_best="best" in state.record)
    if clock.over(position) and not state.path.exists():
        raise InputError(
            f"A time box of {clock.limit / 60:g} minutes leaves no time for training: the start "
            f"took {clock.seconds:.0f} seconds and publishing needs {clock.reserve:.0f}. Use more "
            "--minutes."
        )
    return box
