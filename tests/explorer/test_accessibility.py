"""Every page through a keyboard, and through axe-core in light and dark."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe

from browsing import address_has, idle, next_frame, on_tray, running, tile
from explorer.services import run_list
from explorer.widgets import page_intro
from support import AVATARS

pytestmark = pytest.mark.browser

PAGES = ["", *page_intro.PAGES]  # the first is the start page
BACKGROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 20, 24)"}
GRAVE = ("serious", "critical")
# Findings in elements that Streamlit makes and that the app cannot change: rule, selector.
STREAMLIT = [
    # A popover scrolls without anything in it to focus. Browsers let the keyboard scroll it.
    ("scrollable-region-focusable", '[data-testid="stPopoverBody"]'),
    # So does a long formula of KaTeX.
    ("scrollable-region-focusable", ".katex-display"),
    # A short message is called a dialog, without a name.
    ("aria-dialog-name", '[data-testid="stToast"]'),
    # A table without rows says "empty" in a pale grey.
    ("color-contrast", '[data-testid="stTableStyledEmptyTableCell"]'),
]
# Unlike `axe_playwright_python.Axe.run`, it needs no `eval`, which the app's policy forbids.
AUDIT = """async ([within, listed, rules]) => {
  const ends = (animation) => animation.playState === "running"
    && Number.isFinite(animation.effect.getComputedTiming().endTime);
  // One that is cancelled has ended, too. One that stands still although it runs ends the wait.
  await Promise.race([
    Promise.allSettled(document.getAnimations().filter(ends).map(({ finished }) => finished)),
    new Promise((done) => setTimeout(done, 10000)),
  ]);
  const { violations } = await axe.run(within, {
    resultTypes: ["violations"], elementRef: true, ...(rules ? { runOnly: rules } : {}) });
  const excused = (rule, node) =>
    listed.some(([name, selector]) =>
      name === rule && node.element?.matches(selector));
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.filter((node) => !excused(id, node)).map((node) => ({
      rule: id, impact, html: node.html.slice(0, 300), why: node.failureSummary })));
}"""
# The element with the focus and whether a ring is drawn around it.
FOCUSED = """() => {
  let at = document.activeElement;
  const outside = at;
  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
  return {
    ours: at !== outside || at.closest('[data-testid*="Nav"]') !== null,
    ring: (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none",
    name: at.getAttribute("aria-label") ?? at.textContent.slice(0, 60),
    tag: at.tagName,
  };
}"""


@pytest.fixture(scope="module")
def address(other, tmp_path_factory):
    """An app that has the shipped model, another one, and a run with its command."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run = folder / "runs" / "cats"
    run.mkdir(parents=True)
    (run / "log.jsonl").write_text(json.dumps({"kimg": 4.0, "d_loss": 1.2, "g_loss": 0.8}) + "\n")
    arguments = ["train", "photos", "--name", "cats", "--kimg", "200", "--seed", "1"]
    (run / "started.json").write_text(json.dumps({"arguments": arguments, "cwd": str(folder)}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(run_list.VARIABLE, str(folder / "runs"))
        with running(folder, "--checkpoints", AVATARS, other) as address:
            yield address


def findings(page, within="body", schemes=tuple(BACKGROUNDS)):
    """What axe-core finds on a page in light and in dark, less Streamlit's own."""
    found = []
    for scheme in schemes:
        colour = BACKGROUNDS[scheme]
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(
            "colour => getComputedStyle(document.querySelector('.stApp'))"
            ".backgroundColor === colour",
            arg=colour,
        )
        for _ in range(3):  # what is faded because the page is being drawn again is no finding
            # Only colours differ in the dark.
            rules = ["color-contrast"] if scheme == "dark" and len(schemes) > 1 else None
            audit = page.evaluate(AUDIT, [within, STREAMLIT, rules])
            grave = [one for one in audit if one["impact"] in GRAVE]
            if not grave:
                break
            idle(page)
            for _ in range(30):
                next_frame(page)
        found += [(scheme, one["rule"], one["html"], one["why"]) for one in grave]
    page.emulate_media(color_scheme="light")
    return found


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious_on_any_page(visit, path):
    page = visit(path + ("?run=cats" if path == "train" else ""), reduced_motion="reduce")
    idle(page)
    page.locator(".stMain [data-testid=stHeading]").first.wait_for()
    page.evaluate(Axe().axe_script)
    page.evaluate(
        "() => document.querySelectorAll('.stMain details:not([open]) > summary')"
        ".forEach((summary) => summary.click())"
    )
    idle(page)
    assert findings(page) == []
    for button in page.locator('.stMain [data-testid="stPopoverButton"]:enabled').all():
        button.click()
        body = page.get_by_test_id("stPopoverBody")
        body.wait_for()
        assert findings(page, '[data-testid="stPopoverBody"]', ("light",)) == []
        page.keyboard.press("Escape")
        body.wait_for(state="detached")


def test_axe_finds_nothing_serious_in_the_tray_and_in_a_dialog(visit):
    page = visit("browse?model=avatars&sort=seed")
    tile(page, 3).click()
    on_tray(page, 1)
    page.evaluate(Axe().axe_script)
    assert findings(page) == []
    tile(page, 3).click()
    page.get_by_role("dialog").wait_for()
    idle(page)
    assert findings(page, '[data-testid="stDialog"]') == []


@pytest.mark.parametrize("path", ["", "browse", "latents", "arithmetic", "train"])
def test_a_ring_shows_where_the_keyboard_is(visit, path):
    page = visit(path, reduced_motion="reduce")
    idle(page)
    page.locator(".stMain [data-testid=stHeading]").first.wait_for()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        for _ in range(30):  # a ring may fade in
            if seen[-1]["ring"]:
                break
            next_frame(page)
            seen[-1] = page.evaluate(FOCUSED)
    ours = [at for at in seen if at["ours"] or at["tag"] in ("A", "BUTTON", "SUMMARY")]
    assert len(ours) >= 6  # the pages in the navigation, at least
    assert [at for at in ours if not at["ring"]] == []


@pytest.mark.parametrize("way", ["Escape", "Close"])
def test_the_focus_returns_to_the_picture_whose_dialog_was_open(visit, way):
    page = visit("browse?model=avatars&sort=seed")
    tile(page, 5).click()
    on_tray(page, 1)
    tile(page, 5).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    if way == "Escape":
        page.keyboard.press("Escape")
    else:
        dialog.get_by_role("button", name="Close").click()
    dialog.wait_for(state="detached")
    page.wait_for_function(
        "() => document.activeElement.shadowRoot?.activeElement?.getAttribute('aria-label')"
        ".startsWith('Sample of seed 5,')"
    )


def test_pictures_say_what_they_show(visit):
    page = visit("browse?model=avatars&sort=seed")
    assert " hair colour: " in tile(page, 1).get_attribute("aria-label")
    page.goto(page.url.replace("browse", "latents"))
    label = page.locator(".live canvas[aria-label^='Picture of avatars, seed ']")
    label.wait_for()
    spoken = page.locator(".st-key-spoken-latents-canvas")
    spoken.get_by_text("The picture shows: ").wait_for(state="attached")
    assert " hair colour: " in spoken.text_content()
    assert spoken.locator("xpath=..").bounding_box()["height"] == 1  # heard, and not seen
    address_has(page, "model=avatars")


def test_an_open_list_of_terms_can_be_read_in_the_dark(visit):
    """Streamlit's colour of an open or hovered button without a border is too dark there."""
    page = visit("arithmetic?model=avatars", color_scheme="dark")
    terms = page.locator(".st-key-page-links").get_by_role("button", name="Terms")
    terms.click()
    page.get_by_text("Exemplar and concept.").wait_for()
    page.wait_for_function(
        "button => getComputedStyle(button).color === 'rgb(110, 168, 255)'",
        arg=terms.element_handle(),
    )
