"""How closely the picture follows the pointer: native slider, pre-rendered strips, browser mode.

    python benchmarks/drag_latency.py [--model avatars] [--rounds 10] [--json]

One run measures all three on the page Interpolate, with eight pictures on the tray, in headless
Chromium driven by Playwright; browser and server share this machine. They alternate, `rounds` times
each:

first_ms      the pointer reaches the slider, presses it at once, before there is a strip, and moves
              on -> the first live picture is painted; null if there is none (native). For strips
              also fine_ms, the first picture from the fine strip.
median_ms,    during a drag of 3 seconds: an input event -> its picture is painted. If pictures
p95_ms        change only on release (native): release -> its picture is painted.
pictures_per_s  different pictures painted per second of the drag.
inputs_per_s  input events per second of the drag, one a frame at most: what the browser delivers of
              a pointer that swings to and fro and hardly moves where it turns.
settled_ms    release -> the picture that the server drew for the value, and the numbers beside it.

"Painted" is when a message arrives that was posted from the animation frame after the canvas (or
image) changed, that is, once the frame has been drawn. An input's time is that of its event. Times
are medians except p95_ms. Also measured: tiles, on the page Browse with 64 pictures (click_ms, a
click on a picture -> its mark is painted; page_ms, a click on Next -> 64 new pictures are painted),
and gc_ms, a full garbage collection in a process that has loaded a model.
"""

import argparse
import json
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 3.0
KEYS = 3  # keyframes of the path

# Records when things happen. `picture` identifies the current picture; the canvas is in a shadow
# root.
WATCH = """
() => {
  const seen = { inputs: [], paints: [], marks: {} };
  window.seen = seen;
  const deep = (selector, root = document) => {
    const found = root.querySelector(selector);
    if (found) return found;
    for (const e of root.querySelectorAll("*")) {
      const inner = e.shadowRoot && deep(selector, e.shadowRoot);
      if (inner) return inner;
    }
    return null;
  };
  window.deep = deep;
  const picture = () => {
    const canvas = deep(".live .stage canvas");
    if (canvas) return canvas.dataset.shown;
    const image = deep("[data-testid=stImage] img");
    return image && image.complete ? image.src : undefined;
  };
  const channel = new MessageChannel();
  let waiting = [];
  channel.port1.onmessage = () => {
    const now = performance.now();
    for (const { shown, since } of waiting) seen.paints.push({ shown, at: now, since });
    waiting = [];
  };
  let last = picture(), since = null;
  const look = () => {
    const shown = picture();
    if (shown !== last) {
      last = shown;
      waiting.push({ shown, since });
      channel.port2.postMessage(0);
      since = null;
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  const on = (kind, f) => window.addEventListener(kind, f, { capture: true, passive: true });
  on("input", (event) => { since = event.timeStamp; seen.inputs.push(since); });
  on("pointermove", (event) => { seen.moved = event.timeStamp; });
  on("pointerdown", (event) => { seen.marks.down = event.timeStamp; });
  on("pointerup", (event) => { seen.marks.up = event.timeStamp; });
}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="avatars", help="a shipped model (avatars)")
    parser.add_argument("--rounds", type=int, default=10, help="grabs and drags of each (10)")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object as the last line"
    )
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("This benchmark needs Chromium.")
    result = {"model": arguments.model, "rounds": arguments.rounds, "gc_ms": collection_ms()}
    app = [sys.executable, "-m", "explorer", "--port"]
    native = [sys.executable, "-m", "streamlit", "run", "benchmarks/native_slider.py"]
    native += ["--server.headless=true", "--server.fileWatcherType=none", "--server.port"]
    with serving(app) as live_url, serving(native) as native_url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        pages = {
            "native": prepare(browser, native_url, arguments.model),
            "strips": prepare(browser, live_url, arguments.model),
            "browser": prepare(browser, live_url, arguments.model, in_browser=True),
        }
        rounds = {name: [] for name in pages}
        for i in range(arguments.rounds):
            for name, page in pages.items():
                rounds[name].append(drag(page, name, i))
        result["tiles"] = tiles(browser, live_url, arguments.model, arguments.rounds)
        browser.close()
    result |= {name: summary(name, measured) for name, measured in rounds.items()}
    for name in rounds:
        print(f"{name:8}", *(f"{key} {value}" for key, value in result[name].items()))
    print("tiles   ", *(f"{key} {value}" for key, value in result["tiles"].items()))
    print(f"garbage collection {result['gc_ms']:.1f} ms")
    if arguments.json:
        print(json.dumps(result))


class serving:
    """Run an app on a free port while the block lasts; gives its address."""

    def __init__(self, command):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.command = [*command, str(self.port)]

    def __enter__(self):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log
        )
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return f"http://127.0.0.1:{self.port}"
            except OSError:
                time.sleep(0.1)
        sys.exit("The app did not start.")

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait()


def prepare(browser, url, model, in_browser=False):
    """A page with the path and a full tray, everything loaded and idle."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(120_000)
    tray = ",".join(f"{model}:{seed}" for seed in range(8))
    page.goto(f"{url}/interpolate?model={model}&keys=11,12,13&tray={tray}")
    slider(page).wait_for()
    if in_browser:
        page.get_by_test_id("stPopoverButton").filter(has_text="View").click()
        page.get_by_text("Run this model in my browser").click()
        page.keyboard.press("Escape")
        page.locator('.live[data-engine="ready"]').wait_for()
    page.wait_for_timeout(5000)  # the batches that are run once after loading are done
    page.evaluate(WATCH)
    return page


def slider(page):
    return page.get_by_role("slider", name="Position")


