"""Whether a run can work: refused before anything is written, with the reason for each refusal.

Single options are checked by their description in `config`; here are their combinations, and what
depends on the training set and the machine.
"""

import dataclasses
from typing import Any

import numpy as np
import torch

from gan_core.data import training_set
from gan_core.networks import conditional, registry
from gan_core.training import augment, conditions, distributed, winograd
from gan_core.training.config import CLIP, GP, OPTIONS, TrainingConfig
from gan_core.training.losses import OBJECTIVES
from gan_core.util.errors import InputError


def check(data: Any, config: TrainingConfig) -> tuple[np.ndarray, dict]:
    """Check a run's options with its training set; raises InputError with the first problem.

    data: directory of a packed training set. Returns its images, uint8 (N, H, W, C), and the run's
    settings: the options by name, the networks' full description as "network", and the training
    set's "fingerprint". The settings are what a run's state holds.
    """
    card = training_set.read_card(data)
    _, size, _, channels = card["shape"]
    check_options(config, size, channels)
    images = training_set.load(data)
    settings = dataclasses.asdict(config)
    settings["network"] = network(config, size, channels)
    if config.conditional:
        classes = conditions.load(images, config.conditional, config.nz).sizes
        settings["network"]["classes"] = list(classes)
    settings["fingerprint"] = card["fingerprint"]
    return images.images, settings


def check_options(config: TrainingConfig, size: int, channels: int) -> None:
    """Check all that can be checked before the images are packed; raises InputError.

    size: side of the images, pixels. channels: 1 or 3.
    """
    for name, option in OPTIONS.items():
        option.check(getattr(config, name))
    augment.parse(config.augment)
    check_length(config)
    check_machine(config)
    check_objective(config)
    check_dependent(config)
    registry.build(network(config, size, channels))  # refuses sizes that cannot work


def network(config: TrainingConfig, size: int, channels: int) -> dict:
    """The architecture's description; norm is included if it is not the family's default."""
    described = {"name": config.architecture, "size": size, "channels": channels}
    described |= {key: getattr(config, key) for key in ("nz", "ngf", "ndf")}
    if config.norm not in ("auto", usual_norm(config)):
        described["norm"] = config.norm
    if config.architecture == "conditional":
        described["classes"] = [1]  # the training set knows better, see `check`
        described["revision"] = conditional.LATEST  # an earlier run is of its own, see `players`
    return described


def check_length(config: TrainingConfig) -> None:
    """The run must be at least one step long, and processes must share a batch evenly."""
    if config.minutes and distributed.size() > 1:
        raise InputError(
            "A time box works with one process only; with several, give the length with --kimg."
        )
    if not config.minutes and config.kimg * 1000 < config.batch:
        raise InputError(
            f"kimg is {config.kimg:g}, fewer images than the {config.batch} of one step; "
            "choose a longer run or a smaller batch."
        )
    if distributed.size() > 1:
        distributed.check_batch(config.batch, distributed.size())


