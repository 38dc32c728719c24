"""Atomic writing: a kill at any moment leaves the old file or the new one, never half of one."""

import contextlib
import json
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from gan_core.util import json_values, map_guard, regular_files
from gan_core.util.errors import InputError

PARTIAL = re.compile(r"\.partial-(\d{1,10})-\d+$", re.ASCII)  # with the process that writes it
STALE = 60  # seconds without a change, after which a dead process's folder is removed


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which replaces `path` in one step on success.

    On an error or interrupt the temporary file is removed and `path` stays unchanged.
    """
    path = Path(path)
    temporary = _partial(path)
    try:
        mode = _usual_mode(temporary)
        yield temporary
        # Some writers, such as safetensors, create files that only their owner can read.
        temporary.chmod(mode)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        map_guard.check()  # never save a result that was computed from a damaged map
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory that becomes `path` on success and is removed otherwise.

    Raises InputError when `path` exists and is not an empty directory.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path} already exists; choose another name or remove it first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_folders(path.parent)
    temporary = _partial(path)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        map_guard.check()
        if path.exists():
            path.rmdir()  # empty, as checked above
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clear(folder: str | Path) -> None:
    """Remove the temporary files that killed writers left in a folder."""
    # safetensors first writes to a name such as .tmpGTwzy8.
    for pattern in ("*.partial-*", ".tmp" + "[A-Za-z0-9]" * 6):
        for file in Path(folder).glob(pattern):
            if file.is_file():
                file.unlink(missing_ok=True)


def is_partial(path: str | Path) -> bool:
    """Whether a path has the temporary name of a file or folder that is being written."""
    return PARTIAL.search(Path(path).name) is not None


def clear_folders(folder: str | Path) -> None:
    """Remove the temporary directories that killed processes left in a folder.

    Directories of running processes are left alone, and so are those that changed a moment ago: on
    a shared disk their process may run on another computer.
    """
    try:
        inside = [path for path in Path(folder).iterdir() if is_partial(path)]
    except OSError:
        return
    for path in inside:
        # Symlinks are never followed.
        if path.is_dir() and not path.is_symlink() and _abandoned(path):
            shutil.rmtree(path, ignore_errors=True)


def _abandoned(path: Path) -> bool:
    """Whether the process that wrote a temporary directory is gone."""
    match = PARTIAL.search(path.name)
    if match is None:
        return False
    pid = int(match[1])
    if pid == os.getpid() or _alive(pid):
        return False
    try:
        changed = max(p.lstat().st_mtime for p in (path, *path.iterdir()))
    except OSError:
        return False
    return abs(time.time() - changed) > STALE


def _alive(pid: int) -> bool:
    if os.name == "nt":  # on Windows `os.kill` would end the process
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # a process of another user
        return True
    return True


def _partial(path: Path) -> Path:
    """A temporary name beside `path` that no other process or thread uses."""
    return path.with_name(f"{path.name}.partial-{os.getpid()}-{threading.get_ident()}")


def _usual_mode(path: Path) -> int:
    """The permissions of a new file at `path`; the file is removed again."""
    # The umask cannot be read without changing it for a moment, for all threads.
    with open(path, "wb") as file:
        mode = os.fstat(file.fileno()).st_mode
    os.unlink(path)
    return stat.S_IMODE(mode)


def write_json(path: str | Path, data: object) -> None:
    """Write a JSON file atomically, indented and in the given order."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_json(path: str | Path, what: str) -> dict:
    """The object in a JSON file, which must be a regular file in its own folder.

    what: what a folder with this file is, such as "a checkpoint". Raises InputError that names the
    file and says what is wrong.
    """
    path = Path(path)
    try:
        content = regular_files.read_bytes(path, regular_files.MAX_JSON, path.parent)
    except FileNotFoundError:
        raise InputError(f"{path} is missing, so {path.parent} is not {what}.") from None
    try:
        data = json.loads(content.decode("utf-8"), **json_values.STRICTLY)
        json_values.check(data)
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged: it does not hold JSON, as {what} must.") from None
    if not isinstance(data, dict):
        raise InputError(f"{path} is damaged: it does not hold a JSON object.")
    return data
