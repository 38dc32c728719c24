"""Your photo: which latent's picture is closest to a photo of yours?"""

import hashlib
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.navigation.page import StreamlitPage

from explorer.components.photo_framer import framer
from explorer.services import renderer, run_launcher, stranger_text, trust, upload_limits
from explorer.state import fragments, session, tray
from explorer.widgets import add_to_tray, charts, model_picker
from explorer.widgets.uploader import available, most, uploader
from gan_core.checkpoint import Model
from gan_core.data import decoding, photo_alignment
from gan_core.data.photo_alignment import Eyes, Frame
from gan_core.latent_space import inversion
from gan_core.util.errors import InputError

FROM = {"file": "File", "camera": "Camera"}
CHUNK = 0.4  # seconds of search per run of the fragment
REFRESH = 0.5  # seconds between these runs
SHARP = 128  # side of the small picture, in pixels
LOOKING = 0.2  # fraction of the progress bar for the preparation
# The result for a previous frame or photo.
FADED = "<style>.st-key-photo-before { opacity: 0.4; }</style>"
KINDS = {
    "samples": "the generator’s own samples",
    "training": "training images",
    "held-out": "held-out images",
}
PRIVATE = (
    "Your photo stays in the memory of this session: it is never saved or put in a link, and "
    "is gone when you close this tab. A latent that was found from it is stored in this browser "
    "only if you say so, under “Save and load” beside the tray."
)


@dataclass(frozen=True)
class Photo:
    """A photo in a session: the image, its URL, and the frame on it."""

    image: Image.Image
    src: str
    frame: photo_alignment.Frame


@dataclass
class Search:
    """A search that is running or has ended.

    target identifies the weights and the picture; steps yields the fraction of the preparation that
    is done, then the steps.
    """

    target: str
    steps: Iterator[float | inversion.Progress]
    running: bool = True
    problem: str = ""
    now: inversion.Progress | None = None


def page(card_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Your photo", "photo", card_page)
    st.session_state.setdefault("photo", None)
    if not inversion.has_gradients(model):
        st.info(
            f"{stranger_text.plain(name)} is an ONNX graph, which has no gradients for the "
            "search to follow; choose another model for your photo."
        )
        return
    if st.session_state.photo is None:
        st.markdown(
            "A GAN draws a picture from a latent and cannot go the other way. Choose a photo, "
            "and the app searches step by step for the latent whose picture is closest to it."
        )
        with st.container(width=560):
            choose_photo(model)
            st.caption(PRIVATE)
        return
    left, right = st.columns([5, 6], gap="large")
    with left:
        frame(name, model)
        with st.container(horizontal=True, gap="small"):
            with st.popover("Another photo", icon=":material/add_a_photo:"):
                choose_photo(model)
            with st.popover("View", icon=":material/tune:"):
                st.toggle("Smooth scaling", **session.widget("smooth", closed=True))
        st.caption(PRIVATE)
    with right:
        search(name, model)


# The photo.


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
    )


def centred(model: Model) -> Frame:
    """The central square, of the same size as in the training images."""
    crop = (model.card["training_set"].get("framing") or {}).get("crop", 1.0)
    return photo_alignment.Frame(side=crop if isinstance(crop, float) and 0.1 <= crop <= 1 else 1.0)


def by_detector(image: Image.Image, model: Model) -> Frame | None:
    """The Frame of the detected eyes, or None."""
    try:
        eyes = photo_alignment.find_eyes(image)
        return photo_alignment.frame_of_eyes(image.size, *eyes, eyes_of(model)) if eyes else None
    except InputError:
        return None


def eyes_of(model: Model) -> Eyes:
    """The places of the eyes in a model's pictures."""
    measured = inversion.load_metrics(model) or {}
    return measured.get("eyes") or photo_alignment.EYES


