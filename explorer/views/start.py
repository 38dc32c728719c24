"""Start: what this is, the default model's pictures alive, and six places to go."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components.morph_loop import morph_loop
from explorer.services import attribute_labels, model_registry, renderer, seed_tables, stranger_text
from explorer.state import lesson
from explorer.widgets import lesson_bar
from gan_core import latent
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic, arithmetic_report

KEYS, STEPS = 6, 10  # keyframes of the loop, and frames from one to the next
TILES = 8  # side by side
CRISP = 64  # pixels of a picture's side up to which drawings are shown crisp at this page's sizes
WORDS = (
    "A **GAN** is a pair of networks that learns to make pictures like those it was shown. A "
    "**latent** is a list of random numbers, and the **generator** turns each one into a picture: "
    "nearby latents give pictures that look alike. **Realism** measures how well a picture fits "
    "among the real ones."
)


def page(places: Mapping[str, StreamlitPage]) -> None:
    """The page, top to bottom. places: all other pages, by path."""
    st.header("See what a generative model has learned", anchor=False)
    with st.container(key="start-words"):
        st.markdown(WORDS)
    entries = model_registry.entries()
    usable = [name for name, entry in entries.items() if not entry.problem]
    if not usable:
        st.info("There is no model yet. Train one, or import one.")
        return
    name = model_registry.DEFAULT if model_registry.DEFAULT in usable else usable[0]
    tour(places)
    # The cards are there before any picture, so that the page does not jump.
    loop = st.empty()
    with loop:
        st.html('<div class="loop-place"></div>')
    slots = {}
    with st.container(key="places"):  # a grid, see app.STYLE
        for path, (title, words, _) in CARDS.items():
            with st.container(border=True, key=f"place-{path}", gap="xsmall"):
                slots[path] = st.empty()
                with slots[path]:
                    st.html('<div class="place-picture"></div>')
                st.page_link(places[path], label=f"**{title}**")
                st.caption(words)
    model = model_registry.load(entries[name])
    seeds = good_seeds(model)
    smooth = model.card.get("pictures") == "photograph" or model.size > CRISP
    with loop.container():
        z = closed_path(renderer.latents(model, seeds[:KEYS]))
        sheet = renderer.sheet(renderer.pictures(model, z))
        label = f"Samples of {stranger_text.clean(name)} that morph into one another"
        morph_loop("start-loop", sheet, len(z), tiles=TILES, label=label, smooth=smooth)
    for path, slot in slots.items():
        with slot:
            st.html(CARDS[path][2](model, seeds, smooth))


def tour(pages: Mapping[str, StreamlitPage]) -> None:
    """A button that starts the tour, or resumes it at the step where the person left it."""
    place = lesson_bar.place_of(lesson.TOUR)
    steps = len(lesson.find(lesson.TOUR).steps)
    label = f"Resume the tour at step {place + 1}" if place else f"Take the tour, {steps} steps"
    if st.button(label, key="tour", icon=":material/tour:", type="primary"):
        lesson_bar.go(pages, lesson.TOUR, place)


def good_seeds(model: Model) -> list[int]:
    """A dozen seeds whose pictures are good, or the first ones where that is not known."""
    table = seed_tables.table_of(model)
    good = [int(seed) for seed in (table.openings if table else ())[:12]]
    return good if len(good) == 12 else list(range(12))


def closed_path(keys: np.ndarray) -> np.ndarray:
    """Latents around a closed path through keyframes (n, nz), float32 (n · STEPS, nz)."""
    times = np.arange(len(keys) * STEPS) / STEPS
    return latent.at(keys, times, "slerp", True)


# The pictures of the six places, as HTML. Nothing in them comes from a stranger but pixels.


def tiles(images: np.ndarray, columns: int, smooth: bool) -> str:
    """Images uint8 (n, H, W, C) in rows, as the picture of a place."""
    inside = picture(wide(images, columns))
    return f'<div class="place-picture{" smooth" * smooth}">{inside}</div>'


def wide(images: np.ndarray, columns: int) -> str:
    """The data URL of images in rows of `columns`."""
    rows = [
        np.concatenate(list(images[i : i + columns]), axis=1)
        for i in range(0, len(images), columns)
    ]
    return str(renderer.sheet(np.concatenate(rows, axis=0)[None])["src"])


def picture(source: str) -> str:
    return f'<img alt="" src="{source}">'


def row(parts: Sequence[np.ndarray | str], smooth: bool) -> str:
    """Pictures uint8 (H, W, C) with signs between them, as the picture of a place."""
    inside = "".join(
        f"<b>{part}</b>" if isinstance(part, str) else picture(wide(part[None], 1))
        for part in parts
    )
    return f'<div class="place-picture row{" smooth" * smooth}">{inside}</div>'


def browse(model: Model, seeds: list[int], smooth: bool) -> str:
    return tiles(renderer.pictures(model, renderer.latents(model, seeds[:8])), 4, smooth)


def drag(model: Model, seeds: list[int], smooth: bool) -> str:
    """Two samples, each moved towards another one in four steps."""
    ends = renderer.latents(model, [seeds[0], seeds[1], seeds[2], seeds[3]])
    steps = np.linspace(0, 0.9, 4)
    paths = [latent.at(ends[i : i + 2], steps, "slerp", False) for i in (0, 2)]
    return tiles(renderer.pictures(model, np.concatenate(paths)), 4, smooth)


def morph(model: Model, seeds: list[int], smooth: bool) -> str:
    ends = renderer.latents(model, seeds[4:6])
    z = latent.at(ends, np.linspace(0, 1, 5), "slerp", False)
    images = renderer.pictures(model, z)
    return row([images[0], "→", images[2], "→", images[4]], smooth)


def add_and_subtract(model: Model, seeds: list[int], smooth: bool) -> str:
    """The first preset of Arithmetic that the model's classifier knows; else any three samples."""
    means = None
    classifier = attribute_labels.classifier_of(model)
    known = seed_tables.probabilities(model, classifier) if classifier else None
    if classifier is not None and known is not None:
        for _, target, *wanted in arithmetic_report.TRIPLES:
            if all(set(classifier.recognised).issuperset(part) for part in wanted):
                chosen = arithmetic.find_exemplars(
                    model, classifier, target, wanted, n=len(known), most=8, probabilities=known
                )
                if all(map(len, chosen)):
                    means = [arithmetic.concept(renderer.latents(model, rows)) for rows in chosen]
                    break
    if means is None:
        means = list(renderer.latents(model, seeds[:3]))
    shell = arithmetic.shell(model.prior)
    total = arithmetic.calculate(means, [1, -1, 1], shell)
    shown = [*(arithmetic.calculate([mean], [1], shell) for mean in means), total]
    a, b, c, result = renderer.pictures(model, np.stack(shown))
    return row([a, "−", b, "+", c, "=", result], smooth)


