"""The page Neighbours, without a browser: what is shown, beside what, and with which words."""

import dataclasses
import io
import itertools
import json
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import browsing
import gan_core
import picture_cases
from explorer.services import background, nearest, references, training_data
from explorer.widgets import copy_sentences, distance_space
from fields import field, sentences, state
from gan_core import latent
from gan_core.data import media, training_set
from gan_core.metrics import copy_answer
from gan_core.search import feature_index


def shown(app, space=""):
    """The tiles of one space, of the one that is compared large when none is named."""
    view = state(app, "view")
    end = "" if view.ask == "training" else f"-{space or view.space}"
    return state(app, f"neighbour-tiles{end}-data")["tiles"]


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
    monkeypatch.setenv("LATENT_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv(training_data.VARIABLE, str(tmp_path / "sets"))
    monkeypatch.setattr(background, "PATIENCE", 60)  # AppTest looks once, and not again
    monkeypatch.setattr(nearest, "SAMPLES", 30)
    return gan_core.load(directory), training_set.load(data)


def expected(model, data, seed):
    """Root mean square differences to the images and their mirror images, the smaller of both."""
    image = model.generate(model.prior.sample(1, seed))[0].astype(np.float64)
    images = np.asarray(data.images).astype(np.float64)
    both = [np.square(images[:, :, ::way] - image).mean(axis=(1, 2, 3)) for way in (1, -1)]
    return np.sqrt(np.minimum(*both))


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_click_puts_another_neighbour_beside_the_sample(alpha, open_app):
    model, data = alpha
    app = open_app("neighbours", model="alpha", of="5")
    app = app.button(key="neighbour-tiles-pixels-2").click().run()
    assert [tile["current"] for tile in shown(app)].index(True) == 2
    third = np.argsort(expected(model, data, 5), kind="stable")[2]
    assert f"Number {third} " in " ".join(caption.value for caption in app.caption)


@pytest.mark.slow
def test_another_seed_and_another_space_stand_in_the_link(alpha, open_app):
    app = open_app("neighbours", model="alpha")
    app = field(app, "set-of").set_value(9).run()
    assert (state(app, "link")["of"], sentences(app)) == ("9", [])
    app = field(app, "set-space").set_value("discriminator").run()
    assert (state(app, "link")["space"], sentences(app)) == ("discriminator", [])
    assert float(shown(app)[0]["caption"].split()[0]) <= float(shown(app)[7]["caption"].split()[0])


def test_a_training_image_is_its_own_neighbour_at_distance_0(alpha):
    model, data = alpha
    for space in ("pixels", "discriminator"):
        result = nearest.find(model, data, np.asarray(data.images[7]), space, 3)
        assert result.indices[0] == 7
        assert result.distances[0] == pytest.approx(0, abs=1e-6)
    mirrored = np.ascontiguousarray(data.images[7][:, ::-1])
    result = nearest.find(model, data, mirrored, "pixels", 1)
    assert (result.indices[0], result.distances[0], result.mirrored[0]) == (7, 0, True)


def test_where_a_distance_stands_among_real_ones(alpha):
    model, data = alpha
    assert references.percentiles(model, data, 0.0, "pixels") == {"held-out": 0, "training": 0}
    assert references.percentiles(model, data, 1e6, "pixels") == {"held-out": 100, "training": 100}
    middle = references.real_distances("pixels", model, data)["held-out"]
    assert len(middle) == 12
    assert 25 < references.percentiles(model, data, np.median(middle), "pixels")["held-out"] < 75


@pytest.mark.slow
@pytest.mark.parametrize("space", ["pixels", "discriminator"])
def test_nothing_lies_nearer_than_an_exact_copy(alpha, open_app, space, tmp_path, monkeypatch):
    """Though many held-out images and training images are copies too."""
    model, data = alpha
    images = np.concatenate([data.images[:10], data.images[:10]])
    with training_set.writing(tmp_path / "twice", 32, 3, {"name": "twice"}) as writer:
        for i, image in enumerate(images):
            writer.add(image, f"{i}.png")
        for i, image in enumerate([*data.images[:8], *data.held_out]):
            writer.add(image, f"held-{i}.png", held_out=True)
    twice = training_set.load(tmp_path / "twice")
    monkeypatch.setattr(training_data, "training_images", lambda _: twice)
    app = open_app("neighbours", model="alpha", ask="upload", space=space)
    app = upload(app, encoded(data.images[3]))
    assert sentences(app) == []
    assert "the distance is 0" in markdown(app)
    if space == "pixels":
        assert "**An exact copy.** This picture equals training image 3" in markdown(app)
    assert "**0 %** of held-out images" in markdown(app)
    assert "**0 %** of training images" in markdown(app)
    assert "has an exact duplicate in the training set, number 13" in markdown(app)
    real = references.real_distances(space, model, twice)
    assert len(real["held-out"]) == 12
    assert real["held-out"].min() > 0
    assert "8 held-out images equal a training image and were excluded" in captions(app)
    assert "**Not authentic**" in markdown(app)


@pytest.mark.slow
def test_near_duplicates_are_taken_from_pixels_in_every_space(alpha, open_app, monkeypatch):
    model, data = alpha
    monkeypatch.setattr(references, "NEAR", 1e6)
    for space in ("pixels", "discriminator"):
        app = open_app("neighbours", model="alpha", of="5", space=space)
        image = model.generate(model.prior.sample(1, 5))[0]
        closest = int(nearest.find(model, data, image, space, 1).indices[0])
        twin = nearest.own_nearest(model, data, closest, "pixels").indices[0]
        assert f"has a near-duplicate in the training set, number {twin}" in markdown(app)


def test_a_share_is_called_none_only_when_it_is():
    texts = [distance_space.percent_text(share) for share in (0, 0.2, 3.4, 99.7, 100)]
    assert texts == ["0 %", "Less than 1 %", "3 %", "More than 99 %", "100 %"]


@pytest.mark.slow
def test_missing_images_are_explained(alpha, open_app, monkeypatch):
    monkeypatch.delenv(training_data.VARIABLE)
    (sentence,) = sentences(open_app("neighbours", model="alpha"))
    assert "Ask somebody." in sentence
    assert "pack it" in sentence
    assert "--data" in sentence
    app = open_app("neighbours", model="alpha", ask="upload")
    assert len(sentences(app)) == 1
    keys = [field.key for field in app.get("file_uploader")]
    assert "picture-upload" not in keys  # nothing would come of it


@pytest.mark.slow
def test_the_answer_stands_first_with_its_evidence(alpha, open_app, monkeypatch):
    """Computed from the distances of this model's own held-out images."""
    monkeypatch.setattr(copy_answer, "LEAST_HELD_OUT", 10)
    model, data = alpha
    app = open_app("neighbours", model="alpha", of="5")
    image = model.generate(model.prior.sample(1, 5))[0]
    said = {}
    for space in ("pixels", "discriminator"):
        found = nearest.find(model, data, image, space, 1)
        distance = found.distances[0]
        share = references.percentiles(model, data, distance, space)["held-out"][0]
        own = nearest.own_nearest(model, data, int(found.indices[0]), space)
        authentic = distance > own.distances[0]
        said[space] = copy_answer.SampleEvidence(float(distance), share, 12, authentic)
    result = copy_answer.of_sample(said)
    wanted = copy_sentences.of_sample(result, said, "sample")
    bold = [element.value for element in app.main.markdown if "**" in element.value]
    (first, *_) = [text for text in bold if not text.startswith("**")]  # which terms do
    assert first.endswith(wanted)
    (why,) = [expander for expander in app.expander if expander.label == "Why"]
    assert sum("of held-out images are closer" in one.value for one in why.markdown) == 2
    app = field(open_app("neighbours", model="alpha", ask="training"), "set-image").set_value(3)
    assert any("memorised" in element.value for element in app.run().main.markdown)


@pytest.mark.slow
def test_models_that_come_with_their_images_are_one_click_away(
    alpha, make_checkpoint, open_app, tmp_path, monkeypatch
):
    monkeypatch.delenv(training_data.VARIABLE)
    other = make_checkpoint("models/other", nz=8, seed=2)
    training_set.embed(tmp_path / "sets" / "noise", other / "training_set")
    card = json.loads((other / "model.json").read_text("utf-8"))
    card["training_set"] = {"fingerprint": alpha[1].fingerprint}
    (other / "model.json").write_text(json.dumps(card), "utf-8")
    third = make_checkpoint("models/third", nz=8, seed=3)
    card = json.loads((third / "model.json").read_text("utf-8"))
    card["training_set"] = {"fingerprint": "0" * 64, "how": "Ask."}
    (third / "model.json").write_text(json.dumps(card), "utf-8")
    assert training_data.with_images() == ["alpha", "other"]
    app = open_app("neighbours", model="third", of="4")
    assert "**No answer for third**" in markdown(app)
    app = app.button(key="with-images-other").click().run()
    assert state(app, "view").model == "other"
    assert sentences(app) == []
    assert state(app, "view").of == 4


def test_other_images_are_not_taken_for_the_models(
    alpha, make_set, open_app, tmp_path, monkeypatch
):
    make_set("others/noise", n=40, seed=9)
    monkeypatch.setenv(training_data.VARIABLE, str(tmp_path / "others"))
    (sentence,) = sentences(open_app("neighbours", model="alpha"))
    assert "--data" in sentence


@pytest.mark.slow
def test_images_that_look_alike_are_used_with_a_warning(
    alpha, make_set, tmp_path, monkeypatch, open_app
):
    """Of noise a level more in every second pixel changes no bit that tells of a picture."""
    data = alpha[1]
    with training_set.writing(tmp_path / "others" / "near", 32, 3, {"name": "near"}) as writer:
        for image in data.images:
            writer.add(image ^ 1, "again.png")
    monkeypatch.setenv(training_data.VARIABLE, str(tmp_path / "others"))
    app = open_app("neighbours", model="alpha")
    assert sentences(app) == []
    assert any("These look like the images" in caption.value for caption in app.caption)
    monkeypatch.setenv(training_data.VARIABLE, str(tmp_path / "sets"))
    app = open_app("neighbours", model="alpha")
    assert not any("These look like the images" in caption.value for caption in app.caption)


def test_the_pack_command_is_shown_without_its_sentences():
    about = {"command": "python -m gan_core pack a b --licence 'Ask me.' --crop 0.8 --how It\\'s"}
    assert training_data.pack_command(about) == "python -m gan_core pack a b --crop 0.8"
    assert "pack FOLDER" in training_data.pack_command({"command": "a 'quote that never ends"})
    assert "pack FOLDER" in training_data.pack_command({})


@pytest.mark.slow
def test_a_picture_of_the_tray_without_a_seed(alpha, open_app):
    app = open_app("latents", model="alpha", start="5", coords="3:2")
    app = app.button(key="add-moved").click().run()
    (item,) = state(app, "tray").items
    assert item.seed is None
    app = app.button(key="ask-moved").click().run()
    assert sentences(app) == []
    assert state(app, "page") == "neighbours"
    model, data = alpha
    image = model.generate(item.z[None])[0]
    closest = nearest.find(model, data, image, "pixels", 1)
    assert shown(app)[0]["caption"].startswith(f"{closest.distances[0]:.1f}")
    # A reload, and somebody else, see the same.
    again = open_app("neighbours", **state(app, "link"))
    assert sentences(again) == []
    assert shown(again) == shown(app)
    # A seed that is typed leaves it.
    app._page_hash = again._page_hash  # AppTest goes back to the page that it was opened on
    app = field(app, "set-of").set_value(3).run()
    assert "picture" not in state(app, "link")
    assert shown(app) == shown(open_app("neighbours", model="alpha", of="3"))


@pytest.mark.slow
def test_a_picture_of_the_tray_with_another_psi(alpha, open_app):
    """The tray item's name tells the seed alone; what is drawn hangs on ψ too."""
    model, data = alpha
    app = open_app("neighbours", model="alpha", of="2", tray="alpha:5@0.4")
    (item,) = state(app, "tray").items
    app = app.button(key=f"of-tiles-{item.id}").click().run()
    assert state(app, "link") | {"of": "5", "picture": "5@0.4"} == state(app, "link")
    image = model.generate(item.z[None])[0]
    closest = nearest.find(model, data, image, "pixels", 1)
    assert shown(app)[0]["caption"].startswith(f"{closest.distances[0]:.1f}")
    assert app.get("image")[0].proto.imgs[0].caption == "Seed 5, ψ = 0.4"


@pytest.mark.slow
def test_the_path_leads_here_for_the_picture_under_its_slider(alpha, open_app):
    model, data = alpha
    app = open_app("interpolate", model="alpha", keys="3,4", at="0.5")
    app = app.button(key="ask-slerp").click().run()
    assert sentences(app) == []
    assert state(app, "page") == "neighbours"
    ends = np.concatenate([model.prior.sample(1, seed) for seed in (3, 4)])
    image = model.generate(latent.at(ends, np.array([0.5]), "slerp", False))[0]
    closest = nearest.find(model, data, image, "pixels", 1)
    assert shown(app)[0]["caption"].startswith(f"{closest.distances[0]:.1f}")


@pytest.mark.slow
def test_a_picture_that_is_not_stored_is_reported(alpha, open_app):
    app = open_app("neighbours", model="alpha", of="5", picture="~0123456789ab")
    (sentence,) = sentences(app)
    assert "Seed 5 is shown" in sentence
    assert shown(app) == shown(open_app("neighbours", model="alpha", of="5"))


@pytest.mark.slow
def test_pixels_and_features_stand_one_under_the_other(alpha, open_app):
    model, data = alpha
    app = open_app("neighbours", model="alpha", of="5", k="4")
    assert sentences(app) == []
    image = model.generate(model.prior.sample(1, 5))[0]
    for space, unit in (("pixels", "levels"), ("discriminator", "")):
        result = nearest.find(model, data, image, space, 4)
        assert len(shown(app, space)) == 4
        assert data.files[result.indices[0]] in shown(app, space)[0]["label"]
        assert shown(app, space)[0]["caption"].startswith(
            distance_space.distance_text(result.distances[0], space).removesuffix(f" {unit}")
        )
    assert markdown(app).count("of held-out images are closer to a training image") == 2
    # A click puts a neighbour of the other space beside the picture.
    app = app.button(key="neighbour-tiles-discriminator-1").click().run()
    assert state(app, "link")["space"] == "discriminator"
    assert [tile["current"] for tile in shown(app)] == [False, True, False, False]
    assert not any(tile["current"] for tile in shown(app, "pixels"))
    app = field(app, "set-k").set_value(16).run()
    assert len(shown(app)) == len(shown(app, "pixels")) == 16


def captions(app):
    return " ".join(element.value for element in app.caption)


def markdown(app):
    return " ".join(element.value for element in app.markdown)


@pytest.mark.slow
def test_the_rule_of_authenticity_and_its_confounder(alpha, open_app):
    model, data = alpha
    app = open_app("neighbours", model="alpha", of="5")
    order = np.argsort(expected(model, data, 5), kind="stable")
    images = np.asarray(data.images).astype(np.float64)
    ways = [np.square(images[:, :, ::way] - images[order[0]]).mean((1, 2, 3)) for way in (1, -1)]
    own = np.sqrt(np.delete(np.minimum(*ways), order[0]).min())
    authentic = expected(model, data, 5)[order[0]] > own
    assert f"**{'Authentic' if authentic else 'Not authentic'}**" in markdown(app)
    assert f"its own nearest neighbour it is {own:.1f} levels" in markdown(app)
    assert "near-duplicate" not in markdown(app)


def test_a_copy_is_not_authentic_but_beside_a_duplicate(
    alpha, make_set, open_app, tmp_path, monkeypatch
):
    model, _ = alpha
    images = np.asarray(training_set.load(make_set("plain", n=20)).images)
    for place, twin in (("one", False), ("two", True)):
        shown = np.concatenate([images, images[3:4]]) if twin else images
        with training_set.writing(tmp_path / place, 32, 3, {"name": place}) as writer:
            for i, image in enumerate(shown):
                writer.add(image, f"{i}.png")
        data = training_set.load(tmp_path / place)
        result = nearest.find(model, data, images[3], "pixels", 2)
        own = nearest.own_nearest(model, data, 3, "pixels")
        assert result.distances[0] == 0
        assert bool(own.distances[0] == 0) == twin
        assert not result.distances[0] > own.distances[0]


def test_neighbours_follow_a_path(alpha, open_app):
    model, data = alpha
    app = open_app("neighbours", model="alpha", ask="path", keys="3,4", step="4")
    assert sentences(app) == []
    grid = state(app, "pair-tiles-data")
    assert grid["sheet"]["tall"] == 2
    assert [tile["key"] for tile in grid["tiles"]] == [True] + [False] * 3 + [True]
    for tile, seed in ((grid["tiles"][0], 3), (grid["tiles"][-1], 4)):
        distances = expected(model, data, seed)
        assert f"training image {distances.argmin()} below" in tile["label"]
        assert f"{distances.min():.1f} levels" in tile["label"]
        shares = references.percentiles(model, data, distances.min(), "pixels")["held-out"]
        assert tile["caption"] == distance_space.short_percent_text(shares[0])
    app = app.button(key="pair-tiles-1.0000").click().run()
    assert state(app, "link") | {"at": "1"} == state(app, "link")
    assert state(app, "link")["keys"] == "3,4"
    sheet = media.sheet(np.stack([model.generate(model.prior.sample(1, 4))[0]]))
    closest = data.images[expected(model, data, 4).argmin()]
    exact = state(app, "beside-canvas-data")
    assert (exact["width"], exact["height"]) == (64, 32)
    drawn = nearest.Beside(model, data, "pixels").generate(model.prior.sample(1, 4))[0]
    np.testing.assert_array_equal(drawn[:, :32], sheet)
    either = [np.array_equal(drawn[:, 32:], closest[:, ::way]) for way in (1, -1)]
    assert any(either)


@pytest.mark.slow
def test_the_nearest_samples_of_a_training_image(alpha, open_app):
    model, data = alpha
    app = open_app("neighbours", model="alpha", ask="training", image="7")
    assert sentences(app) == []
    samples = model.generate(np.concatenate([model.prior.sample(1, s) for s in range(30)]))
    own = data.images[7].astype(np.float64)
    ways = [np.square(samples[:, :, ::way] - own).mean((1, 2, 3)) for way in (1, -1)]
    distances = np.sqrt(np.minimum(*ways))
    order = np.argsort(distances, kind="stable")[:8]
    assert [tile["caption"].split()[0] for tile in shown(app)] == [
        f"{distances[i]:.1f}" for i in order
    ]
    assert f"seed {order[0]}" in shown(app)[0]["label"]
    assert "Number 7 · 7.png" in captions(app).replace("\\", "")
    app = next(b for b in app.button if b.label == "Add to tray").click().run()
    assert [item.seed for item in state(app, "tray").items] == [order[0]]


@pytest.mark.slow
def test_a_number_beyond_the_set_is_its_last_image(alpha, open_app):
    app = open_app("neighbours", model="alpha", ask="training", image="999")
    assert sentences(app) == []
    assert state(app, "view").image == 39


def encoded(image, kind="PNG", mode="RGB", **options):
    buffer = io.BytesIO()
    Image.fromarray(image).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def bomb(side=40_000):
    """The beginning of a PNG that says it has side × side pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def upload(app, content, name="mine.png"):
    return app.file_uploader(key="picture-upload").upload(name, content).run()


@pytest.mark.slow
def test_a_picture_of_ones_own(alpha, open_app):
    _, data = alpha
    app = open_app("neighbours", model="alpha", ask="upload")
    assert sentences(app) == []
    app = upload(app, encoded(data.images[11]))
    assert sentences(app) == []
    assert data.files[11] in shown(app)[0]["label"]
    assert shown(app)[0]["caption"].startswith("0.0")
    assert "**Not authentic**" in markdown(app)
    # It is still there after a look elsewhere.
    app = field(app, "set-ask").set_value("sample").run()
    app = field(app, "set-ask").set_value("upload").run()
    assert data.files[11] in shown(app)[0]["label"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
@pytest.mark.parametrize("size", [(32, 32), (50, 31), (1, 7)])
def test_pictures_of_any_kind_fit(alpha, mode, size):
    model, data = alpha
    picture = np.asarray(Image.fromarray(data.images[2]).resize(size))
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = training_data.read_picture(encoded(picture, kind, mode), model, data)
    assert (image.shape, image.dtype) == ((32, 32, 3), np.uint8)


def test_a_16_bit_picture_is_scaled_as_the_training_images_were(alpha):
    model, data = alpha
    picture = encoded(np.full((32, 32), 1000, np.uint16), "PNG", "I;16")
    assert training_data.read_picture(picture, model, data).max() == 255  # by its own brightest
    known = dataclasses.replace(data, card=data.card | {"brightest": 4000})
    assert set(training_data.read_picture(picture, model, known).ravel()) == {64}
    colour = picture_cases.colour(picture_cases.png_of_16_bits, "png", (1000, 500, 250))["0.png"]
    assert training_data.read_picture(colour, model, data)[16, 16].tolist() == [255, 128, 64]
    assert training_data.read_picture(colour, model, known)[16, 16].tolist() == [64, 32, 16]


def test_the_first_picture_of_an_animation(alpha):
    model, data = alpha
    film = media.gif(np.stack([np.zeros((32, 32, 3)), np.full((32, 32, 3), 255)]).astype(np.uint8))
    assert training_data.read_picture(film, model, data).max() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a picture"),
        (b"only words", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (bomb(), "more than 25 million pixels"),
        (bomb(5_001), "more than 25 million pixels"),
        (bomb(64), "cannot be read"),
        (b"\0" * (training_data.MAX_BYTES + 1), "larger than 5 MB"),
    ],
    ids=["empty", "text", "postscript", "bomb", "many pixels", "damaged", "large"],
)
def test_a_file_that_is_not_a_picture_gets_a_sentence(alpha, open_app, content, words):
    app = upload(open_app("neighbours", model="alpha", ask="upload"), content)
    (sentence,) = sentences(app)
    assert words in sentence
    assert "mine.png" in sentence.replace("\\", "")  # another one may have been refused since


@pytest.mark.slow
def test_images_changed_on_disk_are_noticed(alpha, open_app):
    _, data = alpha
    app = open_app("neighbours", model="alpha")
    assert sentences(app) == []
    path = data.images.filename
    content = bytearray(Path(path).read_bytes())
    content[-1] ^= 255
    with open(path, "r+b") as file:
        file.write(content)
    state_of = os.stat(path)
    os.utime(path, ns=(state_of.st_atime_ns, state_of.st_mtime_ns + 10**9))
    for space in ("pixels", "discriminator"):
        app = field(app, "set-space").set_value(space).run()
        (sentence,) = sentences(app)
        assert "pack the training set again" in sentence
    content[-1] ^= 255  # as it was
    with open(path, "r+b") as file:
        file.write(content)
    assert sentences(app.run()) == []


@pytest.mark.slow
def test_two_sessions_at_once(alpha, open_app):
    model, data = alpha
    one = open_app("neighbours", model="alpha", of="5")
    two = open_app("neighbours", model="alpha", of="6", space="discriminator")
    one = one.button(key="neighbour-tiles-pixels-3").click().run()
    two = two.run()
    assert [t["current"] for t in shown(one)].index(True) == 3
    assert [t["current"] for t in shown(two)].index(True) == 0
    images = np.asarray(data.images[:8])
    expected_results = {
        s: nearest.search(model, data, images, s, 3) for s in ("pixels", "discriminator")
    }
    results = []

    def ask(space):
        for _ in range(5):
            results.append((space, nearest.search(model, data, images, space, 3)))

    threads = [threading.Thread(target=ask, args=(s,)) for s in ("pixels", "discriminator") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 20
    for space, parts in results:
        for part, wanted in zip(parts, expected_results[space], strict=True):
            np.testing.assert_array_equal(part, wanted)


def test_background_work_is_done_once_and_shows_progress():
    begun, go = [], threading.Event()

    def work(tell):
        begun.append(1)
        tell("Counting", 0.5)
        go.wait(60)

    started_jobs = [background.start("a test", work) for _ in range(3)]
    assert background.under_way("a test")
    go.set()
    assert all(job.ended.wait(60) for job in started_jobs)
    assert (begun, started_jobs[0].words, started_jobs[0].share) == ([1], "Counting", 0.5)
    background.forget("a test")
    assert background.start("a test", work).ended.wait(60)
    assert len(begun) == 2


def test_work_that_fails_is_a_sentence_and_can_be_done_again(monkeypatch):
    monkeypatch.setattr(background, "PATIENCE", 60)

    def fail(tell):
        raise gan_core.InputError("It cannot be done.")

    with pytest.raises(gan_core.InputError, match="It cannot be done"):
        background.done("a failing test", fail)
    assert background.done("a failing test", lambda tell: None)


def test_features_of_d_take_a_turn_for_each_batch(alpha):
    model, data = alpha
    network, held = feature_index.discriminator_features(model), []

    class Turn:
        def __enter__(self):
            held.append(1)

        def __exit__(self, *_):
            pass

    model.turn = Turn()
    network.extract(np.asarray(data.images[:10]), batch=4)
    assert len(held) == 3


# In a real browser.


def brute_force(data, image):
    """The pictures that may stand beside an image: the nearest training image, either way round."""
    image, least, nearest_part = image.astype(np.int32), None, None
    for start in range(0, len(data.images), 500):
        part = data.images[start : start + 500].astype(np.int32)
        for way in (1, -1):
            distances = np.square(part[:, :, ::way] - image).sum((1, 2, 3))
            if least is None or distances.min() < least:
                least, nearest_part = distances.min(), part[distances.argmin(), :, ::way]
    return nearest_part.astype(np.uint8)


def test_the_neighbour_follows_the_slider(visit, avatars):
    page = visit("neighbours?model=avatars&ask=path&keys=1,2&step=4")
    data = avatars.training_set()
    side = avatars.size
    for seed, key in ((1, None), (2, "End")):
        if key:
            page.locator(".live input[type=range]").press(key)
            browsing.address_has(page, "at=1")
        picture, wanted = browsing.exact(page), browsing.drawn(avatars, seed)
        assert picture.shape == (side, 2 * side, 3)
        assert browsing.apart(picture[:, :side], wanted) < 1
        assert browsing.apart(picture[:, side:], brute_force(data, wanted)) < 1
    browsing.no_trouble(page)
    # While it moves the browser shows frames of a strip: the neighbour beside each sample.
    slider = page.locator(".live input[type=range]")
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.95, middle)
    page.mouse.down()
    places = itertools.cycle((0.5, 0.6))

    def moved():
        page.mouse.move(box["x"] + box["width"] * next(places), middle)
        return ":" in browsing.shown(page)

    browsing.until(page, moved)
    count, frame = map(int, browsing.shown(page).split(":"))
    picture = browsing.canvas_pixels(page)
    page.mouse.up()
    start, end = (avatars.prior.sample(1, s)[0] for s in (1, 2))
    z = latent.at(np.stack([start, end]), np.array([frame / (count - 1)]), "slerp", False)
    wanted = avatars.generate(z)[0]
    assert browsing.apart(picture[:, :side], wanted) < 6  # a JPEG of a noisy picture
    assert browsing.apart(picture[:, side:], brute_force(data, wanted)) < 6


@pytest.mark.slow
def test_images_that_travel_with_another_model_serve_too(
    alpha, make_checkpoint, open_app, tmp_path, monkeypatch
):
    model, data = alpha
    monkeypatch.setenv(training_data.VARIABLE, "")
    assert any("do not come with it" in sentence for sentence in sentences(opened(open_app)))
    other = make_checkpoint("models/other", nz=8, seed=2)
    training_set.embed(tmp_path / "sets" / "noise", other / "training_set")
    result = training_data.training_images(model)
    assert result.fingerprint == data.fingerprint
    np.testing.assert_array_equal(result.images, data.images)
    assert sentences(opened(open_app)) == []


def opened(open_app):
    return open_app("neighbours", model="alpha")
