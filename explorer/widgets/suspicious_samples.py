"""The most suspicious samples of a memorisation report, one of them enlarged."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components.tiles import tiles
from explorer.services import (
    renderer,
    stranger_text,
)
from explorer.state import session
from explorer.widgets import (
    add_to_tray,
    distance_space,
    memorisation_pairs,
    neighbours_link,
    pictures_side_by_side,
)
from explorer.widgets.memorisation_controls import Case


def show(name: str, case: Case, space: str, neighbours_page: StreamlitPage | None) -> None:
    """Show the samples that are closest relative to the local density, above their neighbours."""
    result = case.space(space)
    if result is None:
        return
    rows = result["suspicious"]
    st.subheader(f"The {len(rows)} most suspicious samples", anchor=False)
    st.caption(
        "Each sample above its nearest training image; click one to enlarge it. The number compares"
        " their distance with the distance from that training image to its own nearest neighbour:"
        " × 0.5 means half as far. Values below × 1 are common for unseen images too where the"
        " training set holds images that look alike; a copy is close to × 0."
    )
    pairs = memorisation_pairs.pictures(case, rows)
    if pairs is None:
        z = renderer.latents(case.model, [row["id"] for row in rows], case.result["psi"])
        sheet = renderer.sheet(renderer.pictures(case.model, z))
    else:
        sheet = renderer.pairs(*pairs)
    key = f"{case.model.hash}-{space}"
    chosen = st.session_state.get("suspect", {}).get(key)
    if chosen is not None and chosen < len(rows):
        show_large(
            name, case, rows[chosen], pairs and [p[chosen] for p in pairs], space, neighbours_page
        )
    tiles(
        "suspects",
        sheet,
        [
            {
                "id": str(place),
                "label": f"Seed {row['id']}, {distance_space.distance_text(row['distance'], space)}"
                f" from training image {row['neighbours'][0]['index']}",
                "caption": ratio_text(row),
                "current": place == chosen,
            }
            for place, row in enumerate(rows)
        ],
        lambda place: choose(key, int(place)),
        label="Most suspicious samples above their nearest training images",
        width=60,
        smooth=session.view().smooth,
    )


def ratio_text(row: dict) -> str:
    """The ratio by which a row is ranked."""
    # Older reports give no ratio for a training image that has a duplicate.
    return "duplicate" if row["ratio"] is None else f"× {row['ratio']:.2f}"


def choose(key: str, place: int) -> None:
    """Enlarge a sample, or stop enlarging it; for callbacks."""
    before = st.session_state.get("suspect", {}).get(key)
    st.session_state.suspect = {} if before == place else {key: place}


def show_large(
    name: str,
    case: Case,
    row: dict,
    pair: Sequence[np.ndarray] | None,
    space: str,
    neighbours_page: StreamlitPage | None,
) -> None:
    """Show one sample enlarged, with its numbers and buttons."""
    seed, nearest = row["id"], row["neighbours"][0]
    if pair:
        captions = (f"Seed {seed}", f"Training image {nearest['index']}")
        pictures_side_by_side.show(pair, captions, session.view())
    words = [
        distance_space.distance_text(row["distance"], space),
        *(
            [f"{ratio_text(row)} that image’s own nearest distance"]
            if row["ratio"] is not None
            else []
        ),
        *(["that image has a duplicate in the training set"] if row.get("duplicated") else []),
        *(
            f"{distance_space.percent_text(p).lower()} of {kind} images are closer"
            for kind, p in row["percentiles"].items()
        ),
        "authentic" if row["authentic"] else "not authentic",
        stranger_text.plain(nearest["file"]),
    ]
    st.caption(" · ".join(words))
    with st.container(horizontal=True):
        st.button(
            "Add to tray",
            icon=":material/add:",
            key="suspect-add",
            on_click=add_to_tray.add_seed,
            args=(name, case.model, seed, case.result["psi"]),
        )
        if neighbours_page is not None:
            opened = st.button("All its neighbours", icon=":material/search:", key="suspect-open")
            if opened:
                neighbours_link.about(session.item(name, case.model, seed, case.result["psi"]))
                st.switch_page(neighbours_page)
