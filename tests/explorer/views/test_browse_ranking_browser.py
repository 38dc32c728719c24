"""Browse in a real browser: a search through all the seeds of a model's table."""

import re

import numpy as np
import pytest

import gan_core
from browsing import PHONE, address_has, apart, drawn, grid, idle, no_trouble, pixels
from gan_core.attributes import classifier
from gan_core.metrics import seed_table
from support import AVATARS

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

pytestmark = pytest.mark.skipif(
    not (AVATARS / seed_table.FILE).exists(), reason="needs the table of checkpoints/avatars"
)


@pytest.fixture(scope="module")
def table():
    return seed_table.load(gan_core.load(AVATARS))


def shown(page):
    labels = grid(page).locator(".tile").evaluate_all("all => all.map(tile => tile.ariaLabel)")
    return [int(re.match(r"Sample of seed (\d+), realism \d\.\d\d", label)[1]) for label in labels]


def ranked(table, seeds):
    return list(seeds[np.argsort(-table.realism[seeds], kind="stable")])


def test_4096_seeds_are_searched_and_sorted(visit, avatars, table):
    page = visit("?model=avatars&n=16")
    expect(grid(page).locator(".tile")).to_have_count(16)
    assert shown(page) == table.openings[:16]
    page.get_by_text("Most realistic", exact=True).click()
    address_has(page, "sort=best")
    first = ranked(table, np.arange(4096))[0]
    grid(page).locator(".tile").first.and_(
        page.locator(f'[aria-label^="Sample of seed {first},"]')
    ).wait_for()
    assert shown(page) == ranked(table, np.arange(4096))[:16]
    known = classifier.load(AVATARS).recognised
    name = max(known, key=lambda name: len(table.search({name: True})))
    wanted = table.search({name: True})
    page.get_by_role("combobox", name="With", exact=True).click()
    page.get_by_role("option", name=classifier.readable_name(name), exact=True).click()
    address_has(page, "having=")
    expect(page.get_by_text(f"1 to 16 of {len(wanted):,} seeds", exact=True)).to_be_visible()
    first = ranked(table, wanted)[0]
    tile = page.locator(f'.tile[aria-label^="Sample of seed {first},"]')
    expect(tile).to_be_visible()
    assert shown(page) == ranked(table, wanted)[:16]
    assert apart(pixels(grid(page).locator(".tile").first), drawn(avatars, first)) < 6
    no_trouble(page)


def test_the_search_fits_a_phone(visit):
    page = visit("?model=avatars", PHONE)
    grid(page)
    idle(page)
    page.get_by_role("button", name="Search and sort", exact=True).click()
    page.get_by_role("combobox", name="With", exact=True).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
