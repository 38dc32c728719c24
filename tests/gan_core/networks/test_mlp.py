"""The original GAN's networks: layers, pieces and dropout as in Goodfellow et al. 2014."""

import pytest
import torch
from torch import nn

from gan_core.networks import mlp, registry
from gan_core.training.distributed import Draws
from gan_core.util.errors import InputError

PAPER = {"name": "mlp", "size": 28, "channels": 1, "nz": 100, "ngf": 1200, "ndf": 240}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def of_kind(network, kind):
    return [module for module in network.modules() if isinstance(module, kind)]


def test_the_papers_layers_at_the_papers_widths():
    generator, discriminator = registry.build(PAPER)
    shapes = [tuple(layer.weight.shape) for layer in of_kind(generator, nn.Linear)]
    assert shapes == [(1200, 100), (1200, 1200), (784, 1200)]
    assert len(of_kind(generator, nn.ReLU)) == 2
    assert isinstance(generator.layers[-1], nn.Sigmoid)
    assert [unit.shape for unit in of_kind(discriminator, mlp.Maxout)] == [(240, 5), (240, 5)]
    shapes = [tuple(layer.weight.shape) for layer in of_kind(discriminator, nn.Linear)]
    assert shapes == [(1200, 784), (1200, 240), (1, 240)]
    assert [layer.share for layer in of_kind(discriminator, mlp.Dropout)] == [0.2, 0.5, 0.5]


def test_weights_begin_as_the_paper_says_where_it_has_1200_inputs():
    generator, _ = registry.build(PAPER)
    for layer in of_kind(generator, nn.Linear)[1:]:
        assert 0.0499 < layer.weight.abs().max() <= 0.05
        assert not layer.bias.any()


def test_neither_network_convolves_or_normalises():
    for network in registry.build(PAPER):
        kinds = {type(module) for module in network.modules() if not list(module.children())}
        assert kinds <= {nn.Linear, nn.ReLU, nn.Sigmoid, mlp.Dropout}


def test_a_maxout_unit_is_its_largest_piece():
    unit = mlp.Maxout(3, 2, pieces=4)
    x = torch.randn(5, 3)
    pieces = x @ unit.pieces.weight.T + unit.pieces.bias  # those of a unit are side by side
    expected = torch.stack([pieces[:, :4].max(1).values, pieces[:, 4:].max(1).values], 1)
    torch.testing.assert_close(unit(x), expected)


def test_d_reads_a_black_pixel_as_0_and_a_white_one_as_1():
    _, discriminator = registry.build({**PAPER, "ndf": 4})
    read = []
    discriminator.layers[0].register_forward_hook(lambda module, given, _: read.append(given[0]))
    discriminator.eval()(torch.stack([torch.full((1, 28, 28), v) for v in (-1.0, 1.0)]))
    assert torch.equal(read[0], torch.tensor([[0.0], [1.0]]).expand(2, 784))


@pytest.mark.parametrize("share", mlp.DROPPED)
def test_dropout_keeps_the_mean_and_ends_with_training(share):
    layer, x = mlp.Dropout(share), torch.ones(200, 500)
    dropped = layer(x)
    assert abs((dropped == 0).float().mean() - share) < 0.01
    assert abs(dropped.mean() - 1) < 0.01
    assert torch.equal(layer.eval()(x), x)


def test_dropout_follows_the_stream_of_training():
    layer, x = mlp.Dropout(0.5), torch.ones(4, 50)
    layer.draws = Draws(torch.Generator().manual_seed(1))
    first, second = layer(x), layer(x)
    layer.draws = Draws(torch.Generator().manual_seed(1))
    assert torch.equal(layer(x), first)
    assert not torch.equal(first, second)


def test_an_image_is_judged_apart_from_its_batch_and_always_the_same():
    _, discriminator = registry.build({**PAPER, "ndf": 16})
    discriminator.eval()
    images = torch.rand(4, 1, 28, 28) * 2 - 1
    together = discriminator(images)
    alone = torch.cat([discriminator(one[None]) for one in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_features_are_what_the_head_reads():
    _, discriminator = registry.build({**PAPER, "ndf": 16})
    discriminator.eval()
    images = torch.rand(2, 1, 28, 28) * 2 - 1
    features = discriminator.features(images)
    assert features.shape == (2, 16)
    assert torch.equal(discriminator.head(features).flatten(), discriminator(images))


@pytest.mark.parametrize("size", [16, 30, 63])
def test_other_sizes_are_refused_in_a_sentence(size):
    with pytest.raises(InputError, match="mlp draws images of 28, 32, 64"):
        registry.build({**PAPER, "size": size})


def test_batch_norm_is_refused_in_a_sentence():
    with pytest.raises(InputError, match="discriminator of mlp has a norm of none or spectral"):
        registry.build({**PAPER, "norm": "batch"})