def check_machine(config: TrainingConfig) -> None:
    """The device must exist, and precision, layout and convolution must suit it and each other."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device; train with --device cpu.")
    if config.compile and config.device != "cuda":
        raise InputError("--compile is only faster on CUDA; leave it out on the CPU.")
    if config.compile and uses_penalty(config):
        raise InputError(
            "torch.compile cannot differentiate twice; leave out --compile or the penalty."
        )
    if config.convolution == "winograd":
        if not winograd.available(config.device):
            raise InputError("--convolution winograd is for the CPU and needs the package numba.")
        if config.precision == "bf16" or config.layout == "contiguous":
            raise InputError(
                "--convolution winograd computes in fp32 with channels last; leave --precision and "
                "--layout at auto."
            )


def check_objective(config: TrainingConfig) -> None:
    """The objective must suit D's normalisation and regularisation."""
    objective, penalty = config.objective, uses_penalty(config)
    norm = usual_norm(config) if config.norm == "auto" else config.norm
    if penalty and norm == "batch":
        raise InputError(
            "A gradient penalty needs D's output for each image on its own, but batch norm mixes "
            "the images of a batch; add --norm none (or spectral)."
        )
    if objective == "wgan" and norm == "spectral":
        raise InputError(
            "wgan clips D's weights and spectral norm divides them by their largest singular "
            "value, which undoes the clipping; use wgan-gp, hinge, or --norm none."
        )
    if objective == "wgan-gp" and not config.gp > 0:
        raise InputError(
            "wgan-gp without its penalty (gp 0) has nothing to keep D Lipschitz; set gp above 0."
        )
    if objective == "wgan-gp" and (config.r1 or config.r2):
        raise InputError(
            "wgan-gp pulls D's gradient towards norm 1 and r1 or r2 towards 0; use one of them."
        )
    if objective == "wgan" and (config.r1 or config.r2):
        raise InputError("wgan keeps D Lipschitz by clipping; leave r1 and r2 out, or use wgan-gp.")


def check_dependent(config: TrainingConfig) -> None:
    """An option that needs another one must not be set without it."""
    objective = config.objective
    if config.clip != CLIP and objective != "wgan":
        raise InputError(
            f"clip belongs to wgan; {objective} needs D's outputs to grow freely, which clipped "
            "weights would prevent."
        )
    if config.gp != GP and objective != "wgan-gp":
        raise InputError(f"gp belongs to wgan-gp; for {objective} use r1 or r2.")
    if config.penalty_every != 1 and not uses_penalty(config):
        raise InputError("penalty_every is set without a penalty; set r1 or r2, or use wgan-gp.")
    if config.smoothing and not OBJECTIVES[objective].smooths:
        raise InputError(f"{objective} has no target for real images that smoothing could lower.")
    if config.penalty_final != 1 and not uses_penalty(config):
        raise InputError("penalty_final is set without a penalty; set r1 or r2, or use wgan-gp.")
    check_augmentation(config)
    if config.ema_initial != 1 and not config.ema_kimg:
        raise InputError("ema_initial is a share of ema_kimg, which is 0; set ema_kimg.")
    if bool(config.conditional) != (config.architecture == "conditional"):
        raise InputError(
            "A conditional model needs both --architecture conditional and --conditional with the "
            "column of the classes, such as digit."
        )
    if config.conditional and config.codes_from:
        raise InputError(
            "codes_from and conditional both take the first coordinates of z; use one of them."
        )
    if config.codes != 1 and not config.codes_from:
        raise InputError("codes is the weight of the loss that codes_from adds; set codes_from.")
    if config.codes_names and not config.codes_from:
        raise InputError("codes_names selects attributes of codes_from; set codes_from too.")


def check_augmentation(config: TrainingConfig) -> None:
    """The strength of augmentation needs something to act on, and is either set or adapted."""
    changed = config.augment_p != 1 or config.augment_initial != 1
    if (changed or config.augment_target) and set(augment.parse(config.augment)) <= {"mirror"}:
        raise InputError(
            "augment_p, augment_initial and augment_target do not concern mirror; add another "
            "augmentation, --augment mirror,translation,scale for example."
        )
    if changed and config.augment_target:
        raise InputError(
            "augment_target adapts the probability of augmentation; leave out augment_p and "
            "augment_initial."
        )
    if config.augment_target and not OBJECTIVES[config.objective].probability:
        raise InputError(
            f"augment_target needs logits that are positive for images that D considers real, and "
            f"{config.objective} has none; use the non-saturating objective, or set augment_p."
        )


def usual_norm(config: TrainingConfig) -> str:
    """D's normalisation when none is chosen."""
    return registry.FAMILIES[config.architecture].NORMS[0]


def uses_penalty(config: TrainingConfig) -> bool:
    """Whether D is differentiated by its input."""
    return config.objective == "wgan-gp" or config.r1 > 0 or config.r2 > 0
