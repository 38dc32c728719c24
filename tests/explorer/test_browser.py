"""The app in a real browser: what is painted, clicked, linked and downloaded.

Nothing here measures time; the timeouts only end a test that would wait for ever.
"""

import io
import json
import re
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
from PIL import Image

import gan_core
from browsing import (
    PHONE,
    address_has,
    apart,
    decode,
    download,
    drawn,
    exact,
    go_to,
    grid,
    halved,
    large,
    no_trouble,
    on_tray,
    pixels,
    query,
    tile,
    unfold,
    until,
    view_button,
)
from explorer.state import tray
from gan_core import latent
from support import needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

pytestmark = needs_avatars


def test_the_first_samples_are_painted(visit, avatars):
    page = visit("?model=avatars&n=16&seed=0")
    tiles = grid(page).locator(".tile")
    expect(tiles).to_have_count(16)
    for seed in (0, 1, 7, 15):
        painted = pixels(tiles.nth(seed))
        assert apart(painted, drawn(avatars, seed)) < 6
        assert apart(painted, drawn(avatars, seed + 1)) > 6
    no_trouble(page)


@pytest.mark.parametrize("page_name", ["browse", "arithmetic"])
def test_what_a_link_says_is_shown_and_never_followed(visit, page_name):
    requested = []
    page = visit(f"{page_name}?model=avatars&n=16")
    page.context.on("request", lambda request: requested.append(request.url))
    hostile = "%21%5Bseen%5D%28http%3A//127.0.0.1%3A9/seen.png%29"
    page.goto(urljoin(page.url, f"{page_name}?model={hostile}&run={hostile}&seed={hostile}"))
    expect(page.get_by_text("![seen](http://127.0.0.1:9/seen.png)").first).to_be_visible()
    assert [url for url in requested if "127.0.0.1:9/" in url] == []


def test_every_picture_is_a_button_with_alternative_text(visit):
    page = visit("?model=avatars&n=16&seed=5")
    names = grid(page).get_by_role("button").evaluate_all("all => all.map(b => b.ariaLabel)")
    assert len(names) == 16
    for seed, name in enumerate(names, 5):
        assert re.fullmatch(rf"Sample of seed {seed}, D\(x\) [01]\.\d\d: .+", name)


def test_a_click_puts_a_picture_on_the_tray_and_the_next_enlarges_it(visit, avatars):
    page = visit("?model=avatars&n=16&seed=0")
    tile(page, 3).click()
    on_tray(page, 1)
    expect(tile(page, 3)).to_have_attribute("aria-pressed", "true")
    expect(tile(page, 4)).to_have_attribute("aria-pressed", "false")
    address_has(page, "tray=avatars:3")
    expect(page.get_by_role("dialog")).to_have_count(0)
    thumbnail = pixels(grid(page, "Pictures on the tray").locator(".tile").first)
    assert apart(thumbnail, halved(drawn(avatars, 3))) < 6

    tile(page, 3).click()
    dialog = page.get_by_role("dialog")
    z = avatars.prior.sample(1, seed=3)
    score = avatars.realness(avatars.generate(z))[0]
    for value in (f"{score:.3f}", f"{np.linalg.norm(z):.2f}"):
        expect(dialog.get_by_text(value, exact=True)).to_be_visible()
    expect(dialog.get_by_text("D(x)", exact=True)).to_be_visible()
    on_tray(page, 1)

    name, content = download(dialog.page, "Latent, JSON")
    assert name == "avatars-3.json"
    assert np.array_equal(np.float32(json.loads(content)["z"]), z[0])
    _, content = download(dialog.page, f"PNG, {avatars.size} px")
    assert np.array_equal(decode(content), drawn(avatars, 3))


def test_a_reloaded_link_shows_the_same_pictures_and_tray(visit):
    page = visit("?model=avatars&n=16&seed=40&psi=0.7&sort=real")
    tiles = grid(page).locator(".tile")
    tile(page, 44).click()
    on_tray(page, 1)
    address_has(page, "tray=avatars:44@0.7")
    before = [pixels(tiles.nth(i)) for i in (0, 5, 15)]
    names = tiles.evaluate_all("all => all.map(b => b.ariaLabel)")

    again = visit(page.url.split("/", 3)[3])
    tiles = grid(again).locator(".tile")
    on_tray(again, 1)
    assert tiles.evaluate_all("all => all.map(b => b.ariaLabel)") == names
    for i, picture in zip((0, 5, 15), before, strict=True):
        assert np.array_equal(pixels(tiles.nth(i)), picture)
    no_trouble(again)


