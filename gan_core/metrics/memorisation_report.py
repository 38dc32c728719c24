"""The memorisation report: how near samples come to the training images, in several spaces.

The samples are compared with two references: held-out images, which the model cannot have
memorised, and the training images themselves. With `control="held-out"` real images take the place
of the samples, which shows what a generator that does not copy looks like;
benchmarks/overfit_control.py trains one that does.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import checkpoint, feature_extractors, latent
from gan_core.data.training_set import TrainingSet
from gan_core.metrics import fidelity, fidelity_report, intervals, memorisation_stats, store
from gan_core.search import feature_index, index_cache
from gan_core.search import held_out as held_out_images
from gan_core.util import atomic_files, json_values
from gan_core.util.errors import InputError
from gan_core.util.progress import Progress, along

FORMAT = 1
# The files beside a model: the report on its samples, and the one on the control.
FILES = {"": "memorisation.json", "held-out": "memorisation-held-out.json"}

CELLS = 10  # of C_T, at most
IN_A_CELL = 100  # held-out images that each cell should have
SHOWN = 64  # most suspicious samples in the report
EXAMPLES = 6  # of them, each near a different training image
PAIRS = 100  # near-duplicates listed
NEAR = 8.0  # RMS difference in grey levels up to which training images are near-duplicates
LEAVE_ONE_OUT = 10_000  # training images whose nearest other image is searched for
COVERED = 5000  # images on each side for precision and recall
AT_ONCE = 256
BINS = 60  # of a histogram
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
NUMBER, COUNT, TEXT, ANY = json_values.NUMBER, json_values.COUNT, json_values.TEXT, json_values.ANY
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


def measure_and_save(
    model: str,  # checkpoint directory
    *,
    data: str = "",  # packed training set, if the images are not shipped with the model
    n: int = 10_000,  # number of samples
    seed: int = 0,  # seed of the first sample; each further sample has the next seed
    psi: float = 1.0,  # truncation ψ: 1 leaves the latents unchanged, 0 is the mean latent
    k: int = 5,  # neighbours listed per suspicious sample, and per neighbourhood for precision
    spaces: str = "pixels,discriminator,effnet",  # where distances are measured, comma-separated
    control: str = "",  # held-out: measure real images instead of samples, as a baseline
    out: str = "",  # also write the report to this file, ending in .json
    json: bool = False,  # print the report as one JSON object on the last line
    discard: bool = False,  # do not save the report beside the model, where the app shows it
) -> dict[str, Any]:
    """Report whether a model's samples are copies of its training images, with controls."""
    if Path(out).suffix not in ("", ".json"):
        raise InputError(f"{out} must end in .json.")
    loaded = checkpoint.load(model)
    reference = checkpoint.find_images(loaded, data)
    result = report(
        loaded,
        reference,
        n=n,
        seed=seed,
        psi=psi,
        k=k,
        spaces=spaces,
        control=control,
        progress=True,
    )
    for sentence in result["missing"].values():
        print(f"gan_core: {sentence}", file=sys.stderr)
    if out:
        atomic_files.write_json(out, result)
    if not discard:
        save_report(loaded, result)
    print(table(result))
    if json:
        print(dumps(result, ensure_ascii=False))
    return result


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


