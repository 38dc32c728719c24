"""Arithmetic with concepts (Radford, Metz and Chintala 2016): smiling woman − woman + man.

A concept is the mean latent of its exemplars; a result is a weighted sum of concepts. Radford et
al. found that single exemplars are unstable and that the mean of three is not.

    concept(exemplars)                          the mean latent
    calculate(concepts, weights)                the weighted sum
    conditional_step(step, locked)              the part of A − B that leaves other attributes alone
    random_control(base, result, seed)          as far from `base`, in a random direction
    sheet(result, seed)                         the result and eight neighbours
    intended_changes(probabilities, weights)    the attributes to change, and those to preserve
    search(model, classifier, wanted)           seeds whose samples have the wanted attributes
    match_exemplars(…)                          exemplars that differ in one attribute only
    find_exemplars(…)                           seeds for A, B and C of a preset
"""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from gan_core import latent
from gan_core.attributes import label_cache
from gan_core.attributes.classifier import Classifier
from gan_core.checkpoint import Model
from gan_core.latent_space import directions
from gan_core.util.errors import InputError

MOST_EXEMPLARS = 16
SPREAD = 0.25  # half-width of the sheet's uniform noise, as in the paper
CHOICE = 256  # most confident samples of a concept, at most
LEAST = 0.8  # probability that each of their wanted attributes must have


def concept(
    exemplars: Sequence[ArrayLike] | np.ndarray, models: Sequence[str] | None = None
) -> np.ndarray:
    """The mean latent of 1 to 16 exemplars, float32 (m, nz) -> float32 (nz,).

    models: the hash of the generator that each exemplar belongs to, where it is known.
    Raises InputError for an empty basket, more than 16 exemplars, exemplars of two models or of two
    sizes, and latents that are not finite.
    """
    rows = [np.asarray(exemplar, np.float32) for exemplar in exemplars]
    if not rows:
        raise InputError("A basket is empty; put at least one exemplar into it.")
    if len(rows) > MOST_EXEMPLARS:
        raise InputError(f"A basket holds {len(rows)} exemplars; at most {MOST_EXEMPLARS} fit.")
    if len(set(models or ())) > 1:
        raise InputError(
            "The exemplars come from different models, whose latents mean different things; "
            "take them all from one."
        )
    if len({row.shape for row in rows}) > 1 or rows[0].ndim != 1:
        raise InputError(
            "The exemplars are latents of different sizes; take them all from one model."
        )
    whole = np.stack(rows)
    if not np.isfinite(whole).all():
        raise InputError("An exemplar holds a number that is not finite; remove it.")
    return whole.mean(0, dtype=np.float64).astype(np.float32)


def calculate(
    concepts: Sequence[ArrayLike] | np.ndarray,
    weights: Sequence[float] | np.ndarray = (1, -1, 1),
    norm: float | None = None,
) -> np.ndarray:
    """Σ weight · concept, float32 (nz,); A − B + C by default.

    concepts: float (k, nz). weights: float (k,). norm: the length that the sum is scaled to, such
    as `shell(prior)`; None leaves it as it is. Raises InputError when there are no concepts, a
    different number of weights, concepts of two sizes, or numbers that are not finite.
    """
    vectors = [np.asarray(vector, np.float64) for vector in concepts]
    if not vectors or len(vectors) != len(weights):
        raise InputError(
            f"There are {len(vectors)} concepts and {len(weights)} weights; give one weight for "
            "each concept."
        )
    if len({vector.shape for vector in vectors}) > 1:
        raise InputError("The concepts are of different sizes; take them all from one model.")
    if not np.isfinite(vectors).all() or not np.isfinite(weights).all():
        raise InputError("A concept or a weight is not finite; it must be a number.")
    return latent.combine(np.stack(vectors), np.asarray(weights)[None], norm=norm)[0]


def is_subtracted(weight: float) -> bool:
    """Whether a term with this weight is written with a minus sign; −0 keeps its sign."""
    return math.copysign(1, weight) < 0


def shell(prior: latent.Prior) -> float:
    """The typical length of a prior's latents: √nz for normal, √(nz / 3) for uniform ones."""
    return float(np.sqrt(prior.size / (3 if prior.kind == "uniform" else 1)))


