"""The popover "From tray", from which a page takes one of a model's pictures on the tray."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import renderer
from explorer.state import latent_spaces, session
from gan_core.checkpoint import Model


def tray_popover(
    name: str, model: Model, key: str, on_pick: Callable[[str], None], label: str
) -> None:
    """The pictures of a model on the tray; nothing where there are none.

    name: the model's in the menu. key: of the tiles. on_pick: takes the id of a picture that was
    clicked. label: what the tiles are for, read out by screen readers.
    """
    items = latent_spaces.mine(name, model)
    if not items:
        return
    with st.popover("From tray", icon=":material/inbox:"):
        tiles(
            key,
            renderer.sheet(renderer.pictures(model, np.stack([item.z for item in items]))),
            [{"id": item.id, "label": item.name, "caption": item.name} for item in items],
            on_pick,
            label=label,
            width=72,
            smooth=session.view().smooth,
        )
