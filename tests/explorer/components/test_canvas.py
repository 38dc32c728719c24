"""The live canvas in a real browser: what a drag paints, what it sends, and what is left of it."""

import re
import threading

import numpy as np
import pytest

import gan_core
from browsing import (
    PHONE,
    address_has,
    apart,
    canvas_pixels,
    exact,
    next_frame,
    no_trouble,
    on_tray,
    query,
    running,
    shown,
    until,
    view_button,
)
from explorer.components import browser_rendering, strips
from explorer.services import background, server
from explorer.state import url_parts
from gan_core import latent
from gan_core.attributes import coordinate_names
from gan_core.util.errors import InputError
from support import AVATARS, needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

pytestmark = needs_avatars
JPEG = 6  # levels that a picture of a strip may be apart from what PyTorch draws

# The canvas while it shows a fine strip, or a finer one; and while it shows the finest of all.
FINE = ", ".join(f'.live canvas[data-shown^="{n}:"]' for n in strips.COUNTS if n >= 64)
FINEST = f'.live canvas[data-shown^="{strips.COUNTS[-1]}:"]'


def slider(page, name):
    return page.get_by_role("slider", name=name, exact=True)


def value(page, name):
    """What stands beside a slider."""
    text = slider(page, name).locator("xpath=following-sibling::output").inner_text()
    return float(text.replace("−", "-"))


def press(page, name, share=0.5):
    """Press a slider at a share of its length, wait for its fine strip; returns `move(share)`."""
    target = slider(page, name)
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    y = box["y"] + box["height"] / 2

    def move(share):
        page.mouse.move(box["x"] + box["width"] * share, y)

    move(share)
    page.mouse.down()
    move(share + 0.01)  # a first step, so that a strip is shown
    page.locator(FINE).wait_for()
    return move


def sent_by(page):
    """A list that grows with every message that the page sends to the server."""
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.reload()
    page.locator('.live canvas[data-shown="exact"]').wait_for()
    return sent


def settled(page):
    """Wait until nothing is under way: the strengths are known and no script runs."""
    page.locator(".live .effect").first.wait_for(state="attached")
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")


def find(page, numbers):
    """Show only these sliders of the list, and wait until nothing is under way."""
    settled(page)
    page.get_by_role("searchbox").fill(numbers)


def start_is_not(page, seed):
    """Wait until the sliders start from another seed."""
    start = "new URLSearchParams(location.search).get('start')"
    page.wait_for_function(f"seed => {start} !== seed", arg=str(seed))


def path(avatars, seeds, at):
    z = np.concatenate([avatars.prior.sample(1, seed=seed) for seed in seeds])
    return avatars.generate(latent.at(z, [at]))[0]


def moved(avatars, seed, coordinates):
    z = avatars.prior.sample(1, seed=seed)
    z[0, list(coordinates)] = list(coordinates.values())
    return avatars.generate(z)[0]


