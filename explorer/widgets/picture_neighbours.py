"""A picture and its nearest training images in every space."""

import hashlib

import numpy as np
import streamlit as st

from explorer.services import nearest, stranger_text, trust
from explorer.state import session
from explorer.widgets import (
    copy_evidence,
    distance_space,
    neighbour_tiles,
    pictures_side_by_side,
    training_image_facts,
)
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet


def show(model: Model, data: TrainingSet, words: str, image: np.ndarray, noun: str) -> None:
    """Show a picture's nearest training images in every space, one of them beside the picture."""
    view = session.view()
    place = st.container()
    st.subheader(f"Nearest of {len(data.images):,} training images", anchor=False)
    # The fastest space comes first, so that it is visible while the others are prepared.
    for space in nearest.spaces(model, data, view.space):
        st.markdown(
            f"**In {distance_space.SPACE_NAMES[space]}**"
            + (" · compared above" * (space == view.space))
        )
        try:
            if not nearest.ready(space, model, data):
                continue  # a bar shows the progress
        except trust.Refused as error:
            st.caption(str(error))
            continue
        matches = nearest.find(model, data, image, space, view.k)
        near = nearest.take(data, matches)
        key = f"{model.hash}-{hashlib.sha256(image.tobytes()).hexdigest()[:16]}-{space}"
        chosen = neighbour_tiles.chosen(key, matches)
        if space == view.space:
            with place:
                pictures_side_by_side.show((image, near[chosen]), (words, "Training image"), view)
                training_image_facts.show_with_distance(data, matches, chosen, space)
        labels = [stranger_text.clean(data.files[i]) for i in matches.indices]
        current = chosen if space == view.space else None
        neighbour_tiles.show(
            *(f"neighbour-tiles-{space}", key, near, matches, current, "Neighbour"),
            *(labels, space, view),
        )
        copy_evidence.show_evidence(model, data, matches, space, noun)
    copy_evidence.show_caution(data)
