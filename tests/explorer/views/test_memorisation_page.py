"""The page Memorisation, without a browser: what it shows of a report, and how it makes one."""

import json
import re

import numpy as np
import pytest

import gan_core
from explorer.services import background, folders, model_registry, training_data
from explorer.widgets import (
    copy_sentences,
    memorisation_charts,
    memorisation_controls,
    memorisation_measuring,
    memorisation_pairs,
)
from fields import field, sentences
from gan_core.data import training_set
from gan_core.metrics import (
    copy_answer,
    memorisation_file,
    memorisation_measures,
    memorisation_report,
)

OPTIONS = {"n": 40, "spaces": "pixels,discriminator"}


def tiles(app, key):
    return app.session_state[f"{key}-data"]["tiles"]


def texts(app):
    return " ".join(element.value for element in [*app.caption, *app.markdown, *app.subheader])


@pytest.fixture
def trained(make_checkpoint, make_set, tmp_path):
    """Make a checkpoint that says it was trained on a set; returns (Model, TrainingSet)."""

    def make(name, n=60, held_out=44, seed=0, nz=8):
        directory = make_checkpoint(name, nz=nz, seed=seed)
        data = make_set(f"sets/{directory.name}", n=n, held_out=held_out, seed=seed)
        card = json.loads((directory / "model.json").read_text("utf-8"))
        card["training_set"] = training_set.read_card(data) | {"how": "Ask somebody."}
        (directory / "model.json").write_text(json.dumps(card), "utf-8")
        return gan_core.load(directory), training_set.load(data)

    return make


@pytest.fixture
def alpha(trained, tmp_path, monkeypatch):
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path / "models"))
    monkeypatch.setenv(training_data.VARIABLE, str(tmp_path / "sets"))
    monkeypatch.setattr(folders, "home", lambda: tmp_path)
    monkeypatch.setattr(background, "PATIENCE", 60)
    return trained("models/alpha", seed=1)


def keep(model, data, **options):
    summary = memorisation_report.report(model, data, **(OPTIONS | options))
    memorisation_file.save_report(model, summary)
    return summary


@pytest.mark.slow
def test_without_a_report_it_offers_to_make_one(alpha, open_app, monkeypatch):
    model, _ = alpha
    monkeypatch.setattr(memorisation_measuring, "COUNTS", (24, 36))
    app = open_app("memorisation", model="alpha")
    (sentence,) = sentences(app)
    assert "python -m gan_core memorisation models/alpha`" in sentence
    assert memorisation_file.load_report(model) is None
    monkeypatch.setattr(
        memorisation_report,
        "SPACES",
        {name: memorisation_report.SPACES[name] for name in ("pixels", "discriminator")},
    )
    report = memorisation_report.report
    monkeypatch.setattr(
        memorisation_report,
        "report",
        lambda *a, **k: report(*a, **k, spaces="pixels,discriminator"),
    )
    app = app.button(key="measure-24").click().run()
    assert sentences(app) == []
    summary = memorisation_file.load_report(model)
    assert summary["n"] == 24
    assert memorisation_file.load_report(model, "held-out")["control"] == "held-out"
    assert not (model.directory / "memorisation.json").exists()  # a checkpoint is left as it was
    assert len(tiles(app, "suspects")) == 24
    assert "24 samples, seeds 0 to 23" in texts(app)


@pytest.mark.slow
def test_it_shows_what_the_report_says(alpha, open_app):
    model, data = alpha
    summary = keep(model, data)
    keep(model, data, control="held-out")
    app = open_app("memorisation", model="alpha")
    assert sentences(app) == []
    results = summary["spaces"]["pixels"]
    first = results["suspicious"][0]
    assert f"Seed {first['id']}," in tiles(app, "suspects")[0]["label"]
    assert len(tiles(app, "suspects")) == 40
    assert "Samples of alpha" in texts(app)
    assert "Innocent" in texts(app)
    assert "The guilty control is missing" in texts(app)
    assert [code.value for code in app.code] == [
        "python benchmarks/overfit_control.py",
        "python -m gan_core memorisation checkpoints/controls/overfitted-200",
    ]
    names = [re.findall("</i>([^<]+)", each.proto.body) for each in app.get("html")]
    assert [row for row in names if row] == [
        ["training", "held out", "samples"],
        ["training", "held out", "as samples"],
    ]
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert not any(figure["layout"]["showlegend"] for figure in figures[:2])
    assert len(figures) == 2 + 3  # two histograms; C_T, Farther and AuthPct, of pixels no others
    labels = figures[-1]["layout"]["yaxis"]["ticktext"]
    share, low, high = results["auth_pct"]["samples"]
    assert labels[0].endswith(f"{share:.1f} ({low:.1f} to {high:.1f})")
    app = field(app, "set-space").set_value("discriminator").run()
    assert sentences(app) == []
    assert len(app.get("plotly_chart")) == 2 + 5
    app = field(app, "set-space").set_value("effnet").run()
    (sentence,) = sentences(app)
    assert "does not cover EfficientNet’s features" in sentence
    assert "python -m gan_core memorisation models/alpha`" in sentence


