"""The bar above a page that leads through a lesson, in the real pages."""

from collections.abc import Mapping

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components.lesson_keys import lesson_keys
from explorer.services import stranger_text
from explorer.state import lesson as lessons
from explorer.state import session
from explorer.state.lesson import Lesson

Pages = Mapping[str, StreamlitPage]  # by path


def show(pages: Pages) -> None:
    """The bar of the current lesson, or nothing. A click on it opens another step."""
    view = session.view()
    if not view.lesson:
        return
    lesson = lessons.find(view.lesson)
    place = min(view.lesson_step, len(lesson.steps) - 1)
    step, last = lesson.steps[place], len(lesson.steps) - 1
    with st.container(key="lesson-large" if view.large else "lesson-bar", gap="xsmall"):
        st.caption(f"{stranger_text.plain(lesson.title)} · {place + 1} of {last + 1}")
        st.markdown(f"**{stranger_text.plain(step.title)}**")
        if broken(pages, lesson, place):
            st.warning(
                "The link of this step does not lead to a page of this app; continue with the "
                "next step."
            )
        if step.notes:
            st.markdown(stranger_text.card(step.notes))
        with st.container(horizontal=True, gap="small"):
            if st.button("Back", key="lesson-back", disabled=place == 0):
                go(pages, view.lesson, place - 1, view.large)
            label = "Next" if place < last else "Finish"
            if st.button(label, key="lesson-next", type="primary"):
                if place < last:
                    go(pages, view.lesson, place + 1, view.large)
                else:
                    finish(pages)
            st.button("Leave", key="lesson-leave", type="tertiary", on_click=leave)
            if st.button(
                "",
                key="lesson-again",
                icon=":material/replay:",
                type="tertiary",
                help="Show this step as it was",
            ):
                go(pages, view.lesson, place, view.large)
            st.button(
                "",
                key="lesson-size",
                icon=":material/close_fullscreen:" if view.large else ":material/slideshow:",
                type="tertiary",
                on_click=session.set_view,
                kwargs={"large": not view.large},
                help="Normal size"
                if view.large
                else "For a projector: large type, and the keys → and ← change the step",
            )
    if view.large:
        lesson_keys()


def broken(pages: Pages, lesson: Lesson, place: int) -> bool:
    """Whether the link of a step leads to no page."""
    return lessons.target(lesson.steps[place])[0] not in pages


def go(pages: Pages, name: str, place: int, large: bool = False) -> None:
    """Open a step of a lesson; one with a broken link opens on the page Lessons."""
    path, params = address(pages, name, place)
    if large:
        params["large"] = "1"
    st.switch_page(pages[path], query_params=params)


def address(pages: Pages, name: str, place: int) -> tuple[str, dict[str, str]]:
    """The path and the query parameters of a step, with the lesson's own."""
    lesson = lessons.find(name)
    path, params = lessons.target(lesson.steps[place])
    if path not in pages:
        path, params = "lessons", {}
    params["lesson"] = name
    if place:
        params["lesson_step"] = str(place)
    return path, params


def leave() -> None:
    """Leave the lesson; the page stays, and the start page offers to go on."""
    view = session.view()
    st.session_state.setdefault("left_lessons", {})[view.lesson] = view.lesson_step
    session.set_view(lesson="", lesson_step=0, large=False)


def finish(pages: Pages) -> None:
    """After the last step: forget the place, and show all lessons."""
    st.session_state.get("left_lessons", {}).pop(session.view().lesson, None)
    session.set_view(lesson="", lesson_step=0, large=False)
    st.switch_page(pages["lessons"])


def place_of(name: str) -> int:
    """Where a lesson goes on: the current step, the one at which it was left, or the first."""
    view = session.view()
    if view.lesson == name:
        return view.lesson_step
    return st.session_state.get("left_lessons", {}).get(name, 0)
