"""How close a model's samples come to its training images and to images it has never seen.

Each number says what was measured against what, with how many images on both sides, and stands
beside its floor: the same number of real images against real images.
"""

import sys
from json import dumps
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gan_core import checkpoint, feature_extractors, latent
from gan_core.metrics import fidelity, store
from gan_core.util import atomic_files
from gan_core.util.errors import InputError

DRAWN = 256  # samples drawn before their features are taken
ORDER_SEED = 0  # of the order in which training images are taken
NOTE = (
    "A Fréchet distance falls as N grows: compare only numbers with the same N on both sides. "
    "Training against training is between disjoint parts."
)


def evaluate(
    model,  # checkpoint directory
    *,
    data="",  # directory of the packed training set, where the images do not travel with the model
    n=10_000,  # number of samples
    seed=0,  # seed of the first sample; each next sample has the next seed
    psi=1.0,  # truncation ψ: 1 leaves the latents alone, 0 is the mean latent
    k=5,  # neighbours that make a neighbourhood, for precision, recall, density and coverage
    features="effnet",  # networks that make the features, with commas: effnet, inception
    inception_weights="",  # file of Inception's weights; else torch hub's cache, or it is fetched
    batch=8,  # images that go through such a network at once
    device="cpu",  # where such a network runs: cpu or cuda
    out="",  # write the result to this file too, ending in .json, or in .md for a table
    json=False,  # print the result as one JSON object on the last line
    discard=False,  # leave the numbers out of the checkpoint's model.json
):
    """Measure how close a model's samples come to real images, and keep the numbers with it."""
    if Path(out).suffix not in ("", ".json", ".md"):
        raise InputError(f"{out} must end in .json or .md.")
    loaded = checkpoint.load(model)
    reference = checkpoint.find_images(loaded, data)
    networks, missing = load_networks(features, inception_weights, device)
    for sentence in missing.values():
        print(f"gan_core: {sentence}", file=sys.stderr)
    print(f"{model}: {n:,} samples, seeds {seed} to {seed + n - 1}, in features of {features}")
    options = {"n": n, "seed": seed, "psi": psi, "k": k, "batch": batch}
    result = measure(loaded, reference, networks, **options, progress=True)
    result |= {"missing": missing}
    if not discard:
        save_metrics(loaded, result)
    if out.endswith(".json"):
        atomic_files.write_json(out, result)
    elif out:
        with atomic_files.replacing(out) as temporary:
            temporary.write_text(markdown(result), "utf-8")
    print(table(result))
    if json:
        print(dumps(result, ensure_ascii=False))
    return result


def load_networks(names, inception_weights="", device="cpu"):
    """The feature networks of a list such as "effnet,inception".

    Returns a list of Features, and a dict of name: sentence for those that could not be had.
    Raises InputError for an unknown name, or when none could be had.
    """
    makers = {
        "effnet": lambda: feature_extractors.effnet(device),
        "inception": lambda: feature_extractors.inception(inception_weights, device),
    }
    names = list(dict.fromkeys(name.strip() for name in names.split(",")))
    unknown = [name for name in names if name not in makers]
    if unknown:
        raise InputError(f"features holds {unknown[0]!r}; it may hold {', '.join(makers)}.")
    feature_extractors.check_device(device)
    found, missing = [], {}
    for name in names:
        try:
            found.append(makers[name]())
        except InputError as error:
            missing[name] = str(error)
    if not found:
        raise InputError(" ".join(missing.values()))
    return found, missing


