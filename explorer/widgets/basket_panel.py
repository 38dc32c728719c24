"""The baskets on the page Arithmetic, and the samples to fill them with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from explorer.components.tiles import tiles
from explorer.services import attribute_labels, renderer, seed_tables, stranger_text, trust
from explorer.state import baskets, exemplars, session, url_parts, url_state
from explorer.state.url_parts import Exemplar
from explorer.widgets import basket_classes
from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic, classes
from gan_core.util.errors import InputError

GRID = 24  # samples to pick from
POOL = 2048  # samples that a search covers where the model has no table of seeds
ROW = 3  # baskets side by side


def show(name: str, model: Model) -> list[np.ndarray | None]:
    """All baskets, three in a row. Returns the exemplars of each, [float32 (m, nz) or None].

    None means that exemplars of the basket cannot be used; the basket shows why.
    """
    latents, names = [], baskets.names()
    for first in range(0, len(names), ROW):
        columns = st.columns(ROW, gap="medium")
        for column, basket in zip(columns, names[first : first + ROW], strict=False):
            with column:
                latents.append(one(name, model, basket))
    return latents


def one(name: str, model: Model, basket: str) -> np.ndarray | None:
    """A basket: sign and weight, its mean face, its exemplars, and a field with their seeds."""
    title, parsed = basket.upper(), url_parts.read_exemplars(baskets.text(basket))
    head(model, basket, title)
    try:
        z, trouble = basket_classes.latents(model, basket), None
    except InputError as error:
        z, trouble = None, str(error)
    if z is None:
        st.error(stranger_text.sentence(trouble))
        st.button(
            "Remove exemplars that do not belong here",
            key=f"clear-{basket}",
            on_click=lambda: baskets.change(
                **{basket: exemplars.usable(model, baskets.text(basket))}
            ),
        )
    else:
        pictures(name, model, basket, title, parsed, z)
    typing(basket, title)
    return z


def head(model: Model, basket: str, title: str) -> None:
    """The name, the sign, the weight, the class of a conditional model, and a button that removes a
    fourth or fifth basket.
    """
    place = url_parts.BASKETS.index(basket)
    name = basket_classes.title(model, baskets.wishes()[place], basket_classes.of(basket))
    st.markdown(f"**{title}**" + (f" :grey[{stranger_text.plain(name)}]" if name else ""))
    weight = baskets.weights()[place]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"{'−' if arithmetic.is_subtracted(weight) else '+'} {title}",
            key=f"turn-{basket}",
            help="Add or subtract: click to change the sign.",
            on_click=baskets.turn,
            args=(basket,),
        )
        st.number_input(
            f"Weight of {title}",
            0.0,
            url_parts.MAX_WEIGHT,
            step=0.25,
            width=116,
            label_visibility="collapsed",
            **session.fill(f"weight-{basket}", abs(weight), weighed, basket),
        )
        basket_classes.menu(model, basket)
        if place >= url_parts.MIN_BASKETS:
            st.button(
                f"Remove {title}",
                key=f"remove-{basket}",
                icon=":material/close:",
                type="tertiary",
                on_click=baskets.remove,
                args=(basket,),
            )


def weighed(basket: str) -> None:
    """Take a basket's weight from its field; the sign stays."""
    value, now = session.value_of(f"weight-{basket}"), baskets.weights()
    negative = arithmetic.is_subtracted(now[url_parts.BASKETS.index(basket)])
    if value is not None:
        baskets.weigh(basket, -value if negative else value)


def pictures(
    name: str, model: Model, basket: str, title: str, parsed: Sequence[Exemplar], z: np.ndarray
) -> None:
    """The mean face, unchanged and on the shell, and the exemplars.

    A click removes an exemplar, a drop adds one.
    """
    shown: list[dict[str, Any]] = []
    sheet, lengths = empty_sheet(), ""
    if len(z):
        mean = arithmetic.concept(z)
        # The mean of many exemplars is so close to zero that its picture may be a blur.
        on_shell = arithmetic.calculate([mean], [1], arithmetic.shell(model.prior))
        for which, caption in {"mean": "mean", "mean-shell": "mean, rescaled"}.items():
            words = f"Exemplars of {title}: {caption}"
            shown.append({"id": which, "label": words, "caption": caption, "big": True})
        sheet = renderer.sheet(renderer.pictures(model, np.concatenate([[mean, on_shell], z])))
        many = "1 exemplar" if len(z) == 1 else f"{len(z)} exemplars"
        lengths = f"{many}, |mean| {np.linalg.norm(mean):.2f}"
    for seed, psi in parsed:
        which, caption = url_parts.write_keys([(seed, psi)]), exemplars.caption(seed, psi)
        words = f"Take {'' if exemplars.is_name(seed) else 'seed '}{caption} out of {title}"
        shown.append({"id": which, "label": words, "caption": caption, "drag": which})
    tiles(
        f"basket-{basket}",
        sheet,
        shown,
        lambda which: baskets.take_out(basket, which),
        label=f"Exemplars of {title}",
        width=56,
        smooth=session.view().smooth,
        on_drop=lambda what: baskets.drop(basket, name, model, what),
        hint="Click pictures, or drop them here",
    )
    if lengths:
        st.caption(lengths)


def empty_sheet() -> dict[str, Any]:
    """A sheet without pictures."""
    return {"src": "", "columns": 1, "side": 1}


