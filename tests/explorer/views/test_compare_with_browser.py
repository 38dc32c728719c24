"""Two models side by side in Chromium: both painted, of the same latent, and following one drag."""

import numpy as np
import pytest

import gan_core
from browsing import apart, drawn, exact, idle, no_trouble, running
from support import AVATARS

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

TIED = AVATARS.parent / "avatars-tied"
pytestmark = pytest.mark.skipif(
    not (TIED / "model.json").exists(), reason="needs checkpoints/avatars and avatars-tied"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with running(tmp_path_factory.mktemp("elsewhere"), "--checkpoints", AVATARS, TIED) as address:
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
    both = np.concatenate([drawn(avatars, 7), drawn(tied, 7)], axis=1)
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
