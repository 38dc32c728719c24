"""All directions at once: what is computed, reported, stored and printed, and what is refused."""

import json

import numpy as np
import pytest
from torch import nn

from gan_core import checkpoint
from gan_core.__main__ import main
from gan_core.latent_space import directions, discover_directions
from gan_core.util.errors import InputError
from toys import Linear, Reader

READER = Reader(["bright", "warm", "dim"], unsure=["dim"])
FEW = {"n": 600, "measured": 8, "k": 3}
NAMES = ["bright (difference)", "bright (normal)", "warm (difference)", "warm (normal)"]


def blind(seed=3):
    """A model whose generator shows no layer to read."""
    model = Linear(seed=seed)
    model.generate = Linear(seed=seed).generate
    model.generator = nn.Identity()
    return model


@pytest.mark.slow
def test_everything_is_discovered_with_progress():
    message = []
    result = discover_directions.discover(
        Linear(), READER, **FEW, progress=lambda words, share: message.append((words, share))
    )
    unnamed = [f"{kind} {i}" for kind in ("component", "factor") for i in (1, 2, 3)]
    assert [d.name for d in result] == [*NAMES, *unnamed]
    assert all(set(d.about["effects"]) == {"bright", "warm"} for d in result)
    shares = [share for _, share in message]
    assert shares[0] == 0
    assert shares[-1] < 1
    assert shares == sorted(set(shares))  # a piece of work each, none counted twice
    # Two blocks of labels, two attributes, two kinds without names and six to be measured.
    np.testing.assert_allclose(shares, np.arange(12) / 12)
    assert "600" in message[0][0]


def test_without_a_classifier_directions_have_no_names_and_no_effects():
    result = discover_directions.discover(Linear(), **FEW)
    assert {d.kind for d in result} == {"component", "factor"}
    assert all(d.about == {} for d in result)


@pytest.mark.slow
def test_there_are_no_more_than_the_latent_has():
    assert len(discover_directions.discover(Linear(nz=2), n=64, measured=1, k=10)) == 4


def test_a_generator_that_cannot_be_read_has_those_of_attributes_only():
    result = discover_directions.discover(blind(), READER, **FEW)
    assert [d.name for d in result] == NAMES
    with pytest.raises(InputError, match="no first layer"):
        discover_directions.discover(blind(), **FEW)


@pytest.mark.slow
def test_results_are_not_computed_again(monkeypatch):
    monkeypatch.setattr(discover_directions, "QUICK", {"n": 600, "measured": 8})
    model = Linear()
    first = discover_directions.load_cached(model, READER)
    drawn = model.drawn
    assert drawn > 600
    again = discover_directions.load_cached(model, READER)
    assert model.drawn == drawn
    assert [(d.name, d.about) for d in again] == [(d.name, d.about) for d in first]
    np.testing.assert_array_equal([d.vector for d in again], [d.vector for d in first])
    other = Linear(seed=1)  # other weights
    discover_directions.load_cached(other, READER)
    assert other.drawn > 0


@pytest.mark.slow
def test_a_damaged_cache_is_made_again(monkeypatch, tmp_path):
    monkeypatch.setattr(discover_directions, "QUICK", {"n": 600, "measured": 8})
    first = discover_directions.load_cached(Linear(), READER)
    (file,) = (tmp_path / "cache" / "directions").iterdir()
    file.write_bytes(file.read_bytes()[:-8])
    again = discover_directions.load_cached(Linear(), READER)
    assert [d.name for d in again] == [d.name for d in first]
    assert directions.load(Linear(), file)  # whole again


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_stops_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(tmp_path / "file"))
    assert discover_directions.load_cached(Linear())


@pytest.mark.slow
def test_the_verb_keeps_directions_and_those_of_people(make_checkpoint, capsys):
    directory = make_checkpoint()
    model = checkpoint.load(directory)
    own = directions.Direction("mine", directions.unit(np.ones(8)), "own")
    directions.save(model, [own])
    discover_directions.discover_and_save(directory, k=2, json=True)
    names = [d.name for d in directions.load(model)]
    assert names == ["component 1", "component 2", "factor 1", "factor 2", "mine"]
    message = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["name"] for row in message["directions"]] == names[:4]
    discover_directions.discover_and_save(
        directory, k=1
    )  # discovered ones make room, the person's stays
    assert [d.name for d in directions.load(model)] == ["component 1", "factor 1", "mine"]


def test_the_verb_leaves_the_checkpoint_alone_with_discard(make_checkpoint, capsys):
    directory = make_checkpoint()
    before = sorted(path.name for path in directory.iterdir())
    assert main(["directions", str(directory), "--discard", "--k", "1"]) == 0
    assert sorted(path.name for path in directory.iterdir()) == before
    assert "no attribute classifier" in capsys.readouterr().out


@pytest.mark.parametrize("option", [["--n", "3"], ["--measured", "0"], ["--k", "0"]])
def test_numbers_that_cannot_be_are_refused(make_checkpoint, capsys, option):
    assert main(["directions", str(make_checkpoint()), *option]) == 2
    assert "must be from 64" in capsys.readouterr().err


@pytest.mark.slow
def test_the_card_lists_each_effect_and_the_largest_leakage(make_checkpoint):
    result = discover_directions.discover(Linear(), READER, **FEW)
    message = discover_directions.section(result)
    rows = {line.split(" | ")[0]: line for line in message.splitlines()}
    normal = next(d for d in result if d.name == "warm (normal)").about["effects"]
    assert f"| {normal['warm']:+.3f} | bright {normal['bright']:+.3f} |" in rows["| warm"]
    component = next(d for d in result if d.name == "component 1").about
    assert f"{component['moves']} {component['effects'][component['moves']]:+.2f}" in message
    directory = make_checkpoint()
    assert discover_directions.card_section(directory) == ""
    discover_directions.discover_and_save(directory, k=2)
    assert "(SeFa): 2." in discover_directions.card_section(directory)
    (directory / directions.FILE).write_bytes(b"no safetensors")
    assert "damaged" in discover_directions.card_section(directory)