def drag(page, name, i):
    """Grab the slider, drag it for a while, release it. Returns what was recorded, times in ms."""
    fresh(page, i)
    box = slider(page).bounding_box()
    if name == "native":  # its thumb alone can be grabbed; its track is as wide as the page's
        box = track(page)
    y = box["y"] + box["height"] / 2
    x = lambda share: box["x"] + box["width"] * share  # noqa: E731
    page.mouse.move(x(0.0), y - 60)
    page.evaluate("Object.assign(seen, { inputs: [], paints: [], marks: {} })")
    page.mouse.move(x(0.0) + (0 if name == "native" else 8), y)
    page.mouse.down()
    start, moves = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < SECONDS + 0.5:
        page.mouse.move(x(0.5 - 0.45 * math.cos(2 * math.pi * elapsed / 2)), y)
        moves += 1
    grabbed = page.evaluate("({ ...seen, paints: [...seen.paints] })")
    page.mouse.move(x(0.3 + 0.4 * (i % 2) + 0.01 * i), y)
    page.mouse.up()
    page.wait_for_timeout(1500)
    after = page.evaluate("seen")
    return measure(name, grabbed, after)


def fresh(page, i):
    """New keyframes, for which no strip and no picture exists yet."""
    keys = ", ".join(str(1000 + 10 * i + k) for k in range(KEYS))
    field = page.get_by_role("textbox", name="Seeds")
    field.fill(keys)
    field.press("Enter")
    page.wait_for_timeout(2500)


def track(page):
    """The position of the native slider's thumb and the range in which it moves."""
    thumb = slider(page).bounding_box()
    whole = page.locator("[data-testid=stSlider]", has=slider(page)).bounding_box()
    middle = thumb["x"] + thumb["width"] / 2
    return {**thumb, "x": middle, "width": whole["x"] + whole["width"] - middle - 8}


def measure(name, grabbed, after):
    """The numbers of one drag, see the top of this file."""
    down, up = grabbed["marks"]["down"], after["marks"]["up"]
    held = [paint for paint in grabbed["paints"] if paint["shown"] != "exact"]
    released = [paint for paint in after["paints"] if paint["at"] > up]
    measured = {"first": held[0]["at"] - down} if held else {}
    fine = [paint for paint in held if paint["shown"].startswith("64:")]
    if name == "strips" and fine:
        measured["fine"] = fine[0]["at"] - down
    steady = [paint for paint in held if paint["at"] > down + 500]
    if name == "strips":
        steady = [paint for paint in steady if int(paint["shown"].split(":")[0]) >= 64]
    measured["rate"] = len(steady) / SECONDS
    measured["inputs"] = sum(at > down + 500 for at in grabbed["inputs"]) / SECONDS
    measured["latencies"] = [p["at"] - p["since"] for p in steady if p["since"]]
    if released:
        measured["settled"] = released[-1]["at"] - up
        if name == "native":
            measured["latencies"] = [released[0]["at"] - up]
    return measured


def summary(name, rounds):
    latencies = sorted(latency for measured in rounds for latency in measured["latencies"])
    result = {
        "median_ms": round(statistics.median(latencies), 1),
        "p95_ms": round(latencies[min(len(latencies) - 1, int(0.95 * len(latencies)))], 1),
        "pictures_per_s": round(statistics.median(measured["rate"] for measured in rounds), 1),
        "inputs_per_s": round(statistics.median(measured["inputs"] for measured in rounds), 1),
    }
    for key in ("first", "fine", "settled"):
        times = [measured[key] for measured in rounds if key in measured]
        if times or key == "first":
            result[f"{key}_ms"] = round(statistics.median(times), 1) if times else None
    return result | {"inputs": len(latencies)}


def tiles(browser, url, model, rounds):
    """The time that the tile grid takes to show a click, and 64 new pictures."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(120_000)
    page.goto(f"{url}/browse?model={model}&n=64&size=small")
    grid = page.locator('.tiles[data-painted="64"]')
    grid.wait_for()
    page.wait_for_timeout(5000)
    # The time until a MutationObserver of the grid has seen the change, plus one frame.
    wait = """(grid, painted) => new Promise((done) => {
      const start = performance.now();
      const frame = () => requestAnimationFrame(() => setTimeout(() =>
        done(performance.now() - start)));
      const watch = new MutationObserver((seen) => {
        const hit = seen.some(({ target, attributeName, oldValue }) => painted
          ? attributeName === "data-painted" && grid.dataset.painted
          : attributeName === "class" && target.classList.contains("marked")
            && !oldValue.includes("marked"));
        if (hit) { watch.disconnect(); frame(); }
      });
      const watched = { subtree: true, attributes: true, attributeOldValue: true };
      watch.observe(grid, watched);
      const buttons = [...document.querySelectorAll("button")];
      const next = buttons.find((button) => button.innerText.includes("Next"));
      (painted ? next : grid.querySelector(".tile:not(.marked)")).click();
    })"""
    clicks, turns = [], []
    for _ in range(rounds):
        clicks.append(grid.evaluate(wait, False))
        page.wait_for_timeout(700)
        turns.append(grid.evaluate(wait, True))
        page.wait_for_timeout(700)
    page.close()
    return {
        "click_ms": round(statistics.median(clicks), 1),
        "page_ms": round(statistics.median(turns), 1),
    }


def collection_ms():
    """A full garbage collection after loading and settling a model, in a process of its own."""
    code = (
        "import gc, time, explorer.services.server, streamlit, plotly, gan_core\n"
        "from explorer.services import model_registry as models\n"
        "entry = next(iter(models.entries().values()))\n"
        "models.settle(models.load(entry))\n"
        "start = time.perf_counter(); gc.collect(); print((time.perf_counter() - start) * 1000)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return round(float(run.stdout.split()[-1]), 2)


if __name__ == "__main__":
    main()
