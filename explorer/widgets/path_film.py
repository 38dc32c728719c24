"""The film of a path: played in the browser, and made into a file with a progress bar."""

import hashlib
from collections.abc import Iterator

import numpy as np
import streamlit as st

from explorer.components.film_player import film
from explorer.services import renderer
from explorer.state import fragments, session, url_state
from explorer.state.url_state import View
from gan_core import latent
from gan_core.checkpoint import Model
from gan_core.data import media

FPS = 20  # GIF counts in hundredths of a second
KINDS = {"gif": ("GIF", "image/gif"), "mp4": ("MP4", "video/mp4"), "webm": ("WebM", "video/webm")}


@fragments.panel("film")
def panel(name: str, model: Model, keyframes: np.ndarray, modes: tuple[str, ...]) -> None:
    """Settings, player and files. modes: of the paths, which are side by side in the film."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.slider(
            "Seconds",
            *url_state.FILM_SECONDS,
            step=0.5,
            format="%g",
            width=220,
            **session.widget("seconds"),
        )
        st.toggle("Back and forth", **session.widget("pingpong"))
        st.segmented_control(
            "Height in pixels",
            url_state.FILM_SIDES,
            **session.widget("side", url_state.FILM_SIDES),
        )
    view = session.view()
    stamp = identify(model, keyframes, modes, view)
    if st.session_state.get("film_shown"):
        moments = encoded(stamp, model, keyframes, modes, view)
        turn = "back and forth" if view.pingpong else "loop"
        with st.container(width=320 * len(modes)):
            film(
                "path-film",
                moments,
                name=stamp,
                label=f"Film of {name}",
                step=1000 // FPS,
                turn=turn,
                smooth=view.smooth,
            )
    else:  # not before: its frames take a moment to draw and to send
        st.button("Show the film", key="show-film", icon=":material/movie:", on_click=show)
    files(name, model, keyframes, modes, view, stamp)


def show() -> None:
    st.session_state.film_shown = True


def identify(model: Model, keyframes: np.ndarray, modes: tuple[str, ...], view: View) -> str:
    """Names a film by all that its frames depend on."""
    settings = repr((model.hash, modes, view.closed, view.seconds, view.pingpong)).encode()
    return hashlib.blake2b(keyframes.tobytes() + settings, digest_size=8).hexdigest()


def encoded(
    stamp: str, model: Model, keyframes: np.ndarray, modes: tuple[str, ...], view: View
) -> list[dict[str, str]]:
    """What the player shows. The last film is held, as every click on the page draws it again."""
    held: dict[str, list[dict[str, str]]] = st.session_state.get("film_moments", {})
    if stamp not in held:
        images = frames(model, keyframes, modes, view)
        moments = [
            {
                "src": renderer.data_url(
                    media.encode(image, "JPEG", quality=92, subsampling=0), "jpeg"
                ),
                "words": f"{i / FPS:.1f} s",
            }
            for i, image in enumerate(images)
        ]
        held = st.session_state.film_moments = {stamp: moments}
    return held[stamp]


def frames(model: Model, keyframes: np.ndarray, modes: tuple[str, ...], view: View) -> np.ndarray:
    """The frames of one way along the paths, uint8 (n, H, W, C)."""
    n = round(view.seconds * FPS)
    n = n // 2 + 1 if view.pingpong else n
    end = len(keyframes) - (0 if view.closed else 1)
    # The last frame of a closed path that starts again would be its first one.
    times = np.linspace(0, end, n, endpoint=not view.closed or view.pingpong)
    paths = [
        renderer.pictures(model, latent.at(keyframes, times, mode, view.closed)) for mode in modes
    ]
    return np.concatenate(paths, axis=2)


def whole(images: np.ndarray, view: View) -> list[int]:
    """The places of the frames in the order in which a file shows them."""
    there = list(range(len(images)))
    return there + there[-2:0:-1] if view.pingpong else there


def files(
    name: str,
    model: Model,
    keyframes: np.ndarray,
    modes: tuple[str, ...],
    view: View,
    stamp: str,
) -> None:
    """A button for each kind of file; one that was made is offered for saving."""
    made: dict[tuple, bytes] = st.session_state.get("films", {})
    row, progress = st.container(horizontal=True, gap="small"), st.empty()
    for kind, (label, mime) in KINDS.items():
        key = (stamp, kind, view.side, view.pingpong, view.smooth)
        with row:
            slot = st.empty()
        if key not in made:
            if not slot.button(f"Make {label}", key=f"make-film-{kind}", icon=":material/movie:"):
                continue
            with progress:
                made = {key: make(frames(model, keyframes, modes, view), kind, view)}
            progress.empty()
            st.session_state.films = made
        slot.download_button(
            f"Save {label}",
            made[key],
            f"{name}-{view.mode}.{kind}",
            mime,
            key=f"save-film-{kind}",
            icon=":material/download:",
            on_click="ignore",
        )


def make(images: np.ndarray, kind: str, view: View) -> bytes:
    """The bytes of a film's file; a bar shows how much is done."""
    order = whole(images, view)
    bar = st.progress(0.0, "Making the film …")

    def large() -> Iterator[np.ndarray]:
        factor = max(1, view.side // images.shape[1])
        for i, place in enumerate(order):
            if i % 10 == 0:
                bar.progress(i / len(order), "Making the film …")
            yield media.enlarge(images[place], factor, view.smooth)

    if kind == "gif":
        return media.encode_gif(large(), FPS)
    return media.encode_film(large(), kind, FPS)
