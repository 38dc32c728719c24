"""The page Latents without a browser. The live canvas is two text fields; see conftest.py."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

import gan_core
from explorer.components import strips
from explorer.services import renderer, server
from explorer.state import tray, url_parts, url_state
from fields import field
from gan_core import latent
from gan_core.util import atomic_files
from support import first_quick
from test_app import click, fine, items, link, one_sentence, state

LIST, PAD = "latents-canvas", "pad-canvas"
NAN = float("nan")


@pytest.fixture
def alpha(two_models):
    return gan_core.load(two_models / "alpha")


def data(app, key=LIST):
    """What the canvas was given."""
    return state(app, f"{key}-data")


def picture(app, key=LIST):
    """The picture that the canvas was given for the values as they stand."""
    encoded = base64.b64decode(data(app, key)["exact"]["src"].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(encoded)))


def drawn(model, z):
    return model.generate(np.float32(z)[None])[0]


def home(model, seed, psi=1.0, **moved):
    """The latent of a seed with some coordinates moved, as home(model, 5, z3=1.25)."""
    z = latent.truncate(model.prior.sample(1, seed=seed), psi)[0]
    for name, value in moved.items():
        z[int(name[1:])] = value
    return z


def holds(app, z, key=LIST):
    """The sliders stand at this latent; they hold float32 as exactly as JSON does."""
    return np.array_equal(np.float32(data(app, key)["values"]), np.float32(z))


def report(app, values, frozen=(), key=LIST, **changes):
    """Let a slider go, as the browser tells it. What follows draws the canvas's panel alone."""
    values = None if values is None else [v if isinstance(v, str) else float(v) for v in values]
    content = {"count": 1, "context": data(app, key)["context"], "frozen": list(frozen)}
    content |= {"values": values} | changes
    return app.text_input(key=f"{key}-values").set_value(json.dumps(content)).run()


def press(app, label):
    return app.button[[b.label for b in app.button].index(label)].click().run()


def captions(app):
    return " ".join(element.value for element in app.caption)


# Sliders.


def test_a_first_visit_shows_seed_0_under_a_slider_for_each_coordinate(alpha, open_app):
    app = fine(open_app("latents", model="alpha"))
    assert holds(app, home(alpha, 0))
    assert np.array_equal(picture(app), drawn(alpha, home(alpha, 0)))
    assert [a["label"] for a in data(app)["axes"]] == [f"z{i}" for i in range(8)]
    assert data(app)["layout"] == "list"
    assert data(app)["home"] == data(app)["values"]
    assert data(app)["freezable"]
    assert "moved" not in captions(app)
    assert set(link(app)) == {"model", "weights"}


def test_a_link_restores_the_latent(alpha, open_app):
    params = {"start": "5", "psi": "0.5", "coords": "3:1.25,6:-0.8", "frozen": "3"}
    app = fine(open_app("latents", model="alpha", **params))
    z = home(alpha, 5, 0.5, z3=1.25, z6=-0.8)
    assert holds(app, z)
    assert np.array_equal(picture(app), drawn(alpha, z))
    assert np.array_equal(np.float32(data(app)["home"]), home(alpha, 5, 0.5))
    assert data(app)["frozen"] == [3]
    assert "2 of 8 coordinates moved" in captions(app)
    assert params.items() <= link(app).items()
    again = open_app("latents", **link(app))
    assert link(fine(again)) == link(app)
    assert np.array_equal(picture(again), picture(app))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    # What url_state refuses is tried without a page in tests/explorer/state/test_url_state.py.
    [
        *first_quick(
            ("coords", text) for text in ("3:x", "3", "3:nan", "3:1e9", "-1:2", "1:2,", ":", "a:1")
        ),
        *first_quick(("frozen", text) for text in ("99999", "x", "-1", "1,,2", "1.5")),
        *first_quick(("corners", text) for text in ("1,2,3", "1,2,3,4,5", "x", "1,2,3,-4")),
        *first_quick((name, text) for name in "xy" for text in ("-0.1", "1.1", "nan", "half")),
        *first_quick(("start", text) for text in ("-1", "x", "4294967296")),
        ("way", "both"),
    ],
)
def test_a_link_with_a_slip_is_one_warning(alpha, open_app, name, text):
    app = open_app("latents", model="alpha", **{name: text})
    one_sentence(app, f"ignored: {name}.")
    assert holds(app, home(alpha, 0))


