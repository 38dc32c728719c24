"""The one place where latents become pictures, and pictures become what a browser can show."""

import base64
import hashlib
import json
import threading
from collections import OrderedDict

import numpy as np
from PIL import Image

from gan_core import latent
from gan_core.data import media
from gan_core.latent_space import coordinate_effects, encoder, inversion
from gan_core.util.errors import InputError

CACHE_BYTES = 96 * 2**20
LARGE = 512  # pixels a side of an enlarged picture
MAX_EXPORT_SIDE = 256  # pixels a side of a film

_lock = threading.Lock()
_cache = OrderedDict()  # (kind, weights, digest of a row) -> row of the result
_cached_bytes = 0
_effects = {}  # weights -> the strength of each coordinate


def latents(model, seeds, psi=1.0):
    """The latents of seeds, truncated: float32 (N, nz)."""
    rows = [model.prior.sample(1, seed=int(seed))[0] for seed in seeds]
    return latent.truncate(np.stack(rows), psi)


def pictures(model, z):
    """Latents (N, nz) -> uint8 (N, H, W, C). A picture drawn before is not drawn again."""
    z = np.ascontiguousarray(z, np.float32)
    return _each_once("picture", model.hash, z, model.generate)


def scores(model, images):
    """D(x) of images, float32 (N,), or None when the model has no discriminator."""
    if model.discriminator is None:
        return None
    weights = model.card["files"]["discriminator.safetensors"]
    return _each_once("score", weights, images, model.realness)


def labels(classifier, images):
    """The probabilities of a classifier's attributes, float32 (N, A), kept as pictures are."""
    return _each_once("labels", classifier.hash, images, classifier.predict)


def photo_search(model, image):
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


def effects(model, wait=True):
    """`sensitivity.effects` of a model, worked out once for its weights; float64 (nz,).

    wait: when False, None is returned while they are not known.
    """
    if model.hash not in _effects and wait:
        _effects[model.hash] = coordinate_effects.effects(model)
    return _effects.get(model.hash)


def _each_once(kind, weights, rows, function):
    """function(rows), row by row out of the cache where it is there."""
    global _cached_bytes
    keys = [
        (kind, weights, hashlib.blake2b(row.tobytes(), digest_size=16).digest()) for row in rows
    ]
    with _lock:
        found = {key: _cache[key] for key in keys if key in _cache}
        for key in found:
            _cache.move_to_end(key)
    missing = {key: i for i, key in enumerate(keys) if key not in found}
    if missing or not keys:
        drawn = function(rows[list(missing.values())] if keys else rows)
        if not keys:
            return drawn
        found.update(zip(missing, drawn, strict=True))
        with _lock:
            for key in missing:
                if key not in _cache:
                    _cache[key] = found[key]
                    _cached_bytes += found[key].nbytes
            while _cached_bytes > CACHE_BYTES:
                _cached_bytes -= _cache.popitem(last=False)[1].nbytes
    return np.stack([found[key] for key in keys])


def sheet(images):
    """Images as one picture for the tile grid: {"src": data URL, "columns": …, "side": …}."""
    n = max(len(images), 1)
    columns = int(np.ceil(np.sqrt(n)))
    # Full chroma: flat illustrations show the halved one as fringes.
    encoded = media.encode(media.sheet(images, columns), "JPEG", quality=92, subsampling=0)
    return {"src": data_url(encoded, "jpeg"), "columns": columns, "side": int(images.shape[1])}


def pairs(above, below):
    """Two rows of images, uint8 (N, S, S, C) each, as a sheet of tiles of two pictures."""
    return sheet(np.concatenate([above, below], axis=1)) | {"side": above.shape[2], "tall": 2}


def alike(images, side):
    """Images of any sizes and channels as uint8 (N, side, side, 3), to stand in one sheet."""
    return np.stack(
        [
            np.asarray(media.picture(i).convert("RGB").resize((side, side), Image.BOX))
            for i in images
        ]
    )


def large(image, smooth=False):
    """One image as a PNG of about LARGE pixels a side."""
    factor = max(1, LARGE // image.shape[0])
    return media.encode(media.enlarge(image, factor, smooth), "PNG")


def strip(images, smooth=False):
    """Images in one row as a PNG, enlarged so that a wide column shows their pixels."""
    factor = max(1, 128 // images.shape[2])
    return media.encode(media.enlarge(media.strip(images), factor, smooth), "PNG")


def png(image):
    """One image as a PNG, pixel for pixel."""
    return media.encode(image, "PNG")


def film(images, kind, smooth=False, fps=16):
    """A path's pictures as one file: kind "png" (a strip), "gif" or "mp4"."""
    if kind == "png":
        return media.encode(media.strip(images), "PNG")
    factor = max(1, MAX_EXPORT_SIDE // images.shape[1])
    frames = np.stack([media.enlarge(image, factor, smooth) for image in images])
    return media.gif(frames, fps=fps) if kind == "gif" else media.mp4(frames, fps=fps)


def latent_json(model, z, seed=None, psi=None):
    """One latent as the text of a JSON file that says which weights it belongs to."""
    record = {"model": model.name, "model_hash": model.hash, "seed": seed, "psi": psi}
    return json.dumps({**record, "z": [float(str(value)) for value in np.float32(z)]})


def data_url(encoded, kind) -> str:
    """The bytes of a picture file as a URL."""
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def sheet_png(images, columns=None):
    """Images as one PNG, to be shown as a whole."""
    return media.encode(media.enlarge(media.sheet(images, columns), 2), "PNG")