@pytest.mark.slow
def test_measuring_gives_the_space_that_a_shipped_report_lacks(alpha, open_app, monkeypatch):
    model, data = alpha
    keep(model, data, spaces="pixels")
    monkeypatch.setattr(
        memorisation_measuring, "COUNTS", (40,)
    )  # as many samples as the report that is there
    report = memorisation_report.report
    monkeypatch.setattr(
        memorisation_report,
        "report",
        lambda *a, **k: report(*a, **k, spaces="discriminator"),
    )
    app = open_app("memorisation", model="alpha", space="discriminator")
    assert "use Measure again under View" in sentences(app)[0]
    app = app.button(key="measure-40").click().run()
    assert sentences(app) == []
    assert len(tiles(app, "suspects")) == 40
    # The other report still describes the other space.
    app = field(app, "set-space").set_value("pixels").run()
    assert sentences(app) == []
    assert set(memorisation_file.load_report(model, space="pixels")["spaces"]) == {"pixels"}


def test_histograms_count_every_image(alpha):
    model, data = alpha
    summary = keep(model, data)
    for space in summary["spaces"].values():
        bins = space["histogram"]
        assert len(bins["edges"]) == memorisation_measures.BINS + 1
        sums = {kind: sum(bins[kind]) for kind in ("samples", "held-out", "training")}
        assert sums == {"samples": 40, "held-out": 44, "training": 60}
        low, high = (space["distances"]["samples"][q] for q in ("1%", "99%"))
        edges, counts = np.array(bins["edges"]), np.array(bins["samples"])
        inside = counts[(edges[1:] >= low) & (edges[:-1] <= high)].sum()
        assert inside >= 38


@pytest.mark.slow
def test_a_click_shows_a_suspect_large_and_puts_it_on_the_tray(alpha, open_app):
    model, data = alpha
    summary = keep(model, data)
    app = open_app("memorisation", model="alpha")
    app = app.button(key="suspects-2").click().run()
    third = summary["spaces"]["pixels"]["suspicious"][2]
    assert f"{third['distance']:.1f} levels" in texts(app)
    assert ("authentic" if third["authentic"] else "not authentic") in texts(app)
    app = app.button(key="suspect-add").click().run()
    assert [item.seed for item in app.session_state["tray"].items] == [third["id"]]
    app = app.button(key="suspects-2").click().run()
    assert not [button for button in app.button if button.key == "suspect-add"]


@pytest.mark.slow
def test_a_report_of_other_weights_is_not_shown(alpha, open_app):
    model, data = alpha
    summary = keep(model, data)
    path = model.directory / "memorisation.json"
    path.write_text(json.dumps(summary | {"model": "0" * 12}), "utf-8")
    (sentence,) = sentences(open_app("memorisation", model="alpha"))
    assert "no memorisation report for these weights" in sentence


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "[]", '{"format": 9, "spaces": {}}', '{"format": 1}'])
def test_a_damaged_report_is_a_sentence(alpha, open_app, content):
    model, _ = alpha
    (model.directory / "memorisation.json").write_text(content, "utf-8")
    (sentence,) = sentences(open_app("memorisation", model="alpha"))
    assert "memorisation.json" in sentence


@pytest.mark.slow
def test_without_the_images_the_numbers_still_show(alpha, open_app, monkeypatch):
    model, data = alpha
    keep(model, data)
    monkeypatch.delenv(training_data.VARIABLE)
    app = open_app("memorisation", model="alpha")
    (sentence,) = sentences(app)
    assert "--data" in sentence
    assert len(app.get("plotly_chart")) == 1 + 3
    assert "tall" not in app.session_state["suspects-data"]["sheet"]


def test_without_report_and_images_it_says_both(alpha, open_app, monkeypatch):
    monkeypatch.delenv(training_data.VARIABLE)
    (sentence,) = sentences(open_app("memorisation", model="alpha"))
    assert "There is no memorisation report for" in sentence
    assert "--data" in sentence


