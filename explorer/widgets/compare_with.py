"""Comparing with a second model, which draws the same latents beside the first."""

from collections.abc import Container

import streamlit as st

from explorer.services import earlier_states, model_registry, model_removal, stranger_text
from explorer.services.side_by_side import SideBySide, why_not
from explorer.state import session
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError

HELP = (
    "Draws the same latents with a second model beside this one: an earlier state of this model, "
    "if its training saved any, or another model."
)


def control(name: str) -> None:
    """The field for a page's View menu. name: of the model that is shown."""
    entries = model_registry.entries()
    others = earlier_states.names(entries[name]) if name in entries else []
    others += [other for other in model_removal.visible(entries) if other != name]
    wanted = session.view().beside
    if wanted and wanted not in others:  # of a link; `chosen` says why nothing is compared
        others.append(wanted)
    st.selectbox(
        "Compare with",
        ["", *others],
        format_func=lambda other: label(other, entries),
        help=HELP,
        **session.widget("beside", closed=True),
    )


def label(other: str, entries: Container[str]) -> str:
    """A choice of the field as text. entries: the names of all models."""
    if other in entries:
        return stranger_text.plain(other)
    return stranger_text.plain(earlier_states.in_words(other)) or "No other model"


def chosen(name: str, model: Model) -> tuple[str, Model] | None:
    """(name, Model) to compare with, or None; a sentence says why one cannot be compared."""
    wanted = session.view().beside
    if not wanted or wanted == name:
        return None
    if model.space != "z":
        st.info(
            "Two models are compared by the same z. Choose the latent space z in View to compare "
            f"with {stranger_text.plain(wanted)}."
        )
        return None
    entry = model_registry.entries().get(wanted)
    try:
        other = model_registry.load(entry) if entry else earlier_states.load(wanted)
        if other is None:
            st.info(
                f"There is no model called “{stranger_text.plain(wanted)}” to compare with. Choose "
                "another one in View."
            )
            return None
    except InputError as error:
        st.info(stranger_text.sentence(error))
        return None
    problem = why_not(model, other)
    if problem:
        st.info(stranger_text.sentence(f"{problem} Choose another one in View."))
        return None
    return wanted if entry else earlier_states.in_words(wanted), other


def drawer(model: Model, other: tuple[str, Model] | None) -> Model | SideBySide:
    """What draws a live picture: the model, or both side by side."""
    return model if other is None else SideBySide(model, other[1])


def panes(name: str, other: tuple[str, Model] | None, way: str = "") -> list[str]:
    """The names of the panes of that picture. way: what else distinguishes them."""
    if other is None:
        return [way]
    return [f"{each}, {way}" if way else each for each in (name, other[0])]
