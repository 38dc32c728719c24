"""Measurements stay beside the weights they were made with, and are never shown for others."""

import shutil

import pytest

from gan_core import checkpoint
from gan_core.metrics import store
from gan_core.util import atomic_files
from gan_core.util.errors import InputError


def of_format_1(content):
    return "" if content.get("format") == 1 else "format 1"


@pytest.fixture
def model(make_checkpoint):
    return checkpoint.load(make_checkpoint("alpha"))


def test_an_entry_comes_back_and_leaves_the_others_alone(model):
    first = {"model": model.hash, "value": 1}
    store.save_metrics(model.directory, {"first": first})
    store.save_metrics(model.directory, {"second": {"model": model.hash, "value": 2}})
    card = checkpoint.read_card(model.directory)
    assert store.load_metrics(card, "first") == first
    assert store.load_metrics(card, "second")["value"] == 2
    assert store.load_metrics(card, "third") is None


def test_an_entry_of_other_weights_is_neither_written_nor_read(model, make_checkpoint):
    other = checkpoint.load(make_checkpoint("other", seed=1))
    entry = {"model": model.hash}
    with pytest.raises(InputError, match="changed while it was measured"):
        store.save_metrics(other.directory, {"first": entry})
    store.save_metrics(model.directory, {"first": entry})
    card = checkpoint.read_card(model.directory)
    card["files"] = other.card["files"]
    assert store.load_metrics(card, "first") is None


@pytest.mark.parametrize("metrics", [None, [], {"first": None}, {"first": {}}])
@pytest.mark.parametrize("named", [None, 3, ""])
def test_a_strangers_card_is_read_without_an_error(model, metrics, named):
    if isinstance(metrics, dict) and isinstance(metrics["first"], dict):
        metrics = {"first": {"model": named}}
    assert store.load_metrics({**model.card, "metrics": metrics}, "first") is None


@pytest.mark.parametrize("cache", [False, True])
def test_a_report_comes_back(model, cache):
    report = {"format": 1, "model": model.hash, "value": 7}
    assert store.load_reports(model, "memorisation.json", of_format_1) == []
    store.save_report(model, "memorisation.json", report, cache)
    assert store.load_reports(model, "memorisation.json", of_format_1) == [report]
    assert store.report_path(model, "memorisation.json").exists() is not cache


def test_a_report_of_other_weights_is_skipped_and_a_damaged_one_is_named(model, make_checkpoint):
    report = {"format": 1, "model": model.hash}
    store.save_report(model, "memorisation.json", report)
    other = checkpoint.load(make_checkpoint("other", seed=1))
    shutil.copy(model.directory / "memorisation.json", other.directory)
    assert store.load_reports(other, "memorisation.json", of_format_1) == []
    with pytest.raises(InputError, match="changed while it was measured"):
        store.save_report(other, "memorisation.json", report)
    store.save_report(model, "memorisation.json", {**report, "format": 2})
    with pytest.raises(InputError, match=r"memorisation\.json is not a report"):
        store.load_reports(model, "memorisation.json", of_format_1)


def test_a_report_is_read_once_until_it_changes(model, monkeypatch):
    read, reads = atomic_files.read_json, []

    def counted(path, what):
        reads.append(path)
        return read(path, what)

    monkeypatch.setattr(atomic_files, "read_json", counted)
    for value in (1, 2):
        report = {"format": 1, "model": model.weights, "value": value}
        atomic_files.write_json(store.report_path(model, "once.json"), report)
        for _ in range(3):
            assert [r["value"] for r in store.load_reports(model, "once.json", of_format_1)] == [
                value
            ]
    assert len(reads) == 2


def test_a_folder_that_cannot_be_written_is_one_sentence(model, tmp_path, monkeypatch):
    # A file where the cache folder should be.
    (tmp_path / "cache").write_text("")
    monkeypatch.setattr(store.cache_dir, "cache_directory", lambda: tmp_path / "cache")
    with pytest.raises(InputError, match="cannot be written"):
        store.save_report(model, "memorisation.json", {"model": model.hash}, cache=True)
