"""Arithmetic with concepts (Radford, Metz and Chintala 2016): smiling woman − woman + man.

A concept is the mean latent of its exemplars; a result is a weighted sum of concepts. Radford et
al. found that single exemplars are unstable and that the mean of three is not.

    concept(exemplars)                     the mean latent
    calculate(concepts, weights)           the weighted sum
    conditioned(step, locked)              what of A − B leaves other attributes alone
    random_control(base, result, seed)     as far from `base`, in a random direction
    sheet(result, seed)                    the result and eight neighbours
    meant(probabilities, weights)          the attributes it should change, and those it should keep
    search(model, classifier, wanted)      seeds whose samples show what is wanted
    matched(…)                             exemplars that differ in one attribute and little else
"""

import math

import numpy as np

from gan_core import latent
from gan_core.attributes import label_cache
from gan_core.latent_space import directions
from gan_core.util.errors import InputError

MOST_EXEMPLARS = 16
SPREAD = 0.25  # of the sheet's uniform noise, as in the paper
CHOICE = 256  # at most, the surest samples of a concept
LEAST = 0.8  # probability that each wanted attribute must then have


def concept(exemplars, models=None):
    """The mean latent of 1 to 16 exemplars, float32 (m, nz) -> float32 (nz,).

    models: the generator's hash that each exemplar was drawn with, where that is known.
    Raises InputError for an empty basket, more than 16, exemplars of two models or of two sizes,
    and latents that are not finite.
    """
    exemplars = [np.asarray(exemplar, np.float32) for exemplar in exemplars]
    if not exemplars:
        raise InputError("A basket is empty; put at least one exemplar into it.")
    if len(exemplars) > MOST_EXEMPLARS:
        raise InputError(
            f"A basket holds {len(exemplars)} exemplars; {MOST_EXEMPLARS} are the most."
        )
    if len(set(models or ())) > 1:
        raise InputError(
            "The exemplars come from different models, whose latents mean different things; "
            "take them all from one."
        )
    sizes = {exemplar.shape for exemplar in exemplars}
    if len(sizes) > 1 or exemplars[0].ndim != 1:
        raise InputError(
            "The exemplars are latents of different sizes; take them all from one model."
        )
    whole = np.stack(exemplars)
    if not np.isfinite(whole).all():
        raise InputError("An exemplar holds a number that is not finite; take it out.")
    return whole.mean(0, dtype=np.float64).astype(np.float32)


def calculate(concepts, weights=(1, -1, 1), norm=None):
    """Σ weight · concept, float32 (nz,); A − B + C by default.

    concepts: float (k, nz). weights: float (k,). norm: the length that the sum is brought to, such
    as `shell(prior)`; None leaves it. Raises InputError when there are no concepts, not as many
    weights, concepts of two sizes, or numbers that are not finite.
    """
    vectors = [np.asarray(vector, np.float64) for vector in concepts]
    if not vectors or len(vectors) != len(weights):
        raise InputError(
            f"There are {len(vectors)} concepts and {len(weights)} weights; give each its weight."
        )
    if len({vector.shape for vector in vectors}) > 1:
        raise InputError("The concepts are of different sizes; take them all from one model.")
    if not np.isfinite(vectors).all() or not np.isfinite(weights).all():
        raise InputError("A concept or a weight is not finite; it must be a number.")
    return latent.combine(vectors, [weights], norm=norm)[0]


def takes_away(weight):
    """Whether a term of this weight stands with a minus; −0 keeps its sign."""
    return math.copysign(1, weight) < 0


def shell(prior):
    """The length near which a prior's latents lie: √nz for normal, √(nz / 3) for uniform ones."""
    return float(np.sqrt(prior.size / (3 if prior.kind == "uniform" else 1)))


def conditioned(step, locked):
    """What of a step, such as A − B, is at right angles to locked directions: float32 (nz,).

    step: float (nz,). locked: float (k, nz), any k, such as the directions of the attributes that
    are to stay. Exemplars that are few differ in more than they were picked for; this takes that
    away, to first order, where the directions are known (Shen et al. 2020, section 3.3).
    Raises InputError when nothing of the step is left.
    """
    left = directions.conditional(step, locked)
    return (left * (np.asarray(step, np.float64) @ left)).astype(np.float32)


def random_control(base, result, seed=0):
    """`base` moved as far as `result` is from it, in a random direction: float32 (nz,).

    Where the arithmetic does no better than this, it did nothing. base, result: float (nz,).
    """
    base = np.asarray(base, np.float64)
    length = np.linalg.norm(np.asarray(result, np.float64) - base)
    direction = np.random.RandomState(seed).standard_normal(base.shape)
    return (base + length * direction / np.linalg.norm(direction)).astype(np.float32)


