"""The attribute classifier: learns what can be learned, says what cannot, and is stored safely."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gan_core import checkpoint, model_card
from gan_core.__main__ import main
from gan_core.attributes import classifier, train_classifier
from gan_core.data import training_set
from gan_core.util import atomic_files
from gan_core.util.errors import InputError
from support import first_quick

COLOURS = {"red": (200, 40, 40), "blue": (40, 40, 200)}


@pytest.fixture(scope="module")
def toy_set(tmp_path_factory):
    """Squares on noise: 'large' by size, 'colour' by word, 'odd' by nothing that can be seen."""
    directory = tmp_path_factory.mktemp("toy") / "set"
    stream = np.random.RandomState(0)
    about = {"name": "toy", "source": "drawn", "licence": "CC0", "how": ""}
    about["framing"] = {"crop": 1.0, "size": 32, "channels": 3}
    names = ("large", "colour", "odd", "same")
    with training_set.writing(directory, 32, 3, about, names) as writer:
        for i in range(500):
            large, colour = i % 2, ("red", "blue")[i // 2 % 2]
            image = stream.randint(90, 166, (32, 32, 3)).astype(np.uint8)
            half = (4, 10)[large]
            image[16 - half : 16 + half, 16 - half : 16 + half] = COLOURS[colour]
            known = {"large": large, "colour": colour, "odd": stream.randint(2), "same": 1}
            writer.add(image, f"{i}.png", known, held_out=i >= 400)
    return directory


@pytest.fixture(scope="module", params=first_quick(classifier.ARCHITECTURES.values()))
def trained(request, toy_set):
    return train_classifier.train(training_set.load(toy_set), request.param, epochs=4)


@pytest.fixture
def model(make_checkpoint, toy_set):
    """A checkpoint that says it was trained on the toy set; the images travel with it."""
    directory = make_checkpoint()
    result = checkpoint.read_card(directory)
    result["training_set"] = training_set.read_card(toy_set)
    atomic_files.write_json(directory / "model.json", result)
    return directory


def test_columns_become_yes_or_no(toy_set):
    names, labels, unseen = train_classifier.concepts(training_set.load(toy_set))
    assert names == ["large", "colour: blue", "colour: red", "odd"]  # "same" tells nothing
    assert labels.shape == (400, 4)
    assert unseen.shape == (100, 4)
    np.testing.assert_array_equal(labels[:4, :3], [[0, 0, 1], [1, 0, 1], [0, 1, 0], [1, 1, 0]])


def test_a_set_without_labels_is_refused(make_set):
    whole = training_set.load(make_set(n=40, held_out=4))
    with pytest.raises(InputError, match="no labels to learn from"):
        train_classifier.train(whole)


def test_a_set_without_held_out_images_is_refused(make_set):
    with pytest.raises(InputError, match="--held-out"):
        train_classifier.train(training_set.load(make_set(n=40)))


@pytest.mark.slow
def test_it_learns_what_can_be_seen_and_says_what_cannot(trained):
    rows = {row["name"]: row for row in trained.about["attributes"]}
    for name in ("large", "colour: blue", "colour: red"):
        assert rows[name]["balanced_accuracy"] > 0.95
        assert rows[name]["n"] == 100
        assert rows[name]["positives"] == 50
    assert rows["odd"]["balanced_accuracy"] < 0.7
    assert trained.names == list(rows)
    assert trained.recognised == ["large", "colour: blue", "colour: red"]


@pytest.mark.slow
def test_it_learns_the_labels_and_not_their_order(toy_set, trained):
    whole = training_set.load(toy_set)
    p = trained.predict(whole.held_out)
    assert p.dtype == np.float32
    assert p.shape == (100, 4)
    assert ((p >= 0) & (p <= 1)).all()
    assert ((p[:, 0] > 0.5) == whole.held_out_attributes["large"]).mean() > 0.95


@pytest.mark.slow
def test_a_prediction_does_not_depend_on_its_batch(toy_set, trained):
    images = training_set.load(toy_set).held_out[:70]
    one_by_one = np.concatenate([trained.predict(images[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(trained.predict(images)[:5], one_by_one, atol=1e-5)
    assert trained.predict(images[:0]).shape == (0, 4)


@pytest.mark.slow
def test_the_same_seed_trains_the_same_classifier(toy_set):
    whole = training_set.load(toy_set)
    state = torch.get_rng_state()
    result = [train_classifier.train(whole, epochs=1, seed=s) for s in (0, 0, 1)]
    first, same, other = (c.logits(whole.held_out[:8]) for c in result)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.slow
@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 32, 32, 1), np.uint8),
        np.zeros((2, 32, 32, 3), np.float32),
        np.zeros((32, 32, 3), np.uint8),
    ],
)
def test_pictures_of_another_kind_are_refused(trained, images):
    with pytest.raises(InputError, match=r"needs uint8 images \(N, H, W, 3\)"):
        trained.predict(images)


def test_calibration_mends_logits_that_are_too_sure():
    stream = np.random.RandomState(0)
    true = stream.standard_normal((20_000, 2)) * 1.5 + [0, -1]
    labels = (stream.uniform(size=true.shape) < classifier.sigmoid(true)).astype(np.float32)
    logits = true * [4, 0.5] + [1, 0]
    scale, offset = train_classifier.platt(logits[:10_000], labels[:10_000])
    np.testing.assert_allclose(scale, [0.25, 2], rtol=0.1)
    before, after = (
        train_classifier.calibration_error(classifier.sigmoid(x[10_000:]), labels[10_000:])
        for x in (logits, logits * scale + offset)
    )
    assert after < 0.02 < before


def test_calibration_of_an_attribute_nobody_has_stays_finite():
    scale, offset = train_classifier.platt(np.random.randn(50, 1), np.zeros((50, 1)))
    assert np.isfinite([scale, offset]).all()


def test_the_calibration_error_of_what_is_exactly_so():
    p = np.repeat([0.05, 0.25], 100)[:, None]
    y = np.concatenate([np.arange(100) < 5, np.arange(100) < 25])[:, None].astype(float)
    assert train_classifier.calibration_error(p, y) == pytest.approx(0, abs=1e-12)
    assert train_classifier.calibration_error(1 - p, 1 - y) == pytest.approx(0, abs=1e-12)
    assert train_classifier.calibration_error(p, 1 - y) == pytest.approx(0.7)


def test_accuracy_is_balanced_and_small_numbers_do_not_count():
    labels = (np.arange(1000) < 100).astype(np.float32)[:, None]
    row = train_classifier.measure(["rare"], np.zeros((1000, 1)), labels)[0]
    assert row["accuracy"] == pytest.approx(0.9)
    assert row["balanced_accuracy"] == pytest.approx(0.5)
    assert not row["recognised"]
    few = (np.arange(1000) < classifier.LEAST_IMAGES - 1).astype(np.float32)[:, None]
    assert not train_classifier.measure(["few"], few, few)[0]["recognised"]
    assert train_classifier.measure(["enough"], labels, labels)[0]["recognised"]
    none = train_classifier.measure(["none"], few * 0, few * 0)[0]
    assert none["balanced_accuracy"] is None
    assert not none["recognised"]


def test_what_was_saved_is_loaded(model, toy_set, trained):
    classifier.save(model, trained)
    result = classifier.load(model)
    images = training_set.load(toy_set).held_out[:16]
    np.testing.assert_array_equal(result.predict(images), trained.predict(images))
    assert result.names == trained.names
    assert result.recognised == trained.recognised
    assert len(result.hash) == 12
    assert (model / "attributes.safetensors").stat().st_size < 1_500_000
    with pytest.raises(InputError, match="--second makes it"):
        classifier.load(model, "second")


def test_it_stays_when_the_generator_is_saved_again(model, trained):
    classifier.save(model, trained)
    loaded = checkpoint.load(model)
    before = classifier.load(model).hash
    about = {k: v for k, v in loaded.card.items() if k not in ("format", "files")}
    checkpoint.save(model, loaded.generator, loaded.discriminator, about)
    assert classifier.load(model).hash == before


def test_one_of_another_training_set_is_refused(model, trained):
    classifier.save(model, trained)
    result = checkpoint.read_card(model)
    result["training_set"]["fingerprint"] = "0" * 64
    atomic_files.write_json(model / "model.json", result)
    with pytest.raises(InputError, match="trained on images other"):
        classifier.load(model)
    assert "trained on images other" in classifier.card_section(model)


@pytest.mark.parametrize("place", [20, -1, "balanced_accuracy", None])
def test_a_damaged_file_is_refused(model, trained, place):
    classifier.save(model, trained)
    path = model / "attributes.safetensors"
    data = bytearray(path.read_bytes())
    if place is None:
        data = data[: len(data) // 2]
    else:
        data[data.index(place.encode()) if isinstance(place, str) else place] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"attributes.safetensors is damaged; python -m gan_core"):
        classifier.load(model)


@pytest.mark.parametrize(
    "change", [{"name": 3}, {"accuracy": "high"}, {"balanced_accuracy": "<b>"}, {"positives": None}]
)
def test_a_file_with_impossible_values_is_refused(model, trained, change):
    rows = [row | change for row in trained.about["attributes"]]
    classifier.save(model, replace(trained, about=trained.about | {"attributes": rows}))
    with pytest.raises(InputError, match="does not match its own description"):
        classifier.load(model)


def test_one_that_takes_pictures_of_other_channels_is_refused(model, trained):
    grey = classifier.build("strided", 1, len(trained.names)).eval()
    changed = replace(trained, network=grey, about=trained.about | {"channels": 1})
    classifier.save(model, changed)
    with pytest.raises(InputError, match="does not match its own description"):
        classifier.load(model)


def test_a_missing_file_says_what_to_do(model):
    with pytest.raises(InputError, match="is missing; python -m gan_core attributes"):
        classifier.load(model)
    assert classifier.card_section(model) == ""


def test_labels_from_a_table(toy_set, tmp_path):
    whole = training_set.load(toy_set)
    table = tmp_path / "labels.csv"
    rows = [f"{i}.png,{int(i % 2)},{i % 3}" for i in range(500)]
    table.write_text("\n".join(["file,even,third", *rows]))
    result = train_classifier.with_labels(whole, table)
    assert set(result.attributes) == {"even", "third"}
    np.testing.assert_array_equal(result.attributes["even"], np.arange(400) % 2)
    np.testing.assert_array_equal(result.held_out_attributes["even"], np.arange(400, 500) % 2)
    assert train_classifier.unlabelled(result) == 0
    table.write_text("file,even\nx.png,1\n")
    with pytest.raises(InputError, match="0 of 500 pictures are in the table"):
        train_classifier.with_labels(whole, table)


def test_pictures_that_are_not_in_the_table_are_unknown(toy_set, tmp_path):
    whole = training_set.load(toy_set)
    table = tmp_path / "labels.csv"
    rows = [f"{i}.png,{int(i % 2)}" for i in range(500) if i not in (3, 499)]
    table.write_text("\n".join(["file,even", *rows]))
    result = train_classifier.with_labels(whole, table)
    assert train_classifier.unlabelled(result) == 2
    names, labels, held_out = train_classifier.concepts(result)
    assert names == ["even"]
    assert np.flatnonzero(np.isnan(labels)).tolist() == [3]
    assert np.flatnonzero(np.isnan(held_out)).tolist() == [99]
    known = np.delete(np.arange(400), 3)
    np.testing.assert_array_equal(labels[known, 0], known % 2)


def with_unknown(whole, name, unknown):
    """A set whose rows of some places have an empty cell in a column."""
    column = np.where(unknown, "", whole.attributes[name].astype(str))
    return replace(whole, attributes={**whole.attributes, name: column})


def test_empty_cells_are_unknown_and_teach_nothing(toy_set):
    whole = training_set.load(toy_set)
    unknown = np.arange(400) % 3 > 0
    names, labels, unseen = train_classifier.concepts(with_unknown(whole, "large", unknown))
    assert names == ["large", "colour: blue", "colour: red", "odd"]
    np.testing.assert_array_equal(np.isnan(labels[:, 0]), unknown)
    np.testing.assert_array_equal(labels[~unknown, 0], whole.attributes["large"][~unknown])
    assert not np.isnan(unseen).any()
    names, labels, _ = train_classifier.concepts(with_unknown(whole, "colour", unknown))
    np.testing.assert_array_equal(np.isnan(labels[:, 1]), unknown)


@pytest.mark.slow
def test_an_attribute_is_learned_from_the_cells_that_are_known(toy_set):
    whole = training_set.load(toy_set)
    # Where the label is unknown it would be wrong: a no for every large square.
    unknown = (np.arange(400) % 3 > 0) & (whole.attributes["large"] == 1)
    trained = train_classifier.train(with_unknown(whole, "large", unknown), epochs=4)
    row = trained.about["attributes"][0]
    assert row["name"] == "large"
    assert row["accuracy"] > 0.95
    assert np.isfinite([trained.scale, trained.offset]).all()


def test_unknown_labels_leave_the_loss_and_the_measures_alone():
    logits, targets = torch.randn(6, 2), torch.tensor([[0.0, 1.0]] * 6)
    some = targets.clone()
    some[3:, 0] = torch.nan
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    expected = torch.cat([losses[:3, 0], losses[:, 1]]).mean()
    torch.testing.assert_close(train_classifier.known_entropy(logits, some), expected)
    labels = np.float32([[1], [0], [np.nan], [np.nan]])
    row = train_classifier.measure(["a"], np.float32([[0.9], [0.1], [0.9], [0.1]]), labels)[0]
    assert (row["n"], row["positives"], row["accuracy"]) == (2, 1, 1.0)


def test_a_rare_attribute_counts_as_much_as_its_absence():
    labels = np.float32([[1, 0], [0, 0], [0, 0], [0, np.nan], [np.nan, 0]])
    weights = train_classifier.balance(labels)
    np.testing.assert_allclose(weights[:, 0], [2, 2 / 3, 2 / 3, 2 / 3, 0])
    assert not weights[:, 1].any()  # nothing is known of what never occurs
    # Two groups that overlap: balanced, the boundary lies between their means.
    logits = np.float32([[1], [-1], [-1], [-1], [1], [-1], [-1], [-1], [-1], [1]])
    rare = np.float32([[1], [0], [0], [0], [1], [0], [0], [0], [1], [0]])
    plain = train_classifier.platt(logits, rare)
    even = train_classifier.platt(logits, rare, weights=train_classifier.balance(rare))
    assert even[1] > plain[1]
    p = np.float32([[0.8]] * 4)
    answers = np.float32([[1], [1], [1], [0]])
    assert train_classifier.calibration_error(p, answers) == pytest.approx(0.05)
    weights = train_classifier.balance(answers)
    assert train_classifier.calibration_error(p, answers, weights=weights) == pytest.approx(0.3)


def reading(*rows, recognised=(True, True)):
    """A reader of two attributes and what it predicts for len(rows) pictures."""
    names = zip("ab", recognised, strict=True)
    about = {"attributes": [{"name": name, "recognised": good} for name, good in names]}
    reader = classifier.Classifier(torch.nn.Identity(), np.ones(2), np.zeros(2), about)
    return reader, np.float32(rows)


def test_readers_agree_or_an_attribute_is_unsure():
    readers, read = zip(
        reading([0.9, 0.2], [0.6, 0.9], [0.1, 0.5]),
        reading([0.7, 0.3], [0.4, 0.8], [0.2, 0.9]),
        reading([0.8, 0.1], [0.9, 0.95], [0.4, 0.9]),
        strict=True,
    )
    expected = np.float32([[0.7, 0.3], [0.5, 0.8], [0.4, 0.5]])
    np.testing.assert_array_equal(classifier.agreement(readers, read), expected)


def test_a_reader_has_no_say_in_what_it_does_not_recognise():
    first, blind = reading([0.9, 0.9], recognised=(True, False)), reading([0.1, 0.1])
    blind[0].about["attributes"][0]["recognised"] = False
    readers, read = zip(first, blind, strict=True)
    # The first is always heard, also in what is not recognised.
    np.testing.assert_array_equal(classifier.agreement(readers, read), np.float32([[0.9, 0.5]]))


def test_one_reader_agrees_with_itself():
    reader, read = reading([0.9, 0.2])
    np.testing.assert_array_equal(classifier.agreement([reader], [read]), read)


@pytest.mark.slow
def test_all_readers_of_a_checkpoint_are_loaded_in_order(model, toy_set):
    data = training_set.load(toy_set)
    for reader, architecture in classifier.ARCHITECTURES.items():
        trained = train_classifier.train(data, architecture, epochs=1)
        classifier.save(model, trained, reader)
    assert list(classifier.load_all(model)) == ["first", "second", "probe"]
    rows = [row | {"name": f"not {row['name']}"} for row in trained.about["attributes"]]
    other = replace(trained, about=trained.about | {"attributes": rows})
    classifier.save(model, other, "second")
    (model / classifier.FILES["probe"]).write_bytes(b"damaged")
    assert list(classifier.load_all(model)) == ["first"]


@pytest.mark.slow
def test_the_verb_writes_measures_and_prints(model, toy_set, capsys, monkeypatch):
    written = []
    monkeypatch.setattr(model_card, "write", written.append)  # a toy's card is not whole
    command = ["attributes", str(model), "--data", str(toy_set), "--epochs", "2", "--json"]
    assert main(command) == 0
    message = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert message["epochs"] == 2
    assert message["attributes"] == classifier.load(model).about["attributes"]
    section = classifier.card_section(model)
    for row in message["attributes"]:
        assert f"| {row['name']} | {row['positives']} of 100 | {row['accuracy']:.3f}" in section
    unsure = [row for row in message["attributes"] if not row["recognised"]]
    assert section.count("| no |") == len(unsure) > 0
    assert main([*command[:-1], "--second", "--seed", "1"]) == 0
    second = classifier.load(model, "second")
    assert second.about["architecture"] != classifier.load(model).about["architecture"]
    assert [str(path) for path in written] == [str(model)] * 2


def test_bad_options_are_refused_in_a_sentence(model, toy_set, capsys):
    data = ["--data", str(toy_set)]
    assert main(["attributes", str(model), *data, "--epochs", "0"]) == 2
    assert "epochs is 0" in capsys.readouterr().err
    assert main(["attributes", str(model), *data, "--labels", "none.csv"]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["attributes", str(model), *data, "--second", "--probe"]) == 2
    assert "run the command once for each" in capsys.readouterr().err
    assert main(["evaluate", str(model), "--arithmetic", "--psi", "0.5"]) == 2
    assert "--psi cannot be combined with --arithmetic" in capsys.readouterr().err
    assert main(["evaluate", str(model), "--arithmetic"]) == 2
    assert "attributes.safetensors is missing" in capsys.readouterr().err
