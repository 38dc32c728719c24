"""Arithmetic: A − B + C, with each letter the mean of a basket of exemplars."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.components import browser_rendering
from explorer.components.canvas import axis, canvas
from explorer.components.motions import Sum
from explorer.components.tiles import tiles
from explorer.services import (
    attribute_labels,
    direction_store,
    renderer,
    seed_tables,
    stranger_text,
    trust,
)
from explorer.state import (
    arithmetic_file,
    baskets,
    exemplars,
    fragments,
    session,
    tray,
    url_state,
)
from explorer.state.url_state import View
from explorer.widgets import (
    add_to_tray,
    basket_names,
    basket_panel,
    equation,
    model_picker,
    neighbours_link,
)
from explorer.widgets.uploader import uploader
from gan_core.attributes.classifier import readable_name
from gan_core.checkpoint import Model
from gan_core.data import media
from gan_core.latent_space import arithmetic, arithmetic_report, arithmetic_slide, directions
from gan_core.util.errors import InputError

PRESET = 8  # exemplars that a preset puts into each basket
RANDOM = 3  # controls in random directions

Term = tuple[str, float, np.ndarray]  # letter, weight and exemplars, float32 (m, nz)
Letters = Sequence[tuple[str, float]]  # letter and weight of each basket
Controls = list[tuple[str, np.ndarray]]  # caption and picture
Change = Callable[[np.ndarray], np.ndarray]  # of a step in the latent space


def page(card_page: StreamlitPage | None = None) -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Arithmetic", "arithmetic", card_page)
    follow_model(model)
    take_preset(model)
    bar(name, model)
    with st.container(key="equation"):
        equation_line(name, model)
    held = basket_panel.show(name, model)
    basket_panel.fill(name, model)
    # A fourth or fifth basket may be empty.
    if any(z is not None and not len(z) for z in held[: baskets.START + 1]):
        st.info("Put at least one exemplar into each basket: click samples, or type their seeds.")
        return
    usable = [z for z in held if z is not None]
    if len(usable) < len(held):
        return  # the basket says why
    terms = zip(baskets.names().upper(), baskets.weights(), usable, strict=True)
    result(name, model, [term for term in terms if len(term[2])])


# A model that was changed.


def follow_model(model: Model) -> None:
    """After a change of model, fill the baskets by the same wishes, or empty them and say so.

    A seed stands for another picture in every model.
    """
    state = st.session_state
    before = state.get("baskets_of")
    state.baskets_of = model.hash
    view = session.view()
    if before in (None, model.hash) or not any(getattr(view, b) for b in url_state.BASKETS):
        return
    filled = refilled(model)
    names = [basket_names.of(wish) for wish in baskets.wishes() if wish]
    empty = dict.fromkeys(url_state.BASKETS, "")
    new: dict[str, Any] = empty | (filled or {"wishes": ""})
    # Steps that could be undone are about samples of the other model.
    session.store(replace(view, **new, undo=(), redo=()))
    if filled:
        listed = "; ".join(names)
        session.say(f"The baskets now hold samples of {model.name} that show the same: {listed}.")
    else:
        session.warn(
            f"The baskets were emptied: a seed is another picture in {model.name}, and what they"
            " were to show is not known or cannot be found in its samples."
        )
    fragments.redraw()


def refilled(model: Model) -> dict[str, str] | None:
    """The baskets, filled by their wishes from another model's samples; None if one cannot be."""
    used = [basket for basket in baskets.names() if baskets.text(basket)]
    wishes = dict(zip(url_state.BASKETS, baskets.wishes(), strict=True))
    classifier = attribute_labels.classifier_of(model)
    new = {basket: basket_names.translated(wishes[basket], classifier) for basket in used}
    if classifier is None or not all(new.values()) or preset_refusal(model):
        return None
    known = seed_tables.probabilities(model, classifier)
    if known is None:
        with st.spinner(f"Searching {basket_panel.POOL} samples …", show_time=True):
            known = attribute_labels.probabilities(model, classifier, basket_panel.POOL)
    triple = basket_names.triple_of([new.get(basket) or {} for basket in "abc"])
    rows: dict[str, np.ndarray]
    if triple is not None and len(used) == len("abc"):
        found = arithmetic.find_exemplars(
            model,
            classifier,
            triple[1],
            triple[2:],
            n=len(known),
            most=PRESET,
            probabilities=known,
        )
        rows = dict(zip("abc", found, strict=True))
    else:
        rows = {
            basket: arithmetic.most_confident(classifier, known, wish or {})[:PRESET]
            for basket, wish in new.items()
        }
    if not all(map(len, rows.values())):
        return None
    wanted = [new.get(basket) or {} for basket in url_state.BASKETS]
    seeds = {basket: ", ".join(map(str, found)) for basket, found in rows.items()}
    return seeds | {"wishes": url_state.write_wishes(wanted)}


