"""The evidence for and against a picture being a copy of a training image, in sentences."""

import numpy as np
import streamlit as st

from explorer.services import nearest, references, renderer, seed_tables
from explorer.services.nearest import Neighbours
from explorer.widgets import distance_space, memorisation_controls
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.metrics import copy_answer, memorisation_stats
from gan_core.metrics.copy_answer import SampleEvidence
from gan_core.util.errors import InputError

# What is said about a space in which the controls cannot be distinguished, or were not measured.
UNCALIBRATED = {
    False: "In this space a generator that copies looks like one that does not, so the space does "
    "not count towards the answer.",
    None: "The controls of the page Memorisation were not measured in this space for this model.",
}


def gather(
    model: Model, data: TrainingSet, matches: Neighbours, space: str, noun: str
) -> tuple[SampleEvidence, list[str]] | None:
    """What one space says about a picture: for the answer, and in sentences.

    Returns None while the distances of real images are being measured. Raises trust.Refused where
    this visitor may not start that.
    """
    if not references.compared(space, model, data):
        return None
    distance = float(matches.distances[0])
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
    duplicates: list[str] = []
    if len(own.distances):
        duplicates = duplicate_texts(model, data, int(matches.indices[0]))
        lines += [authenticity_text(distance, own, space), *duplicates]
    apart = memorisation_controls.told_apart(model, space)
    if apart is not True:
        lines.append(UNCALIBRATED[apart])
    held_out = references.real_distances(space, model, data)["held-out"]
    evidence = SampleEvidence(
        distance,
        float(percentiles["held-out"][0]) if "held-out" in percentiles else None,
        len(held_out),
        bool(distance > own.distances[0]) if len(own.distances) else None,
        bool(duplicates),
        apart,
    )
    return evidence, lines


def realism_percentile(
    model: Model, data: TrainingSet, image: np.ndarray
) -> tuple[bool, float | None]:
    """(whether it is known by now, the percentage of held-out images that look less realistic than
    a picture). The percentage is None where it is unknown.

    image: uint8 (H, W, C).
    """
    reference = seed_tables.reference_of(model)
    if reference is None:
        return True, None
    try:
        if not references.realism_known(reference, data):
            return False, None
        known = references.real_realism(reference, data)
        if len(known) < copy_answer.LEAST_HELD_OUT:
            return True, None
        own = renderer.realism(reference, image[None])
    except InputError:  # the network is not installed, or this visitor may not start it
        return True, None
    return True, float(memorisation_stats.percentiles(own, known)[0])


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
