"""A model's training images and samples, and what is nearest to a picture among them; shared."""

import contextlib
import functools
import hashlib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from explorer.services import background, model_registry, renderer
from explorer.services import folders as where
from gan_core import feature_extractors
from gan_core.data import image_sources, photo_alignment, training_set
from gan_core.metrics import memorisation_report, memorisation_stats
from gan_core.search import feature_index, held_out, index_cache, sample_cache
from gan_core.search import pixel_index as exact
from gan_core.util import atomic_files, cache_dir, environment
from gan_core.util.errors import InputError
from gan_core.util.progress import along

# Folders of packed training sets, handed on by `python -m explorer --data`, separated as in PATH.
VARIABLE = "LATENT_EXPLORER_DATA"
SPACES = {
    "pixels": "Pixels",
    "discriminator": "D’s features",
    "effnet": "EfficientNet’s",
}
REFERENCES = 500  # real images of each kind that a distance is compared with
PART = 50  # of them searched for at once
SAMPLES = 10_000  # among which a training image's nearest ones are sought
NEAR = memorisation_report.NEAR  # levels up to which two training images are near-duplicates
MAX_BYTES = 5 * 2**20  # of an upload


# Training images.


def training_images(model):
    """The TrainingSet of a Model: what travels with it or with another one that was trained on the
    same images, or lies in a folder given at the start.

    Raises InputError with how to get the images when they are nowhere.
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


def not_the_same_bytes(model, data):
    """What to tell of images that only look like the training images; empty where they are these.

    data: TrainingSet, what `training_images` found.
    """
    if data.fingerprint == model.card["training_set"].get("fingerprint"):
        return ""
    return (
        f"By their looks the images are those that {model.name} was trained on, but scaled or"
        " compressed in another way, so distances in pixels may be off by some levels."
    )


def arrays(folder):
    """Where the arrays of a set lie: in its folder, or in the cache when it is embedded."""
    if (folder / "images.npy").exists():
        return folder
    return training_set.unpacked(folder, training_set.read_card(folder))


def travelling():
    """The embedded sets of all checkpoints at hand."""
    folders = [entry.directory / "training_set" for entry in model_registry.entries().values()]
    return [folder for folder in folders if (folder / "set.json").is_file()]


def given():
    """The packed sets in the folders named at the start: each itself, or what lies in it."""
    folders = [Path(part) for part in (environment.get(VARIABLE) or "").split(os.pathsep) if part]
    inside = [child for folder in folders if folder.is_dir() for child in sorted(folder.iterdir())]
    return [folder for folder in [*folders, *inside] if (folder / "set.json").is_file()]


def how_to_get(model):
    """Why the images are not here and what to do, in a few sentences."""
    about = model.card["training_set"]
    if "origin" in model.card and "fingerprint" not in about:
        return (
            f"The training images of {model.name} are not known: it was trained elsewhere. Where"
            " you have them, pack them (`python -m gan_core pack FOLDER data/NAME`) and import the"
            " weights again with `--data data/NAME`."
        )
    how = about.get("how") or ""
    if "gan_core pack" not in how:
        how += f" Pack them with `{pack_command(about)}`."
    return (
        f"The training images of {model.name} do not travel with it. {how.strip()} Then start with"
        " `python -m explorer --data data`."
    )


def pack_command(about):
    """The command that packed a training set, without the sentences that it was given."""
    try:
        words = shlex.split(about.get("command") or "")
    except ValueError:  # a quote that never ends
        words = []
    if "pack" not in words:
        return "python -m gan_core pack FOLDER data/NAME"
    said = [at for at, word in enumerate(words) if word in ("--licence", "--how")]
    return shlex.join(w for at, w in enumerate(words) if not {at, at - 1} & set(said))


def fingerprint(folder):
    """The fingerprint that a set tells, "" for one that is damaged; read when its file changed."""
    try:
        state = (folder / "set.json").stat()
    except OSError:
        return ""
    return _fingerprint(folder, state.st_mtime_ns, state.st_size, state.st_ino)


@functools.lru_cache(maxsize=20_000)
def _fingerprint(folder, *changed):
    try:
        return training_set.read_card(folder)["fingerprint"]
    except InputError:
        return ""


def stamp(folder):
    """What tells that the images in a folder have changed; None where there are none yet."""
    try:
        state = (folder / "images.npy").stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino


@st.cache_data(max_entries=100, show_spinner=False)
def _look_alike(_model, folder, stamp, model_hash):
    return bool(training_set.load(folder).is_of(_model.card["training_set"]))


@st.cache_resource(max_entries=6, show_spinner=False)
def _load(_model, folder, stamp):
    # The model, no part of the key, checks that the images are those that it was trained on.
    return training_set.load(folder) if _model is None else _model.training_set()


# What is nearest. A "space" is where distances are taken; "among" is a TrainingSet, whose images
# are a model's training images or its samples.


@dataclass(frozen=True)
class Found:
    """The k nearest images of one picture in one space, nearest first.

    distances: float (k,); in pixels the root mean square difference in levels of 256, in features
    the cosine distance. indices: int (k,). mirrored: bool (k,), the mirror image is what is near.
    """

    distances: np.ndarray
    indices: np.ndarray
    mirrored: np.ndarray


def nearest(model, among, image, space, k):
    """The Found of an image, uint8 (H, W, C)."""
    return Found(*(part[0] for part in search(model, among, image[None], space, k)))


def search(model, among, images, space, k, exclude=None):
    """(distances, indices, mirrored), each (n, k), of images uint8 (n, H, W, C).

    exclude: int (n,), the index of an image that each must not find. Raises InputError when the
    images have changed on disk since they were indexed.
    """
    return _space(space, *identity(space, model, among), model, among)(images, k, exclude)


def identity(space, model, among):
    """(weights, images): what a space depends on."""
    weights = model.card["files"].get("discriminator.safetensors", "")
    return weights if space == "discriminator" else "", (
        f"{among.fingerprint} {exact.stamp(among.images)}"
    )


@st.cache_resource(max_entries=12, show_spinner=False)
def _space(space, weights, images, _model, _among, _tell=None):
    """How to search in a space: images, k, exclude -> (distances, indices, mirrored)."""
    # Opening it also checks that these are the images that the set tells of.
    if _tell and space == "pixels":
        _tell("Reading the images", 0)
    index = index_cache.open_index(_among, mirrored=True)
    if space == "pixels":

        def in_pixels(images, k, exclude=None):
            squared, indices, mirrored = index.query(images, k, exclude)
            return np.sqrt(squared / images[0].size), indices, mirrored

        return in_pixels
    network = (
        feature_extractors.effnet()
        if space == "effnet"
        else feature_index.discriminator_features(_model)
    )
    watched = feature_index.with_progress(network, f"{len(_among.images):,} images", _tell)
    table = feature_index.FeatureIndex(feature_extractors.cached(watched, _among.images))

    def in_features(images, k, exclude=None):
        distances, indices = table.query(network.extract(images), k, exclude)
        return distances, indices, np.zeros(indices.shape, bool)

    return in_features


def ready(space, model, data):
    """Whether training images can be searched; else that is prepared, and shown how far it is."""

    def work(tell):
        _space(space, *identity(space, model, data), model, data, tell)

    key = ("space", space, *identity(space, model, data))
    return background.done(key, work, brief=space == "pixels")


def spaces(model, data, wanted):
    """The spaces whose neighbours are shown together, the quickest first.

    EfficientNet's, which take minutes the first time, only where wanted or embedded already.
    """
    found = ["pixels"]
    if model.discriminator is not None or wanted == "discriminator":
        found.append("discriminator")
    if wanted == "effnet" or background.succeeded(
        ("space", "effnet", *identity("effnet", model, data))
    ):
        found.append("effnet")
    return found


def compared(space, model, data, samples=None):
    """Whether the distances of real images are there, against which others are told; likewise."""

    def work(tell):
        references(space, model, data, samples, tell)

    drawn = None if samples is None else model.hash
    return background.done(("references", space, drawn, *identity(space, model, data)), work)


def samples_ready(space, model):
    """Whether a model's samples can be searched; they are drawn when they are not there."""

    def work(tell):
        samples = samples_of(model, tell)
        _space(space, *identity(space, model, samples), model, samples, tell)

    return background.done(("samples", SAMPLES, space, model.hash), work)


