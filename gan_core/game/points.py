"""Points of a person's own: read from CSV, and written compactly for a link."""

import csv
import io
import math

from gan_core.game.distributions import HALF
from gan_core.util.errors import InputError

MOST = 400  # points of one data set
MOST_ROWS = 20_000  # of a CSV file
LEVELS = 4095  # steps of a coordinate from −HALF to HALF: two letters of the alphabet below
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
EDGE = 1.6  # how far from the middle the outermost point of a CSV file lies

Point = tuple[float, float]


def write(points: list[Point]) -> str:
    """Points as text of four letters each; coordinates are rounded to 1/4095 of the plane."""
    return "".join(letters(x) + letters(y) for x, y in points)


def letters(value: float) -> str:
    level = math.floor((min(max(value, -HALF), HALF) + HALF) / (2 * HALF) * LEVELS + 0.5)
    return ALPHABET[level >> 6] + ALPHABET[level & 63]


def read(text: str) -> list[Point]:
    """The points that `write` wrote. Raises ValueError for any other text, and for too many."""
    if len(text) % 4 or len(text) > 4 * MOST:
        raise ValueError(f"{len(text)} letters")
    levels = [
        64 * ALPHABET.index(text[i]) + ALPHABET.index(text[i + 1]) for i in range(0, len(text), 2)
    ]
    values = [2 * HALF * level / LEVELS - HALF for level in levels]
    return list(zip(values[::2], values[1::2], strict=True))


def read_csv(content: bytes) -> list[Point]:
    """Points from a CSV file of two columns, x and y, scaled to fit the plane.

    A first line that holds no numbers is a heading. Columns are separated by commas, semicolons or
    tabs. The middle of the points comes to the middle of the plane, and both coordinates are scaled
    by one factor. Of more than MOST points, MOST at equal distances in the file are taken.
    Raises InputError in one sentence for anything that is not such a file.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("This file is not text; save the points as CSV in UTF-8.") from None
    rows = rows_of(text)
    pairs = [pair(row, line) for line, row in rows]
    if len(pairs) > MOST:
        pairs = [pairs[i * len(pairs) // MOST] for i in range(MOST)]
    return fit(pairs)


def rows_of(text: str) -> list[tuple[int, list[str]]]:
    """(line number, fields) of all rows that are not empty, without the heading."""
    first = text[: text.find("\n")] if "\n" in text else text
    separator = max(",;\t", key=first.count)
    rows = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        for row in reader:
            if any(field.strip() for field in row):
                rows.append((reader.line_num, row))
            if len(rows) > MOST_ROWS + 1:
                raise InputError(f"A file of points may have at most {MOST_ROWS:,} rows.")
    except csv.Error:
        raise InputError(
            "This file is not CSV; write one point to a line, such as 0.5,-1.2."
        ) from None
    if rows and not any(is_number(field) for field in rows[0][1]):
        rows = rows[1:]
    if not rows:
        raise InputError("This file holds no points; write one to a line, such as 0.5,-1.2.")
    return rows


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def pair(row: list[str], line: int) -> Point:
    """The two numbers of a row. Raises InputError that names the line."""
    if len(row) != 2:
        columns = f"{len(row)} column" + ("" if len(row) == 1 else "s")
        raise InputError(f"Line {line} has {columns}; a point has two numbers, x and y.")
    values = []
    for field in row:
        if not is_number(field) or not math.isfinite(float(field)):
            raise InputError(
                f"Line {line} holds {field.strip()[:20]!r}, which is not a finite number."
            )
        values.append(float(field))
    return values[0], values[1]


def fit(points: list[Point]) -> list[Point]:
    """The points moved and scaled so that the outermost lie EDGE from the middle of the plane."""
    spans = []
    for values in zip(*points, strict=True):
        low, high = min(values), max(values)
        # Halves, so that two numbers near the largest float do not overflow.
        spans.append((low / 2 + high / 2, high / 2 - low / 2))
    half = max(extent for _, extent in spans)
    (across, _), (up, _) = spans
    if half == 0:
        return [(0.0, 0.0)] * len(points)
    # Divided first: the inverse of a very small number is no number any more.
    return [((x - across) / half * EDGE, (y - up) / half * EDGE) for x, y in points]
