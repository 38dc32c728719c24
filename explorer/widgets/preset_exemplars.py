"""The exemplars and the strength that a preset of the page Arithmetic begins with."""

import functools
from collections.abc import Sequence

import numpy as np

from explorer.services import attribute_labels, renderer, seed_tables
from explorer.state import url_state
from explorer.widgets import arithmetic_formula, arithmetic_verdicts
from gan_core.attributes.classifier import Classifier
from gan_core.checkpoint import Model
from gan_core.latent_space import arithmetic, arithmetic_report

EXEMPLARS = 8  # that a preset puts into each basket
DRAWS = 6  # sets of exemplars drawn at random, where others do not show what they should
STEP = 0.25  # between two strengths that are tried
TINY = 1e-6


def choose(
    model: Model, classifier: Classifier, triple: tuple, n: int, known: np.ndarray | None
) -> tuple[Sequence[np.ndarray], float, bool]:
    """(exemplars, strength, whether the rest is left alone) that a preset begins with.

    What works for most exemplars fails for some, so several sets are tried, in the way that
    measured best, then at greater strengths, then as the plain sum. The first is taken whose result
    shows every attribute that the preset names as it should be, or else the one that shows most.
    Exemplars: seeds int (m,) of A, B and C; any may be empty where too few have the attributes.
    triple: one of `arithmetic_report.TRIPLES`. n: the number of seeds to choose from. known: their
    probabilities, where there is a table of them.
    """
    best = arithmetic_report.best(model.card, triple[0]) or {}
    least, apart = best.get("strength", url_state.View.strength), best.get("apart", False)
    choices = sets(model, classifier, triple, n, known)
    if not all(map(len, choices[0])):
        return choices[0], least, apart
    readers = attribute_labels.readers_of(model)
    ways = functools.cache(lambda i: ways_of(model, choices[i], apart))
    first, most = (choices[0], least, apart), -1.0
    for number, alone in enumerate([True, False] if apart else [False]):
        for strength in np.arange(least, url_state.MAX_STRENGTH + TINY, STEP):
            for i, chosen in enumerate(choices):
                start, steps = ways(i)
                images = renderer.pictures(model, both(model, start + strength * steps[number]))
                share = shown(attribute_labels.agreed_in(readers, images), classifier, triple)
                if share > most:
                    first, most = (chosen, round(float(strength), 2), alone), share
                if share == 1:
                    return first
    return first


def sets(
    model: Model, classifier: Classifier, triple: tuple, n: int, known: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Sets of exemplars: the most realistic, some drawn at random from the more realistic half, and
    the most confident. Arguments as for `choose`.
    """
    table = seed_tables.table_of(model)
    orders: list[np.ndarray | None] = [np.random.RandomState(draw).rand(n) for draw in range(DRAWS)]
    if table is not None and len(table) == n:
        half = table.realism >= np.median(table.realism)
        orders = [table.realism, *(order + half for order in orders if order is not None)]
    orders.append(None)
    return [
        arithmetic.find_exemplars(
            *(model, classifier, triple[1], triple[2:]),
            n=n,
            most=EXEMPLARS,
            probabilities=known,
            prefer=order,
        )
        for order in orders
    ]


def shown(seen: np.ndarray, classifier: Classifier, triple: tuple) -> float:
    """How much of what a preset should show results show: 0 to 1, half of it for the target.

    seen: float (m, A), what the readers agree on in each result, of the attributes that the
    classifier recognises. triple: as for `choose`.
    """
    _, target, a, _, c = triple
    names = list(classifier.recognised)

    def share(name: str, wanted: bool) -> float:
        column = seen[:, names.index(name)]
        return float(np.mean([arithmetic.verdict(float(p), wanted) == "yes" for p in column]))

    goal = share(target, a[target])
    rest = [share(name, has) for name, has in c.items() if name != target] or [goal]
    return (goal + sum(rest) / len(rest)) / 2


def ways_of(
    model: Model, chosen: Sequence[np.ndarray], apart: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    """C's concept, and A − B, each float (nz,). apart: A − B with the rest left alone before it."""
    terms = [
        (letter, weight, renderer.latents(model, seeds))
        for letter, weight, seeds in zip("ABC", (1.0, -1.0, 1.0), chosen, strict=True)
    ]
    start, plain = arithmetic_formula.parts(
        [(weight, arithmetic.concept(z)) for _, weight, z in terms]
    )
    leave = arithmetic_verdicts.leaving_the_rest(model, terms)[0] if apart else None
    return start, [leave(plain) if leave else plain, plain] if apart else [plain]


def both(model: Model, z: np.ndarray) -> np.ndarray:
    """A sum float (nz,) as it is and on the shell, float32 (2, nz)."""
    on_shell = arithmetic.calculate([z], [1], arithmetic.shell(model.prior))
    return np.stack([np.asarray(z, np.float32), on_shell])
