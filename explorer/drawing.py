"""How the live picture is drawn: crisp or smooth, by the server or in the visitor's own browser."""

import streamlit as st

from explorer import server, session
from gan_core.errors import InputError


def options():
    """The widgets for a page's View menu."""
    st.toggle("Smooth scaling", **session.widget("smooth"))
    state = st.session_state
    key = "set-browser-draws"
    # Kept apart from the widget, whose own memory ends when another page is opened.
    state[key] = state.get("browser_draws", False)
    st.toggle(
        "Run this model in my browser",
        key=key,
        on_change=lambda: state.update(browser_draws=state[key]),
        disabled=not server.available(),
        help="Loads the model into this browser once; while you drag, the server draws nothing."
        if server.available()
        else "Only when the app was started with `python -m explorer`.",
    )


def addresses(model):
    """Where the browser finds what it needs to draw by itself, or None when it is not to."""
    if not (server.available() and st.session_state.get("browser_draws")):
        return None
    try:
        with st.spinner("Preparing the model for your browser …", show_time=True):
            return server.urls(model)
    except InputError as error:
        st.warning(str(error))
        return None
