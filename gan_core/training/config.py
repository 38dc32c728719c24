"""The settings of a run: checked before anything is written, with the reason for each refusal."""

import math

import torch

from gan_core import latent
from gan_core.data import training_set
from gan_core.networks import registry
from gan_core.training import augment, distributed, winograd
from gan_core.training.losses import OBJECTIVES
from gan_core.util.errors import InputError

# Settings that may differ between the stretches of one run; all others must stay as they were.
FREE = ("kimg", "cooldown", "snapshot_kimg", "grid_kimg", "log_kimg", "measure_kimg", "measure_n")
FREE += ("patience_kimg", "tensorboard", "device")

POSITIVE = ("k", "batch", "kimg", "lr_g", "lr_d", "clip", "log_kimg", "grid_kimg", "snapshot_kimg")
POSITIVE += ("penalty_every", "codes")
WHOLE = ("k", "batch", "penalty_every", "measure_n", "seed")
NOT_NEGATIVE = ("ema_kimg", "warmup_kimg", "gp", "r1", "r2", "measure_kimg", "patience_kimg")


def check(data, settings):
    """(training images, settings with the network's full description), or InputError.

    data: directory of a packed training set. settings: the options of `trainer.train` by name.
    """
    card = training_set.read_card(data)
    _, size, _, channels = card["shape"]
    settings = settings | {"network": network(settings, size, channels)}
    numbers(settings)
    choices(settings)
    combinations(settings)
    registry.build(settings["network"])  # refuses sizes that cannot work
    settings = settings | {"fingerprint": card["fingerprint"]}
    return training_set.load(data).images, settings


def network(settings, size, channels):
    """The architecture's description, with only what is not its family's usual way named."""
    name, norm = settings["architecture"], settings["norm"]
    described = {"name": name, "size": size, "channels": channels}
    described |= {key: settings[key] for key in ("nz", "ngf", "ndf")}
    family = registry.FAMILIES.get(name)
    if norm != "auto" and (family is None or norm != family.NORMS[0]):
        described["norm"] = norm
    return described


def numbers(settings):
    for name in POSITIVE:
        if not 0 < settings[name] < math.inf:
            raise InputError(f"{name} is {settings[name]}; it must be greater than 0 and finite.")
    if settings["kimg"] * 1000 < settings["batch"]:
        raise InputError(
            f"kimg is {settings['kimg']:g}, fewer images than the {settings['batch']} of one step; "
            "give a longer run or a smaller batch."
        )
    for name in WHOLE:
        if settings[name] != int(settings[name]):
            raise InputError(f"{name} is {settings[name]}; it must be a whole number.")
    for name in NOT_NEGATIVE:
        if not 0 <= settings[name] < math.inf:
            raise InputError(f"{name} is {settings[name]}; it must not be negative or infinite.")
    for name in ("beta1", "beta2"):
        if not 0 <= settings[name] < 1:
            raise InputError(f"{name} is {settings[name]}; it must be from 0 to below 1.")
    if not 0 <= settings["seed"] <= latent.MAX_SEED:
        raise InputError(f"seed is {settings['seed']}; it must be from 0 to {latent.MAX_SEED}.")
    if not 0 <= settings["smoothing"] < 0.5:
        raise InputError(f"smoothing is {settings['smoothing']}; it must be from 0 to below 0.5.")
    if not 0 <= settings["cooldown"] <= 1:
        raise InputError(f"cooldown is {settings['cooldown']}; it must be from 0 to 1.")
    if settings["batch"] < 2:
        raise InputError("batch is 1; batch norm needs at least 2 images a step.")
    if settings["measure_n"] < 64:
        raise InputError(f"measure_n is {settings['measure_n']}; it must be at least 64.")


CHOICES = {
    "objective": tuple(OBJECTIVES),
    "precision": ("auto", "fp32", "bf16"),
    "layout": ("auto", "channels_last", "contiguous"),
    "convolution": ("auto", "direct", "winograd"),
    "device": ("cpu", "cuda"),
}


def choices(settings):
    for name, known in CHOICES.items():
        if settings[name] not in known:
            raise InputError(
                f"There is no {name} {settings[name]!r}; choose from {', '.join(known)}."
            )
    augment.parse(settings["augment"])
    latent.Prior(settings["prior"], settings["nz"])
    if settings["device"] == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here; train with --device cpu.")
    if settings["compile"] and settings["device"] != "cuda":
        raise InputError("compile pays on CUDA only; leave it out on the CPU.")
    if settings["convolution"] == "winograd":
        if not winograd.available(settings["device"]):
            raise InputError("convolution winograd is for the CPU and needs the package numba.")
        if settings["precision"] == "bf16" or settings["layout"] == "contiguous":
            raise InputError(
                "convolution winograd computes in fp32 with channels last; leave --precision and "
                "--layout at auto."
            )


def combinations(settings):
    """Refuse what cannot work together, and say why."""
    objective = settings["objective"]
    penalty = uses_penalty(settings)
    norm = settings["network"].get("norm") or _usual_norm(settings)
    if penalty and norm == "batch":
        raise InputError(
            "A gradient penalty asks how D answers to each image alone, and batch norm mixes the "
            "images of a batch; add --norm none (or spectral)."
        )
    if objective == "wgan" and norm == "spectral":
        raise InputError(
            "wgan clips D's weights and spectral norm divides them by their largest singular "
            "value, which undoes the clipping; use wgan-gp, hinge, or --norm none."
        )
    if objective == "wgan-gp" and not settings["gp"] > 0:
        raise InputError(
            "wgan-gp without its penalty (gp 0) has nothing to keep D Lipschitz; set gp above 0."
        )
    if objective == "wgan-gp" and (settings["r1"] or settings["r2"]):
        raise InputError(
            "wgan-gp pulls D's gradient towards norm 1 and r1 or r2 towards 0; use one of them."
        )
    if objective == "wgan" and (settings["r1"] or settings["r2"]):
        raise InputError("wgan keeps D Lipschitz by clipping; leave r1 and r2 out, or use wgan-gp.")
    if settings["clip"] != CLIP and objective != "wgan":
        raise InputError(
            f"clip belongs to wgan; {objective} needs D's outputs to grow freely, "
            "and clipped weights would not let them."
        )
    if settings["gp"] != GP and objective != "wgan-gp":
        raise InputError(f"gp belongs to wgan-gp; for {objective} use r1 or r2.")
    if settings["penalty_every"] != 1 and not penalty:
        raise InputError("penalty_every is given, but no penalty; set r1 or r2, or use wgan-gp.")
    if settings["smoothing"] and not OBJECTIVES[objective].smooths:
        raise InputError(f"{objective} has no target for real images that smoothing could lower.")
    if settings["codes"] != 1 and not settings["codes_from"]:
        raise InputError("codes weighs the loss that codes_from adds; give codes_from too.")
    if settings["codes_names"] and not settings["codes_from"]:
        raise InputError("codes_names chooses among what codes_from knows; give codes_from too.")
    if settings["compile"] and penalty:
        raise InputError("torch.compile cannot differentiate twice; leave out compile or penalty.")
    if distributed.size() > 1:
        distributed.check_batch(settings["batch"], distributed.size())


CLIP = 0.01  # the bound of the WGAN paper
GP = 10.0  # the weight of the WGAN-GP paper


def _usual_norm(settings):
    family = registry.FAMILIES.get(settings["architecture"])
    return family.NORMS[0] if family else ""


def uses_penalty(settings):
    """Whether D is differentiated by its input."""
    return settings["objective"] == "wgan-gp" or settings["r1"] > 0 or settings["r2"] > 0
