"""The choice on Neighbours to search only training images of the sample's class."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer.services import stranger_text
from explorer.state import session
from explorer.widgets.class_picker import in_words
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.latent_space import classes

WAYS = {False: "All training images", True: "Images of the same class"}


@dataclass(frozen=True)
class SameClass:
    """The training images of one class: int64 (m,) rows, at least one; and the class in words."""

    rows: np.ndarray
    words: str


def choose(model: Model, data: TrainingSet, z: np.ndarray) -> SameClass | None:
    """The control, and the images that are searched: None for all of them.

    z: float32 (nz,), the latent of the sample; its class is the one that the generator draws. There
    is no control for a model without classes or images without a column of them.
    """
    rows = classes.images_of_class(model, data, z)
    if rows is None:
        return None
    st.segmented_control(
        "Search",
        list(WAYS),
        format_func=lambda way: WAYS[way],
        help="The class of a sample is the one that was set in its latent. Whether the sample is a "
        "copy is always judged by all training images.",
        **session.widget("same_class", WAYS),
    )
    if not session.view().same_class:
        return None
    groups = classes.groups_of(model)
    options = classes.chosen(model, z[None])[0]
    words = ", ".join(in_words(g, g.options[i]) for g, i in zip(groups, options, strict=True))
    if not len(rows):
        st.info(
            f"No training image has the class of this sample, {stranger_text.plain(words)}, so "
            "all training images are searched."
        )
        return None
    return SameClass(rows, words)