def sheet(result, seed=0, spread=SPREAD):
    """Radford's 3 × 3 sheet, float32 (9, nz) in reading order: the result in the middle, around it
    eight neighbours with uniform noise in [−spread, spread] added to every coordinate."""
    result = np.asarray(result, np.float32)
    noise = np.random.RandomState(seed).uniform(-spread, spread, (9, *result.shape))
    noise[4] = 0
    return (result + noise).astype(np.float32)


def meant(probabilities, weights, start=2, least=0.5):
    """What a sum should change in its start, and what of it should stay, by a classifier.

    probabilities: float (k, A), of each concept the mean over its exemplars. weights: float (k,).
    start: which concept is the one that the others are added to, C in A − B + C. Returns two
    lists of columns, the strongest first: those whose weighted sum over the others is `least` or
    more in size, and the rest of those that the start shows with `least` or more.
    """
    probabilities = np.asarray(probabilities, np.float64)
    others = np.delete(np.arange(len(probabilities)), start)
    moved = np.abs(np.asarray(weights, np.float64)[others] @ probabilities[others])
    own = probabilities[start]
    changed = [int(i) for i in np.argsort(-moved, kind="stable") if moved[i] >= least]
    kept = [int(i) for i in np.argsort(-own, kind="stable") if own[i] >= least]
    return changed, [i for i in kept if i not in changed]


def search(model, classifier, wanted, n=4096, seed=0, least=0.5, progress=None):
    """Seeds of samples that show what is wanted, the surest first, among seed … seed + n − 1.

    wanted: {attribute: True to have it, False to lack it}, such as {"Smiling": True}. least: the
    probability that each of them must have. Returns (seeds int64 (m,), confidence float32 (m,)),
    the confidence being the smallest of the probabilities; m may be 0. Equal ones come in the
    order of their seeds. Raises InputError for an attribute that is not recognised.
    """
    columns = [classifier.column(name) for name in wanted]
    if not columns:
        raise InputError("Nothing is wanted; name at least one attribute to search for.")
    found = label_cache.probabilities(model, classifier, n, seed, progress)
    confidence = sureness(found[:, columns], list(wanted.values()))
    order = np.argsort(-confidence, kind="stable")
    order = order[confidence[order] >= least]
    return order + np.int64(seed), confidence[order]


def sureness(probabilities, wanted):
    """The smallest probability of what is wanted: float (n, k), k booleans -> float32 (n,)."""
    return np.where(np.asarray(wanted, bool), probabilities, 1 - probabilities).min(1)


def surest(classifier, probabilities, wanted):
    """Rows of the samples that surely show what is wanted, the surest first: int64 (m,).

    There are at most CHOICE. probabilities: float (n, A) of all samples. wanted: as in `search`.
    Each wanted attribute has a probability of LEAST or more.
    """
    columns = [classifier.column(name) for name in wanted]
    confidence = sureness(probabilities[:, columns], list(wanted.values()))
    order = np.argsort(-confidence, kind="stable")
    return order[confidence[order] >= LEAST][:CHOICE]


def find_exemplars(model, classifier, target, wanted, *, n, most):
    """Seeds of exemplars for A, B and C, among those from 0 to n − 1: three int64 (m,).

    target: the attribute in which A and B are to differ. wanted: what A, B and C are to show, each
    as in `search`. A and C get the samples that show it most surely, at most `most` of them; B gets
    those most like A's in every other attribute. Any of the three may be empty.
    """
    probabilities = label_cache.probabilities(model, classifier, n)
    a, b, c = (surest(classifier, probabilities, part) for part in wanted)
    a, c = a[: min(most, len(b))], c[:most]
    others = [classifier.column(name) for name in classifier.recognised if name != target]
    return a, matched(probabilities, a, b, others), c


def matched(probabilities, chosen, candidates, columns):
    """For each chosen sample the candidate, not taken yet, that is most like it in `columns`.

    probabilities: float (n, A) of all samples. chosen, candidates: int (m,), (k,) with k ≥ m, rows
    of them. columns: the attributes to agree in, all but the one that is to differ. Returns int
    (m,). The difference of two concepts so matched holds little of what they share. Likeness is in
    log-odds, which go on telling more from less where probabilities are all near 0 or 1.
    """
    likeness = log_odds(probabilities[:, columns])
    left, found = list(candidates), []
    for row in chosen:
        apart = np.square(likeness[left] - likeness[row]).sum(1)
        found.append(left.pop(int(apart.argmin())))
    return np.array(found, np.int64)


def log_odds(probabilities, most=6.0):
    """log(p / (1 − p)), within ±most."""
    p = np.clip(np.asarray(probabilities, np.float64), 1e-6, 1 - 1e-6)
    return np.clip(np.log(p / (1 - p)), -most, most)
