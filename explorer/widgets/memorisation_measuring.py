"""The buttons that measure memorisation, and their progress."""

import streamlit as st

from explorer.services import (
    background,
    memorisation_reports,
    stranger_text,
    trust,
)
from explorer.state import session
from explorer.widgets import memorisation_controls
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.metrics import memorisation_file
from gan_core.util.errors import InputError

COUNTS = (1_000, 10_000)  # numbers of samples that a button measures


def show_offer(model: Model, data: TrainingSet | None, missing: str, key: tuple) -> None:
    """Offer to measure a model in the background, then show the progress."""
    if data is None:
        words = f"There is no memorisation report for {model.name} yet. {missing}"
        st.info(stranger_text.sentence(words))
        return
    if key not in st.session_state.setdefault("measured", {}) and not background.under_way(key):
        directory = memorisation_controls.path_text(model.directory)
        words = (
            f"There is no memorisation report for these weights of {model.name} yet. Measure them"
            f" here, in the background, or run `python -m gan_core memorisation {directory}`."
        )
        st.info(stranger_text.sentence(words))
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            buttons(key)
        return
    n = st.session_state.measured.get(key, COUNTS[-1])
    try:
        ready = background.done(
            key, lambda tell: memorisation_reports.measure(model, data, n, tell), long=True
        )
    except InputError:
        st.session_state.measured.pop(key, None)
        raise
    if ready:  # the report may have been removed since
        background.forget(key)
        st.session_state.measured.pop(key, None)
        if memorisation_file.load_report(model) is not None:
            st.rerun()
    else:
        st.caption("You and others can go on using the app meanwhile.")


def show_again(key: tuple) -> None:
    """Buttons to measure again, for instance with more samples."""
    st.caption("Measure again")
    with st.container(horizontal=True):
        buttons(key)


def buttons(key: tuple) -> None:
    """A button for each number of samples."""
    for n in COUNTS:
        st.button(
            f"Measure {n:,} samples",
            icon=":material/play_arrow:",
            key=f"measure-{n}",
            on_click=measure,
            args=(key, n),
            disabled=not trust.allowed(),
        )
    if why := trust.reason():
        st.caption(why)


def measure(key: tuple, n: int) -> None:
    """Make the next run of the page measure n samples; for callbacks."""
    if why := trust.reason():
        session.warn(why)
        return
    background.forget(key)
    st.session_state.setdefault("measured", {})[key] = n
