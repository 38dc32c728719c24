"""The reports that the page Memorisation compares: a model's own and those of two controls."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from explorer.services import folders as where
from explorer.services import (
    memorisation_reports,
    shown_paths,
    training_data,
)
from explorer.state import session
from explorer.widgets import (
    charts,
    distance_space,
)
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.metrics import memorisation_file, memorisation_measures
from gan_core.util.errors import InputError

GUILTY = charts.SECOND  # colour of the overfitted control


@dataclass(frozen=True)
class Case:
    """One of the reports that are shown side by side.

    title: its heading. colour: the colour of its charts. result: the report. model, data: the Model
    and its TrainingSet, which is None if the images are not available.
    """

    title: str
    colour: str
    result: dict
    model: Model
    data: TrainingSet | None

    def space(self, name: str) -> dict | None:
        """The part of the report about a space, or None."""
        return self.result["spaces"].get(name)


def path_text(directory: Path) -> str:
    """A checkpoint's directory as one would type it in the project's folder."""
    inside = directory.is_relative_to(where.home())
    return shown_paths.shown(directory.relative_to(where.home()) if inside else directory)


def how_to_measure(case: Case, space: str) -> str:
    """What to do when a report does not cover a space."""
    here = "" if case.data is None else "use Measure again under View, or "
    return (
        f"The report on these weights does not cover {distance_space.SPACE_NAMES[space]}. To add"
        f" it, {here}run `python -m gan_core memorisation {path_text(case.model.directory)}` and"
        " reload this page."
    )


def inconclusive_text(cases: Sequence[Case], space: str) -> str:
    """A warning if the two controls look alike in a space, else ""."""
    results = {case.title.partition(":")[0]: case.space(space) for case in cases}
    guilty, innocent = results.get("Guilty"), results.get("Innocent")
    if not guilty or not innocent or memorisation_measures.separates(guilty, innocent):
        return ""
    return (
        f"In {distance_space.SPACE_NAMES[space]} this report does not distinguish the guilty"
        " control from the innocent one, so a clean result here proves nothing, and the answer"
        " above does not rest on it."
    )


def told_apart(model: Model, space: str) -> bool | None:
    """Whether the two controls differ in a space, for a model; None where one was not measured."""
    try:
        innocent = memorisation_file.load_report(model, "held-out", space)
        overfitted = memorisation_reports.control_model()
        guilty = overfitted and memorisation_file.load_report(overfitted, space=space)
    except InputError:  # a damaged file; the page Memorisation says which
        return None
    if not innocent or not guilty:
        return None
    known = [report["spaces"].get(space) for report in (guilty, innocent)]
    return memorisation_measures.separates(*known) if all(known) else None


def excluded_text(result: dict) -> str:
    """How many held-out images were excluded, in words; "" if none was."""
    equal = result.get("held_out_equal")  # missing in older reports
    return f" ({equal:,} more excluded as equal to a training image)" if equal else ""


def load(case: Case) -> list[Case]:
    """The innocent and the guilty control, if their reports exist."""
    cases = []
    space = session.view().space
    innocent = memorisation_file.load_report(case.model, "held-out", space)
    if innocent is not None:
        cases.append(
            Case(
                "Innocent: real images, held out", charts.HELD_OUT, innocent, case.model, case.data
            )
        )
    overfitted = memorisation_reports.control_model()
    if overfitted is not None and overfitted.hash != case.model.hash:
        guilty = memorisation_file.load_report(overfitted, space=space)
        if guilty is not None:
            data = training_data.training_images(overfitted)
            count = len(data.images)
            cases.append(Case(f"Guilty: overfitted on {count:,}", GUILTY, guilty, overfitted, data))
    return cases


def missing_text(cases: Sequence[Case], space: str) -> str:
    """Which controls are missing, entirely or in one space."""
    titles = " ".join(case.title for case in cases)
    words = []
    if "Innocent" not in titles:
        words.append("The innocent control is missing; this command measures it.")
    if "Guilty" not in titles:
        words.append("The guilty control is missing; these commands train and measure it.")
    for case in cases:
        if case.space(space) is None:
            kind = case.title.split(":")[0].lower()
            words.append(
                f"The {kind} control was not measured in {distance_space.SPACE_NAMES[space]}."
            )
    return " ".join(words)


def missing_commands(cases: Sequence[Case], space: str) -> list[str]:
    """The commands, typed in the project's folder, that make the controls `missing_text` names.

    cases: as for `missing_text`, the model's own first.
    """
    titles = " ".join(case.title for case in cases)
    commands, verb = [], "python -m gan_core memorisation"
    if "Innocent" not in titles:
        commands.append(f"{verb} {path_text(cases[0].model.directory)} --control held-out")
    if "Guilty" not in titles:
        commands.append("python benchmarks/overfit_control.py")
        commands.append(f"{verb} checkpoints/controls/overfitted-200")
    for case in cases[1:]:
        if case.space(space) is None and space not in case.result["missing"]:
            control = " --control held-out" if case.result["control"] else ""
            commands.append(f"{verb} {path_text(case.model.directory)}{control}")
    return commands
