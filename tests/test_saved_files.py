"""Files that people saved with earlier versions open as before; see tests/data/README.md."""

import json
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

import gan_core
from explorer.state import arithmetic_file, tray, url_parts, url_state
from gan_core.data import media
from gan_core.latent_space import directions
from gan_core.networks import registry
from record_samples import FOLDER, names, samples, thinned
from support import ROOT

SAVED = ROOT / "tests" / "data" / "format-1"
EXPECTED = json.loads((SAVED / "expected.json").read_text("utf-8"))
RECORDED = json.loads((FOLDER / "samples.json").read_text("utf-8"))


def load(name):
    return gan_core.load(SAVED / "checkpoints" / name)


def levels_apart(images, path):
    """The largest difference between a picture and a recorded one, in levels of 256."""
    recorded = np.asarray(Image.open(path)).reshape(images.shape)
    return int(np.abs(images.astype(int) - recorded.astype(int)).max())


# CPUs and versions of PyTorch round differently, which can move a pixel by one level.


@pytest.mark.parametrize("name", EXPECTED)
def test_a_checkpoint_of_each_family_draws_what_it_drew(name):
    model = load(name)
    images = model.generate(model.prior.sample(4, seed=0))
    assert levels_apart(media.sheet(images), SAVED / "samples" / f"{name}.png") <= 1
    if EXPECTED[name]["realness"] is None:
        assert model.discriminator is None
    else:
        assert model.realness(images) == pytest.approx(EXPECTED[name]["realness"], abs=1e-3)


def test_every_family_of_format_1_is_among_them():
    known = {"dcgan", "residual", "resize", "upsample", "onnx"}
    assert {load(name).card["architecture"]["name"] for name in EXPECTED} == known
    assert known <= set(registry.FAMILIES | registry.IMPORTED)


def test_a_training_set_that_travels_opens():
    result = load("dcgan").training_set()
    assert (result.images.shape, result.held_out.shape) == ((5, 32, 32, 3), (1, 32, 32, 3))
    assert result.files == [f"{i}.png" for i in range(5)]
    assert result.attributes["striped"].tolist() == [0, 1, 0, 1, 0]


def test_saved_directions_open():
    result = directions.load(load("dcgan"))
    assert [d.name for d in result] == [f"{kind} one" for kind in directions.KINDS]
    assert [d.kind for d in result] == list(directions.KINDS)
    assert np.linalg.norm([d.vector for d in result], axis=1) == pytest.approx(1)


def test_a_saved_tray_opens():
    text = (SAVED / "tray.json").read_text("utf-8")
    items = tray.from_json(text)
    assert [(item.name, item.seed, item.psi) for item in items] == [
        ("From a seed", 3, 1.0),
        ("Trunçated ψ", 4, 0.7),
        ("On a path", None, 1.0),
    ]
    np.testing.assert_array_equal(items[0].z, load("dcgan").prior.sample(1, seed=3)[0])
    assert json.loads(tray.to_json(items)) == json.loads(text)


def test_a_saved_arithmetic_opens():
    content = (SAVED / "arithmetic.json").read_bytes()
    settings = json.loads((SAVED / "arithmetic-read.json").read_text("utf-8"))
    assert arithmetic_file.read(content, "dcgan", load("dcgan")) == settings


LINKS = (SAVED / "links.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("link", LINKS)
def test_a_saved_link_says_what_it_said(link):
    """What it is read as is written again as the same link."""
    page, _, query = link.partition("?")
    params = dict(parse_qsl(query, strict_parsing=True))
    view, unread = url_state.read(params, page)
    assert unread == []
    picks, lost = url_parts.read_tray(params["tray"])
    assert (picks, lost) == ([("dcgan", 3, 1.0, "z"), ("dcgan", 4, 0.7, "z")], 0)
    items = [tray.Item("", model, "", seed, psi, np.zeros(1)) for model, seed, psi, _ in picks]
    assert url_state.write(view, page, items) == params


def test_there_is_a_link_of_each_page_of_format_1():
    pages = {link.partition("?")[0] for link in LINKS}
    assert pages <= set(url_state.PAGES)
    assert len(pages) == 11


@pytest.mark.parametrize("name", names())
def test_a_shipped_model_draws_what_it_drew(name):
    """Pictures are frozen; after a new training `python tests/record_samples.py NAME` is due."""
    model, images = samples(name)
    assert model.hash == RECORDED[name]["weights"]
    assert levels_apart(thinned(images), FOLDER / f"{name}.png") <= 1
