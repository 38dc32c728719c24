"""Browse over all seeds of a model's table: ordered, searched, and realism after the pictures."""

import dataclasses
import json

import numpy as np
import pytest
import streamlit as st

import gan_core
from explorer.services import renderer, seed_tables
from explorer.state import url_state
from fields import field
from gan_core import feature_extractors
from gan_core.attributes import classifier
from gan_core.checkpoint import Model
from gan_core.latent import least_psi
from gan_core.metrics import realism, seed_table
from gan_core.util.errors import InputError
from toys import thumbnails


def state(app, name):
    return app.session_state[name]


def tiles(app):
    return state(app, "browse-tiles-data")["tiles"]


def seeds(app):
    return [int(tile["id"]) for tile in tiles(app)]


def link(app):
    return {name: "".join(value) for name, value in app.query_params.items()}


def button(app, label):
    return next(b for b in app.button if b.label == label)


def sentences(app):
    assert not app.exception
    return [element.value.replace("\\", "") for element in [*app.error, *app.warning]]


def best(table, rows=None):
    rows = np.arange(len(table)) if rows is None else np.asarray(rows)
    return list(rows[np.argsort(-table.realism[rows], kind="stable")])


@pytest.mark.slow
def test_a_first_visit_opens_on_realistic_seeds_that_differ(open_app, with_table):
    app = open_app(model="alpha", n="64")
    assert sentences(app) == []
    good = with_table.openings
    assert seeds(app)[:36] == good
    assert seeds(app)[36:] == [seed for seed in best(with_table) if seed not in good][:28]
    for tile in tiles(app):
        score = with_table.realism[int(tile["id"])]
        assert tile["caption"] == f"{tile['id']} · {score:.2f}"
        label = f"Sample of seed {tile['id']}, realism {score:.2f}"
        assert tile["label"] == label or tile["label"].startswith(f"{label}: ")
    assert {"by": "realism", "sort": "varied"}.items() <= link(app).items()
    assert any("1 to 64 of 200 seeds" in c.value for c in app.caption)


@pytest.mark.slow
def test_all_seeds_are_sorted_by_realism(open_app, with_table):
    app = field(open_app(model="alpha"), "set-sort").set_value("best").run()
    assert seeds(app) == best(with_table)[:36]
    app = button(app, "Next").click().run()
    assert seeds(app) == best(with_table)[36:72]
    app = field(app, "set-sort").set_value("worst").run()
    assert seeds(app) == best(with_table)[::-1][:36]  # from the first place again


@pytest.mark.slow
def test_the_link_of_a_ranking_opens_it_again(open_app, with_table):
    app = open_app(model="alpha", n="16", by="realism", sort="best")
    app = button(app, "Next").click().run()
    again = open_app(**link(app))
    assert seeds(again) == seeds(app) == best(with_table)[16:32]


@pytest.mark.slow
def test_a_search_looks_through_all_seeds_and_draws_only_what_it_shows(
    open_app, with_table, monkeypatch
):
    app = open_app(model="alpha", n="16", by="realism", sort="best")
    drawn = []
    generate = Model.generate
    monkeypatch.setattr(Model, "generate", lambda m, z: drawn.append(len(z)) or generate(m, z))
    monkeypatch.setattr(renderer, "labels", lambda *_: pytest.fail("labelled a picture"))
    app = field(app, "set-having").set_value(["Smiling"]).run()
    app = field(app, "set-lacking").set_value(["Male"]).run()
    smiling, male = with_table.column("Smiling"), with_table.column("Male")
    matching = np.flatnonzero((smiling >= 0.5) & (1 - male >= 0.5))
    assert 16 < len(matching) < 150
    assert seeds(app) == best(with_table, matching)[:16]
    assert sum(drawn) <= 48
    assert {"having": "Smiling", "lacking": "Male"}.items() <= link(app).items()
    again = open_app(**link(app))
    assert seeds(again) == seeds(app)
    assert field(again, "set-having").value == ["Smiling"]
    app = field(app, "set-sort").set_value("seed").run()
    assert seeds(app) == list(matching[:16])
    # What is searched for is only offered once.
    assert "Smiling" not in field(app, "set-lacking").options


def surest(table, wanted):
    seeds = table.search(wanted)
    sure = np.minimum(np.floor(10 * table.certainty(wanted)[seeds] + 1e-3), 8)
    opening = [table.openings.index(s) if s in table.openings else 99 for s in seeds.tolist()]
    return list(seeds[np.lexsort((-table.realism[seeds], opening, -sure))])