def test_a_report_writes_what_moved_into_the_link(alpha, open_app):
    app = open_app("latents", model="alpha", start="5")
    app = fine(report(app, home(alpha, 5, z1=2.5, z7=-0.375)))
    assert link(app)["coords"] == "1:2.5,7:-0.375"
    assert "frozen" not in link(app)
    assert holds(app, home(alpha, 5, z1=2.5, z7=-0.375))
    assert np.array_equal(picture(app), drawn(alpha, home(alpha, 5, z1=2.5, z7=-0.375)))
    assert "2 of 8 coordinates moved" in captions(app)
    app = fine(report(app, home(alpha, 5), count=2))  # and back to where they were
    assert "coords" not in link(app)
    assert data(app)["heard"] == 2


def test_a_report_can_freeze_what_did_not_move(alpha, open_app):
    app = open_app("latents", model="alpha", start="5")
    app = fine(report(app, home(alpha, 5), frozen=[6, 2]))
    assert link(app)["frozen"] == "2,6"
    assert data(app)["frozen"] == [2, 6]
    saved = url_parts.read_coordinates(link(app)["coords"])
    assert {i: np.float32(v) for i, v in saved.items()} == {i: home(alpha, 5)[i] for i in (2, 6)}
    app = fine(report(app, home(alpha, 5), count=2))
    assert not {"frozen", "coords"} & set(link(app))


def test_values_of_a_report_are_clipped(alpha, open_app):
    app = open_app("latents", model="alpha", start="5")
    app = fine(report(app, home(alpha, 5, z1=99, z2=-99)))
    assert link(app)["coords"] == "1:3,2:-3"
    assert holds(app, home(alpha, 5, z1=3, z2=-3))


@pytest.mark.slow
@pytest.mark.parametrize("context", ["0123456789abcdef", "", None])
def test_a_report_of_before_changes_nothing(alpha, open_app, context):
    app = open_app("latents", model="alpha", start="5", coords="1:2")
    before = link(app)
    app = fine(report(app, np.ones(8), frozen=[1], context=context))
    assert link(app) == before
    assert holds(app, home(alpha, 5, z1=2))


@pytest.mark.slow
@pytest.mark.parametrize("values", [[1] * 7, [1] * 9, [NAN] * 8, ["1"] * 8, [], None], ids=repr)
def test_a_report_that_does_not_fit_changes_nothing(alpha, open_app, values):
    app = open_app("latents", model="alpha", start="5", coords="1:2")
    before = link(app)
    app = fine(report(app, values, frozen=[1]))
    assert link(app) == before
    assert holds(app, home(alpha, 5, z1=2))


def test_a_report_for_another_model_is_not_heard(alpha, two_models, open_app):
    app = open_app("latents", model="alpha", start="5")
    late = data(app)["context"]
    app = fine(field(app, "set-model").set_value("beta").run())
    app = fine(report(app, np.ones(5), context=late))
    assert "coords" not in link(app)
    assert holds(app, home(gan_core.load(two_models / "beta"), 5))


def test_reset_leaves_what_is_frozen(alpha, open_app):
    app = open_app("latents", model="alpha", start="5", coords="1:2,3:1.5,4:-1", frozen="3")
    app = fine(press(app, "Reset"))
    assert holds(app, home(alpha, 5, z3=1.5))
    assert link(app)["coords"] == "3:1.5"
    assert link(app)["frozen"] == "3"


def test_randomise_leaves_what_is_frozen(alpha, open_app):
    app = open_app("latents", model="alpha", start="5", coords="1:2,3:1.5,4:-1", frozen="3,4")
    seen = {5}
    for _ in range(2):
        app = fine(press(app, "Randomise"))
        seed = int(link(app)["start"])
        assert holds(app, home(alpha, seed, z3=1.5, z4=-1))
        assert link(app)["coords"] == "3:1.5,4:-1"
        assert field(app, "set-start").value == seed
        seen.add(seed)
    assert len(seen) > 1


