"""Putting a picture on the tray, the same from every page."""

import streamlit as st

from explorer.state import fragments, session, tray
from gan_core.checkpoint import Model


def add(item: tray.Item, message: str = "", panels: tuple[str, ...] = ()) -> None:
    """Put an item on the tray and say so; for callbacks.

    message: in place of "… is on the tray." panels: what to draw again in place of the whole page,
    where there was room.
    """
    added = session.change_tray(tray.add, item)
    if added:
        session.say(message or f"{item.name} is on the tray.")
    # A refusal stands above the page, which is drawn again for it.
    fragments.redraw(*(panels if added else ()))


def add_seed(name: str, model: Model, seed: int, psi: float = 1.0) -> None:
    """Put the sample of a seed on the tray; for callbacks. name: the model's in the menu."""
    add(session.item(name, model, seed, psi))


def button(item: tray.Item, key: str) -> None:
    """The button that puts a picture on the tray. The item is copied: a page may add it again."""
    st.button(
        "Add to tray",
        key=key,
        icon=":material/add:",
        on_click=lambda: add(tray.copy(item)),
    )
