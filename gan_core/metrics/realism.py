"""The realism of single pictures: how well each fits among the training images.

The realism score of Kynkäänniemi et al. 2019 (arXiv 1904.06991, section 5). Around each training
image lies a hypersphere that reaches its k-th nearest other image; the realism of a picture is

    R = max over the training images of  radius of the hypersphere / distance to its centre,

in the features of EfficientNet-Lite0: 1 or more inside some hypersphere, less the farther outside.
As in the paper, only hyperspheres whose radius is below the median count: the largest ones lie
where training images are rare and would swallow everything.

    full(real, features)                     all training images, all features
    reference = make(real)                   a compact reference, below 1 MB
    reference.score(network.extract(images)) the score against it
    save(directory, …), load(directory)      realism.safetensors in a checkpoint
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gan_core import companions, feature_extractors
from gan_core.data.training_set import TrainingSet
from gan_core.feature_extractors import Features
from gan_core.metrics import fidelity
from gan_core.util import checked_safetensors
from gan_core.util.errors import InputError

FORMAT = 1
FILE = "realism.safetensors"
K = 3  # neighbours that a hypersphere reaches, as in the paper
IMAGES = 10_000  # training images in a compact reference, before the largest hyperspheres go
DIMENSIONS = 64  # principal components in it
SEED = 0  # of the choice of training images
MOST = 10.0  # a score is at most this; a training image itself would be at infinity
BLOCK = 512  # pictures scored at once
PART = 256  # pictures whose features are cached in one file
MOST_CENTRES, MOST_FEATURES = 65536, 4096  # that are read from a file


@dataclass(frozen=True)
class Reference:
    """A compact set of training images that pictures are compared with.

    mean: float32 (d,), of the features of the training images. basis: float32 (d, p), their
    principal components. centres: float32 (m, p), the images in these components. rests: float32
    (m,), the length of what the components leave out of each. radii: float32 (m,), of the
    hyperspheres. about: what it was made of, plain JSON types. hash: 12 hexadecimal digits that
    identify the reference, "" for one that was never saved.
    """

    mean: np.ndarray
    basis: np.ndarray
    centres: np.ndarray
    rests: np.ndarray
    radii: np.ndarray
    about: dict[str, Any]
    hash: str = ""

    def score(self, features: np.ndarray) -> np.ndarray:
        """The realism of pictures from their features: float (N, d) -> float32 (N,) in [0, MOST].

        Raises InputError for another number of features than the reference has.
        """
        features = np.asarray(features, np.float32)
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise InputError(f"The realism reference needs tables of {len(self.mean)} features.")
        projected, rests = project(features, self.mean, self.basis)
        return _score(projected, rests, self.centres, self.rests, self.radii)


def project(
    features: np.ndarray, mean: np.ndarray, basis: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, d) in principal components, float32 (N, p), and the length of the rest (N,)."""
    centred = features - mean
    projected = centred @ basis
    rests = (centred**2).sum(1) - (projected**2).sum(1)
    return projected, np.sqrt(np.maximum(rests, 0))


def _distances(
    a: np.ndarray, a_rests: np.ndarray, b: np.ndarray, b_rests: np.ndarray
) -> np.ndarray:
    """Squared distances of pictures in components, with what those leave out: float32 (n, m).

    The rests of two pictures are taken to be orthogonal, as directions in hundreds of dimensions
    nearly are. So a picture that the components cannot describe is far from everything.
    """
    distances = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * (a @ b.T)
    distances += (a_rests**2)[:, None] + b_rests**2
    return np.maximum(distances, 1e-12)


