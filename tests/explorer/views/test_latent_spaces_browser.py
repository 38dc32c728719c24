"""A drag in w in Chromium: what is painted is the view of the model in w."""

import re

import numpy as np
import pytest

import gan_core
from browsing import address_has, apart, drawn, exact, idle, no_trouble, running, view_button
from gan_core.latent_space import directions, discover_directions
from support import save_checkpoint

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect


@pytest.fixture(scope="module")
def alpha(tmp_path_factory):
    """A tiny model with a mapping network, whose pictures differ a lot."""
    place = tmp_path_factory.mktemp("checkpoints") / "alpha"
    save_checkpoint(place, architecture={"name": "style", "ngf": 4, "ndf": 2}, seed=1)
    for space in ("z", "w"):
        model = gan_core.load(place, space=space)
        directions.save(model, discover_directions.discover(model, k=2))
    return place


@pytest.fixture(scope="module")
def address(alpha, tmp_path_factory):
    plain = save_checkpoint(tmp_path_factory.mktemp("more") / "plain", statistics=True, seed=2)
    folders = ("--checkpoints", alpha, plain)
    with running(tmp_path_factory.mktemp("elsewhere"), *folders) as address:
        yield address


@pytest.mark.parametrize("option", ["", "&browser=1"])
def test_a_drag_moves_the_picture_in_w(visit, alpha, option):
    model = gan_core.load(alpha, space="w")
    page = visit(f"latents?model=alpha&start=7&latent=w&psi=0.5{option}")
    if option:
        # The export takes a minute on a busy machine.
        page.locator('.live[data-engine="ready"]').wait_for(timeout=300_000)
    idle(page)
    assert apart(exact(page), drawn(model, 7, 0.5)) < 2
    sliders = page.locator(".live input[type=range]")
    expect(sliders).to_have_count(8)
    expect(page.locator(".live")).to_contain_text("w0")
    sliders.first.press("End")
    page.wait_for_function("() => location.search.includes('coords=')")
    place, value = map(float, re.search(r"coords=(\d+)(?:%3A|:)([\d.]+)", page.url).groups())
    z = np.float32(0.5) * model.prior.sample(1, seed=7)
    z[0, int(place)] = value
    after = exact(page)
    assert apart(after, model.generate(z)[0]) < 2
    assert apart(after, drawn(model, 7, 0.5)) > 2
    no_trouble(page)


def test_the_space_is_chosen_in_view(visit, alpha):
    in_z, in_w = (gan_core.load(alpha, space=space) for space in ("z", "w"))
    page = visit("latents?model=alpha&start=7&latent=z&psi=0.3")
    idle(page)
    assert apart(exact(page), drawn(in_z, 7, 0.3)) < 2
    view_button(page).click()
    page.get_by_role("radio", name="w", exact=True).click()
    address_has(page, "latent=w")
    idle(page)
    assert apart(exact(page), drawn(in_w, 7, 0.3)) < 2
    assert apart(drawn(in_z, 7, 0.3), drawn(in_w, 7, 0.3)) > 2
    no_trouble(page)


def test_the_slider_of_psi_stays_where_it_is_when_its_limits_change(visit):
    page = visit("browse?model=plain&n=16")
    idle(page)
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="alpha", exact=True).click()
    slider = page.locator(".stMain").get_by_role("slider", name="Truncation ψ")
    slider.wait_for()
    idle(page)
    expect(page.locator(".stMain").get_by_test_id("stSliderThumbValue").first).to_have_text("1.00")
    slider.press("ArrowLeft")
    address_has(page, "psi=0.95")
    no_trouble(page)