def measure(model, reference, networks, *, n=10_000, seed=0, psi=1.0, k=5, batch=8, progress=False):
    """The distances of n samples of a model to its training images and to the held-out ones.

    model: Model. reference: its TrainingSet. networks: list of Features. The samples are of the
    seeds seed … seed + n − 1, truncated by psi. Training images are taken in a shuffled order that
    is the same every time. Where a side has fewer images than asked for, all of them are used.

    Returns a dict of plain JSON types: model, name, training_set, n, seed, psi, k, and metrics, a
    dict with an entry for each network; see `numbers`. Raises InputError when there are too few
    images on a side or the seeds do not fit.
    """
    if k < 1:
        raise InputError(f"k is {k}; a neighbourhood needs at least 1 neighbour.")
    images = reference.images
    order = np.random.RandomState(ORDER_SEED).permutation(len(images))
    half = min(n, len(images) // 2)
    if half <= k or n > 1_000_000:
        raise InputError(
            f"With k = {k}, n must be from {k + 1} to 1000000 and there must be {2 * k + 2} "
            f"training images or more; n is {n} and there are {len(images)}."
        )
    # Enough for n of them, and for two disjoint parts of `half`.
    training = images[order[: max(min(n, len(images)), 2 * half)]]
    held_out = reference.held_out[:n]
    sampled = sample_features(model, networks, n, seed, psi, batch, progress)
    conditions = {
        "name": model.name,
        "model": model.hash,
        "training_set": reference.fingerprint,
        "n": n,
        "seed": seed,
        "psi": psi,
        "k": k,
    }
    metrics = {}
    for network, samples in zip(networks, sampled, strict=True):
        words = f"{network.name}: real images" if progress else None
        real, unseen = (
            feature_extractors.cached(network, part, batch=batch, progress=words)
            for part in (training, held_out)
        )
        metrics[network.name] = conditions | {
            "features": network.name,
            "versions": {
                "features": network.version,
                "torch": torch.__version__,
                "numpy": np.__version__,
            },
            "numbers": numbers(network.name, samples, real, unseen, half, k),
        }
    return conditions | {"metrics": metrics}


def sample_features(model, networks, n, seed, psi, batch, progress):
    """The features of n samples in each network, a list of float32 (n, d); no image is kept."""
    model.prior.sample(0, seed + n)  # raises for seeds that do not fit, before the work starts
    found = [np.empty((n, network.size), np.float32) for network in networks]
    starts = range(0, n, DRAWN)
    for start in tqdm(starts, "samples", disable=not progress, leave=False):
        count = min(DRAWN, n - start)
        z = latent.truncate(model.prior.sample(count, seed + start), psi)
        images = model.generate(z)
        for network, rows in zip(networks, found, strict=True):
            rows[start : start + count] = network.extract(images, batch=batch)
    return found


def numbers(name, samples, real, unseen, half, k):
    """The list of numbers in the features of one network.

    name: the network's. samples, real, unseen: features of samples, of training images and of
    held-out images, float (N, d). half: how many to take for each of two disjoint parts of `real`.
    Each number is a dict: measure, value, std where the measure has one, of and n_of for what was
    measured, to and n_to for the reference.
    """
    frechet, kernel = ("FID", "KID") if name == "Inception" else (f"FD-{name}", f"KD-{name}")
    found = []

    def add(measure, value, of, n_of, to, n_to, **more):
        words = {"measure": measure, "value": value, **more}
        found.append(words | {"of": of, "n_of": n_of, "to": to, "n_to": n_to})

    def add_distances(of, a, to, b):
        sides = (of, len(a), to, len(b))
        add(frechet, fidelity.frechet(a, b), *sides)
        # Half of a side at most: subsets that are all of it would all be the same.
        size = max(2, min(1000, len(a) // 2, len(b) // 2))
        mean, deviation = fidelity.kernel(a, b, subset_size=size)
        add(kernel, mean, *sides, std=deviation)

    n, n_unseen = len(samples), len(unseen)
    first, second = real[:half], real[half : 2 * half]
    add_distances("samples", samples, "training", real[:n])
    if half < n:
        add_distances("samples", samples[:half], "training", first)
    add_distances("training", second, "training", first)
    if n_unseen > 1:
        equal = min(n_unseen, len(real))
        add_distances("samples", samples, "held-out", unseen)
        if equal < n:
            add_distances("samples", samples[:equal], "held-out", unseen[:equal])
        add_distances("training", real[:equal], "held-out", unseen[:equal])
    for of, fakes in {"samples": samples[:half], "training": second}.items():
        for measure, value in fidelity.neighbours(first, fakes, k).items():
            add(f"{measure}-{name}", value, of, half, "training", half)
    ratio = fidelity.diversity(samples[:half]) / max(fidelity.diversity(first), 1e-12)
    add(f"diversity-{name}", ratio, "samples", half, "training", half)
    return found


def save_metrics(model, result):
    """Write a result's metrics into the checkpoint's model.json; entries of other networks stay.

    Raises InputError when the checkpoint now holds other weights than those that were measured.
    """
    store.save_metrics(model.directory, result["metrics"])


def table(result):
    """A result as text in aligned columns, ending in how it was measured."""
    rows = cells(result)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join([*lines, "", *footer(result)])


def markdown(result):
    """A result as a Markdown table, ending in how it was measured."""
    head, *rows = ("| " + " | ".join(row) + " |" for row in cells(result))
    rule = "|" + "---|" * len(cells(result)[0])
    return "\n".join([head, rule, *rows, "", *footer(result)]) + "\n"


def cells(result):
    """The rows of a result's table, its head first, in words."""
    rows = [["measure", "value", "of", "against"]]
    for entry in result["metrics"].values():
        for number in entry["numbers"]:
            value = number["value"]
            words = f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"
            if "std" in number:  # a kernel distance, which is small
                words = f"{value:.5f} ± {number['std']:.5f}"
            sides = (f"{number['n_' + side]:,} {number[side]}" for side in ("of", "to"))
            rows.append([number["measure"], words, *sides])
    return rows


def load_metrics(card):
    """The result saved in a checkpoint's card, as `measure` returned it; None for none."""
    saved = [store.load_metrics(card, name) for name in card.get("metrics") or {}]
    entries = [entry for entry in saved if entry and "numbers" in entry]
    if not entries:
        return None
    return {**entries[0], "metrics": {entry["features"]: entry for entry in entries}}


def headline(card):
    """{measure: words} of a card's Fréchet distances to the training images, beside their floor.

    Nothing where the card does not tell them as `measure` does.
    """
    try:
        return _headline(load_metrics(card))
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _headline(result):
    lines = {}
    for entry in result["metrics"].values() if result else ():
        floor = of = None
        for number in entry["numbers"]:
            if number["measure"].startswith(("FD-", "FID")) and number["to"] == "training":
                if number["of"] == "training":
                    floor = number
                else:
                    of = of or number
        if of and floor:
            lines[of["measure"]] = (
                f"{of['value']:.1f} ({of['n_of']:,} samples, {of['n_to']:,} training images); "
                f"{floor['n_of']:,} real images against {floor['n_to']:,} others: "
                f"{floor['value']:.1f}"
            )
    return lines


def footer(result):
    """The lines below a result's table: how it was measured, and how to read it."""
    last = result["seed"] + result["n"] - 1
    versions = "; ".join(
        f"{name}: {entry['versions']['features']}" for name, entry in result["metrics"].items()
    )
    return [
        f"Model {result['name']} {result['model']}, training set {result['training_set'][:12]}, "
        f"seeds {result['seed']} to {last}, ψ {result['psi']:g}, k {result['k']}. {versions}.",
        NOTE,
    ]
