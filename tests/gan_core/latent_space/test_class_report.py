"""The report on classes, with classifiers whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pytest

import gan_core
from gan_core.latent_space import class_report, classes
from gan_core.metrics import store
from gan_core.util.errors import InputError
from support import save_checkpoint

NAMES = ["digit: 0", "digit: 1", "digit: 2", "glasses"]


@pytest.fixture
def model(tmp_path):
    architecture = {"name": "conditional", "classes": [3, 1]}
    training = {"tied": NAMES, "conditional": "digit,glasses"}
    folder = save_checkpoint(
        tmp_path / "digits", nz=10, architecture=architecture, training=training
    )
    return gan_core.load(folder)


def reader(model, monkeypatch, knows=NAMES, wrong=0):
    """A classifier that knows what was asked for, and is wrong on the first few of each call."""
    asked = []
    generate = type(model).generate

    def watched(self, z):
        asked[:] = [classes.chosen(self, z)]
        return generate(self, z)

    def predict(images):
        digits, glasses = asked[0].T
        found = np.zeros((len(images), 4))
        found[np.arange(len(images)), digits] = 1
        found[:, 3] = glasses
        found[:wrong] = 1 - found[:wrong]
        return found

    monkeypatch.setattr(type(model), "generate", watched)
    return SimpleNamespace(names=NAMES, recognised=list(knows), predict=predict, hash="0" * 12)


def test_a_classifier_that_is_never_wrong_reads_all_as_asked(model, monkeypatch):
    beside = {"first": reader(model, monkeypatch)}
    monkeypatch.setattr(class_report.attributes, "load_all", lambda directory: beside)
    result = class_report.measure(model, n=20)
    assert [(row["group"], row["option"], row["share"]) for row in result["rows"]] == [
        ("digit", "0", 1),
        ("digit", "1", 1),
        ("digit", "2", 1),
        ("glasses", "no", 1),
        ("glasses", "yes", 1),
    ]
    assert result["mean"] == 1


def test_a_sample_counts_only_where_all_readers_agree(model, monkeypatch):
    first = reader(model, monkeypatch)
    second = reader(model, monkeypatch, wrong=5)
    blind = reader(model, monkeypatch, knows=["glasses"], wrong=20)
    beside = {"first": first, "second": second}
    monkeypatch.setattr(class_report.attributes, "load_all", lambda directory: beside)
    assert {row["share"] for row in class_report.measure(model, n=20)["rows"]} == {0.75}
    beside["probe"] = blind
    rows = class_report.measure(model, n=20)["rows"]
    assert [row["share"] for row in rows] == [0.75] * 3 + [0.0] * 2
    assert [row["readers"] for row in rows] == [2, 2, 2, 3, 3]


def test_the_card_says_what_was_measured(model, monkeypatch):
    beside = {"first": reader(model, monkeypatch, wrong=5)}
    monkeypatch.setattr(class_report.attributes, "load_all", lambda directory: beside)
    store.save_metrics(model.directory, {"classes": class_report.measure(model, n=20)})
    section = class_report.card_section(gan_core.load(model.directory).card)
    assert "| digit: 2 | 1 classifier | 75.0% (" in section
    assert "over 20 samples of each class" in section
    assert "--classes --n 20`" in section
    broken = gan_core.load(model.directory).card
    broken["metrics"]["classes"]["rows"] = [{"group": 1}]
    assert class_report.card_section(broken) == ""


def test_what_cannot_be_measured_gets_a_sentence(model, monkeypatch, make_checkpoint):
    with pytest.raises(InputError, match="has no classes"):
        class_report.measure(gan_core.load(make_checkpoint()))
    with pytest.raises(InputError, match="at least one sample"):
        class_report.measure(model, n=0)
    beside = {"first": reader(model, monkeypatch, knows=[])}
    monkeypatch.setattr(class_report.attributes, "load_all", lambda directory: beside)
    with pytest.raises(InputError, match="No classifier of digits recognises its classes"):
        class_report.measure(model)
