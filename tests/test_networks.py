"""DCGAN: the shapes it draws and the rules of its paper."""

import pytest
import torch
from torch import nn

from gan_core import networks
from gan_core.errors import InputError
from gan_core.networks import dcgan

SIZES = (28, 32, 64, 128, 256)


def build(size=32, channels=3, nz=10, ngf=2, ndf=3, name="dcgan"):
    description = {"name": name, "size": size, "channels": channels}
    return networks.build(description | {"nz": nz, "ngf": ngf, "ndf": ndf})


def kinds(network):
    return [m for m in network.modules() if not list(m.children())]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_shapes_and_ranges(size, channels):
    generator, discriminator = build(size, channels)
    images = generator(torch.randn(3, 10))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    assert images.std() > 0
    logits = discriminator(images)
    assert logits.shape == (3,)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize(("size", "length"), [(28, 6 * 49), (32, 12 * 16), (64, 24 * 16)])
def test_features_are_what_the_head_reads(size, length):
    _, discriminator = build(size)
    images = torch.rand(2, 3, size, size) * 2 - 1
    features = discriminator.eval().features(images)
    assert features.shape == (2, length)
    weight, bias = discriminator.head.weight.flatten(), discriminator.head.bias
    assert torch.allclose(features @ weight + bias, discriminator(images), atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_no_pooling_and_nothing_fully_connected(size):
    allowed = {
        nn.Conv2d,
        nn.ConvTranspose2d,
        nn.BatchNorm2d,
        nn.ReLU,
        nn.LeakyReLU,
        nn.Tanh,
    }
    for network in build(size):
        assert {type(m) for m in kinds(network)} <= allowed
    generator, discriminator = build(size)
    assert not any(isinstance(m, nn.Conv2d) for m in kinds(generator))
    assert not any(isinstance(m, nn.ConvTranspose2d) for m in kinds(discriminator))
    # Every change of scale is a stride; only the ends map between 1×1 and the smallest map.
    scaling = [m for m in kinds(generator) if isinstance(m, nn.ConvTranspose2d)][1:]
    scaling += [m for m in kinds(discriminator) if isinstance(m, nn.Conv2d)][:-1]
    assert {m.stride for m in scaling} == {(2, 2)}


@pytest.mark.parametrize("size", SIZES)
def test_batch_norm_everywhere_but_at_the_ends_of_the_image(size):
    generator, discriminator = build(size)
    order = [type(m) for m in kinds(generator)]
    assert order[-2:] == [nn.ConvTranspose2d, nn.Tanh]
    convolutions = len([k for k in order if k is nn.ConvTranspose2d])
    assert order[:-2] == [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU] * (convolutions - 1)
    order = [type(m) for m in kinds(discriminator)]
    assert order[:2] == [nn.Conv2d, nn.LeakyReLU]
    assert order[-1] is nn.Conv2d
    convolutions = len([k for k in order if k is nn.Conv2d])
    assert order[2:-1] == [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU] * (convolutions - 2)
    slopes = {m.negative_slope for m in kinds(discriminator) if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}


def test_weights_begin_as_the_paper_says():
    for network in build(64, ngf=16, ndf=16, nz=64):
        for module in kinds(network):
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                n = module.weight.numel()
                assert abs(module.weight.std() - 0.02) < 0.02 * 5 / (2 * n) ** 0.5 + 1e-4
                assert abs(module.weight.mean()) < 0.02 * 5 / n**0.5
                assert module.bias is None or not module.bias.any()
            elif isinstance(module, nn.BatchNorm2d):
                assert abs(module.weight.mean() - 1) < 0.03
                assert 0.005 < module.weight.std() < 0.04
                assert not module.bias.any()


def test_widths_double_away_from_the_image():
    generator, discriminator = build(64, ngf=5, ndf=3, nz=7)
    out = [m.out_channels for m in kinds(generator) if isinstance(m, nn.ConvTranspose2d)]
    assert out == [40, 20, 10, 5, 3]
    out = [m.out_channels for m in kinds(discriminator) if isinstance(m, nn.Conv2d)]
    assert out == [3, 6, 12, 24, 1]


def test_every_parameter_takes_part():
    generator, discriminator = build(28, 1)
    discriminator(generator(torch.randn(4, 10))).square().sum().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("size", [0, 4, 16, 30, 63, 65, 96, 512])
def test_other_sizes_are_refused(size):
    with pytest.raises(InputError, match=r"pixels a side|from 1 to 65536"):
        build(size)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "stylegan"},
        {"name": None},
        {"name": ["dcgan"]},
        {"channels": 2},
        {"channels": 4},
        {"nz": 0},
        {"nz": -1},
        {"ngf": 2.5},
        {"ndf": "64"},
        {"ngf": True},
        {"ngf": 10**12},
        {"nz": 65536, "ngf": 65536},
        {"size": 256, "ndf": 60000},
        {"size": [64]},
    ],
    ids=str,
)
def test_impossible_descriptions_are_refused(wrong):
    with pytest.raises(InputError):
        build(**wrong)


@pytest.mark.parametrize("change", [{"extra": 1}, {"nz": None}, None])
def test_incomplete_descriptions_are_refused(change):
    description = {"name": "dcgan", "size": 32, "channels": 3, "nz": 4, "ngf": 2, "ndf": 2}
    if change is None:
        del description["ndf"]
    else:
        description |= change
    with pytest.raises(InputError):
        networks.build(description)


@pytest.mark.parametrize("size", [28, 32, 64, 128])
def test_weights_are_counted_as_they_are_built(size):
    sizes = {"size": size, "channels": 3, "nz": 7, "ngf": 4, "ndf": 6}
    players = networks.build({"name": "dcgan", **sizes})
    built = sum(p.numel() for player in players for p in player.parameters() if p.ndim == 4)
    assert dcgan.weights(**sizes) == built