def conditional_step(step: ArrayLike, locked: ArrayLike) -> np.ndarray:
    """The part of a step, such as A − B, that is orthogonal to locked directions: float32 (nz,).

    step: float (nz,). locked: float (k, nz), any k, such as the directions of the attributes that
    should not change. A few exemplars always differ in more than they were picked for; this removes
    the difference, to first order, where the directions are known (Shen et al. 2020, section 3.3).
    Raises InputError when nothing of the step is left.
    """
    left = directions.conditional(step, locked)
    return (left * (np.asarray(step, np.float64) @ left)).astype(np.float32)


def random_control(base: ArrayLike, result: ArrayLike, seed: int = 0) -> np.ndarray:
    """`base` moved in a random direction by its distance to `result`: float32 (nz,).

    Arithmetic that does no better than this control does nothing. base, result: float (nz,).
    """
    base = np.asarray(base, np.float64)
    length = np.linalg.norm(np.asarray(result, np.float64) - base)
    direction = np.random.RandomState(seed).standard_normal(base.shape)
    return (base + length * direction / np.linalg.norm(direction)).astype(np.float32)


def sheet(result: ArrayLike, seed: int = 0, spread: float = SPREAD) -> np.ndarray:
    """Radford's 3 × 3 sheet, float32 (9, nz) in reading order.

    The result is in the middle; the eight around it have uniform noise in [−spread, spread] added
    to every coordinate. result: float (nz,).
    """
    result = np.asarray(result, np.float32)
    noise = np.random.RandomState(seed).uniform(-spread, spread, (9, *result.shape))
    noise[4] = 0
    return (result + noise).astype(np.float32)


def intended_changes(
    probabilities: ArrayLike, weights: ArrayLike, start: int = 2, least: float = 0.5
) -> tuple[list[int], list[int]]:
    """Which attributes a sum should change in its start, and which it should preserve.

    probabilities: float (k, A), a classifier's mean over the exemplars of each concept. weights:
    float (k,). start: the concept that the others are added to, C in A − B + C. Returns two lists
    of columns: those whose weighted sum over the other concepts is at least `least` in size, the
    largest first, and the remaining ones that any concept has with probability `least` or more.
    Among these, what distinguishes the start from the others comes first: a sum that brings more of
    A than it should shows it there.
    """
    probabilities = np.asarray(probabilities, np.float64)
    others = np.delete(np.arange(len(probabilities)), start)
    moved = np.abs(np.asarray(weights, np.float64)[others] @ probabilities[others])
    apart = np.abs(probabilities[start] - probabilities[others].mean(0))
    changed = [int(i) for i in np.argsort(-moved, kind="stable") if moved[i] >= least]
    shown = probabilities.max(0) >= least
    stay = [int(i) for i in np.argsort(-apart, kind="stable") if shown[i] and i not in changed]
    return changed, stay


def goals(
    probabilities: ArrayLike,
    weights: ArrayLike,
    named: Collection[int] = (),
    start: int = 2,
    most: int = 4,
) -> tuple[dict[int, bool], dict[int, bool]]:
    """What a sum should change and what it should preserve, {column: whether it is wanted} each.

    named: columns of the attributes that the concepts were chosen for. Where there are any, no
    other attribute is listed as preserved, and they come first. Other arguments as for
    `intended_changes`. An attribute that should change is wanted where the weighted sum is one half
    or more; one that should stay is wanted as the start has it. Both together have at most `most`
    attributes, and both are empty where nothing should change.
    """
    probabilities, weights = np.asarray(probabilities, np.float64), np.asarray(weights, np.float64)
    changed, stay = intended_changes(probabilities, weights, start)
    if not changed:
        return {}, {}
    if named:
        stay = [i for i in named if i not in changed]
        changed.sort(key=lambda i: i not in named)
        changed = changed[: max(most - len(stay), 1)]
    total, own = weights @ probabilities, probabilities[start]
    changed, stay = changed[:most], stay[: max(most - len(changed), 0)]
    return {i: bool(total[i] >= 0.5) for i in changed}, {i: bool(own[i] >= 0.5) for i in stay}


def verdict(probability: float, wanted: bool) -> str:
    """Whether a picture shows what it should: "yes", "no", or "unsure" between both.

    probability: of the attribute. "yes" needs the probability LEAST that exemplars need.
    """
    sure = probability if wanted else 1 - probability
    return "yes" if sure >= LEAST else "no" if 1 - sure >= LEAST else "unsure"