def typing(basket: str, title: str) -> None:
    """A field with the seeds, to type or copy them."""
    st.text_input(
        f"Seeds of {title}",
        max_chars=400,
        placeholder="Seeds, such as 3, 14, 15@0.7",
        label_visibility="collapsed",
        **session.fill(f"basket-text-{basket}", baskets.text(basket), typed, basket),
    )


def typed(basket: str) -> None:
    """Take a basket's seeds from its field."""
    try:
        parsed = url_parts.read_exemplars(session.value_of(f"basket-text-{basket}"))
        baskets.change(**{basket: url_parts.write_keys(parsed)})
    except ValueError:
        session.warn(
            f"A basket takes up to {url_parts.MAX_EXEMPLARS} seeds separated by commas, such as "
            "3, 14, 15@0.7. The basket was not changed."
        )


# The samples that can be put into a basket.


def fill(name: str, model: Model) -> None:
    """Samples to click into a basket: the next seeds, the results of a search, or the tray."""
    # It stays open while a person fills the baskets, even when none is empty any more.
    state = st.session_state
    if not all(map(baskets.text, baskets.names())):
        state.filling = True
    with st.expander("Fill the baskets", expanded=state.get("filling", False)):
        classifier = attribute_labels.classifier_of(model)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            into = st.segmented_control(
                "Clicks go into", list(baskets.names()), format_func=str.upper, **chosen_basket()
            )
            source = st.segmented_control(
                "From", ["Samples", "Tray"], default="Samples", key="fill-from"
            )
            wanted = {}
            if source != "Tray":
                first = st.number_input(
                    "First seed",
                    0,
                    url_state.MAX_SEED - GRID,
                    # Nothing typed: good ones, where the model brings a table of them.
                    value=None if seed_tables.table_of(model) else 0,
                    placeholder="good ones",
                    key=f"fill-seed-{model.hash}",
                    width=150,
                )
                if classifier:
                    wanted = choose_wanted(classifier)
        if source == "Tray":
            offered = from_tray(name, model)
        else:
            offered = samples(model, classifier, wanted, first)
        if into is None or not offered:
            st.caption("Nothing to show: choose a basket, or change the search.")
            return
        parsed = url_parts.read_exemplars  # one by one, because a grid may exceed a basket
        z = np.concatenate([exemplars.latents("the grid", model, one) for one in offered])
        z = classes.with_classes(model, z, basket_classes.of(into))  # as they are in the basket
        held = baskets.held(into)
        tiles(
            "fill-tiles",
            renderer.sheet(renderer.pictures(model, z)),
            [
                {
                    "id": one,
                    "label": f"Put {exemplars.caption(*parsed(one)[0])} into {into.upper()}",
                    "caption": exemplars.caption(*parsed(one)[0]),
                    "marked": one in held,
                    "drag": one,
                }
                for one in offered
            ],
            lambda one: baskets.toggle(into, one, wanted),
            label="Samples to pick exemplars from",
            width=72,
            smooth=session.view().smooth,
        )


def chosen_basket() -> dict[str, Any]:
    """The key of the basket that clicks go into; A if it was removed or deselected."""
    if st.session_state.get("fill-into") not in tuple(baskets.names()):
        st.session_state["fill-into"] = "a"
    return {"key": "fill-into"}


def choose_wanted(classifier: Classifier) -> dict[str, bool]:
    """{attribute: whether it is wanted} from two fields."""
    names, show = classifier.recognised, readable_name
    having = st.multiselect("With", names, key="fill-with", placeholder="any", format_func=show)
    lacking = st.multiselect(
        "Without",
        [n for n in names if n not in having],
        key="fill-without",
        placeholder="none",
        format_func=show,
    )
    return dict.fromkeys(having, True) | dict.fromkeys(lacking, False)


def samples(
    model: Model, classifier: Classifier | None, wanted: Mapping[str, bool], first: int | None
) -> list[str]:
    """Seeds to show: the next ones, or the search results, most certain first.

    first: None for realistic ones, if the model has a table of its first seeds.
    """
    table = seed_tables.table_of(model)
    if not wanted or classifier is None:
        if first is None and table is not None and table.openings:
            return [str(seed) for seed in table.openings[:GRID]]
        first = int(first or 0)
        return [str(seed) for seed in range(first, first + GRID)]
    first = int(first or 0)
    known = seed_tables.probabilities(model, classifier)
    if known is not None and (first == 0 or first + POOL <= len(known)):
        rows = known[first:]
        seeds, _ = arithmetic.search(
            model, classifier, wanted, len(rows), first, probabilities=rows
        )
        return [str(seed) for seed in seeds[:GRID]]
    last = min(POOL, url_state.MAX_SEED + 1 - first)
    try:
        attribute_labels.check_labelled(model, classifier, last, first)
    except trust.Refused as error:
        st.info(f"Searching {POOL} samples: {error}")
        return []
    with st.spinner(f"Searching {POOL} samples …", show_time=True):
        seeds, _ = arithmetic.search(model, classifier, wanted, last, first)
    return [str(seed) for seed in seeds[:GRID]]


def from_tray(name: str, model: Model) -> list[str]:
    """The tray's pictures as exemplars; says how many belong to another model."""
    own: list[str] = []
    others = 0
    for item in session.picked().items:
        try:
            own.append(exemplars.of_item(item, name, model))
        except InputError:
            others += 1
    if others:
        st.caption(
            f"{'One picture' if others == 1 else f'{others} pictures'} on the tray "
            f"{'was' if others == 1 else 'were'} made with another model and cannot be used with "
            f"{stranger_text.plain(name)}."
        )
    return list(dict.fromkeys(own))
