"""How close a model's samples come to its training images and to held-out images.

Each number says what was measured against what, with how many images on each side, and is shown
beside its floor: the same number of real images against real images.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from gan_core import checkpoint, feature_extractors, latent
from gan_core.data.training_set import TrainingSet
from gan_core.feature_extractors import Features
from gan_core.metrics import fidelity, store
from gan_core.util import atomic_files
from gan_core.util.errors import MALFORMED, InputError

SAMPLES = 10_000
GENERATED = 256  # samples generated before their features are extracted
ALIKE = 1e-5  # spread of images that all look the same, as a share of the largest feature
ORDER_SEED = 0  # of the order in which training images are used
NOTE = (
    "Fréchet and kernel distances (FD, KD) are better the smaller they are; precision, recall, "
    "density, coverage and diversity the larger. Training against training compares two disjoint "
    "parts of the real images, so it shows what a perfect model would reach. A Fréchet distance "
    "falls as N grows, so compare only numbers with the same N on both sides. Precision counts "
    "samples that lie among the real images: it can be almost 0 where every picture has a little "
    "noise that no real one has, and beat the real images where samples are alike."
)


def evaluate(
    model: str,  # checkpoint directory
    *,
    data: str = "",  # packed training set, if the images are not shipped with the model
    n: int = SAMPLES,  # number of samples
    seed: int = 0,  # seed of the first sample; each further sample has the next seed
    psi: float = 1.0,  # truncation ψ: 1 leaves the latents unchanged, 0 is the mean latent
    k: int = 5,  # neighbours in a neighbourhood, for precision, recall, density and coverage
    features: str = "effnet",  # networks that give the features, comma-separated: effnet, inception
    inception_weights: str = "",  # file of Inception's weights; default: torch hub, downloading it
    batch: int = 8,  # images per forward pass of a feature network
    device: str = "cpu",  # where the feature networks run: cpu or cuda
    out: str = "",  # also write the result to this file, ending in .json, or in .md for a table
    json: bool = False,  # print the result as one JSON object on the last line
    discard: bool = False,  # do not save the numbers in the checkpoint's model.json
    space: str = "z",  # latent space in which ψ truncates: z, or w for a model that has it
) -> dict[str, Any]:
    """Measure how close a model's samples come to real images, and save the numbers with it."""
    if Path(out).suffix not in ("", ".json", ".md"):
        raise InputError(f"{out} must end in .json or .md.")
    loaded = checkpoint.load(model, space)
    reference = checkpoint.find_images(loaded, data)
    networks, missing = load_networks(features, inception_weights, device)
    for sentence in missing.values():
        print(f"gan_core: {sentence}", file=sys.stderr)
    print(f"{model}: {n:,} samples, seeds {seed} to {seed + n - 1}, in features of {features}")
    result = measure(
        loaded, reference, networks, n=n, seed=seed, psi=psi, k=k, batch=batch, progress=True
    )
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


def load_networks(
    names: str, inception_weights: str = "", device: str = "cpu"
) -> tuple[list[Features], dict[str, str]]:
    """The feature networks in a list such as "effnet,inception".

    Returns a list of Features, and {name: reason} for those that are not available. Raises
    InputError for an unknown name, or when none is available.
    """
    makers: dict[str, Callable[[], Features]] = {
        "effnet": lambda: feature_extractors.effnet(device),
        "inception": lambda: feature_extractors.inception(inception_weights, device),
    }
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",")))
    unknown = [name for name in wanted if name not in makers]
    if unknown:
        raise InputError(f"features holds {unknown[0]!r}; it may hold {', '.join(makers)}.")
    feature_extractors.check_device(device)
    networks, missing = [], {}
    for name in wanted:
        try:
            networks.append(makers[name]())
        except InputError as error:
            missing[name] = str(error)
    if not networks:
        raise InputError(" ".join(missing.values()))
    return networks, missing


