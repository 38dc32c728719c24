"""Training runs: listed, started, stopped and resumed. Each lives in a process of its own.

A run outlives the browser and the app. What is known of it lies in its folder: what gan_core
writes (process.json, log.jsonl, samples, state.safetensors), and what was started from here:

    started.json    the arguments, the process and when it was started
    output.log      what the process said
    upload.zip      pictures that came through the browser, until they are packed
"""

import contextlib
import functools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from explorer.services import folders as where
from explorer.services import model_registry, quotas, training_data, trust
from gan_core.data import image_sources
from gan_core.training import from_folder, run_lock, run_log
from gan_core.util import atomic_files, checked_safetensors, environment, regular_files, valid_names
from gan_core.util.errors import InputError

VARIABLE = "LATENT_EXPLORER_RUNS"  # set by `python -m explorer`: the folder of runs
STARTED, OUTPUT, UPLOAD = "started.json", "output.log", "upload.zip"
BEGUN = ("state.safetensors", "training_set")  # in the folder of a run that has got somewhere
STARTING = 600  # seconds that a process may take until it holds its run, on a busy computer
KIND = 5  # how much a run stands back behind the app, as in nice(1)
TAIL = 2**16  # bytes of output that are looked at
LATELY = 10  # lines of the log that the speed is told from
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}

_starting = threading.Lock()
_starters = {}  # name of a run -> the visitor who started it last
_children = {}  # pid -> Popen, so that they are not left behind as zombies


@dataclass(frozen=True)
class Run:
    """A run as it stands on the disk at this moment.

    state: "running", "stopped", "finished" or "failed". doing: of a running one, in a word.
    reason: why it failed, one sentence. shown, total: kimg; the second is None where nobody knows.
    lines: of its log, each a dict of finite floats. arguments: of `python -m gan_core`, to go on
    with it, or () when that is not known. at: when something last happened, seconds since 1970.
    began: when it was last started.
    """

    name: str
    directory: Path
    state: str
    doing: str
    reason: str
    shown: float
    total: float | None
    lines: tuple
    arguments: tuple
    cwd: str
    checkpoint: str
    at: float
    began: float

    @property
    def running(self):
        return self.state == "running"

    @property
    def at_start(self):
        """What tells this stretch of the run from the next one."""
        about, started = run_lock.read(self.directory), read_json(self.directory / STARTED)
        return about.get("pid"), about.get("began"), started.get("at")

    @property
    def rate(self):
        """Images a second over the last lines of the log, or None."""
        rates = [line["images_per_second"] for line in self.lines if "images_per_second" in line]
        rates = [rate for rate in rates[-LATELY:] if rate > 0]
        return len(rates) / sum(1 / rate for rate in rates) if rates else None

    @property
    def left(self):
        """Seconds of training to come at that speed, or None."""
        if self.rate is None or self.total is None:
            return None
        return max(self.total - self.shown, 0) * 1000 / self.rate


# Which runs there are.


def folder():
    return Path(environment.get(VARIABLE) or where.runs())


def entries():
    """name -> Run: those that run, the youngest first, then what was active last."""
    try:
        inside = [path for path in folder().iterdir() if path.is_dir()]
    except OSError:
        return {}
    marks = (run_lock.RECORD, STARTED, "log.jsonl", "state.safetensors")
    found = [look(path) for path in inside if any((path / mark).exists() for mark in marks)]
    # By what stands still while it is looked at.
    found.sort(key=lambda r: (not r.running, -(r.began if r.running else r.at), r.name))
    return {run.name: run for run in found}


def look(directory):
    """The Run in a directory. Damaged files count as missing ones."""
    about, started = run_lock.read(directory), read_json(directory / STARTED)
    lines = log(directory)
    position, total = saved(directory)
    # What was asked for last counts before what the process before it was to do.
    wanted = asked(started) if later(started, about) else None
    total = wanted or number(about.get("kimg")) or total or asked(started)
    shown = max(lines[-1]["kimg"] if lines else 0.0, position)
    state, doing, reason = condition(directory, about, started, position, total)
    if state == "running" and doing in ("publishing", "measuring"):
        shown = total or shown
    arguments, cwd = how_to_go_on(about, started)
    return Run(
        directory.name,
        directory,
        state,
        doing,
        reason,
        shown,
        total,
        lines,
        arguments,
        cwd,
        str(about.get("checkpoint") or ""),
        max(stamp(directory / name) for name in ("log.jsonl", run_lock.RECORD, STARTED)),
        number(started.get("at")) or number(about.get("began")) or 0.0,
    )


