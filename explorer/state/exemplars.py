"""Exemplars: what a basket holds, as seeds or as pictures that have none, and their latents.

A picture made on a path, or loaded from a file, has no seed that a link could carry. Its latent is
kept here under a name made from its numbers, "~" and 12 digits, for as long as the app runs; a
recipe carries the numbers themselves.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from explorer.services import renderer
from explorer.state import url_state
from explorer.state.tray import Item
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError

MAX_BYTES = 32 * 2**20

_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Kept:
    """A latent without a seed, float32 (nz,), what it is called and whose it is."""

    title: str
    model: str
    model_hash: str
    z: np.ndarray


_kept: OrderedDict[str, Kept] = OrderedDict()  # by name
_bytes = 0


def keep(title: str, model: str, model_hash: str, z: ArrayLike) -> str:
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


def find(name: str) -> Kept | None:
    """The Kept of a name, or None."""
    with _lock:
        return _kept.get(name)


def latents(title: str, model: Model, text: str) -> np.ndarray:
    """The latents of a basket's exemplars, float32 (n, nz).

    title: the basket's, for the sentence. Raises InputError for exemplars that are not known here
    or belong to another model; `without_strangers` takes them out.
    """
    parsed = url_state.read_exemplars(text)
    kept = {name: find(name) for name, _ in parsed if is_kept(name)}
    known = {name: one for name, one in kept.items() if one is not None}
    unknown = len(kept) - len(known)
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
    for one in known.values():
        if one.model_hash != model.hash:
            raise InputError(stranger(one.title, one.model, model))
    rows = [
        known[seed].z if isinstance(seed, str) else renderer.latents(model, [seed], whole(psi))[0]
        for seed, psi in parsed
    ]
    return np.stack(rows) if rows else np.empty((0, model.prior.size), np.float32)


def stranger(title: str, owner: str, model: Model) -> str:
    """Why a picture of other weights cannot be an exemplar."""
    return (
        f"“{title}” was made with "
        f"{owner if owner != model.name else 'other weights of ' + owner}, so its latent means "
        f"something else to {model.name}; use exemplars of one model."
    )


def without_strangers(model: Model, text: str) -> str:
    """A basket without the exemplars that `latents` would refuse."""
    rest = [
        (seed, psi)
        for seed, psi in url_state.read_exemplars(text)
        if not is_kept(seed) or ((one := find(seed)) and one.model_hash == model.hash)
    ]
    return url_state.write_keys(rest)


def is_kept(seed: int | str) -> TypeGuard[str]:
    """Whether an exemplar stands by a name, not by a seed."""
    return isinstance(seed, str)


def whole(psi: float | None) -> float:
    return 1.0 if psi is None else psi


def caption(seed: int | str, psi: float | None) -> str:
    """How an exemplar is called below its picture."""
    if is_kept(seed):
        one = find(seed)
        return one.title if one else seed
    return url_state.write_keys([(seed, psi)])


def of_item(item: Item, name: str, model: Model) -> str:
    """A tray item as an exemplar of a model, as the baskets write it.

    Raises InputError for an item of another model, or of other weights when it has no seed.
    """
    if item.model != name or (item.seed is None and item.model_hash != model.hash):
        raise InputError(stranger(item.name, item.model, model))
    if item.seed is not None:
        return url_state.write_keys([(item.seed, None if item.psi == 1.0 else item.psi)])
    return keep(item.name, name, item.model_hash, item.z)


def counted(n: int) -> str:
    return "One exemplar" if n == 1 else f"{n} exemplars"
