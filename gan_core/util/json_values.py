"""What a JSON file from a stranger may hold: values that everything that reads them can bear.

    check   of any file: no number beyond 64 bits, no NaN, no half of a surrogate pair, not deep
    misfit  of a file whose fields are known: the first field that is not of its kind

A shape says what a field should be:

    TEXT, FLAG, NUMBER, COUNT     text, true or false, a finite number, a whole one from 0 up
    [shape]                       a list of these
    [shape, shape, …]             a list of exactly these
    {"name": shape, …}            an object; a name with "?" at its end may be missing or null
    {ANY: shape}                  an object with any names
    VALUE                         anything
"""

import math

MOST = 2**63
DEEPEST = 32  # objects and lists within one another
TEXT, FLAG, NUMBER, COUNT, VALUE = "text", "true or false", "a number", "a whole number", "a value"
ANY = "*"


def loaded_number(text):
    """A number of a JSON file; for json.loads(…, parse_int=…, parse_float=…, parse_constant=…).

    Raises ValueError for NaN, for what is infinite and for whole numbers beyond 64 bits.
    """
    whole = text.lstrip("-").isdigit()
    value = (int(text) if len(text) < 25 else MOST) if whole else float(text)
    if not (math.isfinite(value) and (not whole or abs(value) < MOST)):
        raise ValueError(f"{text[:20]} is no number that can be used")
    return value


STRICTLY = {
    "parse_int": loaded_number,
    "parse_float": loaded_number,
    "parse_constant": loaded_number,
}


def check(value):
    """Raise ValueError for a JSON value with half a surrogate pair, or one that is too deep."""
    level = [value]
    for _ in range(DEEPEST):
        inside = []
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
    raise ValueError("it is nested too deep")


def misfit(value, shape, name=""):
    """The name of the first field that does not fit a shape, such as "training.kimg"; "" for none.

    A name in a list is its place: "caveats.3". The value itself is "it".
    """
    here = name or "it"
    if isinstance(shape, str):
        return "" if of_kind(value, shape) else here
    if isinstance(shape, list):
        if not isinstance(value, list) or (len(shape) > 1 and len(value) != len(shape)):
            return here
        shapes = shape if len(shape) > 1 else shape * len(value)
        parts = zip(map(str, range(len(value))), value, shapes, strict=True)
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
    found = (misfit(one, kind, f"{name}.{key}" if name else key) for key, one, kind in parts)
    return next(filter(None, found), "")


def of_kind(value, kind):
    if kind == TEXT:
        return isinstance(value, str)
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == COUNT:
        return type(value) is int and 0 <= value < MOST
    if kind == NUMBER:  # JSON's true is Python's True, which is an int
        return type(value) in (int, float) and math.isfinite(value) and abs(value) < MOST
    return True
