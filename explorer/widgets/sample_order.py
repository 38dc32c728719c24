"""Which samples Browse shows, in which order, and what it says about each: the controls."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from explorer.services import seed_tables
from explorer.state import session, url_parts
from explorer.state.url_state import REALISM, View
from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.checkpoint import Model
from gan_core.metrics.seed_table import SeedTable

REAL = ""  # the discriminator's score, where an attribute could stand
# Orders of all seeds of the table; "real" and "fake" are of one page.
WHOLE = ("varied", "best", "worst", "sure")
SURE = {"sure": "Most certain"}  # of what is searched for
SCORES = {REAL: "D(x)", REALISM: "Realism"}
# What the orders are called for D(x), for realism and for an attribute.
SORTS = {"seed": "Seed", "real": "Most real", "fake": "Least real"}
SORTS_REALISM = {
    **{"seed": "Seed", "varied": "Varied"},
    **{"best": "Most realistic", "worst": "Least"},
}
SORTS_ATTRIBUTE = {
    **{"seed": "Seed", "best": "Most", "worst": "Least"},
    **{"real": "Most on this page", "fake": "Least on this page"},
}


def choose_score(model: Model, classifier: Classifier | None) -> None:
    """Which value stands under each picture."""
    measures = measures_of(model, classifier)
    score = session.widget("by", measures or [REAL], on_change=take_score)
    if measures in ([], [REAL]):
        return
    st.selectbox(
        "Score",
        measures,
        format_func=lambda name: SCORES.get(name) or readable_name(name),
        width=210,
        **score,
        help=(
            "The value shown under each picture and used for sorting: its realism, or the "
            "classifier’s probability of an attribute."
            + " D(x) is in the View menu."
            * (model.discriminator is not None)
            if measures[0] == REALISM
            else "The value shown under each picture and used for sorting: the discriminator’s "
            "score, or the classifier’s probability of an attribute."
        ),
    )


def measures_of(model: Model, classifier: Classifier | None) -> list[str]:
    """The scores to choose from; D(x) only where there is no realism, or where it is chosen."""
    realism = has_realism(model)
    judged = model.discriminator is not None and (not realism or session.view().by == REAL)
    measures = [REALISM] * realism + [REAL] * judged
    return measures + (classifier.recognised if classifier else [])


def has_realism(model: Model) -> bool:
    """Whether realism scores exist for this model’s samples."""
    return not (seed_tables.table_of(model) is None and seed_tables.reference_of(model) is None)


def choose_order(model: Model, classifier: Classifier | None, table: SeedTable | None) -> None:
    """The order of the pictures: of all seeds of the table, or of those on this page."""
    view = session.view()
    words = orders(table, view) if measures_of(model, classifier) else {"seed": SORTS["seed"]}
    # A browser holds an order by its words, so with other words it needs the order again.
    limits = tuple(words.items())
    given = session.widget("sort", words, on_change=take_and_return, limits=limits)
    if len(words) > 1:
        st.segmented_control(
            "Order",
            list(words),
            format_func=lambda order: words[order],
            **given,
            help=(
                "Most certain begins with the samples that most surely show what is searched for, "
                f"among the first {len(table):,} seeds."
                if table is not None and "sure" in words
                else f"Most and least are those of the first {len(table):,} seeds. Varied begins "
                "with realistic samples that differ from one another."
                if table is not None and view.by != REAL
                else "Order the pictures on this page by seed or by score."
            ),
        )


def orders(table: SeedTable | None, view: View) -> dict[str, str]:
    """The orders to choose from, with what they are called."""
    if table is None or not (view.having or view.lacking):
        return orders_of_all(table, view)
    words = orders_of_all(table, view)
    # Among the results of a search few of the varied ones are left, unless a link names them.
    if view.sort != "varied":
        words = {order: word for order, word in words.items() if order != "varied"}
    return {"seed": SORTS["seed"], **SURE, **words}


def orders_of_all(table: SeedTable | None, view: View) -> dict[str, str]:
    """The same where nothing is searched for."""
    if view.by == REAL:
        return SORTS
    if view.by == REALISM:
        return SORTS_REALISM if table is not None else {"seed": SORTS["seed"]}
    known = table is not None and view.by in table.attributes
    # The order of another page is offered only where a link names it.
    shown = ["seed", *(("best", "worst") if known else ("real", "fake"))]
    shown += [view.sort] * (view.sort not in shown and view.sort not in WHOLE)
    words = SORTS_ATTRIBUTE if known else {**SORTS, "real": "Most", "fake": "Least"}
    return {order: words[order] for order in shown}


def choose_attributes(classifier: Classifier, table: SeedTable) -> None:
    """The attributes that the samples shown must have, and those that they must lack."""
    names = searchable(classifier, table)
    if not names:
        return
    having, lacking = wanted_lists(names)
    row = st.container(key="wanted", horizontal=True, vertical_alignment="bottom", gap="small")
    row.multiselect(
        "With",
        names,
        format_func=readable_name,
        placeholder="any",
        help=f"Only seeds with all of these, among the first {len(table):,}.",
        **session.fill("set-having", having, take_names, "having"),
    )
    row.multiselect(
        "Without",
        [name for name in names if name not in having],
        format_func=readable_name,
        placeholder="none",
        help=f"Only seeds without any of these, among the first {len(table):,}.",
        **session.fill("set-lacking", lacking, take_names, "lacking"),
    )


def searchable(classifier: Classifier | None, table: SeedTable | None) -> list[str]:
    """The attributes that can be searched for."""
    if classifier is None or table is None:
        return []
    return [name for name in classifier.recognised if name in table.attributes]


def drop_unknown(
    model: Model, classifier: Classifier | None, table: SeedTable | None, of_class: str
) -> None:
    """Take out of a search what it cannot be for, so that no link carries it on, and say so.

    A search comes from a link or from another model, whose attributes may be spelt otherwise.
    table: None also where a class is set, which of_class says in words.
    """
    view, known = session.view(), searchable(classifier, table)
    alike = {readable_name(name).casefold(): name for name in known} | {n: n for n in known}

    def here(name: str) -> str:
        """The name as this model spells it; "" where it lacks the attribute."""
        return alike.get(name) or alike.get(readable_name(name).casefold(), "")

    having_now, lacking_now = map(url_parts.read_names, (view.having, view.lacking))
    having, lacking = (list(filter(None, map(here, part))) for part in (having_now, lacking_now))
    unknown = [name for name in having_now + lacking_now if not here(name)]
    lost = list(dict.fromkeys(map(readable_name, unknown)))
    lacking = [name for name in lacking if name not in having]
    if lost:
        what = f"Samples of one class ({of_class})" if of_class else model.name
        rest = "only the rest is searched for" if having or lacking else "the search was dropped"
        session.warn(f"{what} cannot be searched for {', '.join(lost)[:200]}, so {rest}.")
    after = replace(
        view,
        having=url_parts.write_names(having),
        lacking=url_parts.write_names(lacking),
        sort=view.sort if having or lacking else order_without(view),
        rank=0 if lost else view.rank,
    )
    if after != view:
        session.store(after)


def order_without(view: View) -> str:
    """The order once nothing is searched for."""
    return view.sort if view.sort != "sure" else "varied" if view.by == REALISM else "seed"


def wanted_lists(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """(with, without) as the view has them, as far as they are among these names."""
    view = session.view()
    having = [name for name in url_parts.read_names(view.having) if name in names]
    lacking = [name for name in url_parts.read_names(view.lacking) if name in names]
    return having, [name for name in lacking if name not in having]


def ranking(classifier: Classifier | None, table: SeedTable | None) -> np.ndarray | None:
    """All seeds to be shown, page by page, int64 (m,); None for those from the first seed on."""
    view = session.view()
    if table is None:
        return None
    having, lacking = wanted_lists(searchable(classifier, table))
    if view.sort not in WHOLE and not (having or lacking):
        return None
    wanted = dict.fromkeys(having, True) | dict.fromkeys(lacking, False)
    return seed_tables.ranking(table, view.by, view.sort, wanted)


def go_to_seed(name: str) -> None:
    """Take the first seed from its field, which ends a search."""
    session.take(name)
    leave_ranking()


def leave_ranking() -> None:
    view = session.view()
    order = "seed" if view.sort in WHOLE else view.sort
    session.set_view(sort=order, having="", lacking="", rank=0)


def take_and_return(name: str) -> None:
    """Take a setting and go back to the first page of what it ranks."""
    session.take(name)
    session.set_view(rank=0)


def take_score(name: str) -> None:
    """Take another score; the order stays, of all seeds or of this page."""
    session.take(name)
    view = session.view()
    session.set_view(sort=counterpart(view.sort, view.by), rank=0)


def take_names(name: str) -> None:
    """Take the attributes to search for. A search begins with its most certain results, unless the
    most or the least of something is wanted first.
    """
    names, before = session.value_of(f"set-{name}") or [], session.view()
    session.set_view(**{name: url_parts.write_names(names), "rank": 0})
    now = session.view()
    if not (now.having or now.lacking):
        session.set_view(sort=order_without(now))
    elif not (before.having or before.lacking) and now.sort not in ("best", "worst"):
        session.set_view(sort="sure")


def take_opinion() -> None:
    """Show D(x) instead of realism, or the other way round."""
    on = session.value_of("set-opinion")
    session.set_view(by=REAL if on else REALISM, having="", lacking="", rank=0)
    view = session.view()
    session.set_view(sort=counterpart(order_without(view), view.by))


def counterpart(sort: str, by: str) -> str:
    """The order that stands for another one when the score becomes `by`."""
    if by == REAL:  # which is only known of the samples on a page
        return {"varied": "real", "best": "real", "worst": "fake"}.get(sort, sort)
    same = {"real": "best", "fake": "worst"}
    return same.get(sort, "best" if sort == "varied" and by != REALISM else sort)
