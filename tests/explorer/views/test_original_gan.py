"""Pages with the original GAN: perceptrons that draw grey pictures of 28 × 28.

What is live in a browser is replaced by buttons and text fields; see conftest.py.
"""

import base64
import io

import numpy as np
import pytest
from PIL import Image

import gan_core
from gan_core.data import training_set
from support import save_checkpoint, save_set
from test_app import fine, state

MLP = {"name": "mlp", "size": 28, "channels": 1, "ngf": 16, "ndf": 4}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a model with its training images."""
    place = tmp_path_factory.mktemp("checkpoints")
    data = save_set(place.parent / "digits-set", n=64, size=28, channels=1, held_out=8)
    save_checkpoint(place / "digits", architecture=MLP, training_set=training_set.read_card(data))
    training_set.embed(data, place / "digits" / "training_set")
    return place / "digits"


@pytest.fixture
def digits(saved, folders):
    """The same, shown by the app; returns its Model."""
    folders(saved.parent)
    return gan_core.load(saved)


def shown(src):
    """The pixels of a picture in a page, uint8 (H, W, 3)."""
    encoded = base64.b64decode(src.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        "browse",
        "latents",
        "interpolate",
        "directions",
        "arithmetic",
        "neighbours",
        "memorisation",
        "photo",
        "card",
    ],
)
def test_every_page_opens(digits, open_app, page):
    fine(open_app(page, model="digits", seed=3))


@pytest.mark.slow
def test_the_picture_on_latents_is_what_the_generator_draws(digits, open_app):
    app = open_app("latents", model="digits", seed=3, psi=1.0)
    given = state(app, "latents-canvas-data")
    z = np.float32(given["values"])[None]
    picture = shown(given["exact"]["src"])
    assert picture.shape == (28, 28, 3)
    assert np.array_equal(picture, digits.generate(z)[0].repeat(3, 2))
