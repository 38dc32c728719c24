"""The form of the page Train for a new run, and the equivalent command."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer.services import (
    run_launcher,
    stranger_text,
    trust,
    uploads,
)
from explorer.state import session
from explorer.widgets import expected_time, train_preview
from explorer.widgets.run_facts import show_command
from explorer.widgets.uploader import most, uploader
from gan_core.data import image_sources, training_set
from gan_core.training import from_folder, presets
from gan_core.training.config import OPTIONS
from gan_core.util.errors import InputError

SIZES = (32, 64, 128)
WAYS = {"upload": "Upload a zip", "folder": "Pictures on this computer", "packed": "Packed set"}
CONTINUES = "The run continues when this page is closed and when the app stops."


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
        way: str | None = "upload"
        if len(ways) > 1:
            way = st.segmented_control(
                "Pictures from",
                ways,
                format_func=lambda way: ways[way],
                key="new-way",
                persist_state="session",
                disabled=not may,
            )
        st.session_state.way = way  # for the next run
        images: str | Path = ""
        data: str | Path = ""
        upload = None
        if way == "folder":
            images = folders[
                st.selectbox(
                    "Folder or zip",
                    folders,
                    key="new-folder",
                    persist_state="session",
                    disabled=not may,
                )
            ]
        elif way == "packed":
            data = packed[
                st.selectbox(
                    "Training set",
                    packed,
                    key="new-packed",
                    persist_state="session",
                    disabled=not may,
                )
            ]
        else:
            upload = uploader(
                f"Zip of pictures, up to {most('training')} MB",
                "training",
                type="zip",
                key=f"new-upload-{st.session_state.get('uploads', 0)}",
            )
        preview = None
        # The preview has a place of its own: if it moved the fields below it down, a name that is
        # being typed while the pictures are looked at would be lost.
        with st.container():
            if upload is not None:
                preview = train_preview.of_upload(upload)
            elif images:
                preview = train_preview.of_path(str(images))
            if preview is not None:
                train_preview.show(preview)
        pictures = preview.count if preview is not None else 0
        name, refused, preset, size, length = settings(way, images, data, pictures)
        shown = images or (upload.name if upload is not None else "pictures.zip")
        given: dict[str, Any] = {"data": data, "preset": preset, "size": size, **length}
        words = run_launcher.arguments(name or "NAME", "" if data else shown, **given)
        show_command(words)
        if may:
            expected_time.show(pictures, str(data), preset, size or 64, **length)
        missing = what_is_missing(
            way == "upload" and upload is None,
            "a name" if not name else "another name" * refused,
            preview is not None and bool(preview.problem),
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Start",
                type="primary",
                icon=":material/play_arrow:",
                disabled=bool(missing) or not may,
                on_click=begin,
                args=(name, images, upload, given),
            )
            st.caption(
                f"{missing} " * bool(missing and may)
                + f"Equivalent to this command, run in the project’s folder. {CONTINUES}",
                width="stretch",
            )


def what_is_missing(pictures: bool, name: str, unusable: bool) -> str:
    """A sentence that says what Start waits for, or "".

    pictures: whether they have not been given; unusable: whether they cannot be used. name: what is
    needed in its place, or "".
    """
    if unusable:
        return "**These pictures cannot be used; choose others.**"
    parts = ["a zip of pictures"] * pictures + [name] * bool(name)
    return f"**Start needs {' and '.join(parts)}.**" if parts else ""


def settings(
    way: str | None, images: str | Path, data: str | Path, count: int = 0
) -> tuple[str, bool, str, int | None, dict[str, float | None]]:
    """(name, whether it is refused, preset, size, {"kimg": …, "minutes": …}) from the form.

    count: pictures in a folder or zip, 0 while they are unknown.
    """
    first, second, third, fourth, fifth = st.columns([2.0, 2.0, 1.6, 1.3, 1.3])
    closed = not trust.allowed(training=True)
    name = first.text_input(
        "Name",
        key="new-name",
        persist_state="session",
        max_chars=64,
        placeholder="a name for the model",
        disabled=closed,
    ).strip()
    problem = "" if closed else name_problem(name)
    if problem:  # the last thing in its column, so that no field moves
        with first:
            st.caption(f":red[:material/error:] {stranger_text.sentence(problem)}")
    preset = second.selectbox(
        "Preset",
        ["", *(name for name in presets.PRESETS if name != from_folder.PRESET)],
        format_func=lambda name: name or "By number of pictures",
        key="new-preset",
        persist_state="session",
        disabled=closed,
        help="Network widths, augmentation and length that are known to work.",
    )
    size = None
    if way == "packed":
        shape = training_set.read_card(data)["shape"]
        third.metric(f"Pictures of {shape[1]} px", f"{shape[0]:,}")
    else:
        choose_again("new-size", SIZES, 64)
        size = third.segmented_control(
            "Size in pixels",
            SIZES,
            key="new-size",
            persist_state="session",
            disabled=closed,
            help="Training at twice the size takes four times as long.",
        )
    usual = usual_length(count, str(data), preset, size or 64)
    length = OPTIONS["kimg"]
    kimg = fourth.number_input(
        f"Length in {length.unit}",
        min_value=0.1,
        value=None,
        step=50.0,
        format="%g",
        key="new-kimg",
        persist_state="session",
        placeholder=f"{usual:g}" if usual else "preset",
        disabled=closed or bool(st.session_state.get("new-minutes")),
        help=f"{length.sentence} If empty, the preset decides. A finished run can be extended.",
    )
    minutes = fifth.number_input(
        "Or in minutes",
        min_value=0.5,
        value=None,
        step=1.0,
        format="%g",
        key="new-minutes",
        persist_state="session",
        placeholder="no limit",
        disabled=closed,
        help="The model is published when this time has passed, counted from the start of "
        "training. The run estimates how many kimg it will reach.",
    )
    return (
        name,
        bool(problem),
        preset,
        size,
        {"kimg": None if minutes else kimg, "minutes": minutes},
    )


def name_problem(name: str) -> str:
    """Why a new run cannot have this name, or "". An empty field is no problem yet.

    Where no run can be started at all, that is no matter of its name, and is said further below.
    """
    try:
        run_launcher.target()
    except InputError:
        return ""
    try:
        if name:
            run_launcher.check_name(name)
    except InputError as error:
        return str(error)
    return ""


def choose_again(key: str, options: Collection, usual: str | int) -> None:
    """Keep a choice from being switched off by a second click on it."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = usual if usual in options else next(iter(options))


