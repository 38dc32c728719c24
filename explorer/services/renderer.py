"""The one place where latents become pictures, and pictures become what a browser can show."""

import base64
import contextlib
import hashlib
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from PIL import Image

from gan_core import feature_extractors, latent
from gan_core.attributes.classifier import Classifier
from gan_core.checkpoint import Model
from gan_core.data import media
from gan_core.feature_extractors import Features
from gan_core.importers import Imported
from gan_core.latent_space import coordinate_effects, encoder, inversion
from gan_core.metrics.realism import Reference
from gan_core.util import atomic_files, cache_dir
from gan_core.util.errors import InputError

CACHE_BYTES = 96 * 2**20
LARGE = 512  # pixels a side of an enlarged picture
PREVIEW = 768  # pixels a side of the sheet of an import
SHARED_FROM = 12  # pictures; fewer leave the second core to other visitors

_lock = threading.Lock()
# (kind, weights, digest of a row) -> row of the result
_cache: OrderedDict[tuple[str, str, bytes], np.ndarray] = OrderedDict()
_cached_bytes = 0
_effects: dict[str, np.ndarray] = {}  # weights -> the strength of each coordinate
_loader = ThreadPoolExecutor(1, thread_name_prefix="features")
_network: list[Future[Features]] = []  # none or one
_second_core = ThreadPoolExecutor(1, thread_name_prefix="pictures")
_second_is_free = threading.Lock()


class Drawer(Protocol):
    """Something that draws pictures of latents: a Model, or an object with the same interface."""

    @property
    def hash(self) -> str:
        """Identifies everything that the pictures depend on besides the latents."""
        ...

    def generate(self, z: np.ndarray) -> np.ndarray:
        """Latents (N, nz) -> uint8 (N, H, W, C)."""
        ...


def latents(model: Model, seeds: Iterable[int], psi: float = 1.0) -> np.ndarray:
    """The latents of seeds, truncated: float32 (N, nz)."""
    rows = [model.prior.sample(1, seed=int(seed))[0] for seed in seeds]
    return latent.truncate(np.stack(rows), psi)


def latents_of_keys(
    model: Model, keys: Iterable[tuple[int, float | None]], psi: float
) -> np.ndarray:
    """The latents of (seed, ψ), float32 (N, nz); where a key has no ψ of its own, psi holds."""
    return np.concatenate(
        [latents(model, [seed], psi if own is None else own) for seed, own in keys]
    )


def pictures(model: Drawer, z: np.ndarray, spare: bool = False) -> np.ndarray:
    """Latents (N, nz) -> uint8 (N, H, W, C). Pictures are cached.

    spare: leave a core to the browser, which paints meanwhile.
    """
    z = np.ascontiguousarray(z, np.float32)
    return _each_once("picture", model.hash, z, model.generate if spare else _shared(model))


def _shared(model: Drawer) -> Callable[[np.ndarray], np.ndarray]:
    """model.generate, half of it by a second thread unless that draws for another visitor."""

    def generate(z: np.ndarray) -> np.ndarray:
        if len(z) < SHARED_FROM or not _second_is_free.acquire(blocking=False):
            return model.generate(z)
        try:
            half = len(z) // 2
            later = _second_core.submit(model.generate, z[half:])
            return np.concatenate([model.generate(z[:half]), later.result()])
        finally:
            _second_is_free.release()

    return generate


def scores(model: Model, images: np.ndarray) -> np.ndarray | None:
    """D(x) of images, float32 (N,); None when the model has no discriminator."""
    if model.discriminator is None:
        return None
    weights = model.card["files"]["discriminator.safetensors"]
    return _each_once("score", weights, images, model.realness)


