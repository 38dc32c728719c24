"""The one place where latents become pictures, and pictures become what a browser can show."""

import base64
import hashlib
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from PIL import Image

from gan_core import latent
from gan_core.attributes.classifier import Classifier
from gan_core.checkpoint import Model
from gan_core.data import media
from gan_core.importers import Found
from gan_core.latent_space import coordinate_effects, encoder, inversion
from gan_core.util.errors import InputError

CACHE_BYTES = 96 * 2**20
LARGE = 512  # pixels a side of an enlarged picture
PREVIEW = 768  # pixels a side of the sheet of an import
MAX_EXPORT_SIDE = 256  # pixels a side of a film

_lock = threading.Lock()
# (kind, weights, digest of a row) -> row of the result
_cache: OrderedDict[tuple[str, str, bytes], np.ndarray] = OrderedDict()
_cached_bytes = 0
_effects: dict[str, np.ndarray] = {}  # weights -> the strength of each coordinate


class Drawer(Protocol):
    """What draws pictures of latents: a Model, or what stands for one."""

    @property
    def hash(self) -> str:
        """A name of all that the pictures depend on besides the latents."""
        ...

    def generate(self, z: np.ndarray) -> np.ndarray:
        """Latents (N, nz) -> uint8 (N, H, W, C)."""
        ...


def latents(model: Model, seeds: Iterable[int], psi: float = 1.0) -> np.ndarray:
    """The latents of seeds, truncated: float32 (N, nz)."""
    rows = [model.prior.sample(1, seed=int(seed))[0] for seed in seeds]
    return latent.truncate(np.stack(rows), psi)


def pictures(model: Drawer, z: np.ndarray) -> np.ndarray:
    """Latents (N, nz) -> uint8 (N, H, W, C). A picture drawn before is not drawn again."""
    z = np.ascontiguousarray(z, np.float32)
    return _each_once("picture", model.hash, z, model.generate)


def scores(model: Model, images: np.ndarray) -> np.ndarray | None:
    """D(x) of images, float32 (N,), or None when the model has no discriminator."""
    if model.discriminator is None:
        return None
    weights = model.card["files"]["discriminator.safetensors"]
    return _each_once("score", weights, images, model.realness)


def labels(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    """The probabilities of a classifier's attributes, float32 (N, A), kept as pictures are."""
    return _each_once("labels", classifier.hash, images, classifier.predict)


def photo_search(
    model: Model, image: np.ndarray
) -> tuple[Iterator[float | inversion.Progress], str]:
    """The search for the latent of a photo, and a sentence where it lacks the encoder's guess.

    image: uint8 (H, W, C), of the model's size. The search yields the share of its preparation,
    0 to 1, then an `inversion.Progress` a step; it may be left at any time. The sentence is "" when
    the encoder is used or the model has none. The search raises what `inversion.invert` does.
    """
    problem = ""
    try:
        guide = encoder.load(model)
    except InputError as error:
        guide, problem = None, str(error)
    return inversion.search(model, image, encoder=guide), problem


def effects(model: Model, wait: bool = True) -> np.ndarray | None:
    """`sensitivity.effects` of a model, worked out once for its weights; float64 (nz,).

    wait: when False, None is returned while they are not known.
    """
    if model.hash not in _effects and wait:
        _effects[model.hash] = coordinate_effects.effects(model)
    return _effects.get(model.hash)


def _each_once(
    kind: str, weights: str, rows: np.ndarray, function: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """function(rows), row by row out of the cache where it is there."""
    global _cached_bytes
    keys = [
        (kind, weights, hashlib.blake2b(row.tobytes(), digest_size=16).digest()) for row in rows
    ]
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


def preview(found: Found, n: int) -> bytes:
    """Samples of weights that are not saved yet, of the seeds 0 to n − 1, as one PNG.

    Raises InputError when the network fails.
    """
    images = media.sheet(found.draw(n), math.ceil(math.sqrt(n)))
    return png(media.enlarge(images, max(1, PREVIEW // images.shape[0])))


def sheet(images: np.ndarray) -> dict[str, Any]:
    """Images as one picture for the tile grid: {"src": data URL, "columns": …, "side": …}."""
    n = max(len(images), 1)
    columns = int(np.ceil(np.sqrt(n)))
    # Full chroma: flat illustrations show the halved one as fringes.
    encoded = media.encode(media.sheet(images, columns), "JPEG", quality=92, subsampling=0)
    return {"src": data_url(encoded, "jpeg"), "columns": columns, "side": int(images.shape[1])}


def pairs(above: np.ndarray, below: np.ndarray) -> dict[str, Any]:
    """Two rows of images, uint8 (N, S, S, C) each, as a sheet of tiles of two pictures."""
    return sheet(np.concatenate([above, below], axis=1)) | {"side": above.shape[2], "tall": 2}


def alike(images: Iterable[np.ndarray], side: int) -> np.ndarray:
    """Images of any sizes and channels as uint8 (N, side, side, 3), to stand in one sheet."""
    return np.stack(
        [
            np.asarray(media.picture(i).convert("RGB").resize((side, side), Image.Resampling.BOX))
            for i in images
        ]
    )


def large(image: np.ndarray, smooth: bool = False) -> bytes:
    """One image as a PNG of about LARGE pixels a side."""
    factor = max(1, LARGE // image.shape[0])
    return media.encode(media.enlarge(image, factor, smooth), "PNG")


def strip(images: np.ndarray, smooth: bool = False) -> bytes:
    """Images in one row as a PNG, enlarged so that a wide column shows their pixels."""
    factor = max(1, 128 // images.shape[2])
    return media.encode(media.enlarge(media.strip(images), factor, smooth), "PNG")


def png(image: np.ndarray) -> bytes:
    """One image as a PNG, pixel for pixel."""
    return media.encode(image, "PNG")


def film(images: np.ndarray, kind: str, smooth: bool = False, fps: int = 16) -> bytes:
    """A path's pictures as one file: kind "png" (a strip), "gif" or "mp4"."""
    if kind == "png":
        return media.encode(media.strip(images), "PNG")
    factor = max(1, MAX_EXPORT_SIDE // images.shape[1])
    frames = np.stack([media.enlarge(image, factor, smooth) for image in images])
    return media.gif(frames, fps=fps) if kind == "gif" else media.mp4(frames, fps=fps)


def latent_json(
    model: Model, z: np.ndarray, seed: int | None = None, psi: float | None = None
) -> str:
    """One latent as the text of a JSON file that says which weights it belongs to."""
    record = {"model": model.name, "model_hash": model.hash, "seed": seed, "psi": psi}
    return json.dumps({**record, "z": [float(str(value)) for value in np.asarray(z, np.float32)]})


def data_url(encoded: bytes, kind: str) -> str:
    """The bytes of a picture file as a URL."""
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def sheet_png(images: np.ndarray, columns: int | None = None) -> bytes:
    """Images as one PNG, to be shown as a whole."""
    return media.encode(media.enlarge(media.sheet(images, columns), 2), "PNG")
