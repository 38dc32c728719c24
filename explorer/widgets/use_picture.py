"""Buttons that lead from a picture of the tray to every page that accepts a latent."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from explorer.state import baskets, exemplars, session, url_parts, url_state
from explorer.state.tray import Item
from explorer.widgets import neighbours_link, start_from_tray
from gan_core.checkpoint import Model

KEYFRAMES = 4  # of a path from one picture of the tray: it and the usual seeds


@dataclass(frozen=True)
class Place:
    """A page, its icon, what it does with a picture, and the function that prepares it."""

    title: str
    icon: str
    words: str
    prepare: Callable[[Item, Model], object]


def on_page(item: Item) -> None:
    """Choose the model of a picture."""
    if item.model != session.view().model:
        session.leave_coordinates()
        session.set_view(model=item.model, weights="")


def sliders(item: Item, model: Model) -> None:
    on_page(item)
    session.set_view(way="sliders")
    start_from_tray.start_from(item.id)


def directions(item: Item, model: Model) -> None:
    on_page(item)
    start_from_tray.start_from(item.id)


def path(item: Item, model: Model) -> None:
    """The tray's pictures as keyframes, this one among them, or it and further seeds."""
    on_page(item)
    mine = [i.id for i in session.picked().of_model(item.model, model.prior.size)]
    if len(mine) < url_parts.MIN_KEYS and item.seed is not None:
        usual = [key for key in url_parts.read_keys(url_state.View.keys) if key[0] != item.seed]
        keys = [(item.seed, None if item.psi == 1.0 else item.psi), *usual][:KEYFRAMES]
        session.set_view(source="seeds", keys=url_parts.write_keys(keys))
        st.session_state.source_chosen = True
        return
    known, chosen = st.session_state.setdefault("keyframes", {}).get(item.model, (mine, mine))
    rest = [i for i in chosen if i != item.id][: url_parts.MAX_KEYS - 1]
    st.session_state.keyframes[item.model] = (known, [item.id, *rest])
    session.set_view(source="tray")


def basket(item: Item, model: Model) -> None:
    """C holds this picture alone, which can be undone on the page."""
    on_page(item)
    state = st.session_state
    foreign = state.get("baskets_of") not in (None, model.hash)
    others = dict.fromkeys(url_parts.BASKETS, "") | {"wishes": ""} if foreign else {}
    state.baskets_of = model.hash
    wishes = {} if foreign else {"wishes": baskets.wish_for("c", {})}
    baskets.change(**(others | wishes | {"c": exemplars.of_item(item, item.model, model)}))


PLACES = {
    "latents": Place("Latents", "tune", "Move its coordinates", sliders),
    "interpolate": Place("Interpolate", "animation", "Begin a path with it", path),
    "directions": Place("Directions", "explore", "Move it along directions", directions),
    "arithmetic": Place("Arithmetic", "calculate", "Put it into basket C", basket),
    "neighbours": Place(
        "Neighbours",
        "search",
        "Find the training images nearest to it",
        lambda item, model: neighbours_link.about(item),
    ),
}


def buttons(item: Item, model: Model) -> None:
    """A button a page. The picture must have been made with these weights of its model."""
    alone = len(session.picked().of_model(item.model, model.prior.size)) < url_parts.MIN_KEYS
    st.caption("Go on with this picture:")
    with st.container(horizontal=True, gap="small", key="use-picture"):
        for name, place in PLACES.items():
            short = name == "interpolate" and alone and item.seed is None
            if st.button(
                place.title,
                icon=f":material/{place.icon}:",
                key=f"use-{name}",
                disabled=short,
                help="Needs another picture on the tray" if short else place.words,
            ):
                place.prepare(item, model)
                # Streamlit identifies a page by its path.
                st.switch_page(st.Page(_nothing, title=place.title, url_path=name))


def _nothing() -> None:
    pass
