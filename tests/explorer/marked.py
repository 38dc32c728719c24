"""Markup in every text of a stranger's files, and what a page must then not hold."""

import contextlib
import itertools
import json
import re

from safetensors.numpy import load_file

import everything
from browsing import PATIENCE
from gan_core.latent_space import directions
from gan_core.util import checked_safetensors

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
# In the name of a file on a disk there is no slash.
NAME = " ![evil](evil) <b>evil<b> www.evil.test :smile: $evil^2$ :red[evil]"
# Values that the app depends on; markup in them would hide the rest of the page.
FIXED = {"kind", "control", "of", "to", "pick", "features", "ended", "doing", "checkpoint", "cwd"}
FIXED |= {"model", "architecture", "files", "prior", "format", "fingerprint", "likeness", "name.0"}
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
    for file in ("model.json", "training_set/set.json", *everything.REPORTS):
        fields = json.loads((directory / file).read_text("utf-8"))
        (directory / file).write_text(json.dumps(marked(fields, marks)), "utf-8")
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
    """Put markup into every file of a run."""
    marks = itertools.cycle(MARKS)
    for file in ("process.json", "started.json"):
        fields = json.loads((directory / file).read_text("utf-8"))
        (directory / file).write_text(json.dumps(marked(fields, marks)), "utf-8")
    (directory / "output.log").write_text("\n".join(MARKS), "utf-8")


@contextlib.contextmanager
def evil_free(browser, app):
    """A function that opens pages of an app; in the end no other host may have been contacted."""
    context, requested = browser.new_context(viewport={"width": 1280, "height": 1600}), []
    context.set_default_timeout(PATIENCE)
    context.on("request", lambda request: requested.append(request.url))
    page = context.new_page()

    def visit(path):
        page.goto(f"{app.address}/{path}")
        check(page)
        return page

    yield visit
    check(page)
    ours = (app.address, app.address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in requested if not url.startswith(ours)] == []
    context.close()


def check(page):
    """Once the page stands still, nothing on it may have become more than letters."""
    settle(page)
    assert page.evaluate(FOLLOWED) == []


def settle(page):
    """Wait until the page is drawn, the tray last, and open what is folded away."""
    page.get_by_role("heading", name=re.compile("^Tray")).wait_for(state="attached")
    idle = page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
    idle.wait_for()
    page.evaluate(
        "document.querySelectorAll('.stMain details:not([open]) > summary').forEach(s => s.click())"
    )
    page.wait_for_function(
        "() => [...document.querySelectorAll('.stMain details')].every(d => d.open)"
    )
    idle.wait_for()
    page.locator("html:not(.settling)").wait_for(state="attached")  # nothing is veiled any more
