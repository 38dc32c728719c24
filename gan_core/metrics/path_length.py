"""How evenly pictures change along a path in latent space: perceptual path length, and D(x)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_core import latent
from gan_core.checkpoint import Model
from gan_core.feature_extractors import Features
from gan_core.metrics import store
from gan_core.util.errors import InputError

STEP = 1 / 32  # of a path, between the two pictures that are compared
PATHS = 200
TIMES = 9  # places on a path at which D(x) is evaluated


def measure(
    model: Model,
    network: Features,
    n: int = PATHS,
    seed: int = 0,
    batch: int = 8,
    progress: str | None = None,
) -> dict[str, Any]:
    """Mean perceptual path lengths of lerp and of slerp, and D(x) along both.

    n: paths, each between two samples of the seeds seed … seed + 2n − 1, the same for both. A
    length is ‖f(x(t + ε)) − f(x(t))‖² / ε² in the network's features, with ε = 1/32 of a path,
    averaged over the paths. This follows Karras et al. 2019, who use features of VGG16 and an ε of
    1e-4; here pictures have 256 levels, and so small a step often changes none of them. "full": t
    is uniform on the path. "ends": t is one of the path's endpoints. batch: images per call of the
    network. progress: label of a progress bar on stderr, None for no bar.

    Returns a dict of plain JSON types. realness: the mean D(x) at nine places from t = 0 to 1, None
    without a discriminator. Raises InputError for n below 1.
    """
    if n < 1:
        raise InputError(f"n is {n}; path lengths need at least one path.")
    z = model.prior.sample(2 * n, seed)
    starts, ends = z[:n], z[n:]
    stream = np.random.RandomState(seed)
    middle = stream.uniform(0, 1 - STEP, n)
    tips = np.where(stream.uniform(size=n) < 0.5, 0.0, 1 - STEP)
    modes = {}
    for mode in latent.MODES:
        row: dict[str, Any] = {}
        for where, times in {"full": middle, "ends": tips}.items():
            lengths = squared_lengths(model, network, starts, ends, times, mode, batch, progress)
            row[where] = float(lengths.mean())
            row[f"{where}_error"] = float(lengths.std(ddof=1) / np.sqrt(n)) if n > 1 else None
        row["realness"] = realness(model, starts, ends, mode)
        modes[mode] = row
    return {
        "measure": f"PPL-{network.name}",
        "n": n,
        "seed": seed,
        "step": STEP,
        "modes": modes,
        "model": model.weights,
        **store.in_space(model),
        "name": model.name,
        "versions": {"features": network.version},
    }


def squared_lengths(
    model: Model,
    network: Features,
    starts: np.ndarray,
    ends: np.ndarray,
    times: np.ndarray,
    mode: str,
    batch: int = 8,
    progress: str | None = None,
) -> np.ndarray:
    """The squared length of one step on each path, over STEP²: float64 (n,).

    starts, ends: float32 (n, nz). times: float (n,), where each step begins, in [0, 1 − STEP].
    """
    here, there = (
        network.extract(model.generate(points(starts, ends, times + add, mode)), batch, progress)
        for add in (0, STEP)
    )
    return np.square(here.astype(np.float64) - there).sum(1) / STEP**2


def realness(model: Model, starts: np.ndarray, ends: np.ndarray, mode: str) -> list[float] | None:
    """The mean D(x) at TIMES places on paths from t = 0 to 1; None without a discriminator."""
    if model.discriminator is None:
        return None
    means = []
    for time in np.linspace(0, 1, TIMES):
        z = points(starts, ends, np.full(len(starts), time), mode)
        means.append(float(model.realness(model.generate(z)).mean()))
    return means


def points(starts: np.ndarray, ends: np.ndarray, times: np.ndarray, mode: str) -> np.ndarray:
    """Latents float32 (n, nz), one on each path at that path's time."""
    pairs = zip(starts, ends, times, strict=True)
    return np.stack([latent.at(np.stack([a, b]), time, mode) for a, b, time in pairs])


def mean_lengths(card: Mapping[str, Any]) -> dict[str, float]:
    """{mode: mean path length} saved in a card; {} where there is none or it is malformed."""
    try:
        result = store.load_metrics(card, "paths")
        if result is None:
            return {}
        rows = {mode: float(result["modes"][mode]["full"]) for mode in latent.MODES}
        return rows if np.isfinite(list(rows.values())).all() else {}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def card_section(card: Mapping[str, Any]) -> str:
    """The model card's section on path lengths; "" where none has been measured."""
    heading = "How evenly pictures change along a path"
    return store.card_section(
        card, "paths", heading, "Perceptual path length, measured", table, PATHS
    )


def table(result: Mapping[str, Any]) -> str:
    """The result of `measure` as a Markdown table."""
    name = result["measure"]
    lines = [f"| path | {name} | at its endpoints | D(x) at t = 0, ½, 1 |", "|---|---|---|---|"]
    for mode, row in result["modes"].items():
        lengths = (
            f"{row[where]:.1f}" + (f" ± {row[f'{where}_error']:.1f}" if result["n"] > 1 else "")
            for where in ("full", "ends")
        )
        scores = row["realness"]
        words = ", ".join(f"{scores[i]:.3f}" for i in (0, TIMES // 2, -1)) if scores else "–"
        lines.append(f"| {mode} | {' | '.join(lengths)} | {words} |")
    last = result["seed"] + 2 * result["n"] - 1
    note = (
        f"{result['n']:,} paths between samples of seeds {result['seed']} to {last}, in steps of "
        "1/32; ± is the standard error."
    )
    return "\n".join([*lines, "", note])
