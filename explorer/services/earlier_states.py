"""Earlier states of a model's run, which the checkpoint keeps to look back at."""

import re
from pathlib import Path

import streamlit as st

from explorer.services import model_registry
from explorer.services.model_registry import Entry
from gan_core.checkpoint import Model
from gan_core.training import earlier

LINK = re.compile(r"(.+)@([0-9]{1,7}(?:\.[0-9]{1,3})?)")  # NAME@KIMG


def names(entry: Entry) -> list[str]:
    """The earlier states of a model as links name them, NAME@KIMG, the first one first."""
    return [
        f"{entry.name}@{position / 1000:.10g}" for position in earlier.positions(entry.directory)
    ]


def in_words(name: str) -> str:
    """ "photos@40" -> "photos at 40 kimg"; any other name stays as it is."""
    parts = LINK.fullmatch(name)
    return f"{parts[1]} at {float(parts[2]):,.10g} kimg" if parts else name


def load(name: str) -> Model | None:
    """The model that NAME@KIMG stands for; None where the name is of another form or of no model.

    Raises InputError when the state is missing or damaged.
    """
    parts = LINK.fullmatch(name)
    entry = model_registry.entries().get(parts[1]) if parts else None
    if parts is None or entry is None:
        return None
    return _load(str(entry.directory), entry.stamp, round(1000 * float(parts[2])))


@st.cache_resource(max_entries=6, show_spinner=False)
def _load(directory: str, stamp: int, position: int) -> Model:
    # The stamp is part of the key: a model that is trained again has other states.
    return earlier.load(Path(directory), position)
