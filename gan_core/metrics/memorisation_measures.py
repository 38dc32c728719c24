"""What a memorisation report says of one space: distances, AuthPct, C_T, suspicious samples."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gan_core.metrics import fidelity, fidelity_report, intervals, memorisation_stats
from gan_core.metrics.memorisation_spaces import LEAVE_ONE_OUT, Space
from gan_core.util.progress import Progress, along

CELLS = 10  # of C_T, at most
IN_A_CELL = 100  # held-out images that each cell should have
SHOWN = 64  # most suspicious samples in the report
EXAMPLES = 6  # of them, each near a different training image
PAIRS = 100  # near-duplicates listed
COVERED = 5000  # images on each side for precision and recall
AT_ONCE = 256
BINS = 60  # of a histogram


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
