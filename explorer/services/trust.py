"""Whether a visitor may do things that write files or keep the computer busy for long.

When only this computer can reach the app, everyone may. When other computers can reach it, visitors
may only with `--trust-visitors`, or after entering the password of `--password`. Pages call
`allowed` to enable or disable their controls; the functions that do the work call `check`, because
a page may have been drawn while its visitor was trusted. (Streamlit discards values of disabled
widgets from forged messages, but the app does not rely on that.)
"""

import hashlib
import hmac
import math
import threading
import time
import unicodedata
from collections import deque

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer import config
from gan_core.util import environment
from gan_core.util.errors import InputError

# Set by `python -m explorer`: "1" when every visitor is trusted, "0" when none is.
VARIABLE = "LATENT_EXPLORER_TRUST"
PRIVATE = "LATENT_EXPLORER_PRIVATE"  # "1" when only this computer can reach the app
TRAINING = "LATENT_EXPLORER_TRAINING"  # "1" when every visitor may start and stop training runs
CLOSED = {  # by whether the visitor wants to train
    training: "Not available to visitors: other computers can reach this app, which was started"
    f" without {options}."
    for training, options in {
        False: "`--trust-visitors`",
        True: "`--trust-visitors` and `--training`",
    }.items()
}
LOCKED = "Not available before you have entered the password in the sidebar."
LONGEST = 1000  # characters of a password that are compared

_lock = threading.Lock()
_password: bytes | None = None  # a digest of it
_unlocked: set[str] = set()  # ids of the sessions that have entered it
_attempts: deque[float] = deque()  # when a wrong one was entered, time.monotonic()


class Refused(InputError):
    """The visitor is not trusted."""


def visitor() -> str:
    """The id of the session whose script runs in this thread; "" outside a script."""
    context = get_script_run_ctx(suppress_warning=True)
    return "" if context is None else context.session_id


def allowed(training: bool = False, session: str | None = None) -> bool:
    """Whether a visitor may write files and start long work.

    training: whether the question is about a training run. session: the id of the visitor's
    session; None for that of this thread.
    """
    if _password is not None:
        return (visitor() if session is None else session) in _unlocked
    if training and environment.get(TRAINING) == "1":
        return True
    trusted = environment.get(VARIABLE)
    return own_computer() if trusted is None else trusted == "1"


def sees_paths() -> bool:
    """Whether this visitor uses the computer that runs the app, and may see its paths."""
    return own_computer() and allowed()


def own_computer() -> bool:
    """Whether only this computer can reach the app, so that every visitor is its user."""
    private = environment.get(PRIVATE)
    if private is not None:
        return private == "1"
    return config.private(st.get_option("server.address") or "")


def reason(training: bool = False) -> str:
    """Why `allowed` is False, one sentence for beside a control; "" when it is True."""
    if allowed(training):
        return ""
    return CLOSED[training] if _password is None else LOCKED


def check(training: bool = False) -> None:
    """Raise Refused with `reason` when this visitor is not allowed to."""
    if why := reason(training):
        raise Refused(why)


# The password.


def set_password(password: str | None) -> None:
    """Require a password of every visitor from now on, or none if None. Locks all sessions."""
    global _password
    with _lock:
        _password = None if password is None else digest(password)
        _unlocked.clear()
        _attempts.clear()


def asks_password() -> bool:
    """Whether the app was started with a password."""
    return _password is not None


def unlock(password: str) -> None:
    """Trust this session from now on.

    Raises InputError for a wrong password, and for any password when too many wrong ones have been
    entered recently by all visitors together: an attacker can open a new session for every guess.
    """
    with _lock:
        now = time.monotonic()
        while _attempts and now - _attempts[0] >= config.PASSWORD_SECONDS:
            _attempts.popleft()
        if len(_attempts) >= config.PASSWORD_ATTEMPTS:
            minutes = math.ceil((config.PASSWORD_SECONDS - (now - _attempts[0])) / 60)
            raise InputError(
                "Too many wrong passwords have been entered; try again in"
                f" {minutes} minute{'' if minutes == 1 else 's'}."
            )
        if _password is None or not hmac.compare_digest(digest(password), _password):
            _attempts.append(now)
            raise InputError("This is not the password.")
        _unlocked.add(visitor())


def unlocked() -> set[str]:
    """The ids of the sessions that have entered the password."""
    return set(_unlocked)


def lock(session: str | None = None) -> None:
    """Stop trusting a session, by default that of this thread."""
    with _lock:
        _unlocked.discard(visitor() if session is None else session)


def digest(password: str) -> bytes:
    """The hash of a password. Accents are normalised, because devices encode them differently."""
    text = unicodedata.normalize("NFC", password[:LONGEST])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
