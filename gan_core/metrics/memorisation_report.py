"""The memorisation report: how near samples come to the training images, in several spaces.

The samples are compared with two references: held-out images, which the model cannot have
memorised, and the training images themselves. With `control="held-out"` real images take the place
of the samples, which shows what a generator that does not copy looks like;
benchmarks/overfit_control.py trains one that does.
"""

import sys
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import checkpoint, latent
from gan_core.data.training_set import TrainingSet
from gan_core.metrics.memorisation_file import FORMAT, caveats, save_report
from gan_core.metrics.memorisation_measures import AT_ONCE, measure
from gan_core.metrics.memorisation_spaces import SPACES
from gan_core.metrics.memorisation_table import table
from gan_core.search import held_out as held_out_images
from gan_core.util import atomic_files
from gan_core.util.errors import InputError
from gan_core.util.progress import Progress, along


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
        raise InputError(f"k must be 1 or more, and n from 2 to 1000000; k is {k} and n is {n}.")
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
        "model": model.weights,
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
