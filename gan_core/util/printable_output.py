"""What a command prints: nothing that a terminal would obey.

Names of files, models and attributes come from strangers' files. Escape sequences in them could
recolour the terminal, move its cursor over what stands there, or set its title; characters that
change the direction of writing could make a name look like another one.
"""

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

REPLACEMENT = "\ufffd"
# Control characters other than tab and newline, halves of surrogate pairs, line separators that
# terminals do not know, and what changes the direction of writing.
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# What progress bars write between their lines: the start of the line, blanks, lines up.
BETWEEN = re.compile(r"\r? *\r?|\n*(\x1b\[A)*")


def printable(text: str) -> str:
    """The text, which may have several lines, with "�" for every character that acts on a terminal.

    A carriage return stays at the very beginning, where progress bars have one.
    """
    if BETWEEN.fullmatch(text):
        return text
    start = "\r" if text.startswith("\r") else ""
    return start + OBEYED.sub(REPLACEMENT, text.removeprefix(start))


def one_line(text: object) -> str:
    """The text on one line: also newlines and tabs become "�"."""
    return re.sub(r"[\n\t]", REPLACEMENT, OBEYED.sub(REPLACEMENT, str(text)))


class Printable:
    """A text stream that passes `printable` text on to another one."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the text; returns its length. What the encoding lacks becomes "?"."""
        shown = printable(text)
        try:
            self.stream.write(shown)
        except UnicodeEncodeError:
            encoding = self.stream.encoding or "ascii"
            self.stream.write(shown.encode(encoding, "replace").decode(encoding))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def enforced() -> Iterator[None]:
    """Let everything that is printed to stdout and stderr meanwhile be `printable`."""
    with contextlib.ExitStack() as stack:
        if sys.stdout is not None:
            stack.enter_context(contextlib.redirect_stdout(Printable(sys.stdout)))  # type: ignore[type-var]
        if sys.stderr is not None:
            stack.enter_context(contextlib.redirect_stderr(Printable(sys.stderr)))  # type: ignore[type-var]
        yield
