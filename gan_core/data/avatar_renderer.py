"""Illustrated faces with exactly known attributes: a data set small enough to train a GAN at home.

Every picture is drawn from options that we choose ourselves (`draw`), never from the style's own
randomness, so each label is exact and each picture depends on nothing but (seed, index).
Drawing needs no extra packages; rendering needs dicebear-core, dicebear-styles and resvg-py.
"""

import copy
import csv
import functools
import io
import json
import multiprocessing
import os
import random
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image

SOURCE = (
    "Avataaars by Pablo Stanley (https://avataaars.com/), style file avataaars.json of "
    "dicebear-styles 10.6.0, drawn with dicebear-core 10.7.0 and rasterised with resvg-py 0.5.0."
)
LICENCE = (
    "Remix of “Avataaars” (https://avataaars.com/) by Pablo Stanley, licensed under "
    "“Free for personal and commercial use” (https://avataaars.com/)."
)

ATTRIBUTES = ("smiling", "glasses", "long_hair", "beard", "hat")
COLOURS = ("skin", "hair_colour", "clothes_colour")
COLUMNS = ("file", *ATTRIBUTES, *COLOURS)
HAT_SHARE = 0.125

# Few, well separated colours: every skin must contrast with every hair, as the beard lies on it.
SKIN = {"light": "#ffdbb4", "tan": "#e8b07c", "brown": "#bf7f4c", "dark": "#8f5833"}
HAIR = {"black": "#211a1d", "brown": "#54280f", "blonde": "#f2cf63", "red": "#d2431a"}
CLOTHES = {"blue": "#3f86e0", "green": "#3fae6e", "purple": "#8f5bc8", "pink": "#ee6aa4"}
BACKGROUND = "#d5e3ee"
FRAME_COLOUR = "#16191c"

# Indexed by the attribute (0 or 1); only variants that stay distinct at 64 px.
MOUTHS = (("serious", "sad"), ("smile", "smile"))  # the style's other smiles are lost in a beard
EYES = (("default", "default"), ("default", "happy"))
BROWS = (("flatNatural", "defaultNatural"), ("defaultNatural", "raisedExcitedNatural"))
HAIRCUTS = (
    ("shortFlat", "shortRound", "theCaesar"),
    ("straightAndStrand", "miaWallace", "straight02"),
)
FRAMES = ("prescription01", "prescription02", "round")

CANVAS = 'viewBox="0 0 280 280"'
CROP = 'viewBox="40 24 200 200"'  # the head, with room for long hair and the shirt's collar
OVERSAMPLE = 4


def draw(seed: int, index: int) -> dict:
    """Choose everything about one picture; a pure function of (seed, index).

    Returns `ATTRIBUTES` as 0/1, `COLOURS` as words, and which variant within its class to take:
    mouth, eyes and brows in 0..1, haircut and frame in 0..2. All are independent of one another.
    A variant is drawn whether or not it shows, so flipping one attribute in the returned dict
    gives the same person with just that attribute changed. Short hair without a beard leaves
    hair_colour unseen under a hat (the hat has the colour of the clothes).
    """
    rng = random.Random(f"avatars:{seed}:{index}")  # strings are seeded by SHA-512, not by hash()

    def pick(choices: Sequence) -> Any:
        return choices[int(rng.random() * len(choices))]

    drawn = {name: int(rng.random() < 0.5) for name in ATTRIBUTES if name != "hat"}
    drawn["hat"] = int(rng.random() < HAT_SHARE)
    drawn["skin"] = pick(tuple(SKIN))
    drawn["hair_colour"] = pick(tuple(HAIR))
    drawn["clothes_colour"] = pick(tuple(CLOTHES))
    for name, count in (("mouth", 2), ("eyes", 2), ("brows", 2), ("haircut", 3), ("frame", 3)):
        drawn[name] = pick(range(count))
    return drawn


def options(drawn: dict) -> dict:
    """Turn what `draw` returned into dicebear options that leave nothing to chance."""
    smiling = drawn["smiling"]
    hair = HAIR[drawn["hair_colour"]]
    clothes = CLOTHES[drawn["clothes_colour"]]
    return {
        "seed": "",
        "backgroundColor": [BACKGROUND],
        "skinColor": [SKIN[drawn["skin"]]],
        "mouthVariant": [MOUTHS[smiling][drawn["mouth"]]],
        "eyesVariant": [EYES[smiling][drawn["eyes"]]],
        "eyebrowsVariant": [BROWS[smiling][drawn["brows"]]],
        "noseVariant": ["default"],
        "topVariant": [HAIRCUTS[drawn["long_hair"]][drawn["haircut"]]],
        "topProbability": 100,
        "hairColor": [hair],
        "hatVariant": ["winterHat03"],
        "hatProbability": 100 * drawn["hat"],
        "hatColor": [clothes],
        "facialHairVariant": ["beardMedium"],
        "facialHairProbability": 100 * drawn["beard"],
        "facialHairColor": [hair],
        "accessoriesVariant": [FRAMES[drawn["frame"]]],
        "accessoriesProbability": 100 * drawn["glasses"],
        "accessoriesColor": [FRAME_COLOUR],
        "clothesVariant": ["shirtCrewNeck"],
        "clothesColor": [clothes],
    }


