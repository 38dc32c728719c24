"""Arithmetic with concepts: exact where the generator is linear, and clear about bad input."""

import copy
import functools
import json
import shutil

import numpy as np
import pytest

from gan_core import checkpoint, latent
from gan_core.__main__ import main
from gan_core.attributes import label_cache
from gan_core.latent_space import arithmetic, arithmetic_report
from gan_core.util.errors import InputError
from support import AVATARS
from toys import Linear, Reader

RNG = np.random.RandomState(0)


def latents(m, nz=6, seed=0):
    return np.random.RandomState(seed).standard_normal((m, nz)).astype(np.float32)


def test_a_concept_is_the_mean_of_its_exemplars():
    z = latents(5)
    np.testing.assert_allclose(arithmetic.concept(z), z.mean(0), rtol=1e-6)
    np.testing.assert_array_equal(arithmetic.concept(z[:1]), z[0])


def test_the_order_of_exemplars_does_not_matter():
    z = latents(16)
    np.testing.assert_allclose(arithmetic.concept(z), arithmetic.concept(z[::-1]), atol=1e-7)


@pytest.mark.parametrize(
    ("exemplars", "models", "words"),
    [
        ([], None, "empty"),
        (latents(17), None, "17 exemplars"),
        (latents(2), ["a", "b"], "different models"),
        ([latents(1)[0], latents(1, nz=7)[0]], None, "different sizes"),
        ([np.float32([1, np.nan])], None, "not finite"),
        ([np.float32([1, np.inf])], None, "not finite"),
        ([latents(2)], None, "different sizes"),
    ],
)
def test_exemplars_that_make_no_concept_are_refused(exemplars, models, words):
    with pytest.raises(InputError, match=words):
        arithmetic.concept(exemplars, models)


def test_exemplars_of_one_model_are_taken():
    assert arithmetic.concept(latents(2), ["a", "a"]).shape == (6,)


def test_on_a_linear_generator_the_arithmetic_of_pictures_is_that_of_latents():
    model = Linear(nz=6, seed=1)
    a, b, c = (arithmetic.concept(latents(3, seed=s)) for s in (1, 2, 3))
    result = arithmetic.calculate([a, b, c])
    x, y, z = (model.values(v[None])[0] for v in (a, b, c))
    np.testing.assert_allclose(model.values(result[None])[0], x - y + z, atol=1e-5)


def test_order_sign_and_weight_zero():
    a, b, c = latents(3)
    usual = arithmetic.calculate([a, b, c], [1, -1, 1])
    np.testing.assert_allclose(arithmetic.calculate([c, a, b], [1, 1, -1]), usual, atol=1e-6)
    np.testing.assert_allclose(arithmetic.calculate([-a, -b, -c], [-1, 1, -1]), usual, atol=1e-6)
    np.testing.assert_allclose(arithmetic.calculate([a, b, c], [0, 0, 1]), c, atol=1e-6)
    np.testing.assert_allclose(arithmetic.calculate([a, a, c]), c, atol=1e-6)


def test_a_result_is_brought_to_the_shell():
    result = arithmetic.calculate(latents(3), norm=5.0)
    assert np.linalg.norm(result) == pytest.approx(5.0, rel=1e-6)


@pytest.mark.parametrize("kind", latent.PRIORS)
def test_the_shell_is_where_latents_lie(kind):
    prior = latent.Prior(kind, 400)
    lengths = np.linalg.norm(prior.sample(64), axis=1)
    assert arithmetic.shell(prior) == pytest.approx(lengths.mean(), rel=0.02)


@pytest.mark.parametrize(
    ("concepts", "weights", "words"),
    [
        ([], [], "0 concepts"),
        (latents(3), [1, -1], "3 concepts and 2 weights"),
        ([latents(1)[0], latents(1, nz=7)[0]], [1, 1], "different sizes"),
        (latents(2), [1, np.nan], "not finite"),
        ([np.full(6, np.inf), np.zeros(6)], [1, 1], "not finite"),
    ],
)
def test_sums_that_cannot_be_are_refused(concepts, weights, words):
    with pytest.raises(InputError, match=words):
        arithmetic.calculate(concepts, weights)