def condition(directory, about, started, position, total):
    """(state, doing, reason) of a run; see Run."""
    if run_lock.held(directory):
        return "running", str(about.get("doing", "starting"))[:20], ""
    if later(started, about):  # the last start does not hold the run yet, or never will
        if alive(started.get("pid"), number(started.get("at"))):
            return "running", "starting", ""
        if started.get("to_stop"):
            return "stopped", "", ""
        return "failed", "", last_words(directory)
    ended = about.get("ended")
    if ended in ("finished", "stopped"):
        return ended, "", ""
    if ended == "failed":
        return "failed", "", str(about.get("reason") or last_words(directory))[:1000]
    if about:
        word = said(words(directory))
        return "failed", "", word or "Its process ended without a word: killed, or switched off."
    done = total is not None and position >= total > 0
    return ("finished" if done else "stopped"), "", ""


def later(started, about):
    """Whether a run was started from here after its last process began to hold it.

    A start notes which process was the last before it: times do not tell, as a clock can be set
    back. Those of older versions have their time alone.
    """
    if not started:
        return False
    if not about or started.get("before") is not None:
        return started.get("before", []) == holder(about)
    return (number(started.get("at")) or 0.0) > (number(about.get("began")) or 0.0)


def holder(about):
    """What tells the process that wrote a record from every other one; [] where there is none."""
    return [about.get("pid"), about.get("began")] if about else []


def how_to_go_on(about, started):
    """(arguments, cwd) of the last start, here or on a command line; ((), "") when unknown."""
    if later(started, about):
        given = started.get("arguments")
        good = isinstance(given, list) and all(isinstance(part, str) for part in given)
        return (tuple(given), str(where.home())) if good and given[:1] == ["train"] else ((), "")
    try:
        words = shlex.split(str(about.get("command", "")))
    except ValueError:
        words = []
    cwd = str(about.get("cwd", ""))
    known = words[1:4] == ["-m", "gan_core", "train"] and about.get("processes") == 1
    return (tuple(words[3:]), cwd) if known and is_folder(cwd) else ((), "")


def is_folder(path):
    """Whether there is a folder of a name, which may be one that no file can have."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def option(arguments, name):
    """The number given with an option such as --kimg, or None."""
    if name in arguments[:-1]:
        with contextlib.suppress(TypeError, ValueError):
            return number(float(arguments[arguments.index(name) + 1]))
    return None


def first_grid(run):
    """At how many kimg a run draws its first samples, or None."""
    usual = from_folder.filmed({"kimg": run.total})["grid_kimg"] if run.total else None
    return option(run.arguments, "--grid-kimg") or usual


def has_begun(run):
    """Whether a run got so far that there is something to go on from."""
    return run.shown > 0 or (run.directory / "state.safetensors").exists()


def remove(run):
    """Take a run that never began out of the list, with what was uploaded for it."""
    trust.check(training=True)
    if has_begun(run) or run_lock.held(run.directory):
        raise InputError(f"{run.name} has been trained, so it is not removed here.")
    try:
        shutil.rmtree(run.directory)
    except OSError as error:
        raise InputError(f"{run.name} cannot be removed: {error.strerror}.") from None


def asked(started):
    """The kimg among the arguments of a start, or None."""
    given = started.get("arguments")
    return option(given, "--kimg") if isinstance(given, list) else None


def alive(pid, at):
    """Whether the process of a start is still about to begin."""
    if pid in _children:
        return _children[pid].poll() is None
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


def reap():
    """Take note of children that have ended."""
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            del _children[pid]


def log(directory):
    """The lines of log.jsonl with what in them is a finite number, a tuple of dicts."""
    return _log(str(directory / "log.jsonl"), stamp(directory / "log.jsonl"))


@functools.lru_cache(maxsize=64)
def _log(path, stamp):
    try:
        lines = run_log.read_log(Path(path))
    except (OSError, InputError):
        return ()
    kept = []
    for line in lines:
        values = {key: number(value) for key, value in line.items()}
        values = {key: value for key, value in values.items() if value is not None}
        if values.get("kimg", -1) >= 0:
            kept.append(values)
    return tuple(kept)


def saved(directory):
    """(kimg, total kimg) of the last snapshot; (0.0, None) when there is none that can be read."""
    path = directory / "state.safetensors"
    return _saved(str(path), stamp(path))


@functools.lru_cache(maxsize=64)
def _saved(path, stamp):
    try:
        regular_files.check(path, inside=Path(path).parent)
        notes = json.loads(json.loads(checked_safetensors.header(path))["__metadata__"]["state"])
        return number(notes["position"] / 1000) or 0.0, number(notes["settings"]["kimg"])
    except Exception:  # missing, damaged, or written in some other way
        return 0.0, None


def grids(run):
    """[(kimg, path, when it was written)] of a run's sample grids, in order."""
    found = (path for path in (run.directory / "samples").glob("*.png") if path.stem.isdigit())
    return sorted((int(path.stem), path, stamp(path)) for path in found if is_grid(path))


