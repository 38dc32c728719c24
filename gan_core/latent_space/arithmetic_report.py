"""Does the arithmetic work? A − B + C over many draws of exemplars, scored by a second classifier.

For each triple of concepts the report says how often the result has the target attribute, how often
it preserves each other attribute of C, and how far it lies from C. It does so for 1, 3 and 10
exemplars, scaled to the prior's shell or not, with exemplars of B drawn at random or matched to
those of A, and also with A − B orthogonal to the other attributes' directions (conditional, Shen et
al. 2020). Each row has a control: C moved as far in a random direction. The first classifier picks
the exemplars and gives the directions, the second one scores. With 10 exemplars, C + s · (A − B) is
also measured for strengths s above 1. A conditional model gets one more row: the class of C set
directly, which the sum must beat. Where the checkpoint has a linear probe, it reads the first
draws too, and an attribute counts there only where scorer and probe agree.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gan_core import checkpoint
from gan_core.attributes import classifier, label_cache
from gan_core.latent_space import arithmetic, classes, directions
from gan_core.metrics import intervals, store
from gan_core.util.errors import MALFORMED, InputError

NEAR = 0.05  # the best condition may have so much less than the largest share
COUNTS = (1, 3, 10)  # exemplars per concept
# How A − B is formed: B's exemplars at random, matched to A's, or matched and then conditional.
PICKS = ("random", "matched", "conditional")
CLASS = "class"  # in place of these, where nothing is added: the class of C is set
STRENGTHS = (1.0, 1.25, 1.5)  # of A − B, with the most exemplars; 1 with fewer
DRAWS = 500  # of exemplars, for each condition
POOL = 8192  # seeds that exemplars are picked from
WORKS = 0.5  # share of results with the target from which a sum counts as working
AGREED = 200  # first draws that the probe reads too
FEWEST = 20  # samples that a concept needs before exemplars are drawn from them

# (name, target attribute, attributes of A, of B, of C)
TRIPLES: tuple[tuple[str, str, dict[str, bool], dict[str, bool], dict[str, bool]], ...] = (
    (
        "smiling woman − neutral woman + neutral man",
        "Smiling",
        {"Smiling": True, "Male": False},
        {"Smiling": False, "Male": False},
        {"Smiling": False, "Male": True},
    ),
    (
        "man with glasses − man + woman",
        "Eyeglasses",
        {"Eyeglasses": True, "Male": True},
        {"Eyeglasses": False, "Male": True},
        {"Eyeglasses": False, "Male": False},
    ),
    (
        "bearded with glasses − bearded + long-haired",
        "glasses",
        {"glasses": True, "beard": True, "long_hair": False},
        {"glasses": False, "beard": True, "long_hair": False},
        {"glasses": False, "beard": False, "long_hair": True},
    ),
    (
        "smiling long-haired − neutral long-haired + neutral bearded",
        "smiling",
        {"smiling": True, "long_hair": True, "beard": False},
        {"smiling": False, "long_hair": True, "beard": False},
        {"smiling": False, "long_hair": False, "beard": True},
    ),
)

# Names that saved measurements may still hold.
RENAMED = {"glasses bearded − bearded + long-haired": TRIPLES[2][0]}


def evaluate(
    model: str | Path,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    pool: int = POOL,
    progress: bool = False,
    space: str = "z",
) -> dict[str, Any]:
    """Measure the triples whose attributes a checkpoint's classifiers recognise.

    model: checkpoint directory. draws: sets of exemplars drawn for each condition. pool: the number
    of seeds that exemplars are picked from. progress: whether to show bars on stderr. space: the
    latent space in which latents are added, z or w. Returns a
    dict of plain JSON types: the settings, and triples, whose conditions are what `measure`
    returns. Raises InputError when a classifier is missing or no triple can be measured.
    """
    if draws < 1 or pool < FEWEST:
        raise InputError(f"draws must be 1 or more, and the pool {FEWEST} seeds or more.")
    loaded = checkpoint.load(model, space)
    picker, scorer = classifier.load(model), classifier.load(model, "second")
    probe = classifier.load_all(model).get("probe")
    if picker.names != scorer.names:
        raise InputError(
            f"The two classifiers of {model} learned different attributes; train both."
        )
    known = [name for name in picker.recognised if name in scorer.recognised]
    words = "labels" if progress else None
    probabilities = label_cache.probabilities(loaded, picker, pool, 0, words)
    normals = find_normals(loaded.prior.sample(pool, 0), probabilities, picker, known)
    triples: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for name, target, *wanted in TRIPLES:
        needed = {attribute for part in wanted for attribute in part}
        if not needed <= set(picker.names):
            continue  # it belongs to another training set
        if not needed <= set(known):
            missing = ", ".join(map(classifier.readable_name, sorted(needed - set(known))))
            left_out[name] = f"not recognised well enough: {missing}"
            continue
        choices = [arithmetic.most_confident(picker, probabilities, part) for part in wanted]
        if min(map(len, choices)) < FEWEST:
            counts = ", ".join(f"{len(choice)}" for choice in choices)
            left_out[name] = (
                f"among {pool:,} samples too few have the attributes of A, B and C ({counts})"
            )
            continue
        triple: dict[str, Any] = {"name": name, "target": target, "wanted": wanted}
        triple["choices"] = [len(choice) for choice in choices]
        triple["conditions"] = measure(
            *(loaded, scorer, probe, probabilities, choices, triple, known, normals, draws, seed),
            progress,
        )
        triples.append(triple)
    if not triples:
        raise InputError(
            f"No triple of concepts can be measured on {loaded.name}"
            + "".join(f"; {name}: {reason}" for name, reason in left_out.items())
            + "."
        )
    return {
        "model": loaded.weights,
        **store.in_space(loaded),
        "name": loaded.name,
        "draws": draws,
        "seed": seed,
        "pool": pool,
        "least": arithmetic.LEAST,
        "picker": picker.hash,
        "scorer": scorer.hash,
        "probe": probe.hash if probe else "",
        "kept": known,
        "left_out": left_out,
        "triples": triples,
    }


def find_normals(
    z: np.ndarray,
    probabilities: np.ndarray,
    picker: classifier.Classifier,
    names: Sequence[str],
) -> dict[str, np.ndarray]:
    """{attribute: unit normal of its boundary}, without attributes that all or no samples have.

    z: float32 (n, nz), the latents of the samples. probabilities: float (n, A), the picker's.
    """
    normals = {}
    for name in names:
        has = probabilities[:, picker.names.index(name)] >= 0.5
        if has.any() and not has.all():
            normals[name] = directions.normal(z, has)
    return normals


def measure(
    model: checkpoint.Model,
    scorer: classifier.Classifier,
    probe: classifier.Classifier | None,
    probabilities: np.ndarray,
    choices: Sequence[np.ndarray],
    triple: Mapping[str, Any],
    known: Sequence[str],
    normals: Mapping[str, np.ndarray],
    draws: int,
    seed: int,
    progress: bool,
) -> list[dict[str, Any]]:
    """One triple under every condition, a list of dicts.

    Where a class of the model is about the target, the condition CLASS has C's own latents with
    that class set.

    probabilities: float (n, A) of the pool. choices: rows of it for A, B and C. known: attributes
    that both classifiers recognise. normals: as `find_normals` returns them.

    Each dict has: exemplars, pick, strength, shell, control: the condition. target: share of
    results with the target attribute, with its 95 % Wilson interval. kept: share of C's other
    attributes that the result preserves, as the scorer sees them in C's own picture; the mean over
    draws, with its bootstrap interval. kept_each: the same for each attribute. meant: the same over
    the attributes that C was chosen for. c_target: share of C's own pictures that already have the
    target. distance: mean RMS distance between result and C in levels of 256, over that between a
    random sample and C. agreed, in the rows of the card when there is a probe: `agreed_shares` of
    the first AGREED draws.
    """
    target = triple["target"]
    other = [name for name in known if name != target]
    meant = [other.index(name) for name in triple["wanted"][2] if name != target]
    # Both classifiers have the same columns: they learned from the same labels.
    columns, goal = [scorer.names.index(name) for name in other], scorer.names.index(target)
    locked = [vector for name, vector in normals.items() if name != target]
    rows = []
    conditions = [(count, pick, 1.0) for count in COUNTS for pick in PICKS]
    conditions += [(COUNTS[-1], pick, s) for pick in PICKS[1:] for s in STRENGTHS if s != 1]
    bar = tqdm(conditions, triple["name"][:30], disable=not progress, leave=False)
    for count, pick, strength in bar:
        a, b, c, others = draw(model, probabilities, choices, columns, count, pick, draws, seed)
        if pick == "conditional":
            a = b + np.stack([arithmetic.conditional_step(step, locked) for step in a - b])
        random = model.generate(others)
        weights = (strength, -strength, 1)
        for shell in (False, True):
            norm = arithmetic.shell(model.prior) if shell else None
            base = [arithmetic.calculate([z], [1], norm) for z in c]
            parts = list(zip(a, b, c, strict=True))
            results = [arithmetic.calculate(part, weights, norm) for part in parts]
            controls = []
            for i, part in enumerate(parts):
                end = arithmetic.calculate(part, weights)
                moved = arithmetic.random_control(c[i], end, seed + i)
                controls.append(arithmetic.calculate([moved], [1], norm))
            ends = {(pick, False): np.stack(results), (pick, True): np.stack(controls)}
            once = (count, pick, strength) == (COUNTS[-1], "matched", 1.0)
            direct = classes.with_attribute(model, np.stack(base), target) if once else None
            if direct is not None:
                ends[CLASS, False] = direct
            before = model.generate(np.stack(base))
            of_c, far = scorer.predict(before) >= 0.5, rms(random, before)
            for (formed, control), latents in ends.items():
                drawn = model.generate(latents)
                judged = scorer.predict(drawn) >= 0.5
                agrees = judged[:, columns] == of_c[:, columns]
                row: dict[str, Any] = {"exemplars": count, "pick": formed, "strength": strength}
                row |= {"shell": shell, "control": control}
                row["target"] = list(intervals.wilson(judged[:, goal]))
                row["kept"] = list(intervals.bootstrap_mean(agrees.mean(1), seed))
                row["kept_each"] = dict(zip(other, agrees.mean(0).tolist(), strict=True))
                row["meant"] = list(intervals.bootstrap_mean(agrees[:, meant].mean(1), seed))
                row["c_target"] = float(of_c[:, goal].mean())
                row["distance"] = float(rms(drawn, before).mean() / far.mean())
                if probe is not None and way_of(row):
                    first = slice(min(draws, AGREED))
                    then = agreed(scorer, probe, before[first])
                    now = agreed(scorer, probe, drawn[first])
                    row["agreed"] = agreed_shares(then, now, goal, columns, seed)
                rows.append(row)
    return rows


def draw(
    model: checkpoint.Model,
    probabilities: np.ndarray,
    choices: Sequence[np.ndarray],
    agree: Sequence[int],
    count: int,
    pick: str,
    draws: int,
    seed: int,
) -> list[np.ndarray]:
    """Concepts of A, B and C and a random sample for each draw, four float32 (draws, nz).

    agree: the columns in which B's exemplars match A's. A draw depends only on the seed and its own
    number, so that conditions differ in nothing else.
    """
    seeds = np.arange(len(probabilities))
    latents = model.prior.sample(len(seeds), 0)
    rows = []
    for i in range(draws):
        stream = np.random.RandomState([seed, i])
        a, b, c = (stream.choice(choice, count, replace=False) for choice in choices)
        if pick != "random":
            b = arithmetic.match_exemplars(probabilities, a, choices[1], agree)
        chosen = [arithmetic.concept(latents[exemplars]) for exemplars in (a, b, c)]
        rows.append([*chosen, latents[stream.randint(len(seeds))]])
    return [np.stack(part) for part in zip(*rows, strict=True)]


def agreed(
    scorer: classifier.Classifier, probe: classifier.Classifier, images: np.ndarray
) -> np.ndarray:
    """What scorer and probe see alike in images uint8 (n, H, W, C): float32 (n, A), see
    `classifier.agreement`."""
    readers = [scorer, probe]
    return classifier.agreement(readers, [reader.predict(images) for reader in readers])


def agreed_shares(
    before: np.ndarray, after: np.ndarray, goal: int, columns: Sequence[int], seed: int
) -> dict[str, Any]:
    """Shares by what two readers agree on, as plain JSON types.

    before, after: float (n, A), their agreement on C's pictures and on the results. goal: the
    column of the target. columns: those of the other attributes. target: share of results in which
    both see the target, with its 95 % Wilson interval. unsure: share in which they disagree about
    it. kept: share of C's other attributes that the result preserves, among those of which both
    pictures are sure, with its bootstrap interval over draws. kept_unsure: share of the others.
    """
    has, unsure = after[:, goal] > classifier.UNSURE, after[:, goal] == classifier.UNSURE
    b, a = before[:, columns], after[:, columns]
    sure = (b != classifier.UNSURE) & (a != classifier.UNSURE)
    same = (sure & ((b > classifier.UNSURE) == (a > classifier.UNSURE))).sum(1)
    kept = same / np.maximum(sure.sum(1), 1)
    return {
        "target": list(intervals.wilson(has)),
        "unsure": float(unsure.mean()),
        "kept": list(intervals.bootstrap_mean(kept, seed)),
        "kept_unsure": float(1 - sure.mean()),
        "draws": len(after),
    }


def rms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Root mean square difference of pictures uint8 (n, H, W, C), in levels: float64 (n,)."""
    return np.sqrt(np.square(a.astype(np.float32) - b).mean((1, 2, 3), dtype=np.float64))


