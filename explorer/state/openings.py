"""What pages show of a model before a person has chosen anything: its good seeds, and smoothly.

A setting that no link and no person has given follows the model. One that a link has given stays,
and so does one that a person has changed.
"""

from dataclasses import replace
from typing import Any

import streamlit as st

from explorer.services import seed_tables
from explorer.state import session, url_parts, url_state
from gan_core.checkpoint import Model


def of(model: Model) -> dict[str, Any]:
    """The settings that follow a model, by name."""
    usual = url_state.View()
    settings = {name: getattr(usual, name) for name in url_state.FOLLOWING}
    settings["smooth"] = model.card.get("pictures") == "photograph"
    table = seed_tables.table_of(model)
    if table is None:
        return settings
    settings |= {"by": url_state.REALISM, "sort": "varied"}
    if len(table.openings) >= 4:
        first, seeds = table.openings[0], [(seed, None) for seed in table.openings]
        settings |= {"start": first, "of": first}
        settings["keys"] = url_parts.write_keys(seeds[:3])
        settings["corners"] = url_parts.write_keys(seeds[:4])
    return settings


def follow(model: Model) -> None:
    """Let the settings that follow the model do so, now that it is known."""
    state, after = st.session_state, of(model)
    before, free = state.get("opening"), state.pop("free", ())
    changes = {
        name: value
        for name, value in after.items()
        if name in free or (before is not None and getattr(state.view, name) == before[name])
    }
    state.opening = after
    if any(getattr(state.view, name) != value for name, value in changes.items()):
        state.view = replace(session.view(), **changes)
