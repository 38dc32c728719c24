"""The answer at the top of the page Memorisation: has this model copied its training images?"""

from collections.abc import Mapping

import streamlit as st

from explorer.services import memorisation_reports, nearest
from explorer.widgets import answer, copy_sentences, distance_space
from gan_core.checkpoint import Model
from gan_core.metrics import (
    copy_answer,
    memorisation_file,
    memorisation_measures,
)

Spaces = Mapping[str, Mapping]  # a report's "spaces"


def show(model: Model) -> None:
    """Show the answer for a model that has a report, with the evidence of each space."""
    own = spaces_of(model)
    innocent = spaces_of(model, "held-out")
    overfitted = memorisation_reports.control_model()
    guilty = {} if overfitted is None else spaces_of(overfitted)
    # The overfitted model is its own guilty control.
    result = copy_answer.of_model(own, innocent, guilty)

    def why() -> None:
        for space in own:
            st.markdown(f"**In {distance_space.SPACE_NAMES.get(space, space)}**")
            lines = evidence(own[space], innocent.get(space), guilty.get(space))
            st.markdown("\n".join(f"- {line}" for line in lines))
        st.caption(
            "The innocent control is real images that the model has never seen, in place of "
            "samples. The guilty control is a generator that was overfitted on purpose. The "
            "answer rests only on spaces in which the two can be distinguished, and it is about "
            "most samples: a few copies among thousands do not show in it, which is what the most "
            "suspicious samples below are for."
        )

    report = memorisation_file.load_report(model)
    count = 0 if report is None else report["n"]
    sentence = copy_sentences.of_model(result, own, count)
    answer.show(copy_sentences.kind(result), sentence, why)


def spaces_of(model: Model, control: str = "") -> dict[str, Mapping]:
    """The "spaces" of a model's reports, {} without any; each space from the report covering it."""
    spaces = {}
    for space in nearest.SPACES:
        report = memorisation_file.load_report(model, control, space)
        if report is not None and space in report["spaces"]:
            spaces[space] = report["spaces"][space]
    return spaces


def evidence(own: Mapping, innocent: Mapping | None, guilty: Mapping | None) -> list[str]:
    """What one space says, in sentences of Markdown."""
    rows = {"samples": own, "the innocent control": innocent, "the guilty control": guilty}
    measured = {name: space for name, space in rows.items() if space is not None}
    lines = []
    if shares := {n: s["farther"] for n, s in measured.items() if s.get("farther") is not None}:
        lines.append(
            "Nearer to a training image than an unseen image is, in pairs of the two: "
            + ", ".join(f"**{100 * (1 - share):.0f} %** of {n}" for n, share in shares.items())
            + ". 50 % is what unseen images reach."
        )
    authentic = {n: s["auth_pct"]["samples"][0] for n, s in measured.items()}
    lines.append(
        "Farther from their nearest training image than that image from its own neighbour: "
        + ", ".join(f"**{share:.0f} %** of {n}" for n, share in authentic.items())
        + ". Copies make this low."
    )
    if own.get("precision") and innocent is not None and innocent.get("precision"):
        real, unseen = own["precision"][0], innocent["precision"][0]
        lines.append(
            f"As real as training images: **{100 * real:.0f} %** of samples, {100 * unseen:.0f} %"
            " of unseen images."
            + (
                " Samples that look less real lie farther away, copied or not, which weakens a"
                " clean result."
                if real < unseen / 2
                else ""
            )
        )
    if innocent is None or guilty is None:
        lines.append("A control was not measured here, so this space does not count.")
    elif not memorisation_measures.separates(guilty, innocent):
        lines.append("The controls cannot be distinguished here, so this space does not count.")
    return lines