def copied(model: Model, seeds: list[int], smooth: bool) -> str:
    image = renderer.pictures(model, renderer.latents(model, seeds[6:7]))[0]
    ghost = (0.3 * image + 0.7 * 128).astype(np.uint8)
    return row([image, "=", ghost, "?"], smooth)


def game(model: Model, seeds: list[int], smooth: bool) -> str:
    """Data on a ring in one colour, samples that have reached part of it in another."""
    draw = np.random.RandomState(3)
    dots = []
    for kind, turn, noise, n in (("data", 2 * np.pi, 2.0, 70), ("samples", 3.6, 4.5, 45)):
        angles = draw.uniform(0, turn, n)
        x = 128 + 42 * np.cos(angles) * 1.6 + draw.normal(0, noise, n)
        y = 64 + 42 * np.sin(angles) + draw.normal(0, noise, n)
        dots += [
            f'<i class="{kind}" style="left:{100 * a / 256:.1f}%;top:{100 * b / 128:.1f}%"></i>'
            for a, b in zip(x, y, strict=True)
        ]
    return f'<div class="place-picture dots">{"".join(dots)}</div>'


# {path: (title, words, what draws its picture)}
CARDS: dict[str, tuple[str, str, Callable[[Model, list[int], bool], str]]] = {
    "browse": ("Pick", "Thousands of samples, realistic ones first.", browse),
    "latents": ("Drag", "Move a slider, and the picture follows.", drag),
    "interpolate": ("Morph", "From one picture into another, as a film.", morph),
    "arithmetic": (
        "Add and subtract",
        "Take glasses or a smile from one, give it to another.",
        add_and_subtract,
    ),
    "neighbours": ("Copied or invented?", "The nearest training images, and an answer.", copied),
    "game": ("Watch one learn", "Two players in the plane, step by step.", game),
}
