"""Train: start a run on your own pictures, watch it, stop it and resume it."""

import datetime
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.navigation.page import StreamlitPage
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer.components.film_player import film
from explorer.services import (
    renderer,
    run_launcher,
    run_list,
    run_processes,
    shown_paths,
    stranger_text,
    trust,
    uploads,
)
from explorer.services.run_list import Run
from explorer.state import fragments, session
from explorer.widgets import charts, page_intro
from explorer.widgets.uploader import most, uploader
from gan_core.data import image_sources, media, training_set
from gan_core.training import dry_run, from_folder, presets
from gan_core.training.config import OPTIONS
from gan_core.util.errors import InputError

EVERY = 2.0  # seconds between updates while a run is in progress
MANY = 6  # runs that are listed; older ones are folded away
FRAMES = 40  # in a film, including the first and the last
SIDE = 512  # maximum side of a frame, in pixels
SIZES = (32, 64, 128)
COLOURS: dict[str, Literal["blue", "green", "grey", "red"]] = {
    "running": "blue",
    "finished": "green",
    "stopped": "grey",
    "failed": "red",
}
DOING = {
    "starting": "Starting",
    "packing": "Packing the pictures",
    "publishing": "Writing the model",
    "measuring": "Measuring the finished model",
}
WAYS = {"upload": "Upload a zip", "folder": "Pictures on this computer", "packed": "Packed set"}
# Parts that are redrawn all the time should not fade each time.
STEADY = "<style>.stMain [data-stale=true] { opacity: 1 !important; }</style>"
FEW = 100  # with fewer pictures, a GAN can only memorise them
CONTINUES = "The run continues when this page is closed, and when the app ends."


def page(browse_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    runs = run_list.entries()
    may = trust.allowed(training=True)
    st.html(STEADY)
    row = page_intro.header("Train", "train")
    if runs:
        row.toggle("New run", key="new-run", disabled=not may)
    if not may:
        st.info(trust.reason(training=True))
    if not runs or (may and st.session_state.get("new-run")):
        fragments.guarded(new_run)
    if not runs:
        if not may:
            st.caption("There is no run yet.")
        return
    live = any(run.running for run in runs.values())
    watch = partial(fragments.guarded, partial(watched, browse_page))
    st.fragment(watch, run_every=EVERY if live else None, key="train")()


# A new run.


def new_run() -> None:
    """The form, and the equivalent command."""
    with st.container(border=True):
        ways = dict(WAYS)
        folders, packed = uploads.image_folders(), uploads.packed_sets()
        for kind, there in {"folder": folders, "packed": packed}.items():
            if not there:
                del ways[kind]
        choose_again("new-way", ways, st.session_state.get("way", "upload"))
        may = trust.allowed(training=True)
        way = st.segmented_control(
            "Pictures from",
            ways,
            format_func=lambda way: ways[way],
            key="new-way",
            disabled=not may,
        )
        st.session_state.way = way  # for the next run
        images: str | Path = ""
        data: str | Path = ""
        upload = None
        if way == "folder":
            images = folders[
                st.selectbox("Folder or zip", folders, key="new-folder", disabled=not may)
            ]
        elif way == "packed":
            data = packed[st.selectbox("Training set", packed, key="new-packed", disabled=not may)]
        else:
            upload = uploader(
                f"Zip of pictures, up to {most('training')} MB",
                "training",
                type="zip",
                key=f"new-upload-{st.session_state.get('uploads', 0)}",
            )
        name, preset, size, length = settings(way, images, data)
        shown = images or (upload.name if upload is not None else "pictures.zip")
        given: dict[str, Any] = {"data": data, "preset": preset, "size": size, **length}
        words = run_launcher.arguments(name or "NAME", "" if data else shown, **given)
        show_command(words)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Start",
                type="primary",
                icon=":material/play_arrow:",
                disabled=not name or (way == "upload" and upload is None) or not may,
                on_click=begin,
                args=(name, images, upload, given),
            )
            st.caption(
                f"Equivalent to this command, run in the project’s folder. {CONTINUES}",
                width="stretch",
            )