def labels(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    """The probabilities of a classifier's attributes, float32 (N, A); cached like pictures."""
    return _each_once("labels", classifier.hash, images, classifier.predict)


def realism(reference: Reference, images: np.ndarray) -> np.ndarray:
    """The realism of images against a reference, float32 (N,), cached as pictures are.

    Raises InputError when the network that it needs is not installed.
    """

    def score(images: np.ndarray) -> np.ndarray:
        return reference.score(features_later().result().extract(images))

    return _each_once("realism", reference.hash, images, score)


def known_realism(reference: Reference, images: np.ndarray) -> np.ndarray:
    """The same, float32 (N,), with NaN for images that it was not worked out for yet."""
    keys = _keys("realism", reference.hash, images)
    with _lock:
        return np.asarray([_cache.get(key, np.nan) for key in keys], np.float32)


def features_later() -> Future[Features]:
    """The network of `realism`, loaded once in the background: it takes a second."""
    with _lock:
        if not _network or (_network[0].done() and _network[0].exception()):
            _network[:] = [_loader.submit(feature_extractors.effnet)]
        return _network[0]


def photo_search(
    model: Model, image: np.ndarray
) -> tuple[Iterator[float | inversion.Progress], str]:
    """The search for the latent of a photo, and why the encoder is not used, if it should be.

    image: uint8 (H, W, C), of the model's size. The search yields the fraction of its preparation
    that is done, 0 to 1, then an `inversion.Progress` for each step; it may be abandoned at any
    time. It raises as `inversion.invert`. The sentence is "" when the encoder is used or the model
    has none.
    """
    problem = ""
    try:
        guide = encoder.load(model)
    except InputError as error:
        guide, problem = None, str(error)
    return inversion.search(model, image, encoder=guide), problem


def effects(model: Model, wait: bool = True) -> np.ndarray | None:
    """`coordinate_effects.effects` of a model, computed once for its weights; float64 (nz,).

    They are stored in the cache folder. wait: if False, returns None when they have not been
    computed yet.
    """
    if model.hash in _effects:
        return _effects[model.hash]
    path = cache_dir.cache_directory() / "effects" / f"{model.hash}.json"
    with contextlib.suppress(InputError, KeyError, TypeError, ValueError):
        stored = np.array(atomic_files.read_json(path, "effects")["effects"], np.float64)
        if stored.shape == (model.prior.size,):
            _effects[model.hash] = stored
            return stored
    if not wait:
        return None
    _effects[model.hash] = coordinate_effects.effects(model)
    with contextlib.suppress(OSError):  # a full disk: they are worked out again after a restart
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_files.write_json(path, {"effects": _effects[model.hash].tolist()})
    return _effects[model.hash]


def _each_once(
    kind: str, weights: str, rows: np.ndarray, function: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """function(rows), with each row taken from the cache if it is there."""
    global _cached_bytes
    keys = _keys(kind, weights, rows)
    with _lock:
        rendered = {key: _cache[key] for key in keys if key in _cache}
        for key in rendered:
            _cache.move_to_end(key)
    missing = {key: i for i, key in enumerate(keys) if key not in rendered}
    if missing or not keys:
        drawn = function(rows[list(missing.values())] if keys else rows)
        if not keys:
            return drawn
        rendered.update(zip(missing, drawn, strict=True))
        with _lock:
            for key in missing:
                if key not in _cache:
                    _cache[key] = rendered[key]
                    _cached_bytes += rendered[key].nbytes
            while _cached_bytes > CACHE_BYTES:
                _cached_bytes -= _cache.popitem(last=False)[1].nbytes
    return np.stack([rendered[key] for key in keys])


def preview(imported: Imported, n: int) -> bytes:
    """Samples of weights that are not saved yet, of the seeds 0 to n − 1, as one PNG.

    Raises InputError when the network fails.
    """
    images = media.sheet(imported.draw(n), math.ceil(math.sqrt(n)))
    return png(media.enlarge(images, max(1, PREVIEW // images.shape[0])))


def _keys(kind: str, weights: str, rows: np.ndarray) -> list[tuple[str, str, bytes]]:
    """The keys of rows in the cache."""
    return [
        (kind, weights, hashlib.blake2b(row.tobytes(), digest_size=16).digest()) for row in rows
    ]


def sheet(images: np.ndarray) -> dict[str, Any]:
    """Images as one picture for the tile grid: {"src": data URL, "columns": int, "side": int}."""
    n = max(len(images), 1)
    columns = int(np.ceil(np.sqrt(n)))
    # Full chroma resolution: with half of it, flat illustrations have coloured fringes.
    encoded = media.encode(media.sheet(images, columns), "JPEG", quality=92, subsampling=0)
    return {"src": data_url(encoded, "jpeg"), "columns": columns, "side": int(images.shape[1])}


def pairs(above: np.ndarray, below: np.ndarray) -> dict[str, Any]:
    """Two lists of images, uint8 (N, S, S, C) each, as a sheet whose tiles hold one of each."""
    return sheet(np.concatenate([above, below], axis=1)) | {"side": above.shape[2], "tall": 2}


def alike(images: Iterable[np.ndarray], side: int) -> np.ndarray:
    """Images of any size and number of channels as uint8 (N, side, side, 3), for one sheet."""
    return np.stack(
        [
            np.asarray(media.picture(i).convert("RGB").resize((side, side), Image.Resampling.BOX))
            for i in images
        ]
    )


def large(image: np.ndarray, smooth: bool = False) -> bytes:
    """One image as a PNG with sides of about LARGE pixels."""
    factor = max(1, LARGE // image.shape[0])
    return media.encode(media.enlarge(image, factor, smooth), "PNG")


def strip(images: np.ndarray, smooth: bool = False) -> bytes:
    """Images in a row as a PNG, enlarged for a wide column."""
    factor = max(1, 128 // images.shape[2])
    return media.encode(media.enlarge(media.strip(images), factor, smooth), "PNG")


def png(image: np.ndarray) -> bytes:
    """One image as a PNG, not enlarged."""
    return media.encode(image, "PNG")


def strip_png(images: np.ndarray) -> bytes:
    """The pictures of a path side by side, as a PNG."""
    return media.encode(media.strip(images), "PNG")


def latent_json(
    model: Model, z: np.ndarray, seed: int | None = None, psi: float | None = None
) -> str:
    """One latent as JSON text that also identifies its weights."""
    record = {"model": model.name, "model_hash": model.hash, "seed": seed, "psi": psi}
    record |= {} if model.space == "z" else {"space": model.space}
    return json.dumps({**record, "z": [float(str(value)) for value in np.asarray(z, np.float32)]})


def length(space: str, z: np.ndarray) -> str:
    """The length of a latent, float (nz,), in words: |z|, or in w the distance from its mean."""
    return f"{'|z|' if space == 'z' else '|w − mean|'} {np.linalg.norm(z):.2f}"


def data_url(encoded: bytes, kind: str) -> str:
    """The bytes of a picture file as a URL."""
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def sheet_png(images: np.ndarray, columns: int | None = None) -> bytes:
    """Images as one sheet, a PNG at twice their size."""
    return media.encode(media.enlarge(media.sheet(images, columns), 2), "PNG")
