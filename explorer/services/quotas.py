"""Limits on what one visitor, and all visitors together, may have at the same time.

The numbers are in explorer.config.LIMITS.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from explorer import config
from explorer.services import trust
from gan_core.util.errors import InputError

_lock = threading.Lock()
_held: dict[str, Counter[str]] = {
    kind: Counter() for kind in config.LIMITS
}  # kind -> session -> how many


class Full(InputError):
    """A limit is reached."""


def check(kind: str, mine: float, total: float, more: float = 1) -> None:
    """Raise Full when `more` would exceed a limit. mine, total: what there is already."""
    limit = config.LIMITS[kind]
    if mine + more > limit.visitor:
        raise Full(
            f"At most {limit.visitor:,} {limit.what} are allowed for each visitor at the same time;"
            f" {limit.advice}."
        )
    if total + more > limit.total:
        raise Full(
            f"At most {limit.total:,} {limit.what} are allowed for all visitors together at the"
            " same time; try again later."
        )


def take(kind: str, visitor: str | None = None) -> Callable[[], None]:
    """Count one more of a kind; returns a function that takes it off again. Raises Full."""
    visitor = trust.visitor() if visitor is None else visitor
    with _lock:
        held = _held[kind]
        check(kind, held[visitor], held.total())
        held[visitor] += 1
    given_back = threading.Event()

    def give_back() -> None:
        with _lock:
            if given_back.is_set():
                return
            given_back.set()
            held[visitor] -= 1
            if not held[visitor]:
                del held[visitor]

    return give_back


@contextlib.contextmanager
def holding(kind: str) -> Iterator[None]:
    """Count one more of a kind while a block runs. Raises Full."""
    give_back = take(kind)
    try:
        yield
    finally:
        give_back()