def report(
    model: checkpoint.Model,
    reference: TrainingSet,
    *,
    n: int = 10_000,
    seed: int = 0,
    psi: float = 1.0,
    k: int = 5,
    spaces: str = "pixels,discriminator,effnet",
    control: str = "",
    progress: Progress = False,
) -> dict[str, Any]:
    """The report as a dict of plain JSON types.

    reference: the model's TrainingSet; held-out images that equal a training image are excluded.
    With control "held-out" every second one of the others takes the place of a sample, and only the
    rest count as held out. The other options are those of `measure_and_save`. progress: see
    `progress.along`.

    Returns format, name, model, training_set, of, control, n, n_held_out, held_out_equal (how many
    were excluded), n_training, seed, psi, k, spaces {name: see `measure`}, missing {name: why, in a
    sentence}, caveats.
    Raises InputError for unknown spaces or controls, or too few images.
    """
    if control not in ("", "held-out"):
        raise InputError(f"control is {control!r}; it may be held-out.")
    if k < 1 or n < 2 or n > 1_000_000:
        raise InputError(f"k must be from 1 up and n from 2 to 1000000; k is {k} and n is {n}.")
    if len(reference.images) < 3:
        raise InputError("Distances among training images need at least three of them.")
    distinct = held_out_images.distinct_from_training(reference, progress)
    equal = len(reference.held_out) - len(distinct)
    if control:
        if len(distinct) < 4:
            raise InputError(
                "This control needs four held-out images that equal no training image; pack the "
                "set with more."
            )
        ids, distinct = distinct[1::2][:n], distinct[::2]
        samples = np.asarray(reference.held_out[ids])
    else:
        samples, ids = generate(model, n, seed, psi, progress), np.arange(seed, seed + n)
    held_out = np.asarray(reference.held_out[distinct])
    results, missing = {}, {}
    for name in dict.fromkeys(name.strip() for name in spaces.split(",")):
        if name not in SPACES:
            raise InputError(f"spaces holds {name!r}; it may hold {', '.join(SPACES)}.")
        try:
            space = SPACES[name](model, reference, samples, held_out, progress)
        except InputError as error:
            if name == "pixels":  # always available, so this is a real error
                raise
            missing[name] = str(error)
            continue
        results[name] = measure(space, ids, reference.files, k, progress, name)
    if not results:
        raise InputError(" ".join(missing.values()))
    result = {
        "format": FORMAT,
        "name": model.name,
        "model": model.hash,
        "training_set": reference.fingerprint,
        "of": "held-out images" if control else "samples",
        "control": control,
        "n": len(samples),
        "n_held_out": len(held_out),
        "held_out_equal": equal,
        "n_training": len(reference.images),
        "seed": seed,
        "psi": psi,
        "k": k,
        "spaces": results,
        "missing": missing,
    }
    return result | {"caveats": caveats(result)}


def excluded(equal: int) -> str:
    """The caveat about held-out images that equal a training image; equal: how many, 1 or more."""
    are, were = ("image equals", "was") if equal == 1 else ("images equal", "were")
    return (
        f"{equal:,} held-out {are} a training image and {were} excluded: the model was trained on "
        "the same picture, and a distance of 0 would make any copy look normal."
    )


def generate(
    model: checkpoint.Model, n: int, seed: int, psi: float, progress: Progress
) -> np.ndarray:
    """n samples, uint8 (n, H, W, C), of the seeds from `seed` on."""
    model.prior.sample(0, seed + n)  # raises for seeds out of range before the work starts
    parts = []
    for start in along(range(0, n, AT_ONCE), f"Generating {n:,} samples", progress):
        z = model.prior.sample(min(AT_ONCE, n - start), seed + start)
        parts.append(model.generate(latent.truncate(z, psi)))
    return np.concatenate(parts)


@dataclass(frozen=True)
class Space:
    """Where distances are measured: how to search there, and what to compare.

    search(rows, k, exclude): (distances float64, indices, mirrored or None), distances in `unit`.
    training, samples, held_out: what `search` takes, one row per image. coordinates: float (N, d)
    of the training images, for cells. tables: (training, sample) features for precision and recall,
    None where there are none. near: the largest distance of near-duplicates, None for no limit.
    """

    unit: str
    search: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray | None]]
    training: np.ndarray
    samples: np.ndarray
    held_out: np.ndarray
    coordinates: np.ndarray
    tables: tuple[np.ndarray, np.ndarray] | None
    near: float | None


