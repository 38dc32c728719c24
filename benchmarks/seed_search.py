"""Searching and sorting all seeds of a model's table: the ranking alone, and in a browser.

    python benchmarks/seed_search.py checkpoints/avatars [--rounds 5] [--json]

`ranking`: the table alone, searched for two attributes and sorted by realism. `browser`: Browse in
headless Chromium, from the press on a control to the new pictures painted, for the other order and
for an attribute that is added to the search; a page of 36 samples. App and browser share this
machine.
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

import gan_core
from explorer.services import seed_tables
from gan_core.metrics import seed_table

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
# Resolves once the grid has been painted with other samples than before.
WATCH = """root => {
  const labels = () => [...root.querySelectorAll(".tile")].map((tile) => tile.ariaLabel).join();
  const before = labels();
  window.painted = new Promise((resolve) => {
    const look = () => {
      if (!("painted" in root.dataset) || labels() === before) return;
      observer.disconnect();
      requestAnimationFrame(() => resolve(performance.now() - window.pressed));
    };
    const observer = new MutationObserver(look);
    observer.observe(root, { attributes: true });
  });
  addEventListener("pointerdown", () => { window.pressed = performance.now(); }, { capture: true });
}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="checkpoint directory with a table of seeds")
    parser.add_argument("--rounds", type=int, default=5, help="of each kind")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    model = gan_core.load(options.model)
    table = seed_table.load(model)
    result = {"seeds": len(table), "ranking_ms": round(ranking(table), 3)}
    print(f"{len(table):,} seeds: {result['ranking_ms']:.2f} ms for the ranking alone")
    times = browser(model, table, options.rounds)
    for what, values in times.items():
        median, most = statistics.median(values), max(values)
        result[what] = {"median_ms": round(median), "max_ms": round(most), "n": len(values)}
        print(f"{what}: median {median:.0f} ms, at most {most:.0f} ms ({len(values)} times)")
    if options.json:
        print(json.dumps(result))


def ranking(table, rounds=100):
    """Milliseconds for one search and its order."""
    wanted = dict(zip(table.attributes[:2], (True, False), strict=False))
    start = time.perf_counter()
    for _ in range(rounds):
        seed_tables.ranking(table, "realism", "best", wanted)
    return (time.perf_counter() - start) / rounds * 1000


def browser(model, table, rounds):
    """{what: milliseconds from the press to the painted samples}."""
    from gan_core.attributes import classifier

    known = classifier.load(model.directory).recognised
    common = sorted(known, key=lambda name: -(table.column(name) >= 0.5).sum())
    names = [classifier.readable_name(name) for name in common[:rounds]]
    server = subprocess.Popen(
        [sys.executable, "-m", "explorer", "--checkpoints", str(model.directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    times = {"sorting": [], "searching": []}
    try:
        address = server.stdout.readline().split()[-1]
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
                args=ARGUMENTS,
            )
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/browse?model={model.directory.name}")
            page.wait_for_selector(".tiles[data-painted]", timeout=120_000)
            page.wait_for_timeout(4000)  # what follows the first picture
            for i in range(rounds):
                order = ("Most realistic", "Least")[i % 2]
                times["sorting"].append(
                    measured(page, lambda order=order: page.get_by_text(order, exact=True).click())
                )
            for name in names:
                page.goto(f"{address}/browse?model={model.directory.name}")
                page.wait_for_selector(".tiles[data-painted]")
                page.wait_for_timeout(1500)
                page.get_by_role("combobox", name="With", exact=True).click()
                option = page.get_by_role("option", name=name, exact=True)
                option.wait_for()
                times["searching"].append(measured(page, option.click))
            chromium.close()
    finally:
        server.kill()
        server.wait()
    return times


def measured(page, press):
    page.locator('.tiles[aria-label^="Samples of"]').evaluate(WATCH)
    press()
    return page.evaluate("window.painted")


if __name__ == "__main__":
    main()
