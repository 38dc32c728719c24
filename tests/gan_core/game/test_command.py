"""python -m gan_core game."""

import json

import numpy as np
import pytest
from PIL import Image

from gan_core.__main__ import main
from gan_core.game import measures, presets
from gan_core.game.step import Game, step


def run(*arguments):
    return main(["game", *arguments])


def test_the_curve_is_that_of_the_game(capsys):
    assert run("--preset", "first", "--steps", "20", "--seed", "3", "--json") == 0
    printed = capsys.readouterr().out
    assert presets.get("first").title in printed
    curve = json.loads(printed.splitlines()[-1])["curves"]["non-saturating"]
    assert [row["step"] for row in curve] == list(range(2, 21, 2))
    game = Game(presets.get("first").boards[0][1], 3)
    for _ in range(20):
        step(game)
    measured = measures.measure(game, measures.data_density(game))
    assert curve[-1]["loss_d"] == game.loss_d
    assert curve[-1]["js"] == pytest.approx(measured.js)
    assert curve[-1]["modes"] == measured.modes


def test_two_boards_are_drawn_side_by_side(tmp_path, capsys):
    file = tmp_path / "game.png"
    assert run("--preset", "saturation", "--steps", "2", "--out", str(file)) == 0
    assert {"Minimax, seed 0", "Non-saturating, seed 0"} <= set(capsys.readouterr().out.split("\n"))
    with Image.open(file) as image:
        assert image.size == (960, 480)
        assert len(np.unique(np.asarray(image))) > 50


def test_own_points_and_other_settings_are_taken(tmp_path, capsys):
    file = tmp_path / "points.csv"
    file.write_text("0,0\n1,1\n")
    assert run("--data", str(file), "--set", "k:2,batch:16", "--steps", "3", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["seed"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--preset", "x"), "There is no preset 'x'"),
        (("--steps", "-1"), "steps is -1"),
        (("--seed", "-1"), "seed is -1"),
        (("--set", "k:99"), "k is 99"),
        (("--set", "data:points"), "needs a CSV file"),
        (("--out", "game.jpg"), "must end in .png"),
        (("--data", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_what_cannot_be_played_is_one_sentence(arguments, words, capsys):
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
