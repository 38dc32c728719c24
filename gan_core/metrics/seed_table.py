"""What is known of a model's first seeds: how realistic each sample is, and what it shows.

    CHECKPOINT/realism.safetensors   the compact reference, see gan_core.metrics.realism
    CHECKPOINT/seeds.safetensors     realism and attribute probabilities of the seeds 0 … n − 1

Both travel with the checkpoint, so that pages search, sort and choose among all these seeds without
drawing any. They are made by `python -m gan_core seeds CHECKPOINT`. All of it is at ψ = 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gan_core import checkpoint, companions, feature_extractors
from gan_core.attributes import classifier as classifiers
from gan_core.attributes.classifier import Classifier
from gan_core.data import picture_kind
from gan_core.metrics import realism
from gan_core.util import atomic_files, checked_safetensors, json_values
from gan_core.util.errors import InputError

FORMAT = 1
FILE = "seeds.safetensors"
SEEDS = 4096
MOST_SEEDS = 65536
OPENINGS = 36  # seeds that pages open on
ABOVE = 10  # they are chosen among the most realistic tenth
LEAST = 0.5  # probability from which a sample counts as having an attribute
ABOUT = {
    "generator": json_values.TEXT,
    "classifier": json_values.TEXT,
    "reference": json_values.TEXT,
    "attributes": [json_values.TEXT],
    "openings": [json_values.COUNT],
    "readers?": [json_values.TEXT],
}


@dataclass(frozen=True)
class SeedTable:
    """The first n seeds of a model, ψ = 1.

    realism: float32 (n,). probabilities: float32 (n, A), of `attributes`, the classifier's names,
    as far as all readers agree: see `gan_core.attributes.classifier.agreement`.
    openings: realistic samples that differ from one another, for pages to open on, best first.
    classifier, reference: hashes of what the table was made with; "" where there was no classifier.
    readers: hashes of all readers, the classifier's in front.
    """

    realism: np.ndarray
    probabilities: np.ndarray
    attributes: list[str]
    openings: list[int]
    classifier: str
    reference: str
    readers: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.realism)

    def column(self, attribute: str) -> np.ndarray:
        """The probability of an attribute for each seed, float32 (n,).

        Raises InputError for an attribute that the table does not hold.
        """
        if attribute not in self.attributes:
            known = ", ".join(self.attributes) or "none"
            raise InputError(f"There is no attribute {attribute!r}; choose one of {known}.")
        return self.probabilities[:, self.attributes.index(attribute)]

    def search(self, wanted: Mapping[str, bool], least: float = LEAST) -> np.ndarray:
        """The seeds with the wanted attributes, in their own order: int64 (m,).

        wanted: {attribute: True to have it, False to lack it}; all seeds when it is empty. least:
        the probability that each must have; what is unsure is neither. Raises InputError as
        `column`.
        """
        fits = self.certainty(wanted) >= least
        for name in wanted:
            fits &= self.column(name) != classifiers.UNSURE
        return np.flatnonzero(fits)

    def certainty(self, wanted: Mapping[str, bool]) -> np.ndarray:
        """How surely each seed has all wanted attributes, the least of their probabilities:
        float32 (n,) in 0 … 1; 1 where nothing is wanted. wanted, errors: as for `search`.
        """
        sure = np.ones(len(self), np.float32)
        for name, there in wanted.items():
            column = self.column(name)
            sure = np.minimum(sure, column if there else 1 - column)
        return sure


def make(
    model: checkpoint.Model,
    reference: realism.Reference,
    network: feature_extractors.Features,
    readers: Sequence[Classifier],
    n: int = SEEDS,
    progress: str | None = None,
) -> SeedTable:
    """The SeedTable of a model's seeds 0 … n − 1. Features are cached on disk, for the next time.

    network: the one of the reference. readers: the first classifier and those that must agree with
    it; empty for none. progress: label of a progress bar on stderr; None for none.
    """
    names = readers[0].names if readers else []
    probabilities = np.empty((n, len(names)), np.float32)
    features = np.empty((n, network.size), np.float32)
    with tqdm(total=n, desc=progress, unit="seed", disable=progress is None, leave=False) as bar:
        for start in range(0, n, realism.PART):
            rows = slice(start, min(start + realism.PART, n))
            images = model.generate(model.prior.sample(rows.stop - start, start))
            features[rows] = realism.features_of(network, images)
            if readers:
                read = [reader.predict(images) for reader in readers]
                probabilities[rows] = classifiers.agreement(readers, read)
            bar.update(rows.stop - start)
    scores = reference.score(features)
    points, _ = realism.project(features, reference.mean, reference.basis)
    return SeedTable(
        # Rounded as they are in the file, so that a table is the same before and after.
        scores.astype(np.float16).astype(np.float32),
        probabilities.astype(np.float16).astype(np.float32),
        names,
        openings(scores, points),
        readers[0].hash if readers else "",
        reference.hash,
        tuple(reader.hash for reader in readers),
    )


def openings(scores: np.ndarray, points: np.ndarray, count: int = OPENINGS) -> list[int]:
    """Realistic seeds that differ, the most realistic first; at most `count`, always the same ones.

    scores: float (n,). points: float (n, p), where distances are taken. Among the most realistic
    tenth, each seed is taken in turn unless it is too close to one taken before; "too close" is as
    far as it can be for `count` seeds to be found.
    """
    best = np.argsort(-scores, kind="stable")[: max(count, len(scores) // ABOVE)]
    apart = np.square(points[best][:, None] - points[best]).sum(2)
    chosen: list[int] = []
    for close in np.quantile(apart, np.linspace(0.95, 0, 39)):
        chosen = []
        for i in range(len(best)):
            if not chosen or apart[i, chosen].min() > close:
                chosen.append(i)
        if len(chosen) >= count:
            break
    return [int(seed) for seed in best[chosen[:count]]]


def save(model: checkpoint.Model, table: SeedTable) -> str:
    """Write a SeedTable into the model's checkpoint, in half precision; returns its seal."""
    arrays = {
        "realism": table.realism.astype(np.float16),
        "probabilities": table.probabilities.astype(np.float16),
    }
    about = {
        "format": FORMAT,
        "generator": model.card["files"]["generator.safetensors"],
        "classifier": table.classifier,
        "reference": table.reference,
        "attributes": table.attributes,
        "openings": table.openings,
        "readers": list(table.readers),
    }
    return checked_safetensors.save(model.directory / FILE, arrays, about)


