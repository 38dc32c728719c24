"""Buttons that lead from a picture of the tray to every page that accepts a latent."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from explorer.services import model_registry
from explorer.state import baskets, exemplars, latent_spaces, session, url_parts, url_state
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
    """Choose the model of a picture, and the latent space of its latent."""
    if item.model != session.view().model:
        session.leave_coordinates()
        session.set_view(model=item.model, weights="")
    if item.space != session.view().latent:
        session.leave_coordinates()
        session.set_view(along="")
    session.set_view(latent=item.space)
    # The space is chosen now, and does not follow the model.
    if opening := st.session_state.get("opening"):
        st.session_state.opening = opening | {"latent": None}


def on_shown_page(item: Item, model: Model) -> tuple[Item, Model]:
    """A picture and its Model in the latent space of the page that is shown, where they can be."""
    view = session.view()
    if item.model != view.model or view.latent == model.space or not model.has_w:
        return item, model
    loaded = model_registry.load(model_registry.entries()[item.model])
    there = model_registry.in_space(loaded, view.latent)
    here = latent_spaces.item_in(item, there)
    return (item, model) if here is None else (here, there)


def sliders(item: Item, model: Model) -> None:
    on_page(item)
    session.set_view(way="sliders")
    start_from_tray.start_from(item)


def directions(item: Item, model: Model) -> None:
    on_page(item)
    start_from_tray.start_from(item)


def path(item: Item, model: Model) -> None:
    """The tray's pictures as keyframes, this one among them, or it and further seeds."""
    on_page(item)
    mine = [i.id for i in latent_spaces.mine(item.model, model)]
    if len(mine) < url_parts.MIN_KEYS and item.seed is not None:
        usual = [key for key in url_parts.read_keys(url_state.View.keys) if key[0] != item.seed]
        keys = [(item.seed, None if item.psi == 1.0 else item.psi), *usual][:KEYFRAMES]
        session.set_view(source="seeds", keys=url_parts.write_keys(keys), key_classes="")
        st.session_state.source_chosen = True
        return
    known, chosen = st.session_state.setdefault("keyframes", {}).get(item.model, (mine, mine))
    rest = [i for i in chosen if i != item.id][: url_parts.MAX_KEYS - 1]
    st.session_state.keyframes[item.model] = (known, [item.id, *rest])
    session.set_view(source="tray", key_classes="")  # which were those of other latents


def basket(item: Item, model: Model) -> None:
    """C holds this picture alone, which can be undone on the page."""
    on_page(item)
    state = st.session_state
    foreign = state.get("baskets_of") not in (None, model.weights)
    emptied = dict.fromkeys((*url_parts.BASKETS, "wishes", "basket_classes"), "")
    alone = {"wishes": baskets.wish_for("c", {}), "basket_classes": baskets.classes_for("c", {})}
    state.baskets_of = model.weights
    c = {"c": exemplars.of_item(item, item.model, model)}
    baskets.change(**((emptied if foreign else alone) | c))


def neighbours(item: Item, model: Model) -> None:
    on_page(item)
    neighbours_link.about(item)


PLACES = {
    "latents": Place("Latents", "tune", "Move its coordinates", sliders),
    "interpolate": Place("Interpolate", "animation", "Begin a path with it", path),
    "directions": Place("Directions", "explore", "Move it along directions", directions),
    "arithmetic": Place("Arithmetic", "calculate", "Put it into basket C", basket),
    "neighbours": Place(
        "Neighbours",
        "search",
        "Find the training images nearest to it",
        neighbours,
    ),
}


def buttons(item: Item, model: Model) -> None:
    """A button a page. The picture must have been made with these weights of its model."""
    item, model = on_shown_page(item, model)
    alone = len(latent_spaces.mine(item.model, model)) < url_parts.MIN_KEYS
    st.caption("Use this picture:")
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
                st.session_state.pop("enlarged", None)  # closes the dialog
                place.prepare(item, model)
                # Streamlit identifies a page by its path.
                st.switch_page(st.Page(_nothing, title=place.title, url_path=name))


def _nothing() -> None:
    pass
