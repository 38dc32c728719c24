"""Layers of the style-based generator whose weights no longer change: the same pictures, faster.

While training, every forward pass scales the weights, and squares and sums them for demodulation.
In a trained network all of this can be computed once. What is left for each image is to scale the
channels before and after an ordinary convolution.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core.networks import style


class FixedModulation(nn.Module):
    """A `style.ModulatedConvolution` with fixed weights; its arguments and result are the same."""

    def __init__(self, layer: style.ModulatedConvolution):
        super().__init__()
        weight = layer.weight * layer.scale
        energies = weight.square().sum((2, 3)) if layer.demodulate else None
        self.style = linear(layer.style)
        self.weight = fixed(weight)
        self.energies = None if energies is None else fixed(energies)
        self.bias = fixed(layer.bias[:, None, None])
        self.padding, self.gain = layer.padding, layer.gain

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.style(w)
        y = F.conv2d(x * styles[:, :, None, None], self.weight, padding=self.padding)
        if self.energies is None:
            return y * self.gain + self.bias
        factors = (F.linear(styles.square(), self.energies) + style.EPSILON).rsqrt() * self.gain
        return torch.addcmul(self.bias, y, factors[:, :, None, None])


def replaced(layer: nn.Module) -> nn.Module | None:
    """The same layer with fixed weights; None for a layer that is not of the style family."""
    with torch.no_grad():
        if isinstance(layer, style.ModulatedConvolution):
            return FixedModulation(layer)
        return linear(layer) if isinstance(layer, style.Linear) else None


def linear(layer: style.Linear) -> nn.Linear:
    """An ordinary linear layer with the weights that an equalised one has in use."""
    result = nn.Linear(layer.in_features, layer.out_features, device="meta")
    result.weight = fixed(layer.weight * layer.scale)
    result.bias = fixed(layer.bias * layer.rate)
    return result


def fixed(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value.detach(), requires_grad=False)