@pytest.mark.slow
def test_what_a_report_froze_stays_through_randomise(alpha, open_app):
    app = open_app("latents", model="alpha", start="5")
    app = report(app, home(alpha, 5), frozen=[2]).run()
    app = fine(press(app, "Randomise"))
    seed = int(link(app)["start"])
    assert seed != 5
    assert holds(app, home(alpha, seed, z2=home(alpha, 5)[2]))


def test_another_seed_leaves_what_was_moved_and_keeps_what_is_frozen(alpha, open_app):
    app = open_app("latents", model="alpha", start="5", coords="1:2,3:1.5", frozen="3")
    app = fine(field(app, "set-start").set_value(77).run())
    assert holds(app, home(alpha, 77, z3=1.5))
    assert {"start": "77", "coords": "3:1.5", "frozen": "3"}.items() <= link(app).items()


def test_truncation_moves_all_but_what_was_moved(alpha, open_app):
    app = open_app("latents", model="alpha", start="5", coords="3:1.5")
    app = fine(field(app, "set-psi").set_value(0.5).run())
    assert holds(app, home(alpha, 5, 0.5, z3=1.5))
    assert link(app)["psi"] == "0.5"


def test_coordinates_beyond_a_smaller_latent_are_ignored(alpha, two_models, open_app):
    params = {"coords": "1:2,4:-1,5:1,7:3", "frozen": "4,6"}
    app = fine(open_app("latents", model="beta", start="5", **params))
    beta = gan_core.load(two_models / "beta")
    assert holds(app, home(beta, 5, z1=2, z4=-1))
    assert data(app)["frozen"] == [4]
    assert len(data(app)["axes"]) == 5
    assert "2 of 5 coordinates moved" in captions(app)


def test_another_model_leaves_behind_what_was_moved(alpha, two_models, open_app):
    app = open_app("latents", model="alpha", start="5", coords="1:2,7:3", frozen="7")
    app = fine(field(app, "set-model").set_value("beta").run())
    assert holds(app, home(gan_core.load(two_models / "beta"), 5))
    assert data(app)["frozen"] == []
    assert not {"coords", "frozen"} & set(link(app))


@pytest.mark.parametrize(("prior", "reach"), [("normal", 3.0), ("uniform", 1.0)])
def test_sliders_reach_as_far_as_the_prior_and_to_what_lies_beyond(
    make_checkpoint, folders, open_app, prior, reach
):
    folder = make_checkpoint("any", prior=prior)
    folders(folder)
    app = fine(open_app("latents", start="3", coords="1:4.25,2:-5"))
    ends = [(a["min"], a["max"]) for a in data(app)["axes"]]
    assert ends[1] == (-reach, 5.0)
    assert ends[2] == (-5.0, reach)
    assert {ends[i] for i in (0, 3, 4, 5, 6, 7)} == {(-reach, reach)}
    assert holds(app, home(gan_core.load(folder), 3, z1=4.25, z2=-5))


def test_sliders_show_their_effect(alpha, open_app):
    app = fine(open_app("latents", model="alpha"))
    effects = renderer.effects(alpha)
    message = [axis["effect"] for axis in data(app)["axes"]]
    assert np.allclose(message, effects / effects.max(), atol=1e-3)
    assert max(message) == 1
    strongest = data(app)["axes"][int(np.argmax(effects))]["effectLabel"]
    assert strongest == f"A step of 1 changes the picture by {effects.max():.1f} of 256 levels"


# The tray.


def test_an_unmoved_picture_goes_to_the_tray_with_its_seed(alpha, open_app):
    app = open_app("latents", model="alpha", start="5", psi="0.7")
    app = fine(press(app, "Add to tray"))
    (item,) = items(app)
    assert (item.name, item.model, item.seed, item.psi) == ("Seed 5", "alpha", 5, 0.7)
    assert np.array_equal(item.z, home(alpha, 5, 0.7))
    assert link(app.run())["tray"] == "alpha:5@0.7"


def test_a_moved_picture_goes_to_the_tray_without_a_seed(alpha, open_app):
    app = open_app("latents", model="alpha", start="5", coords="3:1.5")
    app = fine(press(app, "Add to tray"))
    (item,) = items(app)
    assert (item.name, item.seed, item.model_hash) == ("Seed 5, moved", None, alpha.hash)
    assert np.array_equal(item.z, home(alpha, 5, z3=1.5))
    app = fine(press(app, "Add to tray"))
    assert len({i.id for i in items(app)}) == 2


