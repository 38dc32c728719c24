"""An answer in a sentence at the top of a page, with its evidence folded under "Why"."""

from collections.abc import Callable

import streamlit as st

# What stands before a sentence: icons and colours of Streamlit's Markdown.
ICONS = {
    "yes": ":red[:material/warning:]",
    "no": ":green[:material/check_circle:]",
    "none": ":grey[:material/help:]",
}


def show(kind: str, sentence: str, why: Callable[[], None] | None = None) -> None:
    """Show a sentence of a kind of ICONS, once a page. why: draws the evidence."""
    with st.container(border=True, key="answer", gap="small"):
        st.markdown(f"{ICONS[kind]} {sentence}")
        if why is not None:
            # With a key it stays open when the answer is drawn again.
            with st.expander("Why", key="answer-why"):
                why()


def show_waiting() -> None:
    """Show, in the place of an answer, that it is being worked out."""
    with st.container(border=True, key="answer-waiting", gap="small"):
        words = "Comparing with images that the model has never seen …"
        st.markdown(f":grey[:material/hourglass_empty:] {words}")
