"""A menu with a field for each group of classes, where a page sets the class of several latents."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st

from explorer.services import stranger_text
from explorer.state import session
from explorer.widgets.class_picker import in_words, title_of
from gan_core.checkpoint import Model
from gan_core.latent_space import classes

OWN = -1  # in place of the number of an option: the class of the latent itself
Change = Callable[[str, str | None], object]


def menu(label: str, model: Model, name: str, wanted: Mapping[str, str], change: Change) -> None:
    """A popover with a field for each group of a conditional model.

    name: of the fields, unique in the app. wanted: {group: option} that are set. change(group,
    option): called when a person chooses, with None for the class of the latent itself.
    """
    with st.popover(label):
        for place, group in enumerate(classes.groups_of(model)):
            options, option = group.options, wanted.get(group.name)
            now = options.index(option) if option in options else OWN
            st.selectbox(
                stranger_text.plain(title_of(group)),
                [OWN, *range(len(options))],
                format_func=partial(in_list, options),
                **session.fill(
                    f"{name}-{place}", now, take, group, f"{name}-{place}", change, closed=True
                ),
            )


def of_each(
    model: Model,
    z: np.ndarray,
    wanted: Sequence[Mapping[str, str]],
    names: Sequence[str],
    key: str,
    change: Callable[[int, str, str | None], object],
) -> np.ndarray:
    """A menu for each of some latents, float32 (m, nz); returns the latents with the classes set.

    wanted: {group: option} that are set in each latent. names: what each latent is on the page.
    key: unique in the app. change(i, group, option): called when a person chooses, as for `menu`.
    Nothing is drawn for a model without classes.
    """
    groups = classes.groups_of(model)
    if not groups:
        return z
    pairs = zip(z, wanted, strict=True)
    result = np.stack([classes.with_classes(model, row[None], one)[0] for row, one in pairs])
    with st.container(horizontal=True, gap="small", key=f"{key}-menus"):
        for i, now in enumerate(classes.chosen(model, result)):
            label = f"{names[i]}: {in_menu(groups, now, usable(model, wanted[i]))}"
            name = f"{key}-{i}"
            menu(stranger_text.plain(label), model, name, wanted[i], partial(change, i))
    return result


def in_menu(groups: Sequence[classes.Group], now: np.ndarray, wanted: Mapping[str, str]) -> str:
    """What the label of a menu says of a latent with the options `now`, of which some are set."""
    if len(groups) == 1:
        return in_words(groups[0], groups[0].options[now[0]])
    return ", ".join(in_words(g, wanted[g.name]) for g in groups if g.name in wanted) or "set class"


def in_list(options: Sequence[str], n: int) -> str:
    """An entry of the list of a field."""
    return "as in the latent" if n == OWN else options[n]


def take(group: classes.Group, name: str, change: Change) -> None:
    """Report the choice of a field; for callbacks."""
    index = session.value_of(name)
    change(group.name, None if index == OWN else group.options[index])


def usable(model: Model, wanted: Mapping[str, str]) -> dict[str, str]:
    """{group: option} without what the model lacks."""
    options = {group.name: group.options for group in classes.groups_of(model)}
    return {group: one for group, one in wanted.items() if one in options.get(group, ())}