@st.cache_data(ttl=60, max_entries=32, show_spinner=False)
def usual_length(pictures: int, data: str, preset: str, size: int) -> float | None:
    """The kimg that a preset chooses, or None while the pictures are unknown."""
    try:
        plan = expected_time.planned(pictures, data, preset, size, None)
        return plan and plan[0].kimg
    except InputError:
        return None


def begin(
    name: str, images: str | Path, upload: UploadedFile | None, given: dict[str, Any]
) -> None:
    """Start the run that the form describes."""
    saved = None
    try:
        trust.check(training=True)
        run_launcher.check_name(name)
        if upload is not None:
            images = saved = uploads.save_upload(name, upload)
        for given_path in (given["data"], "" if upload is not None else images):
            if given_path and not uploads.confined(given_path):
                raise InputError(
                    "These pictures are not in a folder that the app was started with."
                )
        run_launcher.start(name, run_launcher.arguments(name, images, **given))
    except InputError as error:
        if saved is not None:
            uploads.discard(saved)
        session.warn(str(error))
        return
    session.set_view(run=name)
    st.session_state.update({"new-run": False, "new-name": "", "new-kimg": None})
    st.session_state["new-minutes"] = None
    st.session_state.uploads = st.session_state.get("uploads", 0) + 1  # an empty upload field
    session.say(f"{name} has started.")
    count = image_sources.count(images) if images else train_preview.FEW
    if count < train_preview.FEW:
        session.warn(
            f"{count} picture{' is' if count == 1 else 's are'} too few: the model will mostly "
            f"repeat them. Several hundred work better; {name} can be stopped at any time."
        )
