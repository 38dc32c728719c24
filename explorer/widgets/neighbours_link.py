"""The button that leads from a picture to the page Neighbours."""

import streamlit as st

from explorer.state import exemplars, session
from explorer.state.tray import Item


def about(item: Item) -> None:
    """Make the page Neighbours show a tray.Item, by its seed and ψ or by its latent."""
    if item.model != session.view().model:
        session.leave_coordinates()
        session.set_view(model=item.model, weights="")
    elsewhere = item.space != session.view().latent  # its ψ means something else there
    if item.seed is not None and item.psi == 1.0:
        session.set_view(ask="sample", of=item.seed, picture="")
    elif item.seed is not None and not elsewhere:
        session.set_view(ask="sample", of=item.seed, picture=f"{item.seed}@{item.psi:g}")
    else:
        picture = exemplars.store(item.name, item.model, item.model_hash, item.z)
        session.set_view(ask="sample", picture=picture)


def button(item: Item, key: str) -> None:
    """A button that opens the page Neighbours for a tray.Item."""
    if st.button("Neighbours", icon=":material/search:", key=key):
        about(item)
        # Streamlit identifies a page by its path.
        st.switch_page(st.Page(_nothing, title="Neighbours", url_path="neighbours"))


def _nothing() -> None:
    pass
