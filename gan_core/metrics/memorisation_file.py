"""The file of a memorisation report: its fields, what must be in range, and its caveats."""

from collections.abc import Mapping
from typing import Any

from gan_core import checkpoint, latent
from gan_core.metrics import store
from gan_core.util import json_values

FORMAT = 1
# The files beside a model: the report on its samples, and the one on the control.
FILES = {"": "memorisation.json", "held-out": "memorisation-held-out.json"}
CAVEATS = (
    "A small distance is evidence of copying only if held-out images are farther away. A blurred "
    "or average-looking sample is near many images without being a copy of any.",
    "C_T compares whole distributions. It misses a few blatant copies among many samples, and it "
    "is high, not low, for samples that look worse than real images, copied or not.",
    "AuthPct is the share of samples that are farther from their nearest training image than that "
    "image is from its own nearest neighbour. Compare it with the AuthPct of held-out images, not "
    "with 100 %.",
    "Pixel distance detects only copies that match pixel for pixel, mirrored or not. A shifted or "
    "recoloured copy shows up, if at all, in the features. D's features are the model's own: D saw "
    "every training image.",
    "Duplicates among the training images are memorised first, and a copy of one passes as "
    "authentic, so look at the duplicates before drawing a conclusion.",
    "The 95 % intervals hold for this model and these training images: Wilson intervals for "
    "AuthPct, precision and recall (with the neighbourhoods taken as given), bootstrap intervals "
    "for C_T.",
)
# The fields of a report, see gan_core.util.json_values; older versions lack some of them.
NUMBER = json_values.NUMBER
COUNT = json_values.COUNT
TEXT = json_values.TEXT
ANY = json_values.ANY
ROW = {
    "id": COUNT,
    "distance": NUMBER,
    "ratio?": NUMBER,
    "duplicated?": json_values.FLAG,
    "authentic": json_values.FLAG,
    "percentiles": {ANY: NUMBER},
    "neighbours": [
        {"index": COUNT, "file": TEXT, "distance": NUMBER, "mirrored": json_values.FLAG}
    ],
}
SHAPE = {
    "name": TEXT,
    "model": TEXT,
    "control": TEXT,
    "of?": TEXT,
    "n": COUNT,
    "n_held_out": COUNT,
    "n_training": COUNT,
    "held_out_equal?": COUNT,
    "seed": COUNT,
    "psi": NUMBER,
    "missing": {ANY: TEXT},
    "caveats": [TEXT],
    "spaces": {
        ANY: {
            "unit": TEXT,
            "distances": {ANY: {ANY: NUMBER}},
            "histogram": {
                "edges": [NUMBER],
                "samples": [NUMBER],
                "held-out": [NUMBER],
                "training": [NUMBER],
            },
            "auth_pct": {ANY: [NUMBER] * 3},
            "c_t?": NUMBER,
            "farther?": NUMBER,
            "cells?": COUNT,
            "intervals": {"c_t?": [NUMBER] * 2, "farther?": [NUMBER] * 2},
            "precision?": [NUMBER] * 3,
            "recall?": [NUMBER] * 3,
            "suspicious": [ROW],
            "examples?": [ROW],
            "near_duplicates": {
                "limit?": NUMBER,
                "count": COUNT,
                "pairs": [[COUNT, COUNT, NUMBER]],
            },
        }
    },
}


def out_of_range(result: Mapping[str, Any]) -> str:
    """The name of the first field of a well-formed report that is out of range, or ""."""
    images = result["n_training"]
    if result["seed"] + result["n"] > latent.MAX_SEED + 1 or not 0 <= result["psi"] <= 10:
        return "seed and psi"
    last = (
        latent.MAX_SEED
        if not result["control"]
        else result["n_held_out"] + result["n"] + (result.get("held_out_equal") or 0)
    )
    for name, space in result["spaces"].items():
        bins = space["histogram"]
        if any(len(bins[kind]) != len(bins["edges"]) - 1 for kind in bins if kind != "edges"):
            return f"spaces.{name}.histogram"
        rows = [*space["suspicious"], *(space.get("examples") or [])]
        for row in rows:
            near = row["neighbours"]
            if row["id"] > last or not near or any(one["index"] >= images for one in near):
                return f"spaces.{name}.suspicious"
        if any(max(pair[:2]) >= images for pair in space["near_duplicates"]["pairs"]):
            return f"spaces.{name}.near_duplicates"
    return ""


def save_report(model: checkpoint.Model, report: Mapping[str, Any], cache: bool = False) -> None:
    """Write a report beside its model, or into the cache folder; `load_report` finds either.

    Raises InputError when the checkpoint now holds other weights than those that were measured.
    """
    store.save_report(model, FILES[report["control"]], report, cache)


def load_report(
    model: checkpoint.Model, control: str = "", space: str = ""
) -> dict[str, Any] | None:
    """The report saved on a model's own weights, beside it or in the cache; None for none.

    Of two reports, the one that covers `space` if only one does, else the one on more samples.
    Raises InputError when a file is damaged.
    """
    reports = store.load_reports(model, FILES[control], misfit)
    best = max(reports, key=lambda one: (space in one["spaces"], one["n"]), default=None)
    # The current caveats, which an older report may word differently.
    return None if best is None else best | {"caveats": caveats(best)}


def misfit(content: dict[str, Any]) -> str:
    """The name of the first field of a file that keeps it from being such a report, or ""."""
    if content.get("format") != FORMAT:
        return f"format {FORMAT}"
    return json_values.misfit(content, SHAPE) or out_of_range(content)


def caveats(report: Mapping[str, Any]) -> list[str]:
    """What to keep in mind when reading a report, in sentences."""
    equal = report.get("held_out_equal")
    return [*CAVEATS, *([excluded(equal)] if isinstance(equal, int) and equal else [])]


def excluded(equal: int) -> str:
    """The caveat about held-out images that equal a training image; equal: how many, 1 or more."""
    are, were = ("image equals", "was") if equal == 1 else ("images equal", "were")
    return (
        f"{equal:,} held-out {are} a training image and {were} excluded: the model was trained on "
        "the same picture, and a distance of 0 would make any copy look normal."
    )
