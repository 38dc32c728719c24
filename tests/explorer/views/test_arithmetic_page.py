"""The page Arithmetic, without a browser: baskets, the sum and its controls, undo and links."""

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import everything
import gan_core
from explorer.services import attribute_labels, direction_store
from explorer.state import arithmetic_file, exemplars, url_parts, url_state
from explorer.widgets import basket_names, basket_panel, preset_exemplars
from fields import field, sentences, state
from gan_core.attributes import classifier, label_cache
from gan_core.latent_space import arithmetic, arithmetic_report, directions
from toys import Reader


def ids(app, basket):
    """The exemplars of a basket; before them stand its mean, and its mean on the shell."""
    return [tile["id"] for tile in state(app, f"basket-{basket}-data")["tiles"][2:]]


def click(app, key):
    """Click a tile or button; then a run of the whole page, as AppTest shows what ran alone."""
    return app.button(key=key).click().run().run()


@pytest.fixture(autouse=True)
def fewer_samples(monkeypatch):
    """Searches cover fewer samples, of which enough show every wish of these tests."""
    monkeypatch.setattr(basket_panel, "POOL", 256)


@pytest.fixture
def opened(two_models, open_app):
    model = gan_core.load(two_models / "alpha")

    def open_page(**params):
        return model, open_app("arithmetic", model="alpha", **params)

    return open_page


def mean(model, *seeds):
    return np.concatenate([model.prior.sample(1, seed=s) for s in seeds]).mean(0)


def shown(app):
    """The exact picture of the canvas: the sum, and beside it the sum on the shell."""
    src = state(app, "sum-canvas-data")["exact"]["src"]
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(src.split(",")[1]))).convert("RGB"))
    return np.split(image, 2, axis=1)


def test_the_sum_is_that_of_the_means(opened):
    model, app = opened(a="3,4", b="5", c="6,7", strength="0.5")
    assert sentences(app) == []
    z = mean(model, 6, 7) + 0.5 * (mean(model, 3, 4) - mean(model, 5))
    plain, on_shell = shown(app)
    assert np.abs(plain.astype(int) - model.generate(z[None])[0]).max() <= 1
    z *= np.sqrt(8) / np.linalg.norm(z)
    assert np.abs(on_shell.astype(int) - model.generate(z[None])[0]).max() <= 1


@pytest.mark.slow
def test_empty_baskets_say_what_to_do(opened):
    (sentence,) = sentences(opened()[1])
    assert "each basket" in sentence
    (sentence,) = sentences(opened(a="1", b="2")[1])
    assert "each basket" in sentence


@pytest.mark.slow
def test_clicks_fill_the_chosen_basket_and_take_out_again(opened):
    _, app = opened()
    app = click(app, "fill-tiles-3")
    app = click(app, "fill-tiles-4")
    assert ids(app, "a") == ["3", "4"]
    app = app.segmented_control(key="fill-into").set_value("b").run()
    app = click(app, "fill-tiles-5")
    assert (ids(app, "a"), ids(app, "b")) == (["3", "4"], ["5"])
    app = click(app, "basket-a-3")
    assert ids(app, "a") == ["4"]
    assert {k: state(app, "link").get(k) for k in "abc"} == {"a": "4", "b": "5", "c": None}


@pytest.mark.slow
def test_every_change_is_undone_and_done_again(opened):
    _, app = opened(a="1", b="2", c="3")
    app = field(app, "basket-text-a").set_value("8, 9").run()
    app = next(b for b in app.button if b.label == "Swap A and B").click().run()
    assert (ids(app, "a"), ids(app, "b")) == (["2"], ["8", "9"])
    app = next(b for b in app.button if b.label == "Undo").click().run()
    assert (ids(app, "a"), ids(app, "b")) == (["8", "9"], ["2"])
    app = next(b for b in app.button if b.label == "Undo").click().run()
    assert ids(app, "a") == ["1"]
    app = next(b for b in app.button if b.label == "Redo").click().run()
    app = next(b for b in app.button if b.label == "Redo").click().run()
    assert (ids(app, "a"), ids(app, "b")) == (["2"], ["8", "9"])
    assert next(b for b in app.button if b.label == "Redo").disabled


def test_what_a_browser_sends_before_it_heard_of_a_change_is_not_typed(opened):
    _, app = opened(a="1", b="2")
    before = app._tree  # what a browser shows until it hears of the change
    app = click(app, "fill-tiles-5")
    assert ids(app, "a") == ["1", "5"]
    app._tree = before
    app.button(key="fill-tiles-5")._value = False  # the click itself is not sent again
    # With every click come the values of all fields, as the browser knows them.
    app.text_input(key="basket-text-a").set_value("1")
    app = click(app, "fill-tiles-6")
    assert ids(app, "a") == ["1", "5", "6"]
    assert field(app, "basket-text-a").value == "1, 5, 6"
    assert len(state(app, "view").undo) == 2


