"""Train an attribute classifier, calibrate it and measure it on held-out images.

train_and_save(checkpoint)    the verb: train, measure, save in the checkpoint
train(training_set)           a Classifier, with its accuracy for each attribute in `about`
"""

from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from gan_core import checkpoint
from gan_core.attributes.classifier import (
    ARCHITECTURES,
    BATCH,
    FILES,
    FORMAT,
    LEAST_ACCURACY,
    LEAST_IMAGES,
    SIDE,
    Classifier,
    Probe,
    build,
    features_of,
    prepare,
    save,
    table,
)
from gan_core.data import attribute_tables
from gan_core.data.training_set import TrainingSet
from gan_core.util.errors import InputError

VIEWS = 2  # augmented views of an image from which the probe learns
PENALTY = 1e-3  # on the probe's squared weights, per attribute
MOST_VALUES = 20  # different words in a column up to which it is a category


def train_and_save(
    model: str | Path,  # checkpoint directory
    *,
    data: str = "",  # packed training set, if the images are not shipped with the model
    labels: str = "",  # table of labels if the packed set has none: CSV or list_attr_celeba.txt
    second: bool = False,  # train the second classifier, which only scores what the first picked
    probe: bool = False,  # train the linear probe on EfficientNet-Lite0's features, a third reader
    epochs: int = 10,  # passes over the training images
    seed: int = 0,  # of the initial weights, the order and the augmentation
    json: bool = False,  # print the measured accuracy as one JSON object on the last line
) -> Classifier:
    """Train a classifier of the training set's attributes, and measure it on held-out images."""
    loaded = checkpoint.load(model)
    reference = checkpoint.find_images(loaded, data)
    if labels:
        reference = with_labels(reference, labels)
        if missing := unlabelled(reference):
            count = len(reference.images) + len(reference.held_out)
            print(f"{missing:,} of {count:,} pictures have no label in {labels} and are left out.")
    if second and probe:
        raise InputError("--second and --probe cannot be combined; run the command once for each.")
    reader = "probe" if probe else "second" if second else "first"
    trained = train(reference, ARCHITECTURES[reader], epochs=epochs, seed=seed, progress=True)
    save(model, trained, reader)
    print(table(trained.about))
    counts = f"{len(trained.recognised)} of {len(trained.names)} attributes are recognised"
    print(f"{Path(model) / FILES[reader]}: {counts}")
    if json:
        print(dumps(trained.about, ensure_ascii=False))
    return trained


def with_labels(training_set: TrainingSet, path: str | Path) -> TrainingSet:
    """A TrainingSet with its labels replaced by those of a table, matched by file name.

    An image that is not in the table gets empty cells, which means that its attributes are unknown.
    Raises InputError when the table cannot be read, or when no image is in it.
    """
    rows, names = attribute_tables.read(path)
    find = attribute_tables.finder(rows)
    files = [*training_set.files, *training_set.held_out_files]
    known = sum(find(file) is not None for file in files)
    if not known:
        raise attribute_tables.nothing_matches(path, rows, files, len(files))
    unknown = ("",) * len(names)

    def columns(images: Sequence[str]) -> dict[str, np.ndarray]:
        matches = [find(file) or unknown for file in images]
        words: Any = zip(*matches, strict=True) if matches else [()] * len(names)
        return {
            name: np.array(column, np.uint8 if set(column) <= {"0", "1"} else str)
            for name, column in zip(names, words, strict=True)
        }

    files_of = (training_set.files, training_set.held_out_files)
    attributes, held_out = map(columns, files_of)
    fields = {**vars(training_set), "attributes": attributes, "held_out_attributes": held_out}
    return type(training_set)(**fields)


def unlabelled(training_set: TrainingSet) -> int:
    """How many images, training and held-out, have only empty cells."""
    tables = (training_set.attributes, training_set.held_out_attributes)
    return sum(
        int(np.all([column.astype(str) == "" for column in columns.values()], axis=0).sum())
        for columns in tables
    )


