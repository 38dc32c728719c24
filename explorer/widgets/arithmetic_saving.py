"""Saving a sum: on the tray, as a direction of the model, as a sheet and as an arithmetic file."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from explorer.services import attribute_labels, direction_store, stranger_text, trust
from explorer.state import arithmetic_file, baskets, fragments, session, tray
from explorer.widgets import add_to_tray, arithmetic_formula, neighbours_link
from explorer.widgets.arithmetic_formula import Letters
from gan_core.checkpoint import Model
from gan_core.latent_space import directions
from gan_core.util.errors import InputError


def buttons(
    name: str,
    model: Model,
    letters: Letters,
    locked: Sequence[str],
    way: np.ndarray,
    z: np.ndarray,
    figure: Callable[[], bytes],
) -> None:
    """Buttons for the tray, a direction, the sheet and the arithmetic file."""
    title = arithmetic_formula.formula(letters, session.view().strength, locked)
    with st.container(horizontal=True, gap="small"):
        for place, words in enumerate(("as summed", "rescaled")):
            item = tray.Item(
                f"{title}, {words}", name, model.hash, None, 1.0, z[place], space=model.space
            )
            st.button(
                f"Tray, {words}",
                key=f"add-sum-{place}",
                icon=":material/add:",
                help="Put this result on the tray.",
                on_click=add_to_tray.add,
                args=(tray.copy(item),),
            )
        neighbours_link.button(item, "ask-sum")  # of the rescaled result
        with st.popover("Save direction", icon=":material/explore:"):
            direction_form(model, arithmetic_formula.difference(letters, locked), way, locked)
        st.download_button(
            "Sheet, PNG",
            figure,
            f"{name}-arithmetic.png",
            "image/png",
            icon=":material/image:",
            on_click="ignore",
        )
        st.download_button(
            "Arithmetic file, JSON",
            arithmetic_file.write(name, model, session.view(), baskets.weights(), z),
            f"{name}-arithmetic.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )


def direction_form(model: Model, difference: str, way: np.ndarray, locked: Sequence[str]) -> None:
    """A name for the difference, and the button that saves it in the checkpoint."""
    words = f"{difference}, scaled to length 1, will be saved in the checkpoint of {model.name}."
    st.caption(stranger_text.sentence(words))
    st.text_input("Name", key="direction-name", max_chars=60, placeholder="such as smile")
    st.button(
        "Save",
        key="direction-save",
        on_click=save_direction,
        args=(model, difference, way, locked),
        disabled=not trust.allowed(),
    )
    if why := trust.reason():
        st.caption(why)


def save_direction(model: Model, difference: str, way: np.ndarray, locked: Sequence[str]) -> None:
    """Save the difference as a direction of the model, with its measured effects.

    difference: in words. locked: the attributes that it leaves alone.
    """
    title = tray.clean(st.session_state.get("direction-name") or "")
    try:
        trust.check()
        if not title:
            raise InputError("Type a name for the direction.")
        vector, kind = directions.unit(way), "conditional" if locked else "own"
        about: dict[str, Any] = {
            "made": f"arithmetic, {difference}",
            "length": float(np.linalg.norm(way)),
        }
        about |= {"locked": locked, "baskets": baskets.contents()}
        classifier = attribute_labels.classifier_of(model)
        if classifier is not None:
            about |= directions.describe(model, classifier, [vector], 128)[0]
        direction_store.add(model, directions.Direction(title, vector, kind, about))
    except (InputError, OSError) as error:
        session.warn(str(error))
    else:
        session.say(f"{title} has been saved in the checkpoint of {model.name}.")
        st.session_state["direction-name"] = ""
    fragments.redraw()
