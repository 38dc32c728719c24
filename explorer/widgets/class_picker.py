"""The class of a latent on the page Latents: a field for each group, and every option of it."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import renderer, stranger_text
from explorer.state import session, url_parts
from gan_core.checkpoint import Model
from gan_core.latent_space import classes

WIDTH = 90  # of a picture, CSS pixels: ten digits in a row
PLACE = 84  # of a picture among those of several groups: two pairs in the width of a phone
SMALLEST = 72


def control(model: Model, z: np.ndarray) -> None:
    """A field for each group of classes of a latent (nz,); nothing for a model without classes."""
    groups = classes.groups_of(model)
    if not groups:
        return
    now = classes.chosen(model, z[None])[0]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for place, (group, index) in enumerate(zip(groups, now, strict=True)):
            st.selectbox(
                stranger_text.plain(title_of(group)),
                group.options,
                width=150,
                **session.fill(f"class-{place}", group.options[int(index)], take, model, place),
            )


def places_of(model: Model) -> list[int]:
    """The coordinates of z that hold a model's class; often none."""
    return [place for group in classes.groups_of(model) for place in group.places]


def take(model: Model, place: int) -> None:
    """Set the class of a group from its field; for callbacks."""
    group = classes.groups_of(model)[place]
    option = session.value_of(f"class-{place}")
    if option in group.options:
        move(classes.codes(model, group, option))


def move(codes: Mapping[int, float]) -> None:
    """Move coordinates of the latent; for callbacks."""
    moved = url_parts.read_coordinates(session.view().coords)
    session.set_view(coords=url_parts.write_coordinates({**moved, **codes}))


def every(name: str, model: Model, z: np.ndarray) -> None:
    """A latent (nz,) with each option of each group, as pictures that set it; nothing without
    classes.
    """
    groups = classes.groups_of(model)
    if not groups:
        return
    now = classes.chosen(model, z[None])[0]
    st.subheader("The same latent in every class")
    many = len(groups) > 1
    st.caption(
        "The class is a part of the latent. Each picture changes one choice; all else is as in "
        "the picture above."
        if many
        else "The class is a part of the latent. All other coordinates are those of the picture "
        "above."
    )
    with st.container(horizontal=True, gap="small", key="every-class"):
        for place, (group, index) in enumerate(zip(groups, now, strict=True)):
            # Groups beside each other, as many as there is room for.
            with st.container(width=PLACE * len(group.options) if many else "stretch", gap=None):
                if many:
                    st.caption(stranger_text.plain(title_of(group)))
                options_of(name, model, z.astype(np.float32), place, int(index), many)


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


def title_of(group: classes.Group) -> str:
    """The title of a group: "Hair colour"."""
    return group.name[:1].upper() + group.name[1:]


def in_words(group: classes.Group, option: str) -> str:
    """An option of a group in words: "digit 3", "hair colour red", "smiling: no"."""
    return f"{group.name}{': ' if len(group.places) == 1 else ' '}{option}"
