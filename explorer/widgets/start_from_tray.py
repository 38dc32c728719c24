"""A popover to start the sliders of Latents and Directions from a picture of the tray."""

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import renderer
from explorer.state import session, url_state
from gan_core.checkpoint import Model


def popover(name: str, model: Model) -> None:
    """A popover with a model's pictures on the tray, if there are any.

    name: the model's name in the menu.
    """
    mine = [i for i in session.picked().items if i.model == name and len(i.z) == model.prior.size]
    if not mine:
        return
    with st.popover("From tray", icon=":material/inbox:"):
        tiles(
            "start-tiles",
            renderer.sheet(renderer.pictures(model, np.stack([i.z for i in mine]))),
            [{"id": i.id, "label": i.name, "caption": i.name} for i in mine],
            start_from,
            label="Pictures on the tray to start from",
            width=72,
            smooth=session.view().smooth,
        )


def start_from(item_id: str) -> None:
    """Move the sliders to a picture of the tray."""
    item = session.picked().find(item_id)
    if item is None:
        return
    if item.seed is not None:
        session.set_view(start=item.seed, psi=item.psi, coords="", frozen="")
    else:
        coords = url_state.write_coordinates(dict(enumerate(map(float, item.z))))
        session.set_view(coords=coords, frozen="")