@pytest.mark.slow
def test_guilty_stands_beside_innocent_and_lies_apart(alpha, trained, open_app, monkeypatch):
    model, data = alpha
    keep(model, data)
    innocent = keep(model, data, control="held-out")
    other, images = trained("models/controls/overfitted-60", seed=4)
    copies = np.asarray(images.images[:40])
    with monkeypatch.context() as patch:
        patch.setattr(memorisation_report, "generate", lambda *_: copies)
        guilty = keep(other, images)
    app = open_app("memorisation", model="alpha")
    assert sentences(app) == []
    assert "Guilty: overfitted on 60" in texts(app).replace("\\", "")
    assert "is missing" not in texts(app)
    assert "overfitted-60" not in model_registry.entries()
    _, _, high = memorisation_charts.interval(guilty["spaces"]["pixels"], "AuthPct")
    _, low, _ = memorisation_charts.interval(innocent["spaces"]["pixels"], "AuthPct")
    assert high < low
    _, _, high = memorisation_charts.interval(guilty["spaces"]["pixels"], "Farther")
    _, low, _ = memorisation_charts.interval(innocent["spaces"]["pixels"], "Farther")
    assert high < low


@pytest.mark.slow
def test_the_answer_rests_on_three_reports(alpha, trained, open_app, monkeypatch):
    """Clear for a model of noise; a copy for one whose samples are its training images."""
    model, data = alpha
    keep(model, data)
    app = open_app("memorisation", model="alpha")
    assert "**No answer yet: a control is missing.**" in texts(app)
    keep(model, data, control="held-out")
    other, images = trained("models/controls/overfitted-60", seed=4)
    copies = np.asarray(images.images[:40])
    with monkeypatch.context() as patch:
        patch.setattr(memorisation_report, "generate", lambda *_: copies)
        keep(other, images)
    own, innocent = (
        memorisation_file.load_report(model, control)["spaces"] for control in ("", "held-out")
    )
    guilty = memorisation_file.load_report(other)["spaces"]
    result = copy_answer.of_model(own, innocent, guilty)
    wanted = copy_sentences.of_model(result, own, 40)
    app = open_app("memorisation", model="alpha")
    bold = [one.value for one in app.main.markdown if "**" in one.value]
    (first, *_) = [text for text in bold if not text.startswith("**")]  # which terms do
    assert first.endswith(wanted)
    assert any("innocent control" in one.value for one in app.expander[0].markdown)
    with monkeypatch.context() as patch:
        patch.setattr(memorisation_report, "generate", lambda *_: np.asarray(data.images[:40]))
        keep(model, data)
    assert "**This model seems to copy.**" in texts(open_app("memorisation", model="alpha"))


def test_example_pairs_are_of_distinct_training_images():
    rows = [{"id": i, "neighbours": [{"index": index}]} for i, index in enumerate([7, 7, 3, 7, 9])]
    assert [row["id"] for row in memorisation_pairs.distinct(rows)] == [0, 2, 4]


@pytest.mark.slow
def test_the_command_for_a_missing_control_names_the_checkpoint(alpha, open_app):
    model, data = alpha
    keep(model, data)
    app = open_app("memorisation", model="alpha")
    assert "python -m gan_core memorisation models/alpha --control held-out" in [
        code.value for code in app.code
    ]


@pytest.mark.slow
def test_duplicates_in_the_set_are_shown(alpha, open_app, tmp_path, trained):
    model, data = trained("models/beta", n=30, seed=6)
    images = np.asarray(data.images).copy()
    images[4] = images[20]
    with training_set.writing(tmp_path / "sets/twice", 32, 3, {"name": "twice"}) as writer:
        for i, image in enumerate(images):
            writer.add(image, f"{i}.png")
    path = model.directory / "model.json"
    card = json.loads(path.read_text("utf-8"))
    card["training_set"] = training_set.read_card(tmp_path / "sets/twice")
    path.write_text(json.dumps(card), "utf-8")
    keep(gan_core.load(model.directory), training_set.load(tmp_path / "sets/twice"))
    app = open_app("memorisation", model="beta")
    (tile,) = tiles(app, "twins")
    before = len(app.get("image"))
    app = app.button(key="twins-0").click().run()
    assert sentences(app) == []
    assert len(app.get("image")) == before + 3  # both and their difference
    (tile,) = tiles(app, "twins")
    assert tile["current"]
    assert "Training images 4 and 20, 0.0 levels apart" in tile["label"]
    assert "in the training set: 1 pair" in texts(app)


def test_a_control_that_was_not_measured_in_a_space_is_not_called_missing():
    both = {"spaces": {"pixels": {}, "discriminator": {}}}
    innocent = memorisation_controls.Case("Innocent: real images", "", both, None, None)
    guilty = memorisation_controls.Case(
        "Guilty: overfitted", "", {"spaces": {"pixels": {}}}, None, None
    )
    own = memorisation_controls.Case("Samples", "", both, None, None)
    assert memorisation_controls.missing_text([own, innocent, guilty], "pixels") == ""
    results = memorisation_controls.missing_text([own, innocent, guilty], "discriminator")
    assert results == "The guilty control was not measured in D’s features."
    assert "innocent control is missing" in memorisation_controls.missing_text(
        [own, guilty], "pixels"
    )
    assert "guilty control is missing" in memorisation_controls.missing_text(
        [own, innocent], "pixels"
    )
