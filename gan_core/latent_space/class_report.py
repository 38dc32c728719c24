"""How often a conditional model draws the class it should, read by independent classifiers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_core.attributes import classifier as attributes
from gan_core.checkpoint import Model
from gan_core.latent_space import classes
from gan_core.metrics import intervals, store
from gan_core.util.errors import InputError

SAMPLES = 500  # of each class


def measure(model: Model, n: int = SAMPLES, seed: int = 0) -> dict[str, Any]:
    """How often the classifiers beside a conditional model read the class that was set.

    n: samples of each option of each group, of the seeds seed … seed + n − 1; the other groups stay
    as the latent has them. Each row counts the samples that every classifier which recognises the
    attribute reads as set, with Wilson's 95 % interval. The classifiers were trained on images
    and never saw the generator. Returns a dict of plain JSON types. Raises InputError for n below
    1, a model without classes, and where no classifier recognises any of them.
    """
    if n < 1:
        raise InputError(f"n is {n}; each class needs at least one sample.")
    groups = classes.groups_of(model)
    if not groups:
        raise InputError(f"{model.name} has no classes; --classes is for conditional models.")
    readers = attributes.load_all(model.directory)
    names = (model.card.get("training") or {}).get("tied") or []
    z = model.prior.sample(n, seed)
    rows = []
    for group in groups:
        places = [names[i] if i < len(names) else "" for i in group.places]
        able = [r for r in readers.values() if set(places) <= set(r.recognised)]
        if not able:
            continue
        for index, option in enumerate(group.options):
            images = model.generate(classes.with_class(model, z, group, option))
            right = np.ones(n, bool)
            for reader in able:
                read = reader.predict(images)[:, [reader.names.index(name) for name in places]]
                found = read.argmax(1) if len(places) > 1 else (read[:, 0] >= 0.5).astype(int)
                right &= found == index
            share, low, high = intervals.wilson(right)
            row = {"group": group.name, "option": option, "readers": len(able)}
            rows.append(row | {"share": share, "low": low, "high": high})
    if not rows:
        raise InputError(
            f"No classifier of {model.name} recognises its classes; train one with the attributes "
            "command."
        )
    return {
        "n": n,
        "seed": seed,
        "mean": float(np.mean([row["share"] for row in rows])),
        "rows": rows,
        "classifiers": [reader.hash for reader in readers.values()],
        "model": model.weights,
        "name": model.name,
    }


def card_section(card: Mapping[str, Any]) -> str:
    """The model card's section on classes; "" where they have not been measured."""
    heading = "Does it draw the right class?"
    return store.card_section(card, "classes", heading, "Measured", table, SAMPLES)


def table(result: Mapping[str, Any]) -> str:
    """The result of `measure` as a Markdown table and a sentence."""
    lines = ["| class that is set | read by | read as set |", "|---|---|---|"]
    for row in result["rows"]:
        many = "1 classifier" if row["readers"] == 1 else f"{row['readers']:d} classifiers"
        share = f"{row['share']:.1%} ({row['low']:.1%}–{row['high']:.1%})"
        lines.append(f"| {row['group']}: {row['option']} | {many} | {share} |")
    lines.append(
        f"\n{result['mean']:.1%} on average, over {result['n']:,} samples of each class; the 95 % "
        "interval (Wilson) is in brackets. A sample counts only if every classifier sees "
        "the class that was set."
    )
    return "\n".join(lines)
