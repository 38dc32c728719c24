"""The presets of the page Arithmetic: evaluated sums whose baskets the classifier can fill."""

from collections.abc import Sequence

import streamlit as st

from explorer.services import attribute_labels, seed_tables, stranger_text, trust
from explorer.state import baskets, fragments, session, url_parts, url_state
from explorer.widgets import (
    basket_classes,
    basket_names,
    basket_panel,
    preset_exemplars,
)
from explorer.widgets.class_picker import title_of
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic_report, classes


def triples(model: Model) -> list[tuple]:
    """The evaluated triples for which this model's classifier can fill the baskets."""
    classifier = attribute_labels.classifier_of(model)
    known = set(classifier.recognised if classifier else ())
    triples = arithmetic_report.TRIPLES
    return [t for t in triples if all(known.issuperset(wanted) for wanted in t[2:])]


def any_for(model: Model) -> bool:
    """Whether there is anything that fills all baskets in a way that is worth a look."""
    return bool(triples(model) or classes.groups_of(model))


def buttons(model: Model, place: str) -> None:
    """A button for each preset, and for a conditional model one that goes between two classes."""
    why = refusal(model)
    for title, *_ in triples(model):
        st.button(
            title,
            key=f"preset-{place}-{title}",
            on_click=request,
            args=(title,),
            help=measured(model, title) or None,
            disabled=bool(why),
        )
    for group in classes.groups_of(model)[:1]:
        before, after = group.options[:2]
        st.button(
            stranger_text.plain(f"{title_of(group)}: from {before} to {after}"),
            key=f"two-classes-{place}",
            help="A and B hold the same exemplars in two classes, so their difference is the class "
            "alone; it is added to C.",
            on_click=two_classes,
            args=(model, group),
        )
    if why:
        st.caption(why)


def measured(model: Model, title: str) -> str:
    """What was measured of a preset on this model, and what it must beat; often ""."""
    about = arithmetic_report.summary, arithmetic_report.must_beat
    return " ".join(filter(None, (say(model.card, title) for say in about)))


def compared_with_class(model: Model, wishes: Sequence[basket_names.Wish]) -> None:
    """For a model with classes, a sentence on the page about setting a class directly.

    wishes: what each basket should show; a preset's have a measurement.
    """
    if classes.groups_of(model):
        # With a class set they are other exemplars than those that were measured.
        triple = None if any(baskets.classes()) else basket_names.triple_of(wishes)
        title = triple[0] if triple else ""
        st.caption(
            arithmetic_report.must_beat(model.card, title)
            or "This model has classes, so arithmetic must beat setting one, as on the page "
            "Latents."
        )


def refusal(model: Model) -> str:
    """Why this visitor cannot use presets, which need labelled samples; "" if they can."""
    classifier = attribute_labels.classifier_of(model)
    try:
        if classifier is not None and seed_tables.probabilities(model, classifier) is None:
            attribute_labels.check_labelled(model, classifier, basket_panel.POOL)
    except trust.Refused as error:
        return str(error)
    return ""


def request(title: str) -> None:
    st.session_state.preset = title
    fragments.redraw()


def invite(model: Model) -> None:
    """Buttons that fill all baskets, in the place of the strength until there is a result."""
    if triples(model):
        st.caption("Start with a preset, or fill the three baskets yourself.")
    else:
        words = "Fill the three baskets with samples, or start with any nine."
        if groups := classes.groups_of(model):
            label = stranger_text.plain(basket_classes.invitation(groups))
            words += f" “{label}” gives all samples of a basket the same one."
        st.caption(words)
    buttons(model, "page")
    if not triples(model):
        st.button("Nine samples", on_click=nine_samples, args=(model,))


def nine_samples(model: Model) -> None:
    """Put any nine into the baskets."""
    nine = threes(model)
    st.session_state.filling = False
    baskets.change(wishes="", basket_classes="", **dict(zip("abc", nine, strict=True)))
    fragments.redraw()


def two_classes(model: Model, group: classes.Group) -> None:
    """Put the same samples into A and B, in two classes, and others of B's class into C."""
    first, second, _ = threes(model)
    before, after = ({group.name: option} for option in group.options[:2])
    st.session_state.filling = False
    of_class = url_parts.write_class_list([after, before, before])
    baskets.change(wishes="", basket_classes=of_class, a=first, b=first, c=second)
    fragments.redraw()


def threes(model: Model) -> list[str]:
    """Nine seeds in three baskets, good ones where the model brings a table of its first seeds."""
    table = seed_tables.table_of(model)
    nine = [str(seed) for seed in (table.openings if table else ())[:9]]
    nine = nine if len(nine) == 9 else list(map(str, range(9)))
    return [", ".join(nine[i : i + 3]) for i in (0, 3, 6)]


def take(model: Model) -> None:
    """Fill the baskets with the requested preset, if any, and redraw the page."""
    title = st.session_state.pop("preset", None)
    triple = next((t for t in triples(model) if t[0] == title), None)
    classifier = attribute_labels.classifier_of(model)
    if triple is None or classifier is None:
        return
    if why := refusal(model):
        session.warn(why)
        return
    known = seed_tables.probabilities(model, classifier)
    pool = basket_panel.POOL if known is None else len(known)
    with st.spinner(f"Searching {pool} samples …", show_time=True):
        chosen, strength, apart = preset_exemplars.choose(model, classifier, triple, pool, known)
    if not all(map(len, chosen)):
        session.warn(f"Among its first {pool} samples, {model.name} has too few for this preset.")
        return
    st.session_state.filling = False
    filled = [", ".join(map(str, rows)) for rows in chosen]
    emptied = dict.fromkeys(url_parts.BASKETS, "")
    baskets.change(
        **emptied | dict(zip("abc", filled, strict=True)),
        sum=url_state.View.sum,
        wishes=url_parts.write_wishes(triple[2:]),
        basket_classes="",
        strength=strength,
        apart=apart,
    )
    fragments.redraw()
