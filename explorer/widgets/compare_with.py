"""Comparing with a second model, which draws the same latents beside the first."""

import streamlit as st

from explorer.services import model_registry, stranger_text
from explorer.services.side_by_side import SideBySide, why_not
from explorer.state import session
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError

HELP = (
    "Draws the same latents with a second model, beside this one: another model, or an earlier "
    "state of this one that was kept as a checkpoint."
)


def control(name: str) -> None:
    """The field for a page's View menu. name: of the model that is shown."""
    others = [other for other, e in model_registry.entries().items() if other != name]
    wanted = session.view().beside
    if wanted and wanted not in others:  # of a link; `chosen` says why nothing is compared
        others.append(wanted)
    st.selectbox(
        "Compare with",
        ["", *others],
        format_func=lambda other: stranger_text.plain(other) or "No other model",
        help=HELP,
        **session.widget("beside", closed=True),
    )


def chosen(name: str, model: Model) -> tuple[str, Model] | None:
    """(name, Model) to compare with, or None; a sentence says why one cannot be compared."""
    wanted = session.view().beside
    if not wanted or wanted == name:
        return None
    entry = model_registry.entries().get(wanted)
    if entry is None:
        st.info(
            f"There is no model called “{stranger_text.plain(wanted)}” to compare with. Choose "
            "another one in View."
        )
        return None
    try:
        other = model_registry.load(entry)
    except InputError as error:
        st.info(stranger_text.sentence(error))
        return None
    problem = why_not(model, other)
    if problem:
        st.info(stranger_text.sentence(f"{problem} Choose another one in View."))
        return None
    return wanted, other


def drawer(model: Model, other: tuple[str, Model] | None) -> Model | SideBySide:
    """What draws a live picture: the model, or both side by side."""
    return model if other is None else SideBySide(model, other[1])


def panes(name: str, other: tuple[str, Model] | None, way: str = "") -> list[str]:
    """The names of the panes of that picture. way: what else distinguishes them."""
    if other is None:
        return [way]
    return [f"{each}, {way}" if way else each for each in (name, other[0])]
