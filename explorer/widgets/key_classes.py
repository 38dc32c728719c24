"""The class of each keyframe of a path, for a conditional model."""

import numpy as np
import streamlit as st

from explorer.services import stranger_text
from explorer.state import session, url_parts
from explorer.widgets import class_fields
from explorer.widgets.class_picker import in_words
from gan_core import latent
from gan_core.checkpoint import Model
from gan_core.latent_space import classes

FINE = 64  # steps of a segment in which a path is searched for classes


def choose(model: Model, keyframes: np.ndarray) -> np.ndarray:
    """A menu for each keyframe, float32 (m, nz); returns the latents with the classes set.

    Nothing is drawn for a model without classes.
    """
    count = len(keyframes)
    names = [f"Keyframe {i + 1}" for i in range(count)]
    return class_fields.of_each(model, keyframes, chosen(count), names, "key-class", take)


def take(i: int, group: str, option: str | None) -> None:
    """Set the class of a group of keyframe i, None for its own; for callbacks."""
    wanted = chosen(url_parts.MAX_KEYS)
    wanted[i] = url_parts.with_class(wanted[i], group, option)
    session.set_view(key_classes=url_parts.write_class_list(wanted))


def chosen(count: int) -> list[dict[str, str]]:
    """The classes that are set in the first `count` keyframes, {} for none."""
    linked = url_parts.read_class_list(session.view().key_classes)
    return [*linked, *({} for _ in range(count))][:count]


def say_border(model: Model, keyframes: np.ndarray, mode: str, closed: bool) -> None:
    """A sentence on what is seen where a path goes from one class to another; else nothing.

    keyframes: float32 (m, nz), with their classes set. mode: "slerp" or "lerp".
    """
    groups = classes.groups_of(model)
    if not groups:
        return
    ends = classes.chosen(model, keyframes)
    segments = len(keyframes) - (0 if closed else 1)
    path = latent.path(keyframes, segments * FINE + (0 if closed else 1), mode, closed)
    between = classes.passed(ends, classes.chosen(model, path), FINE)
    if (ends == ends[0]).all() and not between:
        return
    words = (
        "At the border between two classes, the picture turns from one into the other within a "
        "short stretch of the path, where it shows a blend of both."
    )
    if between:
        on_the_way = ", ".join(in_words(groups[g], groups[g].options[o]) for g, o in between)
        words += (
            f" On its way this path also passes through {stranger_text.plain(on_the_way)}; with "
            "the class set in both keyframes it goes straight from one to the other."
        )
    st.caption(words)