def test_a_report_counts_for_the_tray(alpha, open_app):
    app = report(open_app("latents", model="alpha", start="5"), home(alpha, 5, z2=0.25))
    app = fine(press(app, "Add to tray"))
    assert items(app)[0].seed is None
    assert np.array_equal(items(app)[0].z, home(alpha, 5, z2=0.25))


@pytest.mark.slow
@pytest.mark.parametrize("way", url_state.WAYS)
def test_a_full_tray_says_so(alpha, open_app, way):
    full = ",".join(f"alpha:{i}" for i in range(100, 100 + tray.MAX_ITEMS))
    app = fine(open_app("latents", model="alpha", way=way, tray=full))
    one_sentence(press(app, "Add to tray"), str(tray.MAX_ITEMS))
    assert len(items(app)) == tray.MAX_ITEMS


def test_a_picture_of_a_seed_comes_from_the_tray_as_that_seed(alpha, open_app):
    params = {"start": "5", "coords": "3:1.5", "frozen": "3", "tray": "alpha:9@0.6"}
    app = open_app("latents", model="alpha", **params)
    app = fine(click(app, f"start-tiles-{items(app)[0].id}")).run()
    assert holds(app, home(alpha, 9, 0.6))
    assert {"start": "9", "psi": "0.6"}.items() <= link(app).items()
    assert not {"coords", "frozen"} & set(link(app))
    assert field(app, "set-psi").value == 0.6


@pytest.mark.slow
def test_a_picture_without_a_seed_comes_from_the_tray_exactly(alpha, open_app):
    app = open_app("latents", model="alpha", start="9", coords="3:1.5", psi="0.7")
    app = press(app, "Add to tray")
    z = items(app)[0].z
    app = report(app.run(), home(alpha, 9, 0.7, z1=0.5), frozen=[1]).run()
    app = fine(press(app, "Randomise"))
    assert not holds(app, z)
    app = fine(click(app, f"start-tiles-{items(app)[0].id}")).run()
    assert holds(app, z)
    assert np.array_equal(picture(app), drawn(alpha, z))
    assert len(url_parts.read_coordinates(link(app)["coords"])) == 8
    assert "frozen" not in link(app)
    again = fine(open_app("latents", **link(app)))
    assert holds(again, z)


@pytest.mark.slow
def test_only_pictures_of_the_model_can_be_taken_from_the_tray(two_models, open_app):
    app = fine(open_app("latents", model="beta", tray="alpha:1,beta:2,alpha:3"))
    assert [tile["label"] for tile in state(app, "start-tiles-data")["tiles"]] == ["Seed 2"]
    app = fine(open_app("latents", model="beta", tray="alpha:1"))
    assert "start-tiles-data" not in app.session_state


# The pad.

CORNERS = (3, 1, 4, 15)


def on_pad(model, x, y, mode="slerp", psis=(1.0,) * 4):
    corners = [home(model, seed, psi) for seed, psi in zip(CORNERS, psis, strict=True)]
    return latent.plane(np.stack(corners), [(x, y)], mode)[0]


@pytest.mark.parametrize("mode", latent.MODES)
def test_the_pad_lies_between_its_corners(alpha, open_app, mode):
    params = {"corners": "3,1,4,15", "x": "0.25", "y": "0.75", "mode": mode}
    app = fine(open_app("latents", model="alpha", way="pad", **params))
    assert data(app, PAD)["values"] == [0.25, 0.75]
    assert data(app, PAD)["layout"] == "pad"
    assert np.array_equal(picture(app, PAD), drawn(alpha, on_pad(alpha, 0.25, 0.75, mode)))
    assert "Across 0.25 · down 0.75" in captions(app)


def test_the_map_of_the_pad_is_its_coarse_grid(alpha, open_app):
    app = fine(open_app("latents", model="alpha", way="pad", corners="3,1,4,15"))
    question = {"context": data(app, PAD)["context"], "axis": "pad", "n": 5, "values": [0, 0]}
    assert data(app, PAD)["map"] == strips.answer(question)["sheet"]


