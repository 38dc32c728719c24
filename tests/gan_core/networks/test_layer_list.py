"""Networks described by lists of layers: what is built, and what is refused before it is built."""

import json

import pytest
import torch

from gan_core.networks import registry
from gan_core.util.errors import InputError


def convolution(given, made, **changes):
    sizes = {"kernel": 4, "stride": 2, "padding": 1, "output_padding": 0, "bias": False}
    return {"kind": "conv_transpose", "in": given, "out": made, **sizes, **changes}


def description():
    layers = [
        convolution(6, 8, stride=1, padding=0),
        {"kind": "batch_norm", "width": 8, "eps": 1e-5},
    ]
    layers += [{"kind": "leaky_relu", "slope": 0.2}, convolution(8, 3), {"kind": "tanh"}]
    judging = [
        {"kind": "conv", "in": 3, "out": 4, "kernel": 4, "stride": 2, "padding": 1, "bias": True}
    ]
    judging += [{"kind": "leaky_relu", "slope": 0.2}, {"kind": "flatten"}]
    judging += [{"kind": "linear", "in": 64, "out": 1, "bias": True}]
    sizes = {"name": "layers", "size": 8, "channels": 3, "nz": 6}
    return {**sizes, "layers": layers, "discriminator_layers": judging}


def test_a_description_becomes_both_networks():
    generator, judge = registry.build(description())
    images = generator.eval()(torch.randn(2, 6))
    assert images.shape == (2, 3, 8, 8)
    assert judge.eval()(images).shape == (2,)
    assert judge.features(images).shape == (2, 64)
    alone = registry.of_generator(description())
    assert registry.build(alone)[1] is None


def change(place, **values):
    def edit(about):
        about["layers"][place].update(values)

    return edit


WRONG = {
    "no list": (lambda about: about.update(layers={"a": 1}), "must be a list"),
    "an empty list": (lambda about: about.update(layers=[]), "must be a list"),
    "too many": (lambda about: about.update(layers=[{"kind": "relu"}] * 500), "must be a list"),
    "no object": (lambda about: about["layers"].insert(1, 5), "Entry 1 .* no known layer"),
    "an unknown kind": (change(1, kind="exec"), "Entry 1 .* no known layer"),
    "a kind of another type": (change(1, kind=["relu"]), "Entry 1 .* no known layer"),
    "a field too many": (change(2, path="x"), "Entry 2 .* no known layer"),
    "a negative stride": (change(3, stride=-2), "Entry 3 .* unusable stride"),
    "no stride": (change(3, stride=0), "Entry 3 .* unusable stride"),
    "a huge kernel": (change(3, kernel=2**40), "Entry 3 .* unusable kernel"),
    "a fraction": (change(3, padding=0.5), "Entry 3 .* unusable padding"),
    "true as a number": (change(3, padding=True), "Entry 3 .* unusable padding"),
    "widths that do not fit": (change(3, **{"in": 9}), "Entry 3 .* does not fit its input"),
    "a huge map": (change(3, stride=2**19), "Entry 3 .* does not fit its input"),
    "another size": (lambda about: about.update(size=16), "draw 3 × 8 × 8 instead of 3 × 16 × 16"),
    "a size of another type": (lambda about: about.update(size="8"), "whole numbers"),
    "no last activation": (lambda about: about["layers"].pop(), "ending with tanh"),
    "too many weights": (
        lambda about: about["layers"].__setitem__(
            slice(0, 2), [convolution(6, 2**20, kernel=4, stride=1, padding=0)] * 1
        ),
        "does not fit|million",
    ),
    "a judge of pictures": (
        lambda about: about["discriminator_layers"].pop(),
        "do not end in one number",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_built_is_one_sentence(case):
    edit, words = WRONG[case]
    about = json.loads(json.dumps(description()))
    edit(about)
    with pytest.raises(InputError, match=words) as caught:
        registry.outline(about)
    assert "\n" not in str(caught.value)
