"""The page Arithmetic with a conditional model: each basket can have a class."""

import json

import numpy as np
import pytest

import gan_core
from explorer.services import model_registry, renderer
from explorer.state import arithmetic_file, url_parts, url_state
from explorer.widgets import arithmetic_sheet, basket_classes
from explorer.widgets.class_fields import OWN
from fields import field, sentences, state
from gan_core.latent_space import arithmetic, arithmetic_slide, classes
from gan_core.util.errors import InputError
from support import save_conditional

NAMES = ["digit: 3", "digit: 5", "digit: 8", "glasses"]
LINK = {"a": "1,2", "b": "1,2", "c": "7,9"}
SET = "digit:8,glasses:yes;digit:3"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A conditional model."""
    folder = tmp_path_factory.mktemp("models") / "digits"
    return gan_core.load(save_conditional(folder, [3, 1], NAMES, nz=10))


@pytest.fixture
def open_page(digits, monkeypatch, open_app):
    """open_page(link) opens Arithmetic; the app sees only that model, and others in its folder."""
    monkeypatch.setenv(model_registry.VARIABLE, str(digits.directory.parent))
    return lambda link: open_app("arithmetic", model="digits", **link)


def latents(model, seeds, wanted):
    return classes.with_classes(model, renderer.latents(model, seeds), wanted)


def sent(model, z):
    """Pictures as they are sent for tiles."""
    return renderer.sheet(renderer.pictures(model, z))["src"]


def basket(app, letter):
    """The pictures of a basket as they were sent."""
    return state(app, f"basket-{letter}-data")["sheet"]["src"]


def held(model, seeds, wanted):
    """What `basket` should be: the mean, the mean on the shell, and the exemplars."""
    z = latents(model, seeds, wanted)
    mean = arithmetic.concept(z)
    on_shell = arithmetic.calculate([mean], [1], arithmetic.shell(model.prior))
    return sent(model, np.concatenate([[mean, on_shell], z]))


def expected_sum(model, *wanted):
    """The exact picture of A − B + C for these classes, as summed and on the shell."""
    a, b, c = (
        arithmetic.concept(latents(model, seeds, one))
        for seeds, one in zip(([1, 2], [1, 2], [7, 9]), wanted, strict=True)
    )
    z = [
        arithmetic.calculate([c + a - b], [1], shell)
        for shell in (None, arithmetic.shell(model.prior))
    ]
    images = renderer.pictures(model, np.stack(z))
    return renderer.data_url(renderer.png(np.concatenate(list(images), axis=1)), "png")


def shown_sum(app):
    return state(app, "sum-canvas-data")["exact"]["src"]


def choose(app, basket, place, option):
    """Choose an option of a group in a basket's menu."""
    return field(app, f"basket-class-{basket}-{place}").set_value(option).run()


def step(app, words):
    return next(b for b in app.button if b.label == words).click().run().run()


@pytest.mark.slow
def test_the_class_of_a_basket_is_in_its_pictures_in_the_sum_and_in_the_link(digits, open_page):
    app = open_page(LINK)
    assert sentences(app) == []
    assert shown_sum(app) == expected_sum(digits, {}, {}, {})
    app = choose(app, "a", 0, 2)
    assert app.query_params["basket_classes"] == "digit:8"
    assert basket(app, "a") == held(digits, [1, 2], {"digit": "8"})
    assert basket(app, "b") == held(digits, [1, 2], {})
    app = choose(choose(app, "a", 1, 1), "b", 0, 0)
    assert app.query_params["basket_classes"] == SET
    eight, three = {"digit": "8", "glasses": "yes"}, {"digit": "3"}
    assert basket(app, "a") == held(digits, [1, 2], eight)
    assert basket(app, "b") == held(digits, [1, 2], three)
    assert shown_sum(app) == expected_sum(digits, eight, three, {})
    assert sentences(app) == []


def test_all_other_coordinates_are_those_of_the_exemplars(digits):
    own = renderer.latents(digits, [1, 2])
    z = latents(digits, [1, 2], {"digit": "8", "glasses": "no"})
    assert np.array_equal(z[:, 4:], own[:, 4:])
    assert (classes.chosen(digits, z) == [2, 0]).all()


@pytest.mark.slow
def test_a_class_can_be_undone_and_goes_where_its_basket_goes(digits, open_page):
    app = choose(choose(open_page(LINK), "a", 0, 2), "b", 0, 0)
    assert app.query_params["basket_classes"] == "digit:8;digit:3"
    app = step(app, "Swap A and B")
    assert app.query_params["basket_classes"] == "digit:3;digit:8"
    assert basket(app, "a") == held(digits, [1, 2], {"digit": "3"})
    app = step(step(app, "Undo"), "Undo")
    assert app.query_params["basket_classes"] == "digit:8"
    assert field(app, "basket-class-a-0").value == 2
    app = step(app, "Undo")
    assert "basket_classes" not in app.query_params
    assert basket(app, "a") == held(digits, [1, 2], {})
    app = step(app, "Redo")
    assert basket(app, "a") == held(digits, [1, 2], {"digit": "8"})
    app = choose(app, "a", 0, OWN)
    assert "basket_classes" not in app.query_params


