"""The tray in the browser's storage, in a real browser: reloads, new tabs, links and Forget."""

import json

import numpy as np
import pytest

import browsing
from browsing import grid, no_trouble, on_tray, tile, unfold
from explorer.state import tray
from support import needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

pytestmark = needs_avatars

BROWSE = "browse?model=avatars&n=16&seed=0"
STORED = "() => localStorage.getItem('latent-explorer.v1/')"


def item(name, seed=None, **more):
    """A picture whose latent no seed has."""
    z = np.random.RandomState(1).randn(64).astype(np.float32)
    return tray.Item(name, "avatars", "0", seed, 1.0, z, **more)


def load(page, *items):
    """Put items on the tray, from a file."""
    unfold(page, "Save and load")
    content = tray.to_json(items).encode()
    file = {"name": "tray.json", "mimeType": "application/json", "buffer": content}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Replace").click()
    on_tray(page, len(items))


def is_stored(page, words):
    """Wait until the browser has stored words."""
    page.wait_for_function(f"words => (({STORED})() ?? '').includes(words)", arg=words)


def names(page):
    tiles = grid(page, "Pictures on the tray").locator(".tile .caption")
    return [text for text in tiles.all_text_contents() if text]


def second_tab(page, path=BROWSE):
    """Another tab of the same browser."""
    tab = page.context.new_page()
    tab.goto(f"{page.url.split('/browse')[0]}/{path}")
    return tab


def test_moved_latents_names_and_order_survive_a_reload_and_a_new_tab(visit, avatars):
    page = visit(BROWSE)
    nz = avatars.prior.size
    z = np.random.RandomState(1).randn(nz).astype(np.float32)
    moved = tray.Item("Moved", "avatars", avatars.hash, None, 1.0, z)
    seeded = tray.Item(
        "My name", "avatars", avatars.hash, 3, 1.0, avatars.prior.sample(1, seed=3)[0]
    )
    load(page, moved, seeded)
    is_stored(page, "Moved")
    page.reload()
    on_tray(page, 2)
    assert names(page) == ["Moved", "My name"]
    drawn = browsing.pixels(grid(page, "Pictures on the tray").locator(".tile").first)
    assert browsing.apart(drawn, browsing.halved(avatars.generate(z[None])[0])) < 6
    tab = second_tab(page)
    on_tray(tab, 2)
    assert names(tab) == ["Moved", "My name"]
    # What the new tab adds is there for the next, and the first keeps its own.
    tile(tab, 5).click()
    on_tray(tab, 3)
    is_stored(tab, "Seed 5")
    on_tray(second_tab(page), 3)
    page.reload()
    on_tray(page, 2)
    browsing.until(page, lambda: page.evaluate(STORED) and "Seed 5" in page.evaluate(STORED))
    no_trouble(page)


def test_a_link_shows_its_own_tray_and_overwrites_nobody_s(visit):
    page = visit(BROWSE)
    tile(page, 3).click()
    is_stored(page, "Seed 3")
    tab = second_tab(page, f"{BROWSE}&tray=avatars:9")
    tab.get_by_text("This tray came with the link").wait_for()
    browsing.idle(tab)
    tile(tab, 4).click()
    on_tray(tab, 2)
    assert "Seed 3" in tab.evaluate(STORED)
    assert "Seed 4" not in tab.evaluate(STORED)
    tab.reload()
    on_tray(tab, 2)
    tab.get_by_role("button", name="Add mine").wait_for()
    browsing.idle(tab)
    tab.get_by_role("button", name="Add mine").click()
    on_tray(tab, 3)
    is_stored(tab, "Seed 9")
    assert names(tab) == ["9", "4", "3"]
    expect(tab.get_by_text("This tray came with the link")).to_have_count(0)
    no_trouble(tab)


def test_forget_removes_everything_and_stores_nothing_more(visit):
    page = visit(BROWSE)
    tile(page, 3).click()
    is_stored(page, "Seed 3")
    unfold(page, "Save and load")
    browsing.idle(page)
    page.get_by_role("button", name="Forget").click()
    page.get_by_text("Nothing is stored in this browser").wait_for()
    page.wait_for_function(f"() => ({STORED})() === 'off'")
    tile(page, 4).click()
    on_tray(page, 2)
    everything = "() => JSON.stringify([{...localStorage}, {...sessionStorage}])"
    assert "Seed" not in page.evaluate(everything)
    tab = second_tab(page)
    unfold(tab, "Save and load")
    tab.get_by_text("Nothing is stored in this browser").wait_for()
    tile(tab, 6).click()
    on_tray(tab, 1)  # not one of those of the first tab
    browsing.idle(tab)
    tab.get_by_role("button", name="Store it in this browser").click()
    is_stored(tab, "Seed 6")
    no_trouble(page)