def load_metrics(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result saved in a checkpoint's card, as `evaluate` returned it; None for none.

    Triples that were measured under an earlier name get their present name.
    """
    result = store.load_metrics(card, "arithmetic")
    triples = result.get("triples") if result else None
    if (
        result is None
        or not isinstance(triples, list)
        or not all(isinstance(one, dict) for one in triples)
    ):
        return result
    renamed = [
        one | {"name": RENAMED.get(str(one.get("name")), one.get("name"))} for one in triples
    ]
    return result | {"triples": renamed}


def summary(card: Mapping[str, Any], name: str) -> str:
    """The result of a triple on a model, in a sentence; "" if it was not measured.

    card: of a model, which may come from a stranger. The sentence is about the condition that
    `best` returns.
    """
    condition, result = best(card, name), load_metrics(card)
    draws = result.get("draws") if result else None
    if condition is None or not isinstance(draws, int):
        return ""
    what = "scaled to the shell," if condition["shell"] else "as summed,"
    works = "" if condition["target"] >= WORKS else "This rarely works here. "
    unsure = condition["unsure"]
    doubt = "" if unsure is None else f" (in another {unsure:.0%} the two readers disagree)"
    return (
        f"{works}Measured on this model over {condition['draws'] or draws:,} draws of {COUNTS[-1]} "
        f"exemplars, at the best strength, {condition['strength']:g}: {condition['target']:.0%} of "
        f"the results, {what} have the target attribute{doubt}, and {condition['kept']:.0%} of C's "
        "other attributes are preserved."
    )


def best(card: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The condition under which a triple did best on a model, or None if it was not measured.

    card: of a model, which may come from a stranger. Returns a dict of apart (whether A − B was
    conditional), strength, shell, the shares target and kept, and where the probe has read them too
    the share unsure and the draws, else None; target and kept are then what both see. A condition
    counts by the smaller one of the two shares; among those with the most exemplars, best is the
    one with the smallest strength that comes within NEAR of the largest, because pictures suffer
    from strength in ways that no reader sees.
    """
    try:
        triples = (load_metrics(card) or {})["triples"]
        rows = next(t["conditions"] for t in triples if t["name"] == name)
        conditions = [
            {
                "apart": row["pick"] == "conditional",
                "strength": float(row["strength"]),
                "shell": bool(row["shell"]),
                "target": float(row.get("agreed", row)["target"][0]),
                "kept": float(row.get("agreed", row)["kept"][0]),
                "unsure": float(row["agreed"]["unsure"]) if "agreed" in row else None,
                "draws": int(row["agreed"]["draws"]) if "agreed" in row else None,
            }
            for row in rows
            if row["pick"] in PICKS[1:]
            and not row["control"]
            and row["exemplars"] == COUNTS[-1]
            and row["strength"] in STRENGTHS
        ]
        shares = [min(row["target"], row["kept"]) for row in conditions]
        near = [i for i, share in enumerate(shares) if share >= max(shares) - NEAR]
        return conditions[min(near, key=lambda i: (conditions[i]["strength"], -shares[i]))]
    except (KeyError, IndexError, TypeError, ValueError, StopIteration, AttributeError):
        return None


def direct(card: Mapping[str, Any], name: str) -> dict[str, float] | None:
    """What setting the class of C directly does for a triple, or None if it was not measured.

    card: of a model, which may come from a stranger. Returns the shares target and kept, those of
    the scorer, of C's latents as summed.
    """
    try:
        triples = (load_metrics(card) or {})["triples"]
        rows = next(t["conditions"] for t in triples if t["name"] == name)
        row = next(row for row in rows if row["pick"] == CLASS and not row["shell"])
        return {key: float(row[key][0]) for key in ("target", "kept")}
    except (KeyError, IndexError, TypeError, ValueError, StopIteration, AttributeError):
        return None


def must_beat(card: Mapping[str, Any], name: str) -> str:
    """The same in a sentence; "" if it was not measured."""
    shares = direct(card, name)
    if shares is None:
        return ""
    return (
        "What arithmetic must beat: with the class of the same exemplars of C set directly, "
        f"{shares['target']:.0%} have the target attribute, and {shares['kept']:.0%} of C's other "
        "attributes are preserved."
    )


def table(result: Mapping[str, Any]) -> str:
    """A result as Markdown tables, one per triple, and how it was measured."""
    lines = []
    for triple in result["triples"]:
        a, b, c = triple["choices"]
        lines += [f"{triple['name']} (samples to draw from: A {a}, B {b}, C {c})", ""]
        lines += [
            "| exemplars | A − B | strength | length | what | has target | others preserved "
            "| C's own preserved | distance |"
        ]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        for row in triple["conditions"]:
            cells = [str(row["exemplars"]), row["pick"], f"{row['strength']:g}"]
            cells.append("shell" if row["shell"] else "as is")
            what = "C, its class set" if row["pick"] == CLASS else "A − B + C"
            cells.append("random direction" if row["control"] else what)
            cells += [words(row[key]) for key in ("target", "kept", "meant")]
            lines.append(f"| {' | '.join(cells)} | {row['distance']:.2f} |")
        lines.append("")
    lines += [f"Not measured: {name} ({why})." for name, why in result["left_out"].items()]
    lines.append(
        f"Model {result['name']} {result['model']}, {result['draws']:,} draws per row from seeds "
        f"0 to {result['pool'] - 1}, each wanted attribute with probability "
        f"{result['least']:.0%} or more; picked by classifier {result['picker']}, scored by "
        f"{result['scorer']}; 95 % "
        f"intervals. Others: {', '.join(map(classifier.readable_name, result['kept']))}. "
        "C's own: the attributes that C was chosen for. Distance: to C, over that of a random "
        "sample."
    )
    return "\n".join(lines)


def card_section(card: Mapping[str, Any]) -> str:
    """The model card's section on arithmetic, with the most exemplars; "" where there is none."""
    result = load_metrics(card)
    if result is None:
        return ""
    try:
        return _section(card, result)
    except MALFORMED:  # a stranger's card
        return ""


def _section(card: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    fewer = store.number(result, DRAWS, "draws")
    lines = [
        f"## Does the arithmetic work?{store.words(card)}",
        "",
        f"Measured by `python -m gan_core evaluate checkpoints/{card['name']} --arithmetic"
        f"{store.option(card)}{fewer}`: "
        f"{result['draws']:,} draws of {COUNTS[-1]} exemplars per basket, picked by one classifier "
        "and scored by another; shares with 95 % intervals. The result is as summed, or scaled to "
        "the prior's shell. Strength: how much of A − B is added.",
    ]
    if any(row["pick"] == CLASS for triple in result["triples"] for row in triple["conditions"]):
        lines[-1] += (
            " Where no A − B is added, the same exemplars of C have their class set to the target, "
            "which is what arithmetic must beat."
        )
    probed = any("agreed" in row for triple in result["triples"] for row in triple["conditions"])
    if probed:
        first = "all draws" if result["draws"] <= AGREED else f"the first {AGREED} draws"
        lines[-1] += (
            f" For the last two columns, {first} were read by the scoring classifier and by a "
            "linear probe, and an attribute counts only if both see it. Unsure is the share of "
            "results where they disagree about the target."
        )
    more = " both see it | unsure |" if probed else ""
    for triple in result["triples"]:
        lines += ["", f"{triple['name']}:", ""]
        lines.append(
            "| A − B | strength | result | has the target | preserves C's other attributes |" + more
        )
        lines.append("|---|---|---|---|---|" + "---|---|" * probed)
        for row in triple["conditions"]:
            if not (way := way_of(row)):
                continue
            cells = [way, f"{row['strength']:g}", "on the shell" if row["shell"] else "as summed"]
            cells += [words(row["target"]), words(row["kept"])]
            if probed:
                cells += [words(row["agreed"]["target"]), f"{row['agreed']['unsure']:.1%}"]
            lines.append(f"| {' | '.join(cells)} |")
    left_out = [f"Not measured: {name} ({why})." for name, why in result["left_out"].items()]
    return "\n".join(["\n".join(lines), *([""] if left_out else []), *left_out]) + "\n"


def way_of(row: Mapping[str, Any]) -> str:
    """How a row of the card formed A − B, in words; "" for a row that the card leaves out."""
    ways = {"matched": "B matched to A except for the target", "conditional": "the rest left alone"}
    ways[CLASS] = "none: the class of C set directly"
    if row["exemplars"] != COUNTS[-1] or row["pick"] not in ways:
        return ""
    if not row["control"]:
        return ways[row["pick"]]
    first = row["pick"] == "matched" and row["strength"] == 1
    return "control: a random direction" if first else ""


def words(share: Sequence[float]) -> str:
    """[share, lower, upper] as percentages."""
    return f"{share[0]:.1%} ({share[1]:.1%}–{share[2]:.1%})"
