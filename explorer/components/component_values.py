"""Checks the values that a browser sends for a component.

A value arrives over the network as JSON, and anybody can send anything. Each function returns the
value if it is of the requested kind, else None, and the component then ignores the message.
"""

import math
import sys
from collections.abc import Iterable
from typing import Any

import streamlit as st

MOST = 200  # characters of a text
LARGEST = sys.float_info.max  # an int from JSON can exceed it
MOST_COUNT = 2**53  # up to here JavaScript represents every whole number


def record(key: str, name: str) -> dict:
    """The dict that the browser last sent under a name of the component with this key, or {}."""
    state = st.session_state.get(key)
    sent = state.get(name) if isinstance(state, dict) else None
    return sent if isinstance(sent, dict) else {}


def text(value: Any, most: int = MOST) -> str | None:
    """A str of 1 to `most` characters, all of them printable (so no lone surrogates)."""
    good = isinstance(value, str) and 0 < len(value) <= most and value.isprintable()
    return value if good else None


def choice(value: Any, choices: Iterable[Any]) -> Any:
    """One of the choices, which all have the same type."""
    good = isinstance(value, str | int) and any(
        type(value) is type(one) and value == one for one in choices
    )
    return value if good else None


def integer(value: Any, low: int = 0, high: int = MOST_COUNT) -> int | None:
    """An int from low to high. JSON's true is not an int here."""
    return value if type(value) is int and low <= value <= high else None


def number(value: Any, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite float from low to high."""
    good = type(value) in (int, float) and abs(value) <= LARGEST and low <= value <= high
    return float(value) if good else None


def numbers(value: Any, count: int) -> list[float] | None:
    """A list of `count` finite floats."""
    if not isinstance(value, list) or len(value) != count:
        return None
    finite = [one for one in map(number, value) if one is not None]
    return finite if len(finite) == count else None


def places(value: Any, count: int) -> list[int]:
    """The whole numbers from 0 to count − 1 in a list, sorted and each once; [] if not a list."""
    good = value if isinstance(value, list) else []
    return sorted({one for one in good[: 4 * count] if integer(one, 0, count - 1) is not None})
