"""Train: start a run on your own pictures, watch it, stop it and resume it."""

from collections.abc import Iterable
from functools import partial
from typing import Literal

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.services import (
    page_rerun,
    run_launcher,
    run_list,
    run_processes,
    shown_paths,
    stranger_text,
    trust,
    uploads,
)
from explorer.services.run_list import Run
from explorer.state import fragments, session
from explorer.widgets import page_intro, trash_list
from explorer.widgets.run_buttons import added, head
from explorer.widgets.run_curves import curves, grids, numbers
from explorer.widgets.run_facts import facts, progress_words, show_command
from explorer.widgets.train_form import new_run

EVERY = 2.0  # seconds between updates while a run is in progress
MANY = 6  # runs that are listed; older ones are folded away
COLOURS: dict[str, Literal["blue", "green", "grey", "red"]] = {
    "running": "blue",
    "finished": "green",
    "stopped": "grey",
    "failed": "red",
}
# Parts that are redrawn all the time should not fade each time.
STEADY = "<style>.stMain [data-stale=true] { opacity: 1 !important; }</style>"


def page(browse_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    runs = run_list.entries()
    may = trust.allowed(training=True)
    st.html(STEADY)
    row = page_intro.header("Train", "train")
    if runs:
        row.toggle("New run", key="new-run", disabled=not may, persist_state="session")
    if not may:
        st.info(trust.reason(training=True))
    if not runs or (may and st.session_state.get("new-run")):
        fragments.guarded(new_run)
    if not runs:
        if not may:
            st.caption("There is no run yet.")
        trash_list.show(run_launcher.removed(), run_launcher.put_back, may)
        return
    live = any(run.running for run in runs.values())
    watch = partial(fragments.guarded, partial(watched, browse_page))
    st.fragment(watch, run_every=EVERY if live else None, key="train")()
    trash_list.show(run_launcher.removed(), run_launcher.put_back, may)


def watched(browse_page: StreamlitPage | None) -> None:
    """All runs in a list, and one of them in full; redrawn while a run is in progress."""
    run_processes.reap()
    runs = run_list.entries()
    states = {name: run.state for name, run in runs.items()}
    before = st.session_state.get("run_states")
    changed = before is not None and before != states
    if not (changed and page_rerun.held()):
        st.session_state.run_states = states
    if changed:
        page_rerun.request()  # updates the menus elsewhere, and how often this part is redrawn
    if not runs:
        return
    for each in runs.values():
        uploads.tidy(each)
    chosen = session.view().run
    if chosen and chosen not in runs:
        st.info(f"There is no run called {stranger_text.plain(chosen)}; another one is shown.")
    run = runs.get(chosen) or next(iter(runs.values()))
    listed = list(runs.values())
    rows(listed[:MANY], run)
    if listed[MANY:]:
        with st.expander(f"{len(listed) - MANY} older runs", expanded=run in listed[MANY:]):
            rows(listed[MANY:], run)
    st.space("xsmall")
    detail(run, browse_page)
    session.follow()
    session.show_messages()


def rows(listed: Iterable[Run], chosen: Run) -> None:
    with st.container(gap="small"):
        for run in listed:
            row(run, run is chosen)


def row(run: Run, chosen: bool) -> None:
    """One run in a line."""
    # Smaller gaps within a row than between rows, because on a phone a row takes two lines.
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.button(
            stranger_text.plain(run.name),
            key=f"run-{run.name}",
            width=150,
            type="primary" if chosen else "secondary",
            on_click=session.set_view,
            kwargs={"run": run.name},
        )
        st.badge(run.state, color=COLOURS[run.state])
        st.caption(" · ".join(facts(run)), width="stretch")


def detail(run: Run, browse_page: StreamlitPage | None) -> None:
    """One run in full."""
    head(run, browse_page)
    if run.reason:
        st.error(stranger_text.sentence(run.reason))
    if run.running or run.total:
        share = min(run.shown / run.total, 1.0) if run.total else 0.0
        st.progress(share, progress_words(run))
    numbers(run)
    for note in uploads.notes(run):
        st.caption(stranger_text.sentence(note))
    added(run)
    if run.running or run.lines or run_list.grids(run):
        left, right = st.columns([5, 6], gap="large")
        with left:
            grids(run)
        with right:
            curves(run)
    # With keys both stay open when something appears above them while a run goes on.
    if run.arguments:
        with st.expander("The command", key="run-command"):
            show_command(run.arguments)
            st.caption("The same command resumes from the last snapshot.")
    output = run_list.output_lines(run.directory)
    if output:
        with st.expander("Output", key="run-output"):
            lines = map(shown_paths.shown, output)
            st.code("\n".join(lines), language=None, wrap_lines=True)
