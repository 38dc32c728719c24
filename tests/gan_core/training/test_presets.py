"""Presets: they are options that training takes, and a person's own options win."""

import pytest

from gan_core import __main__ as cli
from gan_core.training import config_checks, presets, snapshot
from gan_core.training.config import DEFAULTS, TrainingConfig
from gan_core.util.errors import InputError


@pytest.mark.parametrize("name", presets.PRESETS)
@pytest.mark.parametrize(("size", "channels"), [(28, 1), (64, 3)])
def test_every_preset_is_accepted(name, size, channels, make_set):
    data = make_set(size=size, channels=channels)
    chosen = presets.options(name, data)
    assert set(chosen) <= set(DEFAULTS)
    config_checks.check(data, TrainingConfig(**chosen))


def test_no_name_is_no_preset(make_set):
    assert presets.options("", make_set()) == {}


def test_an_unknown_name_is_one_sentence(make_set):
    with pytest.raises(InputError, match=r"no preset 'cats'; choose from faces, avatars"):
        presets.options("cats", make_set())


def test_few_pictures_get_more_augmentation_and_narrower_networks():
    few, some, many = (presets.folder.options(n, 64, 3) for n in (500, 10_000, 100_000))
    assert "colour" in few["augment"]
    assert "cutout" in few["augment"]
    assert "colour" not in some["augment"]
    assert few["ngf"] < some["ngf"] < many["ngf"]
    assert few["kimg"] < some["kimg"] < many["kimg"]


def test_gray_pictures_are_not_coloured():
    assert "colour" not in presets.folder.options(500, 64, 1)["augment"]


@pytest.mark.parametrize("name", ["mnist", "mnist-mlp"])
def test_digits_are_not_mirrored(name):
    assert "mirror" not in presets.choose(name, 60_000, 28, 1)["augment"]


def test_the_original_gan_is_played_as_in_the_paper():
    config = TrainingConfig(**presets.choose("mnist-mlp", 60_000, 28, 1))
    assert (config.architecture, config.objective) == ("mlp", "non-saturating")
    assert (config.nz, config.prior, config.k, config.batch) == (100, "normal", 1, 100)
    assert (2 * config.ngf, 2 * config.ndf) == (1200, 240)  # the paper's widths


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--preset", "--recipe"])  # the second is its former name
def test_the_command_line_wins_over_the_preset(make_set, tmp_path, option):
    data = make_set(size=28, channels=1)
    runs, out = tmp_path / "runs", tmp_path / "checkpoints"
    words = f"train {data} --name m {option} mnist --runs {runs} --checkpoints {out} --ndf 4"
    words += " --ngf 4 --kimg 0.032 --batch 16 --precision fp32"
    assert cli.main(words.split()) == 0
    used = snapshot.read(runs / "m" / "state.safetensors")[1]["settings"]
    assert (used["ndf"], used["ngf"], used["kimg"]) == (4, 4, 0.032)
    assert used["nz"] == presets.mnist.options(64, 28, 1)["nz"] != DEFAULTS["nz"]
    assert used["augment"] == "translation"
