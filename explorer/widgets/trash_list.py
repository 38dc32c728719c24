"""What was deleted recently, with buttons that put it back."""

import datetime
from collections.abc import Callable, Sequence

import streamlit as st

from explorer.services import stranger_text, trash
from explorer.services.trash import Deleted
from explorer.state import session
from gan_core.util.errors import InputError


def show(
    deleted: Sequence[Deleted],
    put_back: Callable[[Deleted], object],
    may: bool,
    name_of: Callable[[Deleted], str] = lambda one: one.name,
) -> None:
    """A list of things in the trash, or nothing. may: whether they can be put back."""
    if not deleted:
        return
    # With a key it stays open when its label changes.
    label = f"Recently deleted ({len(deleted)})"
    with st.expander(label, key="recently-deleted", icon=":material/delete:"):
        st.caption(f"Put back what you miss; after {trash.DAYS} days it is removed for good.")
        for one in deleted:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(
                    "Put back",
                    key=f"put-back-{one.place.parent.name}",
                    icon=":material/undo:",
                    on_click=restore,
                    args=(one, put_back, name_of(one)),
                    disabled=not may,
                )
                then = datetime.datetime.fromtimestamp(one.at)
                when = f"{then.day} {then:%B}, {then:%H:%M}"
                st.markdown(f"{stranger_text.plain(name_of(one))} · :grey[{when}]")


def restore(one: Deleted, put_back: Callable[[Deleted], object], name: str) -> None:
    """Put something back and say so; for callbacks."""
    try:
        put_back(one)
    except (InputError, OSError) as error:
        session.warn(str(error))
        return
    st.session_state.touched = True
    session.say(f"{name} is back.")
