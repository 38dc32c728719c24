"""The tour and a lesson in a real browser."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

import browsing
from browsing import PHONE, no_trouble
from explorer.state import lesson
from explorer.state.lesson import Lesson, Step
from support import needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

pytestmark = needs_avatars


def at(page, place, of):
    """Wait for the bar of a step."""
    page.locator(".st-key-lesson-bar, .st-key-lesson-large").get_by_text(
        re.compile(rf"· {place} of {of}$")
    ).wait_for()


def path(page):
    return urlsplit(page.url).path


@pytest.mark.parametrize("viewport", [None, PHONE])
def test_the_tour_runs_through_the_pages_and_survives_a_reload(visit, viewport):
    page = visit("", viewport)
    page.get_by_role("button", name=re.compile("Take the tour")).click()
    steps = lesson.find(lesson.TOUR).steps
    for place, step in enumerate(steps, 1):
        at(page, place, len(steps))
        browsing.until(page, lambda step=step: path(page) == "/" + lesson.target(step)[0])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if place == 2:
            page.locator(".live canvas").first.wait_for()
            browsing.address_has(page, "lesson_step=1")
            page.reload()
            at(page, 2, len(steps))
        page.locator(".st-key-lesson-next button").click()
    browsing.until(page, lambda: path(page) == "/lessons")
    page.get_by_role("button", name="Begin").first.wait_for()
    assert "lesson" not in parse_qs(urlsplit(page.url).query)
    no_trouble(page)


def test_the_keys_lead_through_a_lesson_but_not_while_typing(visit):
    steps = (Step("about", "One"), Step("nowhere", "Two"), Step("card?model=avatars", "Three"))
    packed = lesson.pack(Lesson("Made here", steps))
    page = visit(f"about?lesson={packed}&large=1")
    at(page, 1, 3)
    press_until(page, "PageDown", 2)
    page.get_by_text("does not lead to a page of this app").wait_for()
    page.mouse.click(5, 400)
    press_until(page, "ArrowRight", 3)
    browsing.until(page, lambda: path(page) == "/card")
    page.get_by_role("combobox").first.focus()
    page.keyboard.press("PageUp")  # belongs to the field
    leave = page.locator(".st-key-lesson-leave button")
    expect(leave).to_have_count(1)  # the bar of the page before is gone
    leave.focus()
    press_until(page, "PageUp", 2)
    press_until(page, "PageDown", 3)
    no_trouble(page)


def press_until(page, key, place):
    """Press a key of the projector once its listener is there; the bar then shows a step."""
    page.locator(".st-key-lesson-next button:enabled").wait_for()
    page.locator('.st-key-lesson-keys [data-listening="1"]').first.wait_for(state="attached")
    page.keyboard.press(key)
    at(page, place, 3)
