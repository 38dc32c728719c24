"""Markup in every text of every file: a real browser shows it as letters, and asks nobody for it.

The fields are found by walking the files, so that new ones are covered as soon as they are written.
"""

import itertools
import json
import re
import shutil
from urllib.parse import quote

import pytest
from safetensors.numpy import load_file

import everything
import wire
from browsing import AVATARS
from explorer.state import arithmetic_file, tray
from gan_core import checkpoint
from gan_core.latent_space import directions
from gan_core.util import checked_safetensors

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

pytestmark = pytest.mark.skipif(
    not (AVATARS / "model.json").exists(), reason="needs checkpoints/avatars"
)

EVIL = "http://127.0.0.1:9/evil"
MARKS = [
    f"![evil]({EVIL}1.png)",
    f"!<img>[evil]({EVIL}2.png)",
    f"<img src={EVIL}3.png>",
    f"[evil]({EVIL}4) www.evil.test evil@evil.test",
    f"![evil][e] [e]: {EVIL}5.png",
    f"<{EVIL}6> {EVIL}7.png",
    ":material/skull: :smile: :red[![evil](" + EVIL + "8.png)]",
    f"$evil^2$ :red-badge[evil] &lt;img src={EVIL}9.png&gt; &#33;[evil]({EVIL}10.png)",
    f"<<img>img src={EVIL}11.png> `![evil]({EVIL}12.png)`",
    f"<style>@import '{EVIL}13.css'</style><svg onload=evil()>",
]
# In a file's name there is no slash.
NAME = " ![evil](evil) <b>evil<b> www.evil.test :smile: $evil^2$ :red[evil]"
# What an app goes by; other words there would hide what is told.
FIXED = {"kind", "control", "of", "to", "pick", "features", "ended", "doing", "checkpoint", "cwd"}
FIXED |= {"model", "architecture", "files", "prior", "format", "fingerprint", "likeness", "name.0"}
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
}
# Everything that hostile text would have become.
FOLLOWED = """() => [...document.querySelectorAll(
    '[href*=evil]:not([href^="#"]), [src*=evil], [srcset*=evil], .katex, svg[onload], style, b,'
    + '.stMarkdownBadge')]
    .filter(e => !e.matches('style, b, .stMarkdownBadge') || e.textContent.includes('evil'))
    .map(e => e.outerHTML.slice(0, 300))
    .concat([...document.querySelectorAll('[data-testid=stIconMaterial]')]
        .filter(e => e.textContent.includes('skull')).map(e => e.outerHTML))
    .concat([...document.querySelectorAll('[class*=stMarkdownColored]')]
        .filter(e => e.textContent.includes('evil')).map(e => e.outerHTML))
    .concat(document.body.innerText.includes('\\u{1F604}') ? ['an emoji'] : [])
"""


def marked(value, marks, key=""):
    """A JSON value with markup behind each of its texts, other than those that the app goes by."""
    if key in FIXED:
        return value
    if isinstance(value, dict):
        return {k: marked(one, marks, k) for k, one in value.items()}
    if isinstance(value, list):
        return [marked(one, marks, key) for one in value]
    if isinstance(value, str) and not re.fullmatch("[0-9a-f]{12,}", value):
        return f"{value[:40]} {next(marks)}"
    return value


def spoil(directory):
    """Put markup into every file of a checkpoint."""
    marks = itertools.cycle(MARKS)
    for file in ("model.json", *everything.REPORTS):
        told = json.loads((directory / file).read_text("utf-8"))
        (directory / file).write_text(json.dumps(marked(told, marks)), "utf-8")
    path = directory / directions.FILE
    arrays, about, _ = load_file(path), *checked_safetensors.load(path, "")[1:]
    for entry in about["directions"]:
        entry["about"] |= {k: marked(entry["about"][k], marks) for k in ("made",) if k in entry}
        if entry["kind"] in ("own", "conditional"):
            entry["name"] += next(marks)
            entry["about"]["made"] += next(marks)
            entry["about"]["made_of"] = {f"component {mark}": 1.0 for mark in MARKS[:3]}
    checked_safetensors.save(path, arrays, about)
    readme = "\n\n".join(["# Evil", *MARKS, *(f"| a | {m} |\n|---|---|\n| b | c |" for m in MARKS)])
    (directory / "README.md").write_text(readme + "\n```\n" + "\n".join(MARKS), "utf-8")