def is_grid(path):
    """Whether a path is a regular file in its folder and not too large for a picture."""
    try:
        regular_files.check(path, image_sources.MAX_BYTES, path.parent)
    except (OSError, InputError):
        return False
    return True


def model_of(run):
    """What the app calls the model that a run has made, or None while there is none."""
    for entry in model_registry.entries().values():
        same = str(entry.directory.resolve()) == run.checkpoint
        if same and not entry.problem:
            return entry.name
    return None


def words(directory, most=30):
    """The last lines that a run's process said, less its progress bars."""
    try:
        with regular_files.open_regular(directory / OUTPUT, inside=directory) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            text = file.read(TAIL).decode("utf-8", "replace")
    except (OSError, InputError):
        return []
    lines = (line.strip() for line in re.split(r"[\r\n]+", text))
    return [line for line in lines if line and not re.search(r"\d+%\||\d+it \[", line)][-most:]


def last_words(directory):
    """The sentence with which a run's last process ended."""
    lines = words(directory)
    last = lines[-1][:300] if lines and not lines[-1].startswith("$ ") else ""
    return said(lines) or last or "Its process ended without a word."


def said(lines):
    """The sentence in which the process that was started last told how it ended, or ""."""
    starts = [place for place, line in enumerate(lines) if line.startswith("$ ")]
    lines = lines[starts[-1] + 1 :] if starts else lines
    last = [line for line in lines if line.startswith("gan_core: ")]
    return last[-1].removeprefix("gan_core: ") if last else ""


def number(value):
    """A finite float, or None."""
    good = type(value) in (int, float) and abs(value) < 1e15  # which no NaN is
    return float(value) if good else None


def read_json(path):
    try:
        return atomic_files.read_json(path, "a run")
    except InputError:
        return {}


def stamp(path):
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


# Starting, stopping, going on.


def check_name(name):
    """Raise InputError when a new run cannot be called so."""
    valid_names.check(name)
    runs = folder()
    begun = [run.name for run in runs.iterdir()] if runs.is_dir() else []
    other = valid_names.find_same(name, begun)
    if other and any((runs / other / file).exists() for file in BEGUN):
        raise InputError(f"There is a run called {other} already; resume it, or take another name.")
    shown = target()
    other = valid_names.find_same(
        name, [model.name for model in shown.iterdir()] if shown.is_dir() else []
    )
    if other:
        raise InputError(f"There is a model called {other} already; take another name.")


def target():
    """The folder that new checkpoints go to: the first of the app's that is not itself one."""
    for path in model_registry.folders():
        if not (path / "model.json").exists():
            return path
    raise InputError(
        "The app shows single checkpoints and no folder of them, so a new one has no place; start "
        "it with --checkpoints FOLDER."
    )


def arguments(name, images="", data="", recipe="", kimg=None, size=None, device=""):
    """What a person would type after `python -m gan_core`, a list of words."""
    words = ["train", *([plain(data)] if data else [])]
    given = {
        "--images": images and plain(images),
        "--name": name,
        "--size": str(size) if images and size else "",
        "--recipe": recipe or ("" if images else from_folder.RECIPE),
        "--kimg": f"{kimg:g}" if kimg else "",
        "--device": device,
        "--runs": "" if folder() == where.runs() else plain(folder()),
        "--checkpoints": "" if target() == where.checkpoints()[0] else plain(target()),
    }
    return words + [word for flag, value in given.items() if value for word in (flag, value)]


def plain(path):
    """A path as it is typed in the folder of checkpoints and runs."""
    path, home = Path(path), where.home()
    return str(path.relative_to(home) if path.is_relative_to(home) else path)


def command(words):
    return "python -m gan_core " + shlex.join(words)


