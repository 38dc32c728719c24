"""Starting, stopping, resuming and removing training runs, and their command lines."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from explorer.services import folders as where
from explorer.services import model_registry, quotas, run_list, run_processes, trash, trust
from explorer.services.run_list import Run
from gan_core.training import from_folder, run_lock
from gan_core.util import atomic_files, valid_names
from gan_core.util.errors import InputError

NICENESS = 5  # of a run, as in nice(1), so that the app comes first
_starting = threading.Lock()
_starters: dict[str, str] = {}  # name of a run -> the visitor who started it last


def remove(run: Run) -> None:
    """Move a run into the trash, together with what was uploaded for it; not a running one."""
    trust.check(training=True)
    if run_lock.held(run.directory) or run_list.look(run.directory).running:
        raise InputError(f"{run.name} is running; stop it first.")
    trash.put(run.directory, "run")


def removed() -> list[trash.Deleted]:
    """The runs in the trash, the latest first."""
    return trash.listed(run_list.folder(), "run")


def put_back(one: trash.Deleted) -> None:
    """Raises InputError when there is a run of that name again."""
    trust.check(training=True)
    trash.put_back(one)


def check_name(name: str) -> None:
    """Raise InputError when a new run cannot have this name."""
    valid_names.check(name)
    runs = run_list.folder()
    begun = [run.name for run in runs.iterdir()] if runs.is_dir() else []
    other = valid_names.find_same(name, begun)
    # One that has just been started has packed nothing yet, and may not have opened its zip.
    if other and (
        any((runs / other / file).exists() for file in run_list.BEGUN)
        or run_list.look(runs / other).running
    ):
        raise InputError(
            f"There is already a run called {other}; resume it, or choose another name."
        )
    shown = target()
    other = valid_names.find_same(
        name, [model.name for model in shown.iterdir()] if shown.is_dir() else []
    )
    if other:
        raise InputError(f"There is already a model called {other}; choose another name.")


def target() -> Path:
    """The folder for new checkpoints: the app's first folder that is not itself a checkpoint."""
    for path in model_registry.folders():
        if not (path / "model.json").exists():
            return path
    raise InputError(
        "The app was started with individual checkpoints, so there is no folder for a new one; "
        "start it with `python -m explorer --checkpoints FOLDER`."
    )


def arguments(
    name: str,
    images: str | Path = "",
    data: str | Path = "",
    preset: str = "",
    kimg: float | None = None,
    minutes: float | None = None,
    size: int | None = None,
    device: str = "",
) -> list[str]:
    """The words that a person would type after `python -m gan_core`."""
    words = ["train", *([plain(data)] if data else [])]
    given = {
        "--images": images and plain(images),
        "--name": name,
        "--size": str(size) if images and size else "",
        "--preset": preset or ("" if images else from_folder.PRESET),
        "--kimg": f"{kimg:g}" if kimg and not minutes else "",
        "--minutes": f"{minutes:g}" if minutes else "",
        "--device": device,
        "--runs": "" if run_list.folder() == where.runs() else plain(run_list.folder()),
        "--checkpoints": "" if target() == where.checkpoints()[0] else plain(target()),
    }
    return words + [word for flag, value in given.items() if value for word in (flag, value)]


def plain(path: str | Path) -> str:
    """A path as one would type it in the folder of checkpoints and runs."""
    path, home = Path(path), where.home()
    return str(path.relative_to(home) if path.is_relative_to(home) else path)


def command(words: Sequence[str]) -> str:
    return "python -m gan_core " + shlex.join(words)


def start(name: str, words: Sequence[str], cwd: str | Path | None = None) -> None:
    """Start a process for a run. Raises InputError when that is not possible."""
    trust.check(training=True)
    with _starting:
        directory = run_list.folder() / name
        if run_list.look(directory).running:
            raise InputError(f"{name} is already running.")
        running = [run.name for run in run_list.entries().values() if run.running]
        mine = sum(_starters.get(each) == trust.visitor() for each in running)
        quotas.check("trainings", mine, len(running))
        before = run_list.holder(run_lock.read(directory))
        environment = {
            **os.environ,
            **where.code_environment(),
            "PYTHONUNBUFFERED": "1",
            # A run's folder may come from somebody else: nothing is imported from its cwd.
            "PYTHONSAFEPATH": "1",
            "TQDM_MININTERVAL": "30",  # the bar goes to a file
        }
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with open(directory / run_list.OUTPUT, "ab") as output:
                output.write(f"$ {command(words)}\n".encode())
                output.flush()
                child = subprocess.Popen(
                    [sys.executable, "-m", "gan_core", *words],
                    cwd=cwd or where.home(),
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # so that Ctrl-C in the app does not stop the run
                )
            run_processes.children[child.pid] = child
            _starters[name] = trust.visitor()
            about = {"arguments": list(words), "pid": child.pid, "at": time.time()}
            about["before"] = before
            atomic_files.write_json(directory / run_list.STARTED, about)
        except OSError as error:
            raise InputError(f"{directory} cannot be written: {error.strerror}.") from None
        with contextlib.suppress(AttributeError, OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)


def stop(run: Run) -> None:
    """Ask a run's process to save a snapshot and end. Raises InputError when there is none."""
    trust.check(training=True)
    if not run_list.look(run.directory).running:
        raise InputError(f"{run.name} is no longer running.")
    held, record = run_lock.state(run.directory)
    started = run_list.read_json(run.directory / run_list.STARTED)
    starting = not held or run_list.later(started, record)  # the record is of an earlier process
    record = started if starting else record
    try:
        if starting:  # it may end before it can record that it was stopped
            atomic_files.write_json(run.directory / run_list.STARTED, {**started, "to_stop": True})
        os.kill(record["pid"], signal.SIGTERM)
    except (KeyError, OSError, TypeError, OverflowError):
        raise InputError(f"The process of {run.name} cannot be stopped from here.") from None


def resume(run: Run, kimg: float | None = None, minutes: float | None = None) -> None:
    """Resume a run with its own command. kimg, minutes: a new, greater length."""
    if not run.arguments:
        raise InputError(
            f"The command that started {run.name} is not known here; resume the run where it was "
            "started."
        )
    words = list(run.arguments)
    for flag, length in {"--kimg": kimg, "--minutes": minutes}.items():
        if length:
            words = with_length(words, flag, length)
    start(run.name, words, run.cwd)


def with_length(words: Sequence[str], flag: str, length: float) -> list[str]:
    """A command's words with another length in place of the one that they give, if any."""
    words, place = list(words), len(words)
    for name in run_list.LENGTHS:
        if f"--{name}" in words[:-1]:
            place = words.index(f"--{name}")
            del words[place : place + 2]
    words[place:place] = [flag, f"{length:g}"]
    return words