def test_a_value_typed_back_at_once_counts(opened):
    _, app = opened(a="1", b="2")
    app = click(app, "fill-tiles-5")
    app = field(app, "basket-text-a").set_value("1").run()
    assert ids(app, "a") == ["1"]
    app = field(app, "basket-text-a").set_value("1 5").run()  # which is written in another form
    assert ids(app, "a") == ["1", "5"]
    # The field is the same for a browser, so that it keeps the focus.
    assert field(app, "basket-text-a").value == "1, 5"
    assert app.session_state["generations"]["basket-text-a"] == 1


def test_clicks_go_into_a_when_no_basket_is_chosen(opened):
    _, app = opened(a="1", b="2")
    app = app.segmented_control(key="fill-into").set_value("b").run()
    app = app.segmented_control(key="fill-into").set_value(None).run()
    assert not [e.value for e in app.error]
    app = click(app, "fill-tiles-6")
    assert (ids(app, "a"), ids(app, "b")) == (["1", "6"], ["2"])


@pytest.mark.slow
@pytest.mark.parametrize("text", ["x", "1, 1", "-3", "1 2@9", ",".join(map(str, range(17)))])
def test_malformed_seeds_leave_the_basket_as_it_was(opened, text):
    _, app = opened(a="1", b="2", c="3")
    app = field(app, "basket-text-a").set_value(text).run()
    (sentence,) = sentences(app)
    assert "not changed" in sentence
    assert ids(app, "a") == ["1"]


def test_a_full_basket_takes_no_more(opened):
    full = ",".join(str(100 + i) for i in range(16))
    _, app = opened(a=full, b="2", c="3")
    app = app.button(key="fill-tiles-5").click().run()
    (sentence,) = sentences(app)
    assert "16" in sentence
    assert len(ids(app, "a")) == 16


def test_a_report_of_the_canvas_moves_the_strength(opened):
    _, app = opened(a="1", b="2", c="3")
    data = state(app, "sum-canvas-data")
    report = {"count": 1, "context": data["context"], "values": [0.25], "frozen": []}
    app = app.text_input(key="sum-canvas-values").set_value(json.dumps(report)).run()
    assert state(app, "view").strength == 0.25
    assert state(app, "link")["strength"] == "0.25"


@pytest.mark.slow
def test_the_result_goes_to_the_tray(opened):
    model, app = opened(a="1", b="2", c="3")
    app = click(app, "add-sum-0")
    (item,) = state(app, "tray").items
    z = mean(model, 3) + mean(model, 1) - mean(model, 2)
    assert (item.seed, item.model) == (None, "alpha")
    assert np.allclose(item.z, z, atol=1e-6)


def press(app, label):
    """Press the button of a label, and draw the page."""
    return next(b for b in app.button if b.label == label).click().run().run()


@pytest.mark.slow
def test_the_trays_pictures_can_be_exemplars_with_or_without_a_seed(opened):
    model, app = opened(tray="alpha:3@0.7,beta:4,alpha:9", a="1", b="2", c="3")
    app = click(app, "add-sum-0")
    z = state(app, "tray").items[-1].z
    app = app.segmented_control(key="fill-from").set_value("Tray").run()
    tiles = [tile["id"] for tile in state(app, "fill-tiles-data")["tiles"]]
    assert tiles[:2] == ["3@0.7", "9"]
    assert len(tiles) == 3
    assert any("One picture on the tray was made with another" in c.value for c in app.caption)
    app = click(app, "fill-tiles-3@0.7")
    app = click(app, f"fill-tiles-{tiles[2]}")
    assert ids(app, "a") == ["1", "3@0.7", tiles[2]]
    means = np.stack([mean(model, 1), 0.7 * mean(model, 3), z]).mean(0) - mean(model, 2)
    plain, _ = shown(app)
    drawn = model.generate((means + mean(model, 3))[None].astype(np.float32))[0]
    assert np.abs(plain.astype(int) - drawn).max() <= 1
    # Its picture is called by its name on the tray.
    captions = [tile["caption"] for tile in state(app, "basket-a-data")["tiles"]]
    assert captions[2:] == ["1", "3@0.7", state(app, "tray").items[-1].name]


def test_after_a_change_of_model_baskets_without_a_wish_are_emptied_with_a_sentence(opened):
    """The same seeds are other pictures there; so are pictures without a seed."""
    model, app = opened(a="1", b="2", c="3")
    stored = exemplars.store("Mine", "alpha", model.hash, np.ones(8))
    app = field(app, "basket-text-a").set_value(f"1, {stored}").run()
    assert sentences(app) == []
    app = field(app, "set-model").set_value("beta").run()
    assert any("The baskets were emptied" in sentence for sentence in sentences(app))
    assert not {"a", "b", "c"} & state(app, "link").keys()
    assert all(ids(app, basket) == [] for basket in "abc")
    assert state(app, "view").undo == ()  # its seeds were those of alpha