def test_the_keyboard_walks_the_grid_and_picks(visit):
    page = visit("?model=avatars&n=16&seed=20")
    tile(page, 20).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(tile(page, 21)).to_be_focused()
    page.keyboard.press("Enter")
    on_tray(page, 1)
    address_has(page, "tray=avatars:21")
    expect(tile(page, 21)).to_be_focused()  # where it was before the page was redrawn
    page.keyboard.press("End")
    expect(tile(page, 35)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tile(page, 35)).to_be_focused()


def test_only_one_tile_of_a_grid_is_a_tab_stop(visit):
    page = visit("?model=avatars&n=16&seed=0")
    stops = grid(page).locator(".tile").evaluate_all("all => all.map(b => b.tabIndex)")
    assert stops == [0] + [-1] * 15


@pytest.mark.parametrize("path", ["", "interpolate", "card"])
def test_nothing_overflows_a_phone(visit, path):
    page = visit(f"{path}?model=avatars", PHONE)
    page.get_by_role("heading", level=1).or_(page.get_by_role("combobox")).first.wait_for()
    if path == "card":
        large(page)
    else:
        grid(page, "Samples" if path == "" else "Filmstrip")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    wide = page.locator("[data-testid=stMain]").evaluate("main => main.scrollWidth")
    assert wide <= PHONE["width"]
    no_trouble(page)


def test_a_touch_on_a_phone_picks(visit):
    page = visit("?model=avatars&n=16&seed=0", PHONE)
    tile(page, 1).click()
    address_has(page, "tray=avatars:1")


def test_the_filmstrip_is_painted_and_a_frame_can_be_clicked(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9&step=4")
    frames = grid(page, "Filmstrip").locator(".tile")
    expect(frames).to_have_count(5)
    z = np.concatenate([avatars.prior.sample(1, seed=seed) for seed in (3, 9)])
    for i, picture in enumerate(avatars.generate(latent.path(z, 5, "slerp"))):
        assert apart(pixels(frames.nth(i)), picture) < 6
    frames.nth(2).click()
    expect(page.get_by_text("Position 0.50")).to_be_visible()
    address_has(page, "at=0.5")
    assert np.array_equal(exact(page), avatars.generate(latent.at(z, [0.5]))[0])


def test_the_films_are_valid_files(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9&step=4&mode=both")
    grid(page, "Filmstrip, Lerp")
    z = np.concatenate([avatars.prior.sample(1, seed=seed) for seed in (3, 9)])
    slerp, lerp = (avatars.generate(latent.path(z, 5, mode)) for mode in latent.MODES)

    name, content = download(page, "Save the frames, PNG")
    assert name == "avatars-both.png"
    strip = decode(content)
    side = avatars.size
    assert strip.shape == (side, 5 * 2 * side, 3)
    assert apart(strip[:, :side], slerp[0]) < 1
    assert apart(strip[:, 5 * side : 6 * side], lerp[2]) < 1


@pytest.mark.parametrize("kind", ["GIF", "MP4", "WebM"])
def test_a_film_plays_in_the_browser_and_is_saved(visit, avatars, kind):
    page = visit(
        "interpolate?model=avatars&keys=3,9&step=4&mode=both&seconds=3&pingpong=1&side=128"
    )
    page.get_by_role("button", name="Show the film").click()
    playing = page.locator(".film img[data-frame]")
    playing.wait_for()
    box = playing.bounding_box()
    assert abs(box["width"] / box["height"] - 2) < 0.02  # two paths side by side
    assert page.get_by_role("slider", name="Film of avatars").get_attribute("max") == "30"
    page.get_by_role("button", name="Play").click()
    until(page, lambda: int(playing.get_attribute("data-frame")) > 3)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name=f"Make {kind}").click()
    name, content = download(page, f"Save {kind}")
    assert name == f"avatars-both.{kind.lower()}"
    if kind == "GIF":
        film = Image.open(io.BytesIO(content))
        assert (film.n_frames, film.size, film.info["duration"]) == (60, (256, 128), 50)
        return
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(content)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert (len(frames), frames[0].shape) == (60, (128, 256, 3))
    z = np.concatenate([avatars.prior.sample(1, seed=seed) for seed in (3, 9)])
    first, last = avatars.generate(z)
    assert apart(frames[0][:, :128], first) < 12
    assert apart(frames[30][:, :128], last) < 12


def test_the_tray_is_saved_and_loaded(visit, avatars):
    page = visit("?model=avatars&n=16&seed=0&tray=avatars:3,other:4@0.5")
    on_tray(page, 2)
    unfold(page, "Save and load")
    name, content = download(page, "Save tray")
    assert name == "tray.json"
    items = tray.from_json(content)
    assert [(i.model, i.seed, i.psi) for i in items] == [("avatars", 3, 1.0), ("other", 4, 0.5)]
    assert np.array_equal(items[0].z, avatars.prior.sample(1, seed=3)[0])

    fresh = visit("?model=avatars&n=16&seed=0")
    grid(fresh)
    unfold(fresh, "Save and load")
    file = {"name": "tray.json", "mimeType": "application/json", "buffer": content}
    fresh.locator("input[type=file]").set_input_files(file)
    fresh.get_by_role("button", name="Replace").click()
    on_tray(fresh, 2)
    address_has(fresh, "tray=avatars:3,other:4@0.5")


def test_values_that_cannot_be_read_are_one_warning(visit):
    page = visit("?model=avatars&seed=x&psi=nan&n=7&tray=%3Cb%3E")
    expect(grid(page).locator(".tile")).to_have_count(36)
    alerts = page.locator("[data-testid=stAlert]")
    expect(alerts).to_have_count(1)
    expect(alerts).to_contain_text("seed, psi, n, tray")
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_another_model_keeps_the_tray(visit, other):
    page = visit("?model=avatars&n=16&seed=0&tray=avatars:3")
    on_tray(page, 1)
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="other").click()
    painted = pixels(grid(page, "Samples of other").locator(".tile").nth(2))
    assert painted.shape == (32, 32, 3)
    assert apart(painted, drawn(gan_core.load(other), 2)) < 12  # noise is hard on JPEG
    on_tray(page, 1)
    assert query(page)["tray"] == "avatars:3"
    no_trouble(page)


