"""The search for the latent whose picture is closest to a photo."""

import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from explorer.services import page_rerun, renderer, stranger_text, trust
from explorer.state import fragments, session, tray
from explorer.widgets import add_to_tray, photo_error
from explorer.widgets.photo_frame import cut
from gan_core.checkpoint import Model
from gan_core.latent_space import inversion
from gan_core.util.errors import InputError

CHUNK = 0.4  # seconds of search per run of the fragment
REFRESH = 0.5  # seconds between these runs
LOOKING = 0.2  # fraction of the progress bar for the preparation
# The result for a previous frame or photo.
FADED = "<style>.st-key-photo-before { opacity: 0.4; }</style>"


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
    own = current if current is not None and current.target.startswith(model.hash) else None
    photo_error.meaning(model, own and own.now, own is not None and not own.running)


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
        page_rerun.request()
        if current is not None:
            shown(model, current)
        return
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
        page_rerun.request()
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
    item = tray.Item(
        "From a photo", name, model.hash, None, 1.0, now.z, from_photo=True, space=model.space
    )
    message = "It is on the tray: Interpolate, Arithmetic and Neighbours can use it from there."
    add_to_tray.add(item, message)
