"""How even a way through the latent space is: perceptual path length, and D(x) along it."""

import numpy as np

from gan_core import latent
from gan_core.metrics import store
from gan_core.util.errors import InputError

STEP = 1 / 32  # of a path, between two pictures that are compared
TIMES = 9  # places on a path at which D(x) is looked at


def measure(model, network, n=200, seed=0, batch=8, progress=None):
    """Mean perceptual path lengths of lerp and of slerp, and D(x) along both.

    model: Model. network: features.Features. n: paths, each between two samples of seeds seed …
    seed + 2n − 1, the same ones for both. A length is ‖f(x(t + ε)) − f(x(t))‖² / ε² in the
    network's features, ε = 1/32 of a path, averaged over the paths (after Karras et al. 2019,
    whose features are of VGG16 and whose ε is 1e-4: pictures here have 256 levels, which so small
    a step does not pass). "full" is with t uniform on the path, "ends" with t at its endpoints.

    Returns a dict of plain JSON types. realness: the mean D(x) at nine places from t = 0 to 1;
    None without a discriminator.
    """
    if n < 1:
        raise InputError(f"n is {n}; path lengths need at least one path.")
    z = model.prior.sample(2 * n, seed)
    starts, ends = z[:n], z[n:]
    stream = np.random.RandomState(seed)
    middle = stream.uniform(0, 1 - STEP, n)
    tips = np.where(stream.uniform(size=n) < 0.5, 0.0, 1 - STEP)
    found = {"measure": f"PPL-{network.name}", "n": n, "seed": seed, "step": STEP, "modes": {}}
    found |= {"model": model.hash, "name": model.name, "versions": {"features": network.version}}
    for mode in latent.MODES:
        row = {}
        for where, times in {"full": middle, "ends": tips}.items():
            lengths = squared_lengths(model, network, starts, ends, times, mode, batch, progress)
            row[where] = float(lengths.mean())
            row[f"{where}_error"] = float(lengths.std(ddof=1) / np.sqrt(n)) if n > 1 else None
        row["realness"] = realness(model, starts, ends, mode)
        found["modes"][mode] = row
    return found


def squared_lengths(model, network, starts, ends, times, mode, batch=8, progress=None):
    """The squared length of each path's step from its time, over STEP²: float64 (n,)."""
    here, there = (
        network.extract(model.generate(along(starts, ends, times + add, mode)), batch, progress)
        for add in (0, STEP)
    )
    return np.square(here.astype(np.float64) - there).sum(1) / STEP**2


def realness(model, starts, ends, mode):
    """The mean D(x) at TIMES places on paths from t = 0 to 1; None without a discriminator."""
    if model.discriminator is None:
        return None
    found = []
    for time in np.linspace(0, 1, TIMES):
        z = along(starts, ends, np.full(len(starts), time), mode)
        found.append(float(model.realness(model.generate(z)).mean()))
    return found


def along(starts, ends, times, mode):
    """Latents float32 (n, nz), each at its own time on its own path."""
    pairs = zip(starts, ends, times, strict=True)
    return np.stack([latent.at([a, b], time, mode) for a, b, time in pairs])


def lengths(card):
    """mode -> the mean path length that a card tells of; {} where none was measured, or wrongly."""
    try:
        found = store.load_metrics(card, "paths")
        rows = {mode: float(found["modes"][mode]["full"]) for mode in latent.MODES}
        return rows if np.isfinite(list(rows.values())).all() else {}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def card_section(card):
    """What the model card tells of ways through the latent space; "" where nothing is measured."""
    found = store.load_metrics(card, "paths")
    if found is None:
        return ""
    return (
        "## How even is the way from one latent to another?\n\n"
        f"Perceptual path length, measured by `python -m gan_core evaluate checkpoints/"
        f"{card['name']} --paths`:\n\n{table(found)}\n"
    )


def table(found):
    """What `measure` returned, as a Markdown table."""
    name = found["measure"]
    lines = [f"| path | {name} | at its endpoints | D(x) at t = 0, ½, 1 |", "|---|---|---|---|"]
    for mode, row in found["modes"].items():
        lengths = (
            f"{row[where]:.1f}" + (f" ± {row[f'{where}_error']:.1f}" if found["n"] > 1 else "")
            for where in ("full", "ends")
        )
        judged = row["realness"]
        words = ", ".join(f"{judged[i]:.3f}" for i in (0, TIMES // 2, -1)) if judged else "–"
        lines.append(f"| {mode} | {' | '.join(lengths)} | {words} |")
    last = found["seed"] + 2 * found["n"] - 1
    note = f"{found['n']:,} paths between seeds {found['seed']} to {last}, steps of 1/32, ± s.e."
    return "\n".join([*lines, "", note])
