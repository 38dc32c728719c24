"""Layout shift and first paint of every page, in Chromium.

    python benchmarks/layout_shift.py [--pages latents train] [--sources]

Starts the app, opens each page once so that the server is warm, and then measures it in a fresh
browser context at 1440×900 and at 390×844. The layout shift is the browser's own: the largest sum
of `layout-shift` entries in a session window (gaps below 1 s, 5 s at most; see web.dev/cls)
until SETTLED seconds after the scripts of the page have come to rest. Also in milliseconds from the
start of the navigation: the first contentful paint, and the frame of the page (its title is there).
--sources lists the elements that moved.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SIZES = ((1440, 900), (390, 844))
SETTLED = 3  # seconds
PAGES = {
    "start": "",
    "browse": "?model=avatars",
    "latents": "latents?model=avatars&start=7",
    "interpolate": "interpolate?model=avatars&keys=0,7,11,15",
    "directions": "directions?model=avatars&start=7",
    "arithmetic": "arithmetic?model=avatars",
    "photo": "photo?model=avatars",
    "neighbours": "neighbours?model=avatars&of=7",
    "memorisation": "memorisation?model=avatars",
    "game": "game",
    "train": "train",
    "import": "import",
    "card": "card?model=avatars",
    "about": "about",
}
WATCH = """
window.shifts = [];
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const sources = entry.sources.map(source => {
      let node = source.node;
      if (node && node.nodeType === 3) node = node.parentElement;
      const words = [];
      for (let up = node; up && words.length < 4; up = up.parentElement) {
        const key = [...(up.classList || [])].find(name => name.startsWith("st"));
        words.push(up.dataset?.testid || key || up.tagName);
      }
      const box = r => [r.x, r.y, r.width, r.height].map(Math.round).join(" ");
      return `${words.join(" < ")}: ${box(source.previousRect)} -> ${box(source.currentRect)}`;
    });
    window.shifts.push({ value: entry.value, at: entry.startTime, sources });
  }
}).observe({ type: "layout-shift", buffered: true });
const look = () => {
  const title = document.querySelector('[data-testid="stHeading"]');
  if (title) window.framed = performance.now(); else requestAnimationFrame(look);
};
look();
"""


def cumulative(shifts: list[dict]) -> float:
    """The largest sum of a session window. shifts: {"value", "at"} in order, at in milliseconds."""
    largest = total = 0.0
    began = last = -1e9
    for shift in shifts:
        if shift["at"] - last > 1000 or shift["at"] - began > 5000:
            began, total = shift["at"], 0.0
        last, total = shift["at"], total + shift["value"]
        largest = max(largest, total)
    return largest


def measure(browser: Browser, address: str, size: tuple[int, int]) -> dict:
    """One visit: shift, paint and frame in milliseconds, and the single shifts."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(SETTLED * 1000)
    shifts = page.evaluate("window.shifts")
    paint = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
    )
    frame = page.evaluate("window.framed ?? null")
    context.close()
    return {"shift": cumulative(shifts), "paint": paint, "frame": frame, "shifts": shifts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES))
    parser.add_argument("--address", help="of a running app, in place of one that is started")
    parser.add_argument("--sources", action="store_true", help="list the elements that moved")
    parser.add_argument("--json", action="store_true", help="one JSON line per visit")
    options = parser.parse_args()
    server = None
    if not options.address:
        command = [sys.executable, "-m", "explorer"]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        address = options.address or server.stdout.readline().split()[-1]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=ARGUMENTS
            )
            for name in options.pages:
                measure(browser, f"{address}/{PAGES[name]}", SIZES[0])  # the server is warm now
                for size in SIZES:
                    report(name, size, measure(browser, f"{address}/{PAGES[name]}", size), options)
            browser.close()
    finally:
        if server:
            server.kill()
            server.wait()


def report(name: str, size: tuple[int, int], result: dict, options: argparse.Namespace) -> None:
    """Print the result of one visit."""
    width = f"{size[0]}×{size[1]}"
    if options.json:
        row = {key: result[key] for key in ("shift", "paint", "frame")}
        print(json.dumps({"page": name, "size": width, **row}), flush=True)
    else:
        times = "  ".join(f"{key} {result[key] or 0:6.0f} ms" for key in ("paint", "frame"))
        print(f"{name:13} {width:9} shift {result['shift']:.3f}  {times}", flush=True)
    if options.sources:
        for shift in result["shifts"]:
            if shift["value"] >= 0.005:
                print(f"    {shift['value']:.3f} at {shift['at']:.0f} ms", flush=True)
                for source in shift["sources"]:
                    print(f"        {source}", flush=True)


if __name__ == "__main__":
    main()
