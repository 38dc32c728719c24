"""Two models, or two states of one, side by side in Chromium: painted, and following one drag."""

import numpy as np
import pytest

import gan_core
from browsing import (
    address_has,
    apart,
    drawn,
    exact,
    grid,
    idle,
    no_trouble,
    pixels,
    running,
    view_button,
)
from gan_core.training import earlier
from support import AVATARS, save_checkpoint

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

TIED = AVATARS.parent / "avatars-tied"
pytestmark = pytest.mark.skipif(
    not (TIED / "model.json").exists(), reason="needs checkpoints/avatars and avatars-tied"
)


@pytest.fixture(scope="module")
def alpha(tmp_path_factory):
    """The folder of a model with one earlier state, which is of other weights."""
    place = tmp_path_factory.mktemp("checkpoints")
    directory = save_checkpoint(place / "alpha", statistics=True, seed=1)
    then = gan_core.load(save_checkpoint(place / "then", statistics=True, seed=2))
    earlier.keep(directory, then.generator, 12_000)
    return directory


@pytest.fixture(scope="module")
def address(alpha, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with running(elsewhere, "--checkpoints", AVATARS, TIED, alpha) as address:
        yield address


@pytest.fixture(scope="module")
def tied():
    return gan_core.load(TIED)


@pytest.mark.parametrize("way", ["sliders", "pad"])
def test_both_are_painted_at_the_same_size_and_follow_a_drag(visit, avatars, tied, way):
    page = visit(
        f"latents?model=avatars&start=7&way={way}&corners=7,8,9,10&x=0&y=0&beside=avatars-tied"
    )
    expect(page.locator(".live .names span")).to_have_text(["avatars", "avatars-tied"])
    before = exact(page)
    smaller = drawn(tied, 7).repeat(2, axis=0).repeat(2, axis=1)
    both = np.concatenate([drawn(avatars, 7), smaller], axis=1)
    assert before.shape == both.shape
    assert apart(before, both) < 2
    if way == "sliders":  # they are sorted anew when their strengths are known
        expect(page.get_by_text("Strongest 1 to 10")).to_be_visible()
    idle(page)
    exact(page)
    page.locator(".live input[type=range]").first.press("End")
    page.wait_for_function("() => /coords=|[?&]x=1/.test(location.search)")
    after = exact(page)
    side = before.shape[0]
    assert apart(before[:, :side], after[:, :side]) > 2
    assert apart(before[:, side:], after[:, side:]) > 2
    no_trouble(page)


def test_an_earlier_state_is_chosen_in_view_and_drawn_beside_the_model(visit, alpha):
    now, then = gan_core.load(alpha), earlier.load(alpha, 12_000)
    page = visit("latents?model=alpha&start=7")
    idle(page)
    view_button(page).click()
    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option", name="alpha at 12 kimg").click()
    address_has(page, "beside=alpha@12")
    expect(page.locator(".live .names span")).to_have_text(["alpha", "alpha at 12 kimg"])
    idle(page)
    ours, theirs = drawn(now, 7), drawn(then, 7)
    assert apart(ours, theirs) > 8
    assert apart(exact(page), np.concatenate([ours, theirs], axis=1)) < 2
    no_trouble(page)


def test_a_link_shows_samples_of_an_earlier_state_beside_those_of_the_model(visit, alpha):
    then = earlier.load(alpha, 12_000)
    page = visit("browse?model=alpha&beside=alpha@12&n=16&sort=seed")
    expect(page.get_by_text("alpha at 12 kimg", exact=True).first).to_be_visible()
    tiles = grid(page, "Samples of alpha at 12 kimg").locator(".tile")
    expect(tiles).to_have_count(16)
    for tile in tiles.all():
        seed = int(tile.get_attribute("aria-label").split()[1])  # "Seed 7 of alpha at 12 kimg"
        assert apart(pixels(tile), drawn(then, seed)) < 6  # the sheet is compressed
    no_trouble(page)
