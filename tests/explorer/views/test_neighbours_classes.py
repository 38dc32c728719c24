"""The page Neighbours with a conditional model: only images of the sample's class are searched."""

import numpy as np
import pytest

import gan_core
from explorer.services import background, model_registry, nearest, training_data
from fields import sentences, state
from gan_core.data import training_set
from gan_core.latent_space import classes
from support import pictures, save_conditional

NAMES = ["digit: 3", "digit: 8", "hair_colour: black", "hair_colour: red", "glasses"]
SEED = 3


def save_labelled(directory, digits):
    """Write a set of noise with columns of classes; returns its directory."""
    card = {"name": "labelled", "source": "noise", "licence": "CC0"}
    card["framing"] = {"crop": 1.0, "size": 32, "channels": 3}
    columns = ["digit", "hair_colour", "glasses"]
    with training_set.writing(directory, 32, 3, card, columns) as writer:
        for i, image in enumerate(pictures(len(digits), 32, 3, 0)):
            row = {"digit": digits[i], "hair_colour": ["black", "red"][i // 2 % 2]}
            writer.add(image, f"{i}.png", row | {"glasses": i // 4 % 2}, held_out=i >= 80)
    return directory


@pytest.fixture
def labelled(tmp_path, monkeypatch):
    """(a conditional model, its labelled training images), the only ones that the app sees."""
    data = save_labelled(tmp_path / "sets/labelled", ["38"[i % 2] for i in range(92)])
    about = training_set.read_card(data) | {"how": "Ask somebody.", "command": "pack it"}
    folder = save_conditional(
        tmp_path / "models/digits", [2, 2, 1], NAMES, nz=10, training_set=about
    )
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path / "models"))
    monkeypatch.setenv(training_data.VARIABLE, str(tmp_path / "sets"))
    monkeypatch.setattr(background, "PATIENCE", 60)
    return gan_core.load(folder), training_set.load(data)


def of_class(model, data, z):
    digit, hair, glasses = classes.chosen(model, z[None])[0]
    i = np.arange(len(data.images))
    return i[(i % 2 == digit) & (i // 2 % 2 == hair) & (i // 4 % 2 == glasses)]


def shown(app):
    """Captions of the neighbours in pixels."""
    return [t["caption"] for t in state(app, "neighbour-tiles-pixels-data")["tiles"]]


def headings(app):
    return [heading.value for heading in app.subheader if heading.value != "Tray"]


def test_the_training_images_of_the_class_of_a_latent(labelled):
    model, data = labelled
    for seed in range(8):
        z = model.prior.sample(1, seed)[0]
        assert np.array_equal(classes.images_of_class(model, data, z), of_class(model, data, z))
    del data.attributes["glasses"]
    assert classes.images_of_class(model, data, z) is None


@pytest.mark.slow
def test_only_images_of_the_class_are_searched(labelled, open_app):
    model, data = labelled
    z = model.prior.sample(1, SEED)[0]
    rows, image = of_class(model, data, z), model.generate(z[None])[0]
    app = open_app("neighbours", model="digits", of=str(SEED))
    assert sentences(app) == []
    assert headings(app) == ["Nearest of 80 training images"]
    everywhere = shown(app)
    (control,) = [g for g in app.get("button_group") if g.label == "Search"]
    app = control.set_value(True).run()
    matches = nearest.find(model, data, image, "pixels", 8, rows)
    assert set(matches.indices) <= set(rows)
    assert shown(app) != everywhere
    assert [caption.split()[0] for caption in shown(app)] == [f"{d:.1f}" for d in matches.distances]
    digit, hair, glasses = classes.chosen(model, z[None])[0]
    words = f"digit {'38'[digit]}, hair colour {['black', 'red'][hair]}"
    words += f", glasses: {['no', 'yes'][glasses]}"
    assert headings(app) == [f"Nearest of {len(rows)} training images of its class, {words}"]
    assert app.query_params["same_class"] == "1"
    # Whether it is a copy is still asked of all images.
    nearest_of_all = int(nearest.find(model, data, image, "pixels", 1).indices[0])
    assert nearest_of_all not in rows


def test_a_class_without_training_images_searches_all_of_them(labelled, open_app, monkeypatch):
    monkeypatch.setattr(classes, "images_of_class", lambda *_: np.empty(0, np.int64))
    app = open_app("neighbours", model="digits", of=str(SEED), same_class="1")
    assert headings(app) == ["Nearest of 80 training images"]
    assert any("No training image has the class of this sample" in i.value for i in app.info)


@pytest.mark.slow
def test_other_models_have_no_such_choice(two_models, open_app):
    app = open_app("neighbours", model="alpha", same_class="1")
    assert not [g for g in app.get("button_group") if g.label == "Search"]
