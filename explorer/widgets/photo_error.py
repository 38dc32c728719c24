"""What is left between a photo and its closest picture, beside the errors of other pictures."""

from collections.abc import Mapping, Sequence

import streamlit as st

from explorer.services import run_launcher, stranger_text
from explorer.widgets import charts
from gan_core.checkpoint import Model
from gan_core.latent_space import inversion

KINDS = {
    "samples": "the generator’s own samples",
    "training": "training images",
    "held-out": "held-out images",
}


def meaning(model: Model, now: inversion.Progress | None, ended: bool) -> None:
    """The error, compared with those of other pictures.

    now: how far the model's search is, or None; ended: whether it has ended.
    """
    measured = inversion.load_metrics(model)
    error = now.error if now is not None and ended else None
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
        "exactly, so their error is due to the search; any error of a photo beyond that is what "
        "the generator cannot draw."
    )


def chart(errors: Mapping[str, Sequence[float]], error: float | None) -> None:
    """A dot for every measured picture, and a line for the photo."""
    rows = [
        (KINDS[kind].replace("the generator’s own ", "").capitalize(), values)
        for kind, values in errors.items()
    ]
    charts.show(charts.dots(rows, error, "your photo"), "photo-errors")
