"""The one exception a person is meant to read."""

MOST = 1000  # characters


class InputError(ValueError):
    """Something a person gave us cannot be used.

    The message is one sentence that says what is wrong and what to do about it. The command line
    and the app print it as it is, without a traceback. What it quotes may come from a stranger's
    file: it is kept to one line of characters that can be printed, and to MOST of them.
    """

    def __init__(self, sentence):
        line = "".join(c if c.isprintable() else " " for c in str(sentence))
        super().__init__(line if len(line) <= MOST else f"{line[: MOST - 2].rstrip()} …")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception says that there is no memory left; PyTorch has no class for that."""
    told = str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and ("can't allocate memory" in told or "not enough memory" in told)
    )


NO_MEMORY = "There is not enough memory for this; end other programs, or do less at once."


def from_os_error(error: OSError, path=None) -> InputError:
    """What to tell of a file that could not be read or written: a full disk, a missing right.

    path: what was being written or read, where the error does not tell it.
    """
    where = error.filename or path or "A file"
    reason = error.strerror or str(error) or type(error).__name__
    return InputError(f"{where} cannot be read or written: {reason}.")
