"""How pages start from the tray: keyframes, the pad, and a popover for sliders."""

from dataclasses import replace

import streamlit as st

from explorer.state import latent_spaces, session, url_parts, url_state
from explorer.state.tray import Item
from explorer.widgets.tray_popover import tray_popover
from gan_core.checkpoint import Model


def popover(name: str, model: Model) -> None:
    """A popover with a model's pictures on the tray, if there are any.

    name: the model's name in the menu.
    """

    def pick(item_id: str) -> None:
        item = latent_spaces.find(item_id, model)
        if item is not None:
            start_from(item)

    tray_popover(name, model, "start-tiles", pick, "Pictures on the tray to start from")


def start_from(item: Item) -> None:
    """Move the sliders to a picture of the tray, whose latent is in the page's space."""
    if item.seed is not None:
        session.set_view(start=item.seed, psi=item.psi, coords="", frozen="")
    else:
        coords = url_parts.write_coordinates(dict(enumerate(map(float, item.z))))
        session.set_view(coords=coords, frozen="")


def arrived() -> bool:
    """Whether the page has just been opened by its name, not by a link that carries settings."""
    return bool(st.session_state.get("arrived")) and not st.query_params.to_dict()


def keyframes(name: str, model: Model) -> None:
    """Let Interpolate open on the tray if two or more of its pictures are of the model."""
    mine = latent_spaces.mine(name, model)
    if arrived() and len(mine) >= url_parts.MIN_KEYS and not st.session_state.get("source_chosen"):
        st.session_state.view = replace(session.view(), source="tray", key_classes="")


def corners(name: str, model: Model) -> None:
    """Let the pad open on the tray's first pictures with seeds, if there are two or more.

    Corners that a person has typed stay.
    """
    state, view = st.session_state, session.view()
    mine = latent_spaces.mine(name, model)
    seeds = [(item.seed, item.psi) for item in mine if item.seed is not None][:4]
    usual = ((state.get("opening") or {}).get("corners"), url_state.View.corners)
    untouched = view.corners in (*usual, state.get("tray_corners"))
    if not arrived() or len(seeds) < 2 or not untouched:
        return
    others = [key for key in url_parts.read_keys(view.corners) if key[0] not in dict(seeds)]
    four = [*seeds, *others][:4]
    if len(four) == 4:
        state.tray_corners = url_parts.write_keys(four)
        # The classes were those of other corners.
        state.view = replace(view, corners=state.tray_corners, corner_classes="")
