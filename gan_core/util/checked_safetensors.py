"""Arrays and a description in one safetensors file that shows when a byte of it has changed.

The description is JSON in the file's header; beside it stands the sha256 of it and of the arrays.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gan_core.util import atomic_files, safetensors_header
from gan_core.util.errors import InputError


def save(path, arrays, about):
    """Write arrays, {name: ndarray}, and a description, a dict of plain JSON types, atomically.

    Returns the file's seal, 64 hexadecimal digits. Raises InputError when it cannot be written.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    words = json.dumps(about, ensure_ascii=False)
    found = seal(arrays, words)
    try:
        with atomic_files.replacing(path) as temporary:
            save_file(arrays, temporary, {"about": words, "seal": found})
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be written ({error}).") from None
    return found


def load(path, remedy):
    """(arrays, about, seal) of a file that `save` wrote.

    remedy: what to do when it is missing or damaged, the end of a sentence. Raises InputError then.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} is missing; {remedy}.")
    try:
        safetensors_header.header(path)
        with safe_open(path, "np") as file:
            notes = file.metadata()
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = json.loads(notes["about"])
        whole = isinstance(about, dict) and notes["seal"] == seal(arrays, notes["about"])
    except Exception:  # a damaged file can raise nearly anything
        whole = False
    if not whole:
        raise InputError(f"{path} is damaged; {remedy}.")
    return arrays, about, notes["seal"]


def seal(arrays, words):
    """sha256 of a description and of arrays with their names, shapes and types."""
    digest = hashlib.sha256(words.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
