"""The style-based family: modulation, the two spaces, and minibatch deviation in D."""

import math

import pytest
import torch
import torch.nn.functional as F

from gan_core.networks import fuse_layers, registry, style
from gan_core.training import regularisers

SIZES = (28, 32, 64)


def build(size=32, channels=3, nz=10, ngf=2, ndf=3):
    torch.manual_seed(0)
    sizes = {"size": size, "channels": channels, "nz": nz, "ngf": ngf, "ndf": ndf}
    return registry.build({"name": "style", **sizes})


def latents(n, nz=10):
    return torch.randn(n, nz, generator=torch.Generator().manual_seed(1))


def test_widths_grow_away_from_the_image_up_to_eight_times():
    assert style.widths(64, 16) == [128, 96, 64, 32, 16]
    assert style.widths(28, 3) == [12, 6, 3]
    assert style.widths(256, 1) == [8, 8, 8, 6, 4, 2, 1]


@pytest.mark.parametrize("size", SIZES)
def test_images_come_from_w_and_w_from_z(size):
    generator, _ = build(size)
    z = latents(3)
    w = generator.mapping(z)
    assert w.shape == (3, 10)
    assert torch.equal(generator.synthesis(w), generator(z))


def test_w_depends_on_the_direction_of_z_alone():
    mapping = build()[0].mapping
    z = latents(4)
    assert torch.allclose(mapping(z), mapping(3 * z), atol=1e-5)
    assert not torch.allclose(mapping(z), mapping(-z), atol=1e-2)


def test_every_size_listens_to_w():
    generator, _ = build(64)
    z = latents(2)
    layers = [m for m in generator.modules() if isinstance(m, style.ModulatedConvolution)]
    assert len(layers) == 2 + 3 * 4
    w = generator.mapping(z).detach()
    before = generator.synthesis(w)
    for layer in layers:
        saved = layer.style.weight.detach().clone()
        layer.style.weight.data.zero_()
        assert not torch.allclose(generator.synthesis(w), before, atol=1e-4)
        layer.style.weight.data.copy_(saved)
    assert torch.equal(generator.synthesis(w), before)


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulation_is_that_of_the_paper(demodulate):
    torch.manual_seed(0)
    layer = style.ModulatedConvolution(3, 5, 4, demodulate=demodulate, gain=1.5)
    torch.nn.init.normal_(layer.bias)
    x, w = torch.randn(2, 3, 6, 6), torch.randn(2, 4)
    images = []
    for i in range(2):  # weights of its own for each image, as in equations 1 and 3
        weight = layer.weight / math.sqrt(27) * layer.style(w)[i][None, :, None, None]
        if demodulate:
            weight = weight / weight.square().sum((1, 2, 3), keepdim=True).add(1e-8).sqrt()
        images.append(F.conv2d(x[i : i + 1], 1.5 * weight, layer.bias, padding=1))
    assert torch.allclose(layer(x, w), torch.cat(images), atol=1e-5)


def test_demodulation_keeps_the_variance_whatever_the_styles():
    torch.manual_seed(0)
    layer = style.ModulatedConvolution(64, 64, 8, gain=1.0)
    x = torch.randn(8, 64, 16, 16)
    for size in (0.1, 1, 10):
        y = layer(x, size * torch.randn(8, 8))[:, :, 1:-1, 1:-1]  # away from the padding
        assert y.std().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("layer", [style.Linear(50, 40, gain=1.0), style.Convolution(8, 9, 3, 1.0)])
def test_equalised_layers_have_standard_normal_weights_and_keep_the_variance(layer):
    torch.manual_seed(0)
    torch.nn.init.normal_(layer.weight)
    x = torch.randn(2000, 50) if layer.weight.ndim == 2 else torch.randn(20, 8, 16, 16)
    y = layer(x).detach()
    y = y if y.ndim == 2 else y[:, :, 1:-1, 1:-1]
    assert y.std().item() == pytest.approx(1, abs=0.1)
    fresh = style.Convolution(64, 64, 3, 1.0).weight
    assert fresh.std().item() == pytest.approx(1, abs=0.05)


def test_the_mapping_network_learns_a_hundred_times_more_slowly():
    """One step of Adam moves every stored weight alike; what is used moves by `rate` of it."""
    torch.manual_seed(0)
    moved = {}
    for rate in (1.0, 0.01):
        layer = style.Linear(4, 4, rate=rate)
        before = (layer.weight * layer.scale).detach()
        adam = torch.optim.Adam(layer.parameters(), 0.1)
        layer(torch.randn(8, 4)).square().sum().backward()
        adam.step()
        moved[rate] = (layer.weight * layer.scale - before).abs().mean().item()
    assert moved[0.01] / moved[1.0] == pytest.approx(0.01, rel=1e-3)
    outputs = style.Linear(400, 400, rate=0.01)(torch.randn(400, 400))
    assert outputs.std().item() == pytest.approx(1, abs=0.05)  # at first they are as large


