"""Choosing a photo on the page Your photo: from a file or the camera, framed by its eyes."""

import io
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from explorer.services import renderer, stranger_text, trust, upload_limits
from explorer.widgets.uploader import available, most, uploader
from gan_core.checkpoint import Model
from gan_core.data import decoding, image_sources, photo_alignment
from gan_core.data.photo_alignment import Eyes, Frame
from gan_core.latent_space import inversion
from gan_core.util.errors import InputError

FROM = {"file": "File", "camera": "Camera"}


@dataclass(frozen=True)
class Photo:
    """A photo in a session: the image, its URL, and the frame on it.

    eyes: where the model of the frame has the eyes, so that they stay where they are in the photo
    when another model is chosen.
    """

    image: Image.Image
    src: str
    frame: photo_alignment.Frame
    eyes: Eyes


def choose_photo(model: Model) -> None:
    """Fields for a file or the camera."""
    source = st.segmented_control(
        "From",
        FROM,
        default="file",
        format_func=lambda source: FROM[source],
        label_visibility="collapsed",
    )
    if source == "camera":
        st.camera_input(
            "Take a photo",
            key="photo-camera",
            on_change=use_photo,
            args=("camera", model),
            disabled=not available("photo"),
        )
        upload_limits.shown(st.session_state.get("photo-camera"))
    else:
        uploader(
            f"A photo, PNG, JPEG or WebP up to {most('photo')} MB",
            "photo",
            key="photo-file",
            on_change=use_photo,
            args=("file", model),
        )
    if why := trust.reason():
        st.info(why)
    problem = st.session_state.pop("photo_problem", None)
    if problem:
        st.error(stranger_text.sentence(problem))


def use_photo(source: str, model: Model) -> None:
    """Use the photo from a field; one that cannot be read leaves the previous photo in place."""
    given = st.session_state.get(f"photo-{source}")
    if given is None or not available("photo"):
        return
    st.session_state.touched = True
    try:
        st.session_state.photo = read(given.getvalue(), model)
    except InputError as error:
        st.session_state.photo_problem = str(error)


def read(content: bytes, model: Model) -> Photo:
    """The Photo in the bytes of a file, framed by its eyes if they are detected."""
    about = model.card["training_set"]
    image = photo_alignment.read_photo(content, decoding.white_of(about.get("brightest") or 0))
    shown = io.BytesIO()
    image.save(shown, "JPEG", quality=90)
    return Photo(
        image,
        renderer.data_url(shown.getvalue(), "jpeg"),
        by_detector(image, model) or centred(model),
        eyes_of(model),
    )


def centred(model: Model) -> Frame:
    """The central square, of the same size as in the training images."""
    crop = (model.card["training_set"].get("framing") or {}).get("crop", 1.0)
    return photo_alignment.Frame(side=crop if isinstance(crop, float) and 0.1 <= crop <= 1 else 1.0)


def draws_faces(model: Model) -> bool:
    """Whether a photo may be framed by its eyes: not where the model is known to draw no faces."""
    return model.card["training_set"].get("source") not in image_sources.WITHOUT_FACES


def by_detector(image: Image.Image, model: Model) -> Frame | None:
    """The Frame of the detected eyes, or None."""
    if not draws_faces(model):
        return None
    try:
        eyes = photo_alignment.find_eyes(image)
        return photo_alignment.frame_of_eyes(image.size, *eyes, eyes_of(model)) if eyes else None
    except InputError:
        return None


def eyes_of(model: Model) -> Eyes:
    """The places of the eyes in a model's pictures."""
    measured = inversion.load_metrics(model) or {}
    return measured.get("eyes") or photo_alignment.EYES
