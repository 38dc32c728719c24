"""Take the pictures of the app for the README and the docs (needs Chromium).

    python docs/screenshots.py              all of them
    python docs/screenshots.py earlier      those whose names begin with this

The picture of earlier states needs a model that has some, and no included model does. A short run
is trained for it once, in `runs`, which takes a few minutes on a CPU.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).resolve().parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PAINTED = ".tiles[data-painted], .loop canvas[data-at], .live canvas[data-shown], .game[data-step]"
FINISHED = "() => !document.querySelector('[data-testid=stMain] [data-testid=stProgress]')"
STEPS = 1500  # of the game
RUNS = DOCS.parent / "runs"
SHORT = (
    *("train", "checkpoints/avatars-tied/training_set", "--name", "avatars-short"),
    *("--preset", "avatars", "--kimg", "16", "--grid-kimg", "4", "--measure-kimg", "0"),
)
PRESETS = {  # that fill the baskets
    "arithmetic-avatars.png": "bearded with glasses − bearded + long-haired",
    "arithmetic-faces-tied.png": "smiling woman − neutral woman + neutral man",
}
HEIGHTS = {"arithmetic": 1400}  # pixels, where the first 900 do not show what it is about
VIEWS = {
    "start-avatars.png": "",
    "browse-{}.png": "?model={}",
    "latents-{}.png": "latents?model={}&start=7",
    "pad-{}.png": "latents?model={}&way=pad&corners=0,7,11,15",
    "arithmetic-avatars.png": "arithmetic?model={}",
    "arithmetic-faces-tied.png": "arithmetic?model={}",
    "neighbours-avatars.png": "neighbours?model={}&of=7",
    "latents-avatars-tied.png": "latents?model={}&start=7",
    "browse-faces-style.png": "?model={}",
    "latents-avatars-classes.png": "latents?model={}&start=6",
    "compare-avatars.png": "latents?model={}&start=7&beside=avatars-tied",
    "directions-{}.png": "directions?model={}&start=7",
    "interpolate-{}.png": "interpolate?model={}&keys=0,7,11,15",
    "earlier-avatars-short.png": "browse?model={}&n=36&sort=seed&beside=avatars-short@4",
    "the-game.png": "game?preset=first",
    "lessons.png": "latents?model=avatars&start=1169&lesson=tour&lesson_step=1",
}


def main(beginning=""):
    views = {file: path for file, path in VIEWS.items() if file.startswith(beginning)}
    models = ["checkpoints"]
    if "earlier-avatars-short.png" in views:
        models.append(short_run())
    command = [sys.executable, "-m", "explorer", "--checkpoints", *map(str, models)]
    server = subprocess.Popen(command, cwd=DOCS.parent, stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().split()[-1]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=ARGUMENTS
            )
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            for file, path in views.items():
                own = file.removesuffix(".png").partition("-")[2]
                for model in ("avatars", "faces") if own == "{}" else (own,):
                    height = HEIGHTS.get(file.split("-")[0], 900)
                    page.set_viewport_size({"width": 1440, "height": height})
                    page.goto(f"{address}/{path.format(model)}")
                    if file in PRESETS:
                        page.get_by_role("button", name=PRESETS[file]).last.click()
                    page.wait_for_selector(PAINTED, timeout=120_000)
                    if file == "the-game.png":
                        play(page)
                    page.wait_for_function(FINISHED, timeout=300_000)
                    page.wait_for_timeout(8000)  # fonts, and what follows the first picture
                    page.screenshot(path=DOCS / file.format(model))
            browser.close()
    finally:
        server.kill()
        server.wait()


def short_run():
    """The folder of a model that keeps earlier states; it is trained if it is not there yet."""
    place = RUNS / "screenshots"
    if not (place / "avatars-short" / "model.json").exists():
        subprocess.run(
            [sys.executable, "-m", "gan_core", *SHORT, "--checkpoints", place],
            cwd=DOCS.parent,
            check=True,
        )
    return place / "avatars-short"


def play(page):
    """Play the game for so many steps."""
    page.get_by_label("Speed").press("End")
    page.get_by_role("button", name="Play").click()
    while int(page.locator(".game").get_attribute("data-step")) < STEPS:
        page.wait_for_timeout(500)
    page.get_by_role("button", name="Pause").click()


if __name__ == "__main__":
    main(*sys.argv[1:2])
