"""Arithmetic: A − B + C, with each letter the mean of a basket of exemplars."""

import functools
from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components import browser_rendering
from explorer.components.canvas import axis, canvas
from explorer.components.motions import Sum
from explorer.services import attribute_labels, renderer, stranger_text
from explorer.state import (
    arithmetic_file,
    baskets,
    fragments,
    session,
    url_parts,
    url_state,
)
from explorer.widgets import (
    alt_text,
    arithmetic_controls,
    arithmetic_formula,
    arithmetic_presets,
    arithmetic_saving,
    arithmetic_sheet,
    arithmetic_verdicts,
    basket_classes,
    basket_panel,
    basket_refill,
    equation,
    model_picker,
    space_choice,
)
from explorer.widgets.arithmetic_formula import Letters, Term
from explorer.widgets.uploader import uploader
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic
from gan_core.util.errors import InputError


def page(card_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Arithmetic", "arithmetic", card_page)
    basket_refill.follow_model(model)
    basket_refill.follow_link(model)
    arithmetic_presets.take(model)
    bar(name, model)
    with st.container(key="equation"):
        equation_line(name, model)
    # Above the baskets: it is in sight, and stays under the cursor while they grow.
    basket_panel.fill(name, model)
    held = basket_panel.show(name, model)
    # A fourth or fifth basket may be empty.
    if any(z is not None and not len(z) for z in held[: baskets.START + 1]):
        st.info("Put at least one exemplar into each basket: click samples, or type their seeds.")
        return
    usable = [z for z in held if z is not None]
    if len(usable) < len(held):
        return  # the basket says why
    terms = zip(baskets.names().upper(), baskets.weights(), usable, strict=True)
    result(name, model, [term for term in terms if len(term[2])])


def bar(name: str, model: Model) -> None:
    """Presets, undo and redo, and rarely changed settings."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if arithmetic_presets.any_for(model):
            with st.popover("Presets", icon=":material/auto_awesome:"):
                arithmetic_presets.buttons(model, "bar")
        history()
        st.button("Swap A and B", icon=":material/swap_horiz:", on_click=baskets.swap)
        if arithmetic_presets.triples(model):
            st.toggle(
                "Leave the rest alone",
                **session.widget("apart", on_change=take_apart),
                help=(
                    "Remove the part of A − B that changes attributes which should stay, by making"
                    " it orthogonal to their directions (Shen et al. 2020). If the latent space"
                    " does not separate the attributes, this also removes part of the intended"
                    " change."
                ),
            )
        full = len(baskets.names()) == len(url_parts.BASKETS)
        st.button("Add basket", icon=":material/add:", on_click=baskets.add, disabled=full)
        with st.popover("Load file", icon=":material/upload:"):
            uploader(
                "Load an arithmetic file",
                "arithmetic",
                type="json",
                key="arithmetic-upload",
                on_change=take_file,
                args=(name, model),
            )
        with st.popover("View", icon=":material/tune:"):
            space_choice.control(model)
            browser_rendering.options()


@fragments.panel("arithmetic-history")
def history() -> None:
    """Undo and redo. A panel, because the strength changes without a run of the whole page."""
    past, future = baskets.history()
    with st.container(key="history", horizontal=True, gap="small", width="content"):
        st.button("Undo", icon=":material/undo:", disabled=not past, on_click=step, args=(-1,))
        st.button("Redo", icon=":material/redo:", disabled=not future, on_click=step, args=(1,))


def take_apart(name: str) -> None:
    baskets.change(apart=session.value_of(f"set-{name}"))


def step(way: int) -> None:
    baskets.step(way)
    fragments.redraw()


def take_file(name: str, model: Model) -> None:
    """Fill the page from an uploaded arithmetic file; the change can be undone."""
    upload = st.session_state.get("arithmetic-upload")
    if upload is None:
        return
    try:
        settings = arithmetic_file.read(upload.getvalue(), name, model)
    except InputError as error:
        session.warn(str(error))
        return
    st.session_state.filling = False
    baskets.change(**{"basket_classes": "", "wishes": ""} | settings)


@fragments.panel("equation")
def equation_line(name: str, model: Model) -> None:
    """A − B + C = result in one line, and the strength beside it.

    In w the sum stays as it is: means are nearer to the middle there, and w lies on no shell.
    """
    view = session.view()
    shell = arithmetic.shell(model.prior) if model.space == "z" else None
    settings = zip(
        baskets.names(), baskets.weights(), baskets.wishes(), baskets.classes(), strict=False
    )
    terms: list[Term] = []
    shown = []
    for basket, weight, wish, of_class in settings:
        letter, image = basket.upper(), None
        try:
            z = basket_classes.latents(model, basket)
        except InputError:  # the basket says why
            z = np.empty((0, model.prior.size), np.float32)
        if len(z):
            mean = arithmetic.calculate([arithmetic.concept(z)], [1], shell)
            image = renderer.pictures(model, mean[None])[0]
            terms.append((letter, weight, z))
        title = basket_classes.title(model, wish, of_class)
        shown.append(equation.Part(letter, weight, title, image))
    result_image = None
    if all(part.image is not None for part in shown[: baskets.START + 1]):
        start, way = arithmetic_formula.parts(
            [(weight, arithmetic.concept(z)) for _, weight, z in terms]
        )
        apart = arithmetic_verdicts.leaving_the_rest(model, terms)[0] if view.apart else None
        way = apart(way) if apart else way
        z = arithmetic.calculate([start + view.strength * way], [1], shell)
        result_image = renderer.pictures(model, z[None])[0]
    left, right = st.columns([5, 3], gap="medium", vertical_alignment="center")
    with left:
        words = "rescaled" if model.space == "z" else "as summed"
        equation.show(shown, result_image, view.smooth, words)
    with right, st.container(key="equation-side"):
        if result_image is None:
            arithmetic_presets.invite(model)
            return
        st.slider(
            "Strength of the difference",
            0.0,
            float(url_state.MAX_STRENGTH),
            step=0.05,
            **session.fill("equation-strength", view.strength, take_strength),
        )


def take_strength() -> None:
    """Take the strength from the slider beside the equation, as a step that can be undone."""
    value = session.value_of("equation-strength")
    if value is not None:
        baskets.change(strength=round(float(value), 2))
    fragments.redraw("canvas", "arithmetic-history", "equation")


@fragments.panel("canvas")
def result(name: str, model: Model, terms: Sequence[Term]) -> None:
    """The result, as summed and on the shell, with a slider for the strength and controls.

    terms: (letter, weight, exemplars float32 (m, nz)) of each basket, C at index START.
    """
    view, shell = session.view(), arithmetic.shell(model.prior)
    start, way = arithmetic_formula.parts(
        [(weight, arithmetic.concept(z)) for _, weight, z in terms]
    )
    apart, locked, note = (
        arithmetic_verdicts.leaving_the_rest(model, terms) if view.apart else (None, [], "")
    )
    way = apart(way) if apart else way
    letters = [(letter, weight) for letter, weight, _ in terms]
    left, right = st.columns([3, 2], gap="large")
    with left:
        z, images = canvas(
            "sum-canvas",
            model,
            [Sum(start, way[None]), Sum(start, way[None], shell)],
            [axis("Strength", 0, url_state.MAX_STRENGTH, ticks=[0, 1])],
            [view.strength],
            release,
            label=f"{arithmetic_formula.formula(letters, view.strength, locked)}, of {name}",
            shows=alt_text.of_canvas(model, pane=1),
            panes=("As summed", f"Rescaled to the prior’s length, {shell:.1f}"),
            smooth=view.smooth,
            browser=browser_rendering.addresses(model),
        )
        numbers(model, letters, locked, way, z, images)
        arithmetic_verdicts.show(model, terms, images)
        arithmetic_presets.compared_with_class(model, baskets.wishes())
        if note:
            st.caption(stranger_text.sentence(note))
    controls = arithmetic_controls.make(model, terms, start, way, shell, apart)
    seen, changed = arithmetic_verdicts.table(model, terms, images, controls)
    with right:
        near = renderer.pictures(model, arithmetic.sheet(z[1]))
        st.image(
            renderer.sheet_png(near),
            width=288,
            alt=alt_text.of_picture(
                model,
                "The result in the middle, and eight pictures close to it",
                near[len(near) // 2],
            ),
        )
        st.caption("The rescaled result, with uniform noise of ±0.25 (Radford et al. 2016)")
        arithmetic_controls.show(controls)
    if seen:
        with left:
            st.caption(
                (
                    "**What the classifier sees**: above the line, attributes that should change; "
                    "below it, attributes that should stay. Baskets and random controls are "
                    "averaged."
                )
                if 0 < changed < len(seen) - 1
                else "**What the classifier sees.** Baskets and random controls are averaged."
            )
            attribute_labels.show(seen, changed, (len(terms) + 1, len(terms) + 2))
    figure = functools.partial(
        arithmetic_sheet.draw, name, model, terms, view, z, images, near, controls, seen, locked
    )
    arithmetic_saving.buttons(name, model, letters, locked, way, z, figure)


def release(values: Sequence[float], _: object) -> None:
    """Take the strength after a drag, as a step that can be undone."""
    baskets.change(strength=round(values[0], 2))
    fragments.redraw("canvas", "arithmetic-history", "equation")


def numbers(
    model: Model,
    letters: Letters,
    locked: Sequence[str],
    way: np.ndarray,
    z: np.ndarray,
    images: np.ndarray,
) -> None:
    """The formula, and a line with lengths and D(x)."""
    scores = renderer.scores(model, images)
    words = []
    for place, title in enumerate(("As summed", "rescaled")):
        score = "" if scores is None else f", D(x) {scores[place]:.3f}"
        words.append(f"{title} {renderer.length(model.space, z[place])}{score}")
    others = arithmetic_formula.difference(letters, locked)
    st.markdown(f"**{arithmetic_formula.formula(letters, session.view().strength, locked)}**")
    st.caption(" · ".join([*words, f"|{others}| {np.linalg.norm(way):.2f}"]))
