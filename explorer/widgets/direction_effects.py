"""The effects of directions: strips over several seeds, and a chart of measurements."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from explorer.services import direction_store, renderer, stranger_text
from explorer.services.direction_store import Known
from explorer.state import direction_state, session
from explorer.widgets import charts, direction_saving
from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.checkpoint import Model
from gan_core.latent_space.directions import Direction
from gan_core.util.errors import InputError

LOOKS = {
    "attributes": "Attributes",
    "components": "Components",
    "factors": "Factors",
    "saved": "Saved",
}
SEEDS = (0, 1, 2)  # rows of a strip
STEPS = 7  # columns of a strip
BLUE, GREY, GREEN = "#4a8df0", "#9aa3ae", "#2fa37c"  # distinct on white and on black


def panel(model: Model, classifier: Classifier | None, known: Known, reach: float) -> None:
    """Everything about one kind of direction. reach: how far strips go on either side."""
    members: dict[str, Sequence[Any]] = {
        "attributes": known.attributes,
        "components": known.kind("component"),
        "factors": known.kind("factor"),
        "saved": known.saved,
    }
    offered = {key: title for key, title in LOOKS.items() if members[key]}
    if not offered:
        direction_saving.deleted(model, classifier)
        return
    st.subheader("What each direction changes", anchor=False)
    st.segmented_control(
        "Kind",
        offered,
        format_func=lambda kind: offered[kind],
        label_visibility="collapsed",
        **session.widget("look", offered),
    )
    look = session.view().look
    if look == "attributes":
        one_attribute(model, classifier, known, reach)
    else:
        if look == "saved":
            direction_saving.not_available()
        several(model, known, members[look], look, reach)
        if any(d.about.get("moves") for d in members[look]):
            st.caption(
                "Each direction is labelled with the attribute it changes most, and how much a "
                "step of 1 changes its probability, averaged over several samples."
            )
    st.caption(
        f"Rows: seeds {', '.join(map(str, SEEDS))}. Columns: from −{reach:g} to +{reach:g} "
        "along the direction, which has length 1."
    )
    if look == "saved" or not known.saved:
        direction_saving.deleted(model, classifier)


def one_attribute(model: Model, classifier: Classifier | None, known: Known, reach: float) -> None:
    """Both directions of one attribute, and the one that leaves locked attributes alone."""
    names = known.attributes
    moved = [known.by_name[name].about.get("attribute") for name in direction_state.weights(known)]
    first = next((names.index(name) for name in moved if name in names), 0)
    attribute = st.selectbox(
        "Attribute",
        names,
        first,
        format_func=readable_name,
        key="look-attribute",
        width=260,
    )
    pair = {d.kind: d for d in known.discovered if d.about.get("attribute") == attribute}
    named = {"normal": ("Classifier’s normal", BLUE), "difference": ("Difference of means", GREY)}
    shown = [
        (title, pair[kind].vector, pair[kind].about.get("effects"), colour)
        for kind, (title, colour) in named.items()
        if kind in pair
    ]
    others = [name for name in direction_state.locked(known) if name != attribute]
    if others:
        try:
            vector = direction_state.held(pair["normal"], known)
        except InputError as error:
            st.caption(stranger_text.sentence(error))
        else:
            title = f"Normal, {', '.join(map(readable_name, others))} locked"
            n = pair["normal"].about.get("n") or direction_store.MEASURED
            effects = direction_store.measured(model, classifier, vector, n).get("effects")
            shown.insert(0, (title, vector, effects, GREEN))
    pictures = strips(model, [vector for _, vector, _, _ in shown], reach)
    left, right = st.columns([3, 2], gap="large")
    with left:
        for (title, _, effects, _), image in zip(shown, pictures, strict=True):
            st.markdown(f"**{stranger_text.plain(title)}** · {in_words(effects, attribute)}")
            st.image(image, width="stretch", alt=strip_alt(title))
    with right:
        chart([(t, effects, colour) for t, _, effects, colour in shown if effects], attribute)
        st.caption(how_measured(pair["normal"].about, attribute))


def how_measured(about: Mapping[str, Any], attribute: str) -> str:
    words = (
        "How much a step of 1 changes the probability of each attribute, averaged over "
        f"{about.get('n') or 'several'} samples; all bars but the first are leakage."
    )
    labelled, with_it = about.get("labelled"), about.get("with_it")
    if labelled is None or with_it is None:
        return words
    name = stranger_text.plain(readable_name(attribute))
    return (
        f"{words} Computed from {labelled:,} samples, of which the classifier sees {name} in "
        f"{with_it:,}."
    )


def several(
    model: Model, known: Known, members: Sequence[Direction], look: str, reach: float
) -> None:
    """A strip for each direction, in two columns."""
    on = direction_state.weights(known)
    images = strips(model, [d.vector for d in members], reach)
    for start in range(0, len(members), 2):
        pairs = zip(st.columns(2, gap="large"), members[start:], images[start:], strict=False)
        for column, direction, image in pairs:
            with column:
                one_of_several(known, direction, image, direction.name in on)
                if look == "saved":
                    direction_saving.tools(model, direction)


def one_of_several(known: Known, direction: Direction, image: bytes, on: bool) -> None:
    """A strip with the direction's name, its largest effect, and a button for its slider."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        name = stranger_text.plain(direction.name)
        moves = direction.about.get("moves")
        effect = "" if moves is None else f" · {most(direction.about['effects'], moves)}"
        st.markdown(f"**{name[:1].upper()}{name[1:]}**{effect}", width="stretch")
        st.button(
            "Slider",
            key=f"slider-{direction.name}",
            icon=":material/remove:" if on else ":material/add:",
            type="tertiary",
            help="Remove its slider." if on else "Add a slider for it.",
            on_click=direction_state.switch,
            args=(direction.name, known),
        )
    st.image(image, width="stretch", alt=strip_alt(direction.name))


