"""The model picker at the top of every page, with a link to the model's card."""

from dataclasses import replace

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.services import model_registry, model_removal, stranger_text
from explorer.state import openings, session, url_state
from explorer.widgets import copy_link, page_intro, page_title
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError


def choose(title: str, page: str, card_page: StreamlitPage | None = None) -> tuple[str, Model]:
    """Draw the page's title, the picker and the page's sentence. Returns (name, Model).

    page: its path. card_page: the st.Page of the card, to link to; None on the card itself.
    Raises InputError when there is no model to show.
    """
    entries = model_registry.entries()
    if not entries:
        page_title.title(title)
        raise InputError(
            "There is no model yet. Put a checkpoint into the folder `checkpoints`, or start the"
            " app with `python -m explorer --checkpoints FOLDER`."
        )
    wanted = session.view().model
    if wanted and wanted not in entries:
        session.warn(
            f"There is no model called “{wanted}” here: it was removed, renamed, or is on another "
            "computer. Another one is shown, so what the link says of latents does not apply. Put "
            "the checkpoint into a folder of checkpoints, and open the link again."
        )
    shown = model_removal.visible(entries)
    usable = [name for name in shown if not entries[name].problem] or shown
    if wanted not in entries:
        first = model_registry.DEFAULT if model_registry.DEFAULT in usable else usable[0]
        session.set_view(model=first, weights="")
        if wanted:
            session.leave_coordinates()
        st.session_state.pop("touched", None)
    with page_title.title(title):
        st.selectbox(
            "Model",
            model_removal.visible(entries, session.view().model),
            format_func=lambda name: label(entries[name]),
            width=200,  # and up to twice that where the row has room, see page_style.css
            label_visibility="collapsed",
            **session.widget("model", entries, on_change=another),
        )
        with page_title.links():
            if card_page is not None:
                st.page_link(card_page, label="Model card", icon=":material/description:")
            page_intro.terms(page)
            copy_link.button()
    page_intro.sentence(page)
    name = str(session.view().model)  # the picker has chosen one by now
    model = model_registry.load(entries[name])
    compare_weights(name, model)
    in_space = openings.follow(model)
    # Evidence on the weights is the same in both spaces.
    return name, in_space if "latent" in url_state.PAGES[page] else model


def label(entry: model_registry.Entry) -> str:
    """A model in the menu: its name and what it is for, if its card says that."""
    words = stranger_text.clean(entry.purpose)
    return f"{entry.name} – {words}" if words else entry.name


def another(name: str) -> None:
    """Switch to another model, and forget the coordinates moved for the previous one."""
    session.take(name)
    session.leave_coordinates()


def compare_weights(name: str, model: Model) -> None:
    """Warn once when a link was made with other weights than the current ones, or when the model
    has got new weights since it was last shown.
    """
    state, weights = st.session_state, model.hash[:6]
    before = session.view().weights
    if before and before != weights and state.get("shown_model", name) == name:
        session.warn(
            f"{name} has new weights ({weights}, before {before}), so the same seeds now show "
            "different pictures."
            if state.get("shown_weights") == before
            else f"The link was made with different weights of {name} ({before}; the current ones "
            f"are {weights}), so the same seeds show different pictures."
        )
    state.shown_model, state.shown_weights = name, weights
    st.session_state.view = replace(session.view(), weights=weights)
