"""The nearest training images of the samples on a path."""

import numpy as np
import streamlit as st

from explorer.components.canvas import axis, canvas
from explorer.components.motions import Path
from explorer.components.tiles import tiles
from explorer.services import nearest, references, renderer, trust
from explorer.state import session
from explorer.state.url_state import View
from explorer.widgets import (
    charts,
    copy_evidence,
    distance_space,
    picture_neighbours,
    training_image_facts,
)
from explorer.widgets.keyframes import frame_count
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet

# While the slider is dragged, the text is still about the position where the drag began.
GREY_WHILE_DRAGGED = """<style>
.stMain:has(.st-key-path-canvas:active) :is(.st-key-path-evidence, .st-key-path-facts) {
  opacity: 0.4;
}
</style>"""


def show(name: str, model: Model, data: TrainingSet, keyframes: np.ndarray) -> None:
    """Show the nearest training image at the slider's position and along the whole path."""
    view = session.view()
    if not nearest.ready(view.space, model, data):
        return
    segments = len(keyframes) - (0 if view.closed else 1)
    if view.at > segments:
        session.set_view(at=float(segments))
        view = session.view()
    path = Path(keyframes, view.mode, view.closed)
    times = np.arange(frame_count(segments, view)) / view.step
    images = renderer.pictures(model, path.latents(times[:, None]))
    parts = nearest.search(model, data, images, view.space, 1)
    matches = nearest.Neighbours(*(part[:, 0] for part in parts))
    st.html(GREY_WHILE_DRAGGED)
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(key="path-canvas"):
        z, _ = canvas(
            "beside-canvas",
            nearest.Beside(model, data, view.space),
            [path],
            [axis("Position", 0, segments, ticks=list(range(segments + 1)))],
            [view.at],
            lambda values, _: session.set_view(at=round(values[0], 2)),
            label=f"Picture of {name} at position {view.at:.2f} of the path, and its nearest"
            " training image",
            panes=["Sample", "Nearest training image"],
            smooth=view.smooth,
            panel="neighbours",
        )
    here = renderer.pictures(model, z)
    closest = nearest.find(model, data, here[0], view.space, 1)
    with right, st.container(key="path-evidence"):
        judged = show_answer(model, data, here[0], closest, view.space)
    percentiles = (
        references.percentiles(model, data, matches.distances, view.space) if judged else {}
    )
    with st.container(key="path-facts"):
        training_image_facts.show_with_distance(data, closest, 0, view.space)
    place = int(np.argmin(np.abs(times - view.at)))
    kind, shares = next(iter(percentiles.items()), ("", [None] * len(times)))
    tiles(
        "pair-tiles",
        renderer.pairs(images, nearest.take(data, matches)),
        [
            {
                "id": f"{time:.4f}",
                "label": f"Position {time:.2f}: sample above, training image {index} below,"
                f" {distance_space.distance_text(distance, view.space)}",
                "caption": distance_space.distance_text(distance, view.space)
                if share is None
                else distance_space.short_percent_text(share),
                "current": i == place,
                "key": i % view.step == 0,
            }
            for i, (time, index, distance, share) in enumerate(
                zip(times, matches.indices, matches.distances, shares, strict=True)
            )
        ],
        lambda time: session.set_view(at=round(float(time), 2)),
        label="Samples of the path above their nearest training images",
        width=84,
        row=True,
        smooth=view.smooth,
    )
    if not percentiles:
        return
    st.caption(
        "Each sample is above its nearest training image. The percentage says how many"
        f" {kind} images are closer to a training image than the sample is."
    )
    chart_along_path(model, data, times, matches.distances, view)


def show_answer(
    model: Model, data: TrainingSet, image: np.ndarray, closest: nearest.Neighbours, space: str
) -> bool:
    """Show the answer at the slider's position, from one space.

    Returns False while the distances of real images are being measured.
    """
    try:
        evidence = copy_evidence.gather(model, data, closest, space, "sample")
    except trust.Refused as error:
        st.caption(f"The distances of real images have not been measured. {error}")
        return False
    if evidence is None:
        return False
    index = int(closest.indices[0])
    picture_neighbours.show_answer(model, data, image, "sample", {space: evidence}, index)
    return True


def chart_along_path(
    model: Model, data: TrainingSet, times: np.ndarray, distances: np.ndarray, view: View
) -> None:
    """A chart of the distance along the path, with a band of the distances of held-out images."""
    real = references.real_distances(view.space, model, data)
    distances_of_real = real["held-out"] if len(real["held-out"]) else real["training"]
    low, middle, high = np.quantile(distances_of_real, [0.05, 0.5, 0.95])
    band = (low, middle, high)
    series = [("samples", distances, charts.SAMPLES)]
    charts.show(charts.along_path(series, times, view.at, "distance", 200, band), "along")
    st.caption(
        "Distance to the nearest training image along the path, in"
        f" {distance_space.UNITS.get(view.space, '1 − cosine')}. The band holds 90 % of held-out"
        " images."
    )