def test_while_a_slider_is_held_its_strip_becomes_fine_enough_for_every_frame(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9,12")
    move = press(page, "Position", 0.5)
    page.locator(FINEST).wait_for()
    seen = set()
    for i in range(30):  # the strip of 64 has half as many pictures here
        move(0.3 + i / 130)
        next_frame(page)
        seen.add(canvas_pixels(page).tobytes())
    assert len(seen) > 25
    place = round(126 * value(page, "Position"))
    assert apart(canvas_pixels(page), path(avatars, (3, 9, 12), place / 126)) < JPEG
    page.mouse.up()
    page.locator('.live canvas[data-shown="exact"]').wait_for()
    no_trouble(page)


def test_a_drag_paints_and_sends_nothing_and_its_end_reports_once(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9")
    sent = sent_by(page)
    move = press(page, "Position", 0.2)
    move(0.21)
    page.locator(FINE).wait_for()  # the fine strip is there
    before, seen = len(sent), set()
    for i in range(20):
        move(0.2 + i / 30)
        next_frame(page)
        seen.add(canvas_pixels(page).tobytes())
    assert len(seen) > 15
    assert len(sent) == before
    page.mouse.up()
    expect(page.get_by_text("Position 0.")).to_be_visible()
    at = value(page, "Position")
    address_has(page, f"at={at:g}")
    assert np.array_equal(exact(page), path(avatars, (3, 9), at))
    # A second report would have come before that of the next move.
    slider(page, "Position").press("End")
    expect(page.get_by_text("Position 1.00")).to_be_visible()
    until(page, lambda: len(sent) >= before + 2)
    assert len(sent) == before + 2
    no_trouble(page)


def test_the_pictures_of_a_drag_are_those_of_the_values(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9")
    move = press(page, "Position", 0.1)
    page.locator(FINEST).wait_for()
    last = strips.COUNTS[-1] - 1
    for share in (0.15, 0.4, 0.6, 0.95):
        move(share)
        at = int(shown(page).split(":")[1]) / last
        assert abs(at - value(page, "Position")) <= 0.5 / last + 0.005
        assert apart(canvas_pixels(page), path(avatars, (3, 9), at)) < JPEG
    page.mouse.up()


def test_500_quick_moves_end_on_the_last(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9")
    move = press(page, "Position", 0.5)
    for i in range(500):
        move(0.5 + 0.4 * np.sin(i))
    move(0.8)
    page.mouse.up()
    at = value(page, "Position")
    assert 0.7 < at < 0.9
    address_has(page, f"at={at:g}")
    assert np.array_equal(exact(page), path(avatars, (3, 9), at))


def test_quick_moves_before_any_strip_is_there_end_on_the_last(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9")
    exact(page)
    box = slider(page, "Position").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"], y)
    page.mouse.down()
    for i in range(50):
        page.mouse.move(box["x"] + box["width"] * i / 60, y)
    page.mouse.up()
    at = value(page, "Position")
    address_has(page, f"at={at:g}")
    assert np.array_equal(exact(page), path(avatars, (3, 9), at))


def test_a_strip_for_other_values_is_not_shown(visit, avatars):
    page = visit("latents?model=avatars&start=5")
    find(page, "3, 4")
    press(page, "z3", 0.5)
    page.mouse.up()
    first = value(page, "z3")
    press(page, "z4", 0.5)
    page.mouse.up()
    move = press(page, "z3", 0.7)  # its strip from before belongs to another z4
    page.locator(FINEST).wait_for()
    move(0.9)
    frame = int(shown(page).split(":")[1])
    coordinates = {4: value(page, "z4"), 3: -3 + 6 * frame / (strips.COUNTS[-1] - 1)}
    assert apart(canvas_pixels(page), moved(avatars, 5, coordinates)) < JPEG
    page.mouse.up()
    coordinates[3] = value(page, "z3")
    assert coordinates[3] != first
    address_has(page, url_parts.write_coordinates(coordinates))
    assert np.array_equal(exact(page), moved(avatars, 5, coordinates))


def test_a_reloaded_link_shows_the_same_picture(visit, avatars):
    page = visit("latents?model=avatars&start=5")
    find(page, "3, 4")
    press(page, "z3", 0.8)
    page.mouse.up()
    address_has(page, "coords=3:")
    before = exact(page)
    again = visit(page.url.split("/", 3)[3])
    find(again, "3")
    assert np.array_equal(exact(again), before)
    assert value(again, "z3") == value(page, "z3")
    no_trouble(again)


def test_two_tabs_and_two_models_do_not_disturb_each_other(visit, avatars, other):
    one, two = visit("latents?model=avatars&start=5"), visit("latents?model=other&start=6")
    find(one, "3, 4")
    find(two, "3, 4")
    move_one = press(one, "z3", 0.2)
    move_two = press(two, "z3", 0.8)
    move_one(0.3)
    move_two(0.9)
    one.mouse.up()
    two.mouse.up()
    assert value(one, "z3") < 0 < value(two, "z3")
    assert np.array_equal(exact(one), moved(avatars, 5, {3: value(one, "z3")}))
    drawn = moved(gan_core.load(other), 6, {3: value(two, "z3")})
    assert np.array_equal(exact(two), drawn)
    assert (query(one)["model"], query(two)["model"]) == ("avatars", "other")


def test_keys_move_a_slider_and_report_when_let_go(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9&at=0.5")
    sent = sent_by(page)
    slider(page, "Position").focus()
    for key, at in [
        ("ArrowRight", 0.51),
        ("ArrowDown", 0.5),
        ("PageUp", 0.6),
        ("Shift+ArrowLeft", 0.5),
        ("Home", 0.0),
        ("End", 1.0),
    ]:
        slider(page, "Position").press(key)
        assert value(page, "Position") == at
        expect(slider(page, "Position")).to_have_attribute("aria-valuetext", f"{at:.2f}")
        expect(page.get_by_text(f"Position {at:.2f}")).to_be_visible()
    page.locator('.live canvas[data-shown="exact"]').wait_for()
    before = len(sent)
    page.keyboard.down("ArrowLeft")
    for _ in range(9):  # held: repeats without being let go
        page.keyboard.down("ArrowLeft")
    assert len(sent) == before
    page.keyboard.up("ArrowLeft")
    expect(page.get_by_text("Position 0.90")).to_be_visible()
    slider(page, "Position").press("End")
    expect(page.get_by_text("Position 1.00")).to_be_visible()
    assert len(sent) == before + 2


def test_a_row_is_one_stop_of_the_tab_key_and_its_buttons_have_keys(visit):
    page = visit("latents?model=avatars&start=5&coords=3:1.5,4:-1")
    find(page, "3, 4")
    page.get_by_role("combobox", name="Order of the sliders").select_option("number")
    slider(page, "z3").focus()
    page.keyboard.press("Tab")
    expect(slider(page, "z4")).to_be_focused()
    page.keyboard.press("Delete")
    page.wait_for_function("() => !decodeURIComponent(location.search).includes('4:-1')")
    page.keyboard.press("f")
    expect(slider(page, "z4")).to_be_disabled()
    expect(page.get_by_role("button", name="Thaw z4", exact=True)).to_be_focused()
    address_has(page, "frozen=4")
    page.keyboard.press("Shift+Tab")
    expect(slider(page, "z3")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("() => !location.search.includes('frozen')")
    expect(slider(page, "z4")).to_be_enabled()


def test_both_paths_stand_beside_each_other(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9&mode=both&at=0.5")
    z = np.concatenate([avatars.prior.sample(1, seed=seed) for seed in (3, 9)])
    expected = [avatars.generate(latent.at(z, [0.5], mode))[0] for mode in ("slerp", "lerp")]
    assert np.array_equal(exact(page), np.concatenate(expected, axis=1))
    expect(page.locator(".live .names")).to_have_text("SlerpLerp")


def test_the_pad_moves_between_its_corners(visit, avatars):
    page = visit("latents?model=avatars&way=pad&corners=3,1,4,15")
    corners = np.concatenate([avatars.prior.sample(1, seed=seed) for seed in (3, 1, 4, 15)])

    def at(x, y):
        return avatars.generate(latent.plane(corners, [(x, y)]))[0]

    assert np.array_equal(exact(page), at(0.5, 0.5))
    box = page.locator(".pad").bounding_box()

    def move(x, y):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)

    move(0.3, 0.3)
    page.mouse.down()
    page.locator('.live canvas[data-shown^="16:"]').first.wait_for()
    move(1 / 3, 0.8)
    assert apart(canvas_pixels(page), at(1 / 3, 0.8)) < JPEG
    move(0.9, 0.1)
    page.mouse.up()
    address_has(page, "x=0.9")
    address_has(page, "y=0.1")
    assert np.array_equal(exact(page), at(0.9, 0.1))
    slider(page, "Down").press("End")
    address_has(page, "y=1")
    assert np.array_equal(exact(page), at(0.9, 1.0))


def test_sliders_are_searched_sorted_and_grouped(visit):
    page = visit("latents?model=avatars")
    settled(page)
    names = page.locator(".row label")
    strengths = page.locator(".live .effect").evaluate_all(
        "all => all.map(e => Number(e.style.getPropertyValue('--effect')))"
    )
    assert len(strengths) == 100
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] == 1
    page.get_by_label("Order of the sliders").select_option("number")
    assert names.first.inner_text() == "z0"
    expect(page.locator(".groups summary").nth(1)).to_have_text("z10 to z19")
    page.get_by_role("searchbox").fill("17, 20-22")
    assert names.all_inner_texts() == ["z17", "z20", "z21", "z22"]
    page.get_by_role("searchbox").fill("17, 22-20")
    assert names.all_inner_texts() == ["z17", "z20", "z21", "z22"]
    page.get_by_role("searchbox").fill("z99")
    assert names.all_inner_texts() == ["z99"]
    page.get_by_role("searchbox").fill("100")
    expect(page.get_by_text("No slider has that name or number.")).to_be_visible()
    expect(page.locator(".groups")).to_be_hidden()
    page.get_by_role("searchbox").fill("")
    expect(names).to_have_count(100)


def test_sliders_with_a_name_come_first_and_can_be_searched_by_it(browser, tmp_path):
    tied = AVATARS.parent / "avatars-tied"
    wanted = coordinate_names.names_of(gan_core.load(tied))
    with running(tmp_path, "--checkpoints", tied) as address:
        page = browser.new_page()
        page.goto(f"{address}/latents")
        groups, names = page.locator(".groups summary"), page.locator(".row label")
        expect(groups.nth(0)).to_have_text("With a name")
        expect(groups.nth(1)).to_have_text("Strongest of the others, 1 to 10")
        # Under the veil of a page that is still loading there is no text to read.
        page.wait_for_selector("html:not(.settling)", state="attached")
        first = names.all_inner_texts()[: len(wanted)]
        assert sorted(re.sub(r"^z\d+ ", "", name) for name in first) == sorted(wanted)
        page.get_by_role("searchbox").fill("glasses")
        assert names.all_inner_texts() == ["z1 glasses"]
        page.get_by_role("searchbox").fill("")
        page.get_by_label("Order of the sliders").select_option("number")
        expect(groups.nth(0)).to_have_text("z0 to z9")
        page.close()


def test_what_is_frozen_stays_when_all_others_change(visit, avatars):
    page = visit("latents?model=avatars&start=5&coords=3:1.5,4:-1")
    find(page, "3, 4")
    page.get_by_role("button", name="Freeze z3", exact=True).click()
    address_has(page, "frozen=3")
    expect(slider(page, "z3")).to_be_disabled()
    page.get_by_role("button", name="Randomise").click()
    start_is_not(page, 5)
    find(page, "3, 4")
    seed = int(query(page)["start"])
    expect(slider(page, "z3")).to_be_disabled()
    assert value(page, "z3") == 1.5
    assert query(page)["coords"] == "3:1.5"
    assert np.array_equal(exact(page), moved(avatars, seed, {3: 1.5}))
    page.get_by_role("button", name="Thaw z3", exact=True).click()
    page.wait_for_function("() => !location.search.includes('frozen')")
    page.get_by_role("button", name="Reset", exact=True).click()
    page.wait_for_function("() => !location.search.includes('coords')")
    until(page, lambda: np.array_equal(exact(page), moved(avatars, seed, {})))


def test_one_slider_is_reset_to_the_seed(visit, avatars):
    page = visit("latents?model=avatars&start=5&coords=3:1.5,4:-1")
    find(page, "3, 4")
    page.get_by_role("button", name="Reset z3", exact=True).click()
    page.wait_for_function("() => decodeURIComponent(location.search).includes('coords=4:-1')")
    assert np.array_equal(exact(page), moved(avatars, 5, {4: -1.0}))


def test_a_moved_picture_goes_to_the_tray_and_back_under_the_sliders(visit, avatars):
    page = visit("latents?model=avatars&start=5&coords=3:1.5")
    settled(page)
    page.get_by_role("button", name="Add to tray").click()
    on_tray(page, 1)
    page.get_by_role("button", name="Randomise").click()
    start_is_not(page, 5)
    page.get_by_role("button", name="From tray").click()
    page.locator('.tiles[aria-label^="Pictures on the tray to start"] .tile').click()
    address_has(page, "99:")
    until(page, lambda: np.array_equal(exact(page), moved(avatars, 5, {3: 1.5})))


def test_a_finger_drags(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9", PHONE, has_touch=True)
    exact(page)
    slider(page, "Position").scroll_into_view_if_needed()
    box = slider(page, "Position").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    address_has(page, "at=0.7")
    at = value(page, "Position")
    assert np.array_equal(exact(page), path(avatars, (3, 9), at))


def test_a_finger_that_came_to_scroll_moves_nothing(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9&at=0.25")
    before, move = exact(page), press(page, "Position", 0.3)
    move(0.8)
    assert value(page, "Position") > 0.6
    slider(page, "Position").dispatch_event("pointercancel")  # as a browser that begins to scroll
    assert value(page, "Position") == 0.25
    assert np.array_equal(exact(page), before)
    address_has(page, "at=0.25")
    page.mouse.up()


def in_browser(page):
    """Let the browser draw, and wait until it can."""
    view_button(page).click()
    page.get_by_text("Run this model in my browser").click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Run this model in my browser")).to_be_hidden()


def drawn_here(page, picture):
    """A function that says whether the browser's own drawing of a picture is on the canvas."""

    def there():
        apart = canvas_pixels(page).astype(int) - picture.astype(int)
        return shown(page).startswith("browser:") and np.abs(apart).max() <= 1

    return there


def test_the_browser_draws_by_itself(visit, avatars):
    page = visit("latents?model=avatars&start=5")
    find(page, "3, 4")
    sent = sent_by(page)
    find(page, "3, 4")
    in_browser(page)
    page.locator('.live[data-engine="ready"]').wait_for()
    settled(page)
    before = len(sent)
    box = slider(page, "z3").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    for share in (0.6, 0.7, 0.8, 0.9):
        page.mouse.move(box["x"] + box["width"] * share, y)
        until(page, drawn_here(page, moved(avatars, 5, {3: value(page, "z3")})))
    assert len(sent) == before
    page.mouse.up()
    assert np.array_equal(exact(page), moved(avatars, 5, {3: value(page, "z3")}))
    address_has(page, "browser=1")
    page.reload()
    page.locator('.live[data-engine="ready"]').wait_for()


def test_while_a_model_is_prepared_for_the_browser_the_server_draws(
    two_models, open_app, monkeypatch
):
    prepared = threading.Event()
    monkeypatch.setattr(server, "available", lambda: True)
    monkeypatch.setattr(browser_rendering, "prepare", lambda model: prepared.wait(60))
    monkeypatch.setattr(server, "urls", lambda model: {"model": model.name})
    monkeypatch.setattr(browser_rendering, "_addresses", {})
    monkeypatch.setattr(background, "_jobs", {})
    monkeypatch.setattr(background, "PATIENCE", 0.01)
    app = open_app("latents", model="alpha", browser="1")
    assert app.session_state["latents-canvas-data"]["browser"] is None
    assert any("being prepared" in c.value for c in app.caption)
    prepared.set()
    (job,) = background._jobs.values()
    assert job.ended.wait(60)
    app.run()
    assert app.session_state["latents-canvas-data"]["browser"]["model"] == "alpha"
    assert not any("being prepared" in c.value for c in app.caption)


@pytest.mark.slow
def test_a_model_that_cannot_be_prepared_is_reported_once(two_models, open_app, monkeypatch):
    def refuse(model):
        raise InputError("It cannot be exported.")

    monkeypatch.setattr(server, "available", lambda: True)
    monkeypatch.setattr(browser_rendering, "prepare", refuse)
    monkeypatch.setattr(background, "_jobs", {})
    app = open_app("latents", model="alpha", browser="1")
    assert [w.value for w in app.warning] == ["It cannot be exported. The server draws instead."]
    assert app.session_state["latents-canvas-data"]["browser"] is None


@pytest.mark.parametrize(
    "link",
    [
        "interpolate?model=avatars&keys=3,9,12&closed=1&mode=both",
        "latents?model=avatars&way=pad&corners=3,1,4,15",
        "latents?model=avatars&way=pad&corners=3,1,4,15&mode=lerp",
    ],
)
def test_the_browsers_latents_are_those_of_python(visit, avatars, link):
    """On every kind of motion: what the browser draws is what is drawn when it is let go."""
    page = visit(link)
    exact(page)
    in_browser(page)
    page.locator('.live[data-engine="ready"]').wait_for()
    target = page.get_by_role("slider").last
    box = target.bounding_box()
    y = box["y"] + box["height"] / 2

    def drag():
        for share in (0.1, 0.93):
            page.mouse.move(box["x"] + box["width"] * share, y)

    page.mouse.move(box["x"] + box["width"] * 0.1, y)
    page.mouse.down()
    drag()
    # Until then the canvas shows the exact picture of the link.
    until(page, lambda: shown(page).startswith("browser:"))
    page.mouse.up()
    let_go = exact(page)
    page.mouse.down()
    drag()
    until(page, drawn_here(page, let_go))
    page.mouse.up()


def test_where_the_browser_cannot_draw_the_strips_remain(visit, avatars):
    page = visit("interpolate?model=avatars&keys=3,9")
    page.context.route("**/live/models/*", lambda route: route.abort())
    exact(page)
    in_browser(page)
    page.locator('.live[data-engine="failed"]').wait_for()
    expect(page.locator(".live .note")).to_contain_text("The server draws instead.")
    press(page, "Position", 0.4)
    page.mouse.up()
    assert np.array_equal(exact(page), path(avatars, (3, 9), value(page, "Position")))
