"""How long the dialog of an enlarged picture stays: without a browser, then in one."""

import re

from streamlit.util import calc_hash

from browsing import grid, idle, no_trouble
from support import needs_avatars, pictures, png


def is_open(app):
    return any(button.key == "use-latents" for button in app.button)


def enlarge(app):
    (item,) = app.session_state.tray.items
    app.session_state.enlarged = item.id
    return app.run()


def test_it_stays_until_its_picture_is_removed(two_models, open_app):
    app = enlarge(open_app(model="alpha", n="16", tray="alpha:5"))
    assert is_open(app)
    app = app.run()  # one that nobody requested, such as at the end of a job
    assert is_open(app)
    (remove,) = (b for b in app.button if b.label == "Remove from tray")
    app = remove.click().run()
    assert not is_open(app)
    assert not is_open(app.run())


def test_it_does_not_come_along_to_another_page(two_models, open_app):
    app = enlarge(open_app("about", tray="alpha:5"))
    app = app.run()
    assert is_open(app)
    app._page_hash = calc_hash("lessons")
    assert not is_open(app.run())
    app._page_hash = calc_hash("about")
    assert not is_open(app.run())


def test_a_button_that_leads_to_the_page_itself_closes_it(two_models, open_app):
    app = enlarge(open_app("latents", model="alpha", tray="alpha:5"))
    app = app.button(key="use-latents").click().run()
    assert "enlarged" not in app.session_state


@needs_avatars
def test_it_stays_when_a_job_in_the_background_ends(visit):
    page = visit("photo?model=other&tray=avatars:3")
    field = page.get_by_test_id("stMain").locator("input[type=file]").last
    photo = {"name": "me.png", "mimeType": "image/png", "buffer": png(pictures(1)[0])}
    field.set_input_files(photo)
    page.locator(".framer .photo img").wait_for()
    grid(page, "Pictures on the tray").locator(".tile").first.click()
    enlarge = page.get_by_role("button", name="Enlarge")
    enlarge.wait_for()
    idle(page)
    page.get_by_role("button", name="Start", exact=True).click()
    enlarge.click()
    dialog = page.get_by_role("dialog")
    dialog.evaluate("dialog => { dialog.same = true; }")
    page.get_by_text(re.compile("· done")).wait_for(state="attached")
    idle(page)
    assert dialog.evaluate("dialog => dialog.same")  # and with it the focus
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    idle(page)
    page.get_by_role("button", name="Start again").wait_for()
    # Nor does it come back with the next run.
    page.get_by_role("button", name="Add to tray").click()
    page.get_by_role("heading", name="Tray (2)").wait_for()
    idle(page)
    assert dialog.count() == 0
    no_trouble(page)
