"""Layers folded into adjacent convolutions: the same pictures in less time.

In eval mode a batch norm only scales and shifts each channel, which the preceding convolution can
do itself. Nearest-neighbour doubling and a 3 × 3 convolution become one transposed convolution of
4 × 4. What a style-based generator computes from its weights alone is computed once.
"""

import copy
from typing import Any

import torch
from torch import nn

from gan_core.networks import fixed_style, style
from gan_core.networks.resize_dcgan import transposed

ROWS = 32  # rows of a weight that are held in double precision at once


def fold(generator: nn.Module) -> nn.Module:
    """A copy of a generator in eval mode, with each batch norm folded into the layer before it.

    In every nn.Sequential, a BatchNorm2d right after a Conv2d or ConvTranspose2d is removed, and so
    is an Upsample by two right before a 3 × 3 convolution. Style-based layers are replaced by
    those of `fixed_style`. Weights are stored channels last. The copy draws the same images within
    rounding; `generator` is not changed.
    """
    # Layers that are not folded share the memory of the original until `channels_last` copies them.
    tensors = [*generator.parameters(), *generator.buffers()]
    shared = copy.deepcopy(generator, {id(tensor): tensor for tensor in tensors})
    return channels_last(folded(shared.eval()))


def helps(generator: nn.Module) -> bool:
    """Whether a generator has layers that `fold` replaces."""
    kinds = nn.BatchNorm2d | style.ModulatedConvolution
    return any(isinstance(layer, kinds) for layer in generator.modules())


def channels_last(module: nn.Module) -> nn.Module:
    """The module, its four-dimensional weights copied to channels last, no memory shared."""
    for part in module.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            if weight.ndim == 4:
                copied = weight.detach().contiguous(memory_format=torch.channels_last)
            else:
                copied = weight.detach()
            setattr(part, name, nn.Parameter(copied, requires_grad=False))
    return module


def folded(module: nn.Module) -> nn.Module:
    """A module in eval mode with its batch norms folded; its children are replaced."""
    for name, child in list(module.named_children()):
        setattr(module, name, fixed_style.replaced(child) or folded(child))
    if type(module) is not nn.Sequential:
        return module
    layers: list[nn.Module] = []
    for layer in module:
        last = layers[-1] if layers else None
        norm = isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None
        if isinstance(last, nn.Conv2d | nn.ConvTranspose2d) and norm:
            layers[-1] = fused(last, layer)
        elif last is not None and enlarges(last) and is_plain(layer):
            layers[-1] = enlarging(layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


def enlarges(layer: nn.Module) -> bool:
    """Whether a layer doubles the size by repeating pixels."""
    return isinstance(layer, nn.Upsample) and (layer.scale_factor, layer.mode) == (2, "nearest")


def is_plain(layer: nn.Module) -> bool:
    """Whether a layer is a zero-padded 3 × 3 convolution that preserves the size."""
    return (
        isinstance(layer, nn.Conv2d)
        and (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (1, 1), (1, 1))
        and (layer.dilation, layer.groups, layer.padding_mode) == ((1, 1), 1, "zeros")
    )


@torch.no_grad()
def enlarging(convolution: Any) -> nn.ConvTranspose2d:
    """One transposed convolution that equals doubling followed by a convolution."""
    weight = transposed(convolution.weight)
    given, made = weight.shape[:2]
    result = nn.ConvTranspose2d(given, made, 4, 2, 1, bias=convolution.bias is not None)
    result.weight = nn.Parameter(weight, requires_grad=False)
    if convolution.bias is not None:
        result.bias = nn.Parameter(convolution.bias.detach().clone(), requires_grad=False)
    return result


@torch.no_grad()
def fused(convolution: nn.Conv2d | nn.ConvTranspose2d, norm: Any) -> nn.Module:
    """One convolution that equals a convolution followed by a BatchNorm2d in eval mode.

    torch's fuse_conv_bn_eval fails for transposed convolutions of more than one group.
    """
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    scale = scale * norm.weight.double() if norm.affine else scale
    offset = -norm.running_mean.double() * scale
    offset = offset + norm.bias.double() if norm.affine else offset
    if convolution.bias is not None:
        offset = offset + convolution.bias.double() * scale
    # Weights are (out, in / groups, …), of a transposed convolution (in, out / groups, …).
    by_group = scale.view(convolution.groups, -1)
    rows = len(convolution.weight) // convolution.groups
    if isinstance(convolution, nn.ConvTranspose2d):
        factors = by_group[:, None, :].expand(-1, rows, -1).flatten(0, 1)
    else:
        factors = by_group.flatten()[:, None]
    weight = torch.empty_like(convolution.weight)
    for part, factor, target in zip(
        convolution.weight.split(ROWS), factors.split(ROWS), weight.split(ROWS), strict=True
    ):
        target.copy_(part.double() * factor[..., None, None])
    result = copy.copy(convolution)
    result._parameters = dict(convolution._parameters)
    result.weight = nn.Parameter(weight, requires_grad=False)
    result.bias = nn.Parameter(offset.to(weight.dtype), requires_grad=False)
    return result
