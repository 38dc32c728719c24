"""Memorisation: thousands of samples, compared with a guilty and an innocent control."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.services import (
    background,
    stranger_text,
    training_data,
)
from explorer.state import fragments, session
from explorer.widgets import (
    charts,
    distance_space,
    memorisation_charts,
    memorisation_controls,
    memorisation_measuring,
    memorisation_pairs,
    model_answer,
    model_picker,
    near_duplicates,
    suspicious_samples,
)
from explorer.widgets.memorisation_controls import Case
from gan_core.metrics import memorisation_file
from gan_core.util.errors import InputError


def page(
    card_page: StreamlitPage | None = None, neighbours_page: StreamlitPage | None = None
) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Memorisation", "memorisation", card_page)
    try:
        data, missing = training_data.training_images(model), ""
    except InputError as error:
        data, missing = None, str(error)
    result = memorisation_file.load_report(model, space=session.view().space)
    key, measured = ("report", model.hash), st.session_state.get("measured", {})
    with st.container():  # so that what is below keeps its place
        if result is None or background.under_way(key) or key in measured:
            memorisation_measuring.show_offer(model, data, missing, key)
    if result is None:
        return
    model_answer.show(model)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        distance_space.control()
        with st.popover("View", icon=":material/tune:"):
            st.toggle("Smooth scaling", **session.widget("smooth", closed=True))
            if data is not None:
                memorisation_measuring.show_again(key)
    show(
        name,
        Case(f"Samples of {name}", charts.SAMPLES, result, model, data),
        missing,
        neighbours_page,
    )
    if data is not None and (message := training_data.not_the_same_bytes(model, data)):
        st.caption(stranger_text.sentence(message))


@fragments.panel("report")
def show(name: str, case: Case, missing: str, neighbours_page: StreamlitPage | None) -> None:
    """Show the report for one space, beside the controls."""
    space = session.view().space
    if case.space(space) is None:
        words = case.result["missing"].get(space) or memorisation_controls.how_to_measure(
            case, space
        )
        st.info(stranger_text.sentence(words))
        return
    result = case.result
    st.caption(
        f"{result['n']:,} samples, seeds {result['seed']:,} to"
        f" {result['seed'] + result['n'] - 1:,} at ψ = {result['psi']:g} · {result['n_training']:,}"
        f" training images · {result['n_held_out']:,} held-out images"
        f"{memorisation_controls.excluded_text(result)} · weights"
        f" {stranger_text.plain(result['model'])}"
    )
    if missing:
        st.info(stranger_text.sentence(missing))
    known = [case, *memorisation_controls.load(case)]
    cases = [each for each in known if each.space(space) is not None]
    columns = st.columns(3, gap="large")
    for column, each in zip(columns, cases, strict=False):
        with column:
            memorisation_pairs.show_distances(each, space)
    st.caption(
        "How far each picture lies from its nearest training image; a training image, from the "
        "nearest other one. A generator that copies lies far to the left of the held-out images. "
        "Below each chart: the pictures that lie unusually close to a training image for their "
        "part of the training set, each above that image. Where training images look alike, as "
        "drawings do, new pictures look like them too, so compare with the pairs of the innocent "
        "control before you call a pair a copy."
    )
    if words := memorisation_controls.inconclusive_text(cases, space):
        st.info(words)
    if len(cases) < 3 and (words := memorisation_controls.missing_text(known, space)):
        st.caption(words)
        # st.code has a button for copying.
        for command in memorisation_controls.missing_commands(known, space):
            st.code(command, language=None)
    memorisation_charts.show_measures(cases, space)
    suspicious_samples.show(name, case, space, neighbours_page)
    near_duplicates.show(case)
    # With a key it stays open when a sample above is enlarged.
    with st.expander("What this can and cannot show", key="caveats"):
        st.markdown("\n".join(f"- {stranger_text.sentence(each)}" for each in result["caveats"]))
