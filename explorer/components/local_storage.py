"""The browser's own storage, in which a text outlives the session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from explorer.components import component_values
from explorer.components.component import component

KEY = "browser-memory"
MOST = 900_000  # characters that a browser may send
PROBLEMS = ("refused", "full", "off")

_component = component(
    "gan_explorer_local_storage",
    html="<i></i>",
    css="",
    js=(Path(__file__).parent / "local_storage.js").read_text(encoding="utf-8"),
)


def local_storage(
    data: dict[str, Any],
    on_stored: Callable[[str, bool, bool], object],
    on_problem: Callable[[str], object],
) -> None:
    """Send a text to the browser's storage, and receive the one that is there.

    data: {"session", "name": of the storage, "ask": "own", "shared" or "", "asked": how often that
    was asked, "text", "keep": "on", "again" or "off", "changed": whether a person changed what the
    text holds, "apart": whether only this tab should have it}. on_stored(text, own, apart): called
    when something is there that was asked for; own: whether this tab had stored it, and apart:
    whether for itself alone. It may be called again until "ask" has changed.
    on_problem(what): one of PROBLEMS.
    """

    def stored() -> None:
        sent = component_values.record(KEY, "stored")
        text, flags = sent.get("text"), [sent.get("own"), sent.get("apart")]
        if sent.get("session") != data["session"] or not all(type(f) is bool for f in flags):
            return
        if isinstance(text, str) and 0 < len(text) <= MOST:
            on_stored(text, bool(flags[0]), bool(flags[1]))

    def failed() -> None:
        what = component_values.choice(
            component_values.record(KEY, "problem").get("what"), PROBLEMS
        )
        if what is not None:
            on_problem(what)

    # Out of sight, where it takes no room.
    with st.container(key="unseen-memory"):
        _component(key=KEY, data=data, on_stored_change=stored, on_problem_change=failed)
