"""Frames a second of the page The game, and what a step costs in JavaScript and in torch.

    python benchmarks/game.py [--seconds 10] [--presets first,saturation] [--json]

The page is opened in headless Chromium, which draws without a graphics card; browser and server
share this machine.

fps        frames of the worker that were painted, a second, while the game plays "fastest"
steps      steps of G in that time, a second
page_ms    processor time of the page's own thread for each of these frames, mostly drawing
worker_ms  the same of the worker: steps and what a frame shows. For 60 frames a second both must be
           below 16 ms; unlike fps they say so on a busy machine, too. On Linux alone.
step_ms    one step in the worker's code on the page's own thread, without drawing
frame_ms   what a frame shows (surface, grid, samples, arrows), computed there
torch_ms   one step of gan_core.game, one thread
"""

import argparse
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import torch
from playwright.sync_api import sync_playwright

from explorer.components import game as component
from explorer.components.component import joined
from gan_core.game import presets, step
from gan_core.game.step import Game

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
COST = """([one, program]) => {
  const { makeGame, stepGame, frameOf } = new Function(
    `${program}; return { makeGame, stepGame, frameOf };`)();
  const game = makeGame(one, 0, []);
  const time = (n, act) => {
    for (let i = 0; i < n; i++) act(); // compiled by then
    const start = performance.now();
    for (let i = 0; i < n; i++) act();
    return (performance.now() - start) / n;
  };
  const step_ms = time(100, () => stepGame(game));
  return { step_ms, frame_ms: time(50, () => frameOf({ game }, "", false)) };
}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--presets", default=",".join(presets.PRESETS), help="comma-separated")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        for name in arguments.presets.split(","):
            row = played(browser, f"{address}/game?preset={name}", arguments.seconds)
            row |= costs(browser, presets.get(name))
            results[name] = row
            print(name, ", ".join(f"{key} {value:.3g}" for key, value in row.items()), flush=True)
        browser.close()
    if arguments.json:
        print(json.dumps(results))


class serving:
    """The address of an app on a free port, which ends with the block."""

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "explorer", "--port", str(port)]
        self.server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        return self.server.stdout.readline().split()[-1]

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()


def played(browser, link, seconds):
    """{"fps", "steps"} of a game that plays as fast as it can."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(link)
    game = page.locator(".game[data-step]")
    game.wait_for(timeout=120_000)
    page.get_by_label("Speed").press("End")
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(3000)
    spent_before = spent()
    counts = "one => [Number(one.dataset.frames), Number(one.dataset.step), performance.now()]"
    before = game.evaluate(counts)
    page.wait_for_timeout(1000 * seconds)
    frames, steps, ms = (b - a for a, b in zip(before, game.evaluate(counts), strict=True))
    cpu = {key: (ms - spent_before.get(key, 0)) / max(frames, 1) for key, ms in spent().items()}
    page.close()
    return {"fps": 1000 * frames / ms, "steps": 1000 * steps / ms} | cpu


def spent():
    """{"page_ms", "worker_ms"} of processor time in renderers of this program; {} but on Linux."""
    ticks = {"page_ms": 0, "worker_ms": 0}
    renderers = [pid for pid in descendants(os.getpid()) if "--type=renderer" in command_of(pid)]
    for pid in renderers:
        for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
            try:
                name, fields = stat.read_text().split("(", 1)[1].rsplit(")", 1)
            except OSError:  # it has just ended
                continue
            used = sum(map(int, fields.split()[11:13]))
            if stat.parent.name == str(pid):
                ticks["page_ms"] += used
            elif name.startswith("DedicatedWorker"):
                ticks["worker_ms"] += used
    return (
        {key: 1000 * n / os.sysconf("SC_CLK_TCK") for key, n in ticks.items()} if renderers else {}
    )


def descendants(pid):
    """The processes that a process has started, and those that they have."""
    children = []
    for one in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(one.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(one.parent.name)
            children += [child, *descendants(child)]
    return children


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def costs(browser, preset):
    """{"step_ms", "frame_ms", "torch_ms"} of a preset's last board."""
    settings = preset.boards[-1][1]
    page = browser.new_page()
    page.goto("about:blank")
    row = page.evaluate(COST, [dataclasses.asdict(settings), joined(*component.WORKER[:-1])])
    page.close()
    game = Game(settings)
    for _ in range(20):
        step.step(game)
    start = time.perf_counter()
    for _ in range(100):
        step.step(game)
    return row | {"torch_ms": 10 * (time.perf_counter() - start)}


if __name__ == "__main__":
    main()
