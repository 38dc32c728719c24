"""How strongly to augment: enough to keep D from memorising the training images.

Karras et al. 2020 (arXiv 2006.06676), section 3.2: while D overfits, its logits on training images
are nearly all positive. r = E[sign(D(x))] over training images is 0 without overfitting and 1 with
complete overfitting. The strength of augmentation rises while r is above a target and falls below.
"""

import torch
from torch import nn

TARGET = 0.6  # of the paper
FULL_KIMG = 500.0  # time in which the strength goes from 0 to 1
MEMORY = 0.25  # weight of a new batch in r; the paper takes the mean of four batches


class Controller(nn.Module):
    """The strength, a probability from 0 to 1, and r, both float32 () on the device.

    They are buffers, so that a run's state holds them and nothing waits for the device.
    target: of r. kimg: time in which the strength goes from 0 to 1 at most.
    """

    strength: torch.Tensor
    overfitting: torch.Tensor

    def __init__(self, target: float = TARGET, kimg: float = FULL_KIMG):
        super().__init__()
        self.target, self.kimg = target, kimg
        self.register_buffer("strength", torch.zeros(()))
        self.register_buffer("overfitting", torch.zeros(()))

    @torch.no_grad()
    def update(self, agreement: torch.Tensor, images: int) -> None:
        """Adapt the strength after a step of D.

        agreement: the mean sign of D's logits on augmented training images, float (), over all
        processes. images: how many training images were shown since the last update.
        """
        self.overfitting.lerp_(agreement, MEMORY)
        step = images / (1000 * self.kimg)
        self.strength.add_((self.overfitting - self.target).sign() * step).clamp_(0, 1)