def test_the_root_is_browse_and_browse_has_its_own_address(visit):
    for path in ("?model=avatars&n=16&seed=40", "browse?model=avatars&n=16&seed=40"):
        page = visit(path)
        expect(grid(page).locator(".tile").first).to_have_attribute("aria-label", re.compile("40,"))
        assert urlsplit(page.url).path == "/browse"
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_tray_goes_along_to_another_page(visit):
    page = visit("?model=avatars&n=16&seed=0")
    for seed in (2, 6):
        tile(page, seed).click()
        on_tray(page, 2 if seed == 6 else 1)
    go_to(page, "Interpolate")
    grid(page, "Filmstrip")
    on_tray(page, 2)
    assert urlsplit(page.url).path == "/interpolate"
    page.get_by_text("Tray", exact=True).last.click()
    address_has(page, "source=tray")
    no_trouble(page)


def test_pixels_are_crisp_only_when_they_are_large(visit):
    for model, side in (("avatars", 128), ("other", 32)):
        page = visit(f"?model={model}&n=16&seed=0")
        picture = tile(page, 2).locator("canvas")
        width, shown, rendering = picture.evaluate(
            "c => [c.width, c.clientWidth, getComputedStyle(c).imageRendering]"
        )
        assert width == side
        assert rendering == ("pixelated" if shown >= 2 * side else "auto")
    assert rendering == "pixelated"  # or the test says nothing


def test_the_menus_go_along_to_another_page(visit):
    page = visit("?model=avatars&n=16&seed=0&psi=0.7&smooth=1")
    tile(page, 2).click()
    on_tray(page, 1)
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="other").click()
    address_has(page, "model=other")
    page.locator('.tiles[aria-label="Pictures on the tray"] .tile').click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Seed 2")
    for name in ("Interpolate", "Latents", "Browse", "Neighbours", "Interpolate", "Browse"):
        go_to(page, name)
        page.get_by_role("heading", name=name, exact=True).wait_for()
        address_has(page, "model=other")
        page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")
        expect(page.get_by_role("combobox", name="Model")).to_have_value("other")
        expect(page.get_by_label("Name", exact=True)).to_have_value("Seed 2")
        if name == "Browse":
            view_button(page).click()
            expect(page.get_by_role("slider", name="Truncation ψ")).to_have_value("0.7")
            page.keyboard.press("Escape")
    assert query(page)["psi"] == "0.7"


def test_one_press_of_back_leads_to_the_page_before(visit):
    page = visit("?model=avatars&n=16&seed=40")
    grid(page)
    address_has(page, "weights=")
    go_to(page, "Interpolate")
    grid(page, "Filmstrip")
    address_has(page, "keys=")
    go_to(page, "Model card")
    page.get_by_role("heading", name="Model card").wait_for()
    address_has(page, "weights=")
    page.go_back()
    grid(page, "Filmstrip")
    assert urlsplit(page.url).path == "/interpolate"
    page.go_back()
    expect(tile(page, 40)).to_be_visible()
    assert urlsplit(page.url).path == "/browse"
    assert query(page)["seed"] == "40"