def concepts(training_set: TrainingSet) -> tuple[list[str], np.ndarray, np.ndarray]:
    """(names, labels of the training images, labels of the held-out images) as binary attributes.

    A column of 0 and 1 is one attribute. A column of words, such as hair_colour, becomes one
    attribute per word: "hair_colour: red". Columns with a single value or more than 20 words are
    skipped. labels: float32 (N, A) and (M, A), 0 or 1, and NaN where a cell is empty, which means
    unknown. Raises InputError when no attribute is left.
    """
    names: list[str] = []
    columns: list[np.ndarray] = []
    for name, first in training_set.attributes.items():
        whole = np.concatenate([first, training_set.held_out_attributes[name]])
        values = sorted(set(whole.tolist()) - {""}, key=str)
        # Empty cells make a column of 0 and 1 one of words.
        unknown = whole == "" if whole.dtype.kind == "U" else np.zeros(len(whole), bool)
        if values in ([0, 1], ["0", "1"]):
            names.append(name)
            columns.append(np.where(unknown, np.nan, np.where(unknown, "0", whole).astype(float)))
        elif 2 <= len(values) <= MOST_VALUES:
            names += [f"{name}: {value}" for value in values]
            columns += [np.where(unknown, np.nan, whole == value) for value in values]
    if not names:
        raise InputError(
            f"The training set {training_set.card['name']} has no labels to learn from; "
            "give a table of labels with --labels."
        )
    labels = np.stack(columns, 1).astype(np.float32)
    count = len(training_set.images)
    return names, labels[:count], labels[count:]