def settings(
    way: str | None, images: str | Path, data: str | Path
) -> tuple[str, str, int | None, dict[str, float | None]]:
    """(name, preset, size, {"kimg": …, "minutes": …}) from the form."""
    first, second, third, fourth, fifth = st.columns(
        [2.0, 2.0, 1.6, 1.3, 1.3], vertical_alignment="bottom"
    )
    closed = not trust.allowed(training=True)
    name = first.text_input(
        "Name",
        key="new-name",
        max_chars=64,
        placeholder="a name for the model",
        disabled=closed,
    ).strip()
    preset = second.selectbox(
        "Preset",
        ["", *(name for name in presets.PRESETS if name != from_folder.PRESET)],
        format_func=lambda name: name or "By number of pictures",
        key="new-preset",
        disabled=closed,
        help="Network widths, augmentation and length that are known to work.",
    )
    size = None
    if way == "packed":
        shape = training_set.read_card(data)["shape"]
        third.metric("Pictures", f"{shape[0]:,}, {shape[1]} px")
    else:
        choose_again("new-size", SIZES, 64)
        size = third.segmented_control(
            "Size in pixels",
            SIZES,
            key="new-size",
            disabled=closed,
            help="Training at twice the size takes four times as long.",
        )
    usual = usual_length(str(images), str(data), preset, size or 64)
    length = OPTIONS["kimg"]
    kimg = fourth.number_input(
        f"Length in {length.unit}",
        min_value=0.1,
        value=None,
        step=50.0,
        format="%g",
        key="new-kimg",
        placeholder=f"{usual:g}" if usual else "preset",
        disabled=closed or bool(st.session_state.get("new-minutes")),
        help=f"{length.sentence} Left empty, the preset decides. A finished run can be extended.",
    )
    minutes = fifth.number_input(
        "Or in minutes",
        min_value=0.5,
        value=None,
        step=1.0,
        format="%g",
        key="new-minutes",
        placeholder="no limit",
        disabled=closed,
        help="The model is published when this time has passed, counted from the start of "
        "training. The run estimates how many kimg it will reach.",
    )
    return name, preset, size, {"kimg": None if minutes else kimg, "minutes": minutes}


