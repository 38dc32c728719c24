"""Conditional GANs: the class in the latent, in G's norms, in D's projection, and in a run."""

import csv
import shutil

import numpy as np
import pytest
import torch

import gan_core
from gan_core import checkpoint, export_onnx, latent
from gan_core.attributes import coordinate_names
from gan_core.data import training_set
from gan_core.latent_space import directions, discover_directions
from gan_core.networks import registry
from gan_core.training import conditions, config_checks, loop, players, publish, step
from gan_core.training import snapshot as states
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError
from support import save_checkpoint, save_set

SIZES = {"name": "conditional", "size": 28, "channels": 1, "nz": 12, "ngf": 4, "ndf": 4}
SHARES = [0.2, 0.5, 0.3, 0.1]  # of a group of three, and of yes or no
TINY = {"ngf": 2, "ndf": 2, "nz": 12, "batch": 8, "kimg": 0.064, "ema_kimg": 0.1}
TINY |= {"precision": "fp32", "layout": "channels_last", "convolution": "direct"}
TINY |= {"architecture": "conditional", "conditional": "digit,bold", "measure_kimg": 0.0}


@pytest.fixture(params=[1, 2])
def networks(request):
    torch.manual_seed(0)
    described = SIZES | {"classes": [3, 1], "revision": request.param}
    generator, discriminator = registry.build(described)
    for network in (generator, discriminator):
        network.shares.copy_(torch.tensor(SHARES))
        network.eval()
    for layer in (generator.project, *generator.convolutions, generator.last):
        layer.weight.data *= 10  # so that pictures are not nearly grey
    for norm in generator.norms:  # at the start all classes are the same
        torch.nn.init.normal_(norm.scale.weight)
        torch.nn.init.normal_(norm.offset.weight)
    return generator, discriminator


@pytest.fixture
def data(tmp_path):
    """A training set of 28 px with a digit, a yes or no, and a column without classes."""
    folder = save_set(tmp_path / "set", n=96, size=28, channels=1)
    return labelled(folder, lambda i: {"digit": i % 3, "bold": i % 4 == 0, "note": f"n{i}"})


def labelled(folder, values):
    """Replace the attributes of a training set; values(i): of image i."""
    path = folder / "index.csv"
    rows = list(csv.DictReader(path.open()))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        for i, row in enumerate(rows):
            found = {k: int(v) if isinstance(v, bool) else v for k, v in values(i).items()}
            if not i:
                writer.writerow(["file", "held_out", *found])
            writer.writerow([row["file"], row["held_out"], *found.values()])
    return folder


@pytest.mark.slow
def test_the_prior_draws_each_class_as_often_as_the_training_images_have_it(networks):
    z = torch.from_numpy(latent.Prior("normal", 12).sample(4000))
    labels = networks[0].labels(z)
    sure = ((labels > 0.99) | (labels < 0.01)).float().mean()
    assert sure > {1: 0.7, 2: 0.95}[networks[0].revision]
    assert (labels[:, :3].sum(1) - 1).abs().max() < 1e-5  # exactly one of a group
    chosen = torch.nn.functional.one_hot(labels[:, :3].argmax(1), 3).float().mean(0)
    torch.testing.assert_close(chosen, torch.tensor(SHARES[:3]), atol=0.025, rtol=0)
    assert abs((labels[:, 3] > 0.5).float().mean() - SHARES[3]) < 0.015


def test_the_class_and_the_rest_of_the_latent_do_not_mix(networks):
    generator, _ = networks
    z = torch.randn(1, 12).repeat(4, 1)
    z[0, :3], z[1, :3], z[2, :3] = torch.tensor([[3.0, -3, -3], [2.0, -3, -3], [-3, 3, -3]])
    z[3, :3] = z[0, :3]
    z[3, 5] += 1
    with torch.no_grad():
        same, nearly, other, moved = generator(z)
    assert (same - nearly).abs().max() < 1e-4  # only which class it is matters
    assert (same - other).abs().max() > 0.01
    assert (same - moved).abs().max() > 0.01


