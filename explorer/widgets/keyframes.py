"""The keyframes of a path: typed seeds, or pictures of the tray."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from explorer.services import renderer, stranger_text
from explorer.state import latent_spaces, session, url_parts
from explorer.state.url_state import View
from explorer.widgets import key_classes
from explorer.widgets.distinct_names import distinct
from gan_core.checkpoint import Model

MODES = {"slerp": "Slerp", "lerp": "Lerp", "both": "Both"}
SOURCES = {"seeds": "Seeds", "tray": "Tray"}
FIELD = "choose-keyframes"


def choose_keyframes(name: str, model: Model) -> np.ndarray | None:
    """The controls for keyframes. Returns float32 (m, nz), or None if there are too few."""
    row = st.container(horizontal=True, vertical_alignment="top")
    row.segmented_control(
        "Keyframes from",
        SOURCES,
        format_func=lambda source: SOURCES[source],
        **session.widget("source", SOURCES, on_change=choose_source),
    )
    with row.container(width="stretch"):
        if session.view().source == "tray":
            keyframes = keyframes_from_tray(name, model)
        else:
            keyframes = keyframes_from_seeds(model)
    # Below both: beside the choice of a source, a phone has room for one menu in a line only.
    return None if keyframes is None else key_classes.choose(model, keyframes)


def choose_source(name: str) -> None:
    """Take a person's choice, which also holds when the page is opened again."""
    session.take(name)
    session.set_view(key_classes="")  # which were those of other latents
    st.session_state.source_chosen = True


def keyframes_from_seeds(model: Model) -> np.ndarray | None:
    """Two to eight typed seeds."""
    st.text_input(
        "Seeds",
        help="Two to eight seeds, separated by commas; 15@0.7 is seed 15 at ψ = 0.7.",
        max_chars=200,
        **session.widget("keys"),
    )
    view = session.view()
    try:
        keys = url_parts.read_keys(view.keys)
    except ValueError:
        st.warning("Type two to eight seeds separated by commas, such as 3, 14, 15@0.7.")
        return None
    return renderer.latents_of_keys(model, keys, view.psi)


def keyframes_from_tray(name: str, model: Model) -> np.ndarray | None:
    """Two to eight pictures of this model on the tray."""
    items = session.picked().items
    mine = {item.id: item for item in latent_spaces.mine(name, model)}
    if len(mine) < url_parts.MIN_KEYS:
        st.info(
            f"Put at least two pictures of {stranger_text.plain(name)} on the tray by clicking "
            "them on the page Browse, or use seeds."
        )
        return None
    chosen = chosen_before(name, list(mine))
    names = distinct({item_id: item.name for item_id, item in mine.items()})
    st.multiselect(
        "Pictures, in the order of the path",
        list(mine),
        format_func=lambda i: names.get(i, ""),
        max_selections=url_parts.MAX_KEYS,
        **session.fill(
            FIELD,
            chosen,
            lambda: choose(name, list(mine), session.value_of(FIELD)),
            limits=tuple(names.values()),
        ),
    )
    if len(mine) < len(items):
        st.caption(
            f"Pictures of models other than {stranger_text.plain(name)} stay on the tray but "
            "cannot be keyframes."
            if len(mine) == len(session.picked().of_model(name, model.prior.size))
            else "Pictures of the latent space w have no latent in z; choose w in View to use them."
        )
    session.note_picks(chosen if chosen != list(mine)[: url_parts.MAX_KEYS] else ())
    if len(chosen) < url_parts.MIN_KEYS:
        st.warning("Choose at least two pictures.")
        return None
    return np.stack([mine[i].z for i in chosen])


def chosen_before(name: str, mine: list[str]) -> list[str]:
    """The ids chosen as keyframes, followed by pictures that have been added to the tray since.

    They are stored apart from the widget, which forgets them when another page is opened.
    """
    by_model = st.session_state.setdefault("keyframes", {})
    if name in by_model:
        known, chosen = by_model[name]
        chosen = [i for i in chosen if i in mine] + [i for i in mine if i not in known]
    else:
        chosen = [i for i in session.picks() if i in mine] or mine
    choose(name, mine, chosen[: url_parts.MAX_KEYS], touched=False)
    return by_model[name][1]


def choose(name: str, mine: list[str], chosen: Sequence[str], touched: bool = True) -> None:
    """Remember which of the current pictures are keyframes."""
    st.session_state.keyframes[name] = (mine, list(chosen))
    if touched:
        session.set_view()


def frame_count(segments: int, view: View) -> int:
    """The number of frames, such that every keyframe is one of them."""
    return segments * view.step + (0 if view.closed else 1)
