"""The frame on a photo: moved by its rings, by numbers, or by the places of the eyes."""

from dataclasses import asdict, replace

import numpy as np
import streamlit as st

from explorer.components.photo_framer import framer
from explorer.services import renderer, stranger_text
from explorer.state import fragments, session
from explorer.widgets.photo_choice import Photo, by_detector, draws_faces, eyes_of
from gan_core.checkpoint import Model
from gan_core.data import photo_alignment
from gan_core.util.errors import InputError

SHARP = 128  # side of the small picture, in pixels
SIDES, AXES = ("left", "right"), ("across", "down")  # the fields for the eyes


def follow_model(model: Model) -> None:
    """Leave the eyes where they were put in the photo when the model has them elsewhere."""
    photo, eyes = st.session_state.photo, eyes_of(model)
    if eyes == photo.eyes:
        return
    size = photo.image.size
    places = photo_alignment.eyes_of_frame(size, photo.frame, photo.eyes)
    try:
        new = photo_alignment.frame_of_eyes(size, *places, eyes, photo.frame.turn)
    except InputError:  # the frame of this model would be too large or too small
        new = photo.frame
    st.session_state.photo = replace(photo, frame=new, eyes=eyes)


@fragments.panel("frame")
def frame(name: str, model: Model) -> None:
    """The photo with the frame on it, and the target for the generator."""
    photo = st.session_state.photo
    framer(
        "photo-framer",
        photo.src,
        photo.image.size,
        asdict(photo.frame),
        eyes_of(model),
        (photo_alignment.LEAST, photo_alignment.MOST),
        lambda moved: reframe(**moved),
        label="Your photo with the area that will be used",
        handles=("Left eye", "Right eye") if draws_faces(model) else ("Left ring", "Right ring"),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        target = cut(photo, model)
        st.container(width=SHARP).image(
            renderer.large(target, session.view().smooth),
            width="stretch",
            alt="The target for the generator",
        )
        with st.container(width="stretch"):
            rings = "onto the eyes" if draws_faces(model) else "to turn and resize the square"
            st.caption(
                f"Drag the two rings {rings}; drag the square to move it. On the left is "
                f"the target for the generator, {model.size} × {model.size} pixels."
            )
            numbers(photo, model)


def cut(photo: Photo, model: Model) -> np.ndarray:
    """The contents of the frame as an image of the model's size: uint8 (H, W, C)."""
    return photo_alignment.cut(
        photo.image, photo.frame, model.size, model.card["architecture"]["channels"]
    )


def numbers(photo: Photo, model: Model) -> None:
    """The frame by numbers."""
    with st.popover("Place by numbers", icon=":material/straighten:"):
        where = photo.frame
        shown = {
            "x": ("Across, %", 100 * where.x, 0.0, 100.0),
            "y": ("Down, %", 100 * where.y, 0.0, 100.0),
            "side": ("Size, % of the shorter side", 100 * where.side, 10.0, 200.0),
            "turn": ("Turn, °", where.turn, -180.0, 180.0),
        }
        for key, (label, value, low, high) in shown.items():
            slider = f"photo-{key}"
            st.session_state[slider] = round(min(max(float(value), low), high), 1)
            st.slider(label, low, high, step=0.1, key=slider, on_change=slid, args=(key,))
        if draws_faces(model):
            by_eyes(photo, model)
    if draws_faces(model) and photo_alignment.can_find_eyes():
        st.button("Find the eyes", icon=":material/face:", on_click=find, args=(model,))


def by_eyes(photo: Photo, model: Model) -> None:
    """Fields for both eyes, submitted together: one eye alone rarely gives a valid frame."""
    places = photo_alignment.eyes_of_frame(photo.image.size, photo.frame, eyes_of(model))
    values = {
        (side, axis): round(100 * value, 1)
        for side, place in zip(SIDES, places, strict=True)
        for axis, value in zip(AXES, place, strict=True)
    }
    state = st.session_state
    # What was typed stays until the frame is moved by other means: the fields are filled once, as
    # new ones, because whatever is written into a field replaces what was typed there.
    if values != state.get("photo_eyes"):
        entered = [state.get(field(*which)) for which in values]
        if entered != list(values.values()):
            state.photo_fields = state.get("photo_fields", 0) + 1
        state.photo_eyes = values
        state.pop("photo_refused", None)
    with st.form("photo-eyes", border=False):
        for side in SIDES:
            for column, axis in zip(st.columns(2), AXES, strict=True):
                column.number_input(
                    f"Eye on the {side}, {axis}, %",
                    value=values[side, axis],
                    step=0.5,
                    key=field(side, axis),
                )
        if problem := state.get("photo_refused"):
            st.error(stranger_text.sentence(problem))
        st.form_submit_button("Place the eyes", on_click=typed, args=(model,))


def field(side: str, axis: str) -> str:
    """The key of a field for the place of an eye."""
    return f"photo-{side}-{axis}-{st.session_state.get('photo_fields', 0)}"


def slid(key: str) -> None:
    value = st.session_state[f"photo-{key}"]
    reframe(**{key: value if key == "turn" else value / 100})


def typed(model: Model) -> None:
    """Take the frame from the four numbers of the eyes."""
    state = st.session_state
    state.pop("photo_refused", None)
    values = [[state[field(side, axis)] for axis in AXES] for side in SIDES]
    if any(value is None for eye in values for value in eye):
        return
    left, right = ((across / 100, down / 100) for across, down in values)
    photo = state.photo
    try:
        new = photo_alignment.frame_of_eyes(
            photo.image.size, left, right, eyes_of(model), photo.frame.turn
        )
    except InputError as error:
        state.photo_refused = str(error)
        fragments.redraw("frame")
    reframe(**asdict(new))


def find(model: Model) -> None:
    detected = by_detector(st.session_state.photo.image, model)
    if detected is None:
        session.say("No face was detected; place the rings by hand.")
    else:
        reframe(**asdict(detected))


def reframe(**changes: float) -> None:
    """Change the frame, within its limits; a place outside the photo is moved to its edge."""
    photo = st.session_state.photo
    wanted = {**asdict(photo.frame), **changes}
    if not np.isfinite(list(wanted.values())).all():
        return
    side = min(max(wanted["side"], photo_alignment.LEAST), photo_alignment.MOST)
    x, y = (min(max(wanted[key], 0.0), 1.0) for key in ("x", "y"))
    new = photo_alignment.Frame(x, y, side, (wanted["turn"] + 180) % 360 - 180)
    st.session_state.photo = replace(photo, frame=new)
    st.session_state.touched = True
    fragments.redraw("frame", "search")
