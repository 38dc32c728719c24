"""Facts about one training image: number, file and attributes."""

import numpy as np
import streamlit as st

from explorer.services import stranger_text
from explorer.services.nearest import Neighbours
from explorer.widgets import distance_space
from gan_core.attributes.classifier import readable_name
from gan_core.data.training_set import TrainingSet


def show_with_distance(data: TrainingSet, matches: Neighbours, place: int, space: str) -> None:
    """Number, file, distance and attributes of one of the neighbours."""
    index = int(matches.indices[place])
    words = [
        f"Number {index}",
        stranger_text.plain(data.files[index]),
        distance_space.apart_text(matches.distances[place], space),
    ]
    if matches.mirrored[place]:
        words.append("mirrored")
    st.caption(" · ".join(words))
    show_attributes(data, index)


def show(data: TrainingSet, index: int) -> None:
    """Number, file and attributes of a training image."""
    st.caption(f"Number {index} · {stranger_text.plain(data.files[index])}")
    show_attributes(data, index)


def show_attributes(data: TrainingSet, index: int) -> None:
    """The attributes of a training image, if it has any."""
    shows = attributes(data, index)
    if shows:
        st.caption(stranger_text.plain(" · ".join(shows)))


def alt(data: TrainingSet, index: int) -> str:
    """The alternative text of a training image: its number and its attributes."""
    words = f"Training image {index}"
    return ": ".join([words, *([", ".join(shown)] if (shown := attributes(data, index)) else [])])


def attributes(data: TrainingSet, index: int) -> list[str]:
    """The attributes of a training image, in words."""
    shows: list[str] = []
    for label, values in data.attributes.items():
        value = str(values[index])
        # Yes and no; empty cells, which mean unknown, make such a column one of text.
        if values.dtype.kind != "U" or set(np.unique(values)) <= {"", "0", "1"}:
            shows += [label] if value not in ("", "0") else []
        elif value:
            shows.append(f"{label}: {value}")
    return [readable_name(str(one)) for one in shows]
