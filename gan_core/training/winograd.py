"""Convolutions of DCGAN with fewer multiplications, for training on a CPU.

Winograd's fast algorithms as Lavin and Gray (2016, arXiv 1509.09308) use them, for what DCGAN is
made of: convolutions and fractionally-strided convolutions of 4 × 4 with steps of two. The large
map is sorted into its even and odd rows and columns, which makes the kernel one of 2 × 2; tiles of
4 × 4 results then take 25 products in place of 64, for the result and for both gradients
(gan_core.training.winograd_tiles). All is float32, and the results differ from PyTorch's own by its
rounding, some 10⁻⁶ of the largest number.

    with Convolutions():
        logits = discriminator(images)

Gradients of gradients are not had this way: penalties of gradients are computed outside.
"""

import functools
import importlib.util
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import torch
from torch.autograd.function import once_differentiable
from torch.nn import Conv2d, ConvTranspose2d
from torch.overrides import TorchFunctionMode

CHANNELS = 8  # of both maps, below which the loops are too short to pay
SHORT = 2**19  # numbers in a table of tiles that one thread has done before another has begun

_scratch = threading.local()


def available(device):
    """Whether this can be used on a device: a CPU, with Numba installed."""
    return torch.device(device).type == "cpu" and importlib.util.find_spec("numba") is not None


def helps(networks):
    """Whether one of the networks has a convolution of this kind."""
    layers = (m for n in networks for m in n.modules() if isinstance(m, Conv2d | ConvTranspose2d))
    return any(
        (m.kernel_size, m.stride, m.padding) == ((4, 4), (2, 2), (1, 1))
        and min(m.in_channels, m.out_channels) >= CHANNELS
        for m in layers
    )


class Convolutions(TorchFunctionMode):
    """While it is entered, 4 × 4 convolutions with steps of two are computed as above.

    Those of another size, kind or number type, or of maps that tiles do not divide, are PyTorch's.
    Weights must stay as they are until it is left: each is brought to tiles once.
    """

    def __init__(self):
        super().__init__()
        self.known = {}  # of weights by id, each beside its tiles, so that no other takes its id

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.conv2d and not kwargs and fits(*args, transposed=False):
            return self._apply(Convolution, *args[:3])
        if function is torch.conv_transpose2d and not kwargs and fits(*args, transposed=True):
            return self._apply(Transposed, *args[:3])
        return function(*args, **(kwargs or {}))

    def _apply(self, function, x, weight, bias=None):
        if id(weight) not in self.known:
            self.known[id(weight)] = weight, of_weight(weight)
        y = function.apply(x, weight, self.known[id(weight)][1])
        return y if bias is None else y + bias[:, None, None]


def fits(x, weight, bias=None, stride=1, padding=0, *others, transposed):
    """Whether a convolution, as PyTorch's functions take it, is one of these."""
    tile = 4 if transposed else 8
    return (
        x.ndim == 4
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == "cpu"
        and weight.shape[2:] == (4, 4)
        and min(weight.shape[:2]) >= CHANNELS
        and x.shape[1] == weight.shape[0 if transposed else 1]
        and x.shape[2] % tile == x.shape[3] % tile == 0
        and min(x.shape) > 0
        and _is(stride, 2)
        and _is(padding, 1)
        # Of a transposed one output_padding, groups and dilation; else dilation and groups.
        and all(
            _is(o, d) for o, d in zip(others, (0, 1, 1) if transposed else (1, 1), strict=False)
        )
    )


def _is(option, number):
    return option in (number, (number, number), [number, number])


class Convolution(torch.autograd.Function):
    """x (N, C, 2h, 2w), weight (O, C, 4, 4), and its tiles -> (N, O, h, w)."""

    @staticmethod
    def forward(ctx, x, weight, kernels):
        inputs = of_large(x)
        ctx.save_for_backward(inputs, kernels)
        ctx.shapes = x.shape, weight.shape
        shape = len(x), len(weight), x.shape[2] // 2, x.shape[3] // 2
        return to_small(product(inputs, kernels.mT), shape)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        inputs, kernels = ctx.saved_tensors
        outputs = of_small(gradient)
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = to_large(product(outputs, kernels), ctx.shapes[0])
        if ctx.needs_input_grad[1]:
            dw = to_weight(product(outputs.mT, inputs), ctx.shapes[1])
        return dx, dw, None


