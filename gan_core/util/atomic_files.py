"""Files that a kill at any moment leaves as the old one or the new one, never half of one."""

import contextlib
import json
import os
import shutil
import stat
import threading
from pathlib import Path

from gan_core.util import regular_files
from gan_core.util.errors import InputError


@contextlib.contextmanager
def replacing(path):
    """Yield a temporary path beside `path`; on success it takes the place of `path` in one step.

    On an error or an interrupt the temporary file is removed and `path` stays as it was.
    """
    path = Path(path)
    temporary = _partial(path)
    try:
        mode = _usual_mode(temporary)
        yield temporary
        # Some writers, such as safetensors, make files that nobody else can read.
        temporary.chmod(mode)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_directory(path):
    """Yield a temporary directory that becomes `path` when all went well, else disappears.

    Raises InputError when `path` already holds something.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path} already exists; choose another name or remove it first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _partial(path)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            path.rmdir()  # empty, as checked above
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clear(folder):
    """Remove what writers that were killed left half written in a folder."""
    # safetensors writes to a name such as .tmpGTwzy8 first.
    for pattern in ("*.partial-*", ".tmp" + "[A-Za-z0-9]" * 6):
        for file in Path(folder).glob(pattern):
            if file.is_file():
                file.unlink(missing_ok=True)


def _partial(path):
    """A temporary name beside `path` that no other process or thread uses."""
    return path.with_name(f"{path.name}.partial-{os.getpid()}-{threading.get_ident()}")


def _usual_mode(path):
    """The permissions that a new file gets at `path`, where none is left behind."""
    # The umask itself cannot be read without changing it, for all threads, for a moment.
    with open(path, "wb") as file:
        mode = os.fstat(file.fileno()).st_mode
    os.unlink(path)
    return stat.S_IMODE(mode)


def write_json(path, data):
    """Write a JSON file atomically, readable by people: indented, in the order given."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_json(path, what):
    """The object in a JSON file, a regular one in its own folder.

    Raises InputError naming the file and `what` it should be.
    """
    path = Path(path)
    try:
        content = regular_files.read_bytes(path, regular_files.MAX_JSON, path.parent)
    except FileNotFoundError:
        raise InputError(f"{path} is missing, so {path.parent} is not {what}.") from None
    try:
        data = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged: it does not hold JSON, as {what} must.") from None
    if not isinstance(data, dict):
        raise InputError(f"{path} is damaged: it does not hold a JSON object.")
    return data
