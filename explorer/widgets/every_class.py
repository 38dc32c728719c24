"""The latent of the page Latents in every class, below its picture."""

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import renderer, stranger_text
from explorer.state import session
from explorer.widgets import class_morph
from explorer.widgets.class_picker import in_words, mirror_note, move, title_of
from gan_core.checkpoint import Model
from gan_core.latent_space import classes

WIDTH = 90  # of a picture, CSS pixels: ten digits in a row
PLACE = 84  # of a picture among those of several groups: two pairs in the width of a phone
SMALLEST = 72


def show(name: str, model: Model, z: np.ndarray) -> None:
    """A latent (nz,) with each option of each group, as pictures that set it; nothing without
    classes.
    """
    groups = classes.groups_of(model)
    if not groups:
        return
    z = z.astype(np.float32)
    now = classes.chosen(model, z[None])[0]
    many = len(groups) > 1
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.subheader("The same latent in every class", width="content")
        if not many:
            class_morph.button(name, model, z, 0, "Morph through the classes")
    st.caption(
        (
            "The class is a part of the latent. Each picture changes one choice; all else is as in "
            "the picture above."
            if many
            else "The class is a part of the latent. All other coordinates are those of the "
            "picture above."
        )
        + f" {mirror_note(model)}".rstrip()
    )
    with st.container(horizontal=True, gap="small", key="every-class"):
        for place, (group, index) in enumerate(zip(groups, now, strict=True)):
            # Groups beside each other, as many as there is room for.
            with st.container(width=PLACE * len(group.options) if many else "stretch", gap=None):
                if many:
                    title(name, model, z, place)
                options_of(name, model, z, place, int(index), many)


def title(name: str, model: Model, z: np.ndarray, place: int) -> None:
    """The title of one of several groups, and its button."""
    words = stranger_text.plain(title_of(classes.groups_of(model)[place]))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(words, width="content")
        class_morph.button(name, model, z, place, "Morph")


def options_of(name: str, model: Model, z: np.ndarray, place: int, index: int, many: bool) -> None:
    """A latent, float32 (nz,), with each option of the group at a place, of which it has `index`.

    many: whether the model has other groups, too.
    """
    group = classes.groups_of(model)[place]
    tiles(
        f"every-class-{place}",
        renderer.sheet(renderer.pictures(model, classes.every_option(model, z, group))),
        [
            {
                "id": str(i),
                "label": f"{name}, {in_words(group, option)}",
                "caption": option,
                "current": i == index,
            }
            for i, option in enumerate(group.options)
        ],
        lambda picked: move(classes.codes(model, group, group.options[int(picked)])),
        label=f"The same latent, every choice of {group.name}",
        width=SMALLEST if many else WIDTH,
        smooth=session.view().smooth,
    )