class Transposed(torch.autograd.Function):
    """x (N, O, h, w), weight (O, C, 4, 4), and its tiles -> (N, C, 2h, 2w)."""

    @staticmethod
    def forward(ctx, x, weight, kernels):
        inputs = of_small(x)
        ctx.save_for_backward(inputs, kernels)
        ctx.shapes = x.shape, weight.shape
        shape = len(x), weight.shape[1], x.shape[2] * 2, x.shape[3] * 2
        return to_large(product(inputs, kernels), shape)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        inputs, kernels = ctx.saved_tensors
        outputs = of_large(gradient)
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = to_small(product(outputs, kernels.mT), ctx.shapes[0])
        if ctx.needs_input_grad[1]:
            dw = to_weight(product(inputs.mT, outputs), ctx.shapes[1])
        return dx, dw, None


# From pictures and kernels to tiles and back.


def of_large(x):
    """Tiles (25, n, 4C) of a large map (N, C, 2h, 2w)."""
    n, channels, height, width = x.shape
    tiles = torch.empty(25, n * height * width // 64, 4 * channels)
    shared("large_to_tiles", n, _last(x), tiles)
    return tiles


def to_large(tiles, shape):
    n, channels, height, width = shape
    pictures = torch.empty(n, height, width, channels)
    shared("tiles_to_large", n, tiles, pictures)
    return pictures.permute(0, 3, 1, 2)


def of_small(x):
    """Tiles (25, n, O) of a small map (N, O, h, w)."""
    n, channels, height, width = x.shape
    tiles = torch.empty(25, n * height * width // 16, channels)
    shared("small_to_tiles", n, _last(x), tiles)
    return tiles


def to_small(tiles, shape):
    n, channels, height, width = shape
    pictures = torch.empty(n, height, width, channels)
    shared("tiles_to_small", n, tiles, pictures)
    return pictures.permute(0, 3, 1, 2)


def of_weight(weight):
    """Tiles (25, O, 4C) of a weight (O, C, 4, 4)."""
    tiles = torch.empty(25, len(weight), 4 * weight.shape[1])
    shared("kernels_to_tiles", len(weight), _last(weight), tiles)
    return tiles


def to_weight(tiles, shape):
    out, channels = shape[:2]
    weight = torch.empty(out, 4, 4, channels)
    shared("tiles_to_kernels", out, tiles, weight)
    return weight.permute(0, 3, 1, 2)


def product(a, b):
    """The 25 matrix products, in memory that the next product of this shape takes again.

    Fresh memory of this size comes from the system, which clears it page by page.
    """
    shape = 25, a.shape[1], b.shape[2]
    known = getattr(_scratch, "known", None)
    if known is None:
        known = _scratch.known = {}
    if shape not in known:
        known[shape] = torch.empty(shape)
    return torch.bmm(a, b, out=known[shape])


def _last(x):
    """A map or weight with its channels last: float32 (N, H, W, C), contiguous."""
    return x.detach().permute(0, 2, 3, 1).contiguous()


def shared(name, count, *tensors):
    """Call a loop of gan_core.training.winograd_tiles on parts of 0 … count − 1, one for each
    thread."""
    from gan_core.training import winograd_tiles  # see gan_core.search.numba_loops

    loop = getattr(winograd_tiles, name)
    arrays = [tensor.numpy() for tensor in tensors]
    short = max(tensor.numel() for tensor in tensors) < SHORT
    parts = 1 if short else min(torch.get_num_threads(), count)
    ends = [count * part // parts for part in range(parts + 1)]
    own, *others = itertools.pairwise(ends)
    waiting = [pool(os.getpid(), parts).submit(loop, *arrays, *part) for part in others]
    loop(*arrays, *own)
    for other in waiting:
        other.result()


@functools.lru_cache(maxsize=1)
def pool(process, parts):
    """Threads that share a loop; a process that was forked has none of its parent's."""
    return ThreadPoolExecutor(max(1, parts - 1))
