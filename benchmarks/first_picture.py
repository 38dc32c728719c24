"""From the start command to the first picture in a browser.

    python benchmarks/first_picture.py [--runs 3] [--json]

Starts `python -m explorer` in a fresh process, opens the address it prints in headless Chromium
(started beforehand, because a person's browser is already running), and stops the clock when the
grid of samples is painted. The first run reads the disk; the median is over the later runs.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="runs after the first")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("Chromium is needed: install your system's chromium package.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        times = [measure(browser) for _ in range(options.runs + 1)]
        browser.close()
    cold, *warm = times
    result = {"first_run_s": round(cold, 2), "median_s": round(statistics.median(warm), 2)}
    print(
        f"first picture: {cold:.1f} s in the first run, then a median of {result['median_s']:.1f} s"
    )
    if options.json:
        print(json.dumps(result))


def measure(browser):
    """Seconds from the start of the process to the painted grid."""
    start = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-m", "explorer"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        line = server.stdout.readline()
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{line.split()[-1]}/browse", wait_until="commit")
        page.wait_for_selector(".tiles[data-painted]", timeout=120_000)
        seconds = time.monotonic() - start
        page.close()
        return seconds
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
