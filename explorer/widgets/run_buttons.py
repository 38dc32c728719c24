"""Stopping, resuming, extending and deleting a run, and a new one with more pictures."""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.services import (
    run_launcher,
    run_list,
    stranger_text,
    trust,
    uploads,
)
from explorer.services.run_list import Run
from explorer.state import fragments, session
from gan_core.data import training_set
from gan_core.training import from_folder
from gan_core.training.config import OPTIONS
from gan_core.util.errors import InputError


def head(run: Run, browse_page: StreamlitPage | None) -> None:
    """The name and the buttons of a run."""
    may = trust.allowed(training=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(stranger_text.plain(run.name), anchor=False, width="content")
        if run.running:
            stopping = st.session_state.setdefault("stopping", {})
            waiting = stopping.get(run.name) == run.at_start
            st.button(
                "Stopping …" if waiting else "Stop",
                icon=":material/stop:",
                key="stop",
                disabled=waiting or not may,
                on_click=stop,
                args=(run,),
                help="Stops after the current step and saves a snapshot.",
            )
        elif run.arguments and run.state != "finished":
            begun = run_list.has_begun(run)
            st.button(
                "Resume" if begun else "Try again",
                icon=":material/play_arrow:",
                key="resume",
                on_click=resume,
                args=(run,),
                disabled=not may,
                help="Resumes from the last snapshot." if begun else "Runs the same command again.",
            )
        elif run.arguments and run.total:
            with st.popover("Train longer", icon=":material/more_time:"):
                name = "minutes" if run.minutes else "kimg"
                before = run.minutes or run.total
                length = st.number_input(
                    f"Length in {OPTIONS[name].unit}",
                    min_value=before,
                    value=before * 1.5,
                    format="%g",
                    key=f"longer-{run.name}",
                    disabled=not may,
                )
                st.button(
                    "Continue",
                    key="longer",
                    disabled=length <= before or not may,
                    on_click=resume,
                    args=(run,),
                    kwargs={name: length},
                )
        if not run.running:
            st.button(
                "Delete",
                icon=":material/delete:",
                key="remove",
                on_click=remove,
                args=(run,),
                disabled=not may,
                help="Moves the run, with the pictures uploaded for it, into the trash. A model"
                " that it has published stays.",
            )
        model = run_list.model_of(run)
        if model and browse_page is not None:
            st.page_link(
                browse_page,
                label="See the model",
                icon=":material/grid_view:",
                query_params={"model": model},
            )


def stop(run: Run) -> None:
    try:
        run_launcher.stop(run)
        st.session_state.setdefault("stopping", {})[run.name] = run.at_start
    except InputError as error:
        session.warn(str(error))
        fragments.redraw()


def resume(run: Run, kimg: float | None = None, minutes: float | None = None) -> None:
    try:
        run_launcher.resume(run, kimg, minutes)
    except InputError as error:
        session.warn(str(error))
    fragments.redraw()


def remove(run: Run) -> None:
    try:
        run_launcher.remove(run)
        session.set_view(run="")
        session.say(f"{run.name} was deleted. “Recently deleted” below puts it back.")
    except InputError as error:
        session.warn(str(error))
    fragments.redraw()


def added(run: Run) -> None:
    """That pictures were added after a run began, and the way to use them."""
    count = uploads.added(run)
    if not count:
        return
    label = uploads.label_of(uploads.source_of(run) or Path())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            f"{from_folder.new_pictures(count)}, which continues with the pictures "
            "it started with. "
            "A new run uses all.",
            icon=":material/add_photo_alternate:",
            width="stretch",
        )
        st.button(
            "New run with all",
            key="use-new",
            on_click=use_new,
            args=(run, label),
            disabled=label is None or not trust.allowed(training=True),
        )


def use_new(run: Run, label: str) -> None:
    """Fill in the form of a new run with the folder of a run."""
    size = training_set.read_card(run.directory / "training_set")["shape"][1]
    names = (f"{run.name}-{number}" for number in range(2, 1000))
    free = next((name for name in names if not (run_list.folder() / name).exists()), "")
    st.session_state.way = "folder"
    st.session_state.update({"new-run": True, "new-way": "folder", "new-folder": label})
    st.session_state.update({"new-name": free, "new-size": size})
    fragments.redraw()