def test_forget_stays_where_it_is_while_the_field_above_it_is_fetched(visit):
    page = visit("about")
    page.get_by_text("Save and load").wait_for()
    held = []
    page.route("**/FileUploader*.js", lambda route: held.append(route))
    page.reload()
    unfold(page, "Save and load")
    forget = page.get_by_role("button", name="Forget")
    forget.click(trial=True)  # waits until it stands still
    browsing.until(page, lambda: held)
    before = forget.bounding_box()
    for route in held:
        route.continue_()
    page.get_by_test_id("stFileUploaderDropzone").wait_for()
    assert forget.bounding_box()["y"] == pytest.approx(before["y"], abs=1)


def test_a_latent_from_a_photo_is_stored_only_when_a_person_says_so(visit, avatars):
    page = visit(BROWSE)
    z = np.zeros(avatars.prior.size, np.float32)
    found = tray.Item("Me", "avatars", avatars.hash, None, 1.0, z, from_photo=True)
    path = tray.Item("Path", "avatars", avatars.hash, None, 1.0, z)
    load(page, found, path)
    is_stored(page, "Path")
    everything = "() => JSON.stringify([{...localStorage}, {...sessionStorage}])"
    assert "Me" not in page.evaluate(everything)
    grid(page, "Pictures on the tray")
    assert page.get_by_label("On the tray: Me (avatars, from a photo)").count()
    page.get_by_text("Store latents from a photo, too").click()
    is_stored(page, '"Me"')
    page.reload()
    on_tray(page, 2)
    assert names(page) == ["Me", "Path"]
    no_trouble(page)


HOSTILE = (
    "{",
    '{"format": "latent-explorer", "version": 2}',
    json.dumps({"format": "latent-explorer", "version": 1, "tray": {"items": "<img src=x>"}}),
    '{"format": "latent-explorer", "version": 1, "tray": '
    + tray.to_json([item("![a](http://127.0.0.1:9/a.png)")])
    + "}",
)


@pytest.mark.parametrize("text", HOSTILE, ids=["no JSON", "version", "no tray", "wrong length"])
def test_what_strangers_wrote_is_one_sentence(visit, text):
    page = visit("about")
    page.get_by_role("heading", name="About").wait_for()
    page.evaluate("text => localStorage.setItem('latent-explorer.v1/', text)", text)
    requested = []
    tab = page.context.new_page()
    tab.on("request", lambda request: requested.append(request.url))
    tab.goto(page.url.split("/about")[0] + "/" + BROWSE)
    alert = tab.locator("[data-testid=stAlert]")
    expect(alert).to_have_count(1)
    expect(alert).to_contain_text("had stored was ignored")
    assert [url for url in requested if "127.0.0.1:9/" in url] == []
    tile(tab, 3).click()
    is_stored(tab, "Seed 3")  # the app goes on, and stores what is there now
    expect(tab.locator("[data-testid=stException]")).to_have_count(0)


def test_a_lesson_survives_a_reload(visit):
    page = visit("about")
    page.get_by_role("button", name="Add this view to a lesson").click()
    is_stored(page, "lesson")
    page.goto(page.url.split("/about")[0] + "/lessons")
    title = page.get_by_label("Title of step 1")
    expect(title).to_have_value("About")
    page.get_by_text("This lesson is stored in this browser").wait_for()
    no_trouble(page)


def test_a_browser_that_refuses_says_so(visit):
    page = visit("about")
    page.get_by_role("heading", name="About").wait_for()
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }});"
    page.context.add_init_script(refuse)
    tab = page.context.new_page()
    tab.goto(page.url.split("/about")[0] + "/" + BROWSE)
    tile(tab, 3).click()
    on_tray(tab, 1)
    unfold(tab, "Save and load")
    tab.get_by_text("does not let the app store anything").wait_for()
