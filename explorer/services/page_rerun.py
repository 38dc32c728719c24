"""Reruns of the page that a program requests, not a person: when what it was waiting for is done.

While a picture is enlarged they wait, because Streamlit takes a dialog away for as long as the page
is redrawn, and with it the focus. Closing the dialog redraws the page.
"""

import streamlit as st


def request() -> None:
    """Redraw the page unless a picture is enlarged; then ask again later. Ends the run."""
    if held():
        return
    st.session_state.touched = True  # as in state.fragments.redraw
    st.rerun()


def held() -> bool:
    """Whether a picture is enlarged, see widgets.picture_dialog."""
    return st.session_state.get("enlarged") is not None
