"""Convolutions of DCGAN with fewer multiplications, for training on a CPU.

Winograd's fast algorithms as in Lavin and Gray (2016, arXiv 1509.09308), for the layers of DCGAN:
convolutions and fractionally-strided convolutions of 4 × 4 with stride 2. The large map is sorted
into its even and odd rows and columns, which makes the kernel one of 2 × 2; tiles of 4 × 4 results
then take 25 products in place of 64, for the result and for both gradients (`winograd_tiles`).
Everything is float32, and results differ from PyTorch's by rounding, about 10⁻⁶ of the largest
number.

    with Convolutions():
        logits = discriminator(images)

A second derivative is not available, so gradient penalties are computed outside this context.
"""

import functools
import importlib.util
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import Conv2d, ConvTranspose2d
from torch.overrides import TorchFunctionMode

CHANNELS = 8  # with fewer in either map, the loops are too short to be faster
SHORT = 2**19  # a table of tiles with fewer numbers is done before a second thread has begun

_scratch = threading.local()


def available(device: torch.device | str) -> bool:
    """Whether these convolutions work on a device: a CPU, with Numba installed."""
    return torch.device(device).type == "cpu" and importlib.util.find_spec("numba") is not None


def helps(networks: Iterable[nn.Module]) -> bool:
    """Whether one of the networks has a convolution of this kind."""
    layers = (m for n in networks for m in n.modules() if isinstance(m, Conv2d | ConvTranspose2d))
    return any(
        (m.kernel_size, m.stride, m.padding) == ((4, 4), (2, 2), (1, 1))
        and min(m.in_channels, m.out_channels) >= CHANNELS
        for m in layers
    )


