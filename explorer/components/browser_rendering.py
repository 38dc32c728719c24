"""How the live picture is drawn: crisp or smooth, by the server or by the visitor's browser."""

import os
import subprocess
import sys
from typing import Any

import streamlit as st

from explorer.services import background, folders, page_rerun, server, stranger_text, trust
from explorer.state import session
from gan_core.checkpoint import Model

REFRESH = 1.0  # seconds between checks of a model that is being prepared
# Exporting holds the interpreter for seconds, so it runs in a process of its own.
PREPARE = "import sys, gan_core.export_onnx as e; e.cached(e.checkpoint.load(*sys.argv[1:]))"

_addresses: dict[str, dict[str, Any]] = {}  # weights -> what server.urls returned


def options() -> None:
    """The widgets for a page's View menu."""
    st.toggle("Smooth scaling", **session.widget("smooth", closed=True))
    why = refusal()
    st.toggle(
        "Run this model in my browser",
        **session.widget("browser", on_change=switch, closed=True),
        disabled=not server.available() or bool(why),
        help="Downloads the model to this browser once; while you drag, the server draws nothing."
        if server.available()
        else "Available only if the app was started with `python -m explorer`.",
    )
    if server.available() and why:
        st.caption(why)


def refusal() -> str:
    """Why the model cannot be prepared for this visitor's browser, or ""."""
    key = key_of(shown())
    return "" if background.prepared(key) else trust.reason()


def switch(name: str) -> None:
    """Take the choice; a model that could not be prepared earlier is tried again."""
    session.take(name)
    background.forget(key_of(shown()))


def addresses(model: Model) -> dict[str, Any] | None:
    """The URLs that the browser needs to draw by itself, or None when the server draws.

    The model is prepared in the background; until it is ready, the server draws.
    """
    if not (server.available() and session.view().browser):
        return None
    weights = shown()
    key = key_of(weights)
    if background.under_way(key) or refusal():
        return None

    def work(tell: background.Tell) -> None:
        prepare(model)
        _addresses[weights] = server.urls(model)

    job = background.start(key, work)
    # A model that was prepared earlier is ready at once, so the page need not be drawn twice.
    if not job.ended.wait(background.PATIENCE):
        return None
    if job.error:
        st.warning(stranger_text.sentence(f"{job.error} The server draws instead."))
        return None
    return _addresses[weights]


def prepare(model: Model) -> None:
    """Put a Model's export into the cache. If that fails, server.urls says why."""
    from gan_core import export_onnx

    if export_onnx.stored(model.digest) is None:
        command = [sys.executable, "-c", PREPARE, str(model.directory.resolve()), model.space]
        environment = os.environ | folders.code_environment() | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, env=environment, capture_output=True, check=False)


def shown() -> str:
    """The first digits of the weights that are shown, and their latent space where it is w."""
    return session.view().weights + session.view().latent.strip("z")


def key_of(weights: str) -> tuple[str, str]:
    return "browser", weights


def waiting() -> None:
    """A line of text while the model is being prepared; the page is redrawn afterwards."""
    key = key_of(shown())
    if session.view().browser and background.under_way(key):
        watch(key)


@st.fragment(run_every=REFRESH)
def watch(key: tuple[str, str]) -> None:
    if not background.under_way(key):
        page_rerun.request()
    st.caption("The model is being prepared for your browser; until then the server draws.")
