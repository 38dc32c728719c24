"""Whether the visitor of this session may do what writes files or keeps the computer busy for long.

On an app that nothing but this computer can reach, everyone may. Where other computers can reach
it, nobody may but with `--trust-visitors`, or after the password of `--password`. Pages ask
`allowed` to show their controls as available or not; what does the work calls `check`, because a
forged message of a browser can press a button that is shown as not available.
"""

import ipaddress

import streamlit as st

from gan_core.util import environment
from gan_core.util.errors import InputError

# Set by `python -m explorer`: "1" when every visitor is trusted, "0" when none is.
VARIABLE = "LATENT_EXPLORER_TRUST"
TRAINING = "LATENT_EXPLORER_TRAINING"  # "1" when every visitor may start and stop training runs
CLOSED = {  # keyed by whether a training run is meant
    training: "Not available to visitors: other computers can reach this app, and it was started"
    f" without {options}."
    for training, options in {
        False: "--trust-visitors",
        True: "--trust-visitors and --training",
    }.items()
}


def private(address: str) -> bool:
    """Whether nothing but this computer reaches an app that listens on an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # a name, or nothing, which stands for every address
        return address == "localhost"


def allowed(training: bool = False) -> bool:
    """Whether this visitor may start what writes or runs long. training: a training run."""
    if training and environment.get(TRAINING) == "1":
        return True
    trusted = environment.get(VARIABLE)
    if trusted is not None:
        return trusted == "1"
    return private(st.get_option("server.address") or "")


def reason(training: bool = False) -> str:
    """Why `allowed` is False, one sentence to stand beside a control; "" when it is True."""
    return "" if allowed(training) else CLOSED[training]


def check(training: bool = False) -> None:
    """Raise InputError with `reason` when this visitor may not."""
    if not allowed(training):
        raise InputError(reason(training))
