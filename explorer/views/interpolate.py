"""Interpolate: a path through two to eight latents."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components import browser_rendering
from explorer.components.canvas import axis, canvas
from explorer.components.motions import Path
from explorer.components.tiles import tiles
from explorer.services import renderer, stranger_text
from explorer.state import fragments, session, tray, url_state
from explorer.state.url_state import View
from explorer.widgets import (
    add_to_tray,
    alt_text,
    charts,
    compare_with,
    key_classes,
    model_picker,
    neighbours_link,
    path_film,
    space_choice,
    start_from_tray,
    truncation,
)
from explorer.widgets.keyframes import MODES, choose_keyframes, frame_count
from gan_core import latent
from gan_core.checkpoint import Model
from gan_core.metrics import path_length

COLOURS = (charts.FIRST, charts.SECOND)  # of the first and the second path


def page(card_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Interpolate", "interpolate", card_page)
    start_from_tray.keyframes(name, model)
    keyframes = choose_keyframes(name, model)
    settings(name, model)
    other = compare_with.chosen(name, model)
    if keyframes is None:
        return
    view = session.view()
    end = len(keyframes) - (0 if view.closed else 1)
    if view.at > end:
        session.set_view(at=float(end))
    key_classes.say_border(model, keyframes, path_modes(view)[0], view.closed)
    explore(name, model, keyframes, other)
    view = session.view()
    st.subheader("Film", anchor=False)
    path_film.panel(name, model, keyframes, path_modes(view))


def path_modes(view: View) -> tuple[str, ...]:
    return ("slerp", "lerp") if view.mode == "both" else (view.mode,)


@fragments.panel("canvas")
def explore(
    name: str, model: Model, keyframes: np.ndarray, other: tuple[str, Model] | None
) -> None:
    """The picture on the path, the frames of the path, and the path as files."""
    view = session.view()
    modes = path_modes(view)
    segments = len(keyframes) if view.closed else len(keyframes) - 1
    at = view.at
    # A single path is beside its picture; two paths are below theirs.
    with st.container(key="on-path"):
        left, right = st.columns(2, gap="large") if len(modes) == 1 else (st.container(),) * 2
    with left:
        z, _ = canvas(
            "path-canvas",
            compare_with.drawer(model, other),
            [Path(keyframes, mode, view.closed) for mode in modes],
            [axis("Position", 0, segments, ticks=list(range(segments + 1)))],
            [at],
            lambda values, _: session.set_view(at=round(values[0], 2)),
            label=f"Picture of {name} at position {at:.2f} of the path",
            shows=alt_text.of_canvas(model) if other is None else None,
            panes=[
                pane
                for mode in modes
                for pane in compare_with.panes(name, other, MODES[mode] if len(modes) > 1 else "")
            ],
            smooth=view.smooth,
            browser=browser_rendering.addresses(model) if other is None else None,
        )
        images = renderer.pictures(model, z)
    frames = frame_count(segments, view)
    paths = {
        m: renderer.pictures(model, latent.path(keyframes, frames, m, view.closed)) for m in modes
    }
    with right:
        for place, mode in enumerate(modes):
            readout(name, model, z[place], images[place], mode, at)
            filmstrip(mode, paths[mode], view, at, row=len(modes) > 1 or other is not None)
            if other is not None:
                st.caption(f"{stranger_text.plain(other[0])}, the same latents")
                beside = latent.path(keyframes, frames, mode, view.closed)
                images_of_other = renderer.pictures(other[1], beside)
                filmstrip(mode, images_of_other, view, at, row=True, of="beside")
        downloads(name, paths, view)
    with left:
        along(model, paths, view, at)


def along(model: Model, paths: Mapping[str, np.ndarray], view: View, at: float) -> None:
    """D(x) at every frame of each path, and the measured path lengths of this model."""
    if model.discriminator is not None:
        series = [
            (MODES[mode], scores, colour)
            for (mode, images), colour in zip(paths.items(), COLOURS, strict=False)
            if (scores := renderer.scores(model, images)) is not None
        ]
        times = np.arange(max(map(len, paths.values()))) / view.step
        charts.show(charts.along_path(series, times, at, "D(x)", 170), "realness-along")
    lengths = path_length.mean_lengths(model.card)
    if lengths:
        means = ", ".join(f"{MODES[mode].lower()} {full:,.0f}" for mode, full in lengths.items())
        st.caption(
            f"Mean perceptual path length of this model: {means}. Shorter means that pictures "
            "change more evenly."
        )


def settings(name: str, model: Model) -> None:
    """Settings of the path."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Interpolation",
            MODES,
            format_func=lambda mode: MODES[mode],
            **session.widget("mode", MODES),
            help="Slerp stays on the sphere on which latents lie; lerp cuts straight through it."
            if model.space == "z"
            else "In w, latents lie on no sphere, so lerp is the natural path.",
        )
        st.toggle("Closed path", **session.widget("closed"))
        with st.popover("View", icon=":material/tune:"):
            st.segmented_control(
                "Frames per segment",
                url_state.STEPS,
                **session.widget("step", url_state.STEPS, closed=True),
                help="The number of pictures from one keyframe to the next.",
            )
            space_choice.control(model)
            if session.view().source == "seeds":
                truncation.slider(model)
            browser_rendering.options()
            compare_with.control(name)


def readout(
    name: str, model: Model, z: np.ndarray, image: np.ndarray, mode: str, at: float
) -> None:
    """Facts about the picture on one path."""
    score = renderer.scores(model, image[None])
    words = [MODES[mode], f"Position {at:.2f}", renderer.length(model.space, z)]
    if score is not None:
        words.append(f"D(x) {score[0]:.3f}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(" · ".join(words), width="content")
        add_to_tray.button(of_path(name, model, z, mode, at), f"add-{mode}")
        neighbours_link.button(of_path(name, model, z, mode, at), f"ask-{mode}")


def of_path(name: str, model: Model, z: np.ndarray, mode: str, at: float) -> tray.Item:
    """A picture of the path as a tray.Item, without a seed."""
    return tray.Item(f"{MODES[mode]} {at:.2f}", name, model.hash, None, 1.0, z, space=model.space)


def filmstrip(
    mode: str, images: np.ndarray, view: View, at: float, row: bool, of: str = ""
) -> None:
    """The frames of a path; a click on one moves the slider there. of: "beside" for the model that
    the first one is compared with.
    """
    times = np.arange(len(images)) / view.step
    nearest = int(np.argmin(np.abs(times - at)))
    tiles(
        f"film-{mode}" + (of and f"-{of}"),
        renderer.sheet(images),
        [
            {
                "id": f"{time:.4f}",
                "label": f"Frame at {time:.2f}" + (", a keyframe" if i % view.step == 0 else ""),
                "current": i == nearest,
                "key": i % view.step == 0,
            }
            for i, time in enumerate(times)
        ],
        lambda time: session.set_view(at=round(float(time), 2)),
        label=f"Filmstrip, {MODES[mode]}",
        width=72,
        row=row,
        smooth=view.smooth,
    )


def downloads(name: str, paths: Mapping[str, np.ndarray], view: View) -> None:
    """The path as a strip, made on request. Slerp and lerp are side by side in one file."""
    beside = np.concatenate(list(paths.values()), axis=2)
    with st.container(horizontal=True):
        st.download_button(
            "Save the frames, PNG",
            partial(renderer.strip_png, beside),
            f"{name}-{view.mode}.png",
            "image/png",
            key="film-png",
            icon=":material/download:",
            on_click="ignore",
        )