def test_d_judges_an_image_by_the_class_it_is_given(networks):
    _, discriminator = networks
    images = torch.rand(5, 1, 28, 28) * 2 - 1
    first, second = torch.eye(4)[0].repeat(5, 1), torch.eye(4)[1].repeat(5, 1)
    with torch.no_grad():
        apart = discriminator(images, first) - discriminator(images, second)
        maps = discriminator.layers(images).sum((2, 3))
        weight = discriminator.embedding.weight
        torch.testing.assert_close(apart, maps @ (weight[:, 0] - weight[:, 1]))
        usual = discriminator(images, discriminator.shares.expand(5, -1))
        torch.testing.assert_close(discriminator(images), usual)


@pytest.mark.parametrize("classes", [None, [], [0], [True], ["3"], [12], [3.0], 3])
def test_groups_that_cannot_be_are_refused(classes):
    with pytest.raises(InputError, match="sizes of its groups of classes"):
        registry.build(SIZES | {"classes": classes})


@pytest.mark.parametrize("revision", [0, 3, "2", 2.0, True, None])
def test_a_revision_of_a_later_version_is_refused(revision):
    with pytest.raises(InputError, match="this version knows 1 and 2"):
        registry.build(SIZES | {"classes": [3, 1], "revision": revision})


def test_the_class_takes_part_in_the_first_layer_since_revision_2():
    z = torch.tensor([[3.0, -3, -3], [-3, 3, -3]])
    z = torch.cat([z, torch.zeros(2, 9)], 1)
    apart = {}
    for revision in (1, 2):
        generator, _ = registry.build(SIZES | {"classes": [3], "revision": revision})
        with torch.no_grad():  # norms do not tell classes apart before training
            first, second = generator.eval()(z)
        apart[revision] = float((first - second).abs().max())
    assert apart[1] == 0
    assert apart[2] > 0


def test_a_run_that_starts_from_weights_has_their_revision(data, tmp_path):
    architecture = SIZES | {"ngf": 2, "ndf": 2, "classes": [1, 3]}
    before = save_checkpoint(tmp_path / "before", architecture=architecture, nz=12)
    config = TrainingConfig(**TINY | {"conditional": "bold,digit"}, begin_from=str(before))
    _, settings = config_checks.check(data, config)
    assert settings["network"]["revision"] == 2  # of a run that starts from nothing
    players.take_over_revision(settings["network"], config, tmp_path / "no state")
    player = registry.build(settings["network"])
    players.load_weights(*player, config, settings["network"])
    loaded = gan_core.load(before).generator.state_dict()
    assert all(torch.equal(v, loaded[k]) for k, v in player[0].state_dict().items())


def test_a_run_of_an_earlier_version_is_resumed(data, tmp_path, monkeypatch):
    network = config_checks.network  # had no entry "revision"

    def of_earlier_version(*given):
        return {key: value for key, value in network(*given).items() if key != "revision"}

    monkeypatch.setattr(config_checks, "network", of_earlier_version)
    run = tmp_path / "run"
    loop.train(data, run, TrainingConfig(**TINY))
    monkeypatch.undo()
    assert loop.train(data, run, TrainingConfig(**TINY | {"kimg": 0.128})) == 128
    _, notes = states.read(run / "state.safetensors")
    assert "revision" not in notes["settings"]["network"]


@pytest.mark.parametrize("revision", [1, 2])
@pytest.mark.parametrize("size", [28, 32, 64])
def test_weights_are_counted_as_they_are_built(size, revision):
    sizes = {"size": size, "channels": 3, "nz": 12, "ngf": 3, "ndf": 2}
    described = {"name": "conditional", "classes": [3, 1], "revision": revision}
    built = sum(
        p.numel()
        for player in registry.build(described | sizes)
        for p in player.parameters()
        if p.ndim > 1
    )
    count = registry.FAMILIES["conditional"].weights(**sizes, classes=(3, 1), revision=revision)
    assert count == built


def test_the_columns_become_groups_of_classes(data):
    found = conditions.load(training_set.load(data), "bold, digit", 12)
    assert found.names == ["bold", "digit: 0", "digit: 1", "digit: 2"]
    assert found.sizes == (1, 3)
    np.testing.assert_allclose(found.shares, [1 / 4, 1 / 3, 1 / 3, 1 / 3])
    assert (found.labels[:, 1:].argmax(1) == np.arange(96) % 3).all()


