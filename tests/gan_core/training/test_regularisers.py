"""Regularisers: penalties of networks whose gradients are known, and bounds that hold."""

import pytest
import torch
from torch import nn

from gan_core.networks import registry, spectral_norm
from gan_core.training import regularisers

SIZES = {"size": 32, "channels": 1, "nz": 6, "ngf": 4, "ndf": 4}
JUDGES = [
    {"name": "dcgan", "norm": "none"},
    {"name": "dcgan", "norm": "spectral"},
    {"name": "residual"},
]


class Linear(nn.Module):
    """D(x) = w·x, whose gradient is w at every image."""

    def __init__(self, *w):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w, dtype=torch.float64))

    def forward(self, images):
        return images.double().flatten(1) @ self.w


class Quadratic(nn.Module):
    """D(x) = ½·a·‖x‖², whose gradient is a·x."""

    def __init__(self, a=1.0):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))

    def forward(self, images):
        self.given = images
        return self.a / 2 * images.double().flatten(1).square().sum(1)


class Smooth(nn.Module):
    """A small network with slopes everywhere, in double precision."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(2, 1))
        self.double()

    def forward(self, images):
        return self.layers(images.double()).flatten()


def judge(description):
    return registry.build(description | SIZES)[1]


def pictures(*rows):
    """Each row of four numbers is an image of 2×2."""
    return torch.tensor(rows).reshape(-1, 1, 2, 2)


def halfway(images):
    return torch.full((len(images), 1, 1, 1), 0.5)


def both_penalties(discriminator, real, fake):
    return {
        "zero-centred": regularisers.zero_centred(discriminator, real),
        "one-centred": regularisers.one_centred(discriminator, real, fake, halfway(real)),
    }


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_the_squared_gradient_of_each_image():
    images = pictures([1.0, 2.0, 2.0, 0.0], [0.0, 0.0, 0.0, -4.0])
    result = regularisers.squared_gradients(Quadratic(), images)
    assert result.tolist() == pytest.approx([9, 16])


def test_penalties_of_a_linear_discriminator_by_hand():
    linear = Linear(1.0, -2.0, 2.0, 4.0)  # ‖w‖ = 5
    result = both_penalties(linear, torch.randn(3, 1, 2, 2), torch.randn(3, 1, 2, 2))
    assert result["zero-centred"].item() == pytest.approx(25 / 2)
    assert result["one-centred"].item() == pytest.approx((5 - 1) ** 2)


def test_their_gradients_by_the_weights_of_a_linear_discriminator():
    for name, factor in (("zero-centred", 1.0), ("one-centred", 2 * (5 - 1) / 5)):
        linear = Linear(1.0, -2.0, 2.0, 4.0)
        images = torch.randn(3, 1, 2, 2)
        both_penalties(linear, images, images)[name].backward()
        expected = [factor * w for w in (1.0, -2.0, 2.0, 4.0)]
        assert linear.w.grad.tolist() == pytest.approx(expected, rel=1e-5)


def test_the_zero_centred_penalty_is_half_the_mean_over_the_images():
    images = pictures([3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0])
    value = regularisers.zero_centred(Quadratic(2.0), images)
    assert value.item() == pytest.approx((4 * 9 + 4 * 1) / 2 / 2)


@pytest.mark.parametrize(("mix", "norm"), [(0.0, 3.0), (0.5, 2.0), (0.75, 1.5), (1.0, 1.0)])
def test_the_one_centred_penalty_goes_from_the_real_image_to_the_generated_one(mix, norm):
    real, fake = pictures([0.0, 3.0, 0.0, 0.0]), pictures([0.0, 1.0, 0.0, 0.0])
    quadratic = Quadratic()
    value = regularisers.one_centred(quadratic, real, fake, torch.full((1, 1, 1, 1), mix))
    assert value.item() == pytest.approx((norm - 1) ** 2, abs=1e-6)
    assert torch.allclose(quadratic.given, (1 - mix) * real + mix * fake)


def test_each_image_has_its_own_place_on_the_line():
    real, fake = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2)
    quadratic = Quadratic()
    mix = torch.tensor([0.0, 0.2, 0.7, 1.0])
    regularisers.one_centred(quadratic, real, fake, mix.reshape(4, 1, 1, 1))
    for i, t in enumerate(mix.tolist()):
        assert torch.allclose(quadratic.given[i], (1 - t) * real[i] + t * fake[i], atol=1e-6)


@pytest.mark.parametrize("name", ["zero-centred", "one-centred"])
def test_gradients_are_those_of_finite_differences(name):
    network, step = Smooth(), 1e-3
    real, fake = torch.randn(5, 1, 2, 2), torch.randn(5, 1, 2, 2)
    both_penalties(network, real, fake)[name].backward()
    for parameter in network.parameters():
        for i in range(parameter.numel()):
            values = []
            for change in (step, -2 * step):
                parameter.data.view(-1)[i] += change
                values.append(both_penalties(network, real, fake)[name].item())
            parameter.data.view(-1)[i] += step
            result = 0.0 if parameter.grad is None else parameter.grad.flatten()[i].item()
            assert result == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("description", JUDGES, ids=str)
@pytest.mark.parametrize("name", ["zero-centred", "one-centred"])
def test_a_whole_discriminator_can_be_differentiated_twice(monkeypatch, description, name):
    # Leaky ReLUs make the first gradient jump, so finite differences need a smooth stand-in.
    monkeypatch.setattr("torch.nn.functional.leaky_relu", lambda x, *slope: nn.functional.silu(x))
    network = judge(description).double().eval()
    for parameter in network.parameters():  # away from the zeros that blocks begin with
        parameter.data += 0.05 * torch.randn_like(parameter)
    real, fake = torch.randn(2, 2, 1, 32, 32)

    def value():
        return both_penalties(lambda x: network(x.double()), real, fake)[name]

    value().backward()
    weights = [p for p in network.parameters() if p.grad is not None]  # all but the last offset
    assert len(weights) >= len(list(network.parameters())) - 1
    length = sum(p.grad.square().sum() for p in weights).sqrt().item()
    values, step = [], 1e-3
    for change in (step, -2 * step):  # along the gradient, by which the penalty grows fastest
        for weight in weights:
            weight.data += change * weight.grad / length
        values.append(value().item())
    assert length == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-2)


@pytest.mark.parametrize("description", JUDGES, ids=str)
def test_the_penalty_of_a_batch_is_the_mean_over_its_images(description):
    network = judge(description).eval()
    images = torch.randn(4, 1, 32, 32)
    alone = [regularisers.zero_centred(network, one[None]).item() for one in images]
    together = regularisers.zero_centred(network, images).item()
    assert together == pytest.approx(sum(alone) / 4, rel=1e-4)
    assert len({round(value / together, 3) for value in alone}) > 1


def test_batch_norm_would_mix_the_images():
    network = judge({"name": "dcgan"})
    images = torch.randn(4, 1, 32, 32)
    one = regularisers.squared_gradients(network, images)[0]
    other = regularisers.squared_gradients(network, torch.cat([images[:1], 3 * images[1:]]))[0]
    assert one.item() != pytest.approx(other.item(), rel=1e-2)


def test_a_flat_discriminator_has_a_penalty_with_finite_slopes():
    linear = Linear(0.0, 0.0, 0.0, 0.0)
    images = torch.randn(3, 1, 2, 2)
    value = both_penalties(linear, images, images)["one-centred"]
    value.backward()
    assert value.item() == pytest.approx(1, abs=1e-4)
    assert torch.isfinite(linear.w.grad).all()


def test_no_gradient_reaches_the_images():
    real = torch.randn(2, 1, 2, 2, requires_grad=True)
    fake = torch.randn(2, 1, 2, 2, requires_grad=True)
    sum(both_penalties(Quadratic(), real, fake).values()).backward()
    assert real.grad is None
    assert fake.grad is None


def test_images_of_lower_precision_are_judged_in_fp32():
    quadratic = Quadratic()
    regularisers.zero_centred(quadratic, torch.randn(2, 1, 2, 2).bfloat16())
    assert quadratic.given.dtype == torch.float32


def test_clipping_clamps_every_weight_and_no_other():
    network = judge({"name": "dcgan"})
    before = [p.clone() for p in network.parameters()]
    regularisers.clip_weights(network, 0.01)
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.equal(new, old.clamp(-0.01, 0.01))
        assert new.requires_grad
    assert max(p.abs().max().item() for p in before) > 0.01


def largest_singular_values(network):
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    return [torch.linalg.matrix_norm(m.weight.detach().flatten(1), 2).item() for m in layers]


@pytest.mark.slow
def test_each_layers_largest_singular_value_becomes_one():
    network = nn.Sequential(nn.Conv2d(2, 6, 3), nn.Flatten(), nn.Linear(6, 4))
    for parameter in network.parameters():
        parameter.data *= 7
    plain = largest_singular_values(network)
    assert spectral_norm.normalise_spectrum(network) is network
    for _ in range(30):
        network(torch.randn(2, 2, 3, 3))
    assert largest_singular_values(network.eval()) == pytest.approx([1, 1], abs=1e-2)
    assert min(abs(value - 1) for value in plain) > 0.5


@pytest.mark.parametrize("size", [28, 32, 64])
def test_each_layer_of_the_spectral_discriminator_is_normalised(size):
    network = registry.build({"name": "dcgan", "norm": "spectral"} | SIZES | {"size": size})[1]
    with torch.no_grad():
        for _ in range(60):
            network(torch.randn(1, 1, size, size))
    result = largest_singular_values(network.eval())
    assert len(result) == {28: 3, 32: 4, 64: 5}[size]
    assert result == pytest.approx([1] * len(result), abs=1e-2)


def test_a_spectral_discriminator_survives_being_saved():
    first = judge({"name": "dcgan", "norm": "spectral"})
    first(torch.randn(2, 1, 32, 32))
    second = judge({"name": "dcgan", "norm": "spectral"})
    second.load_state_dict({k: v.clone() for k, v in first.state_dict().items()})
    images = torch.randn(3, 1, 32, 32)
    assert torch.equal(first.eval()(images), second.eval()(images))
