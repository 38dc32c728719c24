"""Model card: what a model was trained on, how, and what it must not be used for."""

import re
from collections.abc import Collection
from pathlib import Path

import streamlit as st

from explorer.services import renderer, stranger_text
from explorer.widgets import model_picker, model_shelf
from gan_core.checkpoint import Model
from gan_core.metrics import fidelity_report
from gan_core.util import regular_files
from gan_core.util.errors import InputError


def page() -> None:
    """The page, top to bottom."""
    name, model = model_picker.choose("Model card", "card")
    text = read(model.directory / "README.md")
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(key="card-text"):
        if text:
            st.markdown(stranger_text.card(text))
        else:
            plain = stranger_text.plain(model.name)
            st.info(f"{plain} has no README.md, so only the contents of model.json are shown.")
    with right:
        samples(model)
        facts(model, labels_in(text))
        model_shelf.panel(name)


def read(path: Path) -> str:
    """The text of the card, or "" when it cannot be read."""
    try:
        with regular_files.open_regular(path, inside=path.parent) as file:
            content = file.read(4 * stranger_text.MOST_OF_CARD)
            return content.decode("utf-8", "ignore")
    except (OSError, InputError):
        return ""


def samples(model: Model) -> None:
    """The samples of the first 64 seeds, unselected."""
    images = renderer.pictures(model, renderer.latents(model, range(64)))
    st.image(
        renderer.sheet_png(images),
        width="stretch",
        alt=f"64 samples of {stranger_text.clean(model.name)}, seeds 0 to 63 row by row",
        caption=f"{stranger_text.plain(model.name)}, seeds 0 to 63 at ψ = 1, unselected",
    )


def labels_in(text: str) -> set[str]:
    """The labels of the rows of the card's tables."""
    return set(re.findall(r"^\| *([^|]+?) *\|", text, re.MULTILINE))


def facts(model: Model, shown: Collection[str]) -> None:
    """A small table from model.json, without the rows that the card's own tables show."""
    card, training = model.card, model.card["training"]
    shape = card["training_set"].get("shape") or ["–"]
    time = [with_unit(training.get("hours"), "hours"), training.get("hardware")]
    rows = {
        "Architecture": f"{card['architecture'].get('name', '–')}, {model.size} × {model.size}",
        "Prior": f"{model.prior.kind}, {model.prior.size} numbers",
        "Objective": card.get("objective"),
        "Training set": f"{card['training_set'].get('name', '–')}, {shape[0]} images",
        "Shown to D": with_unit(training.get("kimg"), "kimg"),
        "Time": " on ".join(str(part) for part in time if part),
        "D(x)": ""
        if model.discriminator is not None
        else f"none: the model {model.lacks_discriminator}",
        "Licence": card.get("licence"),
        "Weights": model.hash,
    }
    rows |= fidelity_report.headline(card)
    rows = {label: stranger_text.plain(value) for label, value in rows.items() if value}
    rows = {stranger_text.plain(k): v for k, v in rows.items() if k not in shown}
    if rows:  # Streamlit writes "empty" for a table without rows
        st.table(rows, border="horizontal")


def with_unit(number: object, unit: str) -> str | None:
    return f"{number:.4g} {unit}" if isinstance(number, int | float) else None
