"""The shipped models: the room that each may take, and what the model of digits draws."""

import importlib.util
import re

import numpy as np
import pytest

import gan_core
from gan_core import checkpoint
from gan_core.attributes import classifier
from gan_core.metrics import seed_table
from support import ROOT

EVALUATION = (ROOT / "docs/evaluation.md").read_text("utf-8")
TABLE = EVALUATION.partition("| folder | limit in MB |")[2].partition("\n\n")[0]
LIMITS = dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \| ", TABLE, re.M))
TOTAL = 110  # MB


def megabytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def test_every_shipped_folder_has_a_limit():
    assert {path.name for path in (ROOT / "checkpoints").iterdir() if path.is_dir()} == {*LIMITS}


@pytest.mark.parametrize("name", LIMITS)
def test_a_folder_is_within_its_limit(name):
    assert 0 < megabytes(ROOT / "checkpoints" / name) <= float(LIMITS[name])


def test_the_limits_together_are_within_the_total():
    assert sum(map(float, LIMITS.values())) <= TOTAL + 1e-6


@pytest.fixture(scope="module")
def digits():
    return gan_core.load(ROOT / "checkpoints" / "mnist")


def test_the_original_gan_draws_every_digit(digits):
    images = digits.generate(digits.prior.sample(500, seed=0))
    assert images.shape == (500, 28, 28, 1)
    reader = classifier.load(digits.directory)
    assert reader.recognised == [f"digit: {digit}" for digit in range(10)]
    read = np.bincount(reader.predict(images).argmax(1), minlength=10)
    assert read.min() >= 10  # of 50, if all were drawn equally often


@pytest.mark.slow
def test_the_digits_come_with_their_training_images_and_those_with_their_licence(digits):
    data = digits.training_set()
    assert data.images.shape == (20_000, 28, 28, 1)
    assert len(data.held_out) == 2_000
    assert data.fingerprint == digits.card["training_set"]["fingerprint"]
    sample = digits.generate(digits.prior.sample(1, seed=0))
    distances, _ = gan_core.PixelIndex(data.images).query(np.concatenate([sample, data.images[:1]]))
    assert distances[0, 0] > 0  # no copy
    assert distances[1, 0] == 0
    for licence in (digits.card["licence"], data.card["licence"]):
        assert "LeCun" in licence
        assert "CC BY-SA 3.0" in licence


def test_the_table_on_arithmetic_is_that_of_the_cards():
    path = ROOT / "docs" / "arithmetic_table.py"
    spec = importlib.util.spec_from_file_location("arithmetic_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
    missing = [line for line in module.table().splitlines() if line not in text]
    assert missing == []


@pytest.mark.parametrize("name", sorted({*LIMITS} - {"mnist", "mnist-digits", "controls"}))
def test_three_readers_label_faces(name):
    model = checkpoint.load(ROOT / "checkpoints" / name)
    readers = classifier.load_all(model.directory)
    assert list(readers) == ["first", "second", "probe"]
    assert seed_table.load(model).readers == tuple(r.hash for r in readers.values())
    assert len(readers["probe"].recognised) >= 5


def test_every_model_says_in_a_few_words_what_it_is_for():
    paths = sorted((ROOT / "checkpoints").glob("*/model.json"))
    words = {path.parent.name: checkpoint.read_card(path.parent).get("purpose") for path in paths}
    assert len(words) >= 8
    assert all(words.values()), words
    # With the name it must fit into the menu, see page_style.css.
    assert max(len(f"{name} – {phrase}") for name, phrase in words.items()) <= 53
    assert len(set(words.values())) == len(words)
