"""Markup in every text of every file: a real browser shows it as letters, and asks nobody for it.

The fields are found by walking the files, so that new ones are covered as soon as they are written.
"""

import json
import shutil
from urllib.parse import quote

import pytest

import everything
import wire
from browsing import unfold
from explorer.state import arithmetic_file, tray
from gan_core import checkpoint
from gan_core.data import training_set
from marked import MARKS, NAME, check, evil_free, spoil, spoil_run
from support import needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

pytestmark = needs_avatars

PAGES = {
    "card": "",
    "browse": "by=smiling",
    "latents": "",
    "interpolate": "",
    "directions": "",
    "directions?saved": "look=saved",
    "arithmetic": "a=0,1&b=2&c=3",
    "neighbours": "",
    "neighbours?training": "ask=training",
    "photo": "",
    "memorisation": "",
    "memorisation?effnet": "space=effnet",
    "train": "",
    "import": "",
    "about": "",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    place = tmp_path_factory.mktemp("evil")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_EXPLORER_CACHE", str(place / "cache"))
        spoil(everything.make(place / "models" / "alpha", mark=MARKS[0]))
        shutil.copytree(place / "models" / "alpha", place / "models" / f"beta{NAME}")
        spoil_run(everything.make_run(place / "runs", f"run{NAME}"))
    with wire.serving(place) as running:
        yield running


@pytest.fixture
def visit(browser, app):
    with evil_free(browser, app) as open_page:
        yield open_page


CASES = [
    pytest.param(page, model, id=f"{page}-{label}")
    for page in PAGES
    for label, model in (("alpha", "alpha"), ("evil name", f"beta{NAME}"))
    if model == "alpha" or page not in ("train", "import", "about")  # these show no model
]


@pytest.mark.parametrize(("page", "model"), CASES)
def test_markup_in_any_file_is_shown_as_letters(visit, page, model):
    query = quote(model)
    opened = visit(f"{page.partition('?')[0]}?model={query}&{PAGES[page]}")
    assert "could not be drawn" not in opened.inner_text("body")
    # Of a report the page shows numbers; its sentences are the app's own, so that of a stranger's
    # text only the model's name is left there.
    named = page == "memorisation" and model != "alpha"
    if page in ("card", "directions?saved", "train") or named:
        assert "evil" in opened.inner_text(".stMain")


def test_markup_in_a_tray_and_in_an_arithmetic_file_is_shown_as_letters(visit, app, tmp_path):
    page = visit("arithmetic?model=alpha&a=0,1&b=2&c=3")
    items = [{"name": mark, "model": "alpha", "model_hash": "0" * 12} for mark in MARKS]
    items += [{"name": "x", "model": mark, "model_hash": "0" * 12} for mark in MARKS]
    items = [{**item, "seed": None, "psi": 1.0, "z": [0.1] * everything.NZ} for item in items]
    file = tmp_path / "tray.json"
    file.write_text(json.dumps({"format": tray.FORMAT, "version": tray.VERSION, "items": items}))
    unfold(page, "Save and load")
    page.locator("[data-testid=stSidebar] input[type=file]").set_input_files(str(file))
    page.get_by_role("button", name="Replace").click()
    page.get_by_role("heading", name=f"Tray ({len(items)})").wait_for()
    check(page)

    card = checkpoint.read_card(app.place / "models" / "alpha")
    weights = card["files"]["generator.safetensors"][:12]
    exemplars = [{"title": mark, "z": [0.1 + i] * everything.NZ} for i, mark in enumerate(MARKS)]
    record = {"format": arithmetic_file.FORMAT, "version": arithmetic_file.VERSION}
    record |= {"model": "alpha", "model_hash": weights, "strength": 1}
    record["baskets"] = [{"name": "A", "weight": 1, "exemplars": exemplars}] * 3
    file = tmp_path / "arithmetic.json"
    file.write_text(json.dumps(record))
    page.get_by_role("button", name="Load file").click()
    page.locator("input[type=file]").last.set_input_files(str(file))
    page.get_by_text("10 exemplars").first.wait_for()
    check(page)


@pytest.mark.slow
def test_the_marks_are_in_what_the_app_reads(app):
    card = checkpoint.read_card(app.place / "models" / "alpha")
    packed = training_set.read_card(app.place / "models" / "alpha" / "training_set")
    texts = [card["name"], card["licence"], card["training_set"]["how"]]
    for text in (*texts, packed["name"], packed["source"], packed["licence"]):
        assert any(mark in text for mark in MARKS)
