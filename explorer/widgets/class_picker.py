"""The class of a latent on the page Latents: a field for each group of classes."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from explorer.services import stranger_text
from explorer.state import session, url_parts
from gan_core.checkpoint import Model
from gan_core.latent_space import classes


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


def mirror_note(model: Model) -> str:
    """A sentence for a model with classes that was trained on mirrored images, too; else "".

    Its digits, for example, are of the class that is chosen, but some the wrong way round.
    """
    augment = str(model.card.get("training", {}).get("augment", ""))
    if "mirror" not in augment.split(",") or not classes.groups_of(model):
        return ""
    return "Training also showed each image mirrored, so some pictures are the wrong way round."


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


def title_of(group: classes.Group) -> str:
    """The title of a group: "Hair colour"."""
    return capital(group.name)


def capital(words: str) -> str:
    """Words with a capital at their beginning, and the rest as it is."""
    return words[:1].upper() + words[1:]


def in_words(group: classes.Group, option: str) -> str:
    """An option of a group in words: "digit 3", "hair colour red", "smiling: no"."""
    return f"{group.name}{': ' if len(group.places) == 1 else ' '}{option}"