def pixels(
    model: checkpoint.Model,
    reference: TrainingSet,
    samples: np.ndarray,
    held_out: np.ndarray,
    progress: Progress,
) -> Space:
    """The Space of pixels, in which a training image and its mirror image count as one."""
    index = index_cache.open_index(reference, mirrored=True)
    size = samples[0].size

    def search(
        images: np.ndarray, k: int, exclude: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        squared, indices, mirrored = index.query(images, k, exclude)
        return np.sqrt(squared / size), indices, mirrored

    coordinates = np.asarray(index.bounds.coarse[:, :-1])
    unit = "grey levels, root mean square"
    return Space(unit, search, reference.images, samples, held_out, coordinates, None, NEAR)


def of_network(
    network: feature_extractors.Features,
    reference: TrainingSet,
    samples: np.ndarray,
    held_out: np.ndarray,
    progress: Progress,
) -> Space:
    """The Space of a network's features, with the cosine distance."""
    real = feature_index.with_progress(network, "real images", progress)
    training, held_out_features = (
        feature_extractors.cached(real, part) for part in (reference.images, held_out)
    )
    fake = feature_index.with_progress(network, "samples", progress)
    # The app reuses the features of a usual number of samples.
    few = len(samples) <= LEAVE_ONE_OUT
    features = feature_extractors.cached(fake, samples) if few else fake.extract(samples)
    index = feature_index.FeatureIndex(training)

    def search(
        rows: np.ndarray, k: int, exclude: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, None]:
        return (*index.query(rows, k, exclude), None)

    tables = (training, features)
    return Space(
        "1 − cosine", search, training, features, held_out_features, index.units, tables, None
    )


SPACES = {
    "pixels": pixels,
    "discriminator": lambda model, *rest: of_network(
        feature_index.discriminator_features(model), *rest
    ),
    "effnet": lambda model, *rest: of_network(feature_extractors.effnet(), *rest),
}


def measure(
    space: Space,
    ids: np.ndarray,
    names: Sequence[str],
    k: int,
    progress: Progress = False,
    label: str = "",
) -> dict[str, Any]:
    """The report on one Space: a dict of plain JSON types.

    ids: of the samples, (n,). names: the training images' file names. label: the space's name in
    progress messages.

    Returns unit: of distances. histogram: see there. distances {samples, held-out, training:
    quantiles}. auth_pct {samples, held-out: [AuthPct, low, high]}. c_t, farther and their
    intervals. precision, recall: [share, low, high], None in pixels. suspicious: samples, each with
    id (its seed, or its index among the held-out images), distance, percentiles (the percentage of
    each kind of real images that lie strictly nearer), ratio (its distance over the distance of its
    nearest training image to the nearest different one), duplicated (whether that training image
    occurs twice), authentic and neighbours. examples: likewise, the first ones whose nearest
    training images differ. near_duplicates.
    """
    count = len(space.training)

    def search(
        what: str, rows: np.ndarray, k: int, exclude: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        return search_all(space.search, rows, k, exclude, f"Nearest in {label}: {what}", progress)

    near, which, mirrored = search("samples", space.samples, k)
    near_held_out, held_out_which, _ = search("held-out images", space.held_out, 1)
    some = np.random.RandomState(0).permutation(count)[:LEAVE_ONE_OUT]
    needed = np.unique(np.concatenate([some, which[:, 0], held_out_which[:, 0]]))
    others, other_which, _ = search("training images", space.training[needed], 1, needed)
    own, own_which = np.full(count, np.nan), np.full(count, -1)
    own[needed], own_which[needed] = others[:, 0], other_which[:, 0]
    d, d_held_out, d_training = near[:, 0], near_held_out[:, 0], own[some]

    cells = memorisation_stats.k_means(
        space.coordinates, max(1, min(CELLS, len(d_held_out) // IN_A_CELL)), seed=0
    )
    sides = d, d_held_out, cells[which[:, 0]], cells[held_out_which[:, 0]]
    result = {
        "unit": space.unit,
        "distances": {
            "samples": memorisation_stats.quantiles(d),
            "held-out": memorisation_stats.quantiles(d_held_out),
            "training": memorisation_stats.quantiles(d_training),
        },
        "histogram": histogram({"samples": d, "held-out": d_held_out, "training": d_training}),
        "auth_pct": {
            name: [100 * x for x in intervals.wilson(memorisation_stats.authentic(*pair))]
            for name, pair in {
                "samples": (d, own[which[:, 0]]),
                "held-out": (d_held_out, own[held_out_which[:, 0]]),
            }.items()
            if len(pair[0])
        },
        **memorisation_stats.c_t(*sides),
        "intervals": memorisation_stats.c_t_interval(*sides),
    }
    result |= covers(space, k)

    apart = own.copy()
    twice = np.flatnonzero(own == 0)
    apart[twice] = to_different(space, twice)
    ratio = memorisation_stats.suspicion(d, apart[which[:, 0]])
    shares = {"training": memorisation_stats.percentiles(d, d_training)}
    if len(d_held_out):
        shares["held-out"] = memorisation_stats.percentiles(d, d_held_out)

    def row(i: int) -> dict[str, Any]:
        return {
            "id": int(ids[i]),
            "distance": float(d[i]),
            "ratio": float(ratio[i]) if np.isfinite(ratio[i]) else None,
            "duplicated": bool(own[which[i, 0]] == 0),
            "authentic": bool(d[i] > own[which[i, 0]]),
            "percentiles": {name: float(values[i]) for name, values in shares.items()},
            "neighbours": [
                {
                    "index": int(which[i, j]),
                    "file": names[which[i, j]],
                    "distance": float(near[i, j]),
                    "mirrored": bool(mirrored[i, j]) if mirrored is not None else False,
                }
                for j in range(which.shape[1])
            ],
        }

    order = np.lexsort((d, ratio))
    result["suspicious"] = [row(i) for i in order[:SHOWN]]
    # Only the first copy of each training image, in the order of suspicion.
    firsts = np.sort(np.unique(which[order, 0], return_index=True)[1])[:EXAMPLES]
    result["examples"] = [row(i) for i in order[firsts]]
    pairs: list[tuple[int, int, float]] = []
    if space.near is not None:
        pairs = memorisation_stats.near_duplicates(own, own_which, space.near)
    result["near_duplicates"] = {"limit": space.near, "count": len(pairs), "pairs": pairs[:PAIRS]}
    return result


def separates(guilty: Mapping[str, Any], innocent: Mapping[str, Any]) -> bool:
    """Whether a space distinguishes a generator that copies from one that does not.

    It does when the intervals of AuthPct and of `farther` both lie entirely below those of the
    innocent control.
    """
    low, high = innocent["auth_pct"]["samples"][1], guilty["auth_pct"]["samples"][2]
    ends = innocent["intervals"].get("farther"), guilty["intervals"].get("farther")
    return bool(high < low and all(ends) and ends[1][1] < ends[0][0])


def to_different(space: Space, indices: np.ndarray) -> np.ndarray:
    """Distances of training images, int (n,), to the nearest one not at distance 0: float64 (n,).

    NaN where every other image is at 0. The number of neighbours searched grows until one is found.
    """
    distances, k = np.full(len(indices), np.nan), 8
    left, count = np.arange(len(indices)), len(space.training) - 1
    while len(left) and count:
        k = min(k, count)
        rest = []
        for start in range(0, len(left), AT_ONCE):
            part = left[start : start + AT_ONCE]
            near = space.search(space.training[indices[part]], k, indices[part])[0]
            apart = (near > 0).any(1)
            distances[part[apart]] = near[apart, (near[apart] > 0).argmax(1)]
            rest.append(part[~apart])
        left = np.concatenate(rest)
        if k == count:
            break
        k *= 4
    return distances


def histogram(kinds: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    """{"edges": BINS + 1 floats, kind: BINS counts} of distances; the last bin holds the tail too.

    kinds: {kind: float (n,)}. The edges go from 0 to the largest 99.5 % quantile of any kind.
    """
    ends = [float(np.quantile(values, 0.995)) for values in kinds.values() if len(values)]
    edges = np.linspace(0, max(ends) or 1.0, BINS + 1)
    counts = {
        kind: np.histogram(np.clip(values, 0, edges[-1]), edges)[0].tolist()
        for kind, values in kinds.items()
    }
    return {"edges": edges.tolist(), **counts}


def search_all(
    search: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray | None]],
    rows: np.ndarray,
    k: int,
    exclude: np.ndarray | None,
    words: str,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """`search` in parts, with progress: (distances, indices, mirrored or None)."""
    parts = []
    for start in along(range(0, len(rows), AT_ONCE), words, progress):
        part = slice(start, start + AT_ONCE)
        parts.append(search(rows[part], k, None if exclude is None else exclude[part]))
    if not parts:
        return np.empty((0, 1)), np.empty((0, 1), np.int64), None
    distances, indices, mirrored = zip(*parts, strict=True)
    flags = None if mirrored[0] is None else np.concatenate(mirrored)
    return np.concatenate(distances), np.concatenate(indices), flags


def covers(space: Space, k: int) -> dict[str, list[float] | None]:
    """{"precision", "recall"}: [share, low, high] each, None where there are no features."""
    if space.tables is None:
        return {"precision": None, "recall": None}
    size = min(COVERED, *map(len, space.tables))
    if size <= k:
        return {"precision": None, "recall": None}
    order = np.random.RandomState(fidelity_report.ORDER_SEED).permutation(len(space.training))[
        :size
    ]
    shares = fidelity.precision_recall(space.training[order], space.samples[:size], k)
    result: dict[str, list[float] | None] = {}
    for name, share in zip(("precision", "recall"), shares, strict=True):
        flags = np.arange(size) < round(share * size)
        result[name] = list(intervals.wilson(flags))
    return result


def table(result: Mapping[str, Any]) -> str:
    """A report as text."""
    of, lines = result["of"], []
    lines.append(
        f"{result['name']} {result['model']}: {result['n']:,} {of}, "
        f"{result['n_held_out']:,} held-out and {result['n_training']:,} training images"
    )
    if equal := result["held_out_equal"]:
        lines.append(f"excluded: {equal:,} held-out images that equal a training image")
    for name, space in result["spaces"].items():
        lines += ["", f"{name} ({space['unit']})"]
        head = list(memorisation_stats.quantiles([0.0]))
        lines.append(f"  {'distance to nearest':<22}" + "".join(f"{h:>9}" for h in head))
        for kind, values in space["distances"].items():
            label = of if kind == "samples" else kind
            lines.append(f"  {label:<22}" + "".join(f"{v:9.4g}" for v in values.values()))
        for kind, (share, low, high) in space["auth_pct"].items():
            label = of if kind == "samples" else kind
            lines.append(f"  AuthPct of {label}: {share:.1f} % ({low:.1f} to {high:.1f})")
        if space["c_t"] is not None:
            low, high = space["intervals"]["c_t"]
            part = space["intervals"]["farther"]
            lines.append(
                f"  C_T: {space['c_t']:.1f} ({low:.1f} to {high:.1f}) over {space['cells']} cells; "
                f"farther than held-out in {space['farther']:.1%} of pairs "
                f"({part[0]:.1%} to {part[1]:.1%})"
            )
        for measure_name in ("precision", "recall"):
            if space[measure_name]:
                share, low, high = space[measure_name]
                lines.append(f"  {measure_name}: {share:.3f} ({low:.3f} to {high:.3f})")
        if space["near_duplicates"]["limit"] is not None:
            duplicates = space["near_duplicates"]
            lines.append(
                f"  near-duplicates among training images (up to {duplicates['limit']:g}): "
                f"{duplicates['count']:,} pairs"
            )
        first = space["suspicious"][:5]
        ids = ", ".join(
            f"{s['id']} (image {s['neighbours'][0]['index']} at {s['distance']:.3g})" for s in first
        )
        lines.append(f"  most suspicious {'image' if result['control'] else 'seeds'}: {ids}")
    return "\n".join([*lines, "", *result["caveats"]])
