"""The class of a latent on the page Latents: a field for each group, and every class at once."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import renderer
from explorer.state import session, url_parts
from gan_core.checkpoint import Model
from gan_core.latent_space import classes


def control(model: Model, z: np.ndarray) -> None:
    """A field for each group of classes of a latent (nz,); nothing for a model without classes."""
    groups = classes.groups_of(model)
    if not groups:
        return
    now = classes.chosen(model, z[None])[0]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        for place, (group, index) in enumerate(zip(groups, now, strict=True)):
            st.selectbox(
                group.name.capitalize(),
                group.options,
                width=150,
                **session.fill(f"class-{place}", group.options[int(index)], take, model, place),
            )


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
    """A latent (nz,) under every class, as pictures that set it; nothing without classes."""
    groups = classes.groups_of(model)
    if not groups:
        return
    combinations, latents = classes.every(model, z.astype(np.float32))
    now = tuple(
        g.options[i] for g, i in zip(groups, classes.chosen(model, z[None])[0], strict=True)
    )
    words = [in_words(groups, one) for one in combinations]
    st.subheader("The same latent in every class")
    st.caption(
        "The class is a part of the latent. All other coordinates are those of the picture above."
    )

    def pick(label: str) -> None:
        codes: dict[int, float] = {}
        for group, option in zip(groups, combinations[int(label)], strict=True):
            codes |= classes.codes(model, group, option)
        move(codes)

    tiles(
        "every-class-tiles",
        renderer.sheet(renderer.pictures(model, latents)),
        [
            {
                "id": str(i),
                "label": f"{name}, {text}",
                "caption": text,
                "current": combination == now,
            }
            for i, (combination, text) in enumerate(zip(combinations, words, strict=True))
        ],
        pick,
        label="The same latent in every class",
    )


def in_words(groups: list[classes.Group], combination: tuple[str, ...]) -> str:
    """A combination of classes: "3", or "glasses, no beard, hair colour: red"."""
    if len(groups) == 1 and len(groups[0].places) > 1:
        return combination[0]
    parts = []
    for group, option in zip(groups, combination, strict=True):
        if len(group.places) > 1:
            parts.append(f"{group.name}: {option}")
        else:
            parts.append(group.name if option == classes.YES else f"no {group.name}")
    return ", ".join(parts)
