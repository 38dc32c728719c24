"""Nearest-neighbour distances of real images, against which other distances are judged."""

import contextlib
import hashlib

import numpy as np
import streamlit as st

from explorer.services import background, nearest, renderer
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.metrics import (
    memorisation_file,
    memorisation_spaces,
    memorisation_stats,
)
from gan_core.metrics.realism import Reference
from gan_core.search import held_out
from gan_core.search import pixel_index as exact
from gan_core.util import atomic_files, cache_dir
from gan_core.util.errors import InputError
from gan_core.util.progress import Progress, along

REFERENCES = 500  # real images of each kind
PART = 50  # images per search
SMALL = 4  # images per step where each takes a while
REALISTIC = 100  # held-out images whose realism is measured
NEAR = memorisation_spaces.NEAR  # levels up to which two training images are near-duplicates


def compared(
    space: str, model: Model, data: TrainingSet, samples: TrainingSet | None = None
) -> bool:
    """Whether the distances of real images are known; if not, measures them in the background."""

    def work(tell: background.Tell) -> None:
        real_distances(space, model, data, samples, tell)

    drawn = None if samples is None else model.hash
    return background.done(
        ("references", space, drawn, *nearest.identity(space, model, data)), work
    )


def percentiles(
    model: Model,
    data: TrainingSet,
    distances: np.ndarray | float,
    space: str,
    samples: TrainingSet | None = None,
) -> dict[str, np.ndarray]:
    """The percentiles of nearest distances, (n,), among those of real images: {kind: (n,)}.

    A percentile is the percentage of real images that are strictly nearer. kinds: as for
    `real_distances`; a kind without images is left out.
    """
    return {
        kind: memorisation_stats.percentiles(np.atleast_1d(distances), known)
        for kind, known in real_distances(space, model, data, samples).items()
        if len(known)
    }


def real_distances(
    space: str,
    model: Model,
    data: TrainingSet,
    samples: TrainingSet | None = None,
    tell: Progress = None,
) -> dict[str, np.ndarray]:
    """Nearest distances of real images in a space: {"held-out", "training"}, float (m,) each.

    "held-out": from held-out images that equal no training image to their nearest training image.
    "training": from training images to their nearest other one. With samples, a TrainingSet, both
    are distances to the nearest sample.
    """
    weights, images = nearest.identity(space, model, data)
    drawn = "" if samples is None else samples.fingerprint
    return _real_distances(space, weights, images, drawn, model, data, samples, tell)


@st.cache_resource(max_entries=24, show_spinner=False)
def _real_distances(
    space: str,
    weights: str,
    images: str,
    drawn: str,
    _model: Model,
    _data: TrainingSet,
    _samples: TrainingSet | None,
    _tell: Progress,
) -> dict[str, np.ndarray]:
    text = f"unseen {REFERENCES} {space} {weights} {_data.fingerprint} {drawn}"
    key = hashlib.sha256(text.encode())
    path = cache_dir.cache_directory() / "references" / f"{key.hexdigest()[:32]}.json"
    # Opening the index checks that the images match the fingerprint.
    among = _data if _samples is None else _samples
    nearest.open_space(space, *nearest.identity(space, _model, among), _model, among)
    with contextlib.suppress(InputError):
        return {kind: np.array(d) for kind, d in atomic_files.read_json(path, "distances").items()}
    draw = np.random.RandomState(0)
    sides = {
        "held-out": (_data.held_out, unseen(_data)),
        "training": (_data.images, np.arange(len(_data.images))),
    }
    measured = {}
    for kind, (pictures, numbers) in sides.items():
        some = draw.choice(numbers, min(REFERENCES, len(numbers)), replace=False)
        some.sort()
        parts = [np.empty(0)]
        words = f"Measuring distances of real images: {kind}"
        for start in along(range(0, len(some), PART), words, _tell):
            part = some[start : start + PART]
            exclude = part if kind == "training" and _samples is None else None
            # In a set of one image there is no other, so nothing is returned.
            own = np.asarray(pictures[part])
            parts.append(nearest.search(_model, among, own, space, 1, exclude)[0].ravel())
        measured[kind] = np.concatenate(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_json(path, {kind: values.tolist() for kind, values in measured.items()})
    return measured


def realism_known(reference: Reference, data: TrainingSet) -> bool:
    """Whether the realism of held-out images is known; if not, measures it in the background."""

    def work(tell: background.Tell) -> None:
        real_realism(reference, data, tell)

    return background.done(("realism of real images", reference.hash, data.fingerprint), work)


def real_realism(reference: Reference, data: TrainingSet, tell: Progress = None) -> np.ndarray:
    """The realism of held-out images that equal no training image, float (m,), m <= REALISTIC.

    Raises InputError when the network that it needs is not installed.
    """
    return _real_realism(reference.hash, data.fingerprint, reference, data, tell)


@st.cache_resource(max_entries=24, show_spinner=False)
def _real_realism(
    reference: str, images: str, _reference: Reference, _data: TrainingSet, _tell: Progress
) -> np.ndarray:
    key = hashlib.sha256(f"realism {REALISTIC} {reference} {images}".encode()).hexdigest()[:32]
    path = cache_dir.cache_directory() / "references" / f"{key}.json"
    with contextlib.suppress(InputError):
        return np.array(atomic_files.read_json(path, "realism")["held-out"])
    numbers = unseen(_data)
    some = np.random.RandomState(0).choice(numbers, min(REALISTIC, len(numbers)), replace=False)
    some.sort()
    parts = [np.empty(0)]
    for start in along(range(0, len(some), SMALL), "Measuring the realism of real images", _tell):
        held_out = np.asarray(_data.held_out[some[start : start + SMALL]])
        parts.append(renderer.realism(_reference, held_out))
    measured = np.concatenate(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_json(path, {"held-out": measured.astype(float).tolist()})
    return measured


def unseen(data: TrainingSet) -> np.ndarray:
    """The indices of the held-out images of a TrainingSet that equal no training image."""
    return _unseen(data.fingerprint, exact.stamp(data.held_out), data)


@st.cache_data(max_entries=24, show_spinner=False)
def _unseen(fingerprint: str, stamp: list[int] | str | None, _data: TrainingSet) -> np.ndarray:
    return held_out.distinct_from_training(_data)


def equal_percent(data: TrainingSet) -> float:
    """The percentage of held-out images that equal a training image; 0 without any."""
    return 100 * (1 - len(unseen(data)) / len(data.held_out)) if len(data.held_out) else 0.0


def left_out(data: TrainingSet) -> str:
    """How many held-out images equal a training image, in words; "" when none does."""
    equal = len(data.held_out) - len(unseen(data))
    return memorisation_file.excluded(equal) if equal else ""