def choose_again(key: str, options: Collection, usual: str | int) -> None:
    """Keep a choice from being switched off by a second click on it."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = usual if usual in options else next(iter(options))


@st.cache_data(ttl=60, max_entries=32, show_spinner=False)
def usual_length(images: str, data: str, preset: str, size: int) -> float | None:
    """The kimg that a preset chooses, or None while the pictures are unknown."""
    try:
        if data:
            count, size, _, channels = training_set.read_card(data)["shape"]
        elif images:
            count, channels = image_sources.count(images), 3
        else:
            return None
        return presets.choose(preset or from_folder.PRESET, count, size, channels)["kimg"]
    except InputError:
        return None


def begin(
    name: str, images: str | Path, upload: UploadedFile | None, given: dict[str, Any]
) -> None:
    """Start the run that the form describes."""
    try:
        trust.check(training=True)
        run_launcher.check_name(name)
        if upload is not None:
            images = uploads.save_upload(name, upload)
        for given_path in (given["data"], "" if upload is not None else images):
            if given_path and not uploads.confined(given_path):
                raise InputError(
                    "These pictures are not in a folder that the app was started with."
                )
        run_launcher.start(name, run_launcher.arguments(name, images, **given))
    except InputError as error:
        session.warn(str(error))
        return
    session.set_view(run=name)
    st.session_state["new-run"] = False
    st.session_state.uploads = st.session_state.get("uploads", 0) + 1  # an empty upload field
    session.say(f"{name} has started.")
    count = image_sources.count(images) if images else FEW
    if count < FEW:
        session.warn(
            f"{count} picture{' is' if count == 1 else 's are'} too few: the model will mostly "
            f"repeat them. Several hundred work better; {name} can be stopped at any time."
        )


# The existing runs.


def watched(browse_page: StreamlitPage | None) -> None:
    """All runs in a list, and one of them in full; redrawn while a run is in progress."""
    run_processes.reap()
    runs = run_list.entries()
    states = {name: run.state for name, run in runs.items()}
    before = st.session_state.get("run_states")
    st.session_state.run_states = states
    if before is not None and before != states:
        st.rerun()  # updates the menus elsewhere, and how often this part is redrawn
    if not runs:
        return
    for each in runs.values():
        uploads.tidy(each)
    chosen = session.view().run
    if chosen and chosen not in runs:
        st.info(f"There is no run called {stranger_text.plain(chosen)}; another one is shown.")
    run = runs.get(chosen) or next(iter(runs.values()))
    listed = list(runs.values())
    rows(listed[:MANY], run)
    if listed[MANY:]:
        with st.expander(f"{len(listed) - MANY} older runs", expanded=run in listed[MANY:]):
            rows(listed[MANY:], run)
    st.space("xsmall")
    detail(run, browse_page)
    session.follow()
    session.show_messages()


def rows(listed: Iterable[Run], chosen: Run) -> None:
    with st.container(gap="small"):
        for run in listed:
            row(run, run is chosen)


def row(run: Run, chosen: bool) -> None:
    """One run in a line."""
    # Smaller gaps within a row than between rows, because on a phone a row takes two lines.
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.button(
            stranger_text.plain(run.name),
            key=f"run-{run.name}",
            width=150,
            type="primary" if chosen else "secondary",
            on_click=session.set_view,
            kwargs={"run": run.name},
        )
        st.badge(run.state, color=COLOURS[run.state])
        st.caption(" · ".join(facts(run)), width="stretch")


def facts(run: Run) -> list[str]:
    """The progress of a run, in a few words each."""
    words = [f"{run.shown:,.4g} kimg"]
    if run.minutes and run.state == "finished":
        words = [f"{run.shown:,.4g} kimg in {run.minutes:g} minutes"]
    elif run.total:
        total = f"about {run.total:,.4g}" if run.minutes else f"{run.total:,g}"
        words = [f"{run.shown:,.4g} of {total} kimg"]
    if run.running:
        words += [DOING[run.doing]] if run.doing in DOING else []
        if run.left is not None and run.doing == "training":
            words.append(f"{dry_run.duration(run.left)} left")
    elif run.at:
        words.append(ago(run.at))
    return words


def ago(at: float) -> str:
    """A time in everyday words."""
    then = datetime.datetime.fromtimestamp(at)
    today = datetime.datetime.now().date()
    day = "today" if then.date() == today else f"{then.day} {then:%B}"
    return f"{day}, {then:%H:%M}"


def detail(run: Run, browse_page: StreamlitPage | None) -> None:
    """One run in full."""
    head(run, browse_page)
    if run.reason:
        st.error(stranger_text.sentence(run.reason))
    if run.running or run.total:
        share = min(run.shown / run.total, 1.0) if run.total else 0.0
        st.progress(share, progress_words(run))
    numbers(run)
    for note in uploads.notes(run):
        st.caption(stranger_text.sentence(note))
    added(run)
    if run.running or run.lines or run_list.grids(run):
        left, right = st.columns([5, 6], gap="large")
        with left:
            grids(run)
        with right:
            curves(run)
    if run.arguments:
        with st.expander("The command"):
            show_command(run.arguments)
            st.caption("The same command resumes from the last snapshot.")
    output = run_list.output_lines(run.directory)
    if output:
        with st.expander("Output"):
            lines = map(shown_paths.shown, output)
            st.code("\n".join(lines), language=None, wrap_lines=True)


def show_command(words: Sequence[str]) -> None:
    """A command of `python -m gan_core`, with the paths that this visitor may see."""
    words = [shown_paths.shown(word) for word in words]
    st.code(run_launcher.command(words), language="bash", wrap_lines=True)


def progress_words(run: Run) -> str:
    if run.running and run.doing in DOING:
        return DOING[run.doing] + " …"
    if run.running and not run.lines:
        return "Starting; the first values appear after 2 kimg …"
    return " · ".join(facts(run)[:2] if run.running else facts(run)[:1])


def head(run: Run, browse_page: StreamlitPage | None) -> None:
    """The name and the buttons of a run."""
    may = trust.allowed(training=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(stranger_text.plain(run.name), anchor=False, width="content")
        if run.running:
            stopping = st.session_state.setdefault("stopping", {})
            waiting = stopping.get(run.name) == run.at_start
            st.button(
                "Stopping …" if waiting else "Stop",
                icon=":material/stop:",
                key="stop",
                disabled=waiting or not may,
                on_click=stop,
                args=(run,),
                help="Stops after the current step and saves a snapshot.",
            )
        elif run.arguments and run.state != "finished":
            begun = run_list.has_begun(run)
            st.button(
                "Resume" if begun else "Try again",
                icon=":material/play_arrow:",
                key="resume",
                on_click=resume,
                args=(run,),
                disabled=not may,
                help="Resumes from the last snapshot." if begun else "Runs the same command again.",
            )
            if not begun:
                st.button(
                    "Remove",
                    icon=":material/delete:",
                    key="remove",
                    on_click=remove,
                    args=(run,),
                    disabled=not may,
                    help="Removes it from the list, together with the pictures uploaded for it.",
                )
        elif run.arguments and run.total:
            with st.popover("Train longer", icon=":material/more_time:"):
                name = "minutes" if run.minutes else "kimg"
                before = run.minutes or run.total
                length = st.number_input(
                    f"Length in {OPTIONS[name].unit}",
                    min_value=before,
                    value=before * 1.5,
                    format="%g",
                    key=f"longer-{run.name}",
                    disabled=not may,
                )
                st.button(
                    "Continue",
                    key="longer",
                    disabled=length <= before or not may,
                    on_click=resume,
                    args=(run,),
                    kwargs={name: length},
                )
        model = run_list.model_of(run)
        if model and browse_page is not None:
            st.page_link(
                browse_page,
                label="See the model",
                icon=":material/grid_view:",
                query_params={"model": model},
            )


def stop(run: Run) -> None:
    try:
        run_launcher.stop(run)
        st.session_state.setdefault("stopping", {})[run.name] = run.at_start
    except InputError as error:
        session.warn(str(error))
        fragments.redraw()


def resume(run: Run, kimg: float | None = None, minutes: float | None = None) -> None:
    try:
        run_launcher.resume(run, kimg, minutes)
    except InputError as error:
        session.warn(str(error))
    fragments.redraw()


def remove(run: Run) -> None:
    try:
        run_launcher.remove(run)
        session.set_view(run="")
        session.say(f"{run.name} has been removed.")
    except InputError as error:
        session.warn(str(error))
    fragments.redraw()


def numbers(run: Run) -> None:
    """The most important numbers, in one line."""
    when = "" if run.running else " at the end"
    words = [f"{run.rate:,.3g} images/s{when}"] if run.rate else []
    measured = [line for line in run.lines if DISTANCE in line]
    if measured:
        best = min(measured, key=lambda line: line[DISTANCE])
        words.append(f"best {DISTANCE} {best[DISTANCE]:.1f}, at {best['kimg']:,g} kimg")
    spread = [line["diversity"] for line in run.lines if "diversity" in line]
    if spread:
        words.append(f"diversity {spread[-1]:.0%} of that of the training images")
    if words:
        st.caption(" · ".join(words))


def added(run: Run) -> None:
    """That pictures were added after a run began, and the way to use them."""
    count = uploads.added(run)
    if not count:
        return
    label = uploads.label_of(uploads.source_of(run) or Path())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            f"{from_folder.new_pictures(count)}, which goes on with those it began with. A new run "
            "uses all.",
            icon=":material/add_photo_alternate:",
            width="stretch",
        )
        st.button(
            "New run with all",
            key="use-new",
            on_click=use_new,
            args=(run, label),
            disabled=label is None or not trust.allowed(training=True),
        )


def use_new(run: Run, label: str) -> None:
    """Fill in the form of a new run with the folder of a run."""
    size = training_set.read_card(run.directory / "training_set")["shape"][1]
    names = (f"{run.name}-{number}" for number in range(2, 1000))
    free = next((name for name in names if not (run_list.folder() / name).exists()), "")
    st.session_state.way = "folder"
    st.session_state.update({"new-run": True, "new-way": "folder", "new-folder": label})
    st.session_state.update({"new-name": free, "new-size": size})
    fragments.redraw()


DISTANCE = "FD-EffNetLite0"


# Samples and curves.


def grids(run: Run) -> None:
    """The sample grids, which all show the same 64 latents, as a film."""
    frames = [
        {"src": src, "words": f"{kimg:,} kimg"}
        for kimg, path, at in charts.thin(run_list.grids(run), FRAMES)
        if (src := frame(str(path), at))
    ]
    if not frames:
        first = run_list.first_grid(run)
        when = f" at {first:g} kimg" if first else " later"
        st.caption(
            f"The first samples appear{when}: the same 64 latents at every stage."
            if run.running
            else f"The run ended before its first samples{when if first else ''}."
        )
        return
    film("film", frames, name=run.name, label=f"Samples of {run.name}")
    st.caption("The same 64 latents at every stage. Drag to watch them develop.")


@st.cache_data(max_entries=512, show_spinner=False)
def frame(path: str, at: float) -> str | None:
    """A sample grid as a data URL, or None when it cannot be read. at: when it was written."""
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    if max(image.size) > SIDE:
        image = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    return renderer.data_url(media.encode(np.asarray(image), "JPEG", quality=88), "jpeg")


def curves(run: Run) -> None:
    """The losses, D's scores of real and generated pictures, and the distance."""
    shown = {
        "Losses": {
            "d_loss": ("discriminator", charts.FIRST),
            "g_loss": ("generator", charts.SECOND),
        },
        "D(x), the mean over a batch": {
            "d_real": ("training images", charts.FIRST),
            "d_fake": ("samples", charts.SECOND),
        },
        f"{DISTANCE} to the training images": {DISTANCE: ("samples", charts.SECOND)},
    }
    drawn = False
    for title, series in shown.items():
        figure = charts.run_curves(run.lines, series)
        if figure is not None:
            st.markdown(f"**{title}**")
            charts.show(figure, f"curve-{title}")
            drawn = True
    if not drawn and run.running:
        st.caption("The curves start with the first line of the log, after 2 kimg.")
