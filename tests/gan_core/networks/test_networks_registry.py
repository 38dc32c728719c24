"""The networks: the shapes they draw and the rules of their papers."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from gan_core import checkpoint
from gan_core.networks import fuse_layers, registry, residual_gan, resize_dcgan
from gan_core.util.errors import InputError
from support import save_checkpoint

SIZES = (28, 32, 64, 128, 256)
FAMILIES = ("dcgan", "resize", "residual", "style", "mlp")
ALONE = [("dcgan", "none"), ("dcgan", "spectral"), ("residual", "none")]  # without batch norm in D
NORMALISING = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm)


def build(size=32, channels=3, nz=10, ngf=2, ndf=3, name="dcgan", **norm):
    description = {"name": name, "size": size, "channels": channels}
    return registry.build(description | {"nz": nz, "ngf": ngf, "ndf": ndf} | norm)


def kinds(network):
    return [m for m in network.modules() if not list(m.children())]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FAMILIES)
def test_shapes_and_ranges(name, size, channels):
    # Of two rectifiers a layer, an mlp may well have none that is on.
    generator, discriminator = build(size, channels, ngf=16 if name == "mlp" else 2, name=name)
    with torch.no_grad():
        images = generator.eval()(torch.randn(3, 10))
        logits = discriminator(images)
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    assert images.std() > 0
    assert logits.shape == (3,)
    assert torch.isfinite(logits).all()
    assert logits.std() > 0


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
        {"name": "residual", "size": 256, "ngf": 60000},
        {"name": "residual", "nz": 65536, "ndf": 20000},
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
        del description["ngf"]
    else:
        description |= change
    with pytest.raises(InputError):
        registry.build(description)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("ngf", "ndf"), [(1, 1), (3, 2), (2, 5)])
@pytest.mark.parametrize("name", FAMILIES)
def test_weights_are_counted_as_they_are_built(name, size, ngf, ndf):
    sizes = {"size": size, "channels": 3, "nz": 7, "ngf": ngf, "ndf": ndf}
    players = registry.build({"name": name, **sizes})
    built = sum(p.numel() for player in players for p in player.parameters() if p.ndim > 1)
    assert registry.FAMILIES[name].weights(**sizes) == built


@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_another_norm_leaves_the_count_of_weights(norm):
    sizes = {"size": 64, "channels": 3, "nz": 7, "ngf": 4, "ndf": 6}
    players = registry.build({"name": "dcgan", "norm": norm, **sizes})
    built = sum(p.numel() for player in players for p in player.parameters() if p.ndim == 4)
    assert registry.FAMILIES["dcgan"].weights(**sizes) == built


@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_no_batch_norm_in_d_with_another_norm(norm):
    generator, discriminator = build(norm=norm)
    assert not any(isinstance(m, NORMALISING) for m in discriminator.modules())
    assert any(isinstance(m, nn.BatchNorm2d) for m in generator.modules())
    convolutions = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert all(m.bias is not None for m in convolutions)
    normalised = [nn.utils.parametrize.is_parametrized(m, "weight") for m in convolutions]
    assert normalised == [norm == "spectral"] * len(convolutions)


@pytest.mark.parametrize(("name", "norm"), ALONE)
def test_an_image_is_judged_apart_from_its_batch(name, norm):
    _, discriminator = build(name=name, norm=norm)
    discriminator.train(
        norm != "spectral"
    )  # whose power iteration goes on at each pass in training
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    together = discriminator(images)
    alone = torch.cat([discriminator(one[None]) for one in images])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-6)
    assert together.std() > 0


def test_with_batch_norm_an_image_is_judged_beside_its_batch():
    _, discriminator = build(norm="batch")
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    other = torch.cat([images[:1], images[1:] / 9])
    assert not torch.allclose(discriminator(images)[0], discriminator(other)[0], rtol=1e-2)


@pytest.mark.parametrize(("name", "usual"), [("dcgan", "batch"), ("residual", "none")])
def test_a_description_without_a_norm_has_the_familys_usual_one(name, usual):
    torch.manual_seed(0)
    old = build(name=name)
    torch.manual_seed(0)
    new = build(name=name, norm=usual)
    for a, b in zip(old, new, strict=True):
        assert a.state_dict().keys() == b.state_dict().keys()
        assert all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


@pytest.mark.parametrize("norm", ["layer", "", None, 1, ["batch"]], ids=str)
@pytest.mark.parametrize("name", FAMILIES)
def test_an_unknown_norm_is_refused(name, norm):
    with pytest.raises(InputError, match=rf"discriminator of {name} has a norm of"):
        build(name=name, norm=norm)


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_the_residual_family_takes_no_norm(norm):
    with pytest.raises(InputError, match="norm of none"):
        build(name="residual", norm=norm)


@pytest.mark.parametrize("size", SIZES)
def test_the_residual_family_normalises_nothing(size):
    for network in build(size, name="residual"):
        assert not any(isinstance(m, NORMALISING) for m in network.modules())
        assert not list(network.buffers())


def blocks(network):
    return [m for m in network.modules() if isinstance(m, residual_gan.Block)]


@pytest.mark.parametrize("size", [28, 64])
def test_each_block_begins_as_the_identity(size):
    for network in build(size, name="residual"):
        assert len(blocks(network)) == {28: 3, 64: 5}[size]  # one a size of map
        for block in blocks(network):
            x = torch.randn(2, block.enter.in_channels, 5, 5)
            assert torch.equal(block(x), x)


def test_a_block_can_leave_the_identity():
    block = residual_gan.Block(4, 3)
    x = torch.randn(2, 4, 5, 5)
    block(x).square().sum().backward()
    assert block.leave.weight.grad.abs().max() > 0
    block.leave.weight.data.normal_()
    change = block(x) - x
    assert change.abs().mean() > 0.01
    # One 3×3 convolution between two of 1×1: a pixel reaches its neighbours and no further.
    y = x.clone()
    y[:, :, 2, 2] += 1
    moved = (block(y) - block(x)).abs().sum((0, 1)) > 1e-6
    assert moved[1:4, 1:4].all()
    assert moved.sum() == 9


def test_widths_of_the_residual_family_double_up_to_eight():
    assert residual_gan.widths(28, 3) == [12, 6, 3]
    assert residual_gan.widths(256, 3) == [24, 24, 24, 24, 12, 6, 3]


@pytest.mark.parametrize("size", [28, 64])
def test_features_of_the_residual_family_are_what_its_head_reads(size):
    _, discriminator = build(size, name="residual")
    images = torch.rand(2, 3, size, size) * 2 - 1
    features = discriminator.features(images)
    assert features.shape == (2, discriminator.head.in_features)
    assert torch.allclose(discriminator.head(features).flatten(), discriminator(images))


@pytest.mark.parametrize(("name", "norm"), [("dcgan", "batch"), *ALONE])
@pytest.mark.parametrize("size", [128, 256])
def test_gradients_reach_the_first_layers_of_big_networks(name, size, norm):
    generator, discriminator = build(size, ngf=4, ndf=4, name=name, norm=norm)
    images = generator(torch.randn(2, 10))
    logits = discriminator(images)
    logits.sum().backward()
    assert torch.isfinite(images).all()
    assert images.std() > 0.01
    for network in (generator, discriminator):
        first = next(p for p in network.parameters() if p.ndim == 4)
        assert torch.isfinite(first.grad).all()
        assert first.grad.abs().max() > 1e-6


@pytest.mark.parametrize("size", [28, 64])
def test_every_parameter_of_the_residual_family_takes_part(size):
    players = build(size, name="residual")
    for player in players:
        for block in blocks(player):  # behind a zero nothing is learned in the first step
            block.leave.weight.data.normal_(0, 0.1)
    generator, discriminator = players
    discriminator(generator(torch.randn(4, 10))).square().sum().backward()
    for network in players:
        for name, parameter in network.named_parameters():
            assert parameter.grad.abs().max() > 0, name


def test_an_even_map_stays_even_in_a_generator_that_resizes():
    generator, _ = build(64, name="resize")
    generator.eval().layers[0] = nn.Identity()  # maps in place of latents
    with torch.no_grad():
        image = generator.layers(torch.randn(1, 16, 1, 1).expand(1, 16, 4, 4).contiguous())
    inside = image[:, :, 31:33, 31:33]  # away from the edges, whose zeros reach inwards
    assert torch.allclose(inside, inside[:, :, :1, :1].expand_as(inside), atol=1e-6)


def test_a_generator_that_resizes_has_no_strides():
    generator, discriminator = build(64, name="resize")
    first, *others = [m for m in kinds(generator) if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert isinstance(first, nn.ConvTranspose2d)
    assert [(type(m), m.kernel_size, m.stride) for m in others] == [(nn.Conv2d, (3, 3), (1, 1))] * 4
    assert str(discriminator) == str(build(64)[1])


@pytest.mark.parametrize(
    ("name", "norm"), [("dcgan", "batch"), ("resize", "batch"), *ALONE, ("upsample", "batch")]
)
def test_an_outline_is_what_is_built_without_memory_or_random_numbers(name, norm):
    sizes = {"name": name, "size": 32, "channels": 3, "nz": 10, "ngf": 2, "ndf": 16, "norm": norm}
    before = torch.get_rng_state()
    outlined = registry.outline(sizes)
    assert torch.equal(torch.get_rng_state(), before)
    for empty, built in zip(outlined, registry.build(sizes), strict=True):
        if built is None:
            assert empty is None
            continue
        message = {key: (t.shape, t.dtype) for key, t in empty.state_dict().items()}
        assert message == {key: (t.shape, t.dtype) for key, t in built.state_dict().items()}
        assert all(t.is_meta for t in empty.state_dict().values())
        checkpoint.fill(empty, built.state_dict())
        assert not any(t.is_meta for t in [*empty.parameters(), *empty.buffers()])
        weights = {t.data_ptr() for t in built.state_dict().values() if t.numel()}
        assert not weights & {t.data_ptr() for t in empty.state_dict().values() if t.numel()}


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_loading_and_drawing_imports_no_compiler(tmp_path, norm):
    program = (
        "import sys; from gan_core import checkpoint\n"
        "model = checkpoint.load(sys.argv[1])\n"
        "model.realness(model.generate(model.prior.sample(2)))\n"
        "assert 'torch._dynamo' not in sys.modules and 'triton' not in sys.modules"
    )
    directory = save_checkpoint(tmp_path / "alpha", architecture={"norm": norm})
    subprocess.run([sys.executable, "-c", program, directory], check=True)


@pytest.mark.parametrize("sides", [(1, 1), (2, 5), (7, 4)])
def test_enlarging_and_convolving_is_one_transposed_convolution(sides):
    random = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, *sides, generator=random, dtype=torch.float64)
    weight = torch.randn(4, 5, 3, 3, generator=random, dtype=torch.float64)
    expected = functional.conv2d(functional.interpolate(x, scale_factor=2), weight, padding=1)
    result = functional.conv_transpose2d(x, resize_dcgan.transposed(weight), stride=2, padding=1)
    torch.testing.assert_close(result, expected)


def test_what_is_folded_draws_the_same_and_enlarges_no_more():
    torch.manual_seed(0)
    generator = resize_dcgan.Generator(32, 3, 8, 6).eval()
    for layer in generator.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    z = torch.randn(4, 8)
    with torch.no_grad():
        expected = generator.layers(z[:, :, None, None])
        torch.testing.assert_close(generator(z), expected)
        folded = fuse_layers.fold(generator)
        torch.testing.assert_close(folded(z), expected, rtol=1e-4, atol=1e-5)
    kinds = {type(layer) for layer in folded.layers}
    assert kinds == {nn.ConvTranspose2d, nn.ReLU, nn.Tanh}
    assert nn.Upsample in {type(layer) for layer in generator.layers}  # itself it stays


@pytest.mark.parametrize(
    ("upsample", "convolution"),
    [
        (nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(4, 4, 3, 1, 1)),
        (nn.Upsample(scale_factor=3), nn.Conv2d(4, 4, 3, 1, 1)),
        (nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 3, 1, 0)),
        (nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 3, 1, 1, groups=2)),
        (nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 3, 1, 1, padding_mode="reflect")),
        (nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 5, 1, 2)),
    ],
)
def test_other_ways_to_enlarge_stay(upsample, convolution):
    layers = nn.Sequential(upsample, convolution).eval()
    x = torch.randn(2, 4, 6, 6)
    with torch.no_grad():
        expected = layers(x)
        folded = fuse_layers.fold(layers)
        torch.testing.assert_close(folded(x), expected)
    assert [type(layer) for layer in folded] == [nn.Upsample, nn.Conv2d]
