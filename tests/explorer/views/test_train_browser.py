"""The form of the page Train in a real browser."""

import io
import zipfile

import pytest

import browsing
from support import needs_avatars

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

pytestmark = needs_avatars


def zipped(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def test_a_name_that_is_being_typed_stays_when_the_preview_appears(visit):
    page = visit("train")
    name = page.get_by_label("Name", exact=True)
    name.press_sequentially("tri")
    upload = page.locator(".stMain [data-testid=stFileUploader] input")
    upload.set_input_files(
        {"name": "a.zip", "mimeType": "application/zip", "buffer": zipped("a.png", b"no picture")}
    )
    page.get_by_text("holds no usable picture").wait_for()
    browsing.idle(page)
    page.keyboard.type("al")
    assert name.input_value() == "trial"
