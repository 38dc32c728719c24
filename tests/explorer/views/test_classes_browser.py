"""A conditional model in Chromium: the class of keyframes and baskets, and that of all samples."""

import re

import numpy as np
import pytest

import gan_core
from browsing import (
    CHROMIUM,
    PATIENCE,
    PHONE,
    address_has,
    apart,
    exact,
    grid,
    idle,
    no_trouble,
    pixels,
    running,
)
from gan_core import latent
from gan_core.latent_space import classes
from support import save_conditional

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium")

NAMES = ["digit: 3", "digit: 5", "digit: 8"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The folder of a conditional model."""
    return save_conditional(tmp_path_factory.mktemp("models") / "digits", [3], NAMES, nz=10)


@pytest.fixture(scope="module")
def address(digits, tmp_path_factory):
    with running(tmp_path_factory.mktemp("elsewhere"), "--checkpoints", digits) as address:
        yield address


def choose(page, label, option):
    """Choose an option of the visible select box of a label."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_keyframe_changes_its_class_in_its_menu(visit, digits):
    model = gan_core.load(digits)
    page = visit("interpolate?model=digits&keys=7,7&key_classes=digit:3")
    page.get_by_role("button", name="Keyframe 1: digit 3").wait_for()
    (digit,) = classes.groups_of(model)
    z = model.prior.sample(1, 7)
    own = digit.options[classes.chosen(model, z)[0, 0]]
    page.get_by_role("button", name=f"Keyframe 2: digit {own}").click()
    other = next(option for option in ("5", "8") if option != own)
    choose(page, "Digit", other)
    page.get_by_role("button", name=f"Keyframe 2: digit {other}").wait_for()
    address_has(page, f"key_classes=digit:3;digit:{other}")
    ends = np.concatenate([classes.with_class(model, z, digit, one) for one in ("3", other)])
    expected = model.generate(latent.path(ends, 9, "slerp", False))
    tiles = grid(page, "Filmstrip").locator(".tile")
    expect(tiles).to_have_count(9)
    for i in (0, 8):
        assert apart(pixels(tiles.nth(i)), expected[i]) < 12
    assert apart(expected[0], expected[8]) > 24
    no_trouble(page)


def test_all_samples_become_of_the_class_that_is_chosen(visit, digits):
    model = gan_core.load(digits)
    page = visit("?model=digits&seed=5&n=16&sort=seed")
    grid(page)
    choose(page, "Digit", "8")
    address_has(page, "classes=digit:8")
    (digit,) = classes.groups_of(model)
    expected = model.generate(classes.with_class(model, model.prior.sample(1, 9), digit, "8"))[0]
    of_class = grid(page).locator('.tile[aria-label*="digit 8"]')
    expect(of_class).to_have_count(16, timeout=PATIENCE)
    nine = grid(page).locator('.tile[aria-label^="Sample of seed 9 as digit 8"]')
    assert apart(pixels(nine), expected) < 12
    no_trouble(page)


def test_a_basket_changes_its_class_in_its_menu(visit, digits):
    model = gan_core.load(digits)
    page = visit("arithmetic?model=digits&a=1,2&b=1,2&c=7&basket_classes=digit:3;digit:5;digit:5")
    exact(page)
    page.get_by_role("button", name="Digit 3", exact=True).click()
    choose(page, "Digit", "8")
    page.get_by_role("button", name="Digit 8", exact=True).wait_for()
    address_has(page, "basket_classes=digit:8;digit:5;digit:5")
    idle(page)
    (digit,) = classes.groups_of(model)
    one = np.concatenate([model.prior.sample(1, seed) for seed in (1, 2)])
    a, b = (classes.with_class(model, one, digit, option).mean(0) for option in ("8", "5"))
    z = classes.with_class(model, model.prior.sample(1, 7), digit, "5")[0] + a - b
    rows = np.stack([z, z * np.sqrt(len(z)) / np.linalg.norm(z)])
    expected = np.concatenate(list(model.generate(np.float32(rows))), 1)
    exemplars = page.locator('.tiles[aria-label="Exemplars of A"] .tile')
    in_a = model.generate(classes.with_class(model, one, digit, "8"))
    expect(exemplars).to_have_count(4)
    for place, picture in zip((2, 3), in_a, strict=True):
        assert apart(pixels(exemplars.nth(place)), picture) < 12
    assert apart(exact(page), expected) < 1
    no_trouble(page)


def test_a_path_through_the_classes_opens_from_latents(visit):
    page = visit("latents?model=digits&start=7")
    page.get_by_role("button", name="Morph through the classes").click()
    page.get_by_role("heading", name="Interpolate").wait_for()
    for digit in "358":
        name = re.compile(rf"Keyframe \d: digit {digit}")
        expect(page.get_by_role("button", name=name)).to_have_count(1)
    address_has(page, "keys=7,7,7")
    grid(page, "Filmstrip")
    no_trouble(page)
    page.go_back()
    page.get_by_role("heading", name="Latents").wait_for()


def test_on_a_phone_two_menus_of_keyframes_share_a_line(visit):
    page = visit("interpolate?model=digits&keys=7,7,7,7", PHONE)
    page.get_by_role("button", name="Keyframe 4").wait_for()
    idle(page)
    menus = [page.get_by_role("button", name=f"Keyframe {i}").bounding_box() for i in range(1, 5)]
    assert menus[0]["y"] == menus[1]["y"] < menus[2]["y"] == menus[3]["y"]
