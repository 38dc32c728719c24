"""The verb `game` of the command line: the game of the page "The game", in torch."""

import json as json_format
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gan_core.data import media
from gan_core.game import measures, picture, points, presets, settings
from gan_core.game.settings import Settings
from gan_core.game.step import Game, step
from gan_core.latent import MAX_SEED
from gan_core.util import regular_files
from gan_core.util.errors import InputError

MOST_STEPS = 1_000_000
ROWS = 10  # of the printed curve
MOST_BYTES = 2**20  # of a CSV file


def play(
    *,
    preset: str = "first",  # scene of the page, see docs/the-game.md
    steps: int = 0,  # steps of G (default: as many as the preset needs)
    seed: int = 0,  # seed of weights, latents and data
    set: str = "",  # settings that differ from the preset, such as k:5,objective:hinge
    data: str = "",  # CSV file of your own points: two columns, x and y
    out: str = "",  # write a picture of the last step to this PNG file
    json: bool = False,  # print the curves as one JSON object on the last line
) -> None:
    """Play the game of two players in the plane, with a preset of the page The game."""
    scene = presets.get(preset)
    length = steps or scene.steps
    if not 1 <= length <= MOST_STEPS:
        raise InputError(f"steps is {steps}; it must be from 1 to {MOST_STEPS}.")
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed is {seed}; it must be from 0 to {MAX_SEED}.")
    if out and Path(out).suffix.lower() != ".png":
        raise InputError(f"{out} must end in .png.")
    own = points.read_csv(regular_files.read_bytes(data, MOST_BYTES)) if data else []
    boards = [(title, changed(one, set, bool(own))) for title, one in scene.boards]
    for _, one in boards:
        if one.data == "points" and not own:
            raise InputError("The data “points” needs a CSV file; give one with --data.")
    print(f"{scene.title}: {scene.sentences}\n{scene.paper}")
    curves, games = {}, []
    for title, one in boards:
        game = Game(one, seed, own)
        print(f"\n{title or one.objective}, seed {seed}")
        curves[title or one.objective] = list(rows(game, length))
        games.append(game)
    if out:
        image = np.concatenate([picture.draw(game) for game in games], axis=1)
        media.save(out, media.encode(image))
        print(f"\n{out}: step {length}")
    if json:
        print(json_format.dumps({"preset": preset, "seed": seed, "curves": curves}))


def changed(base: Settings, text: str, own: bool) -> Settings:
    """The settings of a board with what the command line changes."""
    return settings.read(text + (",data:points" if own else ""), base)


def rows(game: Game, length: int) -> Iterator[dict[str, Any]]:
    """Play so many steps; print and yield what is measured at every tenth part of them."""
    print("  step  loss of D  loss of G  Jensen–Shannon  modes  |D − D*|")
    density = measures.data_density(game)
    marks = {math.ceil(length * part / ROWS) for part in range(1, ROWS + 1)}
    for number in range(1, length + 1):
        step(game)
        if number in marks:
            measured = measures.measure(game, density)
            modes = "–" if measured.modes is None else str(measured.modes)
            gap = "–" if measured.gap is None else f"{measured.gap:.3f}"
            print(
                f"{number:6d}  {game.loss_d:9.3f}  {game.loss_g:9.3f}  {measured.js:14.3f}"
                f"  {modes:>5}  {gap:>8}"
            )
            losses = {"step": number, "loss_d": game.loss_d, "loss_g": game.loss_g}
            yield losses | measured._asdict()