def samples_of(model, tell=None):
    """SAMPLES samples of a Model, seeds 0 and on, as a TrainingSet; drawn once, kept on disk."""
    return _samples(model.hash, SAMPLES, str(cache_dir.cache_directory()), model, tell)


@st.cache_resource(max_entries=4, show_spinner=False)
def _samples(weights, n, cache, _model, _tell):
    return sample_cache.open_samples(_model, n, progress=_tell)


# What a distance means.


def standing(model, data, distances, space, samples=None):
    """Where nearest distances, (n,), stand among those of real images: {kind: percentiles (n,)}.

    A percentile: how many in 100 real images lie strictly nearer. kinds: as for `references`. A
    kind without images is left out.
    """
    return {
        kind: memorisation_stats.percentiles(np.atleast_1d(distances), known)
        for kind, known in references(space, model, data, samples).items()
        if len(known)
    }


def references(space, model, data, samples=None, tell=None):
    """Nearest distances of real images in a space: {"held-out", "training"}, float (m,) each.

    "held-out": of images never trained on to their nearest training image, those left out that
    equal one; "training": of training images to their nearest other one. With samples, a
    TrainingSet, both to their nearest sample.
    """
    weights, images = identity(space, model, data)
    drawn = "" if samples is None else samples.fingerprint
    return _references(space, weights, images, drawn, model, data, samples, tell)