def _packages() -> tuple:
    """Return (Avatar, Style, svg_to_bytes); raise InputError when they are not installed."""
    try:
        import dicebear_styles  # noqa: F401  (its data file is read by `_style`)
        from dicebear import Avatar, Style
        from resvg_py import svg_to_bytes
    except ImportError as error:
        from gan_core.util.errors import InputError

        raise InputError(
            "Rendering avatars needs additional packages: pip install dicebear-core==10.7.0 "
            "dicebear-styles==10.6.0 resvg-py==0.5.0"
        ) from error
    return Avatar, Style, svg_to_bytes


@functools.cache
def _style() -> Any:
    """The avataaars style, changed so that a hat sits on the hair instead of replacing it."""
    _, Style, _ = _packages()
    text = resources.files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8")
    definition = json.loads(text)
    # In avataaars a hat is one of the "tops", so nobody could have both a hat and long hair. A
    # second top, drawn right after the first, keeps the two independent. It is a tenth larger
    # (about the middle of the brow, which keeps its place), so that no hair shows at its edges.
    definition["components"]["hat"] = copy.deepcopy(definition["components"]["top"])
    elements = definition["canvas"]["elements"]
    at = next(i for i, element in enumerate(elements) if element["name"] == "top")
    larger = {"transform": "translate(-5.2 -9) scale(1.1)"}
    elements.insert(at + 1, {**elements[at], "name": "hat", "attributes": larger})
    return Style(definition)


def picture(drawn: dict, size: int = 64) -> Image.Image:
    """Render what `draw` returned as a PIL image: RGB, size x size pixels, opaque.

    Raises InputError when dicebear or resvg is missing.
    """
    Avatar, _, svg_to_bytes = _packages()
    svg = Avatar(_style(), options(drawn)).to_string()
    if svg.count(CANVAS) != 1:
        raise RuntimeError("dicebear's SVG no longer has the canvas that the crop assumes")
    big = size * OVERSAMPLE
    png = svg_to_bytes(
        svg_string=svg.replace(CANVAS, CROP), width=big, height=big, skip_system_fonts=True
    )
    # An area filter: unlike LANCZOS it leaves no halo around the flat shapes.
    return Image.open(io.BytesIO(png)).convert("RGB").reduce(OVERSAMPLE)


def _write(job: tuple[str, int, int, int]) -> list:
    """Render and save one picture; returns its row for attributes.csv."""
    out, seed, index, size = job
    drawn = draw(seed, index)
    name = f"{index:06d}.png"
    picture(drawn, size).save(Path(out) / name)
    return [name, *(drawn[column] for column in COLUMNS[1:])]


def render(
    out: str | Path, count: int = 12000, seed: int = 0, size: int = 64, workers: int | None = None
) -> None:
    """Write out/000000.png ... (RGB uint8, size x size) and, last, out/attributes.csv.

    The csv has `COLUMNS`: the file name, five attributes as 0/1, three colours as words. The
    bytes written depend only on (count, seed, size) and the package versions, not on `workers`
    (None: one process per CPU). More than one worker starts processes, so a script must call
    this under `if __name__ == "__main__":`.

    Raises InputError when a number is not positive, when `out` holds anything already, or when
    dicebear or resvg is missing.
    """
    from gan_core.util.errors import InputError

    workers = workers if workers is not None else os.cpu_count() or 1
    for name, value in (("count", count), ("size", size), ("workers", workers)):
        if value < 1:
            raise InputError(f"{name} is {value}; it must be at least 1.")
    _packages()
    from tqdm import tqdm

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise InputError(
            f"{out} is not empty; give a new folder, so that no old pictures stay in it."
        )
    jobs = [(str(out), seed, index, size) for index in range(count)]
    progress = functools.partial(tqdm, total=count, desc="avatars", unit="img")
    if workers == 1:
        rows = list(progress(map(_write, jobs)))
    else:
        # spawn, because forking a process in which torch has started threads can hang
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            rows = list(progress(pool.imap(_write, jobs, chunksize=32)))
    with open(out / "attributes.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
