"""The page Start and the navigation in a real browser."""

from urllib.parse import urlsplit

import pytest

import browsing
from browsing import PHONE, go_to, grid, no_trouble
from support import needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

pytestmark = needs_avatars


def position(page):
    canvas = page.locator(".loop canvas[data-at]")
    canvas.wait_for()
    return float(canvas.get_attribute("data-at"))


def test_the_loop_plays_and_stops(visit):
    page = visit("")
    first = position(page)
    browsing.until(page, lambda: position(page) > first + 1)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play").wait_for()
    browsing.next_frame(page)
    stopped = position(page)
    for _ in range(3):
        browsing.next_frame(page)
        assert position(page) == stopped
    no_trouble(page)


def test_the_loop_stands_still_where_motion_is_reduced(visit):
    page = visit("", reduced_motion="reduce")
    assert position(page) == 0
    page.get_by_role("button", name="Play").wait_for()
    for _ in range(3):
        browsing.next_frame(page)
        assert position(page) == 0
    page.get_by_role("button", name="Play").click()
    browsing.until(page, lambda: position(page) > 0)


@pytest.mark.parametrize("viewport", [None, PHONE])
def test_a_click_on_a_picture_leads_to_its_page(visit, viewport):
    page = visit("", viewport)
    position(page)
    page.locator(".st-key-place-latents .place-picture img").wait_for()
    page.locator(".st-key-place-latents").click(position={"x": 60, "y": 40})
    page.locator(".live canvas").first.wait_for()
    assert urlsplit(page.url).path == "/latents"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_page_has_its_own_title_and_old_links_open_browse(visit):
    page = visit("?model=avatars&n=16&seed=40")
    grid(page)
    expect(page).to_have_title("Browse · Latent explorer")
    assert urlsplit(page.url).path == "/browse"
    go_to(page, "Neighbours")
    expect(page).to_have_title("Neighbours · Latent explorer")
    page.get_by_role("button", name="Terms").click()
    page.get_by_text("The training image with the smallest distance").wait_for()
    page.locator(".katex").first.wait_for()
