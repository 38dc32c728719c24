"""A model's training images, and what is nearest to a picture among them; made once, shared."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from gan_core import feature_index, features, kept_index, memorisation, training_set
from gan_core.errors import InputError

# Folders of packed training sets, handed on by `python -m explorer --data`, separated as in PATH.
VARIABLE = "GAN_EXPLORER_DATA"
SPACES = {
    "pixels": "Pixels",
    "discriminator": "D’s features",
    "effnet": "EfficientNet’s",
}
REFERENCES = 500  # real images of each kind that a sample's distance is compared with

_lock = threading.Lock()


@dataclass(frozen=True)
class Found:
    """The k nearest training images of one picture in one space, nearest first.

    distances: float (k,); in pixels the root mean square difference in levels of 256, in features
    the cosine distance. indices: int (k,). mirrored: bool (k,), the mirror image is what is near.
    """

    distances: np.ndarray
    indices: np.ndarray
    mirrored: np.ndarray


def training_images(model):
    """The TrainingSet of a Model: what travels with it, or lies in a folder given at the start.

    Raises InputError with how to get the images when they are in neither.
    """
    if (model.directory / "training_set" / "set.json").exists():
        return _load(str(model.directory), "")
    wanted = model.card["training_set"].get("fingerprint")
    for folder in given():
        try:
            if training_set.read_card(folder)["fingerprint"] == wanted:
                return _load("", str(folder))
        except InputError:
            continue
    raise InputError(how_to_get(model))


def given():
    """The packed sets in the folders named at the start: each itself, or what lies in it."""
    folders = [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    inside = [child for folder in folders if folder.is_dir() for child in sorted(folder.iterdir())]
    return [folder for folder in [*folders, *inside] if (folder / "set.json").is_file()]


def how_to_get(model):
    """Why the images are not here and what to do, in a few sentences."""
    about = model.card["training_set"]
    how = about.get("how", "")
    return (
        f"The training images of {model.name} do not travel with it. {how} Pack them with"
        f" `{about.get('command', 'python -m gan_core pack FOLDER data/NAME')}` and start with"
        " `python -m explorer --data data`."
    )


@st.cache_resource(max_entries=4, show_spinner=False)
def _load(directory, folder):
    import gan_core

    return training_set.load(folder) if folder else gan_core.load(directory).training_set()


def nearest(model, data, image, space, k):
    """The Found of an image, uint8 (H, W, C), among the images of a TrainingSet."""
    if space == "pixels":
        index = pixel_index(data.fingerprint, data)
        distances, indices, mirrored = index.query(image[None], k)
        return Found(to_levels(distances[0], image), indices[0], mirrored[0])
    network, index = space_of(space, model.hash, data.fingerprint, model, data)
    distances, indices = index.query(network.extract(image[None]), k)
    return Found(distances[0], indices[0], np.zeros(len(indices[0]), bool))


def to_levels(squared, image):
    """Squared distances -> root mean square differences, in levels of 256."""
    return np.sqrt(np.asarray(squared, np.float64) / image.size)


@st.cache_resource(max_entries=4, show_spinner=False)
def pixel_index(fingerprint, _data):
    return kept_index.open_index(_data, mirrored=True)


@st.cache_resource(max_entries=4, show_spinner=False)
def space_of(space, weights, fingerprint, _model, _data):
    """A network and the index of the training images in its features."""
    network = (
        features.effnet() if space == "effnet" else feature_index.discriminator_features(_model)
    )
    return network, feature_index.FeatureIndex(features.cached(network, _data.images))


def standing(model, data, distance, space):
    """Where a nearest distance stands among those of real images: {kind: percentile}.

    kinds: "held-out", of images never trained on to their nearest training image, and "training",
    of training images to their nearest other one. A kind without images is left out.
    """
    found = references(space, model.hash, data.fingerprint, model, data)
    return {
        kind: float(memorisation.percentiles(np.array([distance]), distances)[0])
        for kind, distances in found.items()
        if len(distances)
    }


@st.cache_resource(max_entries=12, show_spinner=False)
def references(space, weights, fingerprint, _model, _data):
    """Nearest distances of real images in a space: {"held-out", "training"}, float (m,) each."""
    draw = np.random.RandomState(0)
    count, held = len(_data.images), len(_data.held_out)
    train = np.sort(draw.choice(count, min(REFERENCES, count), replace=False))
    unseen = np.sort(draw.choice(held, min(REFERENCES, held), replace=False))
    own, other = np.asarray(_data.images[train]), np.asarray(_data.held_out[unseen])
    if space == "pixels":
        index = pixel_index(fingerprint, _data)
        ask = lambda images, **options: index.query(images, 1, **options)[0][:, 0]  # noqa: E731
        found = {"held-out": ask(other) if held else [], "training": ask(own, exclude=train)}
        return {kind: to_levels(squared, own[0]) for kind, squared in found.items()}
    network, index = space_of(space, weights, fingerprint, _model, _data)
    extract = network.extract
    return {
        "held-out": index.query(extract(other), 1)[0][:, 0] if held else np.array([]),
        "training": index.query(extract(own), 1, exclude=train)[0][:, 0],
    }
