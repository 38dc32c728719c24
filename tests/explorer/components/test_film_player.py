"""The film of a run's sample grids, in a real browser."""

import json

import numpy as np
import pytest
from PIL import Image

from browsing import decode, no_trouble, running

KIMG = (25, 50, 75, 100)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run with a sample grid of one grey each, and one with a single grid."""
    place = tmp_path_factory.mktemp("place")
    for name, shades in (("long", KIMG), ("short", KIMG[:1])):
        samples = place / "runs" / name / "samples"
        samples.mkdir(parents=True)
        for kimg in shades:
            Image.new("RGB", (512, 512), (2 * kimg,) * 3).save(samples / f"{kimg:06d}.png")
        line = {"kimg": shades[-1], "d_loss": 1.0, "g_loss": 1.0, "images_per_second": 9.0}
        (samples.parent / "log.jsonl").write_text(json.dumps(line) + "\n")
    return place


@pytest.fixture(scope="module")
def address(folders):
    """The address of an app that watches these runs."""
    with running(folders, "--runs", folders / "runs") as address:
        yield address


def shade(page):
    """The grey of the frame that is painted."""
    image = page.locator(".film img")
    image.evaluate("image => image.decode()")
    return float(np.median(decode(image.screenshot())))


def slider(page):
    return page.get_by_role("slider", name="Samples of")


def test_a_film_begins_with_its_last_picture_and_follows_the_slider(visit):
    page = visit("train?run=long")
    page.locator('.film img[data-frame="3"]').wait_for()
    assert shade(page) == pytest.approx(200, abs=4)
    sent = []
    page.on("websocket", lambda socket: sent.append("a new connection"))
    page.evaluate(
        """() => {
            window.sent = 0;
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function (x) {
              window.sent += 1;
              return send.call(this, x);
            };
        }"""
    )
    slider(page).press("Home")
    assert shade(page) == pytest.approx(50, abs=4)
    assert slider(page).get_attribute("aria-valuetext") == "25 kimg"
    box = slider(page).bounding_box()
    middle = box["y"] + box["height"] / 2
    seen = []
    page.mouse.move(box["x"] + 4, middle)
    page.mouse.down()
    for share in (0.34, 0.66, 0.99):
        page.mouse.move(box["x"] + share * box["width"], middle, steps=4)
        seen.append(shade(page))
    page.mouse.up()
    assert seen == pytest.approx([100, 150, 200], abs=4)
    assert (page.evaluate("window.sent"), sent) == (0, [])
    no_trouble(page)


def test_it_plays_to_its_end_and_stops_there(visit):
    page = visit("train?run=long")
    page.locator('.film img[data-frame="3"]').wait_for()
    slider(page).press("Home")
    page.get_by_role("button", name="Play").click()
    page.locator('.film img[data-frame="3"]').wait_for()
    page.get_by_role("button", name="Play").wait_for()
    assert shade(page) == pytest.approx(200, abs=4)


def test_one_picture_is_no_film(visit):
    page = visit("train?run=short", {"width": 390, "height": 844})
    page.locator('.film img[data-frame="0"]').wait_for()
    assert slider(page).is_disabled()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    no_trouble(page)
