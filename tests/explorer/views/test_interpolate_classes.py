"""The page Interpolate with a conditional model: a morph from one class into another."""

import itertools

import numpy as np
import pytest
import torch

import gan_core
from explorer.services import model_registry, renderer
from fields import sentences, state
from gan_core import latent
from gan_core.latent_space import classes
from support import save_conditional

NAMES = ["digit: 3", "digit: 5", "digit: 8", "glasses"]


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """A conditional model, the only one that the app sees."""
    folder = save_conditional(tmp_path / "digits", [3, 1], NAMES, nz=10)
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path))
    return gan_core.load(folder)


def strip(app):
    return state(app, "film-slerp-data")["sheet"]["src"]


def border(app):
    return [c.value for c in app.caption if "At the border between two classes" in c.value]


@pytest.mark.parametrize("mode", ["slerp", "lerp"])
@pytest.mark.parametrize("shares", [(1 / 3, 1 / 3, 1 / 3), (0.05, 0.75, 0.2)])
def test_a_path_between_two_classes_changes_once_and_passes_no_third(digits, mode, shares):
    digits.generator.shares[:3] = torch.tensor(shares)
    digit, _ = classes.groups_of(digits)
    for seed, (a, b) in itertools.product(range(6), itertools.permutations(digit.options, 2)):
        z = digits.prior.sample(1, seed)
        ends = np.concatenate([classes.with_class(digits, z, digit, one) for one in (a, b)])
        path = latent.path(ends, 101, mode)
        seen = [digit.options[i] for i in classes.chosen(digits, path)[:, 0]]
        assert [option for option, _ in itertools.groupby(seen)] == [a, b]


def test_the_classes_of_keyframes_are_set_and_stand_in_the_link(digits, open_app):
    app = open_app("interpolate", model="digits", keys="7,7")
    assert sentences(app) == []
    assert border(app) == []
    for key, option in (("key-class-0-0", 0), ("key-class-1-0", 2)):
        app = app.selectbox(key=key).set_value(option).run()
    assert app.query_params["key_classes"] == "digit:3;digit:8"
    z = renderer.latents(digits, [7])
    digit = classes.groups_of(digits)[0]
    ends = np.concatenate([classes.with_class(digits, z, digit, one) for one in ("3", "8")])
    expected = renderer.pictures(digits, latent.path(ends, 9, "slerp", False))
    assert len(np.unique(expected.reshape(9, -1), axis=0)) > 1
    assert strip(app) == renderer.sheet(expected)["src"]
    (sentence,) = border(app)
    assert "also passes" not in sentence
    app = app.segmented_control(key="set-source").set_value("tray").run()
    assert "key_classes" not in app.query_params


def test_the_classes_that_a_path_passes_through():
    ends = np.array([[0, 1], [2, 1]])
    path = np.array([[0, 1], [1, 1], [2, 0], [2, 1], [2, 1]])
    assert classes.passed(ends, path, 4) == [(0, 1), (1, 0)]
    assert classes.passed(ends, path[[0, 0, 3, 3, 4]], 4) == []


def test_a_third_class_on_the_way_is_named_until_both_classes_are_set(digits, open_app):
    for seed in range(100):
        keyframes = renderer.latents(digits, [seed, seed + 1])
        ends = classes.chosen(digits, keyframes)
        path = classes.chosen(digits, latent.path(keyframes, 65, "slerp"))
        between = classes.passed(ends, path, 64)
        if [group for group, _ in between] == [0]:
            break
    keys = f"{seed},{seed + 1}"
    (sentence,) = border(open_app("interpolate", model="digits", keys=keys))
    digit = classes.groups_of(digits)[0].options
    assert f"also passes through digit {digit[between[0][1]]};" in sentence
    a, b = (digit[i] for i in ends[:, 0])
    app = open_app("interpolate", model="digits", keys=keys, key_classes=f"digit:{a};digit:{b}")
    assert not any("also passes through" in text for text in border(app))


def test_other_models_have_no_such_menus(two_models, open_app):
    app = open_app("interpolate", model="alpha", keys="7,7", key_classes="digit:3;digit:8")
    assert not [box for box in app.selectbox if box.label == "Digit"]
    assert border(app) == []
