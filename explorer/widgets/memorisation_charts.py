"""Charts of a memorisation report: distributions of distances, and measures with intervals."""

from collections.abc import Sequence

import streamlit as st

from explorer.services import (
    stranger_text,
)
from explorer.widgets import charts
from explorer.widgets.memorisation_controls import Case

# {measure: what it can and cannot show}
MEASURES = {
    "C_T": "Are samples nearer to the training images than unseen images are (Meehan et al. 2020)?"
    " 0: as near. −3 or less: nearer, which suggests copies. Above 0: farther away, as samples that"
    " look less real are. Its size grows with the number of images, and a few copies among many"
    " samples do not show in it.",
    "Farther": "Take a sample and an unseen image: how often is the sample the farther one? 50 %:"
    " as near as unseen images. Close to 0 %: nearly always nearer, which suggests copies. It does"
    " not depend on the number of images; a few copies do not show here either.",
    "AuthPct": "The percentage of samples that lie farther from their nearest training image than"
    " that image lies from its own nearest neighbour (Alaa et al. 2022). Low values suggest copies,"
    " but low compared with the innocent control, not with 100 %: where the training set holds"
    " duplicates, the innocent control is low too, and samples that look less real are high.",
    "Precision": "The percentage of samples that are in the neighbourhood of a training image"
    " (Kynkäänniemi et al. 2019): how real they look to these features. A copy counts as perfect.",
    "Recall": "The percentage of training images that are in the neighbourhood of a sample: how"
    " much of the training set is covered. It cannot show whether the covered images were learned"
    " or copied.",
}


def show_histogram(result: dict, colour: str, words: str) -> None:
    """A histogram of the distances of samples, held-out images and training images."""
    bins = result["histogram"]
    held_out = charts.MUTED_HELD_OUT if colour == charts.HELD_OUT else charts.HELD_OUT
    kinds = [
        ("training", bins["training"], charts.TRAINING, False),
        ("held out", bins["held-out"], held_out, False),
        (words, bins["samples"], colour, True),
    ]
    unit = "levels of 256" if result["unit"].startswith("grey") else "1 − cosine"
    charts.legend((label, shade) for label, counts, shade, _ in kinds if sum(counts))
    charts.show(charts.distance_histogram(bins["edges"], kinds, unit), f"histogram-{colour}")


def show_measures(cases: Sequence[Case], space: str) -> None:
    """Show each measure of each report with its 95 % interval and its meaning."""
    st.subheader("Measures", anchor=False)
    for measure_name, words in MEASURES.items():
        rows = [
            (case, *interval(result, measure_name))
            for case in cases
            if (result := case.space(space)) is not None
        ]
        rows = [row for row in rows if row[1] is not None]
        if not rows:
            continue
        left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
        left.markdown(f"**{stranger_text.plain(measure_name)}**")
        left.caption(words)
        with right:
            charts.show(interval_chart(rows, measure_name), f"forest-{measure_name}")
    st.caption("Estimates with 95 % intervals, for these training images and these weights.")


def interval(result: dict, name: str) -> Sequence[float | None]:
    """(value, low, high) of a measure in one space of a report; all None if it is missing."""
    none = (None, None, None)
    if name == "AuthPct":
        return result["auth_pct"].get("samples", none)
    if name in ("Precision", "Recall"):
        shares = result[name.lower()]
        return [100 * share for share in shares] if shares else none
    key, times = ("c_t", 1) if name == "C_T" else ("farther", 100)
    ends = result["intervals"].get(key)
    if result[key] is None or not ends:
        return none
    return times * result[key], times * ends[0], times * ends[1]


def interval_chart(rows: list, name: str) -> dict:
    """A chart with an estimate and its interval for each report."""
    values = [number for row in rows for number in row[1:]]
    if name == "C_T":
        margin = max(1.0, 0.06 * (max(values) - min(values)))
        ends = (min(-5.0, min(values) - margin), max(5.0, max(values) + margin))
        marks: tuple[int, ...] = (0, -3)
    else:
        ends, marks = (-4.0, 104.0), (50,) if name == "Farther" else ()
    rows = [(stranger_text.chart(case.title), case.colour, *three) for case, *three in rows]
    return charts.intervals(rows, ends, marks)
