"""The averaged generator: its arithmetic, and batch-norm statistics that fit it."""

import copy

import pytest
import torch
from torch import nn

from gan_core.networks import registry
from gan_core.training import ema


def narrow(name="dcgan"):
    sizes = {"size": 32, "channels": 3, "nz": 8, "ngf": 4, "ndf": 4}
    return registry.build({"name": name, **sizes})[0]


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return narrow()


def test_one_step_by_hand(generator):
    average = copy.deepcopy(generator)
    torch.manual_seed(1)
    model = narrow()
    before = [p.clone() for p in average.parameters()]
    ema.update_ema(average, model, 0.9)
    for old, new, target in zip(before, average.parameters(), model.parameters(), strict=True):
        assert torch.allclose(new, 0.9 * old + 0.1 * target, atol=1e-7)


def test_many_steps_towards_a_still_model_follow_the_power(generator):
    average = copy.deepcopy(generator).requires_grad_(False)
    for parameter in average.parameters():
        parameter.fill_(1.0)
    for parameter in generator.parameters():
        parameter.data.fill_(3.0)
    for _ in range(10):
        ema.update_ema(average, generator, 0.8)
    for parameter in average.parameters():
        assert torch.allclose(parameter, torch.tensor(3 - 2 * 0.8**10), atol=1e-5)


def test_the_model_and_the_statistics_stay_as_they_were(generator):
    average = copy.deepcopy(generator)
    model = copy.deepcopy(generator)
    model(torch.randn(8, 8))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    buffers = [b.clone() for b in average.buffers()]
    ema.update_ema(average, model, 0.5)
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in state.items())
    for before, after in zip(buffers, average.buffers(), strict=True):
        assert torch.equal(before, after)


def test_the_decay_halves_in_its_half_life():
    decay = ema.decay_for(64, 10, position=10**9)
    assert decay ** (10_000 / 64) == pytest.approx(0.5)


def test_early_on_the_half_life_is_a_twentieth_of_what_was_seen():
    decay = ema.decay_for(50, 10, position=20_000)
    assert decay ** (1_000 / 50) == pytest.approx(0.5)
    assert ema.decay_for(64, 10, position=0) == pytest.approx(0)
    assert ema.decay_for(64, 0, position=10**6) == pytest.approx(0)


def test_statistics_are_those_of_the_batches(generator):
    torch.manual_seed(2)
    batches = [torch.randn(16, 8) for _ in range(5)]
    ema.reestimate_batch_norm(generator, batches)
    first, norm = generator.layers[0], generator.layers[1]
    with torch.no_grad():
        seen = [first(z[:, :, None, None]) for z in batches]
    mean = torch.stack([x.mean((0, 2, 3)) for x in seen]).mean(0)
    variance = torch.stack([x.var((0, 2, 3), unbiased=True) for x in seen]).mean(0)
    assert torch.allclose(norm.running_mean, mean, atol=1e-6)
    assert torch.allclose(norm.running_var, variance, rtol=1e-4)


def test_old_statistics_and_momenta_play_no_part(generator):
    torch.manual_seed(2)
    batches = [torch.randn(16, 8) for _ in range(3)]
    spoilt = copy.deepcopy(generator)
    for module in spoilt.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(100)
            module.running_var.fill_(0.001)
            module.num_batches_tracked.fill_(9)
    ema.reestimate_batch_norm(generator, batches)
    ema.reestimate_batch_norm(spoilt, iter(batches))
    for key, value in generator.state_dict().items():
        assert torch.equal(value, spoilt.state_dict()[key]), key
    momenta = {m.momentum for m in generator.modules() if isinstance(m, nn.BatchNorm2d)}
    assert momenta == {0.1}
    assert not generator.training


def test_refitted_a_picture_does_not_depend_on_its_batch(generator):
    torch.manual_seed(3)
    ema.reestimate_batch_norm(generator, [torch.randn(64, 8) for _ in range(8)])
    z = torch.randn(64, 8)
    with torch.no_grad():
        together = generator(z)
        alone = torch.cat([generator(one[None]) for one in z])
    assert (together - alone).abs().max() < 1e-4
    # And the statistics fit: what the norm sends on is standardised.
    with torch.no_grad():
        sent = generator.layers[1](generator.layers[0](z[:, :, None, None]))
    scale, offset = generator.layers[1].weight, generator.layers[1].bias
    standard = (sent - offset[:, None, None]) / scale[:, None, None]
    assert standard.mean().abs() < 0.1
    assert abs(standard.std() - 1) < 0.1


def test_memory_layout_makes_no_difference(generator):
    torch.manual_seed(1)
    model = narrow()
    plain, last = copy.deepcopy(generator), copy.deepcopy(generator)
    last.to(memory_format=torch.channels_last)
    ema.update_ema(plain, model, 0.7)
    ema.update_ema(last, model.to(memory_format=torch.channels_last), 0.7)
    for a, b in zip(plain.parameters(), last.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7)


def test_a_generator_without_batch_norm_is_averaged_and_left_alone():
    torch.manual_seed(0)
    average, model = narrow("residual"), narrow("residual")
    pairs = zip(average.parameters(), model.parameters(), strict=True)
    expected = [(p + 3 * q) / 4 for p, q in pairs]
    ema.update_ema(average, model, 0.25)
    ema.reestimate_batch_norm(average, [torch.randn(4, 8)])
    for value, weight in zip(expected, average.parameters(), strict=True):
        assert torch.allclose(value, weight, atol=1e-6)
    assert not average.training
