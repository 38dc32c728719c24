"""Layers folded into the convolutions beside them: the same pictures, in less time.

In eval mode a batch norm only scales and shifts each channel, which the convolution before it can
do itself. Doubling by repeating pixels and a 3 × 3 convolution are one of 4 × 4.
"""

import copy

import torch
from torch import nn

from gan_core.networks.resize_dcgan import transposed

ROWS = 32  # of weights that are in double precision at once


def fold(generator: nn.Module) -> nn.Module:
    """A copy of a generator in eval mode, each batch norm folded into the layer before it.

    In every nn.Sequential a BatchNorm2d right after a Conv2d or ConvTranspose2d goes away, and an
    Upsample by two right before a 3 × 3 convolution; weights lie with channels last. The copy gives
    the same images within rounding; `generator` stays as it is.
    """
    # What is not folded shares the memory of the original until it is laid out anew.
    tensors = [*generator.parameters(), *generator.buffers()]
    shared = copy.deepcopy(generator, {id(tensor): tensor for tensor in tensors})
    return channels_last(folded(shared.eval()))


def channels_last(module: nn.Module) -> nn.Module:
    """A module whose own weights of four dimensions lie with channels last, none of them shared."""
    for part in module.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            if weight.ndim == 4:
                weight = weight.detach().contiguous(memory_format=torch.channels_last)
            setattr(part, name, nn.Parameter(weight.detach(), requires_grad=False))
    return module


def folded(module: nn.Module) -> nn.Module:
    """A module in eval mode with the batch norms in it folded; its children are replaced."""
    for name, child in list(module.named_children()):
        setattr(module, name, folded(child))
    if type(module) is not nn.Sequential:
        return module
    kept = []
    for layer in module:
        convolution = bool(kept) and isinstance(kept[-1], nn.Conv2d | nn.ConvTranspose2d)
        norm = isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None
        if convolution and norm:
            kept[-1] = fused(kept[-1], layer)
        elif kept and enlarges(kept[-1]) and is_plain(layer):
            kept[-1] = enlarging(layer)
        else:
            kept.append(layer)
    return nn.Sequential(*kept)


def enlarges(layer: nn.Module) -> bool:
    """Whether a layer doubles the sides by repeating pixels."""
    return isinstance(layer, nn.Upsample) and (layer.scale_factor, layer.mode) == (2, "nearest")


def is_plain(layer: nn.Module) -> bool:
    """Whether a layer is a 3 × 3 convolution that keeps the sides, with zeros at the border."""
    return (
        isinstance(layer, nn.Conv2d)
        and (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (1, 1), (1, 1))
        and (layer.dilation, layer.groups, layer.padding_mode) == ((1, 1), 1, "zeros")
    )


@torch.no_grad()
def enlarging(convolution: nn.Conv2d) -> nn.ConvTranspose2d:
    """One transposed convolution that enlarges and then convolves."""
    weight = transposed(convolution.weight)
    result = nn.ConvTranspose2d(*weight.shape[:2], 4, 2, 1, bias=convolution.bias is not None)
    result.weight = nn.Parameter(weight, requires_grad=False)
    if convolution.bias is not None:
        result.bias = nn.Parameter(convolution.bias.detach().clone(), requires_grad=False)
    return result


@torch.no_grad()
def fused(convolution: nn.Conv2d | nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> nn.Module:
    """One convolution that does what a convolution and the batch norm after it do in eval mode.

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