def test_the_pad_of_a_link_comes_back(alpha, open_app):
    params = {"way": "pad", "corners": "3,1@0.5,4,15", "x": "0.3", "y": "0.1", "mode": "lerp"}
    app = fine(open_app("latents", model="alpha", psi="0.8", **params))
    assert params.items() <= link(app).items()
    assert field(app, "set-corners").value == "3, 1@0.5, 4, 15"
    again = fine(open_app("latents", **link(app)))
    assert link(again) == link(app)
    assert np.array_equal(picture(again, PAD), picture(app, PAD))


def test_a_report_moves_the_pad(alpha, open_app):
    app = open_app("latents", model="alpha", way="pad", corners="3,1,4,15")
    app = fine(report(app, [0.9, 0.123456], key=PAD))
    assert {"x": "0.9", "y": "0.12"}.items() <= link(app).items()
    assert np.array_equal(picture(app, PAD), drawn(alpha, on_pad(alpha, 0.9, 0.12)))
    app = fine(report(app, [-7, 7], key=PAD, count=2))
    assert {"x": "0", "y": "1"}.items() <= link(app).items()
    assert np.array_equal(picture(app, PAD), drawn(alpha, home(alpha, 4)))


def test_a_report_for_other_corners_is_not_heard(alpha, open_app):
    app = open_app("latents", model="alpha", way="pad", corners="3,1,4,15")
    late = data(app, PAD)["context"]
    app = field(app, "set-corners").set_value("3 1 4 16").run()
    assert data(app, PAD)["context"] != late
    app = fine(report(app, [0.9, 0.1], key=PAD, context=late))
    assert data(app, PAD)["values"] == [0.5, 0.5]


def test_corners_have_a_truncation_of_their_own(alpha, open_app):
    link_of = {"corners": "3@0.5,1,4@0,15@1.5", "psi": "0.8"}
    app = fine(open_app("latents", model="alpha", way="pad", x="0.25", y="0.5", **link_of))
    z = on_pad(alpha, 0.25, 0.5, psis=(0.5, 0.8, 0.0, 1.5))
    assert np.array_equal(picture(app, PAD), drawn(alpha, z))


