"""The tray: named, ordered latents that a person has picked. Pure data, no Streamlit.

A tray is immutable: every function returns a new one that holds the previous ones for undo, so
nothing is ever lost.
"""

import itertools
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

import numpy as np

from explorer.state import saved_file
from gan_core.latent import MAX_SEED
from gan_core.spaces import SPACES
from gan_core.util.errors import InputError

FORMAT = "gan-tray"
VERSION = 1
MAX_ITEMS = 64
MAX_BYTES = 2_000_000
MAX_NAME = 60
MAX_LATENT = 65536
MAX_STEPS = 100  # of undo
# No latent that a person picks has larger numbers, and their squares must fit into float32.
MAX_VALUE = 1e6

_numbers = itertools.count(1)


@dataclass(frozen=True, eq=False)
class Item:
    """One picked latent.

    model, model_hash: its checkpoint, and the weights with which it was picked. seed: the seed it
    came from, or None when it came from a path, sliders or a file. psi: the truncation with which
    it was picked. z: float32 (nz,), already truncated, so that G(z) is the picture. from_photo:
    whether it is the latent of somebody's photo. space: the latent space of z, "z" or "w".
    """

    name: str
    model: str
    model_hash: str
    seed: int | None
    psi: float
    z: np.ndarray
    id: str = field(default_factory=lambda: f"item{next(_numbers)}")
    from_photo: bool = False
    space: str = "z"

    def came_from(self, model: str, seed: int, psi: float, space: str = "z") -> bool:
        """Whether this is the picture of that seed; ψ is compared as links write it.

        space: in which ψ truncates; at ψ = 1 the pictures are the same.
        """
        same = (self.model, self.seed, round(self.psi, 3)) == (model, seed, round(psi, 3))
        return same and (self.space == space or round(psi, 3) == 1)


@dataclass(frozen=True, eq=False)
class Tray:
    """Items in order, with earlier (undo) and later (redo) lists of items."""

    items: tuple[Item, ...] = ()
    before: tuple[tuple[Item, ...], ...] = ()
    after: tuple[tuple[Item, ...], ...] = ()

    def find(self, item_id: str | None) -> Item | None:
        """The item with this id, or None."""
        return next((item for item in self.items if item.id == item_id), None)

    def of_model(self, model: str, size: int) -> list[Item]:
        """The items of a model whose latents have the length that the model takes."""
        return [item for item in self.items if item.model == model and len(item.z) == size]


def copy(item: Item) -> Item:
    """The same item with a new id."""
    return replace(item, id=f"item{next(_numbers)}")


def change(tray: Tray, items: Iterable[Item]) -> Tray:
    """The tray with other items, as one step that can be undone.

    Raises InputError when there are more items than a tray holds.
    """
    items = tuple(items)
    if len(items) > MAX_ITEMS:
        raise InputError(f"A tray holds at most {MAX_ITEMS} pictures; these are {len(items)}.")
    return Tray(items, (*tray.before, tray.items)[-MAX_STEPS:])


def add(tray: Tray, *items: Item) -> Tray:
    """Put items at the end."""
    return change(tray, (*tray.items, *items))


def remove(tray: Tray, item_id: str) -> Tray:
    """Take one item off."""
    return change(tray, (item for item in tray.items if item.id != item_id))


def rename(tray: Tray, item_id: str, name: str) -> Tray:
    """Rename an item; an empty name leaves the old one."""
    name = clean(name)
    return change(
        tray,
        (replace(i, name=name) if i.id == item_id and name else i for i in tray.items),
    )


def move(tray: Tray, item_id: str, by: int) -> Tray:
    """Move an item `by` places later (earlier if negative), but not beyond the ends."""
    items = list(tray.items)
    old = next((i for i, item in enumerate(items) if item.id == item_id), None)
    if old is None:
        return tray
    new = min(max(old + by, 0), len(items) - 1)
    items.insert(new, items.pop(old))
    return tray if new == old else change(tray, items)