def load(model: checkpoint.Model) -> SeedTable:
    """The SeedTable in a model's checkpoint.

    Raises InputError when it is missing or damaged, or was made for other weights.
    """
    path = model.directory / FILE
    remedy = f"python -m gan_core seeds {model.directory} makes it"
    arrays, about, _ = checked_safetensors.load(path, remedy)
    if about.get("format") != FORMAT:
        raise InputError(f"{path} is of format {about.get('format')!r}; {remedy} again.")
    if json_values.misfit(about, ABOUT):
        raise InputError(f"{path} does not match its own description; {remedy} again.")
    if about["generator"] != model.card["files"]["generator.safetensors"]:
        raise InputError(
            f"{path} was made for other weights than these, so it is not used; {remedy} again."
        )
    none = np.empty(0, np.float32)
    values, probabilities = (arrays.get(name, none) for name in ("realism", "probabilities"))
    attributes, n = about["attributes"], values.size
    fits = 0 < n <= MOST_SEEDS and len(set(attributes)) == len(attributes)
    fits = fits and values.shape == (n,)
    fits = fits and probabilities.shape == (n, len(attributes))
    fits = fits and all(a.dtype.kind == "f" and np.isfinite(a).all() for a in arrays.values())
    fits = fits and all(seed < n for seed in about["openings"])
    if not fits:
        raise InputError(f"{path} does not match its own description; {remedy} again.")
    return SeedTable(
        values.astype(np.float32),
        probabilities.astype(np.float32),
        attributes,
        list(dict.fromkeys(about["openings"])),
        about["classifier"],
        about["reference"],
        tuple(about.get("readers", ())),
    )


def make_and_save(
    model: str,  # checkpoint directory
    *,
    data: str = "",  # packed training set, if the images are not shipped with the model
) -> None:
    """Measure realism and attributes of the first 4,096 seeds; save them with the checkpoint."""
    loaded = checkpoint.load(model)
    made = [
        name
        for name, done in (
            ("the kind of its pictures", save_kind(loaded, data)),
            (realism.FILE, save_reference(loaded, data)),
            (FILE, save_table(loaded)),
        )
        if done
    ]
    print(f"{model}: {'made ' + ', '.join(made) if made else 'everything is up to date'}")


def save_kind(model: checkpoint.Model, data: str | Path = "") -> bool:
    """Note in model.json whether the training images are drawings; False if it says so already."""
    if model.card.get("pictures") in picture_kind.KINDS:
        return False
    kind = picture_kind.kind_of(checkpoint.find_images(model, data).images)
    card = checkpoint.read_card(model.directory)
    atomic_files.write_json(model.directory / "model.json", card | {"pictures": kind})
    return True


def save_reference(model: checkpoint.Model, data: str | Path = "") -> bool:
    """Make the model's realism reference; False if it is there and of its training images."""
    network = feature_extractors.effnet()
    try:
        if realism.load(model.directory).about["version"] == network.version:
            return False
    except InputError:
        pass  # missing, damaged or of other images
    images = checkpoint.find_images(model, data)
    reference = realism.of_images(images, network, f"{network.name}: training images")
    if reference.about["training_set"] != model.card["training_set"].get("fingerprint"):
        # The same pictures at another compression; the checkpoint knows them by its own name.
        own = {"training_set": model.card["training_set"].get("fingerprint")}
        reference.about.update(own)
    realism.save(model.directory, reference)
    return True


def save_table(model: checkpoint.Model) -> bool:
    """Make the model's table of seeds; False if it is there and fits weights and classifier."""
    reference = realism.load(model.directory)
    readers: list[Classifier] = []
    if companions.locate(model.directory, classifiers.FILES["first"]).exists():
        readers = list(classifiers.load_all(model.directory).values())
    hashes = tuple(reader.hash for reader in readers)
    try:
        table = load(model)
        if (len(table), table.readers, table.reference) == (SEEDS, hashes, reference.hash):
            return False
    except InputError:
        pass  # missing, damaged or of other weights
    network = feature_extractors.effnet()
    save(model, make(model, reference, network, readers, SEEDS, f"{SEEDS:,} seeds"))
    return True