def spoil_run(directory):
    marks = itertools.cycle(MARKS)
    for file in ("process.json", "started.json"):
        told = json.loads((directory / file).read_text("utf-8"))
        (directory / file).write_text(json.dumps(marked(told, marks)), "utf-8")
    (directory / "output.log").write_text("\n".join(MARKS), "utf-8")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    place = tmp_path_factory.mktemp("evil")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_EXPLORER_CACHE", str(place / "cache"))
        spoil(everything.make(place / "models" / "alpha", mark=MARKS[0]))
        shutil.copytree(place / "models" / "alpha", place / "models" / f"beta{NAME}")
        spoil_run(everything.make_run(place / "runs", f"run{NAME}"))
    with wire.serving(place) as found:
        yield found


@pytest.fixture
def evil_free(browser, app):
    """Open pages of the app; in the end nothing may have been asked of anybody else."""
    context, asked = browser.new_context(viewport={"width": 1280, "height": 1600}), []
    context.set_default_timeout(60_000)
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()

    def visit(path):
        page.goto(f"{app.address}/{path}")
        settle(page)
        assert page.evaluate(FOLLOWED) == []
        return page

    yield visit
    assert page.evaluate(FOLLOWED) == []
    ours = (app.address, app.address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(ours)] == []
    context.close()


def settle(page):
    """Wait until the page is drawn, the tray last, and open what is folded away."""
    page.get_by_role("heading", name=re.compile("^Tray")).wait_for(state="attached")
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.evaluate("document.querySelectorAll('.stMain details summary').forEach(s => s.click())")
    page.wait_for_timeout(300)


@pytest.mark.parametrize("model", ["alpha", f"beta{NAME}"], ids=["alpha", "evil name"])
@pytest.mark.parametrize("page", PAGES)
def test_markup_in_any_file_is_shown_as_letters(evil_free, page, model):
    if page in ("train", "import") and model != "alpha":
        pytest.skip("the page shows no model")
    query = quote(model)
    found = evil_free(f"{page.partition('?')[0]}?model={query}&{PAGES[page]}")
    assert "could not be drawn" not in found.inner_text("body")
    # Of a report the page shows numbers; its sentences are the app's own, so that of a stranger's
    # text only the model's name is left there.
    named = page == "memorisation" and model != "alpha"
    if page in ("card", "directions?saved", "train") or named:
        assert "evil" in found.inner_text(".stMain")


def test_markup_in_a_tray_and_in_an_arithmetic_file_is_shown_as_letters(evil_free, app, tmp_path):
    page = evil_free("arithmetic?model=alpha&a=0,1&b=2&c=3")
    items = [{"name": mark, "model": "alpha", "model_hash": "0" * 12} for mark in MARKS]
    items += [{"name": "x", "model": mark, "model_hash": "0" * 12} for mark in MARKS]
    items = [{**item, "seed": None, "psi": 1.0, "z": [0.1] * everything.NZ} for item in items]
    file = tmp_path / "tray.json"
    file.write_text(json.dumps({"format": tray.FORMAT, "version": tray.VERSION, "items": items}))
    page.get_by_text("Save and load").click()
    page.locator("[data-testid=stSidebar] input[type=file]").set_input_files(str(file))
    page.get_by_role("button", name="Replace").click()
    page.get_by_role("heading", name=f"Tray ({len(items)})").wait_for()
    settle(page)
    assert page.evaluate(FOLLOWED) == []

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
    settle(page)
    assert page.evaluate(FOLLOWED) == []


def test_the_marks_are_in_what_the_app_reads(app):
    card = checkpoint.read_card(app.place / "models" / "alpha")
    for told in (card["name"], card["licence"], card["training_set"]["how"]):
        assert any(mark in told for mark in MARKS)
