"""Regularisation of the discriminator: gradient penalties and weight clipping.

Spectral normalisation is a part of the network: gan_core.networks.spectral_norm.

The penalties differentiate D's output by its input and are themselves differentiated by D's
weights: a double backward. They need D in fp32, and D must not mix the images of a batch, so they
cannot be combined with batch norm in D (see config_checks.py).
"""

import torch
from torch import nn


def at_least_fp32(images: torch.Tensor) -> torch.Tensor:
    """The images in fp32, without their history; those in fp64 stay in fp64."""
    images = images.detach()
    return images if images.dtype == torch.float64 else images.float()


def squared_gradients(
    discriminator: nn.Module, images: torch.Tensor, *labels: torch.Tensor
) -> torch.Tensor:
    """‖∇ₓD(x)‖² of each image: float (N, C, H, W) -> float (N,), differentiable in D's weights.

    labels: further arguments of D; the gradient is taken with respect to the images alone.
    """
    images = at_least_fp32(images).requires_grad_()
    (gradients,) = torch.autograd.grad(
        discriminator(images, *labels).sum(), images, create_graph=True
    )
    return gradients.square().flatten(1).sum(1)


def zero_centred(
    discriminator: nn.Module, images: torch.Tensor, *labels: torch.Tensor
) -> torch.Tensor:
    """½E[‖∇D(x)‖²]: R1 on real images, R2 on generated ones (Mescheder et al. 2018, equation 9)."""
    return squared_gradients(discriminator, images, *labels).mean() / 2


def one_centred(
    discriminator: nn.Module,
    real: torch.Tensor,
    fake: torch.Tensor,
    mix: torch.Tensor,
    *labels: torch.Tensor,
) -> torch.Tensor:
    """E[(‖∇D(x̂)‖ − 1)²], x̂ on the line from a real to a generated image (WGAN-GP).

    Gulrajani et al. 2017, equation 3. mix: (N, 1, 1, 1) in [0, 1], where on the line, of the
    images' dtype.
    """
    between = torch.lerp(at_least_fp32(real), at_least_fp32(fake), mix)
    norms = (
        squared_gradients(discriminator, between, *labels).add(1e-12).sqrt()
    )  # √ has no slope at 0
    return (norms - 1).square().mean()


@torch.no_grad()
def clip_weights(discriminator: nn.Module, bound: float) -> None:
    """Clamp every weight to [−bound, bound]: Arjovsky et al. 2017, algorithm 1."""
    for weight in discriminator.parameters():
        weight.clamp_(-bound, bound)
