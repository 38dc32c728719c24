"""Files that checkpoints of the same images share: where they are, and what is not taken."""

import importlib.util
import shutil

import numpy as np
import pytest

from gan_core import checkpoint, companions
from gan_core.metrics import realism
from gan_core.util import checked_safetensors
from gan_core.util.errors import InputError
from support import ROOT, save_checkpoint

FILE = realism.FILE


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """Two checkpoints of the same images with the same file, and the program that shares it."""
    folders = [tmp_path / "models" / name for name in ("first", "second")]
    for seed, folder in enumerate(folders):
        save_checkpoint(folder, seed=seed, training_set={"fingerprint": "a1"})
    write(folders[0] / FILE, fingerprint="a1")
    shutil.copy(folders[0] / FILE, folders[1])  # written again, the bytes may be in another order
    path = ROOT / "scripts" / "share_companions.py"
    spec = importlib.util.spec_from_file_location("share_companions", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    # An untrained network has no run that a card could describe.
    monkeypatch.setattr(program.model_card, "write", lambda folder: None)
    return *folders, program


def write(path, fingerprint, value=1.0):
    about = {"format": 1, "training_set": fingerprint}
    checked_safetensors.save(path, {"x": np.full(3, value, np.float32)}, about)


def test_a_shared_file_is_removed_and_read_from_the_other_checkpoint(pair):
    first, second, program = pair
    before = companions.load(second, FILE, "make it", 1, "was made from")
    assert program.main([str(first.parent)]) == 0
    assert not (second / FILE).exists()
    assert companions.locate(second, FILE) == first / FILE
    after = companions.load(second, FILE, "make it", 1, "was made from")
    assert np.array_equal(before[0]["x"], after[0]["x"])
    assert before[1:] == after[1:]
    assert program.share(first.parent) == []  # nothing is left to share
    checkpoint.load(second)


def test_other_bytes_are_not_taken(pair):
    first, second, program = pair
    program.share(first.parent)
    write(first / FILE, fingerprint="a1", value=2.0)
    assert companions.locate(second, FILE) == second / FILE
    with pytest.raises(InputError, match="make it"):
        companions.load(second, FILE, "make it", 1, "was made from")
    write(second / FILE, fingerprint="a1", value=3.0)  # one of its own comes first
    assert companions.load(second, FILE, "make it", 1, "was made from")[0]["x"][0] == 3


def test_files_that_differ_are_left_alone(pair):
    first, second, program = pair
    write(second / FILE, fingerprint="a1", value=2.0)
    assert program.share(first.parent) == []
    assert (second / FILE).exists()


def test_a_shared_file_of_other_images_is_refused(pair):
    first, second, program = pair
    program.share(first.parent)
    card = checkpoint.read_card(second)
    card["training_set"]["fingerprint"] = "b2"
    checkpoint.atomic_files.write_json(second / "model.json", card)
    with pytest.raises(InputError, match="images other"):
        companions.load(second, FILE, "make it", 1, "was made from")


def test_alone_in_a_folder_the_file_is_missing(pair, tmp_path):
    first, second, program = pair
    program.share(first.parent)
    alone = shutil.copytree(second, tmp_path / "elsewhere" / "second")
    assert companions.locate(alone, FILE) == alone / FILE
    assert not companions.locate(alone, FILE).exists()


def test_a_malformed_list_of_shared_files_is_refused(pair):
    _, second, _ = pair
    card = checkpoint.read_card(second)
    card["shared"] = {FILE: 5}
    checkpoint.atomic_files.write_json(second / "model.json", card)
    with pytest.raises(InputError, match="shared"):
        checkpoint.read_card(second)