@pytest.mark.parametrize(
    ("columns", "nz", "sentence"),
    [
        ("digits", 12, 'has no column "digits"; it has digit, bold, note'),
        ("note", 12, '"note" has no classes'),
        ("digit", 3, "take 3 coordinates of z, which has 3"),
        (",", 12, "has no classes"),
    ],
)
def test_columns_that_cannot_be_classes_get_a_sentence(data, columns, nz, sentence):
    with pytest.raises(InputError, match=sentence):
        conditions.load(training_set.load(data), columns, nz)


def test_a_class_of_few_images_and_cells_without_a_value_are_refused(data):
    labelled(data, lambda i: {"digit": int(i < 9)})
    with pytest.raises(InputError, match='Only 9 training images tell "digit" from the rest'):
        conditions.load(training_set.load(data), "digit", 12)
    labelled(data, lambda i: {"digit": "" if i < 2 else f"d{i % 2}"})
    with pytest.raises(InputError, match="2 of 96 training images have no value in digit"):
        conditions.load(training_set.load(data), "digit", 12)


@pytest.mark.parametrize(
    "options", [{"conditional": ""}, {"architecture": "dcgan"}, {"codes_from": "somewhere"}]
)
def test_options_that_do_not_go_together_are_refused(data, tmp_path, options):
    with pytest.raises(InputError, match="conditional"):
        loop.train(data, tmp_path / "run", TrainingConfig(**TINY | options))


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"objective": "relativistic", "r1": 1.0, "r2": 1.0}])
def test_a_run_tells_d_the_classes_and_goes_on_bit_for_bit(data, tmp_path, monkeypatch, more):
    seen = []
    step_of_d = step.discriminator_step

    def watched(game, batches, indices, *rest):
        judged = step_of_d(game, batches, indices, *rest)
        (real,), (fake,) = judged.classes
        seen.append(
            (game.labels[indices].equal(real), game.players.generator.labels(judged.z).equal(fake))
        )
        return judged

    monkeypatch.setattr(step, "discriminator_step", watched)
    loop.train(data, tmp_path / "whole", TrainingConfig(**TINY | more))
    assert seen == [(True, True)] * 8
    loop.train(data, tmp_path / "half", TrainingConfig(**TINY | more | {"kimg": 0.032}))
    loop.train(data, tmp_path / "half", TrainingConfig(**TINY | more))
    whole, half = (states.read(tmp_path / n / "state.safetensors")[0] for n in ("whole", "half"))
    assert whole.keys() == half.keys()
    assert all(torch.equal(whole[key], half[key]) for key in whole)


@pytest.mark.slow
def test_a_published_model_is_loaded_exported_and_says_its_classes(data, tmp_path):
    run, out = tmp_path / "run", tmp_path / "model"
    loop.train(data, run, TrainingConfig(**TINY))
    publish.publish(run, out, name="digits", data=data, licence="", use="", command="")
    model = gan_core.load(out)
    assert coordinate_names.names_of(model) == ["digit: 0", "digit: 1", "digit: 2", "bold"]
    np.testing.assert_allclose(model.generator.shares, [1 / 3] * 3 + [1 / 4])
    images = model.generate(model.prior.sample(3))
    assert images.shape == (3, 28, 28, 1)
    assert np.isfinite(model.realness(images)).all()
    pytest.importorskip("onnxruntime")
    assert export_onnx.to_onnx(model, tmp_path / "digits.onnx")["bytes"] > 0
    shutil.rmtree(run)


def test_directions_of_a_conditional_model_leave_the_class_alone(networks, tmp_path):
    """Whether or not its first layer sees the class; all directions have the size of z."""
    generator, discriminator = networks
    architecture = SIZES | {"classes": [3, 1], "revision": generator.revision}
    card = {"name": "m", "architecture": architecture, "training": {}}
    card |= {"prior": {"kind": "normal", "size": SIZES["nz"]}, "training_set": {}}
    checkpoint.save(tmp_path, generator, discriminator, card)
    model = gan_core.load(tmp_path)
    factors = directions.factors(model, k=5)
    assert factors.shape == (5, SIZES["nz"])
    assert np.abs(factors[:, :4]).max() == 0
    assert len(discover_directions.discover(model, k=2, n=64, measured=8)) > 0