def empty(tray: Tray) -> Tray:
    """Take everything off."""
    return change(tray, ())


def undo(tray: Tray) -> Tray:
    """Undo one step; returns the same tray if there is none."""
    if not tray.before:
        return tray
    return Tray(tray.before[-1], tray.before[:-1], (tray.items, *tray.after))


def redo(tray: Tray) -> Tray:
    """Redo one step; returns the same tray if there is none."""
    if not tray.after:
        return tray
    return Tray(tray.after[0], (*tray.before, tray.items), tray.after[1:])


def clean(name: str) -> str:
    """A name as the tray stores it: one line of at most MAX_NAME printable characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:MAX_NAME].strip()


def to_json(items: Iterable[Item]) -> str:
    """Items as the text of a tray file."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "items": [
            {
                "name": item.name,
                "model": item.model,
                "model_hash": item.model_hash,
                "seed": item.seed,
                "psi": item.psi,
                # The shortest decimal that reads back as the same float32.
                "z": [float(str(value)) for value in item.z],
                **({"from_photo": True} if item.from_photo else {}),
                **({"space": item.space} if item.space != "z" else {}),
            }
            for item in items
        ],
    }
    return json.dumps(record, ensure_ascii=False)


def from_json(text: str | bytes) -> tuple[Item, ...]:
    """The items in a tray file, given as bytes or str.

    Raises InputError with one sentence when the file is not as `to_json` writes it.
    """
    record = saved_file.read(text, "a tray", FORMAT, VERSION, MAX_BYTES)
    items = record.get("items")
    if not isinstance(items, list):
        raise InputError("This tray has no list of items.")
    if len(items) > MAX_ITEMS:
        raise InputError(f"This tray has {len(items)} pictures; the maximum is {MAX_ITEMS}.")
    return tuple(read_item(i, item) for i, item in enumerate(items, 1))


def read_item(number: int, record: Any) -> Item:
    """One record of a tray file as an Item; see `from_json`."""
    if not isinstance(record, dict):
        raise InputError(f"Picture {number} of this tray is not a record.")
    name, model, model_hash = (record.get(key) for key in ("name", "model", "model_hash"))
    if not isinstance(name, str) or not isinstance(model, str) or not isinstance(model_hash, str):
        raise InputError(f"Picture {number} of this tray lacks its name, model or model_hash.")
    # Printable text can also be encoded, as links and saved files require.
    printable = (model + model_hash).isprintable()
    if not model or not printable or len(model) > 200 or len(model_hash) > 64:
        raise InputError(f"Picture {number} of this tray has an invalid model name.")
    seed = record.get("seed")
    # JSON's true is Python's True, which is an int.
    if seed is not None and (type(seed) is not int or not 0 <= seed <= MAX_SEED):
        raise InputError(f"Picture {number} of this tray has an invalid seed.")
    psi = record.get("psi")
    if not is_finite(psi):
        raise InputError(f"Picture {number} of this tray has a ψ that is not a number.")
    z = record.get("z")
    if not isinstance(z, list) or not 1 <= len(z) <= MAX_LATENT or not all(map(is_finite, z)):
        raise InputError(
            f"Picture {number} of this tray has a latent with values that are not finite numbers."
        )
    from_photo = record.get("from_photo", False)
    if not isinstance(from_photo, bool):
        raise InputError(f"Picture {number} of this tray does not say whether it is from a photo.")
    space = record.get("space", "z")
    if space not in SPACES:
        raise InputError(f"Picture {number} of this tray has an unknown latent space.")
    name = clean(name) or f"Picture {number}"
    latent = np.array(z, np.float32)
    return Item(
        name, model, model_hash, seed, float(psi), latent, from_photo=from_photo, space=space
    )


def is_finite(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a possible number of a latent, or a ψ."""
    if type(value) not in (int, float) or abs(value) > MAX_VALUE:
        return False
    return math.isfinite(value)