# Above the baskets.


@fragments.panel("equation")
def equation_line(name: str, model: Model) -> None:
    """A − B + C = result in one line, and the strength beside it."""
    view, shell = session.view(), arithmetic.shell(model.prior)
    weights, wishes = baskets.weights(), baskets.wishes()
    terms: list[Term] = []
    shown = []
    for basket, weight, wish in zip(baskets.names(), weights, wishes, strict=False):
        letter, image = basket.upper(), None
        try:
            z = exemplars.latents(letter, model, baskets.text(basket))
        except InputError:  # the basket says why
            z = np.empty((0, model.prior.size), np.float32)
        if len(z):
            mean = arithmetic.calculate([arithmetic.concept(z)], [1], shell)
            image = renderer.pictures(model, mean[None])[0]
            terms.append((letter, weight, z))
        shown.append(equation.Part(letter, weight, basket_names.of(wish), image))
    result_image = None
    if all(part.image is not None for part in shown[: baskets.START + 1]):
        start, way = parts([(weight, arithmetic.concept(z)) for _, weight, z in terms])
        apart = leaving_the_rest(model, terms)[0] if view.apart else None
        way = apart(way) if apart else way
        z = arithmetic.calculate([start + view.strength * way], [1], shell)
        result_image = renderer.pictures(model, z[None])[0]
    left, right = st.columns([5, 3], gap="medium", vertical_alignment="center")
    with left:
        equation.show(shown, result_image, view.smooth)
    with right, st.container(key="equation-side"):
        if result_image is None:
            invite(model)
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


def bar(name: str, model: Model) -> None:
    """Presets, undo and redo, and rarely changed settings."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if triples(model):
            with st.popover("Presets", icon=":material/auto_awesome:"):
                preset_buttons(model, "bar")
        history()
        st.button("Swap A and B", icon=":material/swap_horiz:", on_click=baskets.swap)
        if triples(model):
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
        full = len(baskets.names()) == len(url_state.BASKETS)
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
            browser_rendering.options()


@fragments.panel("arithmetic-history")
def history() -> None:
    """Undo and redo. A panel, because the strength changes without a run of the whole page."""
    past, future = baskets.history()
    with st.container(horizontal=True, gap="small", width="content"):
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
    baskets.change(**settings, wishes="")


# Presets.


def triples(model: Model) -> list[tuple]:
    """The evaluated triples for which this model's classifier can fill the baskets."""
    classifier = attribute_labels.classifier_of(model)
    known = set(classifier.recognised if classifier else ())
    triples = arithmetic_report.TRIPLES
    return [t for t in triples if all(known.issuperset(wanted) for wanted in t[2:])]


def preset_buttons(model: Model, place: str) -> None:
    why = preset_refusal(model)
    for title, *_ in triples(model):
        st.button(
            title,
            key=f"preset-{place}-{title}",
            on_click=request_preset,
            args=(title,),
            help=arithmetic_report.summary(model.card, title) or None,
            disabled=bool(why),
        )
    if why:
        st.caption(why)