def test_a_link_says_both_the_model_and_the_exemplars(opened, open_app):
    _, app = opened(a="1", b="2", c="3")
    app = open_app("arithmetic", model="beta", a="4", b="5", c="6")
    assert sentences(app) == []
    assert url_parts.read_exemplars(state(app, "link")["a"]) == [(4, None)]


@pytest.mark.slow
def test_after_a_change_of_model_the_same_wish_fills_the_baskets(
    opened, with_classifier, two_models
):
    title = "smiling woman − neutral woman + neutral man"
    _, app = opened()
    app = app.button(key=f"preset-page-{title}").click().run().run()
    before = state(app, "link")
    assert names_of(app) == basket_names.parts(title)
    # Beta learns to recognise the same attributes, less one that nobody asked for.
    other = gan_core.load(two_models / "beta")
    torch.manual_seed(0)
    everything.save_classifier(
        other, [{"name": name, "recognised": True} for name in ("Male", "Smiling", "Hat")]
    )
    app = field(app, "set-model").set_value("beta").run().run()
    assert not any("emptied" in sentence for sentence in sentences(app))
    after = state(app, "link")
    assert after["wishes"] == before["wishes"]
    assert names_of(app) == basket_names.parts(title)
    recognise = classifier.load(two_models / "beta")
    wanted = {"a": (False, True), "b": (False, False), "c": (True, False)}
    for basket, (man, smile) in wanted.items():
        seeds = [int(seed) for seed in ids(app, basket)]
        assert seeds
        pictures = other.generate(np.concatenate([other.prior.sample(1, s) for s in seeds]))
        p = recognise.predict(pictures)
        assert ((p[:, 0] > 0.5) == man).all()
        assert ((p[:, 1] > 0.5) == smile).all()


@pytest.mark.slow
def test_a_link_with_wishes_alone_fills_the_baskets(opened, open_app, with_classifier):
    """So that a lesson means the same after a model was trained further."""
    title = "smiling woman − neutral woman + neutral man"
    _, app = opened()
    link = state(app.button(key=f"preset-page-{title}").click().run().run(), "link")
    app = open_app("arithmetic", model="alpha", wishes=link["wishes"]).run()
    filled = state(app, "link")
    assert all(filled[basket] == link[basket] for basket in "abc")
    assert names_of(app) == basket_names.parts(title)
    assert "apart" not in filled
    # A person who empties a basket has meant it.
    app = field(app, "basket-text-a").set_value("").run()
    assert ids(app, "a") == []


def names_of(app):
    """The names of the baskets, as the line at the top shows them."""
    line = next(e.proto.body for e in app.main.get("html") if 'class="equation' in e.proto.body)
    return [name for name in re.findall(r"<i>(.*?)</i>", line) if name != "rescaled"]


@pytest.mark.slow
def test_a_search_names_an_empty_basket_and_the_name_stays(opened, with_classifier):
    _, app = opened()
    app = next(m for m in app.multiselect if m.key == "fill-with").set_value(["Smiling"]).run()
    app = next(m for m in app.multiselect if m.key == "fill-without").set_value(["Male"]).run()
    first = state(app, "fill-tiles-data")["tiles"][0]["id"]
    app = click(app, f"fill-tiles-{first}")
    assert state(app, "link")["wishes"] == "+Smiling,-Male"
    assert names_of(app)[0] == "smiling woman"  # as the preset calls it
    app = next(m for m in app.multiselect if m.key == "fill-without").set_value([]).run()
    offered = [tile["id"] for tile in state(app, "fill-tiles-data")["tiles"]]
    app = click(app, f"fill-tiles-{next(one for one in offered if one != first)}")
    assert len(ids(app, "a")) == 2
    assert names_of(app)[0] == "smiling woman"
    app = app.button(key="turn-a").click().run().run()
    app = press(app, "Swap A and B")
    assert names_of(app)[:2] == ["", "smiling woman"]


@pytest.mark.slow
def test_the_line_at_the_top_shows_the_result(opened):
    model, app = opened(a="1,2,3", b="4,5", c="6", strength="0.5")
    line = next(e.proto.body for e in app.main.get("html") if 'class="equation' in e.proto.body)
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]*)"', line)
    z = weighted(model, [1, -1, 1], 0.5, [1, 2, 3], [4, 5], [6])
    wanted = model.generate(np.float32(z * np.sqrt(8) / np.linalg.norm(z))[None])[0]
    painted = np.asarray(Image.open(io.BytesIO(base64.b64decode(sources[-1]))).convert("RGB"))
    assert len(sources) == 4
    assert np.abs(painted.astype(float) - wanted).mean() < 6
    app = field(app, "equation-strength").set_value(0.75).run().run()
    assert state(app, "view").strength == 0.75
    app = press(app, "Undo")
    assert state(app, "view").strength == 0.5


