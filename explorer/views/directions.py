"""Directions: what a step in the latent space changes, with a slider for each direction."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components import browser_rendering
from explorer.components.canvas import axis, canvas
from explorer.components.motions import Sum
from explorer.services import attribute_labels, direction_store, renderer, stranger_text
from explorer.services.direction_store import Known
from explorer.state import direction_state, fragments, session, tray, url_parts
from explorer.state.direction_state import Row
from explorer.widgets import (
    add_to_tray,
    alt_text,
    direction_effects,
    direction_saving,
    model_picker,
    space_choice,
    start_from_tray,
    truncation,
)
from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.checkpoint import Model
from gan_core.latent import MAX_SEED
from gan_core.latent_space.directions import Direction

# How far a slider goes, in units of the latent.
REACH = {"normal": 4.0, "uniform": 2.5, "intermediate": 4.0}


def page(card_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Directions", "directions", card_page)
    classifier = attribute_labels.classifier_of(model)
    known = direction_store.of(model, classifier)
    if known is None:
        st.caption(
            "The directions of these weights are computed once from a few thousand samples and "
            "cached. `python -m gan_core directions` saves them in the checkpoint."
        )
        return
    if known.problem:
        st.warning(stranger_text.sentence(known.problem))
    bar(name, model, known)
    picture(name, model, classifier, known)
    if not known.normals:
        words = (
            "This model has no attribute classifier, so its directions have no names. `python "
            f"-m gan_core attributes {model.directory}` trains one if the training set has "
            "attributes."
        )
        st.info(stranger_text.sentence(words))
    direction_effects.panel(model, classifier, known, REACH[model.prior.kind])


def bar(name: str, model: Model, known: Known) -> None:
    """Controls for the start, the sliders and the locked attributes."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        choose_start(name, model)
        with st.popover("Directions", icon=":material/tune:"):
            choose_directions(known)
        if known.normals:
            choose_locked(known)
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            help="Reset all sliders to 0.",
            on_click=direction_state.reset,
            args=(known,),
        )
        with st.popover("View", icon=":material/visibility:"):
            space_choice.control(model)
            truncation.slider(model)
            st.toggle(
                "Keep |z|",
                **session.widget("level", closed=True),
                help=(
                    "Rescale the latent to its original length, the one that the generator was "
                    "trained for."
                ),
            )
            browser_rendering.options()


def choose_start(name: str, model: Model) -> None:
    """Controls for the latent that the directions are added to: a seed or a picture of the tray."""
    st.number_input(
        "Start",
        0,
        MAX_SEED,
        step=1,
        width=150,
        help="The seed of the picture that the directions are added to.",
        **session.widget("start", on_change=take_start),
    )
    st.button(
        "Random",
        icon=":material/casino:",
        help="Start from a random seed.",
        on_click=random_start,
    )
    start_from_tray.popover(name, model)


def take_start(name: str) -> None:
    start = session.value_of(f"set-{name}")
    if start is not None:
        session.set_view(start=start, coords="", frozen="")


def random_start() -> None:
    start = int(np.random.default_rng().integers(1_000_000))
    session.set_view(start=start, coords="", frozen="")


def choose_directions(known: Known) -> None:
    """A choice of the directions with a slider, grouped by kind."""
    groups: dict[str, list[Direction]] = {title: [] for title in direction_state.GROUPS.values()}
    for direction in known.by_name.values():
        groups[direction_state.GROUPS[direction.kind]].append(direction)
    on = direction_state.weights(known)
    for i, (title, members) in enumerate(groups.items()):
        if members:
            names = [d.name for d in members]
            pills(
                f"along-{i}",
                title,
                names,
                [n for n in names if n in on],
                lambda n: direction_state.short(known.by_name[n]),
                lambda key, names: direction_state.take(names, session.value_of(key), known),
            )


def choose_locked(known: Known) -> None:
    """A choice of the attributes that every slider should leave alone."""
    locked = direction_state.locked(known)
    with st.popover(
        f"Lock ({len(locked)})" if locked else "Lock",
        icon=":material/lock:" if locked else ":material/lock_open:",
    ):
        pills(
            "set-locked",
            "Attributes to leave alone",
            list(known.normals),
            locked,
            readable_name,
            lambda *_: direction_state.take_locked(),
        )
        for group, members in direction_state.half_locked(known).items():
            st.button(
                f"Lock all of {stranger_text.plain(group)}",
                key=f"lock-{group}",
                icon=":material/lock:",
                help="A change in one of them shows in the others, so lock them together.",
                on_click=direction_state.lock,
                args=(members, known),
            )
        st.caption(
            "Every slider is made orthogonal to their normals (Shen et al. 2020). The locked "
            "attributes’ own sliders still change them."
        )


