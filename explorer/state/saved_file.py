"""Files that visitors save and load: JSON text that names its format and version."""

import json
from typing import Any

from gan_core.util.errors import InputError


def read(content: str | bytes, what: str, form: str, version: int, most: int) -> dict[str, Any]:
    """The record in a file, given as bytes or str.

    what: "a tray", for messages. form, version: what its fields `format` and `version` must say.
    most: its maximum length in bytes. Raises InputError with one sentence for any other file.
    """
    if len(content) > most:
        size = f"{most // 10**6} MB" if most >= 10**6 else f"{most // 1000} kB"
        raise InputError(f"This file is too large for {what}: over {size}.")
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(f"This file is not {what}: it is not JSON.") from None
    if not isinstance(record, dict) or record.get("format") != form:
        raise InputError(f"This file is not {what} saved by this app.")
    if record.get("version") != version:
        noun = what.partition(" ")[2]
        raise InputError(f"This {noun} is not version {version}, the only one that this app reads.")
    return record
