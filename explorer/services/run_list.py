"""Training runs, read from the disk. Each run has a process of its own.

A run continues when the browser and the app are closed. Everything known about a run is in its
folder: what gan_core writes (process.json, log.jsonl, samples, state.safetensors), and what the app
writes:

    started.json    the arguments, the process and the time of the start
    output.log      the output of the process
    upload.zip      pictures uploaded through the browser, until they are packed
"""

import contextlib
import functools
import json
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer.services import folders as where
from explorer.services import model_registry, run_processes
from gan_core.data import image_sources
from gan_core.training import from_folder, run_lock, run_log
from gan_core.util import atomic_files, checked_safetensors, environment, regular_files
from gan_core.util.errors import InputError

VARIABLE = "LATENT_EXPLORER_RUNS"  # set by `python -m explorer`: the folder of runs
STARTED, OUTPUT = "started.json", "output.log"
BEGUN = ("state.safetensors", "training_set")  # files of a run that has begun
TAIL = 2**16  # bytes of output that are read
LENGTHS = ("kimg", "minutes")  # options that give the length of a run
RECENT = 10  # lines of the log from which the speed is computed
KILLED = "Its process ended without a message: it was killed, or the computer was switched off."


@dataclass(frozen=True)
class Run:
    """The present state of a run on the disk.

    state: "running", "stopped", "finished" or "failed". doing: what a running one is doing, one
    word. reason: why it failed, one sentence. shown, total: kimg so far and in the end; total may
    be unknown, None, and is an estimate in a run with a time box. minutes: of the time box, or
    None. lines: the lines of its log, each a dict of finite floats. arguments: those of
    `python -m gan_core` that resume it; () when they are unknown. at: when something last
    happened, in seconds since 1970. began: when it was last started, likewise.
    """

    name: str
    directory: Path
    state: str
    doing: str
    reason: str
    shown: float
    total: float | None
    minutes: float | None
    lines: tuple
    arguments: tuple
    cwd: str
    checkpoint: str
    at: float
    began: float

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def at_start(self) -> tuple[object, object, object]:
        """What identifies the current process of the run."""
        about, started = run_lock.read(self.directory), read_json(self.directory / STARTED)
        return about.get("pid"), about.get("began"), started.get("at")

    @property
    def rate(self) -> float | None:
        """Images per second over the last lines of the log, or None."""
        rates = [line["images_per_second"] for line in self.lines if "images_per_second" in line]
        rates = [rate for rate in rates[-RECENT:] if rate > 0]
        return len(rates) / sum(1 / rate for rate in rates) if rates else None

    @property
    def left(self) -> float | None:
        """Seconds of training that are left at that speed, or None."""
        if self.rate is None or self.total is None:
            return None
        return max(self.total - self.shown, 0) * 1000 / self.rate


# The list of runs.


def folder() -> Path:
    return Path(environment.get(VARIABLE) or where.runs())


def entries() -> dict[str, Run]:
    """name -> Run: running ones first, newest first, then the most recently active."""
    try:
        inside = [path for path in folder().iterdir() if path.is_dir()]
    except OSError:
        return {}
    marks = (run_lock.RECORD, STARTED, "log.jsonl", "state.safetensors")
    runs = [look(path) for path in inside if any((path / mark).exists() for mark in marks)]
    # A running one is sorted by its start, so that the order does not change while it runs.
    runs.sort(key=lambda r: (not r.running, -(r.began if r.running else r.at), r.name))
    return {run.name: run for run in runs}


def look(directory: Path) -> Run:
    """The Run in a directory. Damaged files are treated as missing."""
    (held, about), started = run_lock.state(directory), read_json(directory / STARTED)
    lines = log(directory)
    position, settings, _ = saved(directory)
    # The length that was requested last has precedence over that of the previous process.
    wanted = wanted_length(started)
    lengths = (wanted if later(started, about) else {}, about, settings, wanted)
    total, minutes = next(
        (length for each in lengths if any(length := length_of(each))), (None,) * 2
    )
    shown = max(lines[-1]["kimg"] if lines else 0.0, position)
    if minutes:
        total = next(
            (v for line in reversed(lines) if (v := line.get("expected_kimg", 0)) > 0), None
        )
    state, doing, reason = condition(directory, held, about, started, position, total)
    ended = state == "finished" or doing in ("publishing", "measuring")
    if minutes and ended:
        total = shown
    elif state == "running" and ended:
        shown = total or shown
    arguments, cwd = how_to_resume(about, started)
    return Run(
        directory.name,
        directory,
        state,
        doing,
        reason,
        shown,
        total,
        minutes,
        lines,
        arguments,
        cwd,
        str(about.get("checkpoint") or ""),
        max(stamp(directory / name) for name in ("log.jsonl", run_lock.RECORD, STARTED)),
        number(started.get("at")) or number(about.get("began")) or 0.0,
    )


