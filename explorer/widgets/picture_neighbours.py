"""A picture and its nearest training images in every space."""

import hashlib
from collections.abc import Mapping

import numpy as np
import streamlit as st

from explorer.services import nearest, references, stranger_text, trust
from explorer.state import session
from explorer.widgets import (
    alt_text,
    answer,
    copy_evidence,
    copy_sentences,
    distance_space,
    neighbour_tiles,
    pictures_side_by_side,
    training_image_facts,
)
from explorer.widgets.class_search import SameClass
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.metrics import copy_answer
from gan_core.metrics.copy_answer import SampleEvidence


def show(
    model: Model,
    data: TrainingSet,
    words: str,
    image: np.ndarray,
    noun: str,
    same: SameClass | None = None,
) -> None:
    """Show whether a picture is a copy, and its nearest training images in every space.

    same: the images of its class where only those are searched. Whether the picture is a copy is
    judged by all training images all the same.
    """
    view = session.view()
    top, place = st.empty(), st.container()
    with top:
        answer.show_waiting()
    said: dict[str, tuple[SampleEvidence, list[str]]] = {}
    refused, pending = "", False
    closest_index = 0
    number = len(data.images) if same is None else len(same.rows)
    of_class = "" if same is None else f" of its class, {stranger_text.plain(same.words)}"
    st.subheader(f"Nearest of {number:,} training images{of_class}", anchor=False)
    # The fastest space comes first, so that it is visible while the others are prepared.
    for space in nearest.spaces(model, data, view.space):
        st.markdown(
            f"**In {distance_space.SPACE_NAMES[space]}**"
            + (" · compared above" * (space == view.space))
        )
        try:
            if not nearest.ready(space, model, data):
                pending = True
                continue  # a bar shows the progress
        except trust.Refused as error:
            st.caption(str(error))
            continue
        rows = None if same is None else same.rows
        matches = nearest.find(model, data, image, space, view.k, rows)
        near = nearest.take(data, matches)
        key = f"{model.hash}-{hashlib.sha256(image.tobytes()).hexdigest()[:16]}-{space}"
        key += "-class" * (same is not None)
        chosen = neighbour_tiles.chosen(key, matches)
        if space == view.space:
            with place:
                pictures_side_by_side.show(
                    (image, near[chosen]),
                    (words, "Training image"),
                    view,
                    alts=(
                        alt_text.of_picture(model, words, image),
                        training_image_facts.alt(data, int(matches.indices[chosen])),
                    ),
                )
                training_image_facts.show_with_distance(data, matches, chosen, space)
        labels = [stranger_text.clean(data.files[i]) for i in matches.indices]
        current = chosen if space == view.space else None
        neighbour_tiles.show(
            *(f"neighbour-tiles-{space}", key, near, matches, current, "Neighbour"),
            *(labels, space, view),
        )
        if same is not None:
            matches = nearest.find(model, data, image, space, 1)
        if space == "pixels":
            closest_index = int(matches.indices[0])
        try:
            evidence = copy_evidence.gather(model, data, matches, space, noun)
        except trust.Refused as error:
            refused = f"The distances of real images have not been measured. {error}"
            continue
        if evidence is None:
            pending = True
        else:
            said[space] = evidence
    if not (said or refused):
        return  # the bars show how far the measurement is
    with top.container():
        show_answer(model, data, image, noun, said, closest_index, refused, pending)


def show_answer(
    model: Model,
    data: TrainingSet,
    image: np.ndarray,
    noun: str,
    said: Mapping[str, tuple[SampleEvidence, list[str]]],
    index: int,
    refused: str = "",
    pending: bool = False,
) -> None:
    """Show the answer with its evidence.

    said: what each space says, {space: (SampleEvidence, sentences)}. index: of the nearest training
    image in pixels. refused: why nothing could be measured, in a sentence. pending: whether other
    comparisons are still being made, which the answer then says.
    """
    if not said:
        answer.show("none", refused)
        return
    realism = None
    if noun != "picture":
        known, realism = copy_evidence.realism_percentile(model, data, image)
        pending = pending or not known
    spaces = {space: evidence for space, (evidence, _) in said.items()}
    result = copy_answer.of_sample(spaces, realism)

    def why() -> None:
        for space, (_, lines) in said.items():
            st.markdown(f"**In {distance_space.SPACE_NAMES[space]}**")
            st.markdown("\n".join(f"- {line}" for line in lines))
        if realism is not None:
            st.markdown(
                "**Realism**\n"
                f"- **{distance_space.percent_text(realism)}** of held-out images look less"
                f" realistic than this {noun} does."
            )
        copy_evidence.show_caution(data)

    alike = references.equal_percent(data)
    sentence = copy_sentences.of_sample(result, spaces, noun, realism, index, alike)
    sentence += " :grey[Other comparisons are still being made.]" if pending else ""
    answer.show(copy_sentences.kind(result), sentence, why)
