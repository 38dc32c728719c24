"""Losses of both networks, as pure functions of the discriminator's outputs.

An objective is a pair of functions of D's outputs, its logits, on real and on generated images,
float (N,) each; both return a scalar to minimise. D's losses also take `smoothing` where they have
a target for real images. G's losses need the real logits only when `paired`.
D(x) = sigmoid(logit), and log D(x) = −softplus(−logit), which never overflows.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn.functional import relu, softplus


class Objective(NamedTuple):
    """The losses of both networks on D's logits, and what they mean."""

    discriminator: Callable[..., torch.Tensor]  # (real (N,), fake (N,)) -> scalar
    generator: Callable[..., torch.Tensor]  # (real (N,) or None, fake (N,)) -> scalar
    probability: bool = False  # whether sigmoid(logit) estimates the probability of being real
    smooths: bool = False  # whether the discriminator's loss takes label smoothing
    paired: bool = False  # whether the generator's loss needs the real logits
    wasserstein: bool = False  # whether D is a critic that must be kept Lipschitz


def binary_cross_entropy(
    real: torch.Tensor, fake: torch.Tensor, smoothing: float = 0.0
) -> torch.Tensor:
    """−E[log D(x)] − E[log(1 − D(G(z)))]: Goodfellow et al. 2014, equation 1, for D.

    smoothing: the target for real images is 1 − smoothing, one-sided (Salimans et al. 2016, 3.4).
    """
    return softplus(-real).mean() + smoothing * real.mean() + softplus(fake).mean()


def saturating(real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
    """E[log(1 − D(G(z)))]: equation 1 for G. Its gradient vanishes while D rejects G's samples."""
    return -softplus(fake).mean()


def non_saturating(real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
    """−E[log D(G(z))]: Goodfellow et al. 2014, section 3; the same fixed point, strong early."""
    return softplus(-fake).mean()


def least_squares(real: torch.Tensor, fake: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """½E[(D(x) − 1)²] + ½E[D(G(z))²]: Mao et al. 2017 (LSGAN), equation 9, for D.

    smoothing: the target for real images is 1 − smoothing.
    """
    return ((real - (1 - smoothing)) ** 2).mean() / 2 + (fake**2).mean() / 2


def least_squares_generator(real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
    """½E[(D(G(z)) − 1)²]: LSGAN, equation 9, for G."""
    return ((fake - 1) ** 2).mean() / 2


def critic(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """E[D(G(z))] − E[D(x)]: Arjovsky et al. 2017 (WGAN), equation 2, negated to be minimised.

    It estimates the Wasserstein distance only while D is kept Lipschitz: by clipping its weights,
    or by a gradient penalty (Gulrajani et al. 2017).
    """
    return fake.mean() - real.mean()


def critic_generator(real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
    """−E[D(G(z))]: WGAN, for G."""
    return -fake.mean()


def hinge(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))]: Lim and Ye 2017, section 3, for D."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def relativistic(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """−E[log sigmoid(D(x) − D(G(z)))] on pairs: Jolicoeur-Martineau 2018, for D.

    With R1 + R2 it is the loss of R3GAN (Huang et al. 2024, arXiv 2501.05441, equation 2).
    """
    return softplus(fake - real).mean()


def relativistic_generator(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """−E[log sigmoid(D(G(z)) − D(x))] on pairs, for G."""
    return softplus(real - fake).mean()


OBJECTIVES = {
    "minimax": Objective(binary_cross_entropy, saturating, probability=True, smooths=True),
    "non-saturating": Objective(
        binary_cross_entropy, non_saturating, probability=True, smooths=True
    ),
    "lsgan": Objective(least_squares, least_squares_generator, smooths=True),
    "wgan": Objective(critic, critic_generator, wasserstein=True),
    "wgan-gp": Objective(critic, critic_generator, wasserstein=True),
    "hinge": Objective(hinge, critic_generator),
    "relativistic": Objective(relativistic, relativistic_generator, paired=True),
}
