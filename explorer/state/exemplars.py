"""Exemplars: what a basket holds, as seeds or as pictures that have none, and their latents.

A picture made on a path, or loaded from a file, has no seed that a link could carry. Its latent is
kept here under a name made from its numbers, "~" and 12 digits, for as long as the app runs; a
recipe carries the numbers themselves.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from explorer.services import renderer
from explorer.state import url_state
from gan_core.util.errors import InputError

MAX_BYTES = 32 * 2**20

_lock = threading.Lock()
_kept = OrderedDict()  # name -> Kept
_bytes = 0


@dataclass(frozen=True, eq=False)
class Kept:
    """A latent without a seed, float32 (nz,), what it is called and whose it is."""

    title: str
    model: str
    model_hash: str
    z: np.ndarray


def keep(title, model, model_hash, z) -> str:
    """Keep a latent; returns its name. Raises InputError when a number of it is not finite."""
    global _bytes
    z = np.ascontiguousarray(z, np.float32)
    if z.ndim != 1 or not np.isfinite(z).all():
        raise InputError(f"“{title}” is not a list of finite numbers, so it cannot be an exemplar.")
    digest = hashlib.blake2b(model_hash.encode() + z.tobytes(), digest_size=6).hexdigest()
    with _lock:
        old = _kept.pop(f"~{digest}", None)
        _kept[f"~{digest}"] = Kept(title, model, model_hash, z)
        _bytes += z.nbytes - (0 if old is None else old.z.nbytes)
        while _bytes > MAX_BYTES:
            _bytes -= _kept.popitem(last=False)[1].z.nbytes
    return f"~{digest}"


def find(name):
    """The Kept of a name, or None."""
    with _lock:
        return _kept.get(name)


def latents(title, model, text):
    """The latents of a basket's exemplars, float32 (n, nz).

    title: the basket's, for the sentence. Raises InputError for exemplars that are not known here
    or belong to another model; `without_strangers` takes them out.
    """
    parsed = url_state.read_exemplars(text)
    kept = [find(seed) for seed, _ in parsed if is_kept(seed)]
    unknown = sum(one is None for one in kept)
    if unknown:
        raise InputError(
            (
                f"{counted(unknown)} of {title} has no seed, so the link could not contain it; "
                "load the recipe, or remove it."
            )
            if unknown == 1
            else (
                f"{counted(unknown)} of {title} have no seed, so the link could not contain them; "
                "load the recipe, or remove them."
            )
        )
    for one in kept:
        if one.model_hash != model.hash:
            raise InputError(stranger(one.title, one.model, model))
    rows = [
        find(seed).z if is_kept(seed) else renderer.latents(model, [seed], whole(psi))[0]
        for seed, psi in parsed
    ]
    return np.stack(rows) if rows else np.empty((0, model.prior.size), np.float32)


def stranger(title, owner, model) -> str:
    """Why a picture of other weights cannot be an exemplar."""
    return (
        f"“{title}” was made with "
        f"{owner if owner != model.name else 'other weights of ' + owner}, so its latent means "
        f"something else to {model.name}; use exemplars of one model."
    )


def without_strangers(model, text):
    """A basket without the exemplars that `latents` would refuse."""
    found = [
        (seed, psi)
        for seed, psi in url_state.read_exemplars(text)
        if not is_kept(seed) or ((one := find(seed)) and one.model_hash == model.hash)
    ]
    return url_state.write_keys(found)


def is_kept(seed):
    """Whether an exemplar stands by a name, not by a seed."""
    return isinstance(seed, str)


def whole(psi):
    return 1.0 if psi is None else psi


def caption(seed, psi):
    """How an exemplar is called below its picture."""
    if is_kept(seed):
        one = find(seed)
        return one.title if one else seed
    return url_state.write_keys([(seed, psi)])


def of_item(item, name, model):
    """A tray item as an exemplar of a model, as the baskets write it.

    Raises InputError for an item of another model, or of other weights when it has no seed.
    """
    if item.model != name or (item.seed is None and item.model_hash != model.hash):
        raise InputError(stranger(item.name, item.model, model))
    if item.seed is not None:
        return url_state.write_keys([(item.seed, None if item.psi == 1.0 else item.psi)])
    return keep(item.name, name, item.model_hash, item.z)


def counted(n) -> str:
    return "One exemplar" if n == 1 else f"{n} exemplars"