def test_the_ranking_of_a_search_begins_with_the_most_certain(with_table):
    wanted = {"Smiling": True, "Male": False}
    ranked = list(seed_tables.ranking(with_table, "realism", "sure", wanted))
    assert ranked == surest(with_table, wanted)
    sure = with_table.certainty(wanted)[ranked]
    clear = sure >= 0.7999
    assert (np.diff(clear.astype(int)) <= 0).all()
    rest = [s for s in np.array(ranked)[clear] if s not in with_table.openings]
    assert [s for s in ranked[: clear.sum() - len(rest)] if s not in with_table.openings] == []
    assert (np.diff(with_table.realism[rest]) <= 0).all()
    assert seed_tables.tenths(np.array([1, 0.9, 0.8, 0.79])).tolist() == [0.8, 0.8, 0.8, 0.7]
    assert ranked != list(seed_tables.ranking(with_table, "realism", "best", wanted))


@pytest.mark.slow
def test_a_search_shows_its_most_certain_results_first(open_app, with_table):
    app = open_app(model="alpha", n="16")
    assert "sure" not in field(app, "set-sort").options
    app = field(app, "set-having").set_value(["Smiling"]).run()
    assert seeds(app) == surest(with_table, {"Smiling": True})[:16]
    assert field(app, "set-sort").value == "sure"
    assert any("seeds, most certain first" in c.value for c in app.caption)
    assert link(app)["sort"] == "sure"
    assert seeds(open_app(**link(app))) == seeds(app)
    app = field(app, "set-lacking").set_value(["Male"]).run()
    assert seeds(app) == surest(with_table, {"Smiling": True, "Male": False})[:16]
    # Another order stays while the search changes.
    app = field(app, "set-sort").set_value("best").run()
    app = field(app, "set-lacking").set_value([]).run()
    assert seeds(app) == best(with_table, with_table.search({"Smiling": True}))[:16]
    app = field(app, "set-sort").set_value("sure").run()
    app = field(app, "set-having").set_value([]).run()
    assert field(app, "set-sort").value == "varied"
    assert seeds(app) == with_table.openings[:16]
    app = field(app, "set-sort").set_value("seed").run()
    app = field(app, "set-lacking").set_value(["Male"]).run()
    assert seeds(app) == surest(with_table, {"Male": False})[:16]


@pytest.mark.slow
def test_a_link_to_a_search_that_names_no_order_begins_with_the_most_certain(open_app, with_table):
    app = open_app(model="alpha", n="16", having="Smiling")
    assert seeds(app) == surest(with_table, {"Smiling": True})[:16]
    weights = link(app)["weights"]  # a link that the app wrote has the order of the seeds
    app = open_app(model="alpha", n="16", having="Smiling", weights=weights)
    assert seeds(app) == list(with_table.search({"Smiling": True})[:16])


@pytest.mark.slow
def test_what_cannot_be_searched_for_is_said_and_leaves_the_link(open_app, with_table):
    app = open_app(model="alpha", having="smiling,beard", lacking="Wearing_Hat")
    assert sentences(app) == [
        "alpha cannot be searched for beard, Wearing Hat, so only the rest is searched for."
    ]
    assert link(app)["having"] == "Smiling"  # which is how this model spells it
    assert "lacking" not in link(app)
    assert seeds(app) == surest(with_table, {"Smiling": True})[:36]
    app = field(app, "set-model").set_value("beta").run()  # which has no table
    assert sentences(app) == ["beta cannot be searched for Smiling, so the search was dropped."]
    assert not {"having", "sort"} & link(app).keys()
    app = field(app, "set-model").set_value("alpha").run()
    assert sentences(app) == []
    assert seeds(app) == with_table.openings[:36]


@pytest.mark.slow
def test_a_search_without_a_result_says_so(open_app, with_table):
    table = seed_table.SeedTable(
        **vars(with_table) | {"probabilities": with_table.probabilities * 0}
    )
    assert list(seed_tables.ranking(table, "realism", "best", {"Male": True})) == []
    app = open_app(model="alpha", having="Male,Smiling,Wavy_Hair", lacking="nothing")
    assert not app.exception


@pytest.mark.slow
def test_an_attribute_sorts_all_seeds(open_app, with_table):
    app = field(open_app(model="alpha", n="16"), "set-by").set_value("Wavy_Hair").run()
    hair = with_table.column("Wavy_Hair")
    assert seeds(app) == list(np.lexsort((-with_table.realism, -hair))[:16])
    assert tiles(app)[0]["caption"] == f"{seeds(app)[0]} · {hair[seeds(app)[0]]:.2f}"


@pytest.mark.slow
def test_a_seed_that_is_typed_ends_a_search(open_app, with_table):
    app = open_app(model="alpha", n="16", having="Smiling")
    app = field(app, "set-seed").set_value(150).run()
    assert seeds(app) == list(range(150, 166))
    assert "having" not in link(app)
    assert field(app, "set-sort").value == "seed"


