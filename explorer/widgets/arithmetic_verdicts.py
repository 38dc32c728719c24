"""What the classifier makes of a sum: its table, the verdicts, and what should stay as it is."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from explorer.services import attribute_labels, direction_store, renderer, stranger_text
from explorer.state import baskets
from explorer.widgets.arithmetic_controls import RANDOM, Change, Controls
from explorer.widgets.arithmetic_formula import Term
from gan_core.attributes.classifier import readable_name
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic
from gan_core.util.errors import InputError

VERDICTS = {"yes": ":green[:material/check:]", "no": ":red[:material/close:]"}
UNSURE = ":orange[:material/question_mark:]"


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
    note = (
        f"The directions of all attributes except {moved} were taken out of A − B. That is exact "
        "only for small steps, so others may still change a little."
    )
    return apart, locked, note


def table(
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
        [("sum", images[:1]), ("rescaled", images[1:])],
        [("random", pictures[1 : 1 + RANDOM]), ("single", pictures[-1:])],
    )


def show(model: Model, terms: Sequence[Term], images: np.ndarray) -> None:
    """Whether it worked, for each of the two results: what is seen of every attribute, with a mark
    for whether that is as it should be.

    A preset names the attributes; for other baskets they follow from what the exemplars show.
    """
    readers = attribute_labels.readers_of(model)
    if not readers:
        return
    classifier = readers[0]
    means = [attribute_labels.seen_in(classifier, renderer.pictures(model, z)) for *_, z in terms]
    known = list(classifier.recognised)
    named = [known.index(name) for name in named_attributes() if name in known]
    changed, stay = arithmetic.goals(means, [weight for _, weight, _ in terms], named)
    if not changed:
        return
    judges = (
        f"{len(readers)} separate networks that recognise attributes in pictures; “unsure” unless "
        "all agree"
        if len(readers) > 1
        else "a network that recognises attributes in pictures"
    )
    lines = [f"**Did it work?** Judged by {judges}:"]
    for title, image in zip(("As summed", "Rescaled"), images, strict=True):
        seen = attribute_labels.agreed_in(readers, image[None])[0]
        said = []
        for column, wanted in (changed | stay).items():
            verdict = arithmetic.verdict(float(seen[column]), wanted)
            name = stranger_text.plain(readable_name(known[column]))
            there = wanted if verdict == "yes" else not wanted
            words = f"{name}: {verdict if verdict == 'unsure' else 'yes' if there else 'no'}"
            words += " (as in C)" * (column in stay and verdict == "yes")
            # No line ends between a mark and its words.
            said.append(f"{VERDICTS.get(verdict, UNSURE)}\N{NO-BREAK SPACE}{words}")
        lines.append(f"- {title} — " + " · ".join(said))
    with st.container(key="verdicts"):
        st.markdown("\n".join([lines[0], "", *lines[1:]]))


def named_attributes() -> list[str]:
    """The attributes that A, B and C were chosen for, each once; [] unless all three were."""
    wishes = baskets.wishes()[: baskets.START + 1]
    return list(dict.fromkeys(name for wish in wishes for name in wish)) if all(wishes) else []
