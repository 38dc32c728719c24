"""What the two players want: losses as pure functions on the discriminator's logits.

An objective is a pair of functions. The discriminator's takes its logits on real and on generated
images, the generator's takes the logits on generated images; both return a scalar to minimise.
D(x) = sigmoid(logit), and log D(x) = −softplus(−logit), which never overflows.
"""

from typing import NamedTuple

from torch.nn.functional import softplus


class Objective(NamedTuple):
    discriminator: callable  # (real logits (N,), fake logits (M,)) -> scalar
    generator: callable  # (fake logits (M,)) -> scalar


def binary_cross_entropy(real, fake):
    """−E[log D(x)] − E[log(1 − D(G(z)))]: Goodfellow et al. 2014, equation 1, for D."""
    return softplus(-real).mean() + softplus(fake).mean()


def saturating(fake):
    """E[log(1 − D(G(z)))]: equation 1 for G. Its gradient vanishes while D rejects G's samples."""
    return -softplus(fake).mean()


def non_saturating(fake):
    """−E[log D(G(z))]: Goodfellow et al. 2014, section 3; the same fixed point, strong early."""
    return softplus(-fake).mean()


OBJECTIVES = {
    "minimax": Objective(binary_cross_entropy, saturating),
    "non-saturating": Objective(binary_cross_entropy, non_saturating),
}
