"""Listing checkpoints: folders of thousands, and what a killed import leaves behind."""

import json
import os
import subprocess
import sys
import time

import pytest

from explorer.services import model_registry, training_data
from gan_core import checkpoint
from gan_core.data import training_set
from gan_core.util import atomic_files
from support import ROOT

CARD = {
    "format": 1,
    "name": "m",
    "architecture": {"name": "dcgan", "size": 32, "channels": 3, "nz": 8, "ngf": 4},
    "prior": {"kind": "normal", "size": 8},
    "training": {},
    "training_set": {},
    "files": {"generator.safetensors": "0" * 64},
}


def add(folder, name, card=CARD):
    (folder / name).mkdir(parents=True)
    (folder / name / "model.json").write_text(json.dumps(card))


@pytest.fixture
def shown(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    monkeypatch.setenv(model_registry.VARIABLE, str(folder))
    monkeypatch.setattr(model_registry, "_read", {})
    return folder


@pytest.mark.slow
def test_a_listing_of_more_than_a_thousand_reads_each_card_once(shown, monkeypatch):
    """With a cache of 1,024 every listing of 1,100 read all of them again."""
    for number in range(1100):
        add(shown, f"m{number:04d}")
    add(shown, "n", {**CARD, "format": 9})
    read, reads = checkpoint.read_card, []
    monkeypatch.setattr(checkpoint, "read_card", lambda path: reads.append(path) or read(path))
    for _ in range(3):
        before = len(reads)
        assert len(model_registry.entries()) == 1101
        assert len(reads) - before == model_registry.MOST_READ  # the work of one listing
    while model_registry.entries()["n"].problem is None:
        assert len(reads) < 1101
    assert len(reads) == len(set(reads)) == 1101
    model_registry.entries()
    assert len(reads) == 1101
    add(shown, "later")
    assert "later" in model_registry.entries()
    assert len(reads) == 1102


def test_a_changed_card_is_read_again(shown):
    add(shown, "m")
    assert model_registry.entries()["m"].problem is None
    (shown / "m" / "model.json").write_text("{}")
    assert model_registry.entries()["m"].problem


def test_equal_names_get_numbers(shown, tmp_path, monkeypatch):
    folders = []
    for name in ("a", "b", "c"):
        add(tmp_path / name, "m")
        folders.append(str(tmp_path / name))
    monkeypatch.setenv(model_registry.VARIABLE, os.pathsep.join(folders))
    assert list(model_registry.entries()) == ["m", "m (2)", "m (3)"]


KILLED = """
import os, signal, sys
from gan_core.util import atomic_files
with atomic_files.new_directory(sys.argv[1]) as temporary:
    (temporary / "model.json").write_text(sys.argv[2])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_import_is_never_offered_and_goes_with_the_next_one(shown):
    command = [sys.executable, "-c", KILLED, shown / "mine", json.dumps(CARD)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120)
    (left,) = shown.iterdir()
    assert (left / "model.json").exists()
    assert model_registry.entries() == {}
    with atomic_files.new_directory(shown / "other"):
        assert left.exists()  # written a moment ago, perhaps by another computer
    past = time.time() - 2 * atomic_files.STALE
    for path in (left / "model.json", left):
        os.utime(path, (past, past))
    with atomic_files.new_directory(shown / "third"):
        assert not left.exists()


def test_the_start_removes_what_was_left_among_checkpoints_and_in_the_cache(
    shown, tmp_path, monkeypatch
):
    cache = tmp_path / "cache"
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(cache))
    left = [folder / "x.partial-4194303-1" for folder in (shown, cache, cache / "neighbours")]
    past = time.time() - 2 * atomic_files.STALE
    for folder in left:
        folder.mkdir(parents=True)
        os.utime(folder, (past, past))
    model_registry.clear_up()
    assert not any(folder.exists() for folder in left)


def test_what_a_living_process_writes_is_not_removed(shown):
    with atomic_files.new_directory(shown / "one") as temporary:
        past = time.time() - 2 * atomic_files.STALE
        os.utime(temporary, (past, past))
        atomic_files.clear_folders(shown)
        assert temporary.exists()


def test_a_model_may_be_called_nearly_so(shown):
    add(shown, "mine.partial-2")
    assert list(model_registry.entries()) == ["mine.partial-2"]


def test_a_link_with_such_a_name_is_not_followed(shown, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (shown / "x.partial-4194303-1").symlink_to(outside)
    atomic_files.clear_folders(shown)
    assert (outside / "file").exists()


def test_fingerprints_of_sets_are_read_once(make_set, monkeypatch):

    folder = make_set("set", n=4)
    read, reads = training_set.read_card, []
    monkeypatch.setattr(training_set, "read_card", lambda path: reads.append(path) or read(path))
    first = training_data.fingerprint(folder)
    assert first == training_data.fingerprint(folder) == read(folder)["fingerprint"]
    assert len(reads) == 1
    (folder / "set.json").write_text("{}")
    assert training_data.fingerprint(folder) == ""


def test_a_model_that_cannot_be_made_ready_shows_no_traceback(make_checkpoint, monkeypatch, capsys):
    model = checkpoint.load(make_checkpoint("one"))
    monkeypatch.setattr(type(model), "generate", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model_registry.settle(model)
    model_registry.settle_quietly(model)
    assert capsys.readouterr().err == ""


LEAVE = """
import sys, threading
from pathlib import Path
from explorer.services import model_registry
begun = threading.Event()
def settle(model):
    begun.set()
    threading.Event().wait(0.5)
    print("settled")
model_registry.settle = settle
entry = model_registry.entry_of(Path(sys.argv[1]), (1, 1, 1))
script = threading.Thread(target=model_registry.load, args=[entry], daemon=True)
script.start()
script.join()
begun.wait()
"""


@pytest.mark.slow
def test_a_process_that_ends_waits_for_a_model_that_is_made_ready(make_checkpoint):
    command = [sys.executable, "-c", LEAVE, str(make_checkpoint("one"))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "settled\n"


def test_nothing_is_made_ready_while_the_app_ends(monkeypatch):
    made = []
    monkeypatch.setattr(model_registry, "settle", made.append)
    model_registry.settle_quietly("model")
    monkeypatch.setattr(model_registry.shutdown.ending, "is_set", lambda: True)
    model_registry.settle_quietly("model")
    assert made == ["model"]
