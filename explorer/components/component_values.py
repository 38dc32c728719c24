"""What a browser sends for a component, checked before anything is done with it.

A value comes over the network as JSON, and anybody can send any. Each function returns the value as
the requested kind, or None if it is of another kind; a component then ignores the message.
"""

import math
import sys
from collections.abc import Iterable
from typing import Any

import streamlit as st

MOST = 200  # characters of a text
LARGEST = sys.float_info.max  # which an int from JSON can exceed
MOST_COUNT = 2**53  # the largest whole number that JavaScript counts to


def record(key: str, name: str) -> dict:
    """What the browser last sent under a name of the component with a key: a dict, or {}."""
    state = st.session_state.get(key)
    sent = state.get(name) if isinstance(state, dict) else None
    return sent if isinstance(sent, dict) else {}


def text(value: Any, most: int = MOST) -> str | None:
    """A str of 1 to `most` characters, all of them printable: no half of a surrogate pair."""
    good = isinstance(value, str) and 0 < len(value) <= most and value.isprintable()
    return value if good else None


def choice(value: Any, choices: Iterable[Any]) -> Any:
    """One of the choices, which are of one type."""
    good = isinstance(value, str | int) and any(
        type(value) is type(one) and value == one for one in choices
    )
    return value if good else None


def integer(value: Any, low: int = 0, high: int = MOST_COUNT) -> int | None:
    """An int from low to high. JSON's true is none."""
    return value if type(value) is int and low <= value <= high else None


def number(value: Any, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite float from low to high."""
    good = type(value) in (int, float) and abs(value) <= LARGEST and low <= value <= high
    return float(value) if good else None


def numbers(value: Any, count: int) -> list[float] | None:
    """A list of so many finite floats."""
    if not isinstance(value, list) or len(value) != count:
        return None
    finite = [one for one in map(number, value) if one is not None]
    return finite if len(finite) == count else None


def places(value: Any, count: int) -> list[int]:
    """Those of a list that are whole numbers from 0 to count − 1, each once and in order; a list.

    [] where it is no list.
    """
    good = value if isinstance(value, list) else []
    return sorted({one for one in good[: 4 * count] if integer(one, 0, count - 1) is not None})