@pytest.mark.slow
def test_a_removed_basket_takes_its_class_with_it(digits, open_page):
    app = open_page(LINK | {"d": "4", "e": "5", "basket_classes": ";;;digit:8;digit:3"})
    assert basket(app, "d") == held(digits, [4], {"digit": "8"})
    app = app.button(key="remove-d").click().run().run()
    assert app.query_params["basket_classes"] == ";;;digit:3"
    assert basket(app, "d") == held(digits, [5], {"digit": "3"})


@pytest.mark.slow
def test_samples_to_fill_a_basket_with_have_its_class(digits, open_page):
    app = open_page({"basket_classes": "digit:8;digit:3"})
    for digit in ("8", "3"):
        grid = state(app, "fill-tiles-data")["sheet"]["src"]
        assert grid == sent(digits, latents(digits, list(range(24)), {"digit": digit}))
        app = app.segmented_control(key="fill-into").set_value("b").run()


def test_the_names_of_the_baskets_say_their_class(digits):
    title = basket_classes.title
    assert title(digits, {}, {}) == ""
    assert title(digits, {}, {"digit": "8", "glasses": "no"}) == "digit 8, glasses: no"
    assert title(digits, {"hat": True, "glasses": True}, {"glasses": "no"}) == "hat, glasses: no"
    assert title(digits, {"digit: 3": True}, {"digit": "8"}) == "digit 8"
    assert title(digits, {"glasses": True}, {"digit": "9", "wig": "yes"}) == "glasses"


@pytest.mark.slow
def test_a_model_that_lacks_a_class_leaves_it_out(digits, open_page):
    other = digits.directory.parent / "fewer"
    save_conditional(other, [2, 1], ["digit: 3", "digit: 5", "hat"], nz=10, seed=1)
    app = open_page(LINK | {"basket_classes": SET})
    app = field(app, "set-model").set_value("fewer").run()
    (sentence,) = [s for s in sentences(app) if "emptied" in s]
    assert "other pictures" in sentence
    assert app.query_params["basket_classes"] == ";digit:3"


def test_classes_that_a_model_lacks_are_ignored(two_models, open_app):
    app = open_app("arithmetic", model="alpha", a="1", b="2", c="3", basket_classes=SET)
    assert sentences(app) == []
    assert not [box for box in app.selectbox if box.key.startswith("basket-class")]


def file_of(model, **settings):
    view = url_state.View(a="1", b="2", c="3", **settings)
    return arithmetic_file.write("digits", model, view, url_parts.read_sum(view.sum))


def test_an_arithmetic_file_holds_the_classes(digits):
    text = file_of(digits, basket_classes=SET)
    assert [one.get("classes") for one in json.loads(text)["baskets"]] == [
        {"digit": "8", "glasses": "yes"},
        {"digit": "3"},
        None,
    ]
    back = arithmetic_file.read(text, "digits", digits)
    assert back["basket_classes"] == SET
    assert "basket_classes" not in arithmetic_file.read(file_of(digits), "digits", digits)


@pytest.mark.parametrize(
    "wrong", [{"digit": "9"}, {"wig": "yes"}, {"digit": ["8"]}, {"digit": None}, ["digit"], "8", 3]
)
def test_an_arithmetic_file_with_an_unknown_class_is_refused(digits, wrong):
    record = json.loads(file_of(digits))
    record["baskets"][1]["classes"] = wrong
    with pytest.raises(InputError, match="Basket B of this file has a class that digits lacks"):
        arithmetic_file.read(json.dumps(record), "digits", digits)


@pytest.mark.slow
def test_one_click_shows_what_a_class_adds(digits, open_page):
    app = open_page({})
    app = step(app, "Digit: from 3 to 5")
    assert app.query_params["basket_classes"] == "digit:5;digit:3;digit:3"
    assert app.query_params["a"] == app.query_params["b"] != app.query_params["c"]
    assert sentences(app) == []
    digit = classes.groups_of(digits)[0]
    a, b = (classes.with_class(digits, np.zeros((1, 10)), digit, one) for one in ("5", "3"))
    assert np.flatnonzero(a - b).tolist() == [0, 1]


@pytest.mark.slow
def test_the_sheet_says_the_classes(digits, monkeypatch):
    seen, draw = [], arithmetic_slide.draw
    monkeypatch.setattr(arithmetic_slide, "draw", lambda one: seen.append(one) or draw(one))
    view = url_state.View(basket_classes=SET)
    z = np.zeros((2, 10), np.float32)
    images = renderer.pictures(digits, z)
    terms = [
        (letter, weight, latents(digits, [1, 2], one))
        for letter, weight, one in (("A", 1, {"digit": "8"}), ("B", -1, {}), ("C", 1, {}))
    ]
    near = renderer.pictures(digits, arithmetic.sheet(z[1]))
    arithmetic_sheet.draw("digits", digits, terms, view, z, images, near, [], [], [])
    assert [one.title for one in seen[0].baskets] == ["digit 8, glasses: yes", "digit 3", ""]