def search(
    model: Model,
    classifier: Classifier,
    wanted: Mapping[str, bool],
    n: int = 4096,
    seed: int = 0,
    least: float = 0.5,
    progress: str | None = None,
    probabilities: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Seeds of samples with the wanted attributes, among seed … seed + n − 1.

    wanted: {attribute: True to have it, False to lack it}, such as {"Smiling": True}. least: the
    probability that each of them must have. progress: as for `label_cache.probabilities`.
    probabilities: float (n, A) of these seeds where they are known, so that none is drawn. Returns
    (seeds int64 (m,), confidence float32 (m,)), most confident first; the confidence is the
    smallest of the probabilities, and equal ones are in the order of their seeds. m may be 0.
    Raises InputError for an attribute that is not recognised.
    """
    columns = [classifier.column(name) for name in wanted]
    if not columns:
        raise InputError("No attribute was given; name at least one to search for.")
    if probabilities is None:
        probabilities = label_cache.probabilities(model, classifier, n, seed, progress)
    confidence = confidences(probabilities[:, columns], list(wanted.values()))
    order = np.argsort(-confidence, kind="stable")
    order = order[confidence[order] >= least]
    return order + np.int64(seed), confidence[order]


def confidences(probabilities: np.ndarray, wanted: Sequence[bool]) -> np.ndarray:
    """The smallest probability of the wanted attributes: float (n, k), k booleans -> float (n,)."""
    return np.where(np.asarray(wanted, bool), probabilities, 1 - probabilities).min(1)


def most_confident(
    classifier: Classifier, probabilities: np.ndarray, wanted: Mapping[str, bool]
) -> np.ndarray:
    """Rows of the samples that most surely have the wanted attributes, best first: int64 (m,).

    There are at most CHOICE, and each wanted attribute has a probability of LEAST or more.
    probabilities: float (n, A) of all samples. wanted: as in `search`.
    """
    columns = [classifier.column(name) for name in wanted]
    confidence = confidences(probabilities[:, columns], list(wanted.values()))
    order = np.argsort(-confidence, kind="stable")
    return order[confidence[order] >= LEAST][:CHOICE]


def find_exemplars(
    model: Model,
    classifier: Classifier,
    target: str,
    wanted: Sequence[Mapping[str, bool]],
    *,
    n: int,
    most: int,
    probabilities: np.ndarray | None = None,
    prefer: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Seeds of exemplars for A, B and C, among those from 0 to n − 1: three int64 (m,).

    target: the attribute in which A and B differ. wanted: the attributes of A, B and C, each as in
    `search`. A and C get the most confident samples, at most `most` of them; B gets the samples
    most similar to A's in every other attribute. probabilities: as for `search`. prefer: float
    (n,), by which A and C are chosen, the greatest first, among the CHOICE most confident, and B
    from the greater half of its own; None for the most confident themselves. Any of the three may
    be empty.
    """
    if probabilities is None:
        probabilities = label_cache.probabilities(model, classifier, n)
    a, b, c = (most_confident(classifier, probabilities, part) for part in wanted)
    if prefer is not None:
        a, b, c = (rows[np.argsort(-prefer[rows], kind="stable")] for rows in (a, b, c))
        b = b[: max(most, len(b) // 2)]
    a, c = a[: min(most, len(b))], c[:most]
    others = [classifier.column(name) for name in classifier.recognised if name != target]
    return a, match_exemplars(probabilities, a, b, others), c


def match_exemplars(
    probabilities: np.ndarray,
    chosen: np.ndarray,
    candidates: np.ndarray,
    columns: Sequence[int],
) -> np.ndarray:
    """For each chosen sample the unused candidate most similar to it in `columns`: int64 (m,).

    probabilities: float (n, A) of all samples. chosen, candidates: int (m,), (k,) with k ≥ m, rows
    of them. columns: the attributes to match, all but the one that should differ. The difference of
    two matched concepts contains little of what they share. Similarity is measured in log-odds,
    which still differ where all probabilities are near 0 or 1.
    """
    scores = log_odds(probabilities[:, columns])
    unused, matches = list(candidates), []
    for row in chosen:
        apart = np.square(scores[unused] - scores[row]).sum(1)
        matches.append(unused.pop(int(apart.argmin())))
    return np.array(matches, np.int64)


def log_odds(probabilities: ArrayLike, most: float = 6.0) -> np.ndarray:
    """log(p / (1 − p)), clipped to ±most: float64 of the same shape."""
    p = np.clip(np.asarray(probabilities, np.float64), 1e-6, 1 - 1e-6)
    return np.clip(np.log(p / (1 - p)), -most, most)
