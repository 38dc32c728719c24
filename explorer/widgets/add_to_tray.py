"""Puts a picture on the tray, from any page."""

import streamlit as st

from explorer.state import fragments, session, tray
from gan_core.checkpoint import Model


def add(item: tray.Item, message: str = "", panels: tuple[str, ...] = ()) -> None:
    """Put an item on the tray and say so; for callbacks.

    message: replaces "… is on the tray." panels: what to redraw instead of the whole page if there
    was room on the tray.
    """
    added = session.change_tray(tray.add, item)
    if added:
        session.say(message or f"{item.name} is on the tray.")
    # A warning appears above the page, so then the whole page is redrawn.
    fragments.redraw(*(panels if added else ()))


def add_seed(name: str, model: Model, seed: int, psi: float = 1.0) -> None:
    """Put the sample of a seed on the tray; for callbacks. name: the model's name in the menu."""
    add(session.item(name, model, seed, psi))


def button(item: tray.Item, key: str) -> None:
    """A button that puts a picture on the tray. The item is copied, so it can be added twice."""
    st.button(
        "Add to tray",
        key=key,
        icon=":material/add:",
        on_click=lambda: add(tray.copy(item)),
    )
