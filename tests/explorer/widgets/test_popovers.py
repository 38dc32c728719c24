"""Popovers in a real browser: what lies in one that is first opened late shows what is the case."""

import pytest

from browsing import idle, query
from support import needs_avatars

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = needs_avatars
# A link, what is clicked first, the popover, and what that shows then: the value of its slider, the
# choices that are on, and the switch that is.
LATE = {
    "directions": ("directions?psi=0.7", "Random", "View", "0.7", set(), None),
    "latents": ("latents?psi=0.7", "Randomise", "View", "0.7", set(), None),
    "interpolate": ("interpolate?psi=0.7&step=16", "Closed path", "View", "0.7", {"16"}, None),
    "browse": ("browse?n=16&smooth=1", "Random seed", "View", None, {"16"}, "Smooth scaling"),
    "neighbours": ("neighbours?smooth=1", "Random seed", "View", None, set(), "Smooth scaling"),
    "locked": ("directions?locked=hat,beard", "Random", "Lock (2)", None, {"hat", "beard"}, None),
}


@pytest.mark.parametrize(
    ("link", "first", "popover", "slider", "chosen", "switch"), LATE.values(), ids=LATE
)
def test_a_popover_that_is_opened_late_shows_what_is_the_case(
    visit, link, first, popover, slider, chosen, switch
):
    page = visit(f"{link}&model=avatars")
    page.wait_for_function("() => location.search.includes('weights=')")  # the app's own link
    main = page.locator(".stMain")

    def click():
        idle(page)  # a run that is under way may yet write the link that an earlier click made
        before = page.url
        main.get_by_text(first, exact=True).first.click()
        page.wait_for_function("before => location.href !== before", arg=before)

    click()
    given = query(page)
    main.get_by_role("button", name=popover).click()
    inside = page.locator("[data-testid=stPopoverBody]")
    inside.wait_for()
    if slider is not None:
        assert inside.get_by_role("slider").first.input_value() == slider
    on = {text.strip() for text in inside.locator("[data-selected]").all_inner_texts()}
    assert on >= chosen
    if switch is not None:
        assert inside.get_by_label(switch).first.is_checked()
    page.keyboard.press("Escape")
    inside.wait_for(state="detached")
    click()
    for name in ("psi", "n", "smooth", "locked", "step"):
        assert query(page).get(name) == given.get(name)
