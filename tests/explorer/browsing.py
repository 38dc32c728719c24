"""Plain functions that the tests in a real browser share."""

import base64
import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

from explorer.services import model_registry
from gan_core import latent

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), 0
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE = int(os.environ.get("PATIENCE_MS", 60_000))  # only ends a test that would wait for ever
PHONE = {"width": 390, "height": 844}


@contextlib.contextmanager
def running(folder, *options, host="127.0.0.1", base_path=""):
    """The address of an app that is started from a folder with these options.

    host, base_path: those that the app prints, which follow from --address and --base-path.
    """
    environment = os.environ | {"PYTHONPATH": str(model_registry.ROOT)}
    command = [sys.executable, "-m", "explorer", *map(str, options)]
    with listening(command, folder, environment, host, base_path) as address:
        yield address


@contextlib.contextmanager
def listening(command, folder, environment, host="127.0.0.1", base_path=""):
    """The address of an app that a command starts in a folder, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = server.stdout.readline().strip()
        assert line == f"Explorer: http://{host}:{port}{base_path}"
        yield line.split()[-1]
    finally:
        server.terminate()
        server.communicate()


def grid(page, label="Samples of"):
    """The tile grid of a label, once it is painted."""
    found = page.locator(f'.tiles[data-painted][aria-label^="{label}"]')
    found.wait_for()
    return found


def pixels(tile):
    """What is painted on a tile, uint8 (side, side, 3)."""
    url = tile.locator("canvas").evaluate("canvas => canvas.toDataURL('image/png')")
    return decode(base64.b64decode(url.partition(",")[2]))


def decode(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def halved(image):
    """A picture at half its size, each pixel the mean of four: float (H / 2, W / 2, C)."""
    height, width, channels = image.shape
    return image.reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3))


def apart(a, b):
    """Mean difference of two pictures, in levels of 256."""
    assert a.shape == b.shape
    return np.abs(a.astype(float) - b.astype(float)).mean()


def drawn(model, seed, psi=1.0):
    """What gan_core draws for a seed."""
    return model.generate(latent.truncate(model.prior.sample(1, seed=seed), psi))[0]


def tile(page, seed):
    return grid(page).locator(f'.tile[aria-label^="Sample of seed {seed},"]')


def unfold(page, title):
    """Open an expander and wait until it stands still: while it opens, its contents move."""
    page.get_by_test_id("stExpander").get_by_text(title, exact=True).click()
    page.wait_for_function(
        "title => [...document.querySelectorAll('[data-testid=stExpander] details')].some("
        "fold => fold.querySelector('summary').innerText.includes(title) && fold.open"
        " && !fold.getAnimations().length)",
        arg=title,
    )


def view_button(page):
    """The button that opens the settings of a page's view."""
    return page.get_by_test_id("stPopoverButton").filter(has_text="View")


def query(page):
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def on_tray(page, n):
    """Wait until the tray says that it holds n pictures."""
    page.get_by_role("heading", name=f"Tray ({n})", exact=True).wait_for(state="attached")


def address_has(page, part):
    page.wait_for_function("part => decodeURIComponent(location.search).includes(part)", arg=part)


def next_frame(page):
    """Wait until the screen was drawn again, with what was done before."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def until(page, holds):
    """Look after every frame that the browser draws until `holds()` is true."""
    end = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < end, "what was awaited did not happen"
        next_frame(page)


def idle(page):
    """Wait until no script of the page runs."""
    page.locator('[data-testid=stApp][data-test-script-state="notRunning"]').wait_for()


def no_trouble(page):
    assert page.locator("[data-testid=stAlert], [data-testid=stException]").count() == 0


def large(page):
    """The first large picture of a page, as the browser has it."""
    image = page.locator("[data-testid=stImage] img").first
    image.wait_for()
    return image


def shown(page):
    """What the live canvas says it shows: "exact", or a strip's count and the frame's place."""
    return page.locator(".live canvas").first.get_attribute("data-shown")


def canvas_pixels(page):
    """What is painted on the live canvas, uint8 (side, panes · side, 3), less the gaps."""
    canvas = page.locator(".live .stage canvas")
    url, gap = canvas.evaluate("c => [c.toDataURL('image/png'), Number(c.dataset.gap)]")
    painted = decode(base64.b64decode(url.partition(",")[2]))
    side = painted.shape[0]
    return np.delete(painted, [i for i in range(painted.shape[1]) if i % (side + gap) >= side], 1)


def exact(page):
    """The same, once it is the picture that the server drew for the values as they stand."""
    page.locator('.live canvas[data-shown="exact"]').wait_for()
    return canvas_pixels(page)


def download(page, name):
    """Click a download button; returns (suggested name, bytes)."""
    with page.expect_download() as caught:
        page.get_by_role("button", name=name).first.click()
    return caught.value.suggested_filename, caught.value.path().read_bytes()


# The group of the navigation that a page is in.
GROUPS = {
    "Explore": ("Browse", "Latents", "Interpolate", "Directions", "Arithmetic", "Your photo"),
    "Evidence": ("Neighbours", "Memorisation"),
    "Learn": ("The game",),
    "Make": ("Train", "Import", "Model card"),
    "More": ("About",),
}


def go_to(page, name):
    """Choose a page in the navigation at the top."""
    group = next(group for group, names in GROUPS.items() if name in names)
    page.get_by_test_id("stTopNavSection").filter(has_text=group).click()
    page.get_by_role("menuitem", name=name, exact=True).click()
