"""What travels with a checkpoint about its first seeds."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import gan_core
from gan_core import feature_extractors
from gan_core.__main__ import main
from gan_core.attributes import classifier
from gan_core.metrics import realism, seed_table
from gan_core.util.errors import InputError
from toys import thumbnails


@pytest.fixture
def network(monkeypatch):
    """A quick network in place of EfficientNet-Lite0; `network.seen` counts its pictures."""

    class Network(feature_extractors.Features):
        seen = 0

    def extract(images, batch=8, progress=None):
        Network.seen += len(images)
        return thumbnails(images)

    quick = Network("EffNetLite0", 16, "quick", extract)
    monkeypatch.setattr(feature_extractors, "effnet", lambda: quick)
    monkeypatch.setattr(seed_table, "SEEDS", 100)
    return Network


@pytest.fixture
def model(make_checkpoint, make_set):
    """A checkpoint with its training set of noise; returns its directory."""
    directory, images = make_checkpoint(), make_set(n=64)
    images.rename(directory / "training_set")
    card = json.loads((directory / "model.json").read_text())
    own = json.loads((directory / "training_set" / "set.json").read_text())
    card["training_set"] = {"fingerprint": own["fingerprint"]}
    (directory / "model.json").write_text(json.dumps(card))
    return directory


def add_classifier(directory, seed=0):
    about = {"format": classifier.FORMAT, "architecture": "strided", "channels": 3}
    measured = {"accuracy": 0.9, "balanced_accuracy": 0.9, "positives": 50, "n": 100}
    about["attributes"] = [
        {"name": name, "recognised": True, **measured} for name in ("beard", "hat")
    ]
    about["training_set"] = gan_core.load(directory).card["training_set"]["fingerprint"]
    torch.manual_seed(seed)
    network = classifier.build("strided", 3, 2).eval()
    classifier.save(directory, classifier.Classifier(network, np.ones(2), np.zeros(2), about))
    return classifier.load(directory)


def test_one_command_makes_everything_once(model, network, capsys):
    labels = add_classifier(model)
    assert main(["seeds", str(model)]) == 0
    assert "made the kind of its pictures, realism.safetensors, seeds.safetensors" in (
        capsys.readouterr().out
    )
    loaded = gan_core.load(model)
    assert loaded.card["pictures"] == "photograph"  # noise is nowhere flat
    table = seed_table.load(loaded)
    images = loaded.generate(loaded.prior.sample(100))
    np.testing.assert_allclose(table.probabilities, labels.predict(images), atol=1e-3)
    assert table.attributes == ["beard", "hat"]
    expected = realism.load(model).score(thumbnails(images))
    np.testing.assert_allclose(table.realism, expected, rtol=1e-2)
    seen, files = network.seen, sorted(model.iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    assert main(["seeds", str(model)]) == 0
    assert "everything is up to date" in capsys.readouterr().out
    assert network.seen == seen
    assert [file.stat().st_mtime_ns for file in files] == times


def test_only_what_is_out_of_date_is_rebuilt(model, network, capsys):
    main(["seeds", str(model)])
    add_classifier(model)
    capsys.readouterr()
    main(["seeds", str(model)])
    assert capsys.readouterr().out.endswith("made seeds.safetensors\n")
    assert seed_table.load(gan_core.load(model)).attributes == ["beard", "hat"]


@pytest.mark.slow
def test_a_second_reader_makes_unsure_what_it_sees_otherwise(model, network, capsys):
    first = add_classifier(model)
    contrary = replace(first, scale=-first.scale, offset=-first.offset)
    main(["seeds", str(model)])
    classifier.save(model, contrary, "second")
    capsys.readouterr()
    main(["seeds", str(model)])
    assert capsys.readouterr().out.endswith("made seeds.safetensors\n")
    table = seed_table.load(gan_core.load(model))
    assert (table.probabilities == classifier.UNSURE).all()
    assert len(table.readers) == 2
    for there in (True, False):
        assert not len(table.search({"beard": there}))


def test_a_table_of_other_weights_is_refused_and_rebuilt(model, network, make_checkpoint, capsys):
    main(["seeds", str(model)])
    make_checkpoint(seed=5)  # the same directory, other weights; its card knows no training set
    card = json.loads((model / "model.json").read_text())
    own = json.loads((model / "training_set" / "set.json").read_text())
    card["training_set"] = {"fingerprint": own["fingerprint"]}
    (model / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="made for other weights than these, so it is not used"):
        seed_table.load(gan_core.load(model))
    main(["seeds", str(model)])
    seed_table.load(gan_core.load(model))


def test_without_its_training_images_there_is_one_sentence(make_checkpoint, network, capsys):
    directory = make_checkpoint()
    assert main(["seeds", str(directory)]) == 2
    assert "the directory of its packed training set with --data" in capsys.readouterr().err


def test_the_images_of_another_folder_do(model, network, tmp_path):
    (model / "training_set").rename(tmp_path / "elsewhere")
    assert main(["seeds", str(model), "--data", str(tmp_path / "elsewhere")]) == 0
    # The reference travels now, so the images are not needed again.
    (model / seed_table.FILE).unlink()
    assert main(["seeds", str(model)]) == 0


def test_a_damaged_table_is_one_sentence_and_is_rebuilt(model, network):
    main(["seeds", str(model)])
    path = model / seed_table.FILE
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"seeds.safetensors is damaged; python -m gan_core seeds"):
        seed_table.load(gan_core.load(model))
    assert main(["seeds", str(model)]) == 0
    seed_table.load(gan_core.load(model))


WRONG = {
    "too few probabilities": lambda table: {"probabilities": table.probabilities[:-1]},
    "a column too many": lambda table: {"attributes": ["beard"]},
    "an opening that is no seed": lambda table: {"openings": [100]},
    "a number that is not finite": lambda table: {"realism": table.realism * np.inf},
    "no seeds": lambda table: {
        "realism": table.realism[:0],
        "probabilities": table.probabilities[:0],
        "openings": [],
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("what", WRONG)
def test_a_table_that_contradicts_itself_is_one_sentence(model, network, what):
    main(["seeds", str(model)])
    loaded = gan_core.load(model)
    table = seed_table.load(loaded)
    values = vars(table) | WRONG[what](table)
    seed_table.save(loaded, seed_table.SeedTable(**values))
    with pytest.raises(InputError, match="does not match its own description"):
        seed_table.load(loaded)


def test_search_finds_the_seeds_with_and_without():
    probabilities = np.float32([[0.9, 0.9], [0.9, 0.1], [0.1, 0.2], [0.6, 0.45]])
    table = seed_table.SeedTable(np.ones(4), probabilities, ["beard", "hat"], [], "", "")
    assert list(table.search({})) == [0, 1, 2, 3]
    assert list(table.search({"beard": True})) == [0, 1, 3]
    assert list(table.search({"beard": True, "hat": False})) == [1, 3]
    assert list(table.search({"hat": True}, least=0.95)) == []
    with pytest.raises(InputError, match="There is no attribute 'cap'; choose one of beard, hat"):
        table.search({"cap": True})


def test_certainty_is_that_of_the_least_certain_attribute():
    probabilities = np.float32([[0.9, 0.9], [0.75, 0.0], [0.1, 0.2]])
    table = seed_table.SeedTable(np.ones(3), probabilities, ["beard", "hat"], [], "", "")
    assert table.certainty({"beard": True, "hat": False}) == pytest.approx([0.1, 0.75, 0.1])
    assert list(table.certainty({})) == [1, 1, 1]
    with pytest.raises(InputError, match="There is no attribute 'cap'"):
        table.certainty({"cap": True})


def test_openings_are_realistic_and_differ():
    scores = np.linspace(1, 0, 200)
    points = np.zeros((200, 2))
    points[:20, 0] = np.arange(20) // 5  # four groups among the best twenty
    points[20:] = 1000  # far away, and not realistic
    # The most realistic one of each group, most realistic first.
    assert seed_table.openings(scores, points, count=4) == [0, 5, 10, 15]
    many = seed_table.openings(scores, points + np.arange(200)[:, None] / 1e6, count=36)
    assert len(many) == len(set(many)) == 36
    assert max(many) < 36


def test_the_table_of_4096_seeds_and_forty_attributes_is_below_a_megabyte(make_checkpoint):
    model = gan_core.load(make_checkpoint())
    stream = np.random.RandomState(0)
    table = seed_table.SeedTable(
        stream.uniform(0, 2, 4096),
        stream.uniform(0, 1, (4096, 40)),
        [f"attribute {i}" for i in range(40)],
        list(range(36)),
        "",
        "",
    )
    seed_table.save(model, table)
    assert (model.directory / seed_table.FILE).stat().st_size < 2**20
    again = seed_table.load(model)
    np.testing.assert_allclose(again.probabilities, table.probabilities, atol=5e-4)
