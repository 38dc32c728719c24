"""Saving the tray to a file, and loading one."""

import hashlib
from collections.abc import Callable, Sequence

import streamlit as st

from explorer.services import stranger_text
from explorer.state import fragments, session, tray
from explorer.state.tray import Item, Tray
from explorer.widgets import browser_memory, picture_dialog
from explorer.widgets.uploader import uploader
from gan_core.util.errors import InputError


def files(items: Sequence[Item]) -> None:
    """Save the tray to a file, and load one."""
    with st.expander("Save and load"):
        if items:
            st.download_button(
                "Save tray",
                tray.to_json(items),
                "tray.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
            )
            if any(item.seed is None for item in items):
                st.caption(
                    "A link cannot carry pictures without a seed; a file and the storage of this "
                    "browser can."
                )
        upload = uploader("Load a tray", "tray", type="json", key="tray-upload")
        if upload is not None:
            offer(upload.getvalue())
        browser_memory.controls()


def offer(content: bytes) -> None:
    """Check an uploaded tray and offer to add it."""
    try:
        items = tray.from_json(content)
        picture_dialog.check_sizes(items)
    except InputError as error:
        st.error(stranger_text.sentence(error))
        return
    st.caption(f"{len(items)} pictures in this file.")
    stamp = hashlib.blake2b(content, digest_size=8).hexdigest()
    with st.container(horizontal=True, gap="small"):
        st.button("Add", key=f"add-{stamp}", on_click=take, args=(tray.add, items))
        st.button("Replace", key=f"replace-{stamp}", on_click=take, args=(replace_all, items))


def take(verb: Callable[..., Tray], items: Sequence[Item]) -> None:
    """Put loaded items on the tray; each gets a new id, so that it can be added twice."""
    session.change_tray(verb, *(tray.copy(item) for item in items))
    fragments.redraw()


def replace_all(now: Tray, *items: Item) -> Tray:
    """A tray of only these items."""
    return tray.change(now, items)
