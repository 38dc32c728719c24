"""The form of the page Train in a real browser."""

import io
import zipfile

import pytest

import browsing

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")


def zipped(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """An app that can start runs: it has a folder for their models."""
    folder = tmp_path_factory.mktemp("models")
    with browsing.running(folder, "--checkpoints", folder) as address:
        yield address


def name_field(page):
    """The field for the name, once the page may be used."""
    name = page.get_by_label("Name", exact=True)
    name.wait_for()
    page.locator("html:not(.settling)").wait_for(state="attached")
    browsing.idle(page)
    return name


def test_a_name_that_is_being_typed_stays_when_the_preview_appears(visit):
    page = visit("train")
    name = name_field(page)
    name.press_sequentially("tri")
    upload = page.locator(".stMain [data-testid=stFileUploader] input")
    upload.set_input_files(
        {"name": "a.zip", "mimeType": "application/zip", "buffer": zipped("a.png", b"no picture")}
    )
    page.get_by_text("holds no usable picture").wait_for()
    browsing.idle(page)
    page.keyboard.type("al")
    assert name.input_value() == "trial"


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, browsing.PHONE])
def test_nothing_covers_a_name_that_is_being_typed(visit, viewport):
    page = visit("train", viewport)
    name = name_field(page)
    name.press_sequentially("a-name")
    hint = page.locator(".st-key-new-name").get_by_test_id("InputInstructions")
    hint.get_by_text("Press Enter to apply").wait_for()
    above, field, label = (
        one.bounding_box() for one in (hint, name, page.locator(".st-key-new-name label"))
    )
    assert above["y"] + above["height"] <= field["y"] + 1
    assert (
        above["x"] >= label["x"] + page.locator(".st-key-new-name label p").bounding_box()["width"]
    )
    assert above["x"] + above["width"] <= field["x"] + field["width"] + 1


def test_a_name_that_is_refused_is_typed_on(visit):
    page = visit("train")
    name = name_field(page)
    name.fill("a/b")
    name.press("Enter")
    page.get_by_text("a name consists of 1 to 64 letters").wait_for()
    browsing.idle(page)
    for _ in range(2):
        page.keyboard.press("Backspace")
    page.keyboard.type("bc")
    assert name.input_value() == "abc"
    page.keyboard.press("Enter")
    page.get_by_text("a name consists of 1 to 64 letters").wait_for(state="detached")
    assert name.input_value() == "abc"
    sync_api.expect(page.get_by_test_id("stCode")).to_contain_text("--name abc")
