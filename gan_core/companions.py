"""Files beside a checkpoint's weights that depend on its training images alone.

Attribute classifiers and the reference of realism are the same for every model of the same images.
A checkpoint may therefore leave such a file out and give its sha256 in model.json instead, under
"shared"; the file is then the one with those bytes in a checkpoint of the same folder.
`python scripts/share_companions.py checkpoints` leaves out what another checkpoint holds.
"""

import functools
from pathlib import Path

import numpy as np

from gan_core import checkpoint
from gan_core.util import checked_safetensors
from gan_core.util.errors import InputError


def locate(directory: str | Path, file: str) -> Path:
    """The path of a file that belongs to a checkpoint: its own, or the shared one.

    Where there is neither, it is the path at which the checkpoint's own would be, so that a caller
    can ask whether it exists or name it in a message.
    """
    directory = Path(directory)
    own = directory / file
    if own.exists():
        return own
    try:
        digest = _shared(directory, _stamp(directory / "model.json")).get(file)
    except InputError:  # loading the checkpoint says what is wrong
        return own
    for path in sorted(directory.parent.glob(f"*/{file}")) if digest else ():
        try:
            if _sha256(path, _stamp(path)) == digest:
                return path
        except (OSError, ValueError):
            continue
    return own


def load(
    directory: str | Path, file: str, remedy: str, form: int, made: str
) -> tuple[dict[str, np.ndarray], dict, str]:
    """(arrays, description, digest) of such a file, see `locate`.

    remedy: how the file is made, for messages. form: the format that is read. made: "was made from"
    or another verb. Raises InputError when the file is missing, damaged, of another format, or made
    from other images than the model's.
    """
    path = locate(directory, file)
    arrays, about, digest = checked_safetensors.load(path, remedy)
    if about.get("format") != form:
        raise InputError(f"{path} is of format {about.get('format')!r}; {remedy} again.")
    card = checkpoint.read_card(directory)
    if about.get("training_set") != card["training_set"].get("fingerprint"):
        raise InputError(f"{path} {made} images other than the model's; {remedy} again.")
    return arrays, about, digest


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written again; zeros where there is none."""
    try:
        about = path.stat()
    except OSError:
        return 0, 0
    return about.st_mtime_ns, about.st_size


@functools.lru_cache(maxsize=1000)
def _shared(directory: Path, stamp: tuple[int, int]) -> dict[str, str]:
    return checkpoint.read_card(directory).get("shared", {})


@functools.lru_cache(maxsize=1000)
def _sha256(path: Path, stamp: tuple[int, int]) -> str:
    return checkpoint.sha256(path)
