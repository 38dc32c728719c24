"""Long commands on several lines, that a shell takes for one."""

import re

MOST = 64  # characters of a line, before the backslash
INDENT = "    "
# An option with what follows it, up to the next one; a quoted text stays whole.
OPTION = re.compile(r" (?=--[a-z])(?=(?:[^']*'[^']*')*[^']*$)")


def wrapped(line: str) -> list[str]:
    """A line of a code block; a command of Python is broken before options where it is long."""
    if len(line) <= MOST or not line.startswith("python -m ") or line.endswith("\\"):
        return [line]
    lines = [""]
    for part in OPTION.split(line):
        longer = f"{lines[-1]} {part}" if lines[-1] else part
        if len(longer) <= MOST or not lines[-1]:
            lines[-1] = longer
        else:
            lines[-1] += " \\"
            lines.append(INDENT + part)
    return lines
