"""The password form in the sidebar of an app that other computers can reach."""

import streamlit as st

from explorer.services import stranger_text, trust
from gan_core.util.errors import InputError

KEY = "visitor-password"


def panel() -> None:
    """Ask for the password if the app has one, or offer to lock again."""
    if not trust.asks_password():
        return
    if trust.allowed():
        st.button("Lock", icon=":material/lock:", key="lock", on_click=trust.lock)
        return
    with st.form("password", clear_on_submit=True, border=False):
        st.text_input(
            "Password",
            type="password",
            key=KEY,
            max_chars=trust.LONGEST,
            help="Unlocks importing, saving, measuring and training.",
        )
        st.form_submit_button("Unlock", icon=":material/lock_open:", on_click=unlock)
    problem = st.session_state.pop("password_problem", "")
    if problem:
        st.error(stranger_text.sentence(problem))


def unlock() -> None:
    try:
        trust.unlock(st.session_state[KEY])
    except InputError as error:
        st.session_state.password_problem = str(error)
