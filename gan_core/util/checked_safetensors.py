"""Arrays and a description in one safetensors file whose integrity can be checked.

The description is JSON in the file's header, which also holds the sha256 of the description and of
the arrays, called the file's seal.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save_file

from gan_core.util import atomic_files, json_values, regular_files
from gan_core.util.errors import InputError

MAX_BYTES = 256 * 2**20  # of a file; those that are written here have a few MB
MAX_HEADER = 4 * 2**20  # bytes: the description of some 40,000 tensors


def save(path: str | Path, arrays: dict[str, np.ndarray], about: dict) -> str:
    """Write arrays and a description, a dict of plain JSON types, atomically.

    Returns the file's seal, 64 hexadecimal digits. Raises InputError when it cannot be written.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    description = json.dumps(about, ensure_ascii=False)
    digest = seal(arrays, description)
    try:
        with atomic_files.replacing(path) as temporary:
            save_file(arrays, temporary, {"about": description, "seal": digest})
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be written ({error}).") from None
    return digest


def load(path: str | Path, remedy: str) -> tuple[dict[str, np.ndarray], dict, str]:
    """(arrays, description, seal) of a file that `save` wrote.

    remedy: the end of a sentence that says what to do when the file is missing or damaged. Raises
    InputError in these cases, and for anything but a regular file of at most MAX_BYTES in its own
    folder.
    """
    path = Path(path)
    try:
        regular_files.check(path, MAX_BYTES, path.parent)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; {remedy}.") from None
    try:
        notes = json.loads(header(path)).get("__metadata__")
        # Not memory-mapped: a file that is truncated meanwhile would end the process.
        arrays = load_arrays(regular_files.read_bytes(path, MAX_BYTES, path.parent))
        about = json.loads(notes["about"], **json_values.STRICTLY)
        json_values.check(about)
        whole = isinstance(about, dict) and notes["seal"] == seal(arrays, notes["about"])
    except Exception:  # a damaged file can raise nearly anything
        whole = False
    if not whole:
        raise InputError(f"{path} is damaged; {remedy}.")
    return arrays, about, notes["seal"]


def seal(arrays: dict[str, np.ndarray], description: str) -> str:
    """sha256 of a description and of arrays with their names, shapes and dtypes."""
    digest = hashlib.sha256(description.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def header(path: str | Path) -> bytes:
    """The JSON header of any safetensors file, to be checked before the rest is read.

    Raises ValueError when it is longer than MAX_HEADER: readers accept headers of 100 MB, which
    become gigabytes of names and shapes. Raises InputError for anything but a regular file, and
    FileNotFoundError where there is none.
    """
    with regular_files.open_regular(path) as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MAX_HEADER:
            raise ValueError(f"a header of {length:,} bytes, far more than weights need")
        return file.read(length)
