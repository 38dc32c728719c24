"""Convolutions with fewer multiplications: the same results and gradients as PyTorch's own."""

import json

import numpy as np
import pytest
import torch

from gan_core.training import config_checks, loop, snapshot, winograd
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError
from support import first_quick

CLOSE = 2e-5  # of the largest number; float32 rounds by 6e-8 at each of some hundred additions
# Pictures, channels of the large map and of the small one, sides of the small one.
SHAPES = [(1, 8, 8, 4, 4), (3, 11, 20, 8, 4), (2, 16, 9, 4, 12), (5, 24, 48, 16, 16)]


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def direct(x, weight, bias=None, transposed=False):
    convolve = torch.conv_transpose2d if transposed else torch.conv2d
    return convolve(x, weight, bias, (2, 2), (1, 1))


def fast(*args, **options):
    with winograd.Convolutions():
        return direct(*args, **options)


def is_fast(y):
    while y.grad_fn is not None and type(y.grad_fn).__name__ == "AddBackward0":
        return type(y.grad_fn.next_functions[0][0]).__name__ in FAST
    return type(y.grad_fn).__name__ in FAST


FAST = ("ConvolutionBackward", "TransposedBackward")


def close(result, expected):
    assert result.shape == expected.shape
    assert (result - expected).abs().max() <= CLOSE * expected.abs().max()


@pytest.fixture(params=[False, True], ids=["one thread", "several"])
def threads(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(winograd, "SHORT", 0)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 3)


