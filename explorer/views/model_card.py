"""Card: what a model was trained on, how, and what it must not be used for."""

import re

import streamlit as st

from explorer.services import renderer
from explorer.widgets import model_picker
from gan_core.metrics import fidelity_report
from gan_core.util import regular_files
from gan_core.util.errors import InputError

MAX_CARD = 200_000  # characters


def page():
    """The page, top to bottom."""
    _, model = model_picker.choose("Model card")
    text = without_images(read(model.directory / "README.md"))
    left, right = st.columns([3, 2], gap="large")
    with left:
        if text:
            st.markdown(text)
        else:
            st.info(f"{model.name} has no README.md, so only what model.json tells is shown.")
    with right:
        samples(model)
        facts(model, told(text))


def read(path):
    """The text of the card, or nothing when there is none that can be read."""
    try:
        with regular_files.open_regular(path, inside=path.parent) as file:
            return file.read(4 * MAX_CARD).decode("utf-8", "ignore")[:MAX_CARD]
    except (OSError, InputError):
        return ""


def without_images(text):
    """Markdown less its pictures (their relative links lead nowhere here) and front matter."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"!+\[", "[", text)  # pictures written in any other way become links
    return re.sub(r"<img\b[^>]*>", "", text).strip()


def samples(model):
    """The first 64 seeds, unselected: what the model draws by itself."""
    images = renderer.pictures(model, renderer.latents(model, range(64)))
    st.image(
        renderer.sheet_png(images),
        width="stretch",
        caption=f"{model.name}, seeds 0 to 63 at ψ = 1, unselected",
    )


def told(text):
    """The labels of the rows of the card's tables."""
    return set(re.findall(r"^\| *([^|]+?) *\|", text, re.MULTILINE))


def facts(model, told):
    """What model.json tells, as a small table, less what the card's own tables tell already."""
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
        "D(x)": "" if model.discriminator is not None else "none: the discriminator is not here",
        "Licence": card.get("licence"),
        "Weights": model.hash,
    }
    rows |= fidelity_report.headline(card)
    rows = {label: renderer.plain(value) for label, value in rows.items() if value}
    st.table({k: v for k, v in rows.items() if k not in told}, border="horizontal")


def with_unit(number, unit):
    return f"{number:.4g} {unit}" if isinstance(number, int | float) else None
