"""Names of models and runs. They become folders, so they must be valid on every system."""

import re
from collections.abc import Iterable

from gan_core.util.errors import InputError

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
DEVICES = r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?"  # file names that Windows reserves


def check(name: str) -> None:
    """Raise InputError when a name cannot be used for a model or a run."""
    if not re.fullmatch(NAME, name, re.ASCII) or name.endswith("."):
        raise InputError(
            f"The name {name!r} cannot be used: a name consists of 1 to 64 letters, digits, '.', "
            "'_' and '-', starts with a letter or digit, and does not end with a dot."
        )
    if re.fullmatch(DEVICES, name, re.IGNORECASE):
        raise InputError(f"The name {name!r} is reserved on Windows; choose another name.")


def find_same(name: str, others: Iterable[str]) -> str | None:
    """The first of the other names that equals `name` when case is ignored, as some systems do."""
    return next((other for other in others if other.lower() == name.lower()), None)
