"""Your photo: which latent's picture is closest to a photo of yours?"""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.services import stranger_text
from explorer.state import session
from explorer.widgets import (
    model_picker,
    space_choice,
)
from explorer.widgets.photo_choice import choose_photo
from explorer.widgets.photo_frame import follow_model, frame
from explorer.widgets.photo_search import search
from gan_core.latent_space import inversion

PRIVATE = (
    "Your photo stays in the memory of this session: it is never saved or put in a link, and is "
    "gone when you close this tab. A latent made from it is stored in this browser only if you "
    "say so, under “Save and load” beside the tray."
)


def page(card_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Your photo", "photo", card_page)
    st.session_state.setdefault("photo", None)
    if not inversion.has_gradients(model):
        st.info(
            f"{stranger_text.plain(name)} is an ONNX graph, which has no gradients for the "
            "search to follow; choose another model for your photo."
        )
        return
    if st.session_state.photo is None:
        st.markdown(
            "A GAN draws a picture from a latent and cannot go the other way. Choose a photo, "
            "and the app searches step by step for the latent whose picture is closest to it."
        )
        with st.container(width=560):
            choose_photo(model)
            st.caption(PRIVATE)
        return
    follow_model(model)
    left, right = st.columns([5, 6], gap="large")
    with left:
        frame(name, model)
        with st.container(horizontal=True, gap="small"):
            with st.popover("Another photo", icon=":material/add_a_photo:"):
                choose_photo(model)
            with st.popover("View", icon=":material/tune:"):
                space_choice.control(model)
                st.toggle("Smooth scaling", **session.widget("smooth", closed=True))
        st.caption(PRIVATE)
    with right:
        search(name, model)