@pytest.mark.slow
def test_the_page_says_of_each_picture_whether_it_worked(opened, with_classifier, monkeypatch):
    _, app = opened()
    title = "smiling woman − neutral woman + neutral man"
    app = app.button(key=f"preset-page-{title}").click().run().run()

    def verdicts(app):
        (said,) = [e.value for e in app.main.markdown if e.value.startswith("**Did it work?**")]
        lines = said.splitlines()[2:]
        assert [line.partition(" — ")[0] for line in lines] == ["- As summed", "- Rescaled"]
        return [re.findall(r": (yes|no|unsure)\b", line) for line in lines]

    assert all(verdicts(app))
    (said,) = [e.value for e in app.main.markdown if e.value.startswith("**Did it work?**")]
    for line in said.splitlines()[2:]:  # both attributes that the preset names
        seen = re.findall(r":(\w+)\[[^]]*\]\W(Smiling|Male): (\w+)( \(as in C\))?", line)
        assert [name for _, name, *_ in seen] == ["Smiling", "Male"]
        for colour, name, answer, stays in seen:  # a smiling man is wanted
            assert colour == {"yes": "green", "no": "red", "unsure": "orange"}[answer]
            assert bool(stays) == (name == "Male" and answer == "yes")
    monkeypatch.setattr(arithmetic, "LEAST", 1.01)  # nothing is as sure as that
    assert {one for line in verdicts(app.run()) for one in line} == {"unsure"}


@pytest.mark.slow
def test_readers_that_disagree_make_a_verdict_unsure(opened, with_classifier, two_models):
    contrary = replace(
        with_classifier, scale=-with_classifier.scale, offset=-with_classifier.offset
    )
    classifier.save(two_models / "alpha", contrary, "second")
    _, app = opened()
    title = "smiling woman − neutral woman + neutral man"
    app = app.button(key=f"preset-page-{title}").click().run().run()
    (said,) = [e.value for e in app.main.markdown if e.value.startswith("**Did it work?**")]
    assert "Judged by 2 separate networks that recognise attributes in pictures" in said
    assert set(re.findall(r": (yes|no|unsure)\b", said)) == {"unsure"}


def test_a_link_with_a_picture_that_it_cannot_carry_says_so(opened):
    _, app = opened(a="1,~0123456789ab", b="2", c="3")
    assert "no seed, so the link could not contain it" in sentences(app)[0]


def weighted(model, weights, strength, *baskets):
    """The sum as the page should have it: C, and `strength` times the others."""
    terms = [w * mean(model, *seeds) for w, seeds in zip(weights, baskets, strict=True)]
    return terms[2] + strength * (sum(terms) - terms[2])


@pytest.mark.slow
def test_what_should_stay_can_be_taken_out_of_the_difference(opened, monkeypatch):
    model = opened()[0]
    reader = Reader(["bright", "warm", "cold"], gain=1e3)  # sure of nearly everything
    stream = np.random.RandomState(0)
    known = {
        name: directions.Direction(name, directions.unit(stream.normal(size=8)), "normal", about)
        for name in reader.names
        for about in [{"attribute": name, "effects": {}}]
    }
    monkeypatch.setattr(attribute_labels, "classifier_of", lambda model: reader)
    listed = direction_store.Known(list(known.values()))
    monkeypatch.setattr(direction_store, "of", lambda model, classifier: listed)
    for changed in (["warm"], ["warm", "cold"]):
        monkeypatch.setattr(attribute_labels, "changed_by", lambda *_, changed=changed: changed)
        _, app = opened(a="3,4", b="5", c="6,7", apart="1")
        assert sentences(app) == []
        way = mean(model, 3, 4) - mean(model, 5)
        way = arithmetic.conditional_step(way, [known[n].vector for n in known if n not in changed])
        assert is_shown(app, model, mean(model, 6, 7) + way)
        lines = [c.value for c in app.caption if "were taken out of A − B" in c.value]
        assert [all(name in line for name in changed) for line in lines] == [True]
    # What is taken away says so, too.
    words = "A − B, the rest left alone"
    assert any(c.value.startswith(f"{words}, scaled to length 1") for c in app.caption)
    app = click(app, "add-sum-0")
    assert state(app, "tray").items[-1].name == f"C + 1.00 · ({words}), as summed"
    app = app.text_input(key="direction-name").set_value("alone").run().run()
    app = click(app, "direction-save")
    (saved,) = directions.load(model)
    assert (saved.name, saved.kind, saved.about["locked"]) == ("alone", "conditional", ["bright"])
    assert saved.about["made"] == f"arithmetic, {words}"
    np.testing.assert_allclose(saved.vector, directions.unit(way), atol=1e-5)
    directions.save(model, [])
    # Where the baskets differ in nothing, nothing is taken out, and it is said.
    monkeypatch.setattr(attribute_labels, "changed_by", lambda *_: [])
    _, app = opened(a="3,4", b="5", c="6,7", apart="1")
    assert is_shown(app, model, mean(model, 6, 7) + mean(model, 3, 4) - mean(model, 5))
    assert any("nothing is removed" in c.value for c in app.caption)


