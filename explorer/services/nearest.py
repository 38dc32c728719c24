"""The nearest neighbours of a picture among a model's training images or its samples.

A "space" is where distances are measured (see SPACES). "among" is the TrainingSet that is searched:
a model's training images, or its samples.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer.services import background, renderer
from gan_core import feature_extractors
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.search import feature_index, index_cache, sample_cache
from gan_core.search import pixel_index as exact
from gan_core.util import cache_dir

SPACES = {
    "pixels": "Pixels",
    "discriminator": "D’s features",
    "effnet": "EfficientNet’s",
}
Matches = tuple[np.ndarray, np.ndarray, np.ndarray]  # distances, indices, mirrored
# Of images, k, exclude and the rows to search.
Search = Callable[[np.ndarray, int, np.ndarray | None, np.ndarray | None], Matches]
SAMPLES = 10_000  # samples that are searched for the neighbours of a training image


@dataclass(frozen=True)
class Neighbours:
    """The k nearest images of one picture in one space, nearest first.

    distances: float (k,), in pixels the root mean square difference in levels of 256, in features
    the cosine distance. indices: int (k,). mirrored: bool (k,), whether the mirror image is nearer.
    """

    distances: np.ndarray
    indices: np.ndarray
    mirrored: np.ndarray


def find(
    model: Model,
    among: TrainingSet,
    image: np.ndarray,
    space: str,
    k: int,
    rows: np.ndarray | None = None,
) -> Neighbours:
    """The Neighbours of an image, uint8 (H, W, C). rows: as for `search`."""
    return Neighbours(*(part[0] for part in search(model, among, image[None], space, k, rows=rows)))


def search(
    model: Model,
    among: TrainingSet,
    images: np.ndarray,
    space: str,
    k: int,
    exclude: np.ndarray | None = None,
    rows: np.ndarray | None = None,
) -> Matches:
    """(distances, indices, mirrored), each (n, k), of images uint8 (n, H, W, C).

    exclude: int (n,), for each image an index that must not be among its neighbours. rows:
    int (m,), the indices of the only images that are searched; without exclude. Raises InputError
    when the images have changed on disk since they were indexed.
    """
    opened = open_space(space, *identity(space, model, among), model, among)
    return opened(images, k, exclude, rows)


def identity(space: str, model: Model, among: TrainingSet) -> tuple[str, str]:
    """(weights, images): what the search in a space depends on."""
    weights = model.card["files"].get("discriminator.safetensors", "")
    return weights if space == "discriminator" else "", (
        f"{among.fingerprint} {exact.stamp(among.images)}"
    )


@st.cache_resource(max_entries=12, show_spinner=False)
def open_space(
    space: str,
    weights: str,
    images: str,
    _model: Model,
    _among: TrainingSet,
    _tell: background.Tell | None = None,
) -> Search:
    """The search function of a space: (images, k, exclude, rows) -> Matches."""
    # Opening the index also checks that the images are those that the set describes.
    if _tell and space == "pixels":
        _tell("Reading the images", 0)
    index = index_cache.open_index(_among, mirrored=True)
    if space == "pixels":

        def in_pixels(
            images: np.ndarray, k: int, exclude: np.ndarray | None, rows: np.ndarray | None
        ) -> Matches:
            squared, indices, mirrored = index.query(images, k, exclude, rows)
            return np.sqrt(squared / images[0].size), indices, mirrored

        return in_pixels
    network = (
        feature_extractors.effnet()
        if space == "effnet"
        else feature_index.discriminator_features(_model)
    )
    watched = feature_index.with_progress(network, f"{len(_among.images):,} images", _tell)
    table = feature_index.FeatureIndex(feature_extractors.cached(watched, _among.images))

    def in_features(
        images: np.ndarray, k: int, exclude: np.ndarray | None, rows: np.ndarray | None
    ) -> Matches:
        distances, indices = table.query(network.extract(images), k, exclude, rows)
        return distances, indices, np.zeros(indices.shape, bool)

    return in_features


def ready(space: str, model: Model, data: TrainingSet) -> bool:
    """Whether training images can be searched; if not, prepares the search in the background."""

    def work(tell: background.Tell) -> None:
        open_space(space, *identity(space, model, data), model, data, tell)

    key = ("space", space, *identity(space, model, data))
    return background.done(key, work, brief=space == "pixels")


def spaces(model: Model, data: TrainingSet, wanted: str) -> list[str]:
    """The spaces whose neighbours are shown together, fastest first.

    EfficientNet's, which takes minutes the first time, only if wanted or already computed.
    """
    shown = ["pixels"]
    if model.discriminator is not None or wanted == "discriminator":
        shown.append("discriminator")
    if wanted == "effnet" or background.succeeded(
        ("space", "effnet", *identity("effnet", model, data))
    ):
        shown.append("effnet")
    return shown


def samples_ready(space: str, model: Model) -> bool:
    """Whether a model's samples can be searched; if not, prepares the search."""

    def work(tell: background.Tell) -> None:
        samples = samples_of(model, tell)
        open_space(space, *identity(space, model, samples), model, samples, tell)

    return background.done(("samples", SAMPLES, space, model.hash), work)


def samples_of(model: Model, tell: background.Tell | None = None) -> TrainingSet:
    """The first SAMPLES seeds of a Model as a TrainingSet; drawn once, then cached."""
    return _samples(model.hash, SAMPLES, str(cache_dir.cache_directory()), model, tell)


@st.cache_resource(max_entries=4, show_spinner=False)
def _samples(
    weights: str, n: int, cache: str, _model: Model, _tell: background.Tell | None
) -> TrainingSet:
    return sample_cache.open_samples(_model, n, progress=_tell)


def own_nearest(model: Model, data: TrainingSet, index: int, space: str) -> Neighbours:
    """The nearest other training image of a training image; empty when there is no other."""
    image = np.asarray(data.images[index])[None]
    return Neighbours(
        *(part[0] for part in search(model, data, image, space, 1, np.array([index])))
    )


def take(data: TrainingSet, matches: Neighbours) -> np.ndarray:
    """The images of Neighbours, uint8 (k, H, W, C), mirrored where the mirror image is nearer.

    data: the TrainingSet that was searched.
    """
    return np.stack(
        [
            np.asarray(data.images[i])[:, :: -1 if flip else 1]
            for i, flip in zip(matches.indices, matches.mirrored, strict=True)
        ]
    )


class Beside:
    """Draws each sample with its nearest training image to the right, for the live canvas.

    It has the interface of a Model: `hash` identifies everything that a picture depends on, and
    generate(z) returns uint8 (N, H, 2 W, C).
    """

    def __init__(self, model: Model, data: TrainingSet, space: str) -> None:
        self.model, self.data, self.space = model, data, space
        text = f"{model.hash} {space} {identity(space, model, data)}"
        self.hash = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def generate(self, z: np.ndarray) -> np.ndarray:
        images = renderer.pictures(self.model, z)
        matches = Neighbours(
            *(part[:, 0] for part in search(self.model, self.data, images, self.space, 1))
        )
        return np.concatenate([images, take(self.data, matches)], axis=2)
