"""The exception whose message is shown to the user."""

import os
from pathlib import Path

MOST = 1000  # characters
# What reading fields of a stranger's description can raise where they are not as expected.
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


class InputError(ValueError):
    """Input that cannot be used.

    The message is one sentence that says what is wrong and what to do about it. The command line
    and the app print it as it is, without a traceback. It may quote an untrusted file, so it is
    reduced to one line of printable characters and truncated to MOST of them.
    """

    def __init__(self, sentence: object) -> None:
        line = "".join(c if c.isprintable() else " " for c in str(sentence))
        super().__init__(line if len(line) <= MOST else f"{line[: MOST - 2].rstrip()} …")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception reports a lack of memory; PyTorch has no class of its own for that."""
    message = str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and ("can't allocate memory" in message or "not enough memory" in message)
    )


NO_MEMORY = "There is not enough memory for this; close other programs or process less at once."


def from_os_error(error: OSError, path: str | os.PathLike | None = None) -> InputError:
    """An InputError for a file that could not be read or written, for example on a full disk.

    path: the file in question, for errors that do not name it.
    """
    where = error.filename or path or "A file"
    reason = error.strerror or str(error) or type(error).__name__
    return InputError(f"{where} cannot be read or written: {reason}.")


def wrong_format(path: str | Path, found: object, reads: int) -> InputError:
    """The InputError for a file of another format than the one that this version reads."""
    what = f"{path} is of format {found!r}"
    if type(found) is int and found > reads:
        return InputError(
            f"{what}, which a newer version of this project wrote; this version reads format "
            f"{reads}, so update this project or choose another model or file."
        )
    return InputError(f"{what}; this version reads format {reads}.")
