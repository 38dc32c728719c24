"""Copying a link to what a page shows, and saying what no link can carry."""

import streamlit as st

from explorer.components import copy_link as component
from explorer.state import fragments, session, url_parts, url_state

REFUSED = "This browser does not let a page copy. The address bar holds the same link."


@fragments.panel("copy-link")
def button() -> None:
    """The button, beside a page's title."""
    component.copy_link("copy-link", "Copy link", copied)


def copied(done: bool) -> None:
    """Say that the link has been copied, and what it leaves out; for callbacks."""
    missing = left_out()
    words = "Link copied."
    if missing:
        words = f"Link copied. It leaves out: {', '.join(missing)}."
    session.say(words if done else REFUSED)


def left_out() -> list[str]:
    """What belongs to the view and cannot be in its link, in a few words each."""
    items, state = session.picked().items, st.session_state
    moved = [item for item in items if item.seed is None]
    words = []
    if moved:
        many = "1 picture" if len(moved) == 1 else f"{len(moved)} pictures"
        words.append(f"{many} of the tray without a seed")
    if any(item.seed is not None and item.name != f"Seed {item.seed}" for item in items):
        words.append("names on the tray")
    page = state.get("page")
    if page == "photo" and state.get("photo") is not None:
        words.append("your photo")
    if page == "neighbours" and session.view().ask == "upload":
        words.append("the uploaded picture")
    carried = url_state.write(session.view(), page) if page in url_state.PAGES else {}
    if any(url_parts.EXEMPLAR_NAME.search(text) for text in carried.values()):
        words.append("latents without a seed, beyond this run of the app")
    return words
