"""Browse: a grid of samples, one per seed."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components.tiles import WIDTHS, tiles
from explorer.services import attribute_labels, renderer, stranger_text
from explorer.state import fragments, session, url_state
from explorer.state.url_state import View
from explorer.widgets import add_to_tray, model_picker, picture_dialog
from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.checkpoint import Model
from gan_core.latent import MAX_SEED

REAL = ""  # the discriminator's score, in place of an attribute's name
SORTS = {"seed": "Seed", "real": "Most real", "fake": "Least real"}
BY_ATTRIBUTE = SORTS | {"real": "Most", "fake": "Least"}


def page(card_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Browse", card_page)
    classifier = attribute_labels.classifier_of(model)
    settings(model, classifier)
    view = session.view()
    seeds = [seed for seed in range(view.seed, view.seed + view.n) if seed <= MAX_SEED]
    z = renderer.latents(model, seeds, view.psi)
    images = renderer.pictures(model, z)
    scores = judge(model, classifier, images)
    order = sort(scores, view.sort, len(seeds))
    turn(view)
    grid(name, model, [seeds[i] for i in order], images[order], pick(scores, order))
    note(model, classifier, scores)


def settings(model: Model, classifier: Classifier | None) -> None:
    """The controls above the grid."""
    first, second, third = st.columns([1.3, 2, 3], vertical_alignment="bottom")
    first.number_input(
        "First seed",
        0,
        MAX_SEED,
        step=1,
        help="The first picture’s seed; each following picture has the next seed.",
        **session.widget("seed"),
    )
    second.slider(
        "Truncation ψ",
        0.0,
        url_state.MAX_PSI,
        step=0.05,
        help="Below 1, pictures are more typical and less varied; above 1, more extreme.",
        **session.widget("psi"),
    )
    with third.container(horizontal=True, vertical_alignment="bottom"):
        measures = [REAL] * (model.discriminator is not None)
        measures += classifier.recognised if classifier else []
        score = session.widget("by", measures or [REAL])
        if measures not in ([], [REAL]):
            st.selectbox(
                "Score",
                measures,
                format_func=lambda name: readable_name(name) or "D(x), realness",
                width=170,
                **score,
                help=(
                    "The value shown under each picture and used for sorting: the discriminator's "
                    "score, or the classifier's probability of an attribute."
                ),
            )
        if measures:
            words = SORTS if session.view().by == REAL else BY_ATTRIBUTE
            st.segmented_control(
                "Order",
                SORTS,
                format_func=lambda order: words[order],
                **session.widget("sort", SORTS),
                help="Order the pictures on this page by seed or by score.",
            )


def judge(model: Model, classifier: Classifier | None, images: np.ndarray) -> np.ndarray | None:
    """The chosen score of each picture, float32 (N,) in [0, 1], or None if there is none."""
    by = session.view().by
    if classifier and by in classifier.recognised:
        return renderer.labels(classifier, images)[:, classifier.column(by)]
    return renderer.scores(model, images)


def sort(scores: np.ndarray | None, order: str, n: int) -> np.ndarray:
    """The indices of the pictures in the chosen order."""
    if scores is None or order == "seed":
        return np.arange(n)
    return np.argsort(scores if order == "fake" else -scores, kind="stable")


def pick(scores: np.ndarray | None, order: np.ndarray) -> np.ndarray | None:
    return None if scores is None else scores[order]


def turn(view: View) -> None:
    """Buttons for earlier and later seeds, and the settings of the grid."""
    with st.container(horizontal=True, vertical_alignment="center"):
        first, last = turned(view, -1) == view.seed, turned(view, 1) == view.seed
        for label, icon, way, end in (
            ("Previous", "chevron_left", -1, first),
            ("Next", "chevron_right", 1, last),
        ):
            icon = f":material/{icon}:"
            st.button(label, icon=icon, disabled=end, on_click=turn_page, args=(way,))
        st.button("Random seed", icon=":material/casino:", on_click=random_seed)
        with st.popover("View", icon=":material/tune:"):
            st.segmented_control(
                "Pictures", url_state.NUMBERS, **session.widget("n", url_state.NUMBERS, closed=True)
            )
            st.segmented_control(
                "Size",
                url_state.SIZES,
                format_func=str.capitalize,
                **session.widget("size", url_state.SIZES, closed=True),
            )
            st.toggle("Smooth scaling", **session.widget("smooth", closed=True))


def turned(view: View, way: int) -> int:
    """The first seed one page earlier (−1) or later (1)."""
    return min(max(view.seed + way * view.n, 0), MAX_SEED)


def turn_page(way: int) -> None:
    # Relative to the current view, so that the second of two quick clicks goes one page further.
    session.set_view(seed=turned(session.view(), way))


def random_seed() -> None:
    # Six digits are easy to pass on.
    session.set_view(seed=int(np.random.default_rng().integers(1_000_000)))


@fragments.panel("grid")
def grid(
    name: str, model: Model, seeds: Sequence[int], images: np.ndarray, scores: np.ndarray | None
) -> None:
    """The pictures. A first click puts a picture on the tray, the next one enlarges it."""
    view = session.view()
    measure = f"{readable_name(view.by)} " if view.by else "D(x) "
    on_tray = {
        seed: item
        for seed in seeds
        for item in session.picked().items
        if item.came_from(name, seed, view.psi)
    }

    def click(tile_id: str) -> None:
        seed = int(tile_id)
        if seed in on_tray:
            picture_dialog.open_later(on_tray[seed].id)
            fragments.redraw()
        else:
            add(name, model, seed, view.psi)

    tiles(
        "browse-tiles",
        renderer.sheet(images),
        [
            {
                "id": str(seed),
                "label": f"Sample of seed {seed}"
                + ("" if scores is None else f", {measure}{scores[i]:.2f}"),
                "caption": str(seed) + ("" if scores is None else f" · {scores[i]:.2f}"),
                "marked": seed in on_tray,
            }
            for i, seed in enumerate(seeds)
        ],
        click,
        label=f"Samples of {name}",
        width=WIDTHS[view.size],
        full=True,
        smooth=view.smooth,
    )


def add(name: str, model: Model, seed: int, psi: float) -> None:
    """Put the picture of a seed on the tray."""
    message = f"Seed {seed} is on the tray. Click it again to see it large."
    add_to_tray.add(session.item(name, model, seed, psi), message, ("grid", "tray"))


def note(model: Model, classifier: Classifier | None, scores: np.ndarray | None) -> None:
    """What the numbers under the pictures mean."""
    by = session.view().by
    if scores is None:
        st.caption(
            f"Under each picture: its seed. {stranger_text.plain(model.name)} has no"
            " discriminator, so there is no D(x) to sort by."
        )
    elif by == REAL:
        st.caption(
            "Under each picture: its seed · D(x), the discriminator’s estimate that the "
            "picture is real."
        )
    elif classifier:
        accuracy = classifier.about["attributes"][classifier.column(by)]["balanced_accuracy"]
        st.caption(
            "Under each picture: its seed · the attribute classifier’s probability of “"
            f"{stranger_text.plain(readable_name(by))}” (balanced accuracy on held-out images: "
            f"{accuracy:.3f})."
        )