@pytest.mark.slow
def test_links_from_before_show_what_they_showed(two_models, open_app, with_table):
    weights = gan_core.load(two_models / "alpha").hash[:6]
    model = gan_core.load(two_models / "alpha")
    scores = model.realness(model.generate(model.prior.sample(16, 5)))
    for params in ({"weights": weights, "seed": "5"}, {"seed": "5"}):
        app = open_app(model="alpha", n="16", **params)
        assert seeds(app) == list(range(5, 21))
        assert [t["caption"] for t in tiles(app)] == [
            f"{seed} · {score:.2f}" for seed, score in zip(range(5, 21), scores, strict=True)
        ]
    app = open_app(model="alpha", n="16", weights=weights, seed="5", sort="real")
    assert seeds(app) == list(5 + np.argsort(-scores, kind="stable"))
    app = open_app(model="alpha", n="16", weights=weights, seed="5", by="Male", sort="fake")
    male = with_table.column("Male")[5:21]
    assert seeds(app) == list(5 + np.argsort(male, kind="stable"))
    assert field(app, "set-sort").value == "fake"


@pytest.mark.slow
def test_the_discriminators_opinion_is_an_option(two_models, open_app, with_table):
    app = open_app(model="alpha", n="16")
    assert "" not in field(app, "set-by").options
    app = field(app, "set-opinion").set_value(True).run()
    model = gan_core.load(two_models / "alpha")
    scores = model.realness(model.generate(model.prior.sample(16)))
    assert seeds(app) == list(np.argsort(-scores, kind="stable"))
    (note,) = [c.value for c in app.caption if "Under each picture" in c.value]
    assert "not a measure of quality" in note
    app = field(app, "set-opinion").set_value(False).run()
    assert seeds(app) == best(with_table)[:16]
    assert field(app, "set-sort").value == "best"


@pytest.mark.slow
def test_realism_beyond_the_table_comes_after_the_pictures(
    two_models, open_app, with_table, monkeypatch
):
    before = []
    learn = seed_tables.learn_realism

    def watched(model, images):
        before.append([t["caption"] for t in st.session_state["browse-tiles-data"]["tiles"]])
        return learn(model, images)

    monkeypatch.setattr(seed_tables, "learn_realism", watched)
    app = open_app(model="alpha", n="16", seed="195", by="realism")
    assert sentences(app) == []
    known = with_table.realism[195:]
    first = [f"{seed} · {score:.2f}" for seed, score in zip(range(195, 200), known, strict=True)]
    assert before == [first + [str(seed) for seed in range(200, 211)]]
    captions = [t["caption"] for t in tiles(app)]
    assert captions[:5] == first
    model = gan_core.load(two_models / "alpha")
    images = model.generate(model.prior.sample(11, 200))
    scores = realism.load(two_models / "alpha").score(thumbnails(images))
    assert captions[5:] == [
        f"{seed} · {score:.2f}" for seed, score in zip(range(200, 211), scores, strict=True)
    ]


@pytest.mark.slow
def test_without_the_network_there_is_no_realism_and_no_complaint(
    open_app, with_table, monkeypatch
):
    def missing():
        raise InputError("EfficientNet-Lite0 is not installed.")

    monkeypatch.setattr(feature_extractors, "effnet", missing)
    renderer._network.clear()
    app = open_app(model="alpha", n="16", seed="300", by="realism")
    assert sentences(app) == []
    assert [t["caption"] for t in tiles(app)] == [str(seed) for seed in range(300, 316)]


@pytest.mark.slow
@pytest.mark.parametrize("file", [seed_table.FILE, realism.FILE])
def test_a_damaged_file_is_one_sentence_and_the_rest_works(two_models, open_app, with_table, file):
    path = two_models / "alpha" / file
    path.write_bytes(path.read_bytes()[:-5])
    app = open_app(model="alpha", n="16")
    (sentence,) = sentences(app)
    assert f"{file} is damaged" in sentence
    assert "python -m gan_core seeds" in sentence
    assert len(seeds(app)) == 16


@pytest.mark.slow
def test_a_table_of_other_weights_is_not_used(two_models, open_app, with_table, make_checkpoint):
    make_checkpoint("alpha", nz=8, seed=3)
    app = open_app(model="alpha", n="16")
    (sentence,) = sentences(app)
    assert "made for other weights than these, so it is not used" in sentence
    assert seeds(app) == list(range(16))


@pytest.mark.slow
def test_a_table_of_another_classifier_is_not_used(two_models, open_app, with_table):
    other = classifier.load(two_models / "alpha")
    classifier.save(two_models / "alpha", dataclasses.replace(other, scale=2 * other.scale))
    app = open_app(model="alpha", n="16")
    (sentence,) = sentences(app)
    assert "labelled by a classifier other" in sentence
    assert seeds(app) == list(range(16))