def measure(
    model: checkpoint.Model,
    reference: TrainingSet,
    networks: Sequence[Features],
    *,
    n: int = SAMPLES,
    seed: int = 0,
    psi: float = 1.0,
    k: int = 5,
    batch: int = 8,
    progress: bool = False,
) -> dict[str, Any]:
    """The distances of n samples of a model to its training images and to the held-out images.

    reference: the model's TrainingSet. The samples have the seeds seed … seed + n − 1 and are
    truncated by psi. Training images are used in a shuffled order that is the same every time. A
    side with fewer than n images uses all of them. progress: whether to show a bar on stderr.

    Returns a dict of plain JSON types: model, name, training_set, n, seed, psi, k, and metrics,
    which has an entry for each network; see `numbers`. Raises InputError when a side has too few
    images or the seeds are out of range.
    """
    if k < 1:
        raise InputError(f"k is {k}; a neighbourhood needs at least one neighbour.")
    images = reference.images
    order = np.random.RandomState(ORDER_SEED).permutation(len(images))
    half = min(n, len(images) // 2)
    if half <= k or n > 1_000_000:
        raise InputError(
            f"With k = {k}, n must be from {k + 1} to 1000000 and there must be {2 * k + 2} "
            f"training images or more; n is {n} and there are {len(images)}."
        )
    # Enough for n images and for two disjoint parts of `half`.
    training = images[order[: max(min(n, len(images)), 2 * half)]]
    held_out = reference.held_out[:n]
    sampled = sample_features(model, networks, n, seed, psi, batch, progress)
    conditions = {
        "name": model.name,
        "model": model.weights,
        **store.in_space(model),
        "training_set": reference.fingerprint,
        "n": n,
        "seed": seed,
        "psi": psi,
        "k": k,
    }
    metrics = {}
    for network, samples in zip(networks, sampled, strict=True):
        words = f"{network.name}: real images" if progress else None
        real, held_out_features = (
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
            "numbers": numbers(network.name, samples, real, held_out_features, half, k),
        }
    return conditions | {"metrics": metrics}


def sample_features(
    model: checkpoint.Model,
    networks: Sequence[Features],
    n: int,
    seed: int,
    psi: float,
    batch: int,
    progress: bool,
) -> list[np.ndarray]:
    """The features of n samples in each network, a list of float32 (n, d); images are discarded."""
    model.prior.sample(0, seed + n)  # raises for seeds out of range before the work starts
    tables = [np.empty((n, network.size), np.float32) for network in networks]
    starts = range(0, n, GENERATED)
    for start in tqdm(starts, "samples", disable=not progress, leave=False):
        count = min(GENERATED, n - start)
        z = latent.truncate(model.prior.sample(count, seed + start), psi)
        images = model.generate(z)
        for network, rows in zip(networks, tables, strict=True):
            rows[start : start + count] = network.extract(images, batch=batch)
    return tables


def numbers(
    name: str, samples: np.ndarray, real: np.ndarray, held_out: np.ndarray, half: int, k: int
) -> list[dict[str, Any]]:
    """The list of numbers in the features of one network.

    name: the network's. samples, real, held_out: features of samples, of training images and of
    held-out images, float (N, d). half: the size of each of two disjoint parts of `real`. Each
    number is a dict: measure, value, std where the measure has one, of and n_of for what was
    measured, to and n_to for the reference.
    """
    frechet, kernel = ("FID", "KID") if name == "Inception" else (f"FD-{name}", f"KD-{name}")
    rows = []

    def add(
        measure: str, value: float, of: str, n_of: int, to: str, n_to: int, **more: float
    ) -> None:
        row = {"measure": measure, "value": value, **more}
        rows.append(row | {"of": of, "n_of": n_of, "to": to, "n_to": n_to})

    def add_distances(of: str, a: np.ndarray, to: str, b: np.ndarray) -> None:
        sides = (of, len(a), to, len(b))
        add(frechet, fidelity.frechet(a, b), *sides)
        # At most half of a side: subsets of a whole side would all be the same.
        size = max(2, min(1000, len(a) // 2, len(b) // 2))
        mean, deviation = fidelity.kernel(a, b, subset_size=size)
        add(kernel, mean, *sides, std=deviation)

    n, n_held_out = len(samples), len(held_out)
    first, second = real[:half], real[half : 2 * half]
    add_distances("samples", samples, "training", real[:n])
    if half < n:
        add_distances("samples", samples[:half], "training", first)
    add_distances("training", second, "training", first)
    if n_held_out > 1:
        equal = min(n_held_out, len(real))
        add_distances("samples", samples, "held-out", held_out)
        if equal < n:
            add_distances("samples", samples[:equal], "held-out", held_out[:equal])
        add_distances("training", real[:equal], "held-out", held_out[:equal])
    for of, fakes in {"samples": samples[:half], "training": second}.items():
        for measure, value in fidelity.neighbours(first, fakes, k).items():
            add(f"{measure}-{name}", value, of, half, "training", half)
    spread = fidelity.diversity(first)
    if spread > ALIKE * float(np.abs(first).max()):  # rounding gives equal images some distance
        ratio = fidelity.diversity(samples[:half]) / spread
        add(f"diversity-{name}", ratio, "samples", half, "training", half)
    return rows


def save_metrics(model: checkpoint.Model, result: Mapping[str, Any]) -> None:
    """Write a result's metrics into the checkpoint's model.json; entries of other networks stay.

    Raises InputError when the checkpoint now holds other weights than those that were measured.
    """
    store.save_metrics(model.directory, result["metrics"])


def table(result: Mapping[str, Any]) -> str:
    """A result as text in aligned columns, ending in how it was measured."""
    rows = cells(result)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join([*lines, "", *footer(result)])


def markdown(result: Mapping[str, Any]) -> str:
    """A result as a Markdown table, ending in how it was measured."""
    head, *rows = ("| " + " | ".join(row) + " |" for row in cells(result))
    rule = "|" + "---|" * len(cells(result)[0])
    return "\n".join([head, rule, *rows, "", *footer(result)]) + "\n"


def card_table(card: Mapping[str, Any]) -> str:
    """The Markdown of what a checkpoint's card holds; "" for nothing, or for a malformed card."""
    try:
        result = load_metrics(card)
        return markdown(result) if result else ""
    except MALFORMED:
        return ""


def cells(result: Mapping[str, Any]) -> list[list[str]]:
    """The rows of a result's table as text, the header first."""
    rows = [["measure", "value", "of", "against"]]
    for entry in result["metrics"].values():
        for number in entry["numbers"]:
            value = number["value"]
            words = f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"
            if "std" in number:  # a kernel distance; they are small
                words = f"{value:.5f} ± {number['std']:.5f}"
            sides = (f"{number['n_' + side]:,} {number[side]}" for side in ("of", "to"))
            rows.append([number["measure"], words, *sides])
    return rows


def load_metrics(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result saved in a checkpoint's card, as `measure` returned it; None for none."""
    saved = [store.load_metrics(card, name) for name in card.get("metrics") or {}]
    entries = [entry for entry in saved if entry and "numbers" in entry]
    if not entries:
        return None
    return {**entries[0], "metrics": {entry["features"]: entry for entry in entries}}


def headline(card: Mapping[str, Any]) -> dict[str, str]:
    """{measure: text} of a card's Fréchet distances to the training images, with their floor.

    Empty when the card does not hold them as `measure` returns them.
    """
    try:
        return _headline(load_metrics(card))
    except MALFORMED:
        return {}


def _headline(result: Mapping[str, Any] | None) -> dict[str, str]:
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


def footer(result: Mapping[str, Any]) -> list[str]:
    """The lines below a result's table: how it was measured, and how to read it."""
    last = result["seed"] + result["n"] - 1
    versions = "; ".join(
        f"{name}: {entry['versions']['features']}" for name, entry in result["metrics"].items()
    )
    return [
        f"Model {result['name']} {result['model']}, training set {result['training_set'][:12]}, "
        f"seeds {result['seed']} to {last}, ψ {result['psi']:g}"
        f"{' in w' if result.get('space') == 'w' else ''}, k {result['k']}. {versions}.",
        NOTE,
    ]
