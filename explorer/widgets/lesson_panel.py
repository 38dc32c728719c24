"""A button in the sidebar that adds the current view to the lesson being written."""

import streamlit as st

from explorer.state import lesson as lessons
from explorer.state import session, url_state
from explorer.state.lesson import Lesson, Step
from gan_core.util.errors import InputError

UNTITLED = "My lesson"


def draft() -> Lesson:
    """The lesson that is being made, which lasts as long as the browser tab."""
    return st.session_state.get("draft") or Lesson(UNTITLED)


def panel(title: str) -> None:
    """The button. title: of the current page."""
    st.button(
        "Add this view to a lesson",
        key="add-to-lesson",
        icon=":material/school:",
        type="tertiary",
        on_click=add,
        args=(title,),
        help="A lesson is a list of views with notes. Edit it on the page Lessons.",
    )


def add(title: str) -> None:
    """Add the current view as the last step."""
    page = st.session_state.page
    link = lessons.link_of(page, url_state.write(session.view(), page, session.picked().items))
    try:
        if len(link) > lessons.MAX_LINK:
            raise InputError("The link of this view is too long for a lesson.")
        made = lessons.add(draft(), Step(link, title))
    except InputError as error:
        session.warn(str(error))
        return
    st.session_state.draft = made
    session.say(f"Step {len(made.steps)} of “{made.title}”. Its notes are on the page Lessons.")
    st.session_state.touched = True


def change(new: Lesson) -> None:
    """Replace the lesson that is being made; for callbacks."""
    st.session_state.draft = new
    st.session_state.touched = True
