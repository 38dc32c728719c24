"""Latents: a slider for every coordinate of z, or a pad between four samples."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components import browser_rendering
from explorer.components.canvas import axis, canvas
from explorer.components.motions import Coordinates, Pad
from explorer.components.strips import PAD
from explorer.services import renderer
from explorer.state import fragments, session, tray, url_parts
from explorer.widgets import (
    add_to_tray,
    alt_text,
    class_picker,
    compare_with,
    corner_classes,
    every_class,
    model_picker,
    neighbours_link,
    space_choice,
    start_from_tray,
    truncation,
)
from gan_core.attributes import coordinate_names
from gan_core.checkpoint import Model
from gan_core.latent import MAX_SEED

WAYS = {"sliders": "Sliders", "pad": "Pad"}
MODES = {"slerp": "Slerp", "lerp": "Lerp"}
# How far a slider goes, in units of the latent.
REACH = {"normal": 3.0, "uniform": 1.0, "intermediate": 3.0}


def page(card_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Latents", "latents", card_page)
    start_from_tray.corners(name, model)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Move by",
            WAYS,
            format_func=lambda way: WAYS[way],
            **session.widget("way", WAYS),
            help=(
                "Sliders: one for each coordinate of z. Pad: a plane between four samples. On a "
                "slider, an arrow key moves one step, or ten with Shift; F freezes the slider, "
                "Delete resets it."
            ),
        )
        corners = None
        if session.view().way == "pad":
            corners = choose_corners(model)
        else:
            choose_start(name, model)
        options(name, model)
    if corners is not None:
        corners = corner_classes.choose(model, corners)
    other = compare_with.chosen(name, model)
    if session.view().way == "sliders":
        sliders(name, model, other)
        learn_strengths(model)
    elif corners is not None:
        pad(name, model, corners, other)


def options(name: str, model: Model) -> None:
    """Rarely changed settings."""
    with st.popover("View", icon=":material/tune:"):
        space_choice.control(model)
        truncation.slider(model)
        if session.view().way == "pad":
            st.segmented_control(
                "Interpolation",
                MODES,
                format_func=lambda mode: MODES[mode],
                **session.widget("mode", MODES, closed=True),
            )
        browser_rendering.options()
        compare_with.control(name)


# The sliders.


def choose_start(name: str, model: Model) -> None:
    """Controls for the seed that the sliders start from, and for many sliders at once."""
    places = class_picker.places_of(model)
    stays = " A class that you have set stays." if places else ""
    st.number_input(
        "Seed",
        0,
        MAX_SEED,
        step=1,
        width=150,
        help=(
            "The sample that the sliders start from. A new seed resets all coordinates except "
            "frozen ones." + stays
        ),
        **session.widget("start", on_change=partial(restart, places)),
    )
    st.button(
        "Randomise",
        icon=":material/casino:",
        help="Resample all coordinates that are not frozen." + stays,
        on_click=randomise,
        args=(places,),
    )
    st.button(
        "Reset",
        icon=":material/restart_alt:",
        help="Reset all coordinates that are not frozen to those of the seed.",
        on_click=keep_frozen,
    )
    start_from_tray.popover(name, model)


def restart(places: Sequence[int], name: str) -> None:
    """Take the seed from its field. places: of the class, which stays."""
    start = session.value_of(f"set-{name}")
    if start is not None:
        keep_frozen(places, start=start)


def randomise(places: Sequence[int]) -> None:
    keep_frozen(places, start=int(np.random.default_rng().integers(1_000_000)))


def keep_frozen(places: Sequence[int] = (), **settings: Any) -> None:
    """Change settings and leave behind what was moved, less what is frozen and these places."""
    view = session.view()
    stay = {*split(view.frozen), *places}
    moved = {i: v for i, v in url_parts.read_coordinates(view.coords).items() if i in stay}
    session.set_view(coords=url_parts.write_coordinates(moved), **settings)


@fragments.panel("canvas")
def sliders(name: str, model: Model, other: tuple[str, Model] | None) -> None:
    """The picture, and a slider for every coordinate."""
    view = session.view()
    home = renderer.latents(model, [view.start], view.psi)[0].astype(float)
    moved = {i: v for i, v in url_parts.read_coordinates(view.coords).items() if i < len(home)}
    values = home.copy()
    values[list(moved)] = list(moved.values())
    frozen = [i for i in split(view.frozen) if i < len(home)]
    class_picker.control(model, values)
    z, _ = canvas(
        "latents-canvas",
        compare_with.drawer(model, other),
        [Coordinates()],
        axes(model, values),
        values,
        lambda values, frozen: moved_to(values, home, frozen),
        label=f"Picture of {name}, seed {view.start} with {len(moved)} coordinates moved",
        shows=alt_text.of_canvas(model) if other is None else None,
        layout="list",
        home=home,
        frozen=frozen,
        panes=compare_with.panes(name, other),
        smooth=view.smooth,
        browser=browser_rendering.addresses(model) if other is None else None,
    )
    images = renderer.pictures(model, z)
    words = [f"{len(moved)} of {len(home)} coordinates moved"] if moved else []
    seed = None if moved else view.start
    label = f"Seed {view.start}" + (", moved" if moved else "")
    readout(
        model,
        images[0],
        words,
        tray.Item(label, name, model.hash, seed, view.psi, z[0], space=model.space),
    )
    every_class.show(name, model, values)


def axes(model: Model, values: np.ndarray) -> list[dict[str, Any]]:
    """A slider for each coordinate, with a measure of how much it changes the picture."""
    effects = renderer.effects(model, wait=False)
    names = coordinate_names.names_of(model)
    reach, letter = REACH[model.prior.kind], model.space
    return [
        axis(
            f"{letter}{i} {names[i]}" if i < len(names) else f"{letter}{i}",
            min(-reach, np.floor(value)),
            max(reach, np.ceil(value)),
            **({} if effects is None else strength(effects[i], effects.max())),
        )
        for i, value in enumerate(values)
    ]


def strength(effect: float, largest: float) -> dict[str, Any]:
    """How much a slider changes the picture, in the form that the browser needs."""
    share = float(effect / largest) if largest > 0 else 0.0
    words = f"A step of 1 changes the picture by {effect:.1f} of 256 levels"
    return {"effect": round(share, 3), "effectLabel": words}


def learn_strengths(model: Model) -> None:
    """Measure which sliders change the picture most, after the first picture has been shown."""
    if renderer.effects(model, wait=False) is None:
        with st.spinner("Measuring which coordinates change the picture most …"):
            renderer.effects(model)
        st.rerun()


def moved_to(values: Sequence[float], home: np.ndarray, frozen: Iterable[int]) -> None:
    """After a drag: remember coordinates that differ from the seed, and all frozen ones."""
    frozen = list(frozen)
    moved = {i: v for i, v in enumerate(values) if v != home[i] or i in frozen}
    session.set_view(coords=url_parts.write_coordinates(moved), frozen=",".join(map(str, frozen)))


def split(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


# The pad.


def choose_corners(model: Model) -> np.ndarray | None:
    """A field for four seeds. Returns float32 (4, nz), or None unless there are four."""
    st.text_input(
        "Corners",
        width=260,
        max_chars=120,
        help="Four seeds: upper left, upper right, lower left, lower right. 15@0.7 is seed 15 at"
        " ψ = 0.7.",
        **session.widget("corners"),
    )
    view = session.view()
    try:
        corners = url_parts.read_corners(view.corners)
    except ValueError:
        st.warning("Type four seeds separated by commas, such as 3, 14, 15, 92.")
        return None
    return renderer.latents_of_keys(model, corners, view.psi)


@fragments.panel("canvas")
def pad(name: str, model: Model, corners: np.ndarray, other: tuple[str, Model] | None) -> None:
    """The picture, and the pad."""
    view = session.view()
    z, _ = canvas(
        "pad-canvas",
        compare_with.drawer(model, other),
        [Pad(corners, view.mode)],
        [axis("Across", 0, 1), axis("Down", 0, 1)],
        [view.x, view.y],
        lambda values, _: session.set_view(x=round(values[0], 2), y=round(values[1], 2)),
        label=f"Picture of {name}, {view.x:.0%} across and {view.y:.0%} down between the corners",
        shows=alt_text.of_canvas(model) if other is None else None,
        layout=PAD,
        map_by=model,
        panes=compare_with.panes(name, other),
        smooth=view.smooth,
        browser=browser_rendering.addresses(model) if other is None else None,
    )
    images = renderer.pictures(model, z)
    words = [f"Across {view.x:.2f}", f"down {view.y:.2f}"]
    label = f"Pad {view.x:.2f}, {view.y:.2f}"
    readout(
        model,
        images[0],
        words,
        tray.Item(label, name, model.hash, None, view.psi, z[0], space=model.space),
    )


# Below the sliders and the pad.


def readout(model: Model, image: np.ndarray, words: Sequence[str], item: tray.Item) -> None:
    """Facts about the picture, and buttons for the tray and the page Neighbours."""
    score = renderer.scores(model, image[None])
    words = [*words, renderer.length(item.space, item.z)]
    if score is not None:
        words.append(f"D(x) {score[0]:.3f}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(" · ".join(words), width="content")
        add_to_tray.button(item, "add-moved")
        neighbours_link.button(item, "ask-moved")