def _score(
    points: np.ndarray,
    point_rests: np.ndarray,
    centres: np.ndarray,
    rests: np.ndarray,
    radii: np.ndarray,
) -> np.ndarray:
    result = np.empty(len(points), np.float32)
    for start in range(0, len(points), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = _distances(points[rows], point_rests[rows], centres, rests)
        result[rows] = np.sqrt((radii**2 / distances).max(1))
    return np.minimum(result, np.float32(MOST))


def full(real: np.ndarray, features: np.ndarray, k: int = K) -> np.ndarray:
    """The realism of pictures against all training images, as in the paper: float32 (N,).

    real: features of the training images, float (M, d), M > k. features: of the pictures, (N, d).
    Raises InputError when the tables do not fit together or hold numbers that are not finite.
    """
    real, features = fidelity.check(real, features, least=1)
    fidelity.check(real, least=k + 1)
    radii = fidelity.radii(real, k)
    small = radii < np.median(radii)
    result = np.empty(len(features), np.float32)
    for rows, distances in fidelity.blocks(features, real[small]):
        result[rows] = np.sqrt((radii[small] / np.maximum(distances, 1e-12)).max(1))
    return np.minimum(result, np.float32(MOST))


def chosen(count: int, images: int = IMAGES) -> np.ndarray:
    """Which of `count` training images a compact reference uses, int64, ascending.

    Chosen at random with a fixed seed; all of them when there are no more than `images`.
    """
    return np.sort(np.random.RandomState(SEED).permutation(count)[:images])


def make(
    real: np.ndarray,
    *,
    dimensions: int = DIMENSIONS,
    k: int = K,
    about: dict[str, Any] | None = None,
) -> Reference:
    """A compact Reference from the features of the chosen training images, float (M, d).

    dimensions: how many principal components it keeps. Raises InputError for fewer than 4 (k + 1)
    images and for features that are not finite.
    """
    (real,) = fidelity.check(real, least=4 * (k + 1))
    axes = np.linalg.eigh(np.cov(real, rowvar=False))[1][:, ::-1][:, :dimensions]
    mean, basis = halved(real.mean(0)), halved(axes)
    centres, rests = project(real.astype(np.float32), mean, basis)
    reach = np.empty(len(centres), np.float32)
    for start in range(0, len(centres), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(centres)))
        distances = _distances(centres[rows], rests[rows], centres, rests)
        distances[np.arange(len(rows)), rows] = np.inf  # to itself
        reach[rows] = np.sqrt(np.partition(distances, k - 1, axis=1)[:, k - 1])
    small = reach < np.median(reach)
    centres, rests, reach = (halved(array[small]) for array in (centres, rests, reach))
    words = {"images": len(real), "k": k, **(about or {})}
    return Reference(mean, basis, centres, rests, reach, words)


def halved(array: np.ndarray) -> np.ndarray:
    """Numbers rounded to half precision, as they are in the file, float32."""
    return array.astype(np.float16).astype(np.float32)


def of_images(data: TrainingSet, network: Features, progress: str | None = None) -> Reference:
    """The compact Reference of a training set in the features of a network.

    progress: label of a progress bar on stderr; None for no bar.
    """
    real = features_of(network, data.images[chosen(len(data.images))], progress)
    about = {"training_set": data.fingerprint, "of": len(data.images)}
    return make(real, about=about | {"features": network.name, "version": network.version})


def features_of(network: Features, images: np.ndarray, progress: str | None = None) -> np.ndarray:
    """The features of images uint8 (N, H, W, C), float32 (N, d), cached on disk part by part.

    So what was interrupted goes on where it was. progress: as for `of_images`.
    """
    parts = [np.empty((0, network.size), np.float32)]
    with tqdm(total=len(images), desc=progress, unit="image", disable=progress is None) as bar:
        for start in range(0, len(images), PART):
            part = np.asarray(images[start : start + PART])
            parts.append(feature_extractors.cached(network, part))
            bar.update(len(part))
    return np.concatenate(parts)


def save(directory: str | Path, reference: Reference) -> str:
    """Write a Reference into a checkpoint directory, in half precision; returns its seal."""
    names = ("mean", "basis", "centres", "rests", "radii")
    arrays = {name: getattr(reference, name).astype(np.float16) for name in names}
    about = {"format": FORMAT, **reference.about}
    return checked_safetensors.save(Path(directory) / FILE, arrays, about)


def load(directory: str | Path) -> Reference:
    """The Reference in a checkpoint directory.

    Raises InputError when it is missing or damaged, or was made from other images than the model's.
    """
    path = companions.locate(directory, FILE)
    remedy = f"python -m gan_core seeds {directory} makes it"
    arrays, about, seal = companions.load(directory, FILE, remedy, FORMAT, "was made from")
    try:
        mean, basis, centres, rests, radii = (
            arrays[name].astype(np.float32)
            for name in ("mean", "basis", "centres", "rests", "radii")
        )
        (d, p), m = basis.shape, len(centres)
        fits = mean.shape == (d,) and centres.shape == (m, p) and rests.shape == (m,)
        fits = fits and radii.shape == (m,)
        fits = fits and 0 < m <= MOST_CENTRES and 0 < p <= d <= MOST_FEATURES
        finite = all(np.isfinite(a).all() for a in (mean, basis, centres, rests, radii))
        strings = all(isinstance(about.get(key), str) for key in ("features", "version"))
    except (KeyError, ValueError, TypeError):
        fits = finite = strings = False
    if not (fits and finite and strings):
        raise InputError(f"{path} does not match its own description; {remedy} again.")
    return Reference(mean, basis, centres, rests, radii, about, seal[:12])