# The frame.


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
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        target = cut(photo, model)
        st.container(width=SHARP).image(
            renderer.large(target, session.view().smooth),
            width="stretch",
            alt="The target for the generator",
        )
        with st.container(width="stretch"):
            st.caption(
                "Drag the two rings onto the eyes; drag the square to move it. On the left is "
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
        by_eyes(photo, model)
    if photo_alignment.can_find_eyes():
        st.button("Find the eyes", icon=":material/face:", on_click=find, args=(model,))


def by_eyes(photo: Photo, model: Model) -> None:
    """Fields for both eyes, submitted together: one eye alone rarely gives a valid frame."""
    places = photo_alignment.eyes_of_frame(photo.image.size, photo.frame, eyes_of(model))
    # Refused values stay in the fields, to be corrected.
    places, problem = st.session_state.pop("photo_refused", (places, ""))
    with st.form("photo-eyes", border=False):
        for side, place in zip(("left", "right"), places, strict=True):
            columns = st.columns(2)
            for column, axis, value in zip(columns, ("across", "down"), place, strict=True):
                field_key = f"photo-{side}-{axis}"
                st.session_state[field_key] = round(100 * value, 1)
                column.number_input(
                    f"Eye on the {side}, {axis}, %",
                    value=None,  # otherwise an emptied field would count as 0
                    step=0.5,
                    key=field_key,
                )
        if problem:
            st.error(stranger_text.sentence(problem))
        st.form_submit_button("Place the eyes", on_click=typed, args=(model,))


def slid(key: str) -> None:
    value = st.session_state[f"photo-{key}"]
    reframe(**{key: value if key == "turn" else value / 100})


def typed(model: Model) -> None:
    """Take the frame from the four numbers of the eyes."""
    values = [
        [st.session_state[f"photo-{side}-{axis}"] for axis in ("across", "down")]
        for side in ("left", "right")
    ]
    if any(value is None for eye in values for value in eye):
        return
    left, right = ((across / 100, down / 100) for across, down in values)
    photo = st.session_state.photo
    try:
        new = photo_alignment.frame_of_eyes(
            photo.image.size, left, right, eyes_of(model), photo.frame.turn
        )
    except InputError as error:
        st.session_state.photo_refused = (left, right), str(error)
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


# The search.


@fragments.panel("search")
def search(name: str, model: Model) -> None:
    """The buttons, the generator's picture, and what its error means."""
    photo = st.session_state.photo
    wanted = cut(photo, model)
    target = target_of(model, wanted)
    current = st.session_state.get("search")
    if current is not None and current.target != target:
        current.running = False
    running = current is not None and current.running
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Start" if current is None or current.target != target else "Start again",
            type="primary",
            icon=":material/play_arrow:",
            key="photo-start",  # one button under both labels
            disabled=running or not trust.allowed(),
            on_click=start,
            args=(model,),
        )
        st.button("Stop", icon=":material/stop:", disabled=not running, on_click=stop)
        st.button(
            "Add to tray",
            icon=":material/add:",
            disabled=current is None
            or current.now is None
            or not current.target.startswith(model.hash),
            on_click=add,
            args=(name, model),
        )
    if why := trust.reason():
        st.caption(why)
    if current is not None and current.problem:
        st.warning(stranger_text.plain(current.problem))
    if running:
        follow(model)
    elif current is None or current.now is None or not current.target.startswith(model.hash):
        st.progress(0.0)
        empty(model)
        st.caption("Press Start, and the generator’s closest picture appears here.")
    elif current.target == target:
        shown(model, current)
    else:
        st.html(FADED)
        st.caption("The frame or the photo has changed since; this result is for the previous one.")
        with st.container(key="photo-before"):
            shown(model, current)
    meaning(model, current)


def target_of(model: Model, wanted: np.ndarray) -> str:
    """What identifies a search: the weights and the target picture."""
    return f"{model.hash} {hashlib.sha256(wanted.tobytes()).hexdigest()}"


def start(model: Model) -> None:
    """Begin a search for the current contents of the frame; `follow` does the steps."""
    if why := trust.reason():
        session.warn(why)
        fragments.redraw()
    wanted = cut(st.session_state.photo, model)
    steps, problem = renderer.photo_search(model, wanted)
    if problem:
        session.say(f"{problem} The search starts from samples only.")
    st.session_state.search = Search(target_of(model, wanted), steps)
    st.session_state.touched = True
    fragments.redraw("search")


