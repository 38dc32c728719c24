"""The settings of a game, and how a link writes them."""

import dataclasses

import pytest

from gan_core.game import presets, settings
from gan_core.game.settings import FIELDS, Settings
from gan_core.training.losses import OBJECTIVES
from gan_core.util.errors import InputError


def test_what_differs_from_the_base_is_written_and_read_again():
    base = Settings()
    changed = Settings(data="moons", objective="wgan-gp", k=5, lr_d=0.0005, activation="tanh")
    text = settings.write(changed, base)
    assert text == "data:moons,objective:wgan-gp,k:5,activation:tanh,lr_d:0.0005"
    assert settings.read(text, base) == changed
    assert settings.write(base, base) == ""
    assert settings.read("", base) == base


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("speed:3", "no setting called 'speed'"),
        ("k:0", "k is 0; it must be from 1 to 10"),
        ("k:1.5", "k is '1.5'; it must be a number"),
        ("lr_d:nan", "lr_d is nan"),
        ("lr_g:-1", "lr_g is -1; it must be from 0 to 2"),
        ("objective:best", "objective is 'best'; it must be one of minimax"),
        ("batch:17", "batch is 17"),
        ("batch:" + "1" * 30, "batch is"),
    ],
)
def test_a_setting_that_is_not_allowed_is_one_sentence(text, words):
    with pytest.raises(InputError) as caught:
        settings.read(text, Settings())
    assert words in str(caught.value)


def test_all_objectives_of_the_trainer_are_there():
    assert FIELDS["objective"].metadata["choices"] == tuple(OBJECTIVES)
    penalties = {name: Settings(objective=name).penalty for name in OBJECTIVES}
    assert penalties.pop("wgan") == "clip"
    assert penalties.pop("wgan-gp") == "gp"
    assert set(penalties.values()) == {"r1"}


@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_preset_is_complete_and_starts_alike(name):
    preset = presets.get(name)
    assert preset.sentences.count(". ") == 1
    assert preset.sentences.endswith(".")
    assert "arXiv" in preset.paper
    assert 1 <= len(preset.boards) <= 2
    for _, one in preset.boards:
        settings.check(one)
    shared = ("data", "prior", "width", "activation")
    assert len({tuple(getattr(one, name) for name in shared) for _, one in preset.boards}) == 1
    assert preset.boards[0][1] != preset.boards[-1][1] or len(preset.boards) == 1
    assert all(title for title, _ in preset.boards) == (len(preset.boards) == 2)


def test_there_is_no_other_preset():
    with pytest.raises(InputError, match="There is no preset 'x'; choose from first"):
        presets.get("x")


def test_settings_cannot_change_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().k = 2