def condition(
    directory: Path, held: bool, about: dict, started: dict, position: float, total: float | None
) -> tuple[str, str, str]:
    """(state, doing, reason) of a run; see Run. held, about: see `run_lock.state`."""
    if held:  # by a process that may not have written its own record yet
        doing = "starting" if later(started, about) else str(about.get("doing", "starting"))
        return "running", doing[:20], ""
    if later(started, about):  # the process started last does not hold the run yet, or never will
        if run_processes.alive(started.get("pid"), number(started.get("at"))):
            return "running", "starting", ""
        if started.get("to_stop"):
            return "stopped", "", ""
        return "failed", "", last_sentence(directory)
    ended = about.get("ended")
    if ended in ("finished", "stopped"):
        return ended, "", ""
    if ended == "failed":
        return "failed", "", str(about.get("reason") or last_sentence(directory))[:1000]
    if about:
        word = final_message(output_lines(directory))
        return "failed", "", word or KILLED
    done = total is not None and position >= total > 0
    return ("finished" if done else "stopped"), "", ""


def later(started: dict, about: dict) -> bool:
    """Whether the app started the run again after its last recorded process began.

    A start records which process came before it, because a clock can be set back. Starts by older
    versions recorded only the time.
    """
    if not started:
        return False
    if not about or started.get("before") is not None:
        return started.get("before", []) == holder(about)
    return (number(started.get("at")) or 0.0) > (number(about.get("began")) or 0.0)


def holder(about: dict) -> list:
    """What identifies the process that wrote a record; [] without a record."""
    return [about.get("pid"), about.get("began")] if about else []


def how_to_resume(about: dict, started: dict) -> tuple[tuple[str, ...], str]:
    """(arguments, cwd) of the last start, by the app or in a terminal; ((), "") when unknown."""
    if later(started, about):
        given = started.get("arguments")
        if not isinstance(given, list) or not all(isinstance(part, str) for part in given):
            return (), ""
        return (tuple(given), str(where.home())) if given[:1] == ["train"] else ((), "")
    try:
        words = shlex.split(str(about.get("command", "")))
    except ValueError:
        words = []
    cwd = str(about.get("cwd", ""))
    known = words[1:4] == ["-m", "gan_core", "train"] and about.get("processes") == 1
    return (tuple(words[3:]), cwd) if known and is_folder(cwd) else ((), "")