def test_the_classifier_names_the_attributes_that_a_sum_changes(opened):
    reader = Reader(["bright", "warm", "cold"])
    pictures = {
        name: np.full((2, 4, 4, 3), shade, np.uint8) for name, shade in (("on", 250), ("off", 5))
    }
    half = pictures["off"].copy()
    half[..., 1] = 250  # "warm" alone
    terms = [("A", 1, half), ("B", -1, pictures["off"]), ("C", 1, pictures["on"])]
    assert attribute_labels.changed_by(reader, terms) == ["warm"]


def is_shown(app, model, z):
    drawn = model.generate(np.float32(z)[None])[0]
    return np.abs(shown(app)[0].astype(int) - drawn).max() <= 1


@pytest.mark.slow
def test_five_baskets_with_weights_of_their_own(opened):
    link = {"a": "1", "b": "2", "c": "3", "d": "4,5", "e": "6", "sum": "2,-0.5,1.5,-1,0"}
    model, app = opened(**link, strength="0.5")
    assert sentences(app) == []
    baskets = [[1], [2], [3], [4, 5], [6]]
    assert is_shown(app, model, weighted(model, [2, -0.5, 1.5, -1, 0], 0.5, *baskets))
    assert {name: state(app, "link")[name] for name in link} == link
    app = app.button(key="turn-d").click().run().run()
    app = field(app, "weight-e").set_value(0.75).run().run()
    assert state(app, "link")["sum"] == "2,-0.5,1.5,1,0.75"
    assert is_shown(app, model, weighted(model, [2, -0.5, 1.5, 1, 0.75], 0.5, *baskets))
    app = app.button(key="remove-d").click().run().run()
    assert state(app, "link")["sum"] == "2,-0.5,1.5,0.75"
    assert ids(app, "d") == ["6"]
    for _ in range(3):
        app = press(app, "Undo")
    assert {name: state(app, "link")[name] for name in link} == link
    assert next(b for b in app.button if b.label == "Undo").disabled


@pytest.mark.slow
def test_a_basket_more_counts_from_its_first_exemplar_on(opened):
    model, app = opened(a="1", b="2", c="3")
    app = press(app, "Add basket")
    assert sentences(app) == []
    assert is_shown(app, model, weighted(model, [1, -1, 1], 1, [1], [2], [3]))
    app = app.segmented_control(key="fill-into").set_value("d").run()
    app = click(app, "fill-tiles-7")
    assert is_shown(app, model, weighted(model, [1, -1, 1, 1], 1, [1], [2], [3], [7]))
    app = press(app, "Add basket")
    assert next(b for b in app.button if b.label == "Add basket").disabled
    # Clicks go somewhere that is there.
    app = app.segmented_control(key="fill-into").set_value("e").run()
    app = app.button(key="remove-e").click().run().run()
    assert app.segmented_control(key="fill-into").value == "a"


@pytest.mark.slow
def test_a_basket_of_weight_0_keeps_its_sign(opened):
    model, app = opened(a="1", b="2", c="3", sum="1,-0,1")
    assert app.button(key="turn-b").label == "− B"
    assert any("A − 0 B" in m.value for m in app.markdown)
    app = field(app, "weight-b").set_value(1).run().run()
    assert state(app, "view").sum == "1,-1,1"
    # Streamlit tells of an emptied field as of one that holds 0.
    app = field(app, "weight-b").set_value(None).run().run()
    assert app.button(key="turn-b").label == "− B"
    app = field(app, "weight-b").set_value(0).run().run()
    app = app.button(key="turn-b").click().run().run()
    assert app.button(key="turn-b").label == "+ B"
    app = app.button(key="turn-b").click().run().run()
    app = field(app, "weight-b").set_value(0.5).run().run()
    assert is_shown(app, model, weighted(model, [1, -0.5, 1], 1, [1], [2], [3]))


