"""The evidence for and against a picture being a copy of a training image, in sentences."""

import streamlit as st

from explorer.services import nearest, references, trust
from explorer.services.nearest import Neighbours
from explorer.widgets import distance_space
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet


def show_evidence(
    model: Model, data: TrainingSet, matches: Neighbours, space: str, noun: str
) -> bool:
    """Show what the nearest distance means: several kinds of evidence, none of them conclusive.

    Returns False while the distances of real images are being measured.
    """
    try:
        if not references.compared(space, model, data):
            return False
    except trust.Refused as error:
        st.caption(f"The distances of real images have not been measured. {error}")
        return False
    distance = matches.distances[0]
    percentiles = references.percentiles(model, data, distance, space)
    kinds = {
        "held-out": f"of held-out images are closer to a training image than this {noun} is",
        "training": f"of training images are closer to another one than this {noun} is",
    }
    lines = [
        f"**{distance_space.percent_text(shares[0])}** {kinds[kind]}."
        for kind, shares in percentiles.items()
    ]
    if distance == 0:
        lines.insert(0, exact_copy_text(int(matches.indices[0]), space))
    own = nearest.own_nearest(model, data, int(matches.indices[0]), space)
    if len(own.distances):
        lines += [
            authenticity_text(distance, own, space),
            *duplicate_texts(model, data, int(matches.indices[0])),
        ]
    st.markdown("\n\n".join(lines))
    return True


def show_caution(data: TrainingSet) -> None:
    """Show what these numbers cannot prove."""
    st.caption(
        "A sample unusually close to the training data may be a copy; a larger distance does not"
        " rule one out, since a copy can be shifted or recoloured. A blurred picture is close to"
        " many images. No single number is conclusive. (Compared with at most"
        f" {references.REFERENCES} real images of each kind; authenticity as defined by Alaa et"
        f" al. 2022.) {references.left_out(data)}"
    )


def exact_copy_text(index: int, space: str) -> str:
    """What a distance of 0 means, in a sentence."""
    if space == "pixels":
        return f"**An exact copy** of training image {index}: the distance is 0."
    return (
        f"**Indistinguishable** from training image {index} by these features: the distance is 0,"
        " but the pixels may differ."
    )


def authenticity_text(distance: float, own: Neighbours, space: str) -> str:
    """Whether a picture is authentic, in one sentence.

    A picture is authentic if it is farther from its nearest training image than that image is from
    its own nearest neighbour.
    """
    authentic = distance > own.distances[0]
    return (
        f"**{'Authentic' if authentic else 'Not authentic'}**: the distance to the nearest training"
        f" image is {distance_space.distance_text(distance, space)}; from that image to its own"
        f" nearest neighbour it is {distance_space.distance_text(own.distances[0], space)}."
    )


def duplicate_texts(model: Model, data: TrainingSet, index: int) -> list[str]:
    """A warning if a training image has a near-duplicate, always measured in pixels."""
    own = nearest.own_nearest(model, data, index, "pixels")
    if not len(own.distances) or own.distances[0] > references.NEAR:
        return []
    kind = "an exact duplicate" if own.distances[0] == 0 else "a near-duplicate"
    return [
        f"However, that image has {kind} in the training set, number {int(own.indices[0])}:"
        " duplicates are memorised first, and next to a duplicate even a copy counts as authentic."
    ]
