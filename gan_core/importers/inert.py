"""Harmless values beside the tensors of a checkpoint, and the stand-ins that take their place.

People save a best score (a numpy scalar), their options (a Namespace), a path or a history beside
their weights. A pickle says which function makes such a value; here every one of these names stands
for something that only keeps nothing, so that nothing of numpy or pathlib runs.
"""

from typing import Any


class Inert:
    """Takes the place of a value; it forgets everything it is given."""

    def __new__(cls, *_: Any, **__: Any) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class InertList(list):
    """Takes the place of a sequence that is filled after it was made."""

    def __init__(self, *_: Any) -> None:
        super().__init__()


def plain_dict(*_: Any) -> dict:
    """Takes the place of a kind of dictionary; its entries are added to a plain one."""
    return {}


NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
PATHS = ("Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
VALUES = {
    *(f"{module} {name}" for module in NUMPY for name in ("scalar", "_reconstruct")),
    *("numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer"),
    *("numpy ndarray", "numpy dtype", "argparse Namespace", "types SimpleNamespace"),
    *(f"{module} {name}" for module in ("pathlib", "pathlib._local") for name in PATHS),
    *(f"datetime {name}" for name in ("datetime", "date", "time", "timedelta", "timezone")),
    *("decimal Decimal", "fractions Fraction", "uuid UUID"),
    *(
        f"{module} {name}"
        for module in ("builtins", "__builtin__")
        for name in ("int", "float", "str", "bool", "list", "tuple", "frozenset", "object", "slice")
    ),
}
LISTS = {"collections deque"}
DICTIONARIES = {"collections defaultdict", "builtins dict", "__builtin__ dict"}
# Made by torch itself, and as harmless.
ALLOWED = {
    *("_codecs encode", "builtins set", "__builtin__ set", "builtins complex"),
    "__builtin__ complex",
}
NAMES = VALUES | LISTS | DICTIONARIES | ALLOWED


def stand_ins() -> list[tuple[Any, str]]:
    """(stand-in, name) of every value, for torch.serialization.safe_globals."""
    made: list[tuple[Any, str]] = [(Inert, name.replace(" ", ".")) for name in VALUES]
    made += [(InertList, name.replace(" ", ".")) for name in LISTS]
    return made + [(plain_dict, name.replace(" ", ".")) for name in DICTIONARIES]