def start(name, words, cwd=None):
    """Start a process for a run. Raises InputError when it cannot be."""
    trust.check(training=True)
    with _starting:
        directory = folder() / name
        if look(directory).running:
            raise InputError(f"{name} is running already.")
        running = [run.name for run in entries().values() if run.running]
        mine = sum(_starters.get(each) == trust.visitor() for each in running)
        quotas.check("trainings", mine, len(running))
        before = holder(run_lock.read(directory))
        environment = {
            **os.environ,
            **where.code_environment(),
            "PYTHONUNBUFFERED": "1",
            # A run's folder may come from elsewhere: what is imported does not lie in its cwd.
            "PYTHONSAFEPATH": "1",
            "TQDM_MININTERVAL": "30",  # the bar goes to a file
        }
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with open(directory / OUTPUT, "ab") as output:
                output.write(f"$ {command(words)}\n".encode())
                output.flush()
                child = subprocess.Popen(
                    [sys.executable, "-m", "gan_core", *words],
                    cwd=cwd or where.home(),
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C for the app is none for the run
                )
            _children[child.pid] = child
            _starters[name] = trust.visitor()
            about = {"arguments": list(words), "pid": child.pid, "at": time.time()}
            about["before"] = before
            atomic_files.write_json(directory / STARTED, about)
        except OSError as error:
            raise InputError(f"{directory} cannot be written: {error.strerror}.") from None
        with contextlib.suppress(AttributeError, OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, KIND)


def stop(run):
    """Ask a run's process to end with a snapshot. Raises InputError when there is none to ask."""
    trust.check(training=True)
    if not look(run.directory).running:
        raise InputError(f"{run.name} is not running any more.")
    held, started = run_lock.held(run.directory), read_json(run.directory / STARTED)
    pid = (run_lock.read(run.directory) if held else started).get("pid")
    try:
        if not held:  # it is about to begin, and may end before it can say that it was asked to
            atomic_files.write_json(run.directory / STARTED, {**started, "to_stop": True})
        os.kill(pid, signal.SIGTERM)
    except (OSError, TypeError, OverflowError):
        raise InputError(f"The process of {run.name} cannot be reached from here.") from None


def go_on(run, kimg=None):
    """Resume a run with its own command, or with a greater length."""
    if not run.arguments:
        raise InputError(
            f"{run.name} was not started by a command that is known here; resume it where it was "
            "started."
        )
    words = list(run.arguments)
    if kimg:
        place = words.index("--kimg") if "--kimg" in words[:-1] else len(words)
        words[place : place + 2] = ["--kimg", f"{kimg:g}"]
    start(run.name, words, run.cwd)


# Where pictures come from.


def keep_upload(name, upload):
    """Write an uploaded zip into the run's folder; returns its path.

    upload: a binary file. Raises InputError when it is no zip, not to be trusted, or empty.
    """
    trust.check(training=True)
    path = folder() / name / UPLOAD
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_files.replacing(path) as temporary:
            upload.seek(0)
            with open(temporary, "wb") as file:
                while part := upload.read(2**20):
                    file.write(part)
            try:
                empty = not image_sources.count(temporary)
                if not empty:
                    image_sources.check_first(temporary)
            except InputError as error:
                raise InputError(str(error).replace(str(temporary), "This file")) from None
            if empty:
                raise InputError("There is no picture in this zip.")
    except OSError as error:
        raise InputError(f"{path.parent} cannot be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # when it is empty
    return path


def tidy(run):
    """An uploaded zip has served once its pictures are packed."""
    if (run.directory / "training_set" / "set.json").exists():
        with contextlib.suppress(OSError):
            (run.directory / UPLOAD).unlink(missing_ok=True)


def image_folders():
    """Folders of pictures and zips in the folders given at the start, as {words: Path}."""
    found = {}
    for root in roots():
        inside = [root, *sorted(path for path in root.iterdir() if not path.name.startswith("."))]
        for path in inside:
            if confined(path) and holds_pictures(path):
                found[str(path.relative_to(root.parent))] = path
    return found


def packed_sets():
    """Packed training sets in the folders given at the start, as {words: Path}."""
    return {path.name: path for path in training_data.given()}


def roots():
    given = (environment.get(training_data.VARIABLE) or "").split(os.pathsep)
    return [Path(part).resolve() for part in given if part and Path(part).is_dir()]


def confined(path):
    """Whether a path, all links followed, lies in a folder given at the start."""
    try:
        real = Path(path).resolve()
    except (
        OSError,
        ValueError,
        RuntimeError,
    ):  # a name that no file can have, or a circle of links
        return False
    return any(real == root or real.is_relative_to(root) for root in roots())


def holds_pictures(path):
    """Whether a path is a zip, or a folder with a picture among its first files."""
    try:
        if path.is_file():
            return path.suffix.lower() == ".zip"
        if (path / "set.json").exists():
            return False
        with os.scandir(path) as inside:
            first = [entry.name for _, entry in zip(range(200), inside, strict=False)]
    except OSError:
        return False
    return any(Path(name).suffix.lower() in PICTURES for name in first)
