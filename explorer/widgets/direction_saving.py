"""Naming directions, and saving them in the checkpoint or in a file."""

import dataclasses
from collections.abc import Callable, Sequence

import streamlit as st

from explorer.services import direction_store, stranger_text, trash, trust
from explorer.services.direction_store import Known
from explorer.state import direction_state, fragments, session, tray
from explorer.state.direction_state import Row
from explorer.widgets import trash_list
from explorer.widgets.distinct_names import distinct
from explorer.widgets.uploader import uploader
from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.checkpoint import Model
from gan_core.latent_space import directions
from gan_core.latent_space.directions import Direction
from gan_core.util.errors import InputError

ALL = ""  # all sliders together; no direction has an empty name


def form(model: Model, classifier: Classifier | None, known: Known, rows: Sequence[Row]) -> None:
    """Save the sliders' position as a direction; rows as from `direction_state.chosen`."""
    labels = {d.name: direction_state.label(d) for d, _, _ in rows}
    titles = distinct({ALL: "All sliders together", **labels})
    with st.popover("Save as a direction", icon=":material/bookmark_add:"):
        which = st.selectbox(
            "What", list(titles), format_func=lambda name: titles[name], key="save-what"
        )
        typed = st.text_input("Name", key="save-name", placeholder="such as friendlier")
        made = compose(known, rows, which, tray.clean(typed))
        if made is None:
            st.caption("All sliders are at 0: move one first.")
            return
        with st.container(horizontal=True):
            st.button(
                "Into the checkpoint",
                key="save-direction",
                type="primary",
                disabled=not made.name or not trust.allowed(),
                on_click=save,
                args=(model, classifier, made),
            )
            st.download_button(
                "As a file",
                lambda: in_a_file(model, classifier, known, made),
                directions.FILE,
                "application/octet-stream",
                key="download-direction",
                icon=":material/download:",
                disabled=not made.name or made.name in known.by_name,
                on_click="ignore",
                help=(
                    "All directions of this model, including the new one; put the file into the "
                    "checkpoint’s folder."
                ),
            )
        not_available()


def not_available() -> None:
    """Say why nothing can be saved in the checkpoint, if so."""
    if why := trust.reason():
        st.caption(why)


def loading(model: Model, classifier: Classifier | None, known: Known) -> None:
    """Load directions from a file that was saved here or on another computer."""
    with st.popover("Load", icon=":material/upload:"):
        upload = uploader(
            "A file of directions", "directions", type="safetensors", key="load-directions"
        )
        not_available()
        if upload is None:
            return
        try:
            inside = direction_store.read_file(model, upload.getvalue())
        except InputError as error:
            st.error(stranger_text.plain(error))
            return
        named = [dataclasses.replace(d, name=tray.clean(d.name)) for d in inside]
        new = {d.name: d for d in named if d.name and d.name not in known.by_name}
        if not new:
            st.caption("This model already has all directions in this file.")
            return
        st.caption(stranger_text.plain(", ".join(new)))
        st.button(
            "Into the checkpoint",
            key="take-directions",
            type="primary",
            disabled=not trust.allowed(),
            on_click=take,
            args=(model, classifier, list(new.values())),
        )


def take(model: Model, classifier: Classifier | None, new: Sequence[Direction]) -> None:
    """Add the directions of a file to the saved ones."""
    if why := trust.reason():  # checked before the measurement
        session.warn(why)
        return
    new = [measured(model, classifier, direction) for direction in new]
    if change(model, lambda saved: [*saved, *new]):
        many = "1 direction" if len(new) == 1 else f"{len(new)} directions"
        session.say(f"Saved {many} from the file.")
        session.set_view(look="saved")
    fragments.redraw()


def compose(known: Known, rows: Sequence[Row], which: str, name: str) -> Direction | None:
    """The Direction of one slider, or of all at their weights; None if all are at 0."""
    rows = [(d, v, w if which == ALL else 1.0) for d, v, w in rows if which in (ALL, d.name)]
    try:
        vector = directions.unit(direction_state.step(rows))
    except InputError:
        return None
    about = {
        "made_of": {d.name: w for d, _, w in rows if w},
        "locked": direction_state.locked(known),
    }
    return directions.Direction(name, vector, "conditional" if about["locked"] else "own", about)


