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