class Convolutions(TorchFunctionMode):
    """Within this context 4 × 4 convolutions with stride 2 are computed as described above.

    Convolutions of another size, kind or number type, or of maps that tiles do not divide, are left
    to PyTorch. Weights must not change within the context: each is transformed to tiles once.
    """

    def __init__(self) -> None:
        super().__init__()
        # Weights and their tiles by id; holding a weight here keeps its id from being reused.
        self.known: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if function is torch.conv2d and not kwargs and fits(*args, transposed=False):
            return self._apply(Convolution, *args[:3])
        if function is torch.conv_transpose2d and not kwargs and fits(*args, transposed=True):
            return self._apply(Transposed, *args[:3])
        return function(*args, **(kwargs or {}))

    def _apply(
        self,
        function: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if id(weight) not in self.known:
            self.known[id(weight)] = weight, of_weight(weight)
        y = function.apply(x, weight, self.known[id(weight)][1])
        return y if bias is None else y + bias[:, None, None]


def fits(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    *others: Any,
    transposed: bool,
) -> bool:
    """Whether a convolution can be computed here; arguments as PyTorch's functions take them."""
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


def _is(option: Any, number: int) -> bool:
    return option in (number, (number, number), [number, number])


class Convolution(torch.autograd.Function):
    """x (N, C, 2h, 2w), weight (O, C, 4, 4), and its tiles -> (N, O, h, w)."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, kernels: torch.Tensor
    ) -> torch.Tensor:
        inputs = of_large(x)
        ctx.save_for_backward(inputs, kernels)
        ctx.shapes = x.shape, weight.shape
        shape = len(x), len(weight), x.shape[2] // 2, x.shape[3] // 2
        return to_small(product(inputs, kernels.mT), shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple:  # type: ignore[override]
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
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, kernels: torch.Tensor
    ) -> torch.Tensor:
        inputs = of_small(x)
        ctx.save_for_backward(inputs, kernels)
        ctx.shapes = x.shape, weight.shape
        shape = len(x), weight.shape[1], x.shape[2] * 2, x.shape[3] * 2
        return to_large(product(inputs, kernels), shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple:  # type: ignore[override]
        inputs, kernels = ctx.saved_tensors
        outputs = of_large(gradient)
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = to_small(product(outputs, kernels.mT), ctx.shapes[0])
        if ctx.needs_input_grad[1]:
            dw = to_weight(product(inputs.mT, outputs), ctx.shapes[1])
        return dx, dw, None


# From pictures and kernels to tiles and back.


def of_large(x: torch.Tensor) -> torch.Tensor:
    """Tiles (25, n, 4C) of a large map (N, C, 2h, 2w)."""
    n, channels, height, width = x.shape
    tiles = torch.empty(25, n * height * width // 64, 4 * channels)
    shared("large_to_tiles", n, _last(x), tiles)
    return tiles


def to_large(tiles: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """A large map of a shape (N, C, 2h, 2w) from its tiles; where tiles overlap, they add up."""
    n, channels, height, width = shape
    pictures = torch.empty(n, height, width, channels)
    shared("tiles_to_large", n, tiles, pictures)
    return pictures.permute(0, 3, 1, 2)


def of_small(x: torch.Tensor) -> torch.Tensor:
    """Tiles (25, n, O) of a small map (N, O, h, w)."""
    n, channels, height, width = x.shape
    tiles = torch.empty(25, n * height * width // 16, channels)
    shared("small_to_tiles", n, _last(x), tiles)
    return tiles


def to_small(tiles: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """A small map of a shape (N, O, h, w) from its tiles."""
    n, channels, height, width = shape
    pictures = torch.empty(n, height, width, channels)
    shared("tiles_to_small", n, tiles, pictures)
    return pictures.permute(0, 3, 1, 2)


def of_weight(weight: torch.Tensor) -> torch.Tensor:
    """Tiles (25, O, 4C) of a weight (O, C, 4, 4)."""
    tiles = torch.empty(25, len(weight), 4 * weight.shape[1])
    shared("kernels_to_tiles", len(weight), _last(weight), tiles)
    return tiles


def to_weight(tiles: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """A weight of a shape (O, C, 4, 4) from its tiles."""
    out, channels = shape[:2]
    weight = torch.empty(out, 4, 4, channels)
    shared("tiles_to_kernels", out, tiles, weight)
    return weight.permute(0, 3, 1, 2)


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The 25 matrix products, in memory that the next product of this shape reuses.

    Fresh memory of this size would come from the system, which clears it page by page.
    """
    shape = 25, a.shape[1], b.shape[2]
    known = getattr(_scratch, "known", None)
    if known is None:
        known = _scratch.known = {}
    if shape not in known:
        known[shape] = torch.empty(shape)
    return torch.bmm(a, b, out=known[shape])


def _last(x: torch.Tensor) -> torch.Tensor:
    """A map or weight with its channels last: float32 (N, H, W, C), contiguous."""
    return x.detach().permute(0, 2, 3, 1).contiguous()


def shared(name: str, count: int, *tensors: torch.Tensor) -> None:
    """Call a loop of `winograd_tiles` on parts of 0 … count − 1, one for each thread."""
    from gan_core.training import winograd_tiles  # see gan_core.search.numba_loops

    loop: Callable[..., None] = getattr(winograd_tiles, name)
    arrays = [tensor.numpy() for tensor in tensors]
    short = max(tensor.numel() for tensor in tensors) < SHORT
    parts = 1 if short else min(torch.get_num_threads(), count)
    ends = [count * part // parts for part in range(parts + 1)]
    own, *others = itertools.pairwise(ends)
    waiting = [
        pool(os.getpid(), parts).submit(loop, *arrays, first, last) for first, last in others
    ]
    loop(*arrays, *own)
    for other in waiting:
        other.result()


@functools.lru_cache(maxsize=1)
def pool(process: int, parts: int) -> ThreadPoolExecutor:
    """Threads that share a loop; a forked process has none of its parent's threads."""
    return ThreadPoolExecutor(max(1, parts - 1))