def is_folder(path: str | Path) -> bool:
    """Whether a path is a folder; False for a text that cannot be a path."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def option(arguments: Sequence[str], name: str) -> float | None:
    """The number given with an option such as --kimg, or None."""
    if name in arguments[:-1]:
        with contextlib.suppress(TypeError, ValueError):
            return number(float(arguments[arguments.index(name) + 1]))
    return None


def first_grid(run: Run) -> float | None:
    """The kimg at which a run draws its first samples, or None."""
    if run.minutes:  # its grids come at equal times
        return None
    usual = from_folder.filmed({"kimg": run.total})["grid_kimg"] if run.total else None
    return option(run.arguments, "--grid-kimg") or usual


def has_begun(run: Run) -> bool:
    """Whether a run has got far enough to be resumed."""
    return run.shown > 0 or (run.directory / "state.safetensors").exists()


def wanted_length(started: dict) -> dict[str, float | None]:
    """The length in the arguments of a start, as `length_of` takes it."""
    given = started.get("arguments")
    given = given if isinstance(given, list) else []
    return {name: option(given, f"--{name}") for name in LENGTHS}


def length_of(about: dict) -> tuple[float | None, float | None]:
    """(kimg, minutes) of a run, of which at most one is a number. about: with LENGTHS as keys."""
    kimg, minutes = (number(about.get(name)) for name in LENGTHS)
    if minutes and minutes > 0:
        return None, minutes
    return (kimg if kimg and kimg > 0 else None), None


def log(directory: Path) -> tuple[dict[str, float], ...]:
    """The lines of log.jsonl as dicts, with only the values that are finite numbers."""
    return _log(str(directory / "log.jsonl"), stamp(directory / "log.jsonl"))


@functools.lru_cache(maxsize=64)
def _log(path: str, stamp: float) -> tuple[dict[str, float], ...]:
    try:
        lines = run_log.read_log(Path(path))
    except (OSError, InputError):
        return ()
    usable = []
    for line in lines:
        numbers = {key: number(value) for key, value in line.items()}
        values = {key: value for key, value in numbers.items() if value is not None}
        if values.get("kimg", -1) >= 0:
            usable.append(values)
    return tuple(usable)


def saved(directory: Path) -> tuple[float, dict, str]:
    """(kimg, settings, hardware) of the last snapshot; (0.0, {}, "") when none can be read."""
    path = directory / "state.safetensors"
    return _saved(str(path), stamp(path))


@functools.lru_cache(maxsize=64)
def _saved(path: str, stamp: float) -> tuple[float, dict, str]:
    try:
        regular_files.check(path, inside=Path(path).parent)
        notes = json.loads(json.loads(checked_safetensors.header(path))["__metadata__"]["state"])
        position, settings = number(notes["position"] / 1000) or 0.0, notes["settings"]
        hardware = notes.get("record", {}).get("hardware")
        hardware = hardware if isinstance(hardware, str) else ""
        return position, settings if isinstance(settings, dict) else {}, hardware
    except Exception:  # missing, damaged, or of another format
        return 0.0, {}, ""


def grids(run: Run) -> list[tuple[int, Path, float]]:
    """[(kimg, path, time of writing)] of a run's sample grids, in order."""
    files = (path for path in (run.directory / "samples").glob("*.png") if path.stem.isdigit())
    return sorted((int(path.stem), path, stamp(path)) for path in files if is_grid(path))


def is_grid(path: Path) -> bool:
    """Whether a path is a regular file inside its folder and small enough for a picture."""
    try:
        regular_files.check(path, image_sources.MAX_BYTES, path.parent)
    except (OSError, InputError):
        return False
    return True


def model_of(run: Run) -> str | None:
    """The name in the app of the model that a run has made, or None while there is none."""
    for entry in model_registry.entries().values():
        same = str(entry.directory.resolve()) == run.checkpoint
        if same and not entry.problem:
            return entry.name
    return None


def output_lines(directory: Path, most: int = 30) -> list[str]:
    """The last lines of a run's output, without progress bars."""
    try:
        with regular_files.open_regular(directory / OUTPUT, inside=directory) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            text = file.read(TAIL).decode("utf-8", "replace")
    except (OSError, InputError):
        return []
    lines = (line.strip() for line in re.split(r"[\r\n]+", text))
    return [line for line in lines if line and not re.search(r"\d+%\||\d+(it|img) \[", line)][
        -most:
    ]


def last_sentence(directory: Path) -> str:
    """The last message of a run's last process, one sentence."""
    lines = output_lines(directory)
    last = lines[-1][:300] if lines and not lines[-1].startswith("$ ") else ""
    return final_message(lines) or last or KILLED


def final_message(lines: list[str]) -> str:
    """The sentence in which the last process said how it ended, or ""."""
    starts = [place for place, line in enumerate(lines) if line.startswith("$ ")]
    lines = lines[starts[-1] + 1 :] if starts else lines
    last = [line for line in lines if line.startswith("gan_core: ")]
    return last[-1].removeprefix("gan_core: ") if last else ""


def number(value: Any) -> float | None:
    """A finite float, or None."""
    if type(value) not in (int, float):
        return None
    return float(value) if abs(value) < 1e15 else None  # None for NaN, too


def read_json(path: Path) -> dict:
    try:
        return atomic_files.read_json(path, "a run")
    except InputError:
        return {}


def stamp(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0
