"""Browse: a grid of samples, one seed each, in their own order or the best of thousands first."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components.tiles import WIDTHS, tiles
from explorer.services import attribute_labels, model_registry, renderer, seed_tables, stranger_text
from explorer.state import fragments, session, tray, url_state
from explorer.state.url_state import REALISM, View
from explorer.widgets import (
    add_to_tray,
    alt_text,
    class_picker,
    compare_with,
    model_picker,
    picture_dialog,
    sample_classes,
    sample_order,
    space_choice,
    truncation,
)
from explorer.widgets.sample_order import REAL
from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.checkpoint import Model
from gan_core.latent import MAX_SEED
from gan_core.metrics.seed_table import SeedTable

# Opens and closes the controls on a phone, where they are folded (components/drawer.js).
FOLD = '<button aria-expanded="false">Search and sort</button>'


def page(card_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Browse", "browse", card_page)
    classifier, table = attribute_labels.classifier_of(model), seed_tables.table_of(model)
    for problem in seed_tables.problems(model):
        st.warning(stranger_text.sentence(problem))
    if message := sample_classes.missing(model):
        st.info(stranger_text.sentence(message))
    if sample_classes.chosen(model):
        table = None  # which is about the seeds as they are
    sample_order.drop_unknown(model, classifier, table, sample_classes.words(model))
    settings(model, classifier, table)
    view = session.view()
    ranked = sample_order.ranking(classifier, table)
    if ranked is None:
        seeds = [seed for seed in range(view.seed, view.seed + view.n) if seed <= MAX_SEED]
    else:
        if view.rank >= len(ranked):  # of a link to more samples than there are
            session.set_view(rank=max(len(ranked) - 1, 0) // view.n * view.n)
            view = session.view()
        seeds = [int(seed) for seed in ranked[view.rank : view.rank + view.n]]
    turn(name, model, view, ranked)
    other = compare_with.chosen(name, model)
    if not seeds:
        st.info("No seed has these attributes; search for fewer of them.")
        return
    latents = sample_classes.latents(model, seeds, view.psi)
    images = renderer.pictures(model, latents)
    scores = judge(model, classifier, table, seeds, images)
    order = sort(scores, view.sort, len(seeds))
    shown = [seeds[i] for i in order]
    if other is None:
        grid(name, model, shown, latents[order], pick(scores, order))
    else:
        for column, title in zip(st.columns(2, gap="medium"), (name, other[0]), strict=True):
            with column:
                st.markdown(f"**{stranger_text.plain(title)}**")
                if title == name:
                    grid(name, model, shown, latents[order], pick(scores, order))
                else:
                    grid_beside(name, model, shown, latents[order], *other)
    note(model, classifier, table, scores)
    if mirrored := class_picker.mirror_note(model):
        st.caption(mirrored)
    if view.by == REALISM and scores is not None and np.isnan(scores).any():
        learn(model, seeds, view, images)


def learn(model: Model, seeds: list[int], view: View, images: np.ndarray) -> None:
    """Work out what the captions lack, now that the pictures are there."""
    if seed_tables.learn_realism(model, images):
        scores = seed_tables.known_realism(model, own(model, seeds), view.psi, images)
        if scores is not None and not np.isnan(scores).any():
            fragments.redraw()


def own(model: Model, seeds: list[int]) -> list[int] | None:
    """The seeds of the pictures; None where a class is set, which makes other pictures of them."""
    return None if sample_classes.chosen(model) else seeds


def settings(model: Model, classifier: Classifier | None, table: SeedTable | None) -> None:
    """The controls above the grid."""
    with st.container(key="controls", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input(
            "First seed",
            0,
            MAX_SEED,
            step=1,
            width=140,
            help=(
                "The seed of the first picture; each further picture has the next seed. Typing a "
                "number here ends a search and shows the seeds in order."
            ),
            **session.widget("seed", on_change=sample_order.go_to_seed),
        )
        if truncation.on_the_page(model):
            with st.container(width=240):
                truncation.slider(model, closed=False)
        sample_classes.fields(model)
        sample_order.choose_score(model, classifier)
        sample_order.choose_order(model, classifier, table)
        if table is not None and classifier is not None:
            sample_order.choose_attributes(classifier, table)


def judge(
    model: Model,
    classifier: Classifier | None,
    table: SeedTable | None,
    seeds: list[int],
    images: np.ndarray,
) -> np.ndarray | None:
    """The score wanted of each picture, float32 (N,), or None when nothing can tell.

    NaN stands for the realism that is not known yet.
    """
    view = session.view()
    if view.by == REALISM:
        return seed_tables.known_realism(model, own(model, seeds), view.psi, images)
    if classifier and view.by in classifier.recognised:
        known = table is not None and view.psi == 1 and max(seeds) < len(table)
        if table is not None and known and view.by in table.attributes:
            return table.column(view.by)[seeds]
        return renderer.labels(classifier, images)[:, classifier.column(view.by)]
    return renderer.scores(model, images)


def sort(scores: np.ndarray | None, order: str, n: int) -> np.ndarray:
    """The places of the pictures in the order wanted of this page."""
    if scores is None or order not in ("real", "fake"):
        return np.arange(n)
    return np.argsort(scores if order == "fake" else -scores, kind="stable")


def pick(scores: np.ndarray | None, order: np.ndarray) -> np.ndarray | None:
    return None if scores is None else scores[order]


def turn(name: str, model: Model, view: View, ranked: np.ndarray | None) -> None:
    """Page to what comes before and after; beside it, how the grid looks."""
    here = view.seed if ranked is None else view.rank
    last = MAX_SEED if ranked is None else max(len(ranked) - 1, 0)
    with st.container(key="turn", horizontal=True, vertical_alignment="center"):
        for label, icon, way, end in (
            ("Previous", "chevron_left", -1, turned(here, view.n, -1, last) == here),
            ("Next", "chevron_right", 1, ends(here, view.n, last, ranked is not None)),
        ):
            icon = f":material/{icon}:"
            arguments = (way, ranked is not None, last)
            st.button(label, icon=icon, disabled=end, on_click=turn_page, args=arguments)
        st.button("Random seed", icon=":material/casino:", on_click=random_seed)
        with st.popover("View", icon=":material/tune:"):
            options(name, model)
        with st.container(key="fold", width="content"):  # on a phone, see page_style.css
            st.html(FOLD, width="content")
        if ranked is not None and len(ranked):
            to = min(view.rank + view.n, len(ranked))
            words = f"{view.rank + 1:,} to {to:,} of {len(ranked):,}"
            words += " seed" if len(ranked) == 1 else " seeds"
            words += ", most certain first" * (view.sort == "sure")
            if view.psi != 1:
                words += f", chosen by their pictures at ψ = 1; these are at ψ = {view.psi:g}"
            st.caption(words, width="content")


def options(name: str, model: Model) -> None:
    """How the grid looks, and what is seldom changed."""
    compare_with.control(name)
    space_choice.control(model)
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
    if sample_order.has_realism(model) and model.discriminator is not None:
        st.toggle(
            "D(x) instead of realism",
            help=(
                "D(x) is this discriminator’s opinion of pictures by the generator that it was "
                "trained against, not a measure of quality: broken pictures can be at the top."
            ),
            **session.fill(
                "set-opinion", session.view().by == REAL, sample_order.take_opinion, closed=True
            ),
        )
    if not truncation.on_the_page(model):
        truncation.slider(model)


def turned(here: int, n: int, way: int, last: int) -> int:
    """The first place one page earlier (−1) or later (1)."""
    return min(max(here + way * n, 0), last)


def ends(here: int, n: int, last: int, whole: bool) -> bool:
    """Whether there is no later page."""
    return here + n > last if whole else turned(here, n, 1, last) == here


def turn_page(way: int, whole: bool, last: int) -> None:
    # From where one is by now: of two quick clicks the second goes a page further.
    view = session.view()
    if whole:
        session.set_view(rank=turned(view.rank, view.n, way, last))
    else:
        session.set_view(seed=turned(view.seed, view.n, way, last))


def random_seed() -> None:
    # Six digits are easy to pass on.
    session.set_view(seed=int(np.random.default_rng().integers(1_000_000)))
    sample_order.leave_ranking()


@fragments.panel("grid")
def grid(
    name: str, model: Model, seeds: Sequence[int], latents: np.ndarray, scores: np.ndarray | None
) -> None:
    """The pictures. A first click puts a picture on the tray, the next one enlarges it.

    latents: float32 (N, nz), those of the seeds, or the same with a class set.
    """
    view, of_class = session.view(), sample_classes.words(model)
    measure = (sample_order.SCORES.get(view.by) or readable_name(view.by)) + " "
    known = [None] * len(seeds) if scores is None else scores
    values = ["" if score is None or np.isnan(score) else f"{score:.2f}" for score in known]
    on_tray = {
        seed: item
        for seed, z in zip(seeds, latents, strict=True)
        for item in session.picked().items
        if (
            item.model == name and np.array_equal(item.z, z)
            if of_class
            else item.came_from(name, seed, view.psi, model.space)
        )
    }

    def click(tile_id: str) -> None:
        seed = int(tile_id)
        if seed in on_tray:
            picture_dialog.open_later(on_tray[seed].id)
            fragments.redraw()
        else:
            z = latents[list(seeds).index(seed)]
            add(sample_classes.item(name, model, seed, view.psi, z, of_class), seed)

    tiles(
        "browse-tiles",
        renderer.sheet(renderer.pictures(model, latents)),
        [
            {
                "id": str(seed),
                "label": alt_text.joined(
                    f"Sample of seed {seed}"
                    + (f" as {of_class}" if of_class else "")
                    + (
                        f", {measure.lower() if view.by == REALISM else measure}{value}"
                        if value
                        else ""
                    ),
                    shows,
                ),
                "caption": str(seed) + (f" · {value}" if value else ""),
                "marked": seed in on_tray,
            }
            for seed, value, shows in zip(
                seeds,
                values,
                [""] * len(seeds) if of_class else alt_text.of_seeds(model, seeds, view.psi),
                strict=True,
            )
        ],
        click,
        label=f"Samples of {name}",
        width=WIDTHS[view.size],
        full=True,
        smooth=view.smooth,
    )


@fragments.panel("beside")
def grid_beside(
    first: str, model: Model, seeds: Sequence[int], latents: np.ndarray, name: str, other: Model
) -> None:
    """The same latents, float32 (N, nz), drawn by another model, in the same order and size.

    first, model: the model of the page.
    """
    view, of_class = session.view(), sample_classes.words(model)
    images = renderer.pictures(other, latents)

    def click(tile_id: str) -> None:
        # An earlier state is no model of the list, so the tray gets today's picture of the latent.
        earlier = name not in model_registry.entries()
        source = (first, model) if earlier else (name, other)
        seed = int(tile_id)
        z = latents[list(seeds).index(seed)]
        add(sample_classes.item(*source, seed, view.psi, z, of_class), seed)

    tiles(
        "beside-tiles",
        renderer.sheet(images),
        [
            {"id": str(seed), "label": f"Seed {seed} of {name}", "caption": str(seed)}
            for seed in seeds
        ],
        click,
        label=f"Samples of {name}, the same latents as those of {first}",
        width=WIDTHS[view.size],
        full=True,
        smooth=view.smooth,
    )


def add(item: tray.Item, seed: int) -> None:
    """Put the picture of a seed on the tray."""
    message = f"Seed {seed} is on the tray. Click it again to see it large."
    add_to_tray.add(item, message, ("grid", "tray"))


def note(
    model: Model,
    classifier: Classifier | None,
    table: SeedTable | None,
    scores: np.ndarray | None,
) -> None:
    """What the numbers under the pictures are."""
    by = session.view().by
    if scores is None:
        st.caption(
            f"Under each picture: its seed. {stranger_text.plain(model.name)}"
            f" {model.lacks_discriminator}, so there is no D(x) to sort by."
        )
    elif by == REAL:
        st.caption(
            "Under each picture: its seed · D(x), this discriminator’s opinion of its training "
            "partner’s picture, from 0 (generated) to 1 (real). It is not a measure of quality."
        )
    elif by == REALISM:
        st.caption(
            "Under each picture: its seed · realism, 1 or more for a picture that lies among the "
            "training images, and lower the farther it lies from them (Kynkäänniemi et al. 2019, "
            "in EfficientNet’s features)."
            + (
                f" Searched and sorted: the first {len(table):,} seeds, at ψ = 1."
                if table is not None
                else ""
            )
        )
    elif classifier:
        accuracy = classifier.about["attributes"][classifier.column(by)]["balanced_accuracy"]
        st.caption(
            "Under each picture: its seed · the attribute classifier’s probability of “"
            f"{stranger_text.plain(readable_name(by))}” (balanced accuracy on held-out images: "
            f"{accuracy:.3f})."
        )
