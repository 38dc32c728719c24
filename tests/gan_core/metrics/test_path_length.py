"""How even a way through the latent space is: path lengths and D(x), and what a card tells."""

from types import SimpleNamespace

import numpy as np
import pytest

from gan_core import latent
from gan_core.metrics import path_length
from gan_core.util.errors import InputError

HASH = "0123456789ab"


class Linear:
    """A generator whose picture is z itself, judged by its first number."""

    prior = latent.Prior("normal", 8)
    weights, space, name, discriminator = HASH, "z", "toy", True

    def generate(self, z):
        return np.asarray(z, np.float32)

    def realness(self, images):
        return images[:, 0]


NETWORK = SimpleNamespace(name="toy", version="1", extract=lambda images, batch, progress: images)


def test_a_straight_line_is_walked_evenly():
    model = Linear()
    result = path_length.measure(model, NETWORK, n=20, seed=3)
    z = model.prior.sample(40, 3)
    wanted = np.square(z[:20].astype(float) - z[20:]).sum(1).mean()
    lerp = result["modes"]["lerp"]
    assert lerp["full"] == pytest.approx(wanted, rel=1e-4)
    assert lerp["ends"] == pytest.approx(wanted, rel=1e-4)
    assert lerp["realness"][0] == pytest.approx(z[:20, 0].mean(), abs=1e-5)
    assert lerp["realness"][-1] == pytest.approx(z[20:, 0].mean(), abs=1e-5)


def test_an_arc_is_longer_than_its_chord():
    modes = path_length.measure(Linear(), NETWORK, n=20)["modes"]
    assert modes["slerp"]["full"] > modes["lerp"]["full"]
    assert modes["slerp"]["realness"][0] == pytest.approx(modes["lerp"]["realness"][0], abs=1e-5)


def test_no_path_is_one_sentence():
    with pytest.raises(InputError, match="at least one path"):
        path_length.measure(Linear(), NETWORK, n=0)


def test_a_card_shows_measurements_of_its_own_weights():
    result = path_length.measure(Linear(), NETWORK, n=4)
    card = {"name": "toy", "files": {"generator.safetensors": HASH + "cdef"}}
    card["metrics"] = {"paths": result}
    assert path_length.mean_lengths(card)["lerp"] == result["modes"]["lerp"]["full"]
    assert "| slerp |" in path_length.card_section(card)
    card["files"] = {"generator.safetensors": "f" * 64}
    assert path_length.mean_lengths(card) == {}
    assert path_length.card_section(card) == ""


@pytest.mark.parametrize("paths", [None, 3, [], {"model": HASH}, {"model": HASH, "modes": [1]}])
def test_an_untrusted_card_gives_no_summary(paths):
    card = {"files": {"generator.safetensors": HASH}, "metrics": {"paths": paths}}
    assert path_length.mean_lengths(card) == {}
