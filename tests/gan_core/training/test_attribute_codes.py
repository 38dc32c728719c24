"""Attributes tied to coordinates of z: what latents stand for, the loss, a run that learns it."""

import json
import types

import numpy as np
import pytest
import torch
from torch import nn

from gan_core import checkpoint, latent, model_card
from gan_core.attributes import classifier, coordinate_names, train_classifier
from gan_core.data import training_set
from gan_core.networks import registry
from gan_core.training import (
    attribute_codes,
    config_checks,
    ema,
    loop,
    publish,
    snapshot,
    validation,
)
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError

NAMES = ["glasses", "hair: black", "hair: fair", "hair: red", "hat"]
PRIORS = ("normal", "uniform")
SHARES = [0.5, 0.2, 0.7, 0.1, 0.05]


class Says(nn.Module):
    """A classifier network that answers the same logits for every picture, times its mean."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, images):
        assert images.shape[1:] == (3, 64, 64)
        return images.mean((1, 2, 3))[:, None] * self.logits


def tied(prior="normal", logits=(0.0,) * 5, scale=1.0, offset=0.0):
    ones = torch.ones(5)
    shares = torch.tensor(SHARES)
    parts = (Says(logits), scale * ones, offset * ones, list(range(5)), prior)
    return attribute_codes.Codes(NAMES, attribute_codes.group(NAMES), shares, *parts)


def test_a_category_is_one_group():
    assert attribute_codes.group(NAMES) == [[0], [1, 2, 3], [4]]


@pytest.mark.parametrize("prior", PRIORS)
def test_latents_stand_for_attributes_as_often_as_the_images_have_them(prior):
    n = 50_000
    stream = np.random.RandomState(0)
    z = stream.standard_normal((n, 7)) if prior == "normal" else stream.uniform(-1, 1, (n, 7))
    wanted = tied(prior).targets(torch.from_numpy(np.float32(z)))
    assert set(wanted.unique().tolist()) == {0.0, 1.0}
    assert (wanted[:, 1:4].sum(1) == 1).all()  # one hair colour each
    error = 4 * np.sqrt(np.array(SHARES) * (1 - np.array(SHARES)) / n)
    assert (np.abs(wanted.mean(0).numpy() - SHARES) < error).all()
    together = np.corrcoef(wanted.numpy().T)[[0, 0, 4], [2, 4, 2]]
    assert np.abs(together).max() < 0.02  # whatever is no category is independent


@pytest.mark.parametrize("prior", PRIORS)
def test_more_of_a_coordinate_never_means_less_of_its_attribute(prior):
    z = torch.from_numpy(latent.Prior(prior, 7).sample(2000))
    for i in range(5):
        more = z.clone()
        more[:, i] += 0.5
        if prior == "uniform":
            more.clamp_(max=1)
        before, after = tied(prior).targets(z)[:, i], tied(prior).targets(more)[:, i]
        assert (after >= before).all()
        assert (after > before).any()
    rest = z.clone()
    rest[:, 5:] = 0
    assert torch.equal(tied(prior).targets(rest), tied(prior).targets(z))


def test_latents_at_the_priors_edge_still_have_codes():
    z = torch.tensor([[1.0, 1, 1, 1, 1], [-1, -1, -1, -1, -1]])
    assert tied("uniform").targets(z)[:, [0, 4]].tolist() == [[1, 1], [0, 0]]
    assert tied("normal").targets(40 * z)[:, [0, 4]].tolist() == [[1, 1], [0, 0]]


def test_the_loss_by_hand():
    z = torch.tensor([[2.0, -3, 3, -3, -3], [-2, -3, 3, -3, 3]])  # glasses fair; fair with a hat
    images = torch.ones(2, 3, 64, 64)
    result = tied(logits=(2.0, 0.0, 0.0, 0.0, 0.0)).loss(images, z)
    log2 = np.log(2)
    wrong, right = np.log(1 + np.exp(2)), np.log(1 + np.exp(-2))
    assert float(result) == pytest.approx((right + wrong) / 2 + 4 * log2, rel=1e-5)
    # Calibration: the logit is scaled, then shifted.
    result = tied(logits=(1.0,) * 5, scale=3.0, offset=-3.0).loss(images, z)
    assert float(result) == pytest.approx(5 * log2, rel=1e-5)


def test_pictures_of_another_size_are_brought_to_the_classifiers_and_get_a_gradient():
    images = torch.ones(2, 3, 32, 32, requires_grad=True)
    loss = tied(logits=(1.0,) * 5).loss(images, torch.full((2, 5), -3.0))
    (gradient,) = torch.autograd.grad(loss, images)
    assert (gradient > 0).all()  # less of everything is what these latents stand for


# With a real classifier.


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """A packed set of plain pictures, bright or dark, and a checkpoint with a classifier of it."""
    folder = tmp_path_factory.mktemp("shades")
    data = folder / "set"
    about = {"name": "shades", "source": "drawn", "licence": "CC0", "how": ""}
    about["framing"] = {"crop": 1.0, "size": 32, "channels": 3}
    stream = np.random.RandomState(0)
    with training_set.writing(data, 32, 3, about, ("bright",)) as writer:
        for i in range(300):
            bright = int(i % 4 == 0)
            image = stream.randint(60, 90, (32, 32, 3)) + 90 * bright
            writer.add(image.astype(np.uint8), f"{i}.png", {"bright": bright}, held_out=i >= 200)
    model = folder / "model"
    about_model = {"name": "model", "architecture": {"name": "dcgan", "size": 32, "channels": 3}}
    about_model["architecture"] |= {"nz": 4, "ngf": 2, "ndf": 2}
    about_model |= {"prior": {"kind": "normal", "size": 4}, "objective": "non-saturating"}
    about_model |= {"training": {}, "training_set": training_set.read_card(data)}
    generator, judge = registry.build(about_model["architecture"])
    checkpoint.save(model, generator, judge, about_model)
    classifier.save(model, train_classifier.train(training_set.load(data), epochs=8))
    return data, model


@pytest.mark.slow
def test_without_labels_the_classifier_estimates_the_shares(shades, monkeypatch):
    data, model = shades
    result = training_set.load(data)
    result.attributes.clear()
    monkeypatch.setattr(training_set, "load", lambda directory: result)
    assert attribute_codes.load(model, data, "normal", 4).shares.tolist() == [
        pytest.approx(0.25, abs=0.03)
    ]


@pytest.mark.slow
def test_the_classifiers_shares_are_those_of_the_training_images(shades):
    data, model = shades
    result = attribute_codes.load(model, data, "normal", 4)
    assert result.names == ["bright"]
    assert result.shares.tolist() == [pytest.approx(0.25)]
    assert not any(weight.requires_grad for weight in result.network.parameters())
    assert not result.network.training


def test_attributes_to_tie_are_chosen_by_name():
    knows = types.SimpleNamespace(recognised=["glasses", "hair: red", "hat"])
    assert attribute_codes.choose(knows, "") == knows.recognised
    assert attribute_codes.choose(knows, "hat, glasses,hat,") == ["hat", "glasses"]
    with pytest.raises(InputError, match=r'"beard".*glasses, hair: red, hat'):
        attribute_codes.choose(knows, "hat,beard")


@pytest.mark.slow
def test_what_cannot_be_tied_is_refused(shades, make_set, make_checkpoint):
    data, model = shades
    with pytest.raises(InputError, match='"dark"'):
        attribute_codes.load(model, data, "normal", 4, "dark")
    with pytest.raises(InputError, match="trained on other images"):
        attribute_codes.load(model, make_set(), "normal", 4)
    with pytest.raises(InputError, match="a coordinate for each"):
        attribute_codes.load(model, data, "normal", 0)
    with pytest.raises(InputError, match="gan_core attributes"):
        attribute_codes.load(make_checkpoint(), data, "normal", 4)


@pytest.mark.parametrize("option", [{"codes": 2.0}, {"codes_names": "hat"}])
def test_codes_without_a_classifier_are_refused(make_set, option):
    with pytest.raises(InputError, match="codes_from"):
        config_checks.check(make_set(n=4), TrainingConfig(**option))


@pytest.mark.slow
def test_a_run_learns_what_its_first_coordinate_stands_for(shades, tmp_path):
    """A picture is bright when the coordinate says so, in the averaged generator that is saved."""
    data, judge = shades
    small = {"nz": 4, "ngf": 4, "ndf": 4, "batch": 32, "kimg": 6.0, "ema_kimg": 0.3, "lr_g": 2e-3}
    small |= {"measure_kimg": 0.0, "grid_kimg": 1e3, "log_kimg": 1.0, "patience_kimg": 0.0}
    run = tmp_path / "run"
    loop.train(data, run, TrainingConfig(**small, codes_from=str(judge), codes=3.0))
    assert '"codes_loss"' in (run / "log.jsonl").read_text()
    tensors, notes = snapshot.read(run / "state.safetensors")
    generator, _ = registry.build(notes["settings"]["network"])
    start = "average/"
    saved = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
    generator.load_state_dict(saved)
    z = latent.Prior("normal", 4).sample(400, seed=5)
    fitted = ema.fit_average(generator, latent.Prior("normal", 4), "cpu", batches=4)
    drawn = checkpoint.to_uint8(validation.draw(fitted, torch.from_numpy(z)))
    message = classifier.load(judge).predict(drawn)[:, 0] > 0.5
    wanted = (
        attribute_codes.load(judge, data, "normal", 4).targets(torch.from_numpy(z))[:, 0].numpy()
        > 0.5
    )
    assert (message == wanted).mean() > 0.9
    assert 0.15 < message.mean() < 0.35  # as often as in the training images
    # What stands for what is published with the model.
    about = {"licence": "CC0", "use": "Tests.", "command": "python -m gan_core train"}
    publish.publish(run, tmp_path / "out", name="tied", data=data, **about)
    model = checkpoint.load(tmp_path / "out")
    assert coordinate_names.names_of(model) == ["bright"]
    for nonsense in (None, 3, "bright", [1], ["a\nb"], {"bright": 0}):
        model.card["training"]["tied"] = nonsense
        assert coordinate_names.names_of(model) == []
    model.card["training"]["tied"] = ["long_hair"] * 9  # of four coordinates
    assert coordinate_names.names_of(model) == ["long hair"] * 4
    written = model_card.write(tmp_path / "out").read_text("utf-8")
    assert "coordinates 0 to 0 of z tied to attributes" in written


def test_a_run_without_codes_logs_none(shades, tmp_path):
    data, _ = shades
    small = {"nz": 4, "ngf": 2, "ndf": 2, "batch": 32, "kimg": 0.1, "log_kimg": 0.03}
    loop.train(data, tmp_path / "run", TrainingConfig(**small, measure_kimg=0.0))
    lines = [json.loads(x) for x in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert any("g_loss" in line for line in lines)
    assert not any("codes_loss" in line for line in lines)
