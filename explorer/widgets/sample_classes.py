"""The class that all samples of the page Browse have, for a conditional model.

Each latent is that of its seed with the class set, so it is a latent without a seed on the tray.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from explorer.services import renderer, stranger_text
from explorer.state import session, tray, url_parts
from explorer.widgets.class_picker import in_words, title_of
from gan_core.attributes import classifier
from gan_core.checkpoint import Model
from gan_core.latent_space import classes

ANY = -1  # in place of the number of an option
WIDTH = 130  # of a field, CSS pixels


def fields(model: Model) -> None:
    """A field for each group of classes; nothing for a model without classes."""
    wanted = chosen(model)
    for place, group in enumerate(classes.groups_of(model)):
        options = group.options
        now = options.index(wanted[group.name]) if group.name in wanted else ANY
        st.selectbox(
            stranger_text.plain(title_of(group)),
            [ANY, *range(len(options))],
            format_func=partial(in_list, options),
            width=WIDTH,
            help="Every sample gets this class; the rest of each latent stays that of its seed.",
            **session.fill(f"all-class-{place}", now, take, model, place),
        )


def in_list(options: Sequence[str], i: int) -> str:
    """An entry of the list of a field."""
    return "any" if i == ANY else options[i]


def take(model: Model, place: int) -> None:
    """Set the class of a group for all samples; for callbacks."""
    wanted, group = chosen(model), classes.groups_of(model)[place]
    index = session.value_of(f"all-class-{place}")
    wanted.pop(group.name, None)
    if index != ANY:
        wanted[group.name] = group.options[index]
    session.set_view(classes=url_parts.write_classes(wanted), rank=0)


def chosen(model: Model) -> dict[str, str]:
    """{group: option} of the classes that are set, as far as the model has them."""
    options = {group.name: group.options for group in classes.groups_of(model)}
    return {group: option for group, option in linked().items() if option in options.get(group, ())}


def linked() -> dict[str, str]:
    """{group: option} as the link has them, of whatever model."""
    wanted = url_parts.read_classes(session.view().classes)
    return {classifier.readable_name(group): option for group, option in wanted.items()}


def missing(model: Model) -> str:
    """A sentence about an option of a link that a group of the model lacks; "" for none."""
    options = {group.name: group.options for group in classes.groups_of(model)}
    for name, option in linked().items():
        if name in options and option not in options[name]:
            known = ", ".join(options[name])
            return f"There is no {name} {option} in {model.name}; choose one of {known}."
    return ""


def latents(model: Model, seeds: list[int], psi: float) -> np.ndarray:
    """The latents of seeds with the class set, if one is: float32 (N, nz)."""
    return classes.with_classes(model, renderer.latents(model, seeds, psi), chosen(model))


def words(model: Model) -> str:
    """The class that is set, "digit 3" or "glasses: yes, hair colour red"; "" for none."""
    groups, wanted = classes.groups_of(model), chosen(model)
    return ", ".join(in_words(g, wanted[g.name]) for g in groups if g.name in wanted)


def item(name: str, model: Model, seed: int, psi: float, z: np.ndarray, of_class: str) -> tray.Item:
    """The tray item of a sample, z float32 (nz,); it has a seed where no class is set.

    of_class: the class that is set, in words.
    """
    if not of_class:
        return session.item(name, model, seed, psi)
    title = tray.clean(f"Seed {seed}, {of_class}")
    return tray.Item(title, name, model.hash, None, float(psi), z, space=model.space)
