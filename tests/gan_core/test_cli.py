"""The command line: its verbs, and one sentence for whatever cannot be used."""

import dataclasses
import re

import numpy as np
import pytest
from PIL import Image, ImageSequence

from gan_core import __main__ as cli
from gan_core import checkpoint, latent
from gan_core.data import training_set
from gan_core.training import loop
from gan_core.training.config import DEFAULTS
from support import ROOT, pictures

TINY = ["--ngf", "4", "--ndf", "4", "--nz", "6", "--batch", "50", "--kimg", "0.5"]
TINY += ["--precision", "fp32", "--layout", "channels_last", "--convolution", "direct"]


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


@pytest.fixture
def pictures_folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, image in enumerate(pictures(20, 40)):
        Image.fromarray(image).save(folder / f"{i:02d}.png")
    return folder


@pytest.mark.slow
def test_help_lists_the_verbs(python, tmp_path):
    done = python("-m", "gan_core", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for verb, *_ in cli.VERBS:
        assert re.search(rf"^    {verb}\s", done.stdout, re.M)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("pack", ["--size", "--crop", "--channels", "--attributes", "--held-out", "--download"]),
        ("train", ["--name", "--objective", "--k", "--kimg", "--ngf", "--augment", "--device"]),
        ("sample", ["--seed", "--count", "--psi", "--single"]),
        ("walk", ["--seeds", "--mode", "--closed", "--frames"]),
    ],
)
def test_every_option_is_explained(capsys, verb, options):
    with pytest.raises(SystemExit) as caught:
        run(verb, "--help")
    assert caught.value.code == 0
    message = capsys.readouterr().out
    for option in options:
        assert option in message


def test_the_help_of_train_names_every_option_and_its_default(capsys):
    with pytest.raises(SystemExit):
        run("train", "--help")
    message = " ".join(capsys.readouterr().out.split())
    assert len(DEFAULTS) > 30
    for name, default in DEFAULTS.items():
        flag = "--" + name.replace("_", "-")
        assert re.search(rf"{flag}( |\])", message), flag
        if default not in ("", None):
            # Up to the next option's name nothing else is between an option and its default.
            words = rf"{flag}( [A-Z0-9_]+)? ((?! --).)*\(default: {re.escape(str(default))}\)"
            assert re.search(words, message), flag


def test_options_reach_the_trainer_as_they_are_given(monkeypatch, tmp_path, make_set):
    given = {}

    def train(data, run, config, **about):
        given.update(dataclasses.asdict(config), data=data, run=run)
        about["stop"].interrupted = True
        return 0

    monkeypatch.setattr(loop, "train", train)
    options = ["--objective", "hinge", "--norm", "spectral", "--lr-d", "4e-4", "--tensorboard"]
    data = make_set()
    status = run("train", data, "--name", "x", "--runs", tmp_path, "--k", 3, *options)
    assert status == 130  # it was interrupted
    assert given.pop("run") == tmp_path / "x"
    assert given.pop("data") == str(data)
    expected = {"objective": "hinge", "norm": "spectral", "lr_d": 4e-4, "k": 3, "tensorboard": True}
    assert {key: given[key] for key in expected} == expected


@pytest.mark.slow
def test_from_pictures_to_samples(pictures_folder, tmp_path, capsys):
    (pictures_folder / "bad.jpg").write_text("no picture")
    packed = tmp_path / "set"
    assert run("pack", pictures_folder, packed, "--size", 32, "--held-out", 4) == 0
    message = capsys.readouterr()
    assert "17 training images, 3 held out, 1 skipped" in message.out
    assert "bad.jpg" in message.err
    folders = ["--runs", tmp_path / "runs", "--checkpoints", tmp_path / "models"]
    assert run("train", packed, "--name", "tiny", *folders, *TINY) == 0
    model = tmp_path / "models" / "tiny"
    assert (model / "README.md").exists()
    loaded = checkpoint.load(model)
    assert "--name tiny" in loaded.card["training"]["command"]
    assert run("embed", packed, model) == 0
    travelled = checkpoint.load(model).training_set()
    assert np.array_equal(travelled.images, training_set.load(packed).images)
    assert run("sample", model, tmp_path / "grid.png", "--count", 9) == 0
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (96, 96)