def test_the_control_is_as_far_in_another_direction_that_follows_from_the_seed():
    base, result = latents(2, nz=100)
    control = arithmetic.random_control(base, result, seed=3)
    moved, meant = control - base, result - base
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(meant), rel=1e-5)
    assert abs(moved @ meant) < 0.5 * np.linalg.norm(meant) ** 2
    np.testing.assert_array_equal(control, arithmetic.random_control(base, result, seed=3))
    assert not np.array_equal(control, arithmetic.random_control(base, result, seed=4))


def test_the_sheet_holds_the_result_in_its_middle_and_eight_others_near_it():
    result = latents(1)[0]
    sheet = arithmetic.sheet(result, seed=1)
    assert sheet.shape == (9, 6)
    assert sheet.dtype == np.float32
    np.testing.assert_array_equal(sheet[4], result)
    apart = np.abs(np.delete(sheet, 4, 0) - result)
    assert apart.max() <= arithmetic.SPREAD + 1e-6
    assert apart.max() > 0.5 * arithmetic.SPREAD
    assert len(np.unique(sheet, axis=0)) == 9
    np.testing.assert_array_equal(sheet, arithmetic.sheet(result, seed=1))


def test_more_than_three_concepts_with_weights_of_their_own():
    model = Linear(nz=6, seed=1)
    concepts, weights = (
        [arithmetic.concept(latents(2, seed=s)) for s in range(5)],
        [1, -0.5, 2, 0, -3],
    )
    result = arithmetic.calculate(concepts, weights)
    pictures = [w * model.values(v[None])[0] for w, v in zip(weights, concepts, strict=True)]
    np.testing.assert_allclose(model.values(result[None])[0], sum(pictures), atol=1e-5)
    left = [i for i, weight in enumerate(weights) if weight]
    without = arithmetic.calculate([concepts[i] for i in left], [weights[i] for i in left])
    np.testing.assert_allclose(result, without, atol=1e-6)


def test_what_a_sum_is_meant_to_change_and_to_keep():
    #        smiling glasses beard hat
    a, b, c = [0.9, 0.9, 0.1, 0.2], [0.1, 0.8, 0.2, 0.9], [0.1, 0.7, 0.9, 0.6]
    assert arithmetic.intended_changes([a, b, c], [1, -1, 1]) == ([0, 3], [2, 1])
    # Neither the sign of the step nor the weight of the start matters.
    assert arithmetic.intended_changes([a, b, c], [-1, 1, 0.5]) == ([0, 3], [2, 1])
    # What C and the others differ in comes first, also where C lacks it.
    assert arithmetic.intended_changes([a, b, c], [0.5, -0.5, 1]) == ([], [2, 0, 1, 3])
    d = [0.9, 0, 0, 0]
    assert arithmetic.intended_changes([a, b, c, d], [1, -1, 1, -1])[0] == [3]


def test_search_finds_what_is_wanted_the_surest_first():
    model, reader = Linear(nz=6), Reader(["bright", "warm"])
    seeds, sure = arithmetic.search(model, reader, {"bright": True, "warm": False}, n=300, seed=40)
    assert len(seeds) > 10
    assert (np.diff(sure) <= 0).all()
    assert seeds.min() >= 40
    assert seeds.max() < 340
    for seed, confidence in zip(seeds[:5], sure, strict=False):
        bright, warm = reader.predict(model.generate(model.prior.sample(1, int(seed))))[0]
        assert min(bright, 1 - warm) == pytest.approx(confidence, abs=1e-6)
    # None is missed: every other seed of the range is less sure than `least`.
    p = reader.predict(model.generate(model.prior.sample(300, 40)))
    assert (np.minimum(p[:, 0], 1 - p[:, 1]) >= 0.5).sum() == len(seeds)