def train(
    training_set: TrainingSet,
    architecture: str = "strided",
    *,
    epochs: int = 10,
    seed: int = 0,
    progress: bool = False,
) -> Classifier:
    """Train a Classifier on a training set's labels and measure it on the held-out images.

    A tenth of the training images is reserved for the calibration. Augmentation by mirroring,
    shifts, contrast, blur and noise makes it robust to a generator's artefacts. progress: whether
    to show a bar on stderr. Raises InputError when there are no labels or too few images.
    """
    if epochs < 1:
        raise InputError(f"epochs is {epochs}; it must be 1 or more.")
    if len(training_set.held_out) < 2 or len(training_set.images) < 20:
        raise InputError(
            "An attribute classifier needs at least 20 training images, and 2 held-out images to "
            "measure it on; pack the training set with --held-out."
        )
    names, labels, held_out_labels = concepts(training_set)
    order = np.random.RandomState(seed).permutation(len(labels))
    for_scale, for_weights = np.split(order, [max(len(order) // 10, 2)])
    channels = training_set.images.shape[3]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(architecture, channels, len(names))
        arguments = (training_set.images, labels, for_weights, epochs, progress)
        if isinstance(network, Probe):
            fit_probe(network, *arguments)
        else:
            fit(network, *arguments)
    about: dict[str, Any] = {"format": FORMAT, "architecture": architecture, "channels": channels}
    about["training_set"] = training_set.fingerprint
    about |= {"training_set_name": training_set.card["name"], "epochs": epochs, "seed": seed}
    about["attributes"] = [{"name": name, "recognised": True} for name in names]
    one, none = np.ones(len(names), np.float32), np.zeros(len(names), np.float32)
    raw = Classifier(network, one, none, about)
    weigh = balance if architecture == "probe" else known_alike
    logits, answers = raw.logits(training_set.images[for_scale]), labels[for_scale]
    scale, offset = platt(logits, answers, weights=weigh(answers))
    calibrated = Classifier(network, scale, offset, about)
    probabilities = calibrated.predict(training_set.held_out)
    about["attributes"] = measure(names, probabilities, held_out_labels)
    weights = weigh(held_out_labels)
    before = raw.predict(training_set.held_out)
    about["calibration_error"] = {
        "before": calibration_error(before, held_out_labels, weights=weights),
        "after": calibration_error(probabilities, held_out_labels, weights=weights),
    }
    return calibrated


def fit(
    network: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    epochs: int,
    progress: bool,
) -> None:
    """Train a network on images[order] with the binary cross entropy of each attribute.

    images: uint8 (N, H, W, C). labels: float32 (N, A), 0 or 1, or NaN for unknown, which is left
    out. order: int (n,), rows of both.
    """
    steps = epochs * -(-len(order) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, steps, pct_start=0.15)
    targets = torch.from_numpy(labels)
    network.train()
    bar = tqdm(total=steps, desc="attributes", disable=not progress, leave=False)
    for _ in range(epochs):
        shuffled = order[torch.randperm(len(order)).numpy()]
        for start in range(0, len(shuffled), BATCH):
            rows = shuffled[start : start + BATCH]
            if len(rows) == 1:  # batch norm needs two
                rows = np.concatenate([rows, shuffled[:1]])
            logits = network(augment(prepare(images[rows])))
            loss = known_entropy(logits, targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            bar.update()
    bar.close()
    network.eval().requires_grad_(False)


def fit_probe(
    network: Probe,
    images: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    epochs: int,
    progress: bool,
) -> None:
    """Train a Probe: arguments as for `fit`, and at most VIEWS augmented views of each image.

    Logistic regression with an L2 penalty on the standardised features (Alain and Bengio 2016,
    "Understanding intermediate layers using linear classifier probes"). Images with an attribute
    count as much as those without it, so that the probe does not overlook a rare one.
    """
    views = min(epochs, VIEWS)
    starts = [(view, start) for view in range(views) for start in range(0, len(order), BATCH)]
    features = []
    for _, start in tqdm(starts, "features", disable=not progress, leave=False):
        features.append(features_of(augment(prepare(images[order[start : start + BATCH]]))))
    x, targets = torch.cat(features), torch.from_numpy(np.tile(labels[order], (views, 1)))
    network.mean, network.deviation = x.mean(0), x.std(0).clamp(min=1e-3)
    x = (x - network.mean) / network.deviation
    weights = torch.from_numpy(balance(targets.numpy()))
    optimiser = torch.optim.LBFGS(
        network.linear.parameters(), max_iter=200, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        entropy = nn.functional.binary_cross_entropy_with_logits(
            network.linear(x), targets.nan_to_num(), weights, reduction="sum"
        )
        value = entropy / weights.sum()
        value = value + PENALTY * network.linear.weight.square().sum() / labels.shape[1]
        value.backward()
        return value

    optimiser.step(loss)  # type: ignore[arg-type]  # any closure that returns the loss
    network.eval().requires_grad_(False)


def known_alike(labels: np.ndarray) -> np.ndarray:
    """Weights float32 (N, A): 1 where a label is known, 0 where it is NaN."""
    return (~np.isnan(labels)).astype(np.float32)


def balance(labels: np.ndarray) -> np.ndarray:
    """Weights float32 (N, A) with which images with an attribute count as much as those without.

    labels: float (N, A), 0 or 1, or NaN, whose weight is 0. The weights of an attribute have the
    sum of its known labels; they are 0 where there is none of one kind.
    """
    known = ~np.isnan(labels)
    has = known & (np.nan_to_num(labels) > 0.5)
    counts, n = np.stack([(known & ~has).sum(0), has.sum(0)]), known.sum(0)
    weight = np.where(counts.min(0) > 0, n / np.maximum(2 * counts, 1), 0)
    return (np.where(has, weight[1], weight[0]) * known).astype(np.float32)


def known_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean binary cross entropy over the targets that are not NaN; 0 when there are none.

    logits, targets: float32 (N, A).
    """
    known = ~targets.isnan()
    if known.all():
        return nn.functional.binary_cross_entropy_with_logits(logits, targets)
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits, targets.nan_to_num(), reduction="none"
    )
    return (losses * known).sum() / known.sum().clamp(min=1)


def augment(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures randomly mirrored, shifted by up to 3 pixels, and changed in contrast and light.

    Half of the batches are also blurred, and half get noise. pictures: float32 (N, C, 64, 64).
    """
    n = len(pictures)
    mirrored = torch.rand(n, 1, 1, 1) < 0.5
    pictures = torch.where(mirrored, pictures.flip(3), pictures)
    dx, dy = torch.randint(-3, 4, (2,)).tolist()  # one shift per batch: cheap, and enough
    padded = nn.functional.pad(pictures, (3, 3, 3, 3), mode="replicate")
    pictures = padded[:, :, 3 + dy : 3 + dy + SIDE, 3 + dx : 3 + dx + SIDE]
    if torch.rand(()) < 0.5:
        blurred = nn.functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
        pictures = torch.lerp(pictures, blurred, torch.rand(n, 1, 1, 1))
    if torch.rand(()) < 0.5:
        noise = 0.15 * torch.rand(n, 1, 1, 1) * torch.randn_like(pictures)
        pictures = pictures + noise
    strength, light = 0.8 + 0.4 * torch.rand(n, 1, 1, 1), 0.2 * (torch.rand(n, 1, 1, 1) - 0.5)
    pictures = pictures * strength + light
    return pictures.contiguous(memory_format=torch.channels_last)


def platt(
    logits: np.ndarray, labels: np.ndarray, steps: int = 50, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset, float32 (A,) each, that calibrate logits by Platt's method (1999).

    logits: float (N, A). labels: float (N, A), 0 or 1, or NaN, which is left out. weights: float
    (N, A), how much each counts; None for all alike. Targets are smoothed as in the paper, so that
    attributes with few examples do not become overconfident. A scale is at least 0.05.
    """
    x = torch.tensor(logits, dtype=torch.float64)
    y = torch.tensor(labels, dtype=torch.float64)
    known = torch.tensor(known_alike(labels) if weights is None else weights, dtype=torch.float64)
    yes, no = y.nansum(0), (1 - y).nansum(0)
    y = torch.where(y > 0.5, (yes + 1) / (yes + 2), 1 / (no + 2))
    free = torch.zeros(2, x.shape[1], dtype=torch.float64)
    free[0] = 1
    free.requires_grad_(True)
    optimiser = torch.optim.LBFGS([free], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        scaled = free[0] * x + free[1]
        value = nn.functional.binary_cross_entropy_with_logits(scaled, y, reduction="none")
        # The penalty determines both where the examples do not.
        value = (value * known).mean(0).sum() + 1e-4 * ((free[0] - 1) ** 2 + free[1] ** 2).sum()
        value.backward()
        return value

    optimiser.step(loss)  # type: ignore[arg-type]  # any closure that returns the loss
    scale, offset = free.detach().numpy().astype(np.float32)
    return np.maximum(scale, np.float32(0.05)), offset


def measure(
    names: Sequence[str], probabilities: np.ndarray, labels: np.ndarray
) -> list[dict[str, Any]]:
    """The accuracy for each attribute, a list of dicts of plain JSON types.

    probabilities, labels: float (M, A); NaN labels are left out. accuracy: the share classified
    correctly at probability 0.5. balanced_accuracy: the mean of the shares among images with it and
    among images without it, None when there are none of one kind. n, positives: images, and images
    with it. recognised: balanced accuracy of 0.85 or more, over at least 20 images of each kind.
    """
    rows = []
    for name, probability, label in zip(names, probabilities.T, labels.T, strict=True):
        known = ~np.isnan(label)
        probability, label = probability[known], label[known]
        right, with_it = (probability >= 0.5) == (label > 0.5), label > 0.5
        positives, n = int(with_it.sum()), len(label)
        balanced = None
        if 0 < positives < n:
            balanced = float((right[with_it].mean() + right[~with_it].mean()) / 2)
        enough = min(positives, n - positives) >= LEAST_IMAGES
        rows.append(
            {
                "name": name,
                "n": n,
                "positives": positives,
                "accuracy": float(right.mean()) if n else 0.0,
                "balanced_accuracy": balanced,
                "recognised": enough and balanced is not None and balanced >= LEAST_ACCURACY,
            }
        )
    return rows


def calibration_error(
    probabilities: np.ndarray,
    labels: np.ndarray,
    bins: int = 10,
    weights: np.ndarray | None = None,
) -> float:
    """Expected calibration error over all attributes (Guo et al. 2017).

    It is the mean difference between the predicted probability and the true share, in bins of equal
    width. probabilities, labels: float (M, A); NaN labels are left out. weights: float (M, A), how
    much each counts; None for all alike.
    """
    known = ~np.isnan(labels)
    p, y = probabilities[known].astype(np.float64), labels[known]
    w = (known_alike(labels) if weights is None else weights)[known].astype(np.float64)
    if not w.sum():
        return 0.0
    which = np.minimum((p * bins).astype(int), bins - 1)
    apart = np.bincount(which, w * p, bins) - np.bincount(which, w * y, bins)
    return float(np.abs(apart).sum() / w.sum())