def pills(
    key: str,
    title: str,
    names: Sequence[str],
    on: Collection[str],
    label: Callable[[str], str],
    take: Callable[..., object],
) -> None:
    """A group of names to switch on and off, in a popover."""
    current = st.session_state.get(session.key_of(key))
    value = current if current is not None and set(current) == set(on) else on
    st.pills(
        title,
        names,
        selection_mode="multi",
        format_func=lambda name: stranger_text.plain(label(name)),
        **session.fill(key, value, take, key, names, closed=True),
    )


@fragments.panel("canvas")
def picture(name: str, model: Model, classifier: Classifier | None, known: Known) -> None:
    """The picture, a slider for every direction, and buttons to save the result."""
    view = session.view()
    home = renderer.latents(model, [view.start], view.psi)[0]
    coords = {i: v for i, v in url_parts.read_coordinates(view.coords).items() if i < len(home)}
    home[list(coords)] = list(coords.values())
    rows, cancelled = direction_state.chosen(known)
    z, images = canvas(
        "directions-canvas",
        model,
        [motion(home, rows, view.level)],
        axes(model, rows),
        [weight for *_, weight in rows],
        lambda values, _: moved_to(values, known),
        label=f"Picture of {name}, seed {view.start} with {len(rows)} directions",
        shows=alt_text.of_canvas(model),
        layout="beside",
        smooth=view.smooth,
        browser=browser_rendering.addresses(model),
    )
    with st.container():  # so that the popovers below keep their place
        notes(name, known, coords, cancelled)
        if view.level and not home.any():
            st.caption("The starting latent has length 0, so Keep |z| has no effect.")
    with st.container(horizontal=True, vertical_alignment="center"):
        readout(name, model, rows, coords, z[0], images[0])
        direction_saving.form(model, classifier, known, rows)
        direction_saving.loading(model, classifier, known)


def motion(home: np.ndarray, rows: Sequence[Row], level: bool) -> Sum:
    """The start plus steps along all directions. level: rescaled to the length of the start."""
    vectors = np.stack([vector for _, vector, _ in rows]) if rows else np.empty((0, len(home)))
    length = float(np.linalg.norm(home))  # if 0, nothing can be rescaled to it
    return Sum(home, vectors, length if level and length else None)


def axes(model: Model, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A slider for each direction, under the name of its group."""
    reach = REACH[model.prior.kind]
    return [
        axis(
            direction_state.label(direction),
            min(-reach, np.floor(weight)),
            max(reach, np.ceil(weight)),
            0.05,
            group=direction_state.GROUPS[direction.kind],
            ticks=[0],
        )
        for direction, _, weight in rows
    ]


def moved_to(values: Sequence[float], known: Known) -> None:
    """After a drag: put the sliders' values into the view."""
    rows, _ = direction_state.chosen(known)
    moved = {d.name: round(value, 4) for (d, _, _), value in zip(rows, values, strict=True)}
    direction_state.set_weights(direction_state.weights(known) | moved)


def notes(
    name: str, known: Known, coords: Mapping[int, float], cancelled: Sequence[Direction]
) -> None:
    """Notes on the start and the sliders, one line each."""
    locked, unknown = direction_state.locked(known), direction_state.unknown(known)
    lines: dict[str, Iterable[str]] = {
        f"Unknown to {name} and ignored: {{}}.": unknown,
        "The locked attributes leave nothing of {}; unlock one to use it.": map(
            direction_state.label, cancelled
        ),
        "Locked: {}. Small movements of other sliders leave these attributes unchanged.": map(
            readable_name, locked
        ),
    }
    for sentence, names in lines.items():
        listed = ", ".join(names)
        if listed:
            st.caption(stranger_text.plain(sentence.format(listed)))
    if coords:
        many = "1 coordinate" if len(coords) == 1 else f"{len(coords)} coordinates"
        st.caption(f"The starting latent has {many} changed, from the tray or from Latents.")


def readout(
    name: str,
    model: Model,
    rows: Sequence[Row],
    coords: Mapping[int, float],
    z: np.ndarray,
    image: np.ndarray,
) -> None:
    """Facts about the picture, and a button that puts it on the tray."""
    view = session.view()
    moved = [f", {direction_state.label(d)} {weight:+.2g}" for d, _, weight in rows if weight]
    words = [renderer.length(model.space, z)]
    score = renderer.scores(model, image[None])
    if score is not None:
        words.append(f"D(x) {score[0]:.3f}")
    title = tray.clean(f"Seed {view.start}{''.join(moved)}")
    seed = None if moved or coords else view.start
    item = tray.Item(title, name, model.hash, seed, view.psi, z, space=model.space)
    st.caption(" · ".join(words), width="content")
    add_to_tray.button(item, "add-along")
