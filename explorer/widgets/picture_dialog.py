"""A dialog with one picture of the tray, enlarged, and everything known about it."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from explorer.services import (
    attribute_labels,
    renderer,
    seed_tables,
    stranger_text,
)
from explorer.state import latent_spaces, session, tray
from explorer.state.tray import Item
from explorer.widgets import alt_text, use_picture
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError


def open_later(item_id: str) -> None:
    """Open the dialog in the next run; for callbacks."""
    st.session_state.enlarged = item_id
    st.session_state.pop("enlarged_on", None)
    st.session_state.touched = True


def show(page: str) -> None:
    """The dialog, from `open_later` until it is closed, its picture removed or the page left.

    A run that leaves it out closes it, also one that nobody requested, such as the one at the end
    of a job in the background.
    """
    state = st.session_state
    item = session.picked().find(state.get("enlarged"))
    left = state.setdefault("enlarged_on", page) != page or session.went_back()
    if item is None or left:
        state.pop("enlarged", None)
        return
    title = stranger_text.plain(item.name)
    st.dialog(title, width="large", on_dismiss=closed)(body)(item)


def closed() -> None:
    """Leave the dialog out from now on; for callbacks."""
    st.session_state.pop("enlarged", None)
    st.session_state.touched = True


def body(item: Item) -> None:
    """The contents of the dialog."""
    model = find_model(item)
    if model is None:
        missing = f"The model {item.model} is missing, so this picture cannot be drawn."
        st.error(stranger_text.sentence(missing))
    else:
        image = renderer.pictures(model, item.z[None])[0]
        smooth = session.view().smooth
        large = renderer.large(image, smooth)
        left, right = st.columns([3, 2], gap="medium")
        left.image(
            large,
            width="stretch",
            caption=stranger_text.plain(describe(item)),
            alt=alt_text.of_picture(model, describe(item), image),
        )
        with right:
            facts(item, model, image)
            downloads(item, model, image, smooth)
            if item.model_hash == model.hash:
                use_picture.buttons(item, model)
            remove(item)
        return
    remove(item)


def remove(item: Item) -> None:
    """A button that removes the picture from the tray."""
    if st.button("Remove from tray", icon=":material/delete:"):
        session.change_tray(tray.remove, item.id)
        st.rerun()


def find_model(item: Item) -> Model | None:
    """The Model of an item, in the item's latent space, or None."""
    try:
        return latent_spaces.of_item(item)
    except (KeyError, InputError):
        return None


def check_sizes(items: Sequence[Item]) -> None:
    """Raise InputError for latents that do not fit their model, if that model is available."""
    for item in items:
        model = find_model(item)
        if model is not None and len(item.z) != model.prior.size:
            raise InputError(
                f"“{item.name}” has a latent of {len(item.z)} numbers; those of {item.model} have"
                f" {model.prior.size}."
            )


def describe(item: Item) -> str:
    """The picture's caption."""
    words = origin(item)
    return words if item.name.lower() in words else f"{item.name}, {words}"


def origin(item: Item) -> str:
    """Where the item came from, in words."""
    if item.from_photo:
        return f"{item.model}, from a photo"
    return f"{item.model}, " + ("made on a path" if item.seed is None else f"seed {item.seed}")


def facts(item: Item, model: Model, image: np.ndarray) -> None:
    """Seed, ψ, realism where it is known, D(x) and |z|."""
    score = renderer.scores(model, image[None])
    known = None
    if item.seed is not None and item.model_hash == model.hash:
        known = seed_tables.known_realism(model, [item.seed], item.psi, image[None])
    values = {
        "Seed": "–" if item.seed is None else str(item.seed),
        "ψ": f"{item.psi:g}",
        **({} if known is None or np.isnan(known[0]) else {"Realism": f"{known[0]:.2f}"}),
        **({} if score is None else {"D(x)": f"{score[0]:.3f}"}),
        ("|z|" if item.space == "z" else "|w − mean|"): f"{np.linalg.norm(item.z):.2f}",
    }
    with st.container(horizontal=True, gap="medium"):
        for label, value in values.items():
            st.metric(label, value, width="content")
    if score is None:
        name = stranger_text.plain(item.model)
        st.caption(f"{name} {model.lacks_discriminator}, so there is no D(x).")
    if (seen := attribute_labels.in_words(model, image)) is not None:
        st.caption(f"The attribute classifier sees: {stranger_text.plain(seen)}.")
    if item.model_hash != model.hash:
        st.caption(
            "This picture was added with different weights of this model and looks different now."
        )


def downloads(item: Item, model: Model, image: np.ndarray, smooth: bool) -> None:
    """The picture and its latent as files."""
    side = image.shape[0]
    unseeded = "photo" if item.from_photo else "path"
    stem = f"{item.model}-{unseeded if item.seed is None else item.seed}"
    latent = renderer.latent_json(model, item.z, item.seed, item.psi)
    files: list[tuple[str, str, str, str | bytes]] = [
        (f"PNG, {side} px", f"{stem}.png", "image/png", renderer.png(image)),
        ("PNG, large", f"{stem}-large.png", "image/png", renderer.large(image, smooth)),
        ("Latent, JSON", f"{stem}.json", "application/json", latent),
    ]
    with st.container(horizontal=True):
        for label, name, mime, content in files:
            st.download_button(
                label, content, name, mime, icon=":material/download:", on_click="ignore"
            )
