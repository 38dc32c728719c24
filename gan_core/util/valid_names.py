"""Names of models and runs. They become folders, and should on every system."""

import re

from gan_core.util.errors import InputError

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
DEVICES = r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?"  # Windows has no files called so


def check(name):
    """Raise InputError, with one sentence, when nothing should be called so."""
    if not re.fullmatch(NAME, name, re.ASCII) or name.endswith("."):
        raise InputError(
            f"The name {name!r} cannot be used: a name has letters, digits, '.', '_' and '-', "
            "begins with a letter or digit, does not end with a dot, and has at most 64 of them."
        )
    if re.fullmatch(DEVICES, name, re.IGNORECASE):
        raise InputError(f"The name {name!r} belongs to a device on Windows; take another name.")


def like(name, others):
    """The first of other names that is the same but for capitals, which some systems ignore."""
    return next((other for other in others if other.lower() == name.lower()), None)