def test_a_link_that_fills_a_fourth_basket_without_a_weight_counts_it_once(opened):
    model, app = opened(a="1", b="2", c="3", d="4")
    assert is_shown(app, model, weighted(model, [1, -1, 1, 1], 1, [1], [2], [3], [4]))


def test_weights_that_cancel_everything_draw_the_latent_zero(opened):
    model, app = opened(a="1", b="1", c="3", sum="1,-1,0")
    assert sentences(app) == []
    assert is_shown(app, model, np.zeros(8))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["1,-1", "1,-1,99", "1,-1,nan", "a,b,c"])
def test_weights_that_cannot_be_read_are_named_and_keep_their_defaults(opened, text):
    model, app = opened(a="1", b="2", c="3", sum=text)
    (sentence,) = sentences(app)
    assert "sum" in sentence
    assert is_shown(app, model, weighted(model, [1, -1, 1], 1, [1], [2], [3]))


def test_sixteen_exemplars_in_five_baskets(opened):
    full = {
        basket: ",".join(str(16 * i + j) for j in range(16)) for i, basket in enumerate("abcde")
    }
    model, app = opened(**full, sum="3,-3,3,-3,3", strength="1.5")
    assert sentences(app) == []
    seeds = [range(16 * i, 16 * i + 16) for i in range(5)]
    assert is_shown(app, model, weighted(model, [3, -3, 3, -3, 3], 1.5, *seeds))


@pytest.mark.slow
def test_the_strength_is_undone_too(opened):
    _, app = opened(a="1", b="2", c="3")
    data = state(app, "sum-canvas-data")
    report = {"count": 1, "context": data["context"], "values": [0.25], "frozen": []}
    app = app.text_input(key="sum-canvas-values").set_value(json.dumps(report)).run().run()
    assert state(app, "view").strength == 0.25
    app = press(app, "Undo")
    assert state(app, "view").strength == 1
    app = press(app, "Redo")
    assert state(app, "link")["strength"] == "0.25"


@pytest.mark.slow
def test_what_is_dropped_into_a_basket_is_put_there(opened):
    _, app = opened(tray="alpha:8,beta:4", a="1", b="2", c="3")
    drop = lambda app, what: (  # noqa: E731
        app.text_input(key="basket-b-drop").set_value(what).run().run()
    )
    app = drop(app, "7@0.5")
    first, second = state(app, "tray").items
    app = drop(app, first.id)
    assert ids(app, "b") == ["2", "7@0.5", "8"]
    app = app.text_input(key="basket-b-drop").set_value(second.id).run()
    assert ["made with beta" in sentence for sentence in sentences(app)] == [True]
    app = app.text_input(key="basket-b-drop").set_value("https://elsewhere").run()
    assert ["can be dropped" in sentence for sentence in sentences(app)] == [True]
    assert ids(app, "b") == ["2", "7@0.5", "8"]


@pytest.mark.slow
def test_an_arithmetic_file_fills_the_page_and_can_be_undone(opened):
    model, app = opened(a="1", b="2", c="3")
    view = url_state.View(a="5, 6@0.5", b="7", c="8", d="9", strength=0.75)
    content = arithmetic_file.write("alpha", model, view, [1, -0.5, 1, 2]).encode()
    app = upload(app, content)
    assert sentences(app) == []
    assert (ids(app, "a"), ids(app, "d")) == (["5", "6@0.5"], ["9"])
    assert (state(app, "link")["sum"], state(app, "link")["strength"]) == ("1,-0.5,1,2", "0.75")
    app = press(app, "Undo")
    assert ids(app, "a") == ["1"]
    app = upload(app, b'{"format": "gan-tray"}')
    (sentence,) = sentences(app)
    assert "not an arithmetic file" in sentence
    assert ids(app, "a") == ["1"]


def upload(app, content):
    return (
        app.file_uploader(key="arithmetic-upload")
        .upload("r.json", content, "application/json")
        .run()
    )


@pytest.mark.slow
def test_the_difference_is_saved_as_a_direction(opened, two_models):
    model, app = opened(a="1", b="2", c="3", d="4", sum="1,-1,1,0.5")
    app = app.text_input(key="direction-name").set_value("my smile").run().run()
    app = click(app, "direction-save")
    (saved,) = directions.load(model)
    step = mean(model, 1) - mean(model, 2) + 0.5 * mean(model, 4)
    np.testing.assert_allclose(saved.vector, step / np.linalg.norm(step), atol=1e-6)
    assert (saved.name, saved.kind) == ("my smile", "own")
    assert saved.about["made"] == "arithmetic, A − B + 0.5 D"
    assert saved.about["length"] == pytest.approx(np.linalg.norm(step), rel=1e-5)
    assert not app.warning
    app = app.text_input(key="direction-name").set_value("my smile").run().run()
    app = app.button(key="direction-save").click().run()
    assert ["already a direction called my smile" in sentence for sentence in sentences(app)] == [
        True
    ]
    app = app.text_input(key="direction-name").set_value(" ").run()
    app = app.button(key="direction-save").click().run()
    assert ["Type a name" in sentence for sentence in sentences(app)] == [True]
    assert len(directions.load(model)) == 1


