"""Copying a link, what it leaves out, and messages that cover no control, in a real browser."""

import json

import numpy as np
import pytest

import browsing
from browsing import PHONE, grid, no_trouble, on_tray, tile, unfold
from explorer.state import tray
from support import needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}
WITH_A_VIEW = (
    *("browse", "latents", "interpolate", "directions", "arithmetic", "photo", "neighbours"),
    *("memorisation", "lessons", "game", "train", "import", "card", "about"),
)
# The visible controls that a message covers, by their text.
COVERED = """() => {
  const toast = document.querySelector("[data-testid=stToast]").getBoundingClientRect();
  const controls = "button, a, input, textarea, select, [role=slider], [role=combobox]";
  return [...document.querySelectorAll(controls)].filter((one) => {
    const box = one.getBoundingClientRect();
    return !one.closest("[data-testid=stToastContainer]") && box.width && box.height
      && one.checkVisibility({ visibilityProperty: true })
      && box.left < toast.right && toast.left < box.right
      && box.top < toast.bottom && toast.top < box.bottom;
  }).map((one) => one.innerText || one.ariaLabel || one.outerHTML.slice(0, 200));
}"""


@needs_avatars
def test_the_button_copies_what_the_address_bar_holds(visit):
    page = visit("browse?model=avatars&n=16&seed=0", **CLIPBOARD)
    tile(page, 3).click()
    browsing.address_has(page, "tray=avatars:3")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Link copied.", exact=True).wait_for()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == page.url
    again = visit(copied.split("/", 3)[3])
    on_tray(again, 1)
    no_trouble(page)


@needs_avatars
def test_without_a_clipboard_for_pages_it_copies_all_the_same(visit):
    page = visit("about", **CLIPBOARD)
    page.get_by_role("button", name="Copy link").wait_for()
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    copied = page.evaluate_handle(
        "() => { const seen = []; document.addEventListener('copy', () =>"
        " seen.push(document.activeElement.value)); return seen; }"
    )
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Link copied.", exact=True).wait_for()
    assert copied.json_value() == [page.url]


@needs_avatars
def test_a_copied_link_says_what_it_leaves_out(visit, avatars):
    page = visit("browse?model=avatars&n=16&seed=0", **CLIPBOARD)
    grid(page)
    unfold(page, "Save and load")
    z = np.zeros(avatars.prior.size, np.float32)
    item = tray.Item("Moved", "avatars", avatars.hash, None, 1.0, z)
    file = {"name": "tray.json", "mimeType": "application/json"}
    page.locator("input[type=file]").set_input_files(
        {**file, "buffer": tray.to_json([item]).encode()}
    )
    page.get_by_role("button", name="Replace").click()
    on_tray(page, 1)
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("It leaves out: 1 picture of the tray without a seed.").wait_for()


@needs_avatars
@pytest.mark.parametrize("viewport", [None, PHONE, {"width": 1024, "height": 768}])
def test_a_message_covers_no_control(visit, viewport):
    page = visit("browse?model=avatars&n=16&seed=0", viewport)
    tile(page, 3).click()
    page.get_by_test_id("stToast").get_by_text("Seed 3 is on the tray").wait_for()
    assert page.evaluate(COVERED) == []
    inside = (
        "() => document.querySelector('[data-testid=stToast]').getBoundingClientRect().toJSON()"
    )
    box = page.evaluate(inside)
    assert box["top"] >= 0
    assert box["left"] >= 0
    assert box["right"] <= page.viewport_size["width"]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_A_VIEW)
def test_every_page_with_a_view_has_the_button(two_models, open_app, path):
    app = open_app(path, model="alpha")
    assert not app.exception
    labels = [json.loads(json.loads(c.proto.json)["json"]) for c in app.get("bidi_component")]
    assert {"label": "Copy link"} in labels


def test_the_start_page_has_nothing_to_copy(two_models, open_app):
    app = open_app("start")
    labels = [json.loads(json.loads(c.proto.json)["json"]) for c in app.get("bidi_component")]
    assert labels
    assert {"label": "Copy link"} not in labels