def preset_refusal(model: Model) -> str:
    """Why this visitor cannot use presets, which need labelled samples; "" if they can."""
    classifier = attribute_labels.classifier_of(model)
    try:
        if classifier is not None and seed_tables.probabilities(model, classifier) is None:
            attribute_labels.check_labelled(model, classifier, basket_panel.POOL)
    except trust.Refused as error:
        return str(error)
    return ""


def request_preset(title: str) -> None:
    st.session_state.preset = title
    fragments.redraw()


def invite(model: Model) -> None:
    """Buttons that fill all baskets, in the place of the strength until there is a result."""
    if triples(model):
        st.caption("Start with a preset, or fill the three baskets yourself.")
    else:
        st.caption("Fill the three baskets with samples, or start with any nine.")
    preset_buttons(model, "page")
    if not triples(model):
        st.button("Nine samples", on_click=nine_samples, args=(model,))


def nine_samples(model: Model) -> None:
    """Any nine, good ones where the model brings a table of its first seeds."""
    table = seed_tables.table_of(model)
    nine = [str(seed) for seed in (table.openings if table else ())[:9]]
    nine = nine if len(nine) == 9 else list(map(str, range(9)))
    st.session_state.filling = False
    baskets.change(wishes="", a=", ".join(nine[:3]), b=", ".join(nine[3:6]), c=", ".join(nine[6:]))
    fragments.redraw()


def take_preset(model: Model) -> None:
    """Fill the baskets with the requested preset, if any, and redraw the page."""
    title = st.session_state.pop("preset", None)
    triple = next((t for t in triples(model) if t[0] == title), None)
    classifier = attribute_labels.classifier_of(model)
    if triple is None or classifier is None:
        return
    if why := preset_refusal(model):
        session.warn(why)
        return
    known = seed_tables.probabilities(model, classifier)
    pool = basket_panel.POOL if known is None else len(known)
    with st.spinner(f"Searching {pool} samples …", show_time=True):
        found = arithmetic.find_exemplars(
            model,
            classifier,
            triple[1],
            triple[2:],
            n=pool,
            most=PRESET,
            probabilities=known,
        )
    if not all(map(len, found)):
        session.warn(
            f"Not all exemplars of this preset were found among {pool} samples of {model.name}."
        )
        return
    st.session_state.filling = False
    filled = [", ".join(map(str, rows)) for rows in found]
    emptied = dict.fromkeys(url_state.BASKETS, "")
    best = arithmetic_report.best(model.card, title) or {}
    baskets.change(
        **emptied | dict(zip("abc", filled, strict=True)),
        sum=url_state.View.sum,
        wishes=url_state.write_wishes(triple[2:]),
        strength=best.get("strength", url_state.View.strength),
        apart=best.get("apart", False),
    )
    fragments.redraw()


# The result.


@fragments.panel("canvas")
def result(name: str, model: Model, terms: Sequence[Term]) -> None:
    """The result, as summed and on the shell, with a slider for the strength and controls.

    terms: (letter, weight, exemplars float32 (m, nz)) of each basket, C at index START.
    """
    view, shell = session.view(), arithmetic.shell(model.prior)
    start, way = parts([(weight, arithmetic.concept(z)) for _, weight, z in terms])
    apart, locked, note = leaving_the_rest(model, terms) if view.apart else (None, [], "")
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
            label=f"{formula(letters, view.strength, locked)}, of {name}",
            panes=("As summed", f"Rescaled to the prior’s length, {shell:.1f}"),
            smooth=view.smooth,
            browser=browser_rendering.addresses(model),
        )
        numbers(model, letters, locked, way, z, images)
        show_verdicts(model, terms, images)
        if note:
            st.caption(stranger_text.sentence(note))
    controls = find_controls(model, terms, start, way, shell, apart)
    seen, changed = see(model, terms, images, controls)
    with right:
        near = renderer.pictures(model, arithmetic.sheet(z[1]))
        st.image(renderer.sheet_png(near), width=288)
        st.caption("The result on the shell, with uniform noise of ±0.25 (Radford et al. 2016)")
        show_controls(controls)
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
        sheet, name, model, terms, view, z, images, near, controls, seen, locked
    )
    downloads(name, model, letters, locked, way, z, figure)


