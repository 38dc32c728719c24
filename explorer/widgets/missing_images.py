"""What a page says where a model's training images are missing: how to get them, and which models
have theirs.
"""

import streamlit as st

from explorer.services import stranger_text, training_data
from explorer.state import session

MOST = 6  # models offered


def show(name: str, missing: str) -> None:
    """Say why images are missing, and offer models that come with theirs, one click each.

    name: of the model without images. missing: why, in a few sentences.
    """
    others = [other for other in training_data.with_images() if other != name][:MOST]
    if others:
        with st.container(border=True, key="answer-missing", gap="small"):
            st.markdown(
                f":grey[:material/help:] **No answer for {stranger_text.plain(name)}**: its"
                " training images are not on this computer, so there is nothing to compare with."
                " These models come with theirs:"
            )
            with st.container(horizontal=True, gap="small"):
                for other in others:
                    st.button(
                        stranger_text.plain(other),
                        icon=":material/arrow_forward:",
                        key=f"with-images-{other}",
                        on_click=choose,
                        args=(other,),
                    )
    st.info(stranger_text.sentence(missing))


def choose(name: str) -> None:
    """Make a model the current one; for callbacks."""
    session.leave_coordinates()
    session.set_view(model=name, weights="", picture="")
