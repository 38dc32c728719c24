"""How long a run will take, said before it starts where that can be known."""

import streamlit as st

from explorer.services import run_speed, stranger_text
from explorer.services.run_speed import Speed
from gan_core.data import training_set
from gan_core.training import dry_run, from_folder, presets
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError

BESIDES = "Packing the pictures and measuring the finished model take extra time."


def show(
    pictures: int, data: str, preset: str, size: int, kimg: float | None, minutes: float | None
) -> None:
    """The expected time of a run, or the progress of its measurement; nothing while unknown.

    pictures: in a folder or zip, 0 while there is none. data: directory of a packed training set
    instead, or "". kimg, minutes: the length, if one was chosen.
    """
    if minutes:
        st.caption(in_a_time_box(minutes))
        return
    try:
        plan = planned(pictures, data, preset, size, kimg)
        if plan is None:
            return
        speed = run_speed.earlier(*plan) or run_speed.measure(*plan)
    except InputError:  # Start says why this cannot be trained
        return
    if speed:
        st.caption(in_words(plan[0].kimg, speed))


def planned(
    pictures: int, data: str, preset: str, size: int, kimg: float | None
) -> tuple[TrainingConfig, int, int] | None:
    """(options, side in pixels, channels) of the run, or None while there are no pictures."""
    if data:
        count, size, _, channels = training_set.read_card(data)["shape"]
    elif pictures:
        count, channels = from_folder.training_images(pictures), 3
    else:
        return None
    options = presets.choose(preset or from_folder.PRESET, count, size, channels)
    return TrainingConfig(**options | ({"kimg": kimg} if kimg else {})), size, channels


def in_a_time_box(minutes: float) -> str:
    return (
        f"**Expected time: {dry_run.duration(60 * minutes)}**, as chosen. "
        "Packing the pictures comes before, and measuring the finished model after it."
    )


def in_words(kimg: float, speed: Speed) -> str:
    """The expected time and where it is known from, in two sentences."""
    time = dry_run.duration(1000 * kimg / speed.images_per_second)
    if speed.run:
        name = stranger_text.plain(speed.run)
        source = f"at the speed of {name}, which trained the same networks here"
    else:
        source = f"an estimate, measured over {speed.steps} steps on this computer"
    return f"**Expected time: about {time}**, {source}. {BESIDES}"