def leaving_the_rest(model: Model, terms: Sequence[Term]) -> tuple[Change | None, list[str], str]:
    """(function, attributes, note): removes from a step the attributes that should stay.

    (None, [], why not) when that is not possible.
    """
    classifier = attribute_labels.classifier_of(model)
    known = direction_store.of(model, classifier) if classifier else None
    if classifier is None or known is None or not known.normals:
        return None, [], "This model has no attribute directions yet."
    drawn = [(letter, weight, renderer.pictures(model, z)) for letter, weight, z in terms]
    changed = attribute_labels.changed_by(classifier, drawn)
    if not changed:
        return (
            None,
            [],
            "The baskets do not differ in any recognised attribute, so nothing is removed.",
        )
    locked = [name for name in known.normals if name not in changed]
    vectors = [known.normals[name].vector for name in locked]

    def apart(way: np.ndarray) -> np.ndarray:
        try:
            return arithmetic.conditional_step(way, vectors)
        except InputError:  # nothing is left of it
            return np.zeros_like(way)

    moved = ", ".join(map(readable_name, changed))
    return apart, locked, f"To first order, every attribute except {moved} is left unchanged."


def release(values: Sequence[float], _: object) -> None:
    """Take the strength after a drag, as a step that can be undone."""
    baskets.change(strength=round(values[0], 2))
    fragments.redraw("canvas", "arithmetic-history", "equation")