def test_search_for_nothing_or_for_what_is_not_known_is_refused():
    model, reader = Linear(nz=6), Reader(["bright", "warm"], unsure=["warm"])
    with pytest.raises(InputError, match="No attribute was given"):
        arithmetic.search(model, reader, {}, n=8)
    with pytest.raises(InputError, match="no attribute 'tall'; choose one of bright"):
        arithmetic.search(model, reader, {"tall": True}, n=8)
    with pytest.raises(InputError, match="warm is not recognised well enough"):
        arithmetic.search(model, reader, {"warm": True}, n=8)


@pytest.mark.slow
def test_exemplars_of_a_preset_show_what_they_should_and_b_is_matched_to_a():
    model, reader = Linear(nz=6), Reader(["bright", "warm"])
    wanted = [
        {"bright": True, "warm": False},
        {"bright": False, "warm": False},
        {"bright": False, "warm": True},
    ]
    matches = arithmetic.find_exemplars(model, reader, "bright", wanted, n=2000, most=5)
    p = reader.predict(model.generate(model.prior.sample(2000, 0)))
    for seeds, part in zip(matches, wanted, strict=True):
        assert len(set(seeds.tolist())) == 5
        for name, has in part.items():
            column = p[seeds, reader.column(name)]
            assert ((column if has else 1 - column) >= arithmetic.LEAST).all()
    a, b, _ = matches
    assert a[0] == np.minimum(p[:, 0], 1 - p[:, 1]).argmax()
    # Matched in warmth: far more alike than the samples that show "not bright" least surely.
    candidates = arithmetic.most_confident(reader, p, wanted[1])
    warmth = arithmetic.log_odds(p[:, 1])
    apart = [np.abs(warmth[rows] - warmth[a]).mean() for rows in (b, candidates[-5:])]
    assert apart[0] < 0.5 * apart[1]
    # Preferred: the latest seeds among those that are sure enough.
    a, b, c = arithmetic.find_exemplars(
        model, reader, "bright", wanted, n=2000, most=5, prefer=np.arange(2000)
    )
    able = [np.sort(arithmetic.most_confident(reader, p, part))[::-1] for part in wanted]
    assert a.tolist() == able[0][:5].tolist()
    assert c.tolist() == able[2][:5].tolist()
    assert np.isin(b, able[1][: len(able[1]) // 2]).all()


def test_labels_of_seeds_do_not_depend_on_the_request_and_are_cached():
    model, reader = Linear(nz=6), Reader(["bright", "warm"])
    whole = label_cache.probabilities(model, reader, 600, seed=0)
    np.testing.assert_array_equal(
        whole[510:515], label_cache.probabilities(model, reader, 5, seed=510)
    )
    drawn = model.drawn
    label_cache.probabilities(model, reader, 600, seed=0)
    assert model.drawn == drawn
    assert label_cache.probabilities(model, reader, 0).shape == (0, 2)
    assert len(label_cache.probabilities(model, reader, 1, seed=latent.MAX_SEED)) == 1
    with pytest.raises(InputError, match="do not fit"):
        label_cache.probabilities(model, reader, 2, seed=latent.MAX_SEED)


def test_another_classifier_is_not_answered_from_the_cache():
    model = Linear(nz=6)
    first = label_cache.probabilities(model, Reader(["bright", "warm"]), 8)
    other = Reader(["bright", "warm"], digest="other", gain=-1)
    np.testing.assert_allclose(label_cache.probabilities(model, other, 8), 1 - first, atol=1e-6)


def test_matched_exemplars_agree_in_what_is_not_to_differ():
    p = np.random.RandomState(0).uniform(0.01, 0.99, (200, 3)).astype(np.float32)
    chosen, candidates = np.arange(10), np.arange(50, 200)
    matches = arithmetic.match_exemplars(p, chosen, candidates, [1, 2])
    assert len(set(matches)) == 10
    assert set(matches) <= set(candidates)

    def apart(rows):
        return np.abs(arithmetic.log_odds(p[rows]) - arithmetic.log_odds(p[chosen]))[:, 1:].mean()

    assert apart(matches) < 0.5 * apart(candidates[:10])


def measured(model, names):
    """One triple on a toy, as evaluate_arithmetic.measure tells it, by its conditions."""
    reader = Reader(names)
    p = label_cache.probabilities(model, reader, 2000)
    wanted = [
        {"bright": True, "warm": False},
        {"bright": False, "warm": False},
        {"bright": False, "warm": True},
    ]
    choices = [arithmetic.most_confident(reader, p, part) for part in wanted]
    triple = {"name": "toy", "target": "bright", "wanted": wanted}
    normals = arithmetic_report.find_normals(model.prior.sample(2000, 0), p, reader, names)
    assert set(normals) == set(names)
    rows = arithmetic_report.measure(
        model, reader, None, p, choices, triple, names, normals, 40, 0, False
    )
    usual = [row for row in rows if row["strength"] == 1]
    assert len(usual) == 36
    matches = {(r["exemplars"], r["pick"], r["shell"], r["control"]): r for r in usual}
    more = [row for row in rows if row["strength"] != 1]
    return matches, {(r["strength"], r["pick"], r["shell"], r["control"]): r for r in more}


@pytest.mark.slow
def test_on_a_linear_generator_arithmetic_works_and_the_control_does_not():
    rows, stronger = measured(Linear(nz=6), ["bright", "warm"])
    works = rows[10, "matched", False, False]
    control = rows[10, "matched", False, True]
    assert works["target"][0] == 1
    assert works["kept"][0] == 1
    assert works["kept_each"] == {"warm": 1.0}
    assert control["target"][0] < 0.5
    assert rows[1, "random", False, False]["target"][0] <= works["target"][0]
    # Single exemplars differ in warmth too; at right angles to it, they do not.
    single, apart = rows[1, "random", False, False], rows[1, "conditional", False, False]
    assert single["kept"][0] < 1
    assert apart["kept"][0] == 1
    assert apart["target"][0] > rows[1, "conditional", False, True]["target"][0] + 0.3
    # As summed, one half more of A − B takes the result half as far again from C.
    assert len(stronger) == 16
    once, more = rows[10, "matched", False, False], stronger[1.5, "matched", False, False]
    assert more["target"][0] == 1
    assert more["distance"] == pytest.approx(1.5 * once["distance"], rel=0.05)
    control = stronger[1.5, "matched", False, True]
    assert control["distance"] > 1.3 * rows[10, "matched", False, True]["distance"]


def test_what_is_conditioned_has_nothing_of_the_locked_and_all_of_the_rest():
    step, locked = latents(1)[0], latents(2, seed=3)
    left = arithmetic.conditional_step(step, locked)
    np.testing.assert_allclose(locked @ left, 0, atol=1e-5)
    taken = step - left  # lies in the plane of the locked ones
    assert np.linalg.matrix_rank(np.vstack([locked, taken]), tol=1e-4) == 2
    np.testing.assert_allclose(arithmetic.conditional_step(step, np.empty((0, 6))), step, atol=1e-6)
    with pytest.raises(InputError, match="leave nothing"):
        arithmetic.conditional_step(locked[0], locked)


def card_with(*conditions):
    """A card that tells of the triple "x", a row for each condition."""
    columns = ("pick", "strength", "shell", "target", "kept")
    rows = [dict(zip(columns, row, strict=True)) for row in conditions]
    rows = [
        row
        | {"exemplars": 10, "control": False, "meant": [1, 1, 1]}
        | {"target": [row["target"], 0, 1], "kept": [row["kept"], 0, 1]}
        for row in rows
    ]
    result = {"triples": [{"name": "x", "conditions": rows}]}
    result |= {"model": "0123456789ab", "draws": 500, "left_out": {}}
    files = {"generator.safetensors": "0123456789abcdef"}
    return {"name": "m", "files": files, "metrics": {"arithmetic": result}}


def test_the_best_way_has_the_larger_of_the_smaller_shares():
    ways = [
        ("matched", 1.0, True, 1.0, 0.7),
        ("conditional", 1.0, True, 0.6, 0.99),
        ("conditional", 1.25, False, 0.95, 0.92),
        ("conditional", 1.5, False, 0.99, 0.91),
        ("random", 1.0, True, 1.0, 1.0),  # which the presets do not draw
    ]
    card = card_with(*ways)
    alone = {"unsure": None, "draws": None}
    matches = {"apart": True, "strength": 1.25, "shell": False, "target": 0.95, "kept": 0.92}
    matches |= alone
    assert arithmetic_report.best(card, "x") == matches
    assert arithmetic_report.best(card, "y") is None
    rows = card["metrics"]["arithmetic"]["triples"][0]["conditions"]
    rows[2]["control"], rows[3]["exemplars"] = True, 3
    matches = {"apart": False, "strength": 1.0, "shell": True, "target": 1.0, "kept": 0.7} | alone
    assert arithmetic_report.best(card, "x") == matches
    del rows[2:], rows[0]
    assert arithmetic_report.best(card, "x")["apart"]


def test_of_ways_that_are_nearly_as_good_the_best_has_the_smallest_strength():
    card = card_with(("matched", 1.0, True, 0.88, 0.98), ("matched", 1.5, True, 0.9, 0.92))
    assert arithmetic_report.best(card, "x")["strength"] == 1.0
    card = card_with(("matched", 1.0, True, 0.8, 0.98), ("matched", 1.5, True, 0.9, 0.92))
    assert arithmetic_report.best(card, "x")["strength"] == 1.5


def test_a_triples_result_is_shown_for_its_own_weights():
    card = card_with(("matched", 1.0, True, 1.0, 0.7), ("conditional", 1.25, False, 0.9, 0.95))
    message = arithmetic_report.summary(card, "x")
    assert "500 draws of 10 exemplars, at the best strength, 1.25: 90% of" in message
    assert "as summed" in message
    assert "95% of C's other" in message
    assert arithmetic_report.summary(card, "y") == ""
    section = arithmetic_report.card_section(card)
    assert "x:" in section
    assert "| the rest left alone | 1.25 | as summed | 90.0% (0.0%" in section
    assert "| B matched to A except for the target | 1 | on the shell | 100.0% (0.0%" in section
    card["files"]["generator.safetensors"] = "f" * 16
    assert arithmetic_report.best(card, "x") is None
    assert arithmetic_report.summary(card, "x") == arithmetic_report.card_section(card) == ""


def test_a_sum_counts_by_what_both_readers_see():
    card = card_with(("matched", 1.0, True, 1.0, 0.7), ("conditional", 1.25, False, 0.9, 0.95))
    rows = card["metrics"]["arithmetic"]["triples"][0]["conditions"]
    rows[0]["agreed"] = {"target": [0.4, 0.3, 0.5], "kept": [0.8, 0.7, 0.9], "unsure": 0.55}
    rows[1]["agreed"] = {"target": [0.3, 0.2, 0.4], "kept": [0.9, 0.8, 1.0], "unsure": 0.65}
    for row in rows:
        row["agreed"] |= {"kept_unsure": 0.1, "draws": 200}
    assert arithmetic_report.best(card, "x")["target"] == 0.4
    message = arithmetic_report.summary(card, "x")
    assert message.startswith("This rarely works here. Measured on this model over 200 draws")
    assert "40% of the results" in message
    assert "(in another 55% the two readers disagree)" in message
    section = arithmetic_report.card_section(card)
    assert "| both see it | unsure |" in section
    assert "the first 200 draws were read" in section
    fewer = copy.deepcopy(card)
    fewer["metrics"]["arithmetic"]["draws"] = 60
    assert "last two columns, all draws were read" in arithmetic_report.card_section(fewer)
    assert "| 30.0% (20.0%–40.0%) | 65.0% |" in section
    rows[0]["agreed"]["target"][0] = 0.6
    assert arithmetic_report.summary(card, "x").startswith("Measured on this model")


def test_shares_count_what_both_readers_are_sure_of():
    before = np.float32([[0.1, 0.9, 0.9], [0.1, 0.9, 0.5], [0.1, 0.1, 0.1], [0.1, 0.9, 0.1]])
    after = np.float32([[0.9, 0.9, 0.9], [0.5, 0.1, 0.9], [0.9, 0.5, 0.1], [0.1, 0.9, 0.1]])
    shares = arithmetic_report.agreed_shares(before, after, 0, [1, 2], seed=0)
    assert (shares["target"][0], shares["unsure"]) == (0.5, 0.25)
    # Sure of two, one, one and two of the other attributes; the one of the second draw was lost.
    assert shares["kept"][0] == 0.75
    assert (shares["kept_unsure"], shares["draws"]) == (0.25, 4)


def test_a_triple_measured_under_its_earlier_name_is_recognised():
    card = card_with(("matched", 1.0, True, 1.0, 0.7))
    old, new = next(iter(arithmetic_report.RENAMED.items()))
    card["metrics"]["arithmetic"]["triples"][0]["name"] = old
    assert new in [name for name, *_ in arithmetic_report.TRIPLES]
    assert arithmetic_report.best(card, new)["strength"] == 1.0
    assert f"{new}:" in arithmetic_report.card_section(card)
    assert old not in arithmetic_report.card_section(card)


def test_the_command_of_the_card_has_the_number_of_draws_if_it_is_not_the_usual_one():
    card = card_with(("matched", 1.0, True, 1.0, 0.7))
    assert "--arithmetic`: 500 draws" in arithmetic_report.card_section(card)
    card["metrics"]["arithmetic"]["draws"] = 60
    assert "--arithmetic --n 60`: 60 draws" in arithmetic_report.card_section(card)


HOSTILE = {
    "no list": lambda result: result | {"triples": 3},
    "a number in it": lambda result: result | {"triples": [7]},
    "no conditions": lambda result: result | {"triples": [{"name": "x"}]},
    "an old one": lambda result: without_strength(result),
    "draws in words": lambda result: result | {"draws": "many"},
}


def without_strength(result):
    rows = result["triples"][0]["conditions"]
    rows = [{key: row[key] for key in row if key != "strength"} for row in rows]
    return result | {"triples": [{"name": "x", "conditions": rows}]}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_card_with_a_wrong_entry_is_no_trouble(name):
    card = card_with(("matched", 1.0, True, 1.0, 0.7))
    card["metrics"]["arithmetic"] = HOSTILE[name](card["metrics"]["arithmetic"])
    assert arithmetic_report.summary(card, "x") == arithmetic_report.card_section(card) == ""


@pytest.mark.parametrize("metrics", [None, [], {"arithmetic": 3}, {"arithmetic": {"triples": [7]}}])
def test_a_card_without_the_entry_is_no_trouble(metrics):
    card = {"metrics": metrics, "files": {"generator.safetensors": "0" * 16}}
    assert arithmetic_report.best(card, "x") is None
    assert arithmetic_report.summary(card, "x") == ""


@pytest.mark.slow
def test_a_whole_measurement_of_the_shipped_avatars(tmp_path, capsys, monkeypatch):
    model = tmp_path / "avatars"
    shutil.copytree(AVATARS, model, ignore=shutil.ignore_patterns("training_set"))
    fewer = functools.partial(arithmetic_report.evaluate, pool=1024)
    monkeypatch.setattr(arithmetic_report, "evaluate", fewer)
    assert main(["evaluate", str(model), "--arithmetic", "--n", "12", "--json"]) == 0
    out = capsys.readouterr().out
    message = json.loads(out[out.index("\n{") :])["arithmetic"]
    assert [triple["target"] for triple in message["triples"]] == ["glasses", "smiling"]
    assert message["draws"] == 12
    for triple in message["triples"]:
        assert min(triple["choices"]) >= arithmetic_report.FEWEST
        rows = {
            row["control"]: row
            for row in triple["conditions"]
            if (row["exemplars"], row["pick"], row["shell"]) == (10, "conditional", False)
            and row["strength"] == 1.25
        }
        assert rows[False]["target"][0] >= rows[True]["target"][0] + 0.5
        assert rows[False]["kept"][0] > 0.8
        assert set(rows[False]["kept_each"]) == set(message["kept"]) - {triple["target"]}
        assert f"| 10 | conditional | 1.25 | as is | A − B + C | {told_as(rows[False])}" in out
    card = checkpoint.read_card(model)
    assert card["metrics"]["arithmetic"] == message
    assert arithmetic_report.card_section(card) in (model / "README.md").read_text()
    title = message["triples"][0]["name"]
    assert f"{arithmetic_report.best(card, title)['target']:.0%} of" in (
        arithmetic_report.summary(card, title)
    )


def told_as(row):
    return " | ".join(arithmetic_report.words(row[key]) for key in ("target", "kept", "meant"))


@pytest.mark.slow
def test_a_measurement_that_is_impossible_gets_a_sentence(tmp_path, capsys, make_checkpoint):
    model = str(make_checkpoint())
    assert main(["evaluate", model, "--arithmetic"]) == 2
    assert "attributes.safetensors is missing; python -m gan_core" in capsys.readouterr().err
    shipped = tmp_path / "avatars"
    shutil.copytree(AVATARS, shipped, ignore=shutil.ignore_patterns("training_set"))
    before = (shipped / "model.json").read_bytes()
    with pytest.raises(InputError, match=r"No triple of concepts .*; bearded .*too few have"):
        arithmetic_report.evaluate(shipped, pool=32, draws=1)
    assert main(["evaluate", str(shipped), "--arithmetic", "--n", "-1"]) == 2
    assert "draws must be 1 or more" in capsys.readouterr().err
    assert (shipped / "model.json").read_bytes() == before


def test_what_a_sum_should_change_and_what_it_should_preserve():
    """Columns: smiling, male, hat. A smiling woman − a neutral woman + a neutral man with a hat."""
    shown = [[0.9, 0.1, 0.0], [0.1, 0.1, 0.0], [0.1, 0.9, 0.95]]
    assert arithmetic.goals(shown, [1, -1, 1]) == ({0: True}, {2: True, 1: True})
    assert arithmetic.goals([shown[1], shown[0], [0.9, 0.9, 0.1]], [1, -1, 1]) == (
        {0: False},
        {1: True},
    )
    assert arithmetic.goals([shown[0], shown[0], shown[2]], [1, -1, 1]) == ({}, {})
    assert arithmetic.goals(shown, [1, -1, 1], most=2) == ({0: True}, {2: True})
    # What C was chosen for stays, and nothing else is listed.
    assert arithmetic.goals(shown, [1, -1, 1], [0, 1]) == ({0: True}, {1: True})


def test_a_sum_should_not_show_what_only_the_other_concepts_have():
    """Columns: glasses, male, hat, young. A man with glasses − a man + a woman with a hat."""
    shown = [[0.9, 0.9, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.0, 0.1, 0.8, 0.9]]
    changed, stay = arithmetic.goals(shown, [1, -1, 1])
    assert changed == {0: True}
    assert stay == {1: False, 2: True, 3: True}
    assert arithmetic.goals(shown, [1, -1, 1], [0, 1]) == ({0: True}, {1: False})
    # An attribute that the concepts were not chosen for gives way to those that they were.
    smiling = [[*row, p] for row, p in zip(shown, (0.9, 0.0, 0.1), strict=True)]
    assert arithmetic.goals(smiling, [1, -1, 1], [0, 1], most=2) == ({0: True}, {1: False})
    assert list(arithmetic.goals(smiling, [1, -1, 1], [0, 1])[0]) == [0, 4]


def test_a_verdict_needs_the_probability_that_exemplars_need():
    said = [arithmetic.verdict(p, True) for p in (0.1, 0.2, 0.5, 0.79, 0.8, 1)]
    assert said == ["no", "no", "unsure", "unsure", "yes", "yes"]
    assert [arithmetic.verdict(p, False) for p in (0.1, 0.5, 0.9)] == ["yes", "unsure", "no"]
