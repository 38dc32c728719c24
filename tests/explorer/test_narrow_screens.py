"""Phones, upright and on their side, and a page enlarged to 200 %."""

import pytest

from browsing import PHONE, address_has, exact, grid, idle, next_frame

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

pytestmark = pytest.mark.browser

SIDEWAYS = {"width": 844, "height": 390}
ENLARGED = {"width": 720, "height": 450}  # of 1440 × 900
OUT_OF_SIGHT = (
    "() => document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().right <= 0"
)
# Whether a picture is in sight whole, below the bar at the top of the page.
IN_SIGHT = """canvas => {
  const { top, bottom, height } = canvas.getBoundingClientRect();
  return height > 100 && top >= 40 && bottom <= innerHeight + 1;
}"""


def test_on_a_phone_the_drawer_closes_after_a_tap_and_the_pictures_come_first(visit):
    page = visit("latents?model=avatars", PHONE)
    exact(page)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Browse").click()
    pictures = grid(page)
    page.wait_for_function(OUT_OF_SIGHT)
    idle(page)
    assert page.evaluate(OUT_OF_SIGHT)
    top = pictures.bounding_box()["y"]
    assert top < PHONE["height"] / 2
    controls = page.locator(".st-key-controls")
    expect(controls).to_be_hidden()
    fold = page.get_by_role("button", name="Search and sort", exact=True)
    fold.click()
    wanted = page.get_by_role("combobox", name="With", exact=True)
    expect(wanted).to_be_in_viewport()
    assert fold.bounding_box()["y"] < controls.bounding_box()["y"] < pictures.bounding_box()["y"]
    wanted.click()
    page.get_by_role("option", name="beard", exact=True).click()
    address_has(page, "having=beard")
    page.keyboard.press("Escape")  # closes the list
    expect(page.get_by_text("most certain first")).to_be_visible()
    expect(controls).to_be_visible()  # until it is folded again
    fold.click()
    expect(controls).to_be_hidden()


def test_on_a_wide_screen_the_controls_of_browse_are_not_folded(visit):
    page = visit("browse?model=avatars")
    pictures = grid(page)
    idle(page)
    assert page.locator(".st-key-controls").bounding_box()["y"] < pictures.bounding_box()["y"]
    expect(page.locator(".st-key-fold")).to_be_hidden()


@pytest.mark.parametrize("screen", [PHONE, SIDEWAYS, ENLARGED])
def test_the_picture_stays_in_sight_while_its_sliders_scroll(visit, screen):
    page = visit("latents?model=avatars", screen)
    exact(page)
    idle(page)
    slider = page.locator(".live .row input[type=range]").nth(7)
    slider.evaluate("slider => slider.scrollIntoView({ block: 'end' })")
    assert page.locator(".live .stage canvas").evaluate(IN_SIGHT)
    page.wait_for_function(OUT_OF_SIGHT)  # the drawer leaves the room to the page


def test_the_picture_of_a_path_stays_in_sight_while_its_frames_scroll(visit):
    page = visit("interpolate?model=avatars&keys=0,7,11,15", PHONE)
    exact(page)
    idle(page)
    last = grid(page, "Filmstrip").locator(".tile").last
    last.evaluate("tile => tile.scrollIntoView({ block: 'end' })")
    assert page.locator(".live .stage canvas").evaluate(IN_SIGHT)


ROOM = "strip => strip.scrollWidth - strip.clientWidth"  # what is out of sight, in pixels


def test_the_frames_of_two_paths_fit_their_strips(visit):
    page = visit("interpolate?model=avatars&keys=0,7,11&mode=both")
    for name in ("Slerp", "Lerp"):
        strip = grid(page, f"Filmstrip, {name}")
        idle(page)
        assert strip.locator(".tile").count() == 17
        assert strip.evaluate(ROOM) == 0
        expect(strip.locator("xpath=following-sibling::button")).to_have_count(2)
        assert not any(
            one.is_visible() for one in strip.locator("xpath=following-sibling::*").all()
        )


def test_arrows_lead_along_frames_that_do_not_fit(visit):
    page = visit("interpolate?model=avatars&keys=0,7,11&mode=both", PHONE)
    page.emulate_media(reduced_motion="reduce")  # so that a click scrolls at once
    strip = grid(page, "Filmstrip, Lerp")
    idle(page)
    back, on = strip.locator("xpath=following-sibling::button").all()
    assert strip.evaluate(ROOM) > 0
    expect(on).to_be_visible()
    expect(back).to_be_hidden()
    last = strip.locator(".tile").last
    expect(last).not_to_be_in_viewport()
    while strip.evaluate(f"{ROOM} - strip.scrollLeft") > 1:
        on.click()
        next_frame(page)
    expect(last).to_be_in_viewport(ratio=1)
    expect(back).to_be_visible()


TOO_WIDE = """() => {
  const main = document.querySelector('.stMain');
  return main.scrollWidth - main.clientWidth;
}"""


@pytest.mark.parametrize("page", ["memorisation", "arithmetic", "interpolate", "card"])
def test_no_page_scrolls_sideways_where_columns_are_narrow(visit, page):
    """Pictures of a fixed width once stood out of three columns side by side."""
    opened = visit(f"{page}?model=avatars", ENLARGED)
    idle(opened)
    opened.locator("html:not(.settling)").wait_for(state="attached")
    assert opened.evaluate(TOO_WIDE) <= 0
    links = opened.locator(".st-key-page-links > *").all()
    assert (
        len({round(one.bounding_box()["y"] + one.bounding_box()["height"] / 2) for one in links})
        == 1
    )


WATCH = """() => {
  window.shift = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}"""


def test_nothing_of_a_page_moves_while_its_parts_arrive(visit):
    """The whole of `benchmarks/layout_shift.py` for one page, the one that moved most without."""
    page = visit("latents?model=avatars", PHONE)  # nothing has to be read any more
    exact(page)
    page.add_init_script(f"({WATCH})()")
    page.reload()
    exact(page)
    idle(page)
    page.wait_for_function("() => !document.documentElement.classList.contains('settling')")
    assert page.locator(".live .row").first.is_visible()
    assert page.evaluate("() => window.shift") <= 0.05


@pytest.mark.parametrize("screen", [PHONE, {"width": 1440, "height": 900}])
def test_the_names_of_a_histogram_stand_in_one_line(visit, screen):
    page = visit("memorisation?model=avatars", screen)
    idle(page)
    legends = page.locator(".chart-legend")
    legends.nth(2).wait_for()
    for names in legends.all():
        spans = [span.bounding_box() for span in names.locator("span").all()]
        assert len(spans) == 3
        assert len({span["y"] for span in spans}) == 1
        box = names.bounding_box()
        assert spans[-1]["x"] + spans[-1]["width"] <= box["x"] + box["width"]
