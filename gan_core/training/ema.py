"""The averaged generator: EMA of its weights, and batch-norm statistics that fit them."""

import torch
from torch import nn


@torch.no_grad()
def update_ema(average, model, decay):
    """average ← decay · average + (1 − decay) · model, for the parameters of two equal networks.

    Batch-norm statistics are left alone: averaging them would not make them fit the averaged
    weights (see `reestimate_batch_norm`).
    """
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def decay_for(batch, half_life_kimg, seen):
    """The EMA decay of one step of `batch` images, for a half-life in kimg.

    Early on the half-life is capped at 5 % of the images seen, so that the average leaves the
    initial weights behind (as Karras et al. 2021 ramp it up).
    """
    half_life = min(half_life_kimg * 1000, 0.05 * seen)
    return 0.5 ** (batch / max(half_life, 1e-8))


@torch.no_grad()
def reestimate_batch_norm(generator, batches):
    """Set a generator's batch-norm statistics to their average over batches of latents.

    An averaged generator has weights that no batch ever passed through while training, so the
    running statistics it inherited do not fit it; without this its samples are off in colour and
    contrast. batches: an iterable of float (N, nz). Leaves the generator in eval mode.
    """
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    if not norms:
        generator.eval()
        return
    momenta = [m.momentum for m in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
    generator.train()
    for z in batches:
        generator(z)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    generator.eval()
