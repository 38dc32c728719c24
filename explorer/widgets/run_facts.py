"""The progress of a run in words, and its command."""

import datetime
from collections.abc import Sequence

import streamlit as st

from explorer.services import (
    run_launcher,
    shown_paths,
)
from explorer.services.run_list import Run
from gan_core.training import dry_run

DOING = {
    "starting": "Starting",
    "packing": "Packing the pictures",
    "publishing": "Writing the model",
    "measuring": "Measuring the finished model",
}


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
