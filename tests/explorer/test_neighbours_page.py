"""The page Neighbours, without a browser: what is found, beside what, and what it says."""

import json

import numpy as np
import pytest

import gan_core
from explorer import evidence
from gan_core import training_set


def state(app, name):
    return app.session_state[name]


def sentences(app):
    assert not app.exception
    return [element.value for element in [*app.error, *app.warning, *app.info]]


def shown(app):
    return state(app, "neighbour-tiles-data")["tiles"]


@pytest.fixture
def alpha(make_checkpoint, make_set, tmp_path, monkeypatch):
    """A model whose training images, 40 of noise, lie in a folder of their own."""
    directory = make_checkpoint("models/alpha", nz=8, seed=1)
    data = make_set("sets/noise", n=40, held_out=12)
    card = json.loads((directory / "model.json").read_text("utf-8"))
    card["training_set"] = training_set.read_card(data) | {
        "how": "Ask somebody.",
        "command": "pack it",
    }
    (directory / "model.json").write_text(json.dumps(card), "utf-8")
    monkeypatch.setenv("GAN_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv(evidence.VARIABLE, str(tmp_path / "sets"))
    return gan_core.load(directory), training_set.load(data)


def expected(model, data, seed):
    """Root mean square differences to the images and their mirror images, the smaller of both."""
    image = model.generate(model.prior.sample(1, seed))[0].astype(np.float64)
    images = np.asarray(data.images).astype(np.float64)
    both = [np.square(images[:, :, ::way] - image).mean(axis=(1, 2, 3)) for way in (1, -1)]
    return np.sqrt(np.minimum(*both))


def test_the_nearest_images_in_pixels_are_shown(alpha, open_app):
    model, data = alpha
    app = open_app("neighbours", model="alpha", of="5")
    assert sentences(app) == []
    distances = expected(model, data, 5)
    order = np.argsort(distances, kind="stable")[:8]
    assert [tile["caption"].split()[0] for tile in shown(app)] == [
        f"{distances[i]:.1f}" for i in order
    ]
    assert data.files[order[0]] in shown(app)[0]["label"]
    assert [tile["current"] for tile in shown(app)] == [True] + [False] * 7
    captions = " ".join(caption.value for caption in app.caption)
    assert f"Number {order[0]} " in captions
    assert data.files[order[0]].replace("_", r"\_") in captions


def test_a_click_puts_another_neighbour_beside_the_sample(alpha, open_app):
    model, data = alpha
    app = open_app("neighbours", model="alpha", of="5")
    app = app.button(key="neighbour-tiles-2").click().run()
    assert [tile["current"] for tile in shown(app)].index(True) == 2
    third = np.argsort(expected(model, data, 5), kind="stable")[2]
    assert f"Number {third} " in " ".join(caption.value for caption in app.caption)


def test_another_seed_and_another_space_stand_in_the_link(alpha, open_app):
    app = open_app("neighbours", model="alpha")
    app = app.number_input(key="set-of").set_value(9).run()
    assert (state(app, "link")["of"], sentences(app)) == ("9", [])
    app = app.segmented_control(key="set-space").set_value("discriminator").run()
    assert (state(app, "link")["space"], sentences(app)) == ("discriminator", [])
    assert float(shown(app)[0]["caption"].split()[0]) <= float(shown(app)[7]["caption"].split()[0])


def test_a_training_image_is_its_own_neighbour_at_distance_0(alpha):
    model, data = alpha
    for space in ("pixels", "discriminator"):
        found = evidence.nearest(model, data, np.asarray(data.images[7]), space, 3)
        assert found.indices[0] == 7
        assert found.distances[0] == pytest.approx(0, abs=1e-6)
    mirrored = np.ascontiguousarray(data.images[7][:, ::-1])
    found = evidence.nearest(model, data, mirrored, "pixels", 1)
    assert (found.indices[0], found.distances[0], found.mirrored[0]) == (7, 0, True)


def test_where_a_distance_stands_among_real_ones(alpha):
    model, data = alpha
    assert evidence.standing(model, data, 0.0, "pixels") == {"held-out": 0, "training": 0}
    assert evidence.standing(model, data, 1e6, "pixels") == {"held-out": 100, "training": 100}
    middle = evidence.references("pixels", model, data)["held-out"]
    assert len(middle) == 12
    assert 25 < evidence.standing(model, data, np.median(middle), "pixels")["held-out"] < 75


def test_images_that_are_not_here_are_asked_for(alpha, open_app, monkeypatch):
    monkeypatch.delenv(evidence.VARIABLE)
    (sentence,) = sentences(open_app("neighbours", model="alpha"))
    assert "Ask somebody." in sentence
    assert "pack it" in sentence
    assert "--data" in sentence


def test_other_images_are_not_taken_for_the_models(
    alpha, make_set, open_app, tmp_path, monkeypatch
):
    make_set("others/noise", n=40, seed=9)
    monkeypatch.setenv(evidence.VARIABLE, str(tmp_path / "others"))
    (sentence,) = sentences(open_app("neighbours", model="alpha"))
    assert "--data" in sentence


def test_a_picture_of_the_tray_without_a_seed(alpha, open_app):
    app = open_app("latents", model="alpha", start="5", coords="3:2")
    app = app.button(key="add-moved").click().run()
    (item,) = state(app, "tray").items
    assert item.seed is None
    app.session_state["of_item"] = item.id
    app._page_hash = open_app("neighbours")._page_hash
    app = app.run()
    assert sentences(app) == []
    model, data = alpha
    image = model.generate(item.z[None])[0]
    nearest = evidence.nearest(model, data, image, "pixels", 1)
    assert shown(app)[0]["caption"].startswith(f"{nearest.distances[0]:.1f}")
