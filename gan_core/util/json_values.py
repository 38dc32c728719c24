"""Checks of the values in untrusted JSON files.

    check    any file: no lone surrogates and no deep nesting
    misfit   a file with known fields: the first field of the wrong type

STRICTLY, for json.loads, refuses NaN, infinity and whole numbers beyond 64 bits. A shape describes
a field:

    TEXT, FLAG, NUMBER, COUNT     text, true or false, a finite number, a whole number from 0 up
    [shape]                       a list of such values
    [shape, shape, …]             a list of exactly these values
    {"name": shape, …}            an object; a name that ends with "?" may be missing or null
    {ANY: shape}                  an object with any names
    VALUE                         anything
"""

import math
from collections.abc import Iterable
from typing import Any

MOST = 2**63
DEEPEST = 32  # levels of nested objects and lists
TEXT, FLAG, NUMBER, COUNT, VALUE = "text", "true or false", "a number", "a whole number", "a value"
ANY = "*"


def loaded_number(text: str) -> int | float:
    """A number of a JSON file; for json.loads(…, parse_int=…, parse_float=…, parse_constant=…).

    Raises ValueError for NaN, infinity and whole numbers beyond 64 bits.
    """
    whole = text.lstrip("-").isdigit()
    value = (int(text) if len(text) < 25 else MOST) if whole else float(text)
    if not (math.isfinite(value) and (not whole or abs(value) < MOST)):
        raise ValueError(f"{text[:20]} is not a usable number")
    return value


STRICTLY: dict[str, Any] = {
    "parse_int": loaded_number,
    "parse_float": loaded_number,
    "parse_constant": loaded_number,
}


def check(value: object) -> None:
    """Raise ValueError for a JSON value with a lone surrogate, or one that is nested too deeply."""
    level: list[object] = [value]
    for _ in range(DEEPEST):
        inside: list[object] = []
        for one in level:
            if isinstance(one, str):
                one.encode()  # a UnicodeEncodeError is a ValueError
            elif isinstance(one, dict):
                inside += [*one, *one.values()]
            elif isinstance(one, list):
                inside += one
        if not inside:
            return
        level = inside
    raise ValueError("it is nested too deeply")


def misfit(value: Any, shape: Any, name: str = "") -> str:
    """The name of the first field that does not fit a shape, such as "training.kimg"; "" for none.

    Items of a list are named by their position: "caveats.3". The value itself is "it".
    """
    here = name or "it"
    if isinstance(shape, str):
        return "" if of_kind(value, shape) else here
    if isinstance(shape, list):
        if not isinstance(value, list) or (len(shape) > 1 and len(value) != len(shape)):
            return here
        shapes = shape if len(shape) > 1 else shape * len(value)
        parts: Iterable[tuple[str, Any, Any]] = zip(
            map(str, range(len(value))), value, shapes, strict=True
        )
    else:
        if not isinstance(value, dict):
            return here
        if ANY in shape:
            parts = ((key, one, shape[ANY]) for key, one in value.items())
        else:
            known = ((key.rstrip("?"), key, one) for key, one in shape.items())
            parts = (
                (key, value.get(key), one)
                for key, given, one in known
                if not (given.endswith("?") and value.get(key) is None)
            )
    misfits = (misfit(one, kind, f"{name}.{key}" if name else key) for key, one, kind in parts)
    return next(filter(None, misfits), "")


def of_kind(value: object, kind: str) -> bool:
    """Whether a value is of TEXT, FLAG, COUNT, NUMBER or VALUE."""
    if kind == TEXT:
        return isinstance(value, str)
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == COUNT:
        return type(value) is int and 0 <= value < MOST
    if kind == NUMBER:  # JSON's true is Python's True, which is an int
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return -MOST < value < MOST  # False for NaN
    return True
