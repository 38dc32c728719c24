"""The neighbours of a picture as tiles; the chosen one is enlarged."""

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import renderer
from explorer.services.nearest import Neighbours
from explorer.state import fragments, session
from explorer.state.url_state import View
from explorer.widgets import distance_space


def chosen(key: str, matches: Neighbours) -> int:
    """The place of the neighbour that is enlarged."""
    place = st.session_state.get("neighbour", {}).get(key, 0)
    return min(place, len(matches.indices) - 1)


def choose(key: str, place: int, space: str) -> None:
    """Enlarge a neighbour; for callbacks."""
    st.session_state.neighbour = {key: place}
    if space != session.view().space:
        session.set_view(space=space)
        fragments.redraw()  # the control for the space is outside the panel


def show(
    name: str,
    key: str,
    near: np.ndarray,
    matches: Neighbours,
    chosen: int | None,
    noun: str,
    labels: list[str],
    space: str,
    view: View,
) -> None:
    """Show the neighbours as tiles; a click shows one beside the picture."""
    distances = [distance_space.distance_text(each, space) for each in matches.distances]
    tiles(
        name,
        renderer.sheet(near),
        [
            {
                "id": str(place),
                "label": f"{noun} {place + 1}, {distance}, {label}"
                + (", mirrored" if flip else ""),
                "caption": distance + (" ⇋" if flip else ""),
                "current": place == chosen,
            }
            for place, (distance, label, flip) in enumerate(
                zip(distances, labels, matches.mirrored, strict=True)
            )
        ],
        lambda place: choose(key, int(place), space),
        label=("Nearest samples" if noun == "Sample" else "Nearest training images")
        + f" in {distance_space.SPACE_NAMES[space]}",
        width=108,
        smooth=view.smooth,
    )