@st.cache_resource(max_entries=24, show_spinner=False)
def _references(space, weights, images, drawn, _model, _data, _samples, _tell):
    text = f"unseen {REFERENCES} {space} {weights} {_data.fingerprint} {drawn}"
    key = hashlib.sha256(text.encode())
    path = cache_dir.cache_directory() / "references" / f"{key.hexdigest()[:32]}.json"
    # Opening the index checks that the images are those of the fingerprint.
    among = _data if _samples is None else _samples
    _space(space, *identity(space, _model, among), _model, among)
    with contextlib.suppress(InputError):
        return {kind: np.array(d) for kind, d in atomic_files.read_json(path, "distances").items()}
    draw = np.random.RandomState(0)
    sides = {
        "held-out": (_data.held_out, unseen(_data)),
        "training": (_data.images, np.arange(len(_data.images))),
    }
    found = {}
    for kind, (pictures, numbers) in sides.items():
        some = draw.choice(numbers, min(REFERENCES, len(numbers)), replace=False)
        some.sort()
        parts = [np.empty(0)]
        words = f"Measuring how near real images lie: {kind}"
        for start in along(range(0, len(some), PART), words, _tell):
            part = some[start : start + PART]
            exclude = part if kind == "training" and _samples is None else None
            # Of a set of one image there is no other, and nothing comes back.
            own = np.asarray(pictures[part])
            parts.append(search(_model, among, own, space, 1, exclude)[0].ravel())
        found[kind] = np.concatenate(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_json(path, {kind: distances.tolist() for kind, distances in found.items()})
    return found


def unseen(data):
    """The numbers of the held-out images of a TrainingSet that equal no training image."""
    return _unseen(data.fingerprint, exact.stamp(data.held_out), data)


@st.cache_data(max_entries=24, show_spinner=False)
def _unseen(fingerprint, stamp, _data):
    return held_out.distinct_from_training(_data)


def left_out(data):
    """What to tell of held-out images that equal a training image; empty where none does."""
    equal = len(data.held_out) - len(unseen(data))
    return memorisation_report.excluded(equal) if equal else ""


def own_nearest(model, data, index, space):
    """The Found of a training image among the other ones; empty where there is no other."""
    image = np.asarray(data.images[index])[None]
    return Found(*(part[0] for part in search(model, data, image, space, 1, np.array([index]))))


def take(data, found):
    """The images of a Found, uint8 (k, H, W, C), mirrored where the mirror image is what is near.

    data: the TrainingSet that was searched.
    """
    return np.stack(
        [
            np.asarray(data.images[i])[:, :: -1 if flip else 1]
            for i, flip in zip(found.indices, found.mirrored, strict=True)
        ]
    )


class Beside:
    """Draws each sample with its nearest training image to the right, for the live canvas.

    As a Model does: `hash` names all that a picture depends on, generate(z) gives uint8
    (N, H, 2 W, C).
    """

    def __init__(self, model, data, space):
        self.model, self.data, self.space = model, data, space
        text = f"{model.hash} {space} {identity(space, model, data)}"
        self.hash = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def generate(self, z):
        images = renderer.pictures(self.model, z)
        found = Found(
            *(part[:, 0] for part in search(self.model, self.data, images, self.space, 1))
        )
        return np.concatenate([images, take(self.data, found)], axis=2)


# Pictures from outside.


def read_picture(content, model, data):
    """The bytes of a picture file as a Model's images are: uint8 (H, W, C).

    The centre square, resized as the training images were. Of an animation the first picture.
    Raises InputError with one sentence when the file is too large or no picture.
    """
    photo_alignment.check_picture(content, MAX_BYTES, least=1)
    crop = data.card.get("framing", {}).get("crop", 1.0)
    try:
        channels = model.card["architecture"]["channels"]
        image = image_sources.decode(content, photo_alignment.KINDS)
        return image_sources.square(image, model.size, crop, channels)
    except image_sources.Unreadable as error:
        raise InputError(f"This picture cannot be read: {error}.") from None


# Reports.


def control_model():
    """The Model of the generator that was overfitted on purpose, or None when it is not here."""
    for folder in [*model_registry.folders(), *where.checkpoints()]:
        for card in sorted((folder / "controls").glob("overfitted-*/model.json")):
            entry = model_registry.look(card.parent)
            if entry is not None and entry.problem is None:
                return model_registry.load(entry)
    return None


def measure(model, data, n, tell):
    """Make the reports of a Model, on n samples and on the control, and keep them in the cache."""
    for control in memorisation_report.FILES:
        try:
            found = memorisation_report.report(model, data, n=n, control=control, progress=tell)
        except InputError:
            if not control:
                raise
            continue  # too few images are held out for the control
        memorisation_report.save_report(model, found, cache=True)