@pytest.mark.slow
def test_beside_a_search_stands_that_it_was_made_at_another_psi(open_app, with_table):
    app = open_app(model="alpha", n="16", by="realism", sort="best")
    assert "1 to 16 of 200 seeds" in "\n".join(caption.value for caption in app.caption)
    assert "these are at" not in "\n".join(caption.value for caption in app.caption)
    app = open_app(model="alpha", n="16", by="realism", sort="best", psi="0.9")
    assert "; these are at ψ = 0.9" in "\n".join(caption.value for caption in app.caption)


# What follows the model.


@pytest.mark.slow
def test_pages_open_on_good_seeds(open_app, with_table):
    good = with_table.openings
    assert len(good) == 36
    assert field(open_app("latents", model="alpha"), "set-start").value == good[0]
    assert field(open_app("neighbours", model="alpha"), "set-of").value == good[0]
    keys = field(open_app("interpolate", model="alpha"), "set-keys").value
    assert keys == ", ".join(map(str, good[:3]))
    pad = open_app("latents", model="alpha", way="pad")
    assert field(pad, "set-corners").value == ", ".join(map(str, good[:4]))


@pytest.mark.slow
def test_links_with_seeds_and_links_of_the_app_stay_as_they_were(two_models, open_app, with_table):
    weights = gan_core.load(two_models / "alpha").hash[:6]
    for params in ({"weights": weights}, {"start": "0"}, {"seed": "0"}, {"coords": "1:0.5"}):
        app = open_app("latents", model="alpha", **params)
        assert field(app, "set-start").value == 0, params
    app = open_app("interpolate", model="alpha", weights=weights)
    assert field(app, "set-keys").value == "0, 1, 2"
    app = open_app("interpolate", model="alpha", keys="7,8")
    assert field(app, "set-keys").value == "7, 8"


@pytest.mark.slow
def test_what_nobody_has_chosen_follows_the_model(open_app, with_table):
    app = open_app("latents", model="alpha")
    app = field(app, "set-model").set_value("beta").run()
    assert field(app, "set-start").value == 0
    app = field(app, "set-model").set_value("alpha").run()
    assert field(app, "set-start").value == with_table.openings[0]
    app = field(app, "set-start").set_value(77).run()
    app = field(app, "set-model").set_value("beta").run()
    assert field(app, "set-start").value == 77


@pytest.mark.slow
def test_browse_of_a_model_without_a_table_is_as_before(open_app, with_table):
    app = open_app(model="alpha", n="16")
    app = field(app, "set-model").set_value("beta").run()
    assert seeds(app) == list(range(16))
    assert any("D(x)" in c.value for c in app.caption)
    app = field(app, "set-model").set_value("alpha").run()
    assert seeds(app) == with_table.openings[:16]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "smooth"), [("photograph", True), ("drawing", False)])
def test_photographs_are_enlarged_smoothly_and_drawings_crisply(two_models, open_app, kind, smooth):
    path = two_models / "alpha" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pictures": kind}))
    app = open_app(model="alpha", n="16")
    assert state(app, "browse-tiles-data")["smooth"] is smooth
    app = field(app, "set-smooth").set_value(not smooth).run()
    assert state(app, "browse-tiles-data")["smooth"] is not smooth
    again = open_app(**link(app))
    assert state(again, "browse-tiles-data")["smooth"] is not smooth
    # A link that an earlier version wrote says nothing of it and means crisp.
    weights = gan_core.load(two_models / "alpha").hash[:6]
    old = open_app(model="alpha", weights=weights, seed="0", n="16")
    assert state(old, "browse-tiles-data")["smooth"] is False


@pytest.mark.slow
@pytest.mark.parametrize("page", ["browse", "latents", "interpolate"])
def test_psi_does_not_go_below_what_the_generator_was_trained_on(two_models, open_app, page):
    least = least_psi(gan_core.load(two_models / "alpha").prior)
    assert 0 < least < 0.5
    app = open_app(page, model="alpha")
    assert field(app, "set-psi").min == least
    assert any("mapping network" in c.value for c in app.caption)


def test_a_link_with_a_smaller_psi_draws_what_it_says(two_models, open_app):
    app = open_app(model="alpha", psi="0.05", n="16", seed="0")
    assert not app.exception
    assert field(app, "set-psi").min == 0.05
    assert link(app)["psi"] == "0.05"
    app = field(app, "set-psi").set_value(0.9).run()
    assert link(app)["psi"] == "0.9"


def test_every_setting_that_follows_is_a_setting():
    assert set(url_state.FOLLOWING) <= set(vars(url_state.View()))
