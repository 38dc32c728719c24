"""Batch norm folded into the convolutions before it: the same pictures, in less time.

In eval mode a batch norm only scales and shifts each channel, which a convolution can do itself.
"""

import copy

from torch import nn


def fold(generator):
    """A copy of a generator in eval mode, each batch norm folded into the layer before it.

    In every nn.Sequential a BatchNorm2d right after a Conv2d or ConvTranspose2d goes away. The
    copy gives the same images within rounding; `generator` stays as it is.
    """
    return folded(copy.deepcopy(generator).eval().requires_grad_(False))


def folded(module):
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
        else:
            kept.append(layer)
    return nn.Sequential(*kept)


def fused(convolution, norm):
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
    grouped = convolution.weight.double().unflatten(0, (convolution.groups, -1))
    by_group = scale.view(convolution.groups, -1)
    transposed = isinstance(convolution, nn.ConvTranspose2d)
    by_group = by_group[:, None, :] if transposed else by_group[:, :, None]
    result = copy.copy(convolution)
    result._parameters = dict(convolution._parameters)
    kind = convolution.weight.dtype
    weight = (grouped * by_group[..., None, None]).flatten(0, 1)
    result.weight = nn.Parameter(weight.to(kind), requires_grad=False)
    result.bias = nn.Parameter(offset.to(kind), requires_grad=False)
    return result