@pytest.mark.slow
def test_a_direction_that_cannot_be_saved_gets_a_sentence(opened, two_models):
    (two_models / "alpha" / directions.FILE).mkdir()  # where the file should go
    _, app = opened(a="1", b="2", c="3")
    app = app.text_input(key="direction-name").set_value("smile").run()
    app = app.button(key="direction-save").click().run()
    assert len(sentences(app)) == 1
    _, app = opened(a="1", b="1", c="3")
    app = app.text_input(key="direction-name").set_value("nothing").run()
    app = app.button(key="direction-save").click().run()
    assert ["length above 0" in sentence for sentence in sentences(app)] == [True]


def test_without_a_classifier_an_empty_page_offers_nine_samples(opened):
    _, app = opened()
    app = press(app, "Nine samples")
    assert sentences(app) == []
    assert [ids(app, basket) for basket in "abc"] == [
        ["0", "1", "2"],
        ["3", "4", "5"],
        ["6", "7", "8"],
    ]


def seen(app):
    """The table of what the classifier sees, as rows of text."""
    (table,) = [e.proto.body for e in app.get("html") if "class=seen" in e.proto.body]
    rows = table.split("<tr")[1:]
    return [[cell.split("<")[0] for cell in re.split(r"<t[hd][^>]*>", row)[1:]] for row in rows]


@pytest.mark.slow
def test_a_preset_fills_an_empty_page_in_one_click(opened, with_classifier):
    title = "smiling woman − neutral woman + neutral man"
    model, app = opened()
    labels = [b.label for b in app.button]
    assert title in labels
    assert not any("glasses" in label for label in labels)  # not recognised well enough
    app = app.button(key=f"preset-page-{title}").click().run().run()
    assert sentences(app) == []
    male, smiling = 0, 1
    wanted = {"a": (False, True), "b": (False, False), "c": (True, False)}
    for basket, (man, smile) in wanted.items():
        seeds = [int(seed) for seed in ids(app, basket)]
        assert len(seeds) == preset_exemplars.EXEMPLARS
        pictures = model.generate(np.concatenate([model.prior.sample(1, s) for s in seeds]))
        p = with_classifier.predict(pictures)
        assert ((p[:, male] > 0.5) == man).all()
        assert ((p[:, smiling] > 0.5) == smile).all()
    assert not any(b.key == f"preset-page-{title}" for b in app.button)
    app = press(app, "Undo")
    assert all(ids(app, basket) == [] for basket in "abc")


@pytest.mark.parametrize(
    ("best", "apart", "strength"),
    [({"apart": True, "strength": 1.25}, True, 1.25), (None, False, 1.0)],
)
@pytest.mark.slow
def test_a_preset_opens_in_the_way_that_measured_best(
    best, apart, strength, opened, with_classifier, monkeypatch
):
    monkeypatch.setattr(arithmetic_report, "best", lambda card, name: best)
    monkeypatch.setattr(arithmetic_report, "summary", lambda card, name: "")
    monkeypatch.setattr(  # the readers see the target
        attribute_labels,
        "agreed_in",
        lambda readers, images: np.full((len(images), len(with_classifier.recognised)), 0.99),
    )
    _, app = opened()
    app = app.button(key="preset-page-smiling woman − neutral woman + neutral man").click()
    app = app.run().run()
    assert state(app, "view").apart is apart
    assert state(app, "view").strength == strength


TITLE = "smiling woman − neutral woman + neutral man"


