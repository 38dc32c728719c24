"""How fast a run will be, before it starts: as an earlier run was, or measured over a few steps."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass

from explorer.services import background, folders, run_list, shutdown
from gan_core.training import speed
from gan_core.training.config import TrainingConfig
from gan_core.util import hardware
from gan_core.util.errors import InputError

MOST = 180  # seconds that a measurement may take; after that, nothing is known
LINES = 5  # of a log, at least, before a run says how fast it was
NICENESS = 10  # of a measurement, as in nice(1): pages go first


@dataclass(frozen=True)
class Speed:
    """Images per second, and where they come from: the name of a run, or a number of steps."""

    images_per_second: float
    run: str = ""
    steps: int = 0


_measured: dict[str, Speed | None] = {}  # by signature; None: it could not be measured


def earlier(config: TrainingConfig, size: int, channels: int) -> Speed | None:
    """The speed of the latest run on this machine with the same networks, batch and steps.

    It includes what such a run does besides training: grids, snapshots and distances.
    """
    wanted = speed.signature(speed.settings_of(config, size, channels))
    here = processor(hardware.describe(config.device))
    for run in run_list.entries().values():
        _, settings, machine = run_list.saved(run.directory)
        if processor(machine) != here:
            continue
        if speed.signature(settings) == wanted and (rate := overall(run)):
            return Speed(rate, run.name)
    return None


def overall(run: run_list.Run) -> float | None:
    """Images per second over the whole of a run, or None while there are too few lines of it."""
    timed = [line for line in run.lines if "hours" in line]  # not those of a grid or a distance
    if len(timed) < LINES:
        return None
    seconds = 3600 * timed[-1]["hours"]
    return 1000 * timed[-1]["kimg"] / seconds if seconds > 0 else None


def processor(described: str) -> str:
    """The name of a processor without its threads, of which the app may use fewer than a run."""
    return described.partition(" CPU, ")[0]


def measure(config: TrainingConfig, size: int, channels: int) -> Speed | None:
    """The speed over a few steps in a process of its own, or None while or where it is unknown.

    Shows the progress on the page until it is known. Nothing is measured while a run is in
    progress, because both would be slower.
    """
    key = speed.signature(speed.settings_of(config, size, channels))
    if key not in _measured:
        if busy():
            return None
        question = {"options": asdict(config), "size": size, "channels": channels}

        def work(tell: background.Tell) -> None:
            _measured[key] = time_steps(question, tell)

        try:
            if not background.done(("speed", key), work, long=True, brief=True):
                return None
        except InputError:  # stopped, or too many jobs; the next visit tries again
            return None
    return _measured.get(key)


def busy() -> bool:
    """Whether a run is in progress."""
    return any(run.running for run in run_list.entries().values())


def time_steps(question: dict, tell: background.Tell) -> Speed | None:
    """Ask gan_core.training.speed; None when it has no answer. Raises InputError when stopped."""
    tell("Timing a few steps of training", 0.0)
    child = subprocess.Popen(
        [sys.executable, "-m", "gan_core.training.speed"],
        env={**os.environ, **folders.code_environment(), "PYTHONSAFEPATH": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    answer: dict = {}

    def listen() -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        with child.stdin, child.stdout:
            child.stdin.write(json.dumps(question))
            child.stdin.close()
            for line in child.stdout:
                answer.update(json.loads(line))

    listener = threading.Thread(target=listen, daemon=True)
    end = time.monotonic() + MOST
    try:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
        listener.start()
        while listener.is_alive() and time.monotonic() < end:
            listener.join(0.5)
            if shutdown.ending.is_set() or busy():
                raise InputError("The measurement was stopped.")
            if answer.get("of"):
                done, of = answer.get("done", 0), answer["of"]
                tell(f"Timing {of} steps of training", (1 + done) / (1 + of))
    finally:
        child.kill()
        child.wait()
    rate = answer.get("images_per_second", 0.0)
    return Speed(rate, steps=answer["of"]) if rate > 0 else None
