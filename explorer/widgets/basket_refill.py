"""What becomes of the baskets of the page Arithmetic when another model is chosen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from explorer.services import attribute_labels, seed_tables
from explorer.state import baskets, fragments, session, url_parts
from explorer.widgets import (
    arithmetic_presets,
    basket_names,
    basket_panel,
    class_fields,
    preset_exemplars,
)
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic


def follow_model(model: Model) -> None:
    """After a change of model, fill the baskets by the same wishes, or empty them and say so.

    A seed stands for another picture in every model.
    """
    state = st.session_state
    before = state.get("baskets_of")
    state.baskets_of = model.weights
    view = session.view()
    if before in (None, model.weights):
        return
    of_class = url_parts.write_class_list(
        class_fields.usable(model, one) for one in baskets.classes()
    )
    if not any(getattr(view, b) for b in url_parts.BASKETS):
        if of_class != view.basket_classes:
            session.store(replace(view, basket_classes=of_class))
        return
    filled = refilled(model)
    names = [basket_names.of(wish) for wish in baskets.wishes() if wish]
    empty = dict.fromkeys(url_parts.BASKETS, "")
    new: dict[str, Any] = empty | (filled or {"wishes": ""})
    # Steps that could be undone are about samples of the other model.
    session.store(replace(view, **new, basket_classes=of_class, undo=(), redo=()))
    dropped = " The class that was set is dropped, because this model does not have it."
    if filled:
        listed = "; ".join(names)
        session.say(
            f"The baskets now hold samples of {model.name} that show the same attributes: {listed}."
            + (dropped if of_class != view.basket_classes else "")
        )
    else:
        session.warn(
            f"The baskets were emptied: the same seeds draw other pictures in {model.name}, and "
            "it has too few samples that show the same attributes."
        )
    fragments.redraw()


def follow_link(model: Model) -> None:
    """Fill the baskets of a link that says what they show and not with which samples.

    Such a link means the same after a model was trained further.
    """
    view = session.view()
    if any(getattr(view, b) for b in url_parts.BASKETS) or view.undo or view.redo:
        return
    wanted = [b for b, wish in zip(url_parts.BASKETS, baskets.wishes(), strict=False) if wish]
    filled: dict[str, Any] | None = dict(refilled(model, wanted) or {}) if wanted else None
    if filled:
        session.store(replace(view, **filled))
        fragments.redraw()


def refilled(model: Model, used: Sequence[str] = ()) -> dict[str, str] | None:
    """The baskets, filled by their wishes from a model's samples; None if one cannot be.

    used: which of them, those that hold something by default.
    """
    used = used or [basket for basket in baskets.names() if baskets.text(basket)]
    wishes = dict(zip(url_parts.BASKETS, baskets.wishes(), strict=True))
    classifier = attribute_labels.classifier_of(model)
    new = {basket: basket_names.translated(wishes[basket], classifier) for basket in used}
    if classifier is None or not all(new.values()) or arithmetic_presets.refusal(model):
        return None
    known = seed_tables.probabilities(model, classifier)
    if known is None:
        with st.spinner(f"Searching {basket_panel.POOL} samples …", show_time=True):
            known = attribute_labels.probabilities(model, classifier, basket_panel.POOL)
    triple = basket_names.triple_of([new.get(basket) or {} for basket in "abc"])
    rows: dict[str, np.ndarray]
    most = preset_exemplars.EXEMPLARS
    if triple is not None and len(used) == len("abc"):
        chosen, *_ = preset_exemplars.choose(model, classifier, triple, len(known), known)
        rows = dict(zip("abc", chosen, strict=True))
    else:
        rows = {
            basket: arithmetic.most_confident(classifier, known, wish or {})[:most]
            for basket, wish in new.items()
        }
    if not all(map(len, rows.values())):
        return None
    wanted = [new.get(basket) or {} for basket in url_parts.BASKETS]
    seeds = {basket: ", ".join(map(str, chosen)) for basket, chosen in rows.items()}
    return seeds | {"wishes": url_parts.write_wishes(wanted)}
