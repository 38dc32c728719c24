"""The page Arithmetic in a real browser: clicked, dragged, loaded and taken away."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from browsing import (
    PHONE,
    address_has,
    apart,
    download,
    exact,
    grid,
    idle,
    next_frame,
    no_trouble,
    query,
)
from explorer.state import arithmetic_file, url_parts
from support import AVATARS, needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

pytestmark = needs_avatars
LINK = "arithmetic?model=avatars&a=1,2&b=3&c=4"


def drawn(model, strength=1.0):
    """The sum of LINK, as it is and on the shell, side by side."""
    one = lambda seed: model.prior.sample(1, seed)[0].astype(np.float64)  # noqa: E731
    z = one(4) + strength * ((one(1) + one(2)) / 2 - one(3))
    rows = np.stack([z, z * np.sqrt(len(z)) / np.linalg.norm(z)])
    return np.concatenate(list(model.generate(np.float32(rows))), 1)


def basket(page, letter):
    return page.locator(f'.tiles[aria-label="Exemplars of {letter}"]')


def settled(page):
    """Wait until no script runs: only then are its downloads those that are shown."""
    exact(page)
    idle(page)


def test_the_sum_is_painted_as_it_is_and_on_the_shell(visit, avatars):
    page = visit(LINK)
    assert apart(exact(page), drawn(avatars)) < 1
    expect(page.get_by_text("C + 1.00 · (A − B)", exact=True)).to_be_visible()
    no_trouble(page)


def offered(samples, place):
    """The seed of a sample to pick, as its tile says it."""
    return samples.locator(".tile").nth(place).get_attribute("aria-label").split()[1]


def test_pictures_are_dragged_into_a_basket_and_between_baskets(visit):
    page = visit("arithmetic?model=avatars&b=3&tray=avatars:9")
    samples = grid(page, "Samples to pick")
    seed = offered(samples, 5)
    # A person scrolls until both are on the screen.
    main = page.get_by_test_id("stMain")
    basket(page, "A").evaluate("basket => basket.scrollIntoView({ block: 'start' })")
    main.evaluate("main => main.scrollBy(0, -100)")
    samples.locator(".tile").nth(5).drag_to(basket(page, "A"))
    address_has(page, f"a={seed}")
    grid(page, "Pictures on the tray").locator(".tile").first.drag_to(basket(page, "A"))
    address_has(page, f"a={seed},9")
    basket(page, "A").locator(".tile").nth(3).drag_to(basket(page, "C"))
    address_has(page, "c=9")
    expect(basket(page, "C").locator(".tile")).to_have_count(3)  # the means and the exemplar
    assert query(page)["b"] == "3"
    # A drop is no click: nothing more went onto the tray, and the fourth basket is not there.
    page.get_by_role("heading", name="Tray (1)").wait_for(state="attached")


def test_the_strength_is_dragged_and_undone(visit, avatars):
    page = visit(LINK)
    exact(page)
    slider = page.get_by_role("slider", name="Strength", exact=True)
    slider.focus()
    slider.press("Home")
    slider.blur()
    address_has(page, "strength=0")
    expect(page.get_by_text("C + 0.00 · (A − B)", exact=True)).to_be_visible()
    assert apart(exact(page), drawn(avatars, 0)) < 1
    page.get_by_role("button", name="Undo").last.click()
    expect(page.get_by_text("C + 1.00 · (A − B)", exact=True)).to_be_visible()
    page.wait_for_function("() => !location.search.includes('strength')")
    assert apart(exact(page), drawn(avatars)) < 1
    page.get_by_role("button", name="Redo").last.click()
    address_has(page, "strength=0")


def test_quick_clicks_leave_a_history_that_leads_to_both_ends(visit):
    page = visit("arithmetic?model=avatars&a=100&b=101")
    samples = grid(page, "Samples to pick")
    whole = "100"
    for place in (5, 6, 7, 8):
        whole += f",{offered(samples, place)}"
        samples.locator(".tile").nth(place).click()
        address_has(page, f"a={whole}")
    assert query(page)["a"] == whole

    def button(name):
        return page.get_by_role("button", name=name).last

    def go(name):
        """Click until the button is spent; a click on a spent one does nothing."""
        idle(page)
        while button(name).is_enabled():
            button(name).dispatch_event("click")
            next_frame(page)
            idle(page)

    # Nobody waits here for what a click does; several may count as one, but none may be half done.
    for name in ("Undo", "Redo", "Undo"):
        for _ in range(4):
            button(name).dispatch_event("click")
    # The server answers in order: once it shows other samples it has seen all of the clicks. And a
    # value that is typed while it is busy arrives.
    page.get_by_role("spinbutton", name="First seed").fill("500")
    page.keyboard.press("Enter")
    samples.get_by_text("500", exact=True).wait_for()
    idle(page)
    go("Undo")
    assert query(page)["a"] == "100"
    go("Redo")
    assert query(page)["a"] == whole
    assert query(page)["b"] == "101"
    assert page.get_by_text("Connection error").count() == 0
    assert page.locator("[data-testid=stException]").count() == 0


def test_the_sheet_and_the_arithmetic_file_are_downloaded_and_loaded(visit, avatars, tmp_path):
    page = visit(LINK)
    settled(page)
    name, content = download(page, "Sheet, PNG")
    assert name == "avatars-arithmetic.png"
    sheet = Image.open(io.BytesIO(content)).convert("RGB")
    assert sheet.size == (1920, 1080)
    # The last of the equation's pictures, up to the margin, is the sum on the shell.
    side = avatars.size
    right = sheet.crop((1920 - 64 - 330, 150, 1920 - 64, 480)).resize((side, side), Image.BOX)
    assert apart(np.asarray(right), drawn(avatars)[:, side:]) < 12
    _, content = download(page, "Arithmetic file, JSON")
    settings = arithmetic_file.read(content, "avatars", avatars)
    assert (settings["a"], settings["b"], settings["c"]) == ("1, 2", "3", "4")

    record = json.loads(content)
    record["baskets"][1]["weight"] = -0.5
    record["baskets"].append({"name": "D", "weight": 2, "exemplars": [{"seed": 8, "psi": 0.5}]})
    file = tmp_path / "arithmetic.json"
    file.write_text(json.dumps(record))
    page.get_by_role("button", name="Load file").click()
    page.locator("[data-testid=stPopoverBody] input[type=file]").set_input_files(file)
    address_has(page, "sum=1,-0.5,1,2")
    page.keyboard.press("Escape")
    expect(page.get_by_text("C + 1.00 · (A − 0.5 B + 2 D)", exact=True)).to_be_visible()
    assert query(page)["d"] == "8@0.5"
    no_trouble(page)


def test_a_preset_is_one_click_on_the_first_visit(visit):
    page = visit("arithmetic?model=avatars")
    if not (AVATARS / "attributes.safetensors").exists():
        pytest.skip("needs the attribute classifier of avatars")
    page.get_by_role("button", name="bearded with glasses − bearded + long-haired").click()
    exact(page)
    for letter in "ABC":
        assert basket(page, letter).locator(".tile").count() > 2
    table = page.locator("table.seen")
    expect(table.locator("tbody tr").first).to_be_visible()
    assert "glasses" in table.inner_text()
    no_trouble(page)


def test_on_a_phone_nothing_is_wider_than_the_screen(visit):
    page = visit(f"{LINK}&d=5&e=6&sum=1,-1,1,0.25,-3", viewport=PHONE)
    exact(page)
    expect(page.locator('.tiles[aria-label^="Exemplars of"]')).to_have_count(len(url_parts.BASKETS))
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= PHONE["width"]


def test_the_samples_do_not_move_under_the_cursor_on_the_first_click(visit):
    """Nor on the click that completes the baskets and brings the result."""
    page = visit("arithmetic?model=avatars")
    samples = grid(page, "Samples to pick")
    first = samples.locator(".tile").first
    first.scroll_into_view_if_needed()
    idle(page)
    before = first.bounding_box()
    for place, letter in enumerate("ABC"):
        page.get_by_role("radio", name=letter, exact=True).click()
        samples.locator(f'.tile[aria-label$=" into {letter}"]').first.wait_for()
        samples.locator(".tile").nth(place).click()
        address_has(page, f"{letter.lower()}={offered(samples, place)}")
        idle(page)
        after = first.bounding_box()
        assert (after["x"], after["y"]) == (before["x"], before["y"])
    exact(page)
    assert first.bounding_box()["y"] == before["y"]


@pytest.mark.parametrize("viewport", [None, PHONE])
def test_the_sum_stands_in_one_line(visit, viewport):
    page = visit(LINK, viewport)
    exact(page)
    idle(page)
    boxes = [face.bounding_box() for face in page.locator(".equation .face").all()]
    assert len(boxes) == 4
    assert {round(box["y"]) for box in boxes} == {round(boxes[0]["y"])}
    assert boxes[-1]["x"] + boxes[-1]["width"] <= page.viewport_size["width"]
    top = page.locator('.tiles[aria-label="Exemplars of A"]').bounding_box()["y"]
    assert boxes[0]["y"] < top
