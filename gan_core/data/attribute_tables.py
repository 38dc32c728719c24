"""Tables of attributes, a CSV or CelebA's list, and their rows matched with files of pictures."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from gan_core.util import regular_files
from gan_core.util.errors import InputError

# Bytes, rows and different values of a table of attributes. CelebA's has 26 MiB, 202,599 and 2.
MAX_TABLE, MAX_ROWS, MAX_VALUES = 64 * 2**20, 1_000_000, 500_000
FIRST_COLUMN = ("file", "image_id", "filename", "image")
YES, NO = {"1", "true", "yes"}, {"0", "-1", "false", "no"}

Row = tuple[str, ...]
Table = dict[str, Row]


def read(path: str | Path) -> tuple[Table, list[str]]:
    """({file: (value, …)}, names) from a CSV or from CelebA's list_attr_celeba.txt.

    In a column of yes and no, however they are written (1 and −1, 1.0 and 0.0, True and False, yes
    and no), the values are "1" and "0". An empty cell is "", which means unknown. Raises InputError
    for anything else, and for a table larger than MAX_TABLE, MAX_ROWS and MAX_VALUES allow.
    """
    path = Path(path)
    try:
        if regular_files.check(path).st_size > MAX_TABLE:
            raise InputError(
                f"{path} is larger than {MAX_TABLE // 2**20} MiB, far more than attributes need."
            )
        with open(path, encoding="utf-8-sig", newline="") as file:
            table, names = _rows(file, path)
    except (OSError, UnicodeError, csv.Error) as error:
        why = f": {error}" if isinstance(error, csv.Error) else ""
        raise InputError(f"{path} cannot be read as a table of attributes{why}.") from None
    _unify(table, len(names))
    return table, names


def _rows(file: TextIO, path: Path) -> tuple[Table, list[str]]:
    """The result of `read` for an open file, with the values as they are written."""
    rows: Iterable[list[str]]
    first = file.readline(1000)
    if first.strip().isdigit():  # CelebA: a count, the names, then rows
        names = file.readline().split()
        rows = (line.split() for line in file)
    else:
        file.seek(0)
        rows = csv.reader(file)
        header = next(rows, [])
        if not header or header[0].strip().lower() not in FIRST_COLUMN:
            raise InputError(f"{path} must begin with a header whose first column is file.")
        names = [n.strip() for n in header[1:]]
    table: Table = {}
    values: dict[str, str] = {}
    for number, row in enumerate(filter(None, rows), 1):
        if len(row) != len(names) + 1:
            raise InputError(f"{path}: row {number} has {len(row)} cells, not {len(names) + 1}.")
        # A tuple of shared strings: one dictionary per row would take hundreds of megabytes.
        table[row[0]] = tuple(values.setdefault(v, v.strip()) for v in row[1:])
        if number > MAX_ROWS or len(values) > MAX_VALUES:
            raise InputError(
                f"{path} has more than {MAX_ROWS:,} rows or {MAX_VALUES:,} different values; "
                "leave out the columns that are not attributes."
            )
    return table, names


def _unify(table: Table, columns: int) -> None:
    """Write yes as "1" and no as "0" in the columns that hold nothing else but empty cells."""
    changed: dict[int, dict[str, str]] = {}
    for column in range(columns):
        values = {row[column] for row in table.values()} - {""}
        meanings = {value: meaning(value) for value in values}
        if all(meanings.values()) and values - {"0", "1"}:
            changed[column] = {"": "", **meanings}
    if changed:
        for file, row in table.items():
            new = list(row)
            for column, meanings in changed.items():
                new[column] = meanings[row[column]]
            table[file] = tuple(new)


def meaning(value: str) -> str:
    """ "1" for a word or number that means yes, "0" for one that means no, "" for any other."""
    word = value.lower()
    try:
        word = f"{float(word):g}" if word not in YES | NO else word
    except ValueError:
        return ""
    return "1" if word in YES else "0" if word in NO or word == "-0" else ""


def finder(table: Table) -> Callable[[str], Row | None]:
    """A function from the name of a picture's file to its row, or None.

    Names match with or without folders, with slashes or backslashes, with or without the ending in
    the table, in capitals or not: of two paths the shorter must be the end of the longer. Where
    several rows match equally well, none is taken.
    """
    by_name: dict[str, list[tuple[list[str], str]]] = {}
    for key in table:
        parts = _parts(key)
        by_name.setdefault(parts[-1], []).append((parts, key))

    def find(file: str) -> Row | None:
        if file in table:
            return table[file]
        parts = _parts(file)
        stem = parts[-1].rpartition(".")[0]
        for name in [parts[-1], stem] if stem else [parts[-1]]:
            best: list[str] = []
            length = 0
            for others, key in by_name.get(name, ()):
                common = min(len(parts), len(others))
                ours = [*parts[:-1], name]
                if ours[-common:] != others[-common:] or common < length:
                    continue
                best = [*best, key] if common == length else [key]
                length = common
            if len({table[key] for key in best}) == 1:
                return table[best[0]]
            if best:
                return None
        return None

    return find


def _parts(name: str) -> list[str]:
    """The folders and the name in a path of any system, in small letters."""
    parts = [part for part in name.strip().replace("\\", "/").lower().split("/") if part != "."]
    return [part for part in parts if part] or [""]


def nothing_matches(path: str | Path, table: Table, files: Iterable[str], count: int) -> InputError:
    """The InputError for a table in which none of `count` pictures is."""
    row, picture = next(iter(table), ""), next(iter(files), "")
    example = f": its first row is for {row!r}, the first picture is {picture!r}" if row else ""
    return InputError(
        f"0 of {count:,} picture{'' if count == 1 else 's'} are in the table {path}{example}. "
        "Write the names of the files into its first column."
    )
