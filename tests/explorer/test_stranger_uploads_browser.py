"""Markup in files that are uploaded, in their names, in links and in the names of folders.

As in test_stranger_text_browser.py, a real browser shows it as letters and asks nobody for it.
"""

import io
import itertools
import json
import shutil
import zipfile
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save

import everything
import wire
from explorer.state import arithmetic_file, tray, url_state
from gan_core import checkpoint
from gan_core.latent_space import directions
from gan_core.util import checked_safetensors
from marked import EVIL, FOLLOWED, MARKS, NAME, check, evil_free, spoil
from support import needs_avatars, pictures

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

pytestmark = needs_avatars

# Names of uploaded files may have slashes: no disk is involved.
FILES = [f"{mark} {number}" for number, mark in enumerate(MARKS)]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app with a spoilt checkpoint, and images in folders with evil names."""
    place = tmp_path_factory.mktemp("evil")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_EXPLORER_CACHE", str(place / "cache"))
        spoil(everything.make(place / "models" / "alpha", mark=MARKS[0]))
        (place / "runs").mkdir()
        data = place / "data"
        shutil.copytree(place / "models" / "alpha" / "training_set", data / f"set{NAME}")
        (data / f"pictures{NAME}").mkdir()
        (data / f"pictures{NAME}" / f"a{NAME}.png").write_bytes(picture())
        (data / f"zip{NAME}.zip").write_bytes(zipped({f"{FILES[0]}.png": picture()}))
    with wire.serving(place, "--data", data) as running:
        yield running


@pytest.fixture
def visit(browser, app):
    with evil_free(browser, app) as open_page:
        yield open_page


def picture(size=32):
    buffer = io.BytesIO()
    Image.fromarray(pictures(1, size)[0]).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def give(field, name, content):
    """Upload a file of a name to a field."""
    kind = "application/octet-stream"
    field.set_input_files({"name": name, "mimeType": kind, "buffer": content})


def says(page, text):
    """Wait for a text in the middle of the page, in a message or in a popover; then check it."""
    page.get_by_text(text).first.wait_for()
    check(page)


def field(page, label):
    """The field for files below a label."""
    return page.get_by_test_id("stFileUploader").filter(has_text=label).locator("input")


def directions_file(app, **changes):
    """The bytes of a file with directions of alpha that are new there, whose texts are evil."""
    path = app.place / "models" / "alpha" / directions.FILE
    arrays, about = load_file(path), checked_safetensors.load(path, "")[1]
    for number, (entry, mark) in enumerate(zip(about["directions"], MARKS, strict=False)):
        entry |= {"name": f"taken {number} {mark}", "kind": ("own", "conditional")[number % 2]}
        entry["about"] = {"made": f"by {mark}", "made_of": {mark: 1.0}, "locked": [mark]}
    new = app.place / "new.safetensors"
    checked_safetensors.save(new, arrays, about | changes)
    return new.read_bytes()


def test_a_file_of_directions(visit, app):
    page = visit("directions?model=alpha&look=saved")
    page.get_by_role("button", name="Load", exact=True).click()
    upload = field(page, "A file of directions")
    give(upload, f"{FILES[1]}.safetensors", directions_file(app, generator=MARKS[0]))
    says(page, "This file cannot be used")
    give(upload, f"{FILES[2]}.safetensors", zipped({}))
    says(page, "This file cannot be used")
    give(upload, f"{FILES[0]}.safetensors", directions_file(app))
    says(page, "taken 1")
    page.get_by_role("button", name="Into the checkpoint").click()
    page.get_by_text("from the file.").first.wait_for()
    check(page)
    saved = app.place / "models" / "alpha" / directions.FILE
    names = [one["name"] for one in checked_safetensors.load(saved, "")[1]["directions"]]
    assert len([name for name in names if name.startswith("taken ")]) > 5
    visit("directions?model=alpha&look=saved")
    assert "evil" in page.inner_text(".stMain")
    along = "&along=" + quote(f"taken 0 {MARKS[0]}".replace(",", "%2C")[: tray.MAX_NAME] + ":1")
    visit(f"directions?model=alpha{along}")
    visit(f"latents?model=alpha{along}")


def test_names_in_a_zip_and_of_the_zip(visit):
    page = visit("train")
    upload = field(page, "Zip of pictures")
    give(upload, f"{FILES[0]}.zip", zipped({f"{name}.png": b"no picture" for name in FILES}))
    page.get_by_label("Name", exact=True).fill("trial")
    page.get_by_label("Name", exact=True).press("Enter")
    page.get_by_test_id("stCode").filter(has_text="--name trial").wait_for()
    assert "evil" in page.inner_text(".stMain [data-testid=stCode]")
    says(page, "holds no usable picture")
    assert page.get_by_role("button", name="Start", exact=True).is_disabled()
    give(upload, f"{FILES[7]}.zip", b"no zip")
    page.get_by_text(" 7.zip").first.wait_for()  # Streamlit leaves out the middle of a long name
    page.get_by_test_id("stCode").filter(has_text="red-badge").wait_for()
    says(page, "is neither a folder nor a zip")
    assert page.get_by_role("button", name="Start", exact=True).is_disabled()


def test_names_of_folders_of_pictures_and_of_sets(visit):
    page = visit("train")
    for way in ("Pictures on this computer", "Packed set"):
        page.get_by_text(way, exact=True).click()
        box = page.get_by_test_id("stSelectbox").filter(
            has_text="Folder or zip" if way.startswith("Pictures") else "Training set"
        )
        box.wait_for()
        check(page)
        box.locator("input").click()
        page.get_by_role("option").first.wait_for()
        assert "evil" in page.get_by_role("listbox").inner_text()
        assert page.evaluate(FOLLOWED) == []
        page.keyboard.press("Escape")


def test_weights_and_their_names(visit, app):
    page = visit("import")
    upload = field(page, "Weights of the generator")
    odd = {f"{mark}.weight": np.ones((2, 2), np.float32) for mark in MARKS}
    give(upload, f"{FILES[0]}.safetensors", save(odd, {mark: mark for mark in MARKS}))
    says(page, "What the file holds")
    give(upload, f"{FILES[1]}.onnx", b"\x08\x07" + FILES[1].encode())
    page.get_by_text("What the file holds").wait_for(state="detached")
    check(page)
    weights = (app.place / "models" / "alpha" / "generator.safetensors").read_bytes()
    judge = (app.place / "models" / "alpha" / "discriminator.safetensors").read_bytes()
    give(upload, f"{FILES[7]}.pt", weights)
    says(page, "Recognised as")
    give(field(page, "Weights of its discriminator"), f"{FILES[8]}.pt", judge)
    says(page, "recognised too")
    box = page.get_by_test_id("stSelectbox").filter(has_text="Trained on").locator("input")
    box.click()
    assert "evil" in page.get_by_role("listbox").inner_text()
    page.get_by_role("option").nth(1).click()
    check(page)
    page.get_by_label("Name", exact=True).fill("imported")
    page.get_by_label("Name", exact=True).press("Enter")
    page.get_by_role("button", name="Import", exact=True).click()
    says(page, "is now in the model menu")
    origin = checkpoint.read_card(app.place / "models" / "imported")["origin"]
    assert "evil" in origin["file"]
    assert "evil" in origin["discriminator"]
    for name in ("card", "neighbours", "about"):
        visit(f"{name}?model=imported")
    assert "evil" in visit("card?model=imported").inner_text(".stMain")


@pytest.mark.parametrize(
    ("where", "label", "good"),
    [
        ("photo", "A photo", "Another photo"),
        ("neighbours?ask=upload", "Your own picture", "Nearest of"),
    ],
)
def test_names_of_pictures(visit, where, label, good):
    page = visit(f"{where}{'&' if '?' in where else '?'}model=alpha")
    for number, name in enumerate(FILES[:3]):
        give(field(page, label), f"{name}.png", b"no picture")
        page.get_by_text(f" {number}.png").first.wait_for()
        says(page, "This file is not a picture")
    give(field(page, label), f"{FILES[3]}.png", picture())
    says(page, good)


def test_a_tray_that_is_refused(visit):
    page = visit("browse?model=alpha")
    page.get_by_text("Save and load").click()
    upload = page.locator("[data-testid=stSidebar] input[type=file]")
    item = {"model": "alpha", "model_hash": MARKS[0][:64], "seed": None, "psi": 1.0, "z": [0.1]}
    about = {"format": tray.FORMAT, "version": tray.VERSION}
    for number, mark in enumerate(MARKS):
        content = json.dumps(about | {"items": [item | {"name": f"{number} {mark}"}]}).encode()
        give(upload, f"{FILES[number]}.json", content)
        says(page, f"“{number} ")
    give(upload, f"{FILES[0]} no.json", json.dumps(about | {"format": MARKS[0]}).encode())
    says(page, "This file is not a tray")


def test_an_arithmetic_file_that_is_refused(visit):
    page = visit("arithmetic?model=alpha&a=0,1&b=2&c=3")
    page.get_by_role("button", name="Load file", exact=True).click()
    about = {"format": arithmetic_file.FORMAT, "version": arithmetic_file.VERSION}
    about |= {"baskets": [], "strength": 1}
    for number, mark in enumerate(MARKS[:5]):
        record = about | {"model": f"{number} {mark}", "model_hash": mark}
        upload = field(page, "Load an arithmetic file")
        give(upload, f"{FILES[number]}.json", json.dumps(record).encode())
        says(page, f"This arithmetic file belongs to the model {number}")
    record = about | {"model": "alpha", "model_hash": MARKS[0]}
    give(field(page, "Load an arithmetic file"), f"{FILES[9]}.json", json.dumps(record).encode())
    says(page, "This arithmetic file was made with different weights")


def links(page, number):
    """Query strings of a page with markup in each of its values: alone, and where a name goes."""
    marks = itertools.cycle(MARKS[number:] + MARKS[:number])
    names = ("model", "weights", "tray", *vars(url_state.View()), "unknown")
    yield {name: next(marks) for name in names}
    mark = next(marks)
    escaped = mark.replace("%", "%25").replace(",", "%2C")
    yield {
        "model": "alpha",
        "along": f"{escaped}:2,{escaped} again:-1",
        "locked": escaped,
        "by": mark,
        "run": mark,
        "keys": f"0,1,{mark}",
        "tray": f"{quote(mark, safe='')}:1,alpha:1",
        "ask": "training",
    }


@pytest.mark.parametrize("name", url_state.PAGES)
def test_a_link(visit, name):
    for query in links(name, sum(map(ord, name)) % len(MARKS)):
        page = visit(f"{name}?{urlencode(query)}")
        assert "could not be drawn" not in page.inner_text("body")
    visit(f"{name}?model=alpha#{quote(MARKS[0])}")


def test_the_address_of_no_page(visit):
    for mark in MARKS[:4]:
        visit(f"{quote(mark, safe='')}?model=alpha")


def test_the_marks_would_be_followed(browser, app):
    """What the tests look for is there once markup is markup."""
    page = browser.new_page()
    page.set_content(f"<img src={EVIL}3.png><b>evil</b><svg onload=evil()></svg>")
    assert len(page.evaluate(FOLLOWED)) == 3
    page.close()