@pytest.mark.slow
@pytest.mark.parametrize("last", first_quick([True, False]), ids=["channels last", "contiguous"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("n", "large", "small", "height", "width"), SHAPES)
def test_results_and_gradients_are_those_of_the_direct_way(
    threads, n, large, small, height, width, transposed, last
):
    shape = (n, small, height, width) if transposed else (n, large, 2 * height, 2 * width)
    bias = random(large if transposed else small, seed=2)
    given = [random(*shape), random(small, large, 4, 4, seed=1), bias]
    if last:
        given[:2] = (x.contiguous(memory_format=torch.channels_last) for x in given[:2])
    leaves = [x.requires_grad_() for x in given]
    result = fast(*leaves, transposed=transposed)
    assert is_fast(result)
    doubles = [x.detach().double().requires_grad_() for x in leaves]
    expected = direct(*doubles, transposed=transposed)
    close(result, expected)
    upstream = random(*expected.shape, seed=3)
    ours = torch.autograd.grad(result, leaves, upstream)
    true = torch.autograd.grad(expected, doubles, upstream.double())
    for one, other in zip(ours, true, strict=True):
        close(one, other)


def test_borders_are_zeros():
    """A kernel of ones sums what it covers, which at a corner is nine numbers."""
    ones, kernel = torch.ones(1, 8, 16, 16), torch.ones(8, 8, 4, 4)
    result = fast(ones, kernel.requires_grad_())
    assert is_fast(result)
    rows = torch.tensor([3.0, *[4] * 6, 3])
    torch.testing.assert_close(result[0, 0], 8 * rows[:, None] * rows)


OTHERS = {
    "few channels": lambda: torch.conv2d(random(2, 4, 16, 16), weight(8, 4), None, 2, 1),
    "maps that tiles do not divide": lambda: torch.conv2d(
        random(2, 8, 12, 12), weight(8, 8), None, 2, 1
    ),
    "another kernel": lambda: torch.conv2d(random(2, 8, 16, 16), weight(8, 8, 3), None, 2, 1),
    "other steps": lambda: torch.conv2d(random(2, 8, 16, 16), weight(8, 8), None, 1, 1),
    "another border": lambda: torch.conv2d(random(2, 8, 16, 16), weight(8, 8), None, 2, 3),
    "groups": lambda: torch.conv2d(random(2, 16, 16, 16), weight(16, 8), None, 2, 1, 1, 2),
    "dilation": lambda: torch.conv2d(random(2, 8, 16, 16), weight(8, 8), None, 2, 1, 2),
    "doubles": lambda: torch.conv2d(
        random(2, 8, 16, 16).double(), weight(8, 8).double(), None, 2, 1
    ),
    "by name": lambda: torch.conv2d(random(2, 8, 16, 16), weight(8, 8), stride=2, padding=1),
    "one picture alone": lambda: torch.conv2d(random(8, 16, 16), weight(8, 8), None, 2, 1),
    "odd output": lambda: torch.conv_transpose2d(random(2, 8, 8, 8), weight(8, 8), None, 2, 1, 1),
}


def weight(out, channels, side=4):
    return random(out, channels, side, side, seed=1).requires_grad_()


@pytest.mark.parametrize("convolve", OTHERS.values(), ids=OTHERS)
def test_other_convolutions_are_pytorchs_own(convolve):
    expected = convolve()
    with winograd.Convolutions():
        result = convolve()
    assert not is_fast(result)
    assert torch.equal(result, expected)


def test_a_weight_is_transformed_once_per_context(monkeypatch):
    seen, of_weight = [], winograd.of_weight
    monkeypatch.setattr(winograd, "of_weight", lambda w: seen.append(0) or of_weight(w))
    x, kernel = random(2, 8, 16, 16), weight(8, 8)
    with winograd.Convolutions():
        before = direct(x, kernel)
        assert torch.equal(direct(x, kernel), before)
    assert len(seen) == 1
    adam = torch.optim.Adam([kernel], fused=True)  # which tells no version of its weights
    before.sum().backward()
    adam.step()
    close(fast(x, kernel), direct(x, kernel))
    close(fast(x, kernel * 3), direct(x, kernel * 3))


def test_what_needs_no_gradient_gets_none():
    x, kernel = random(2, 8, 16, 16).requires_grad_(), weight(8, 8).detach()
    result = fast(x, kernel)
    result.sum().backward()
    assert x.grad is not None
    assert kernel.grad is None
    with torch.no_grad():
        assert fast(x, kernel).grad_fn is None


def test_gradients_of_gradients_are_refused():
    x, kernel = random(2, 8, 16, 16).requires_grad_(), weight(8, 8)
    (gradient,) = torch.autograd.grad(fast(x, kernel).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


TINY = {"nz": 8, "ngf": 8, "ndf": 8, "batch": 8, "kimg": 0.08, "log_kimg": 0.008}
TINY |= {"snapshot_kimg": 0.008, "grid_kimg": 9, "measure_kimg": 0, "augment": "mirror"}
TINY |= {"precision": "fp32", "layout": "channels_last"}


def train(data, run, **options):
    return loop.train(data, run, TrainingConfig(**options))


def losses(run):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line["d_loss"] for line in lines if "d_loss" in line]


def weights(run):
    return snapshot.read(run / "state.safetensors")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "game",
    first_quick([{}, {"objective": "wgan-gp", "norm": "none"}, {"norm": "spectral"}]),
    ids=str,
)
def test_training_goes_as_it_goes_the_direct_way(make_set, tmp_path, game):
    data = make_set(n=64, size=32)
    for way in ("direct", "winograd"):
        train(data, tmp_path / way, convolution=way, **(TINY | game))
    ours, theirs = losses(tmp_path / "winograd"), losses(tmp_path / "direct")
    assert len(ours) == 10
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    ours, theirs = (weights(tmp_path / way) for way in ("winograd", "direct"))
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)  # it was another way


@pytest.mark.slow
def test_a_run_that_is_resumed_is_the_same_bit_for_bit(make_set, tmp_path):
    data = make_set(n=64, size=32)
    options = TINY | {"convolution": "winograd"}
    train(data, tmp_path / "whole", **options)
    train(data, tmp_path / "parts", **(options | {"kimg": 0.04}))
    train(data, tmp_path / "parts", **options)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize(
    "wrong", [{"precision": "bf16"}, {"layout": "contiguous"}, {"convolution": "fast"}], ids=str
)
def test_what_cannot_work_is_refused(make_set, wrong):
    config = TrainingConfig(**TINY | {"convolution": "winograd"} | wrong)
    with pytest.raises(InputError, match="convolution"):
        config_checks.check(make_set(n=64), config)


def test_without_numba_it_is_refused_and_a_run_goes_on(make_set, tmp_path, monkeypatch):
    data = make_set(n=64, size=32)
    options = TINY | {"convolution": "auto", "kimg": 0.04}
    monkeypatch.setattr(winograd.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="needs the package numba"):
        config_checks.check(data, TrainingConfig(**options | {"convolution": "winograd"}))
    train(data, tmp_path / "run", **options)
    assert len(losses(tmp_path / "run")) == 5