def parts(weighted: Sequence[tuple[float, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """[(weight, vector)] -> (start of the sum, what the strength scales), float32 (nz,) each."""
    others = [one for i, one in enumerate(weighted) if i != baskets.START]
    start, way = (
        arithmetic.calculate([vector for _, vector in part], [weight for weight, _ in part])
        for part in ([weighted[baskets.START]], others)
    )
    return start, way


def formula(letters: Letters, strength: float, locked: Sequence[str] = ()) -> str:
    """The sum in words, such as "C + 1.00 · (A − B)"; locked as for `difference`."""
    start = added([letters[baskets.START]])
    return f"{start} + {strength:.2f} · ({difference(letters, locked)})"


def difference(letters: Letters, locked: Sequence[str] = ()) -> str:
    """What is added to C, in words: "A − B", and whether other attributes are left alone."""
    others = [one for i, one in enumerate(letters) if i != baskets.START]
    return added(others) + (", the rest left alone" if locked else "")


def added(letters: Letters) -> str:
    words = " ".join(
        f"{'−' if arithmetic.is_subtracted(weight) else '+'} {amount(weight)}{letter}"
        for letter, weight in letters
    )
    return words.removeprefix("+ ").replace("− ", "−", 1 if words.startswith("−") else 0)


def amount(weight: float) -> str:
    """A weight in front of a letter; nothing for 1."""
    return "" if abs(weight) == 1 else f"{abs(weight):g} "


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
    for place, title in enumerate(("As summed", "on the shell")):
        score = "" if scores is None else f", D(x) {scores[place]:.3f}"
        words.append(f"{title} |z| {np.linalg.norm(z[place]):.2f}{score}")
    others = difference(letters, locked)
    st.markdown(f"**{formula(letters, session.view().strength, locked)}**")
    st.caption(" · ".join([*words, f"|{others}| {np.linalg.norm(way):.2f}"]))


def find_controls(
    model: Model,
    terms: Sequence[Term],
    start: np.ndarray,
    way: np.ndarray,
    shell: float,
    apart: Change | None = None,
) -> Controls:
    """[(caption, picture)]: random steps of the same length, and the sum without averaging."""
    strength = session.view().strength
    whole = start + strength * way
    random = [arithmetic.random_control(start, whole, seed) for seed in range(RANDOM)]
    first, single = parts([(weight, z[0]) for _, weight, z in terms])
    single = apart(single) if apart else single
    rows = [start, *random, first + strength * single]
    z = np.stack([arithmetic.calculate([row], [1], shell) for row in rows])
    captions = [f"{terms[baskets.START][0]} alone", *["random"] * RANDOM, "single"]
    return list(zip(captions, renderer.pictures(model, z), strict=True))


def show_controls(controls: Controls) -> None:
    captions = [caption for caption, _ in controls]
    tiles(
        "sum-controls",
        renderer.sheet(np.stack([picture for _, picture in controls])),
        [
            {"id": str(i), "label": f"Control: {caption}", "caption": caption}
            for i, caption in enumerate(captions)
        ],
        lambda _: None,
        label="Controls",
        width=56,
        smooth=session.view().smooth,
    )
    st.caption(
        "Controls, on the shell: C alone; an equally long step from C in three random "
        "directions; the first exemplar of each basket instead of the mean."
    )


def see(
    model: Model, terms: Sequence[Term], images: np.ndarray, controls: Controls
) -> tuple[list[list[str]], int]:
    """The table of what the classifier sees, see attribute_labels.table."""
    classifier = attribute_labels.classifier_of(model)
    if classifier is None:
        return [], 0
    drawn = [(letter, w, renderer.pictures(model, z)) for letter, w, z in terms]
    pictures = np.stack([picture for _, picture in controls])
    return attribute_labels.table(
        classifier,
        drawn,
        [("sum", images[:1]), ("on shell", images[1:])],
        [("random", pictures[1 : 1 + RANDOM]), ("single", pictures[-1:])],
    )


VERDICTS = {"yes": ":green[:material/check:]", "no": ":red[:material/close:]"}
UNSURE = ":orange[:material/question_mark:]"


def show_verdicts(model: Model, terms: Sequence[Term], images: np.ndarray) -> None:
    """Whether it worked, for each of the two results: yes, no or unsure for every attribute."""
    classifier = attribute_labels.classifier_of(model)
    if classifier is None:
        return
    means = [attribute_labels.seen_in(classifier, renderer.pictures(model, z)) for *_, z in terms]
    goals = arithmetic.goals(means, [weight for _, weight, _ in terms])
    if not goals:
        return
    lines = ["**Did it work?** The classifier’s answer for each picture:"]
    for title, image in zip(("As summed", "On the shell"), images, strict=True):
        seen = attribute_labels.seen_in(classifier, image[None])
        said = []
        for column, wanted in goals.items():
            verdict = arithmetic.verdict(float(seen[column]), wanted)
            name = stranger_text.plain(readable_name(classifier.recognised[column]))
            words = f"{name if wanted else f'no {name}'}: {verdict}"
            said.append(f"{VERDICTS.get(verdict, UNSURE)} {words}")
        lines.append(f"- {title} — " + " · ".join(said))
    st.markdown("\n".join([lines[0], "", *lines[1:]]))


# Saving the result.


def downloads(
    name: str,
    model: Model,
    letters: Letters,
    locked: Sequence[str],
    way: np.ndarray,
    z: np.ndarray,
    figure: Callable[[], bytes],
) -> None:
    """Buttons for the tray, a direction, the sheet and the arithmetic file."""
    title = formula(letters, session.view().strength, locked)
    with st.container(horizontal=True, gap="small"):
        for place, words in enumerate(("as summed", "on the shell")):
            item = tray.Item(f"{title}, {words}", name, model.hash, None, 1.0, z[place])
            st.button(
                f"Tray, {words}",
                key=f"add-sum-{place}",
                icon=":material/add:",
                help="Put this result on the tray.",
                on_click=add_to_tray.add,
                args=(tray.copy(item),),
            )
        neighbours_link.button(item, "ask-sum")  # of the result on the shell
        with st.popover("Save direction", icon=":material/explore:"):
            direction_form(model, difference(letters, locked), way, locked)
        st.download_button(
            "Sheet, PNG",
            figure,
            f"{name}-arithmetic.png",
            "image/png",
            icon=":material/image:",
            on_click="ignore",
        )
        st.download_button(
            "Arithmetic file, JSON",
            arithmetic_file.write(name, model, session.view(), baskets.weights(), z),
            f"{name}-arithmetic.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )


def direction_form(model: Model, difference: str, way: np.ndarray, locked: Sequence[str]) -> None:
    """A name for the difference, and the button that saves it in the checkpoint."""
    words = f"{difference}, scaled to length 1, will be saved in the checkpoint of {model.name}."
    st.caption(stranger_text.sentence(words))
    st.text_input("Name", key="direction-name", max_chars=60, placeholder="such as smile")
    st.button(
        "Save",
        key="direction-save",
        on_click=save_direction,
        args=(model, difference, way, locked),
        disabled=not trust.allowed(),
    )
    if why := trust.reason():
        st.caption(why)


def save_direction(model: Model, difference: str, way: np.ndarray, locked: Sequence[str]) -> None:
    """Save the difference as a direction of the model, with its measured effects.

    difference: in words. locked: the attributes that it leaves alone.
    """
    title = tray.clean(st.session_state.get("direction-name") or "")
    try:
        trust.check()
        if not title:
            raise InputError("Type a name for the direction.")
        vector, kind = directions.unit(way), "conditional" if locked else "own"
        about: dict[str, Any] = {
            "made": f"arithmetic, {difference}",
            "length": float(np.linalg.norm(way)),
        }
        about |= {"locked": locked, "baskets": baskets.contents()}
        classifier = attribute_labels.classifier_of(model)
        if classifier is not None:
            about |= directions.describe(model, classifier, [vector], 128)[0]
        direction_store.add(model, directions.Direction(title, vector, kind, about))
    except (InputError, OSError) as error:
        session.warn(str(error))
    else:
        session.say(f"{title} has been saved in the checkpoint of {model.name}.")
        st.session_state["direction-name"] = ""
    fragments.redraw()


def sheet(
    name: str,
    model: Model,
    terms: Sequence[Term],
    view: View,
    z: np.ndarray,
    images: np.ndarray,
    near: np.ndarray,
    controls: Controls,
    seen: list[list[str]],
    locked: Sequence[str],
) -> bytes:
    """A slide with everything on it, as the bytes of a PNG."""
    drawn, shell = [], arithmetic.shell(model.prior)
    for i, (letter, weight, latents) in enumerate(terms):
        mean = arithmetic.calculate([arithmetic.concept(latents)], [1], shell)
        mean = renderer.pictures(model, mean[None])[0]
        whole = weight if i == baskets.START else weight * view.strength
        pictures = renderer.pictures(model, latents)
        # The sheet is drawn when it is downloaded, without a session.
        wishes = dict(
            zip(url_state.BASKETS.upper(), url_state.read_wishes(view.wishes), strict=False)
        )
        title = basket_names.of(wishes.get(letter, {}))
        drawn.append(arithmetic_slide.Basket(letter, whole, mean, pictures, title))
    lengths = [f"|z| {np.linalg.norm(row):.2f}" for row in z]
    figure = arithmetic_slide.Figure(
        title=formula([(letter, weight) for letter, weight, _ in terms], view.strength, locked),
        subtitle=f"{name}, weights {model.hash}",
        baskets=drawn,
        results=[
            (f"As summed\n{lengths[0]}", images[0]),
            (f"On the prior’s shell\n{lengths[1]}", images[1]),
        ],
        near=near,
        controls=controls,
        seen=seen,
        notes=[
            "Each letter is the mean latent of its exemplars (Radford et al. 2016), drawn on the"
            " shell. Neighbourhood: the result on the shell, with uniform noise of ±0.25.",
            (
                "Controls, on the shell: C alone; C moved equally far in random directions; the "
                "first exemplars instead of the means. Classifier: averaged over exemplars and "
                "controls."
            ),
        ],
        crisp=not view.smooth,
    )
    return media.encode(np.asarray(arithmetic_slide.draw(figure)), "PNG")
