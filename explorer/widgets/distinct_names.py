"""Names for a menu, in which each must be different."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def distinct(names: Mapping[T, str]) -> dict[T, str]:
    """The same names with a number after each repetition: "Seed 3", "Seed 3 (2)".

    A browser sends the name of what was chosen, and of equal names the first would be taken.
    """
    counts: Counter[str] = Counter()
    result: dict[T, str] = {}
    for key, name in names.items():
        new = name
        while new in result.values():
            counts[name] += 1
            new = f"{name} ({counts[name] + 1})"
        result[key] = new
    return result