@pytest.mark.slow
@pytest.mark.parametrize(
    "typed", ["", "3", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,3,-4", "1,2,3,4@9", "1,2,3,4294967296"]
)
def test_wrong_corners_are_one_sentence(alpha, open_app, typed):
    app = open_app("latents", model="alpha", way="pad")
    app = field(app, "set-corners").set_value(typed).run()
    one_sentence(app, "Type four seeds")
    assert not [b for b in app.button if b.label == "Add to tray"]
    app = fine(field(app, "set-corners").set_value("3; 1 4,15").run())
    assert np.array_equal(picture(app, PAD), drawn(alpha, on_pad(alpha, 0.5, 0.5)))


def test_a_picture_of_the_pad_goes_to_the_tray_and_under_the_sliders(alpha, open_app):
    app = open_app("latents", model="alpha", way="pad", corners="3,1,4,15", x="0.25", y="0.75")
    app = fine(press(app, "Add to tray"))
    (item,) = items(app)
    assert (item.name, item.seed) == ("Pad 0.25, 0.75", None)
    assert np.array_equal(item.z, on_pad(alpha, 0.25, 0.75))
    app = fine(field(app, "set-way").set_value("sliders").run())
    app = fine(click(app, f"start-tiles-{item.id}")).run()
    assert holds(app, item.z)


def test_both_kinds_of_path_are_one_on_the_pad(alpha, open_app):
    app = fine(open_app("latents", model="alpha", way="pad", corners="3,1,4,15", mode="both"))
    assert np.array_equal(picture(app, PAD), drawn(alpha, on_pad(alpha, 0.5, 0.5)))
    assert "mode" not in link(app)


def test_the_other_way_finds_the_pad_and_the_sliders_as_they_were(alpha, open_app):
    app = open_app("latents", model="alpha", start="5", coords="3:1.5", frozen="3")
    app = fine(field(app, "set-way").set_value("pad").run())
    app = fine(report(app, [0.2, 0.8], key=PAD)).run()
    app = fine(field(app, "set-way").set_value("sliders").run())
    assert holds(app, home(alpha, 5, z3=1.5))
    assert data(app)["frozen"] == [3]
    app = fine(field(app, "set-way").set_value("pad").run())
    assert data(app, PAD)["values"] == [0.2, 0.8]


# Strips through Streamlit, and past it.


def want(app, key=LIST, **question):
    """Ask for a strip as the browser does where the route is not there."""
    content = {"id": "1-1", "context": data(app, key)["context"], "n": 9}
    content |= {"values": data(app, key)["values"]} | question
    return app.text_input(key=f"{key}-want").set_value(json.dumps(content)).run()


def strip(app, key=LIST):
    return data(app, key)["strip"]


def test_a_strip_comes_with_the_canvas_where_the_route_is_not_there(alpha, open_app):
    app = open_app("latents", model="alpha", start="5")
    assert data(app)["strips"] is None  # nothing serves the route here
    assert strip(app) is None
    app = fine(want(app, axis=3))
    assert (strip(app)["id"], strip(app)["axis"], strip(app)["n"]) == ("1-1", 3, 9)
    expected = [home(alpha, 5, z3=value) for value in np.linspace(-3, 3, 9)]
    assert strip(app)["sheet"] == renderer.sheet(alpha.generate(np.stack(expected)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "question", [{"n": 10}, {"axis": 8}, {"values": [NAN] * 8}, {"context": 1}]
)
def test_a_hostile_question_has_no_strip(alpha, open_app, question):
    app = open_app("latents", model="alpha")
    app = fine(want(app, **{"axis": 3} | question))
    assert strip(app) is None
    assert holds(app, home(alpha, 0))


def test_two_sessions_have_contexts_of_their_own(alpha, open_app):
    one = open_app("latents", model="alpha", way="pad", corners="3,1,4,15")
    two = open_app("latents", model="alpha", way="pad", corners="3,1,4,16")
    three = open_app("latents", model="beta", way="pad", corners="3,1,4,15")
    contexts = [data(app, PAD)["context"] for app in (one, two, three)]
    assert len(set(contexts)) == 3
    maps = []
    for app, context in zip((one, two, three), contexts, strict=True):
        question = {"context": context, "axis": "pad", "n": 5, "values": [0.5, 0.5]}
        reply = json.loads(server.draw_strip(json.dumps(question)))
        assert reply["sheet"] == data(app, PAD)["map"]
        maps.append(reply["sheet"]["src"])
    assert len(set(maps)) == 3
    two = fine(report(two, [0.1, 0.1], key=PAD, context=contexts[0]))
    assert data(two, PAD)["values"] == [0.5, 0.5]
    one = fine(report(one, [0.1, 0.1], key=PAD))
    assert data(one, PAD)["values"] == [0.1, 0.1]


# A path is moved by the same canvas.


def test_a_report_moves_along_a_path(alpha, open_app):
    app = open_app("interpolate", model="alpha", keys="3,9")
    app = fine(report(app, [0.256], key="path-canvas"))
    assert link(app)["at"] == "0.26"
    z = latent.at(np.stack([home(alpha, 3), home(alpha, 9)]), 0.26)
    assert np.array_equal(picture(app, "path-canvas"), drawn(alpha, z))


def test_both_paths_are_panes_beside_one_another(alpha, open_app):
    app = fine(open_app("interpolate", model="alpha", keys="3,9", mode="both", at="0.5"))
    keys = np.stack([home(alpha, 3), home(alpha, 9)])
    expected = [drawn(alpha, latent.at(keys, 0.5, mode)) for mode in latent.MODES]
    assert np.array_equal(picture(app, "path-canvas"), np.concatenate(expected, axis=1))
    assert data(app, "path-canvas")["panes"] == ["Slerp", "Lerp"]
    assert (data(app, "path-canvas")["width"], data(app, "path-canvas")["height"]) == (64, 32)


def test_coordinates_that_stand_for_attributes_have_their_names(two_models, open_app):
    card = json.loads((two_models / "alpha" / "model.json").read_text("utf-8"))
    card["training"] = {"tied": ["smiling", "long_hair"]}
    atomic_files.write_json(two_models / "alpha" / "model.json", card)
    app = open_app("latents", model="alpha")
    labels = [axis["label"] for axis in data(app)["axes"]]
    assert labels == ["z0 smiling", "z1 long hair", *(f"z{i}" for i in range(2, 8))]
