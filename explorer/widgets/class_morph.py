"""The button on Latents that opens Interpolate with one latent in each class as keyframes."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from explorer.services import renderer, stranger_text
from explorer.state import fragments, latent_spaces, session, tray, url_parts
from explorer.widgets.class_picker import capital, in_words
from gan_core.checkpoint import Model
from gan_core.latent_space import classes


def button(name: str, model: Model, z: np.ndarray, place: int, label: str) -> None:
    """A button for the group at a place, of the latent that the page shows, float32 (nz,)."""
    group = classes.groups_of(model)[place]
    order = options_of(model, z, place)
    first, last = (in_words(group, option) for option in (order[0], order[-1]))
    words = f"Open Interpolate with this latent in each class, from {first} to {last}."
    missing = left_out(group, order)
    pressed = st.button(
        label,
        key=f"morph-{place}",
        icon=":material/animation:",
        type="tertiary",
        help=stranger_text.plain(f"{words} {missing}".strip()),
    )
    if pressed:
        if not prepare(name, model, z, place):
            fragments.redraw()  # a warning appears above the page
        if missing:
            session.say(missing)
        st.switch_page(st.Page(_nothing, title="Interpolate", url_path="interpolate"))


def left_out(group: classes.Group, order: Sequence[str]) -> str:
    """A sentence about the options that a path has no room for; "" for none."""
    rest = [option for option in group.options if option not in order]
    if not rest:
        return ""
    return (
        f"A path has at most {url_parts.MAX_KEYS} keyframes, so this one begins with the class "
        f"that was shown and leaves out {group.name} {' and '.join(rest)}."
    )


def options_of(model: Model, z: np.ndarray, place: int) -> list[str]:
    """The options of a group in their order, as many as a path has keyframes.

    They begin with that of the latent, and after the last one comes the first one.
    """
    options = classes.groups_of(model)[place].options
    now = int(classes.chosen(model, z[None])[0, place])
    return [*options[now:], *options[:now]][: url_parts.MAX_KEYS]


def prepare(name: str, model: Model, z: np.ndarray, place: int) -> bool:
    """Make the page Interpolate show the path; whether that could be done.

    A link says the keyframes as the seed with the classes set where nothing else was moved.
    Otherwise they have no seed, and come onto the tray.
    """
    groups, view = classes.groups_of(model), session.view()
    group, order = groups[place], options_of(model, z, place)
    home = renderer.latents(model, [view.start], view.psi)[0]
    of_class = [i for one in groups for i in one.places]
    if np.array_equal(np.delete(z, of_class), np.delete(home, of_class)):
        now = classes.chosen(model, z[None])[0]
        moved = {
            one.name: one.options[i]
            for one, i in zip(groups, now, strict=True)
            if not np.array_equal(z[list(one.places)], home[list(one.places)])
        }
        keys = url_parts.write_keys([(view.start, None)] * len(order))
        of_each = url_parts.write_class_list([moved | {group.name: one} for one in order])
        session.set_view(source="seeds", keys=keys, key_classes=of_each)
    else:
        items = [
            tray.Item(
                tray.clean(f"{capital(in_words(group, option))}, seed {view.start}, moved"),
                *(name, model.hash, None, view.psi),
                classes.with_class(model, z[None], group, option)[0],
                space=model.space,
            )
            for option in order
        ]
        if not session.change_tray(tray.add, *items):
            return False
        mine = [item.id for item in latent_spaces.mine(name, model)]
        chosen = st.session_state.setdefault("keyframes", {})
        chosen[name] = (mine, [item.id for item in items])
        session.set_view(source="tray", key_classes="")
        session.say("The keyframes are on the tray, because a moved latent has no seed.")
    st.session_state.source_chosen = True
    session.set_view(at=0.0, closed=False)
    return True


def _nothing() -> None:
    pass
