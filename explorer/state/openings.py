"""What pages show of a model before a person has chosen anything: its good seeds, and smoothly.

A setting that no link and no person has given follows the model. One that a link has given stays,
and so does one that a person has changed.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import streamlit as st

from explorer.services import model_registry, seed_tables
from explorer.state import latent_spaces, session, url_parts, url_state
from gan_core import latent
from gan_core.checkpoint import Model


def of(model: Model) -> dict[str, Any]:
    """The settings that follow a model, by name. A search begins with its most certain results."""
    usual = url_state.View()
    settings = {name: getattr(usual, name) for name in url_state.FOLLOWING}
    settings |= {"latent": latent_spaces.usual(model), "mode": latent.natural_mode(model.prior)}
    settings["smooth"] = model.card.get("pictures") == "photograph"
    table = seed_tables.table_of(model)
    if table is None:
        return settings
    search = session.view().having or session.view().lacking
    settings |= {"by": url_state.REALISM, "sort": "sure" if search else "varied"}
    if len(table.openings) >= 4:
        first, seeds = table.openings[0], [(seed, None) for seed in table.openings]
        settings |= {"start": first, "of": first}
        settings["keys"] = url_parts.write_keys(seeds[:3])
        settings["corners"] = url_parts.write_keys(seeds[:4])
    return settings


def follow(loaded: Model) -> Model:
    """Let the settings that follow the model do so, now that it is known.

    Returns it in the latent space that the settings say.
    """
    state = st.session_state
    by_link = "free" in state
    before, free = state.get("opening"), state.pop("free", ())
    model = model_registry.in_space(loaded, space_of(loaded, before, free))
    after = of(model)
    # Moved coordinates are those of one seed. A table of seeds can appear while they are moved.
    follows = {name for name in after if name != "start" or not state.view.coords}
    changes = {
        name: value
        for name, value in after.items()
        if name in free
        or (name in follows and before is not None and getattr(state.view, name) == before[name])
    }
    state.opening = after
    if any(getattr(state.view, name) != value for name, value in changes.items()):
        state.view = replace(session.view(), **changes)
    if state.view.latent != model.space and not model.has_w:
        state.view = replace(session.view(), latent=model.space)
    psi_of_another(model, by_link)
    return model


def psi_of_another(model: Model, by_link: bool) -> None:
    """Forget a ψ that was chosen in w, or for another model, once it is hidden or out of range.

    by_link: whether the settings have just been read from a link, which means the ψ it has.
    """
    state, now = st.session_state, (model.hash, model.space)
    before, state.psi_of = state.get("psi_of", now), now
    if by_link or before == now or model.space == "w":
        return
    if before[1] == "w" or session.view().psi < latent.least_psi(model.prior):
        session.set_view(psi=1.0)


def space_of(model: Model, before: dict[str, Any] | None, free: Collection[str]) -> str:
    """The latent space in which a model is used, by `follow`'s rule and by what the model has."""
    if not model.has_w:
        return "z"
    chosen = session.view().latent
    follows = "latent" in free or (before is not None and before["latent"] == chosen)
    return latent_spaces.usual(model) if follows else chosen
