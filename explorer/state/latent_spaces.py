"""The latent space z or w in which a model is used, and pictures that were picked in the other one.

A model with a mapping network has both, see gan_core.spaces. The setting `latent` says which; the
pages' Model is the loaded one or its view in w. A latent in z has one in w, but not the other way
round, except for a sample: its seed gives it in both.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from explorer.services import model_registry, renderer
from explorer.state import session
from explorer.state.tray import Item
from gan_core import checkpoint
from gan_core.checkpoint import Model
from gan_core.util.errors import InputError

USUAL = "w"  # of models that have both, see docs/evaluation.md


def usual(model: Model) -> str:
    """The space in which a model is used before a person has chosen one."""
    return USUAL if model.has_w else "z"


def hash_in(model: Model, space: str) -> str:
    """`Model.hash` of a model's weights in a space, without making its view."""
    digest = model.card["files"]["generator.safetensors"]
    return (digest if space == "z" else checkpoint.digest_in_w(digest))[:12]


def latent_in(model: Model, z: np.ndarray, made_with: str) -> np.ndarray | None:
    """A latent made with the hash `made_with`, as one of a model in its space: float32 (nz,).

    None where it is of other weights, or was made in w and the model is in z.
    """
    if made_with == model.hash:
        return z
    if model.space == "w" and made_with == hash_in(model, "z") and len(z) == model.prior.size:
        of: Any = getattr(model.prior, "of")  # noqa: B009 - of the prior in w alone
        return of(np.asarray(z, np.float32)[None])[0]
    return None


def item_in(item: Item, model: Model) -> Item | None:
    """A picture of the tray, of this model, with its latent in the model's space.

    None where its latent is in w, the model is in z and it is not a sample. One of other weights is
    returned as it is.
    """
    if item.model_hash == model.hash or item.model_hash not in map(
        hash_in, (model, model), ("z", "w")
    ):
        return item
    if item.seed is not None and item.psi == 1.0:
        z: np.ndarray | None = renderer.latents(model, [item.seed])[0]
        seed: int | None = item.seed
    else:
        # ψ·z in w is not ψ times something in w, so the latent no longer has a seed.
        z, seed = latent_in(model, item.z, item.model_hash), None
    if z is None:
        return None
    return replace(item, model_hash=model.hash, space=model.space, seed=seed, psi=1.0, z=z)


def refusal(name: str, model: str) -> str:
    """Why a picture of w cannot be used in z, one sentence."""
    return (
        f"“{name}” was made in the latent space w of {model} and has no latent in z; choose the "
        "latent space w in View."
    )


def mine(name: str, model: Model) -> list[Item]:
    """The tray's pictures of a model, with latents in the model's space, without those of w in z.

    name: the model's in the menu.
    """
    own = session.picked().of_model(name, model.prior.size)
    return [here for item in own if (here := item_in(item, model)) is not None]


def find(item_id: str, model: Model) -> Item | None:
    """The picture of the tray with this id, with its latent in the model's space, or None."""
    item = session.picked().find(item_id)
    return None if item is None else item_in(item, model)


def shown(model: Model) -> Model:
    """A loaded model in the space in which the current settings use it."""
    return model_registry.in_space(model, session.view().latent)


def of_item(item: Item) -> Model:
    """The Model of a picture of the tray, in the picture's space. Raises KeyError, InputError."""
    model = model_registry.load(model_registry.entries()[item.model])
    try:
        return model_registry.in_space(model, item.space)
    except InputError:  # other weights by now
        return model
