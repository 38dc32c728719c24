"""Hiding and deleting models, and getting them back; on the page Model card."""

import streamlit as st

from explorer.services import model_registry, model_removal, stranger_text, trash, trust
from explorer.services.model_registry import Entry
from explorer.state import session
from explorer.widgets import trash_list
from gan_core.util.errors import InputError


def panel(name: str) -> None:
    """The buttons for a model, the hidden models, and the deleted ones. name: in the menu."""
    entry, may = model_registry.entries().get(name), trust.allowed()
    away = model_removal.hidden()
    with st.container(horizontal=True, gap="small"):
        if entry is not None and model_removal.is_shipped(entry.directory):
            st.button(
                "Show in menus" if name in away else "Hide from menus",
                key="hide-model",
                icon=":material/visibility:" if name in away else ":material/visibility_off:",
                on_click=hide,
                args=(name, name not in away),
                disabled=not may,
                help="This model comes with the app. Links to a hidden model still open it.",
            )
        elif entry is not None:
            with st.popover("Delete", icon=":material/delete:"):
                delete_form(name, entry, may)
    if not may:
        st.caption(trust.reason())
    others = sorted(away & model_registry.entries().keys() - {name})
    if others:
        label = f"Hidden models ({len(others)})"
        with st.expander(label, key="hidden-models", icon=":material/visibility_off:"):
            for other in others:
                st.button(
                    f"Show {stranger_text.plain(other)}",
                    key=f"show-model-{other}",
                    on_click=hide,
                    args=(other, False),
                    disabled=not may,
                )
    trash_list.show(model_removal.deleted(), model_removal.put_back, may)


def delete_form(name: str, entry: Entry, may: bool) -> None:
    """The confirmation, or why the model cannot be deleted."""
    if why := model_removal.refusal(entry):
        st.caption(stranger_text.sentence(why))
        return
    st.caption(
        f"Its folder goes to the trash for {trash.DAYS} days: weights, directions and, where they"
        " lie there, training images."
    )
    st.button(
        f"Delete {stranger_text.plain(name)}",
        key="delete-model",
        type="primary",
        on_click=delete,
        args=(name, entry),
        disabled=not may,
    )


def delete(name: str, entry: Entry) -> None:
    """Move a model into the trash, and show another one; for callbacks."""
    try:
        model_removal.delete(entry)
    except (InputError, OSError) as error:
        session.warn(str(error))
        return
    session.leave_coordinates()
    session.say(f"{name} was deleted. “Recently deleted” on this page puts it back.")
    session.set_view(model="", weights="")


def hide(name: str, away: bool) -> None:
    """Hide a model, or show it again; for callbacks."""
    try:
        model_removal.hide(name, away)
    except (InputError, OSError) as error:
        session.warn(str(error))
        return
    where = "left out of the menus" if away else "in the menus again"
    session.say(f"{name} is {where}.")
    st.session_state.touched = True
