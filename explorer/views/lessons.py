"""Lessons: views with notes, to be shown, made and given away."""

import hashlib
import urllib.parse
from collections.abc import Mapping

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.services import stranger_text
from explorer.state import lesson as lessons
from explorer.state import session
from explorer.state.lesson import Lesson
from explorer.widgets import browser_memory, lesson_bar, lesson_panel, page_intro
from explorer.widgets.uploader import uploader
from gan_core.util.errors import InputError


def page(pages: Mapping[str, StreamlitPage]) -> None:
    """The page, top to bottom. pages: all pages, by path."""
    page_intro.header("Lessons", "lessons")
    columns = st.columns(len(lessons.SHIPPED))
    for column, name in zip(columns, lessons.SHIPPED, strict=True):
        with column, st.container(border=True, height="stretch", key=f"lesson-card-{name}"):
            card(pages, name)
    own(pages, lesson_panel.draft())
    open_file()


def card(pages: Mapping[str, StreamlitPage], name: str) -> None:
    """A shipped lesson, and how to begin it."""
    lesson, place = lessons.find(name), lesson_bar.place_of(name)
    st.subheader(lesson.title, anchor=False)
    st.caption(" → ".join(step.title for step in lesson.steps))
    with st.container(horizontal=True, gap="small"):
        label = f"Resume at step {place + 1}" if place else "Begin"
        if st.button(label, key=f"begin-{name}", type="primary"):
            lesson_bar.go(pages, name, place)
        if st.button("For a projector", key=f"large-{name}", icon=":material/slideshow:"):
            lesson_bar.go(pages, name, place, large=True)
        st.button("Copy to edit", key=f"copy-{name}", on_click=store, args=(lesson,))


def own(pages: Mapping[str, StreamlitPage], lesson: Lesson) -> None:
    """The lesson that is being made."""
    st.subheader("Your lesson", anchor=False)
    if not lesson.steps:
        st.caption(
            "On any page, press “Add this view to a lesson” below the tray. The steps then appear "
            "here, where you can add notes, reorder the steps and save the lesson."
        )
        return
    st.text_input("Title of the lesson", **session.fill("lesson-title", lesson.title, retitle))
    for place in range(len(lesson.steps)):
        step(lesson, place)
    give(pages, lesson)


def step(lesson: Lesson, place: int) -> None:
    """One step: its title and notes, and buttons to move and remove it."""
    one, last = lesson.steps[place], len(lesson.steps) - 1
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.text_input(
                f"Title of step {place + 1}",
                **session.fill(f"lesson-title-{place}", one.title, edit, place),
            )
            for label, icon, by, off in (
                ("Earlier", "arrow_upward", -1, place == 0),
                ("Later", "arrow_downward", 1, place == last),
            ):
                st.button(
                    label,
                    key=f"lesson-{label}-{place}",
                    icon=f":material/{icon}:",
                    disabled=off,
                    on_click=move,
                    args=(place, by),
                )
            st.button(
                "Remove",
                key=f"lesson-remove-{place}",
                icon=":material/close:",
                on_click=remove,
                args=(place,),
            )
        st.text_area(
            "Notes, in Markdown",
            height=100,
            max_chars=lessons.MAX_NOTES,
            **session.fill(f"lesson-notes-{place}", one.notes, edit, place),
        )
        st.caption(f"`{stranger_text.clean(one.link).replace('`', '')}`")


def give(pages: Mapping[str, StreamlitPage], lesson: Lesson) -> None:
    """The lesson to be shown, as a file and as a link."""
    try:
        name, why = lessons.pack(lesson), ""
    except InputError as error:
        name, why = "", str(error)
    with st.container(horizontal=True, gap="small"):
        if st.button("Begin", key="begin-own", type="primary", disabled=not name):
            lesson_bar.go(pages, name, 0)
        if st.button(
            "For a projector", key="large-own", icon=":material/slideshow:", disabled=not name
        ):
            lesson_bar.go(pages, name, 0, large=True)
        st.download_button(
            "Save lesson",
            lessons.to_json(lesson),
            "lesson.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        if "draft_before" in st.session_state:
            st.button("Undo", key="lesson-undo", icon=":material/undo:", on_click=undo)
    st.caption(browser_memory.of_lesson())
    if why:
        st.info(stranger_text.sentence(why))
        return
    with st.expander("Link for students"):
        path, params = lesson_bar.address(pages, name, 0)
        st.code(f"{root()}/{path}?{urllib.parse.urlencode(params)}", language=None)


def root() -> str:
    """The address of the app as this visitor sees it, without a slash at its end."""
    return (st.context.url or "").rstrip("/").removesuffix("/lessons")


def open_file() -> None:
    """A lesson from a file."""
    st.subheader("Open a lesson", anchor=False)
    upload = uploader("A lesson’s file", "lesson", type="json", key="lesson-upload")
    if upload is None:
        return
    try:
        lesson = lessons.from_json(upload.getvalue())
    except InputError as error:
        st.error(stranger_text.sentence(error))
        return
    st.caption(f"{stranger_text.plain(lesson.title)} · {len(lesson.steps)} steps")
    stamp = hashlib.blake2b(upload.getvalue(), digest_size=8).hexdigest()
    st.button("Open", key=f"open-lesson-{stamp}", on_click=store, args=(lesson,))


# Callbacks.


def store(lesson: Lesson) -> None:
    """Make this the lesson that is edited; the one before comes back with "Undo"."""
    st.session_state.draft_before = lesson_panel.draft()
    lesson_panel.change(lesson)


def undo() -> None:
    """Swap with the lesson before the last change."""
    store(st.session_state.draft_before)


def retitle() -> None:
    draft = lesson_panel.draft()
    title = lessons.one_line(session.value_of("lesson-title")) or draft.title
    store(Lesson(title, draft.steps))


def edit(place: int) -> None:
    title, notes = (session.value_of(f"lesson-{what}-{place}") for what in ("title", "notes"))
    store(lessons.edit(lesson_panel.draft(), place, title, notes))


def move(place: int, by: int) -> None:
    store(lessons.move(lesson_panel.draft(), place, by))


def remove(place: int) -> None:
    store(lessons.remove(lesson_panel.draft(), place))