@pytest.fixture
def offered(opened, with_classifier, monkeypatch):
    """A function: choose() among three sets of exemplars, if the readers see what `sees` says.

    sees(set, alone, strength): whether the result has the target, and whether the rest is as in C.
    """
    model, _ = opened()
    monkeypatch.setattr(arithmetic_report, "best", lambda *_: {"apart": True, "strength": 1.0})
    monkeypatch.setattr(arithmetic_report, "summary", lambda card, name: "")
    triple = next(t for t in arithmetic_report.TRIPLES if t[0] == TITLE)
    choices = [(np.array([i]), np.array([10 + i]), np.array([20 + i])) for i in range(3)]
    monkeypatch.setattr(preset_exemplars, "sets", lambda *_: choices)

    def ways_of(model, chosen, apart):
        return np.float32([chosen[0][0], 0, 0]), [np.float32([0, 1, 0]), np.float32([0, 0, 1])]

    monkeypatch.setattr(preset_exemplars, "ways_of", ways_of)
    monkeypatch.setattr(preset_exemplars, "both", lambda model, z: np.stack([z, z]))
    monkeypatch.setattr(preset_exemplars.renderer, "pictures", lambda model, z: z)
    names = with_classifier.recognised

    def choose(sees):
        def agreed_in(readers, z):
            seen = np.full((2, len(names)), 0.5)
            target, rest = sees(int(z[0, 0]), bool(z[0, 1]), float(z[0, 1] + z[0, 2]))
            if target:
                seen[:, names.index("Smiling")] = 0.99
            if rest:
                seen[:, names.index("Male")] = 0.99
            return seen

        monkeypatch.setattr(attribute_labels, "agreed_in", agreed_in)
        chosen, strength, apart = preset_exemplars.choose(model, with_classifier, triple, 99, None)
        return int(chosen[0][0]), strength, apart

    return choose


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sees", "expected"),
    [
        (lambda i, alone, s: (True, True), (0, 1.0, True)),
        (lambda i, alone, s: (i == 2, True), (2, 1.0, True)),  # another set
        (lambda i, alone, s: (True, i == 1), (1, 1.0, True)),  # it leaves what C is
        (lambda i, alone, s: (s >= 1.2, True), (0, 1.25, True)),
        (lambda i, alone, s: (not alone, True), (0, 1.0, False)),
        (lambda i, alone, s: (i == 1, False), (1, 1.0, True)),  # the one that shows most
        (lambda i, alone, s: (False, False), (0, 1.0, True)),
    ],
    ids=["first", "another", "stays", "stronger", "plain", "most", "none"],
)
def test_a_preset_takes_the_first_exemplars_that_do_what_it_says(offered, sees, expected):
    assert offered(sees) == expected


@pytest.mark.slow
def test_a_preset_has_sure_exemplars_realistic_ones_and_drawn_ones(
    opened, with_classifier, monkeypatch
):
    model, _ = opened()
    triple = next(t for t in arithmetic_report.TRIPLES if t[0] == TITLE)
    n = 400
    known = label_cache.probabilities(model, with_classifier, n)

    class Table:
        realism = np.linspace(0, 1, n)  # the later a seed, the more realistic

        def __len__(self):
            return n

    monkeypatch.setattr(preset_exemplars.seed_tables, "table_of", lambda model: Table())
    choices = preset_exemplars.sets(model, with_classifier, triple, n, known)
    assert len(choices) == 2 + preset_exemplars.DRAWS
    able = [arithmetic.most_confident(with_classifier, known, part) for part in triple[2:]]
    real, *drawn, sure = choices
    assert np.array_equal(sure[2], able[2][: preset_exemplars.EXEMPLARS])
    assert np.array_equal(real[2], np.sort(able[2])[::-1][: preset_exemplars.EXEMPLARS])
    assert len({tuple(chosen[2]) for chosen in choices}) == len(choices)
    realistic = able[2][able[2] >= n // 2]
    assert len(realistic) >= preset_exemplars.EXEMPLARS
    assert all(np.isin(chosen[2], realistic).all() for chosen in drawn)
    for chosen in choices:
        assert all(np.isin(rows, some).all() for rows, some in zip(chosen, able, strict=True))
    monkeypatch.setattr(preset_exemplars.seed_tables, "table_of", lambda model: None)
    assert len(preset_exemplars.sets(model, with_classifier, triple, n, known)) == len(choices) - 1


@pytest.mark.slow
def test_the_page_shows_what_the_classifier_sees(opened, with_classifier):
    model, app = opened(a="1,2,3", b="4,5", c="6", strength="0.5")
    table = seen(app)
    assert table[0] == ["", "A", "B", "C", "sum", "rescaled", "random", "single"]
    names = {"Male": 0, "Smiling": 1, "Wavy Hair": 2}
    assert len(table) > 1
    see = lambda z: with_classifier.predict(model.generate(np.float32(z)))  # noqa: E731
    z = weighted(model, [1, -1, 1], 0.5, [1, 2, 3], [4, 5], [6])
    for name, a, b, c, plain, on_shell, *_ in table[1:]:
        column = names[name]  # Eyeglasses is not recognised, so it is not listed
        for cell, seeds in ((a, [1, 2, 3]), (b, [4, 5]), (c, [6])):
            p = see(np.concatenate([model.prior.sample(1, s) for s in seeds]))[:, column].mean()
            assert float(cell) == pytest.approx(p, abs=0.011)
        assert float(plain) == pytest.approx(see(z[None])[0, column], abs=0.03)
        assert float(on_shell) == pytest.approx(
            see((z * np.sqrt(8) / np.linalg.norm(z))[None])[0, column], abs=0.03
        )
