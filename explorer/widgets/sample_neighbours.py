"""A training image and its nearest samples."""

import numpy as np
import streamlit as st

from explorer.services import nearest, references
from explorer.state import session
from explorer.widgets import (
    add_to_tray,
    alt_text,
    answer,
    copy_sentences,
    distance_space,
    neighbour_tiles,
    pictures_side_by_side,
    training_image_facts,
)
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet


def show(name: str, model: Model, data: TrainingSet, number: int) -> None:
    """Show a training image and its nearest samples."""
    view = session.view()
    if not nearest.ready(view.space, model, data):
        return
    if not nearest.samples_ready(view.space, model):
        return
    samples = nearest.samples_of(model)
    place = st.empty()
    with place:
        answer.show_waiting()
    image = np.asarray(data.images[number])
    matches = nearest.find(model, samples, image, view.space, view.k)
    near = nearest.take(samples, matches)
    key = f"{model.hash}-training-{number}-{view.space}"
    chosen = neighbour_tiles.chosen(key, matches)
    seed = int(matches.indices[chosen])
    pictures_side_by_side.show(
        (image, near[chosen]),
        (f"Training image {number}", f"Seed {seed}"),
        view,
        alts=(
            training_image_facts.alt(data, number),
            alt_text.of_picture(model, f"Seed {seed}", near[chosen]),
        ),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        distance = distance_space.distance_text(matches.distances[chosen], view.space)
        words = [f"Seed {seed}", distance]
        words += ["mirrored"] if matches.mirrored[chosen] else []
        st.caption(" · ".join(words), width="content")
        add_to_tray.button(session.item(name, model, seed, 1.0), "add-sample")
    training_image_facts.show(data, number)
    st.subheader(f"Nearest of {len(samples.images):,} samples", anchor=False)
    labels = [f"seed {i}" for i in matches.indices]
    neighbour_tiles.show(
        "neighbour-tiles", key, near, matches, chosen, "Sample", labels, view.space, view
    )
    if not references.compared(view.space, model, data, samples):
        return
    distance = matches.distances[0]
    percentiles = references.percentiles(model, data, distance, view.space, samples)
    real = references.real_distances(view.space, model, data, samples)

    def why() -> None:
        if "held-out" in percentiles:
            st.markdown(
                f"**{distance_space.percent_text(percentiles['held-out'][0])}** of held-out images"
                " are closer to a sample than this training image is, in"
                f" {distance_space.SPACE_NAMES[view.space]}."
            )
        st.caption(
            "A memorised training image is closer to some sample than held-out images are. Only"
            f" seeds 0 to {len(samples.images) - 1:,} were searched; another seed may give a closer"
            f" sample. {references.left_out(data)}"
        )

    percentile = float(percentiles.get("held-out", [0.0])[0])
    with place:
        answer.show(
            *copy_sentences.of_training_image(percentile, len(real["held-out"])),
            why,
        )
