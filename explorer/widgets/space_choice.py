"""The choice between the latent spaces z and w, for models with a mapping network."""

import streamlit as st

from explorer.state import session
from gan_core import spaces
from gan_core.checkpoint import Model


def control(model: Model) -> None:
    """The choice for a page's View menu; nothing for a model that has only z."""
    if not model.has_w:
        return
    st.segmented_control(
        "Latent space",
        spaces.SPACES,
        help=(
            "The mapping network turns z into w, which scales the channels of every convolution. "
            "A seed gives the same picture in both. In w, a smaller ψ leads towards the mean "
            "picture, and paths and directions are straight lines in w."
        ),
        **session.widget("latent", spaces.SPACES, on_change=switch, closed=True),
    )


def switch(name: str) -> None:
    """Take the choice, and forget moved coordinates and directions, which are of one space."""
    before = session.view().latent
    session.take(name)
    if session.view().latent != before:
        session.leave_coordinates()
        session.set_view(along="")