@pytest.mark.parametrize("size", SIZES)
def test_a_generated_image_does_not_depend_on_its_batch(size):
    generator, _ = build(size)
    z = latents(5)
    with torch.no_grad():
        together = generator.eval()(z)
        alone = torch.cat([generator(one[None]) for one in z])
    assert torch.allclose(together, alone, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 0.01


def test_images_are_clamped_in_eval_mode_only():
    generator, _ = build(64)
    z = latents(8)
    with torch.no_grad():
        training, shown = generator.train()(z), generator.eval()(z)
    assert training.abs().max() > 1
    assert torch.equal(training.clamp(-1, 1), shown)


def test_an_image_is_judged_apart_from_its_batch_in_eval_mode():
    _, discriminator = build()
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    discriminator.eval()
    together = discriminator(images)
    alone = torch.cat([discriminator(one[None]) for one in images])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-6)
    assert together.std() > 0


def test_in_training_an_image_is_judged_beside_its_group():
    _, discriminator = build()
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    alike = images[:1].expand(4, -1, -1, -1)
    assert not torch.allclose(discriminator(images)[0], discriminator(alike)[0], atol=1e-4)


def test_minibatch_deviation_by_hand():
    x = torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 5.0], [6.0, 1.0]])[:, :, None, None]
    # One group of four: channel 0 has 0, 2, 4, 6, of variance 5; channel 1 has 1, 1, 5, 1, of 3.
    expected = (math.sqrt(5) + math.sqrt(3)) / 2
    assert style.minibatch_deviation(x).flatten().tolist() == pytest.approx([expected] * 4)
    # Of six images no group of four can be made: 0, 2, 4 and 1, 3, 5 are groups.
    x = torch.tensor([0.0, 5.0, 3.0, 5.0, 6.0, 5.0])[:, None, None, None]
    result = style.minibatch_deviation(x).flatten().tolist()
    assert result == pytest.approx([math.sqrt(6), 1e-4] * 3, abs=1e-6)


def test_the_deviation_of_training_is_what_an_image_is_judged_with():
    layer = style.MinibatchDeviation()
    x = torch.tensor([0.0, 2.0, 4.0, 6.0])[:, None, None, None]
    for _ in range(2000):
        assert layer(x)[0, 1].item() == pytest.approx(math.sqrt(5))
    layer.eval()
    assert layer(torch.zeros(1, 1, 1, 1))[0, 1].item() == pytest.approx(math.sqrt(5), rel=1e-3)
    assert "deviation.usual" in build()[1].state_dict()


def test_penalties_differentiate_the_discriminator_twice():
    """The gradient of R1 by a weight agrees with finite differences of R1."""
    _, discriminator = build(28, 1)
    discriminator = discriminator.double().eval()
    images = torch.rand(4, 1, 28, 28, dtype=torch.float64) * 2 - 1

    def r1():
        x = images.clone().requires_grad_()
        (gradients,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
        return gradients.square().flatten(1).sum(1).mean() / 2

    r1().backward()
    weight = discriminator.blocks[0].reduce.weight
    with torch.no_grad():
        weight[0, 0, 1, 1] += 1e-5
        above = r1_value(r1)
        weight[0, 0, 1, 1] -= 2e-5
        below = r1_value(r1)
    assert weight.grad[0, 0, 1, 1].item() == pytest.approx((above - below) / 2e-5, rel=1e-4)
    assert weight.grad[0, 0, 1, 1].abs() > 0


def r1_value(r1):
    with torch.enable_grad():
        return r1().item()


def test_r1_reaches_every_weight_of_the_discriminator():
    _, discriminator = build()
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    regularisers.zero_centred(discriminator, images).backward()
    for name, parameter in discriminator.named_parameters():
        if not name.endswith("bias"):
            assert parameter.grad.abs().max() > 0, name


def test_every_parameter_takes_part():
    generator, discriminator = build()
    discriminator(generator(latents(4))).square().sum().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_bfloat16_maps_stay_bfloat16():
    generator, discriminator = build()
    with torch.autocast("cpu", torch.bfloat16):
        images = generator(latents(2))
        assert images.dtype == torch.bfloat16
        assert discriminator(images).dtype == torch.bfloat16


def test_features_are_what_the_head_reads():
    _, discriminator = build()
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    features = discriminator.features(images)
    assert features.shape == (2, 3 * 6)
    assert torch.equal(discriminator.head(features).flatten(), discriminator(images))


@pytest.mark.parametrize("size", SIZES)
def test_with_fixed_weights_the_images_are_the_same(size):
    generator = build(size, ngf=4)[0].eval()
    for name, parameter in generator.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    fixed = fuse_layers.fold(generator)
    assert fuse_layers.helps(generator)
    assert not fuse_layers.helps(fixed)
    assert not any(isinstance(layer, style.Linear) for layer in fixed.modules())
    z = latents(5)
    torch.testing.assert_close(fixed(z), generator(z), rtol=1e-4, atol=1e-5)
    (slope,) = torch.autograd.grad(fixed(z.requires_grad_()).square().sum(), z)
    (expected,) = torch.autograd.grad(generator(z).square().sum(), z)
    torch.testing.assert_close(slope, expected, rtol=1e-3, atol=1e-4)
