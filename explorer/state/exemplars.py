"""Exemplars: the pictures in a basket, with or without a seed, and their latents.

A picture that was made on a path, or loaded from a file, has no seed that a link could carry. Its
latent is stored here under a name derived from its numbers, "~" and 12 hex digits, for as long as
the app runs; an arithmetic file holds the numbers themselves.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from explorer.services import renderer
from explorer.state import latent_spaces, url_parts
from explorer.state.tray import Item
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError

MAX_BYTES = 32 * 2**20

_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Unseeded:
    """A latent without a seed, z float32 (nz,), its title, and the model that it belongs to."""

    title: str
    model: str
    model_hash: str
    z: np.ndarray


_stored: OrderedDict[str, Unseeded] = OrderedDict()  # by name
_bytes = 0


def store(title: str, model: str, model_hash: str, z: ArrayLike) -> str:
    """Store a latent; returns its name. Raises InputError when one of its numbers is not finite."""
    global _bytes
    z = np.ascontiguousarray(z, np.float32)
    if z.ndim != 1 or not np.isfinite(z).all():
        raise InputError(f"“{title}” is not a list of finite numbers, so it cannot be an exemplar.")
    digest = hashlib.blake2b(model_hash.encode() + z.tobytes(), digest_size=6).hexdigest()
    with _lock:
        old = _stored.pop(f"~{digest}", None)
        _stored[f"~{digest}"] = Unseeded(title, model, model_hash, z)
        _bytes += z.nbytes - (0 if old is None else old.z.nbytes)
        while _bytes > MAX_BYTES:
            _bytes -= _stored.popitem(last=False)[1].z.nbytes
    return f"~{digest}"


def find(name: str) -> Unseeded | None:
    """The latent stored under a name, or None."""
    with _lock:
        return _stored.get(name)


def latents(title: str, model: Model, text: str) -> np.ndarray:
    """The latents of a basket's exemplars, float32 (n, nz).

    title: the basket's, for messages. Raises InputError for exemplars that are not stored here or
    belong to another model; `usable` removes those.
    """
    parsed = url_parts.read_exemplars(text)
    unseeded = {name: find(name) for name, _ in parsed if is_name(name)}
    known = {name: one for name, one in unseeded.items() if one is not None}
    unknown = len(unseeded) - len(known)
    if unknown:
        raise InputError(
            (
                f"{counted(unknown)} of {title} has no seed, so the link could not contain it; "
                "load the arithmetic file, or remove the exemplar."
            )
            if unknown == 1
            else (
                f"{counted(unknown)} of {title} have no seed, so the link could not contain them; "
                "load the arithmetic file, or remove the exemplars."
            )
        )
    own: dict[str, np.ndarray] = {}
    for key, one in known.items():
        z = latent_spaces.latent_in(model, one.z, one.model_hash)
        if z is None:
            raise InputError(of_other_weights(one.title, one.model, model, one.model_hash))
        own[key] = z
    rows = [
        own[seed] if isinstance(seed, str) else renderer.latents(model, [seed], whole(psi))[0]
        for seed, psi in parsed
    ]
    return np.stack(rows) if rows else np.empty((0, model.prior.size), np.float32)


def of_other_weights(title: str, owner: str, model: Model, made_with: str = "") -> str:
    """Why a picture of other weights, or of w in z, cannot be an exemplar, one sentence."""
    if model.space == "z" and made_with == latent_spaces.hash_in(model, "w"):
        return latent_spaces.refusal(title, owner)
    return (
        f"“{title}” was made with "
        f"{owner if owner != model.name else 'other weights of ' + owner}, so its latent means "
        f"something else to {model.name}; use exemplars of one model."
    )


def usable(model: Model, text: str) -> str:
    """A basket without the exemplars that `latents` would refuse."""
    rest = [
        (seed, psi)
        for seed, psi in url_parts.read_exemplars(text)
        if not is_name(seed)
        or (
            (one := find(seed)) is not None
            and latent_spaces.latent_in(model, one.z, one.model_hash) is not None
        )
    ]
    return url_parts.write_keys(rest)


def is_name(seed: int | str) -> TypeGuard[str]:
    """Whether an exemplar is given by the name of a stored latent, not by a seed."""
    return isinstance(seed, str)


def whole(psi: float | None) -> float:
    return 1.0 if psi is None else psi


def caption(seed: int | str, psi: float | None) -> str:
    """The caption of an exemplar's picture."""
    if is_name(seed):
        one = find(seed)
        return one.title if one else seed
    return url_parts.write_keys([(seed, psi)])


def of_item(item: Item, name: str, model: Model) -> str:
    """A tray item as an exemplar of a model, as baskets write it.

    Raises InputError for an item of another model, or an item of other weights without a seed.
    """
    here = latent_spaces.item_in(item, model) if item.model == name else None
    if here is None or (here.seed is None and here.model_hash != model.hash):
        raise InputError(of_other_weights(item.name, item.model, model, item.model_hash))
    item = here
    if item.seed is not None:
        return url_parts.write_keys([(item.seed, None if item.psi == 1.0 else item.psi)])
    return store(item.name, name, item.model_hash, item.z)


def counted(n: int) -> str:
    return "One exemplar" if n == 1 else f"{n} exemplars"