@pytest.mark.slow
def test_a_sample_is_the_same_bytes_twice_and_in_a_fresh_process(make_checkpoint, tmp_path, python):
    model = make_checkpoint()
    for name in ("a.png", "b.png"):
        assert run("sample", model, tmp_path / name, "--seed", 0) == 0
    command = ["-m", "gan_core", "sample", model, tmp_path / "c.png", "--seed", 0]
    done = python(*command, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    first, second, third = [(tmp_path / name).read_bytes() for name in ("a.png", "b.png", "c.png")]
    assert first == second == third


def test_a_grid_shows_the_seeds_row_by_row(make_checkpoint, tmp_path):
    directory = make_checkpoint()
    out = tmp_path / "grid.png"
    options = ["--seed", 7, "--count", 4, "--psi", 0.5, "--scale", 2]
    assert run("sample", directory, out, *options) == 0
    model = checkpoint.load(directory)
    images = model.generate(latent.truncate(model.prior.sample(4, 7), 0.5))
    images = images.repeat(2, 1).repeat(2, 2)
    grid = np.asarray(Image.open(out))
    assert np.array_equal(grid[:64, 64:], images[1])
    assert np.array_equal(grid[64:, :64], images[2])


def test_single_files_are_named_by_their_seeds(make_checkpoint, tmp_path):
    directory = make_checkpoint(channels=1)
    options = ["--seed", 12, "--count", 3, "--single"]
    assert run("sample", directory, tmp_path / "out", *options) == 0
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"seed{seed:08d}.png" for seed in (12, 13, 14)]
    model = checkpoint.load(directory)
    alone = model.generate(model.prior.sample(1, 14))[0, ..., 0].astype(int)
    assert np.abs(np.asarray(Image.open(files[2])).astype(int) - alone).max() <= 1


@pytest.mark.parametrize("mode", ["slerp", "lerp"])
def test_a_walk_as_a_strip(make_checkpoint, tmp_path, mode):
    directory = make_checkpoint()
    out = tmp_path / "strip.png"
    assert run("walk", directory, out, "--seeds", "3,9", "--frames", 5, "--mode", mode) == 0
    model = checkpoint.load(directory)
    keys = np.concatenate([model.prior.sample(1, 3), model.prior.sample(1, 9)])
    frames = model.generate(latent.path(keys, 5, mode))
    strip = np.asarray(Image.open(out))
    assert np.array_equal(strip, np.concatenate(list(frames), axis=1))


def test_a_closed_walk_as_a_gif(make_checkpoint, tmp_path):
    out = tmp_path / "loop.gif"
    options = ["--seeds", "0, 1,2", "--closed", "--frames", 6, "--scale", 2]
    assert run("walk", make_checkpoint(), out, *options) == 0
    with Image.open(out) as film:
        assert film.size == (64, 64)
        assert len(list(ImageSequence.Iterator(film))) == 6


def test_a_walk_as_a_film(make_checkpoint, tmp_path):
    av = pytest.importorskip("av", reason="films need av")
    out = tmp_path / "walk.mp4"
    assert run("walk", make_checkpoint(), out, "--frames", 7, "--scale", 1) == 0
    with av.open(str(out)) as film:
        assert len(list(film.decode(video=0))) == 7


TRAIN = ["train", "{set}", "--name", "x"]
BAD = {
    "pack nothing": ["pack", "nowhere", "out"],
    "pack a crop": ["pack", "{folder}", "out", "--crop", "3"],
    "pack over something": ["pack", "{folder}", "{model}"],
    "train on nothing": ["train", "nowhere", "--name", "x"],
    "train under a path": ["train", "nowhere", "--name", "../x"],
    "train a penalty on batch norm": [*TRAIN, "--objective", "wgan-gp"],
    "train R1 on batch norm": [*TRAIN, "--r1", "1"],
    "train clipped spectral norm": [*TRAIN, "--objective", "wgan", "--norm", "spectral"],
    "train by an unknown objective": [*TRAIN, "--objective", "hope"],
    "train at another size": ["train", "{odd}", "--name", "x"],
    "sample nothing": ["sample", "nowhere", "out.png"],
    "sample none": ["sample", "{model}", "out.png", "--count", "0"],
    "sample a negative seed": ["sample", "{model}", "out.png", "--seed", "-1"],
    "sample a seed too large": ["sample", "{model}", "out.png", "--seed", "4294967295"],
    "sample no number": ["sample", "{model}", "out.png", "--psi", "nan"],
    "sample too large": ["sample", "{model}", "out.png", "--scale", "99"],
    "sample into a file": ["sample", "{model}", "{model}/model.json/out.png"],
    "walk to a strange file": ["walk", "{model}", "out.bmp"],
    "walk from one seed": ["walk", "{model}", "out.gif", "--seeds", "4"],
    "walk between words": ["walk", "{model}", "out.gif", "--seeds", "a,b"],
    "walk a strange way": ["walk", "{model}", "out.gif", "--mode", "cubic"],
    "walk one frame": ["walk", "{model}", "out.gif", "--frames", "1"],
    "embed nothing": ["embed", "nowhere", "{model}"],
}


@pytest.mark.slow
@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_status_2(
    make_checkpoint, make_set, pictures_folder, tmp_path, capsys, monkeypatch, arguments
):
    model = make_checkpoint()
    sets = {"set": make_set(n=8), "odd": make_set("odd", n=8, size=24)}
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    filled = [part.format(model=model, folder=pictures_folder, **sets) for part in arguments]
    assert run(*filled) == 2
    message = capsys.readouterr()
    assert message.out == ""
    assert message.err.startswith("gan_core: ")
    assert message.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_a_fresh_process_shows_no_traceback_either(tmp_path, python):
    done = python("-m", "gan_core", "sample", tmp_path / "nowhere", tmp_path / "out.png", cwd=ROOT)
    assert done.returncode == 2
    assert "model.json is missing" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