def stop() -> None:
    """End the search; the best result so far stays."""
    current = st.session_state.get("search")
    if current is not None:
        current.running = False
        current.steps.close()
    fragments.redraw("search")


@st.fragment(run_every=REFRESH)
def follow(model: Model) -> None:
    """Do some steps of the search and show its progress. It pauses while nobody is looking."""
    current = st.session_state.get("search")
    if current is None or not current.running:
        st.rerun()
    try:
        until = time.monotonic() + CHUNK
        while current.now is None or time.monotonic() < until:
            now = next(current.steps)
            if isinstance(now, inversion.Progress):
                current.now = now
            elif time.monotonic() >= until:
                st.progress(now * LOOKING, "Looking for starting points …")
                empty(model)
                return
    except StopIteration:
        current.running = False
    except InputError as error:
        current.running, current.problem = False, str(error)
    if not current.running:
        st.rerun()
    shown(model, current)


def shown(model: Model, current: Search) -> None:
    """The progress bar, and the best picture so far, enlarged."""
    now = current.now
    if now is None:
        return
    ended = "" if current.running else (" · done" if now.step == now.steps else " · stopped")
    share = LOOKING + (1 - LOOKING) * now.step / now.steps
    st.progress(share, f"Step {now.step} of {now.steps}{ended}")
    st.container(width=renderer.LARGE).image(
        renderer.large(now.image, session.view().smooth),
        width="stretch",
        alt="The closest picture that the generator can draw",
    )


def empty(model: Model) -> None:
    """A placeholder for the picture."""
    grey = np.full((model.size, model.size, 3), 128, np.uint8)
    ghost = np.dstack([grey, np.full((model.size, model.size), 28, np.uint8)])
    encoded = io.BytesIO()
    Image.fromarray(ghost, "RGBA").save(encoded, "PNG")
    st.container(width=renderer.LARGE).image(
        encoded.getvalue(), width="stretch", alt="No picture yet"
    )


def add(name: str, model: Model) -> None:
    """Put the latent on the tray, from which other pages can use it."""
    now = st.session_state.search.now
    item = tray.Item("From a photo", name, model.hash, None, 1.0, now.z, from_photo=True)
    message = "It is on the tray: Interpolate, Arithmetic and Neighbours can use it from there."
    add_to_tray.add(item, message)


# The meaning of the error.


def meaning(model: Model, current: Search | None) -> None:
    """The error, compared with those of other pictures."""
    measured = inversion.load_metrics(model)
    own = current if current is not None and current.target.startswith(model.hash) else None
    now = None if own is None else own.now
    error = now.error if own is not None and now is not None and not own.running else None
    if error is not None:
        st.markdown(f"**{error:.0f} levels** from your photo, root mean square, of 256.")
    if measured is None:
        missing = (
            "The usual error of this model has not been measured, so there is nothing to "
            f"compare with; `python -m gan_core encoder {run_launcher.plain(model.directory)}` "
            "measures it."
        )
        st.caption(stranger_text.sentence(missing))
        return
    if error is None and now is not None:
        return
    chart(measured["errors"], error)
    words = [
        f"{KINDS[kind]} {min(values):.0f} to {max(values):.0f}"
        for kind, values in measured["errors"].items()
    ]
    st.caption(
        f"For comparison, the same search leaves: {'; '.join(words)}. Samples can be matched "
        "exactly, so their error is due to the search; what a photo's error exceeds that by, the "
        "generator cannot draw."
    )


def chart(errors: Mapping[str, Sequence[float]], error: float | None) -> None:
    """A dot for every measured picture, and a line for the photo."""
    rows = [
        (KINDS[kind].replace("the generator’s own ", "").capitalize(), values)
        for kind, values in errors.items()
    ]
    charts.show(charts.dots(rows, error, "your photo"), "photo-errors")
