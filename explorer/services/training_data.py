"""A model's training images: where they are, how to get them, and pictures made to match them."""

import functools
import os
import shlex
from pathlib import Path

import numpy as np
import streamlit as st

from explorer.services import model_registry
from gan_core import checkpoint
from gan_core.checkpoint import Model
from gan_core.data import decoding, photo_alignment, training_set
from gan_core.data.training_set import TrainingSet
from gan_core.util import environment
from gan_core.util.errors import InputError

# Folders of packed training sets, passed on by `python -m explorer --data`, separated as in PATH.
VARIABLE = "LATENT_EXPLORER_DATA"
MAX_BYTES = 5 * 2**20  # of an upload


def training_images(model: Model) -> TrainingSet:
    """The TrainingSet of a Model.

    It comes with the model, with another model that was trained on the same images, or from a
    folder given at the start. Otherwise raises InputError that says how to get the images.
    """
    wanted = model.card["training_set"].get("fingerprint")
    own = model.directory / "training_set"
    if (own / "set.json").exists():
        return _load(model, str(own), stamp(arrays(own)))
    for folder in [*given(), *travelling()]:
        try:
            if fingerprint(folder) == wanted:
                return _load(None, str(folder), stamp(arrays(folder)))
        except InputError:
            continue
    for folder in given():
        try:
            if _look_alike(model, str(folder), stamp(arrays(folder)), model.hash):
                return _load(None, str(folder), stamp(arrays(folder)))
        except InputError:
            continue
    raise InputError(how_to_get(model))


def with_images() -> list[str]:
    """The names of the models whose training images are here, without loading any weights."""
    here = {fingerprint(folder) for folder in [*given(), *travelling()]} - {""}
    return [
        name
        for name, entry in model_registry.entries().items()
        if entry.problem is None and wanted_fingerprint(entry) in here
    ]


def wanted_fingerprint(entry: model_registry.Entry) -> str:
    """The fingerprint of the images that a model was trained on, "" where its card has none."""
    try:
        return str(_wanted(entry.directory, entry.stamp))
    except InputError:
        return ""


@functools.lru_cache(maxsize=20_000)
def _wanted(directory: Path, stamp: int) -> str:
    return checkpoint.read_card(directory)["training_set"].get("fingerprint") or ""


def not_the_same_bytes(model: Model, data: TrainingSet) -> str:
    """A warning when images only look like the training images; "" when they are the same.

    data: the TrainingSet from `training_images`.
    """
    if data.fingerprint == model.card["training_set"].get("fingerprint"):
        return ""
    return (
        f"These look like the images that {model.name} was trained on, but scaled or compressed"
        " differently, so distances in pixels may be off by a few levels."
    )


def arrays(folder: Path) -> Path:
    """The folder of a set's arrays: its own, or one in the cache when the set is embedded."""
    if (folder / "images.npy").exists():
        return folder
    return training_set.unpacked(folder, training_set.read_card(folder))


def travelling() -> list[Path]:
    """The embedded sets of all available checkpoints."""
    folders = [entry.directory / "training_set" for entry in model_registry.entries().values()]
    return [folder for folder in folders if (folder / "set.json").is_file()]


def given() -> list[Path]:
    """The packed sets among the folders given at the start and the folders in them."""
    folders = [Path(part) for part in (environment.get(VARIABLE) or "").split(os.pathsep) if part]
    inside = [child for folder in folders if folder.is_dir() for child in sorted(folder.iterdir())]
    return [folder for folder in [*folders, *inside] if (folder / "set.json").is_file()]


def how_to_get(model: Model) -> str:
    """Why the training images are not available and how to get them, in a few sentences."""
    about = model.card["training_set"]
    if "origin" in model.card and "fingerprint" not in about:
        return (
            f"The training images of {model.name} are unknown because it was trained elsewhere. If"
            " you have them, pack them (`python -m gan_core pack FOLDER data/NAME`) and import the"
            " weights again with `--data data/NAME`."
        )
    how = about.get("how") or ""
    if "gan_core pack" not in how:
        how += f" Pack them with `{pack_command(about)}`."
    return (
        f"The training images of {model.name} do not come with it. {how.strip()} Then start the"
        " app with `python -m explorer --data data`."
    )


def pack_command(about: dict) -> str:
    """The command that packed a training set, without its --licence and --how texts."""
    try:
        words = shlex.split(about.get("command") or "")
    except ValueError:  # a quote that never ends
        words = []
    if "pack" not in words:
        return "python -m gan_core pack FOLDER data/NAME"
    said = [at for at, word in enumerate(words) if word in ("--licence", "--how")]
    return shlex.join(w for at, w in enumerate(words) if not {at, at - 1} & set(said))


def fingerprint(folder: Path) -> str:
    """The fingerprint in a set's card, "" for a damaged one; read again when the file changes."""
    try:
        state = (folder / "set.json").stat()
    except OSError:
        return ""
    return _fingerprint(folder, state.st_mtime_ns, state.st_size, state.st_ino)


@functools.lru_cache(maxsize=20_000)
def _fingerprint(folder: Path, *changed: int) -> str:
    try:
        return training_set.read_card(folder)["fingerprint"]
    except InputError:
        return ""


def stamp(folder: Path) -> tuple[int, int, int] | None:
    """A value that changes with the images in a folder; None when there are none yet."""
    try:
        state = (folder / "images.npy").stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino


@st.cache_data(max_entries=100, show_spinner=False)
def _look_alike(
    _model: Model, folder: str, stamp: tuple[int, int, int] | None, model_hash: str
) -> bool:
    return bool(training_set.load(folder).is_of(_model.card["training_set"]))


@st.cache_resource(max_entries=6, show_spinner=False)
def _load(_model: Model | None, folder: str, stamp: tuple[int, int, int] | None) -> TrainingSet:
    # The model, which is not part of the key, checks that it was trained on these images.
    return training_set.load(folder) if _model is None else _model.training_set()


def read_picture(content: bytes, model: Model, data: TrainingSet) -> np.ndarray:
    """A picture file in the form of a Model's images: uint8 (H, W, C).

    The central square, resized as the training images were; the first frame of an animation.
    Raises InputError when the file is too large or not a picture.
    """
    photo_alignment.check_picture(content, MAX_BYTES, least=1)
    crop = data.card.get("framing", {}).get("crop", 1.0)
    try:
        channels = model.card["architecture"]["channels"]
        kinds = photo_alignment.kinds()
        white = decoding.white_of(data.card.get("brightest") or decoding.brightest(content, kinds))
        image = decoding.decode(content, kinds, white=white)
        return decoding.square(image, model.size, crop, channels, white)
    except decoding.Unreadable as error:
        raise InputError(f"This picture cannot be read: {error}.") from None
