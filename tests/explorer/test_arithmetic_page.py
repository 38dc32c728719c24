"""The page Arithmetic, without a browser: baskets, the sum and its controls, undo and links."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

import gan_core
from explorer import links


def state(app, name):
    return app.session_state[name]


def sentences(app):
    assert not app.exception
    return [element.value for element in [*app.error, *app.warning, *app.info]]


def ids(app, basket):
    return [tile["id"] for tile in state(app, f"basket-{basket}-data")["tiles"][1:]]


def click(app, key):
    """Click a tile or button; then a run of the whole page, as AppTest shows what ran alone."""
    return app.button(key=key).click().run().run()


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


def test_empty_baskets_say_what_to_do(opened):
    (sentence,) = sentences(opened()[1])
    assert "each basket" in sentence
    (sentence,) = sentences(opened(a="1", b="2")[1])
    assert "each basket" in sentence


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


def test_every_change_is_undone_and_done_again(opened):
    _, app = opened(a="1", b="2", c="3")
    app = app.text_input(key="basket-text-a").set_value("8, 9").run()
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


@pytest.mark.parametrize("text", ["x", "1, 1", "-3", "1 2@9", ",".join(map(str, range(17)))])
def test_malformed_seeds_leave_the_basket_as_it_was(opened, text):
    _, app = opened(a="1", b="2", c="3")
    app = app.text_input(key="basket-text-a").set_value(text).run()
    (sentence,) = sentences(app)
    assert "left as it is" in sentence
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


def test_the_result_goes_to_the_tray(opened):
    model, app = opened(a="1", b="2", c="3")
    app = click(app, "add-sum-0")
    (item,) = state(app, "tray").items
    z = mean(model, 3) + mean(model, 1) - mean(model, 2)
    assert (item.seed, item.model) == (None, "alpha")
    assert np.allclose(item.z, z, atol=1e-6)


def test_the_trays_samples_can_be_exemplars(opened):
    _, app = opened(tray="alpha:3@0.7,beta:4,alpha:9")
    app = app.segmented_control(key="fill-from").set_value("Tray").run()
    tiles = state(app, "fill-tiles-data")["tiles"]
    assert [tile["id"] for tile in tiles] == ["3@0.7", "9"]
    app = click(app, "fill-tiles-3@0.7")
    assert ids(app, "a") == ["3@0.7"]


def test_another_model_keeps_the_seeds(opened):
    _, app = opened(a="1", b="2", c="3")
    app = app.selectbox(key="set-model").set_value("beta").run()
    assert sentences(app) == []
    assert links.read_exemplars(state(app, "link")["a"]) == [(1, None)]
