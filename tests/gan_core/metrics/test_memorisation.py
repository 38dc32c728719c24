"""Memorisation: each statistic on cases whose answer is known, and the report on two controls."""

import json

import numpy as np
import pytest

from gan_core import __main__ as cli
from gan_core import checkpoint
from gan_core.data import training_set as sets
from gan_core.metrics import intervals, memorisation_report, memorisation_stats, memorisation_table
from gan_core.search import held_out
from gan_core.util import atomic_files
from gan_core.util.errors import InputError
from support import pictures


def nearest(points, others, exclude_self=False):
    """(distances, indices) to the nearest of others, by comparing with all."""
    table = np.sqrt(((points[:, None] - others) ** 2).sum(2))
    if exclude_self:
        np.fill_diagonal(table, np.inf)
    return table.min(1), table.argmin(1)


@pytest.fixture(scope="module")
def world():
    """Training and held-out points of one distribution, and a maker of more."""
    random = np.random.RandomState(0)

    def more(n):
        return random.randn(n, 6)

    training, held_out = more(500), more(400)
    own, _ = nearest(training, training, exclude_self=True)
    return training, held_out, own, more


def statistics(world, samples):
    training, held_out, own, _ = world
    d, which = nearest(samples, training)
    unseen, unseen_which = nearest(held_out, training)
    cells = memorisation_stats.k_means(training, 4)
    sides = d, unseen, cells[which], cells[unseen_which]
    auth = intervals.wilson(memorisation_stats.authentic(d, own[which]))
    innocent = intervals.wilson(memorisation_stats.authentic(unseen, own[unseen_which]))
    return memorisation_stats.c_t(*sides), memorisation_stats.c_t_interval(*sides), auth, innocent


def test_copies_are_detected(world):
    training = world[0]
    copies = training[:400] + 0.01 * np.random.RandomState(1).randn(400, 6)
    result, interval, auth, innocent = statistics(world, copies)
    assert result["c_t"] < -10
    assert interval["c_t"][1] < -3
    assert result["farther"] < 0.02
    assert auth[2] < 0.02
    assert innocent[1] > 0.3


def test_fresh_samples_are_like_held_out_ones(world):
    result, interval, auth, innocent = statistics(world, world[3](400))
    assert abs(result["c_t"]) < 2
    assert interval["c_t"][0] < 0 < interval["c_t"][1]
    assert abs(result["farther"] - 0.5) < 0.06
    assert auth[1] < innocent[2]
    assert innocent[1] < auth[2]


def test_worse_samples_lie_farther(world):
    result, _, auth, innocent = statistics(world, 3 * world[3](400))
    assert result["c_t"] > 5
    assert auth[1] > innocent[2]


def test_half_of_the_samples_copied(world):
    training, _, _, more = world
    result, _, auth, innocent = statistics(world, np.concatenate([training[:200], more(200)]))
    assert result["c_t"] < -3
    assert auth[0] == pytest.approx(innocent[0] / 2, abs=0.08)