def most(effects: Mapping[str, float], attribute: str) -> str:
    """The attribute that a direction changes most, in words."""
    return f"{stranger_text.plain(readable_name(attribute))} {percent(effects[attribute])}"


def in_words(effects: Mapping[str, float] | None, attribute: str) -> str:
    """A measured effect and the largest leakage, in words."""
    if not effects:
        return "not measured"
    own = f"{percent(effects.get(attribute, 0.0))} per step"
    others = {name: value for name, value in effects.items() if name != attribute}
    if not others:
        return own
    other = max(others, key=lambda name: abs(others[name]))
    name = stranger_text.plain(readable_name(other))
    return f"{own}; leaks most into {name}, {percent(others[other])}"


def percent(change: float) -> str:
    return f"{100 * change:+.1f} %".replace("-", "−")


def strips(model: Model, vectors: Sequence[np.ndarray], reach: float) -> list[bytes]:
    """A picture per vector, with a row for each of SEEDS, from −reach on the left to +reach."""
    start = renderer.latents(model, SEEDS)[:, None]
    steps = np.linspace(-reach, reach, STEPS, dtype=np.float32)[None, :, None]
    z = np.concatenate([start + steps * vector for vector in vectors])
    images = renderer.pictures(model, z.reshape(-1, model.prior.size))
    return [renderer.sheet_png(part, columns=STEPS) for part in np.split(images, len(vectors))]


def strip_alt(title: str) -> str:
    """The alternative text of a strip."""
    rows = ", ".join(map(str, SEEDS))
    return stranger_text.clean(f"Rows of seeds {rows}, moved from − to + along: {title}")


def chart(rows: Sequence[tuple[str, Mapping[str, float], str]], attribute: str) -> None:
    """The effects of directions on every attribute, as bars: first the intended one, then leakage.

    rows: (title, {attribute: effect}, colour) of each direction.
    """
    if not rows:
        return
    others = [name for name in rows[0][1] if name != attribute]
    size = lambda name: abs(rows[-1][1].get(name, 0.0))  # noqa: E731
    names = [attribute, *sorted(others, key=size, reverse=True)]
    labels = [stranger_text.chart(readable_name(name)) for name in names]
    bars = [
        (stranger_text.chart(title), [effects.get(name, 0.0) for name in names], colour)
        for title, effects, colour in rows
    ]
    charts.show(charts.bars(labels, bars), "effects-chart")
