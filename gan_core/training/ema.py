"""The averaged generator: G's moving average, and batch-norm statistics that fit its weights."""

import copy
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from gan_core import latent


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average ← decay · average + (1 − decay) · model, for the parameters of two equal networks.

    Batch-norm statistics are left alone: averaging them would not make them fit the averaged
    weights (see `reestimate_batch_norm`).
    """
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def decay_for(batch: int, half_life_kimg: float, position: int) -> float:
    """The decay of one step of `batch` images, for a half-life in kimg.

    Early on the half-life is capped at 5 % of the images shown so far, so that the average leaves
    the initial weights behind (as Karras et al. 2021 ramp it up).
    """
    half_life = min(half_life_kimg * 1000, 0.05 * position)
    return 0.5 ** (batch / max(half_life, 1e-8))


def reestimate_batch_norm(generator: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Set a generator's batch-norm statistics to their average over batches of latents.

    An averaged generator has weights that no batch passed through while training, so the running
    statistics it inherited do not fit it; without this its samples are off in colour and contrast.
    batches: float (N, nz) each. Leaves the generator in eval mode.
    """
    generator.eval()  # the mode that update_bn restores in the end
    update_bn(batches, generator)


def fit_average(
    average: nn.Module,
    prior: latent.Prior,
    device: torch.device | str,
    batches: int = 40,
    batch: int = 64,
) -> nn.Module:
    """A copy of the averaged generator with batch-norm statistics of its own, in eval mode.

    The latents are always the same, and the run's own stream of noise is not touched.
    """
    fitted = copy.deepcopy(average)
    z = prior.sample(batches * batch, seed=10**9)
    reestimate_batch_norm(fitted, torch.from_numpy(z).to(device).split(batch))
    return fitted
