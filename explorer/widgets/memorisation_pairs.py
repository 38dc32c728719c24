"""Pictures of samples in a memorisation report and their nearest training images."""

import numpy as np
import streamlit as st

from explorer.services import (
    renderer,
    stranger_text,
)
from explorer.state import session
from explorer.widgets import memorisation_charts
from explorer.widgets.memorisation_controls import Case

SHOWN = 6  # most suspicious pairs under each histogram


def distinct(rows: list[dict]) -> list[dict]:
    """The first row for each nearest training image, so that one copied often appears once."""
    first: dict[int, dict] = {}
    for row in rows:
        first.setdefault(row["neighbours"][0]["index"], row)
    return list(first.values())


def show_distances(case: Case, space: str) -> None:
    """Show the three distributions of one report and its most suspicious pairs."""
    st.markdown(f"**{stranger_text.plain(case.title)}**")
    result = case.space(space)
    if result is None:
        return
    words = "as samples" if case.result["control"] else "samples"
    memorisation_charts.show_histogram(result, case.colour, words)
    # Older reports have no examples.
    rows = result.get("examples") or distinct(result["suspicious"])[:SHOWN]
    pairs = pictures(case, rows)
    if pairs is None:
        return
    # An image rather than tiles, because a click does nothing here.
    st.image(
        renderer.strip(np.concatenate(pairs, axis=1), session.view().smooth),
        width="stretch",
        alt=alt(case, rows),
    )
    numbers = "".join(f"<i>{short_distance_text(row['distance'], space)}</i>" for row in rows)
    st.html(f'<div class="pair-numbers">{numbers}</div>')


def alt(case: Case, rows: list[dict]) -> str:
    """The alternative text of the pictures of pairs."""
    above = "Held-out images" if case.result["control"] else "Samples of seeds"
    numbers = ", ".join(str(row["id"]) for row in rows)
    below = ", ".join(str(row["neighbours"][0]["index"]) for row in rows)
    return f"{above} {numbers} above their nearest training images {below}"


def short_distance_text(distance: float, space: str) -> str:
    """A distance without its unit."""
    return f"{distance:.1f}" if space == "pixels" else f"{distance:.3f}"


def pictures(case: Case, rows: list[dict]) -> tuple[np.ndarray, np.ndarray] | None:
    """The pictures of suspicious rows and their nearest training images.

    Two arrays uint8 (N, H, W, C); None when the images are not available.
    """
    if case.data is None or not rows:
        return None
    if case.result["control"]:
        above = np.stack([np.asarray(case.data.held_out[row["id"]]) for row in rows])
    else:
        z = renderer.latents(case.model, [row["id"] for row in rows], case.result["psi"])
        above = renderer.pictures(case.model, z)
    nearest = [row["neighbours"][0] for row in rows]
    below = [np.asarray(case.data.images[n["index"]]) for n in nearest]
    below = [b[:, ::-1] if n["mirrored"] else b for b, n in zip(below, nearest, strict=True)]
    return above, np.stack(below)