def test_mann_whitney_by_hand():
    z, share = memorisation_stats.mann_whitney(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert share == 0
    assert z == pytest.approx(-2 / np.sqrt(2 * 2 * 5 / 12))
    # All equal: no decision is possible. Ties: half.
    assert memorisation_stats.mann_whitney(np.ones(3), np.ones(4)) == (0.0, 0.5)
    assert memorisation_stats.mann_whitney(np.array([1, 2]), np.array([1, 2]))[1] == 0.5


def test_mann_whitney_is_standard_normal_for_equal_distributions():
    random = np.random.RandomState(3)
    z = [
        memorisation_stats.mann_whitney(random.randint(0, 9, 80), random.randint(0, 9, 60))[0]
        for _ in range(400)
    ]
    assert abs(np.mean(z)) < 0.2
    assert 0.85 < np.std(z) < 1.15


def test_cells_weigh_by_their_held_out_images():
    near, far = np.arange(40.0), 100 + np.arange(40.0)
    held_out = np.concatenate([far, near, near])  # cell 0 copied, cell 1 the other way
    samples = np.concatenate([near, far])
    cells = np.repeat([0, 1], 40)
    result = memorisation_stats.c_t(samples, held_out, cells, np.repeat([0, 1, 1], 40))
    z0, _ = memorisation_stats.mann_whitney(near, far)
    z1, _ = memorisation_stats.mann_whitney(far, np.concatenate([near, near]))
    assert result["c_t"] == pytest.approx((z0 + 2 * z1) / 3)
    assert result["cells"] == 2
    few = memorisation_stats.c_t(samples[:19], held_out, cells[:19], np.repeat([0, 1, 1], 40))
    assert few == {"c_t": None, "farther": None, "cells": 0, "left_out": 1.0}
    one = memorisation_stats.c_t(samples[:40], held_out, cells[:40], np.repeat([0, 1, 1], 40))
    assert one["left_out"] == pytest.approx(2 / 3)


def test_percentiles():
    result = memorisation_stats.percentiles(np.array([0, 1, 2.5, 9]), np.array([3, 1, 2, 4]))
    np.testing.assert_allclose(result, [0, 0, 50, 100])
    # Nothing lies nearer than an exact copy, however many lie as near.
    assert memorisation_stats.percentiles([0.0], np.array([0, 0, 0, 2.0])) == [0]
    with pytest.raises(InputError, match="one reference distance"):
        memorisation_stats.percentiles(np.ones(2), np.empty(0))


def test_percentiles_of_the_same_distribution_are_spread_evenly():
    random = np.random.RandomState(0)
    result = memorisation_stats.percentiles(random.randn(2000), random.randn(2000))
    np.testing.assert_allclose(np.quantile(result, [0.1, 0.5, 0.9]), [10, 50, 90], atol=4)


def test_authentic_is_strictly_farther():
    result = memorisation_stats.authentic([1, 2, 3], [2, 2, 2])
    assert result.tolist() == [False, False, True]


def test_near_duplicates_are_listed_once():
    distances = np.array([0.0, 0.0, 2.0, np.nan, 2.0])
    indices = np.array([1, 0, 4, 0, 2])
    assert memorisation_stats.near_duplicates(distances, indices, 2) == [(0, 1, 0.0), (2, 4, 2.0)]
    assert memorisation_stats.near_duplicates(distances, indices, 0.5) == [(0, 1, 0.0)]


def test_suspicion():
    result = memorisation_stats.suspicion([0, 1, 2, 0, 3, 3], [1, 2, 2, 0, 0, np.nan])
    np.testing.assert_array_equal(result, [0, 0.5, 1, 0, np.inf, np.inf])


def test_k_means_finds_clusters_that_lie_apart():
    points = np.repeat([[0.0, 0], [9, 9], [0, 9]], 30, 0)
    points += 0.1 * np.random.RandomState(0).randn(*points.shape)
    cells = memorisation_stats.k_means(points, 3, seed=1)
    assert len(set(cells)) <= 3
    for start in (0, 30, 60):
        assert len(set(cells[start : start + 30])) == 1
    assert memorisation_stats.k_means(points[:2], 5).tolist() in ([0, 1], [1, 0])


# The report.


@pytest.fixture
def make_pair(make_checkpoint, make_set):
    """A checkpoint and the packed set it says it was trained on; returns both directories."""

    def make(n=150, held_out=120):
        data = make_set(n=n, held_out=held_out)
        model = make_checkpoint()
        path = model / "model.json"
        card = atomic_files.read_json(path, "a checkpoint")
        atomic_files.write_json(path, card | {"training_set": sets.read_card(data)})
        return model, data

    return make


def report(model, data, **options):
    options = {"n": 100, "k": 3, "spaces": "pixels,discriminator"} | options
    return memorisation_report.report(checkpoint.load(model), sets.load(data), **options)


@pytest.mark.slow
def test_the_report_distinguishes_guilty_from_innocent(make_pair, monkeypatch):
    model, data = make_pair()
    innocent = report(model, data, control="held-out")
    training = sets.load(data).images
    grain = np.random.RandomState(0).randint(0, 9, training[:100].shape)
    copies = np.clip(training[:100].astype(int) + grain - 4, 0, 255).astype(np.uint8)
    copies[::2] = copies[::2, :, ::-1]  # every second one mirrored
    monkeypatch.setattr(memorisation_report, "generate", lambda *_: copies)
    guilty = report(model, data)
    result, clean = guilty["spaces"]["pixels"], innocent["spaces"]["pixels"]
    assert result["auth_pct"]["samples"][2] < 5 < clean["auth_pct"]["samples"][1]
    assert result["intervals"]["c_t"][1] < -3 < clean["intervals"]["c_t"][0]
    assert result["farther"] == 0
    assert 0.3 < clean["farther"] < 0.7
    first = result["suspicious"][0]
    assert first["percentiles"] == {"training": 0.0, "held-out": 0.0}
    assert not first["authentic"]
    for row in result["suspicious"]:
        nearest_one = row["neighbours"][0]
        assert nearest_one["index"] == row["id"]
        assert nearest_one["file"] == f"{row['id']}.png"
        assert nearest_one["mirrored"] == (row["id"] % 2 == 0)


def test_the_report_finds_duplicates_in_the_set(make_pair, tmp_path):
    directory = tmp_path / "twice"
    images = pictures(40)
    images[7] = images[30]
    with sets.writing(directory, 32, 3, {"name": "twice"}) as writer:
        for i, image in enumerate(images):
            writer.add(image, f"{i}.png")
    result = report(make_pair()[0], directory, n=10, spaces="pixels")["spaces"]["pixels"]
    assert result["near_duplicates"]["pairs"] == [(7, 30, 0.0)]
    assert result["near_duplicates"]["count"] == 1
    assert result["c_t"] is None  # nothing is held out
    assert list(result["auth_pct"]) == ["samples"]


@pytest.mark.parametrize("control", ["", "held-out"])
def test_held_out_images_that_equal_a_training_image_are_left_out(make_pair, tmp_path, control):
    images = pictures(60)
    directory = tmp_path / "again"
    with sets.writing(directory, 32, 3, {"name": "again"}) as writer:
        for i, image in enumerate(images[:30]):
            writer.add(image, f"{i}.png")
        # The 1st, 4th, 7th … were trained on, every second of them the other way round.
        for i, image in enumerate(images[30:]):
            known = images[i, :, :: -1 if i % 2 else 1]
            writer.add(known if i % 3 == 0 else image, f"held-{i}.png", held_out=True)
    data = sets.load(directory)
    numbers = held_out.distinct_from_training(data)
    assert numbers.tolist() == [i for i in range(30) if i % 3]
    model = checkpoint.load(make_pair()[0])
    result = memorisation_report.report(model, data, n=10, spaces="pixels", control=control)
    assert result["held_out_equal"] == 10
    assert result["n_held_out"] == (10 if control else 20)
    assert result["spaces"]["pixels"]["distances"]["held-out"]["1%"] > 0
    assert "10 held-out images equal a training image" in result["caveats"][-1]
    assert "excluded: 10" in memorisation_table.table(result)
    if control:
        ids = {row["id"] for row in result["spaces"]["pixels"]["suspicious"]}
        assert ids <= set(numbers[1::2].tolist())


def test_copies_of_duplicated_images_are_suspects(make_pair, tmp_path, monkeypatch):
    images, directory = pictures(40), tmp_path / "many"
    images[1:12] = images[0]  # twelve times the same
    with sets.writing(directory, 32, 3, {"name": "many"}) as writer:
        for i, image in enumerate(images):
            writer.add(image, f"{i}.png")
    copy = images[0] ^ 1
    monkeypatch.setattr(
        memorisation_report, "generate", lambda *_: np.stack([*pictures(8, seed=9), copy])
    )
    result = report(make_pair()[0], directory, n=9)
    for space in result["spaces"].values():
        first = space["suspicious"][0]
        assert (first["id"], first["duplicated"]) == (8, True)
        assert first["ratio"] < 0.1


def test_examples_are_of_distinct_training_images(make_pair, monkeypatch):
    model, data = make_pair()
    training = sets.load(data).images
    copies = np.concatenate([training[[7] * 80], training[[3, 9]] ^ 1])
    monkeypatch.setattr(memorisation_report, "generate", lambda *_: copies)
    result = report(model, data, spaces="pixels")["spaces"]["pixels"]
    assert {row["neighbours"][0]["index"] for row in result["suspicious"]} == {7}
    assert sorted(row["neighbours"][0]["index"] for row in result["examples"]) == [3, 7, 9]


@pytest.mark.slow
def test_the_verb(make_pair, tmp_path, capsys):
    model, data = make_pair()
    out = tmp_path / "report.json"
    arguments = ["memorisation", model, "--data", data, "--n", 60, "--k", 2, "--json"]
    arguments += ["--spaces", "pixels,discriminator", "--out", out]
    assert cli.main([str(a) for a in arguments]) == 0
    printed = capsys.readouterr().out
    message = json.loads(printed.splitlines()[-1])
    assert message == json.loads(out.read_text())
    assert message["n"] == 60
    assert "AuthPct of held-out" in printed
    assert set(message["spaces"]) == {"pixels", "discriminator"}
    for space in message["spaces"].values():
        assert len(space["suspicious"]) == 60
        assert len(space["suspicious"][0]["neighbours"]) == 2
        low, high = space["intervals"]["c_t"]
        assert low - 0.1 < space["c_t"] < high + 0.1  # at its bound the bootstrap varies little
    share, low, high = message["spaces"]["discriminator"]["precision"]
    assert 0 <= low <= share <= high <= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"spaces": "pixels,dreams"}, "'dreams'; it may hold pixels"),
        ({"control": "guilty"}, "it may be held-out"),
        ({"k": 0}, "k is 0"),
        ({"n": 1}, "n is 1"),
    ],
)
def test_what_cannot_be_reported(make_pair, options, words):
    with pytest.raises(InputError, match=words):
        report(*make_pair(n=10, held_out=4), **options)


def test_a_space_that_is_not_available_is_reported(make_pair, make_checkpoint):
    _, data = make_pair()
    alone = make_checkpoint("alone", discriminator=False)
    result = report(alone, data, n=10)
    assert "ships without its discriminator" in result["missing"]["discriminator"]
    assert set(result["spaces"]) == {"pixels"}


def test_the_verb_asks_for_images_that_do_not_travel(make_checkpoint, capsys):
    assert cli.main(["memorisation", str(make_checkpoint())]) == 2
    assert "--data" in capsys.readouterr().err
