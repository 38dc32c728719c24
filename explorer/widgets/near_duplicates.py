"""Near-duplicates among the training images of a memorisation report."""

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import (
    renderer,
)
from explorer.state import session
from explorer.widgets import pictures_side_by_side
from explorer.widgets.memorisation_controls import Case
from gan_core.metrics import memorisation_spaces

TWINS = 24  # near-duplicate pairs shown


def choose(key: str, place: int) -> None:
    """Enlarge a pair, or stop enlarging it; for callbacks."""
    before = st.session_state.get("twins-shown", {}).get(key)
    st.session_state["twins-shown"] = {} if before == place else {key: place}


def show(case: Case) -> None:
    """Show near-duplicates in the training set, which distort all other measures."""
    summary = case.result["spaces"].get("pixels", {}).get("near_duplicates")
    if not summary:
        return
    st.subheader(f"Near-duplicates in the training set: {summary['count']:,} pairs", anchor=False)
    searched = min(case.result["n_training"], memorisation_spaces.LEAVE_ONE_OUT)
    st.caption(
        f"Pairs among {searched:,} training images that are at most {summary['limit']:g} levels of"
        " 256 apart. Duplicates are memorised first, and next to a duplicate even a copy counts as"
        " authentic, so the more near-duplicates there are, the less a high AuthPct means."
    )
    pairs = summary["pairs"][:TWINS]
    if not pairs or case.data is None:
        return
    key = case.model.hash
    shown = st.session_state.get("twins-shown", {}).get(key)
    if shown is not None and shown < len(pairs):
        two = [np.asarray(case.data.images[number]) for number in pairs[shown][:2]]
        pictures_side_by_side.show(
            two,
            [f"Training image {number}" for number in pairs[shown][:2]],
            session.view(),
            "beside-twins",
        )
    first, second = (np.stack([case.data.images[pair[i]] for pair in pairs]) for i in (0, 1))
    tiles(
        "twins",
        renderer.pairs(first, second),
        [
            {
                "id": str(place),
                "label": f"Training images {i} and {j}, {distance:.1f} levels apart",
                "caption": f"{distance:.1f}",
                "current": place == shown,
            }
            for place, (i, j, distance) in enumerate(pairs)
        ],
        lambda place: choose(key, int(place)),
        label="Near-duplicates among the training images; click a pair to enlarge it",
        width=60,
        smooth=session.view().smooth,
    )
