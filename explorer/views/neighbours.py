"""Neighbours: did the GAN invent this picture, or memorise it from its training set?"""

import hashlib
from collections.abc import Callable

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.services import nearest, renderer, stranger_text, training_data
from explorer.state import exemplars, fragments, latent_spaces, session, url_parts, url_state
from explorer.widgets import (
    class_search,
    distance_space,
    missing_images,
    model_picker,
    neighbours_link,
    path_neighbours,
    picture_neighbours,
    sample_neighbours,
)
from explorer.widgets.keyframes import MODES, choose_keyframes
from explorer.widgets.tray_popover import tray_popover
from explorer.widgets.uploader import most, uploader
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.latent import MAX_SEED
from gan_core.util.errors import InputError

QUERY_KINDS = {
    "sample": "Sample",
    "path": "Path",
    "training": "Training image",
    "upload": "Your picture",
}

Draw = Callable[[TrainingSet], None]  # draws the comparison with these training images


def page(card_page: StreamlitPage | None = None, report_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Neighbours", "neighbours", card_page)
    st.segmented_control(
        "Neighbours of",
        QUERY_KINDS,
        format_func=lambda kind: QUERY_KINDS[kind],
        label_visibility="collapsed",
        **session.widget("ask", QUERY_KINDS),
    )
    try:
        data, missing = training_data.training_images(model), ""
    except InputError as error:
        data, missing = None, str(error)
    view = session.view()
    draw = CONTROLS[view.ask](name, model, data)
    if data is None:
        missing_images.show(name, missing)
    elif draw is not None:
        compare(name, model, data, draw)
        if message := training_data.not_the_same_bytes(model, data):
            st.caption(stranger_text.sentence(message))
    if report_page is not None and data is not None:
        st.page_link(
            report_page,
            label="Memorisation: thousands of samples at once",
            icon=":material/monitoring:",
        )


# The controls for each kind of query. Each returns a function that draws the comparison, or None
# while there is no picture.


def choose_sample(name: str, model: Model, data: TrainingSet | None) -> Draw:
    """Controls for a seed or a picture of the tray."""
    with st.container(key="controls", horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.number_input(
            "Seed",
            0,
            MAX_SEED,
            step=1,
            width=150,
            help="The sample whose nearest training images are shown.",
            **session.widget("of", on_change=take_seed),
        )
        st.button("Random seed", icon=":material/casino:", on_click=random_seed)
        label = "Pictures on the tray to find the neighbours of"
        tray_popover(name, model, "of-tiles", lambda i: take_item(i, model), label)
        space_and_view(many=True)
    words, z = chosen_picture(model)
    same = class_search.choose(model, data, z[0]) if data is not None else None
    return lambda data: picture_neighbours.show(
        model, data, words, renderer.pictures(model, z)[0], "sample", same
    )


def take_seed(name: str) -> None:
    session.set_view(picture="")
    session.take(name)


def random_seed() -> None:
    session.set_view(picture="", of=int(np.random.default_rng().integers(1_000_000)))


def take_item(item_id: str, model: Model) -> None:
    item = latent_spaces.find(item_id, model)
    if item is not None:
        neighbours_link.about(item)


def chosen_picture(model: Model) -> tuple[str, np.ndarray]:
    """(title, float32 (1, nz)) of the picture from another page, or else of the seed."""
    view = session.view()
    seed, psi = url_parts.read_exemplars(view.picture)[0] if view.picture else (view.of, None)
    stored = exemplars.find(seed) if isinstance(seed, str) else None
    z = None if stored is None else latent_spaces.latent_in(model, stored.z, stored.model_hash)
    if stored is not None and z is not None:
        return stored.title, z[None]
    if isinstance(seed, str):
        st.info(
            f"That picture was made by another model, so seed {view.of} is shown instead."
            if stored
            else "That picture has no seed, so it cannot be part of a link; choose it from the"
            f" tray, or save the tray to a file next time. Seed {view.of} is shown instead."
        )
        seed = view.of
    words = f"Seed {seed}" + ("" if psi in (None, 1.0) else f", ψ = {psi:g}")
    return words, renderer.latents(model, [seed], exemplars.whole(psi))


def choose_path(name: str, model: Model, data: TrainingSet | None) -> Draw | None:
    """Controls for the path of the page Interpolate."""
    keyframes = choose_keyframes(name, model)
    if session.view().mode == "both":
        session.set_view(mode="slerp")
    modes = {mode: MODES[mode] for mode in ("slerp", "lerp")}
    with st.container(key="controls", horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Interpolation",
            modes,
            format_func=lambda mode: modes[mode],
            **session.widget("mode", modes),
        )
        st.toggle("Closed path", **session.widget("closed"))
        space_and_view(steps=True)
    if keyframes is None:
        return None
    return lambda data: path_neighbours.show(name, model, data, keyframes)


def choose_training_image(name: str, model: Model, data: TrainingSet | None) -> Draw:
    """Controls for a training image, whose nearest samples are shown."""
    count = len(data.images) if data is not None else 1
    if session.view().image >= count > 1:
        session.set_view(image=count - 1)
    with st.container(key="controls", horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.number_input(
            "Training image",
            0,
            max(count - 1, 1),
            step=1,
            width=150,
            help=f"Its number, from 0 to {count - 1}. The page shows the nearest of"
            f" {nearest.SAMPLES:,} samples.",
            disabled=data is None,
            **session.widget("image", limits=count),
        )
        st.button(
            "Random image",
            icon=":material/casino:",
            disabled=data is None,
            on_click=lambda: session.set_view(image=int(np.random.default_rng().integers(count))),
        )
        space_and_view(many=True)
    return lambda data: sample_neighbours.show(
        name, model, data, min(session.view().image, count - 1)
    )


def choose_upload(name: str, model: Model, data: TrainingSet | None) -> Draw | None:
    """Controls for an uploaded picture, which outlives a change of page or model."""
    if data is None:
        return None
    with st.container(key="controls", horizontal=True, vertical_alignment="bottom", gap="medium"):
        space_and_view(many=True)
    new = uploader(
        f"Your own picture: PNG, JPEG or WebP, up to {most('picture')} MB; it stays in memory"
        " and is never saved",
        "picture",
        key="picture-upload",
    )
    if new is not None:
        st.session_state.upload = (new.name, new.getvalue())
    if "upload" not in st.session_state:
        return None
    words, content = st.session_state.upload
    try:
        image = decoded(hashlib.sha256(content).hexdigest(), model.hash, content, model, data)
    except InputError as error:
        # The name is needed: the field may show an error about another file at the same time.
        raise InputError(f"{words}: {error}") from None
    st.caption(
        f"The centre square, resized to {model.size} × {model.size} pixels like the training"
        " images."
    )
    return lambda data: picture_neighbours.show(model, data, words, image, "picture")


@st.cache_data(max_entries=16, show_spinner=False)
def decoded(
    digest: str, weights: str, _content: bytes, _model: Model, _data: TrainingSet
) -> np.ndarray:
    return training_data.read_picture(_content, _model, _data)


CONTROLS = {
    "sample": choose_sample,
    "path": choose_path,
    "training": choose_training_image,
    "upload": choose_upload,
}


def space_and_view(steps: bool = False, many: bool = False) -> None:
    """The space, the number of neighbours, and rarely changed settings."""
    distance_space.control()
    if many:
        st.segmented_control(
            "Number of neighbours",
            url_state.NEIGHBOURS,
            **session.widget("k", url_state.NEIGHBOURS),
        )
    with st.popover("View", icon=":material/tune:"):
        if steps:
            st.segmented_control(
                "Frames per segment",
                url_state.STEPS,
                **session.widget("step", url_state.STEPS, closed=True),
            )
        st.toggle("Smooth scaling", **session.widget("smooth", closed=True))


@fragments.panel("neighbours")
def compare(name: str, model: Model, data: TrainingSet, draw: Draw) -> None:
    """The comparison."""
    draw(data)