def measured(model: Model, classifier: Classifier | None, made: Direction) -> Direction:
    """The same Direction with its measured effects."""
    about = made.about | direction_store.measured(model, classifier, made.vector)
    return directions.Direction(made.name, made.vector, made.kind, about)


def save(model: Model, classifier: Classifier | None, made: Direction) -> None:
    """Put a direction into the checkpoint."""
    try:
        trust.check()  # before the measurement
        made = measured(model, classifier, made)
        direction_store.add(model, made)
    except (direction_store.Taken, trust.Refused) as error:
        session.warn(str(error))
    except (InputError, OSError) as error:
        session.warn(f"{error} The direction is not lost: save it as a file instead.")
    else:
        session.say(f"{made.name} has been saved in the checkpoint.")
        session.set_view(look="saved")
    fragments.redraw()


def in_a_file(model: Model, classifier: Classifier | None, known: Known, made: Direction) -> bytes:
    made = measured(model, classifier, made)
    return direction_store.file(model, [*known.discovered, *known.saved, made])


def rename(model: Model, name: str, key: str) -> None:
    """Rename a saved direction, also in the view."""
    new = tray.clean(st.session_state[key])

    def renamed(saved: Sequence[Direction]) -> list[Direction]:
        return [
            directions.Direction(new, d.vector, d.kind, d.about) if d.name == name else d
            for d in saved
        ]

    if new and new != name and change(model, renamed):
        direction_state.rename(name, new)
    else:
        st.session_state[key] = name  # the old name still applies


def remove(model: Model, name: str) -> None:
    """Move a saved direction into the trash; for callbacks."""
    try:
        direction_store.throw_away(model, name)
    except (InputError, OSError) as error:
        session.warn(str(error))
        return
    session.say(
        f"{name} was removed. “Recently deleted” below the directions’ effects puts it back."
    )
    direction_state.rename(name, None)


def deleted(model: Model, classifier: Classifier | None) -> None:
    """The deleted directions of a model, with buttons that put them back."""

    def put_back(one: trash.Deleted) -> None:
        for direction in direction_store.in_trash(model, one):
            direction_store.add(model, measured(model, classifier, direction))
        trash.remove(one)

    trash_list.show(
        direction_store.thrown_away(model), put_back, trust.allowed(), direction_store.name_of
    )


def change(model: Model, verb: Callable[[list[Direction]], Sequence[Direction]]) -> bool:
    """Change the saved directions; False, with a warning, when that is not possible."""
    try:
        direction_store.change(model, verb)
    except (InputError, OSError) as error:
        session.warn(str(error))
        return False
    return True


def tools(model: Model, direction: Direction) -> None:
    """The controls of a saved direction, and how it was made."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        key = f"rename-{direction.name}"
        st.text_input(
            "Name",
            direction.name,
            key=key,
            on_change=rename,
            args=(model, direction.name, key),
            label_visibility="collapsed",
            disabled=not trust.allowed(),
        )
        st.button(
            "Remove",
            key=f"remove-{direction.name}",
            icon=":material/delete:",
            on_click=remove,
            args=(model, direction.name),
            disabled=not trust.allowed(),
        )
    st.caption(origin(direction))


def origin(direction: Direction) -> str:
    """How a saved direction was made, in words."""
    made = direction.about.get("made_of") or {}
    parts = ["Made of " + ", ".join(f"{n} × {w:g}" for n, w in made.items())] if made else []
    if isinstance(words := direction.about.get("made"), str) and words:
        parts.append(words[:1].upper() + words[1:])
    if direction.about.get("locked"):
        parts.append(
            "locked: " + ", ".join(map(readable_name, map(str, direction.about["locked"])))
        )
    return stranger_text.plain("; ".join(parts) or "Saved") + "."
