"""The numbers, curves and samples of a run."""

import numpy as np
import streamlit as st
from PIL import Image

from explorer.components.film_player import film
from explorer.services import (
    renderer,
    run_list,
)
from explorer.services.run_list import Run
from explorer.widgets import charts
from gan_core.data import media

FRAMES = 40  # in a film, including the first and the last
SIDE = 512  # maximum side of a frame, in pixels
DISTANCE = "FD-EffNetLite0"


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
