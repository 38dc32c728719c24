"""Which precision, memory layout and convolution train fastest here: measured, not guessed."""

import contextlib
import copy
import itertools
import time
from pathlib import Path

import torch

from gan_core.training import winograd

LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def choose(settings, networks, images, steps=3):
    """({"precision": …, "layout": …, "convolution": …}, {candidate: images a second}).

    The fastest for a few steps. settings: "auto" for what is to be chosen. networks: generator and
    discriminator, which stay as they are. images: float (N, C, H, W), one batch. One step is what a
    step of training costs most: D on real and generated images, then G through D, forwards and
    backwards.
    """
    known = {
        "precision": ["fp32"] + ["bf16"] * has_bf16(images.device),
        "layout": list(LAYOUTS),
        "convolution": ["direct"],
    }
    if winograd.available(images.device) and winograd.helps(networks):
        known["convolution"].append("winograd")
    wanted = [known[key] if settings[key] == "auto" else [settings[key]] for key in known]
    candidates = [each for each in itertools.product(*wanted) if sensible(*each)]
    rates = {}
    if len(candidates) > 1:
        with torch.random.fork_rng():
            for candidate in candidates:
                seconds = _time(copy.deepcopy(networks), images, *candidate, steps)
                rates[candidate] = len(images) / seconds
    best = max(rates, key=rates.get) if rates else candidates[0]
    return dict(zip(known, best, strict=True)), rates


def sensible(precision, layout, convolution):
    """Winograd's algorithms are in fp32 and keep channels last."""
    return convolution == "direct" or (precision, layout) == ("fp32", "channels_last")


@contextlib.contextmanager
def as_chosen(fast, device):
    """What networks run in during training. fast: what was chosen. device: of type cpu or cuda."""
    with contextlib.ExitStack() as stack:
        if fast.get("convolution") == "winograd" and winograd.available(device):
            stack.enter_context(winograd.Convolutions())
        enabled = fast["precision"] == "bf16"
        stack.enter_context(torch.autocast(device.type, torch.bfloat16, enabled=enabled))
        yield


def has_bf16(device):
    """Whether the device multiplies bf16 in hardware; elsewhere it is emulated and only slower."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return False
    told = [line for line in lines if line.startswith(("flags", "Features"))]
    flags = set(" ".join(told).split())
    return not flags.isdisjoint(("avx512_bf16", "amx_bf16", "bf16"))


def _time(networks, images, precision, layout, convolution, steps):
    """Seconds of the quickest of a few steps."""
    generator, discriminator = (n.to(memory_format=LAYOUTS[layout]) for n in networks)
    images = images.contiguous(memory_format=LAYOUTS[layout])
    z = torch.randn(len(images), generator_inputs(generator), device=images.device)
    fast = {"precision": precision, "convolution": convolution}
    quickest = float("inf")
    for _ in range(steps):
        began = time.perf_counter()
        with as_chosen(fast, images.device):
            fake = generator(z)
            outputs = discriminator(images) - discriminator(fake.detach())
        outputs.float().sum().backward()
        with as_chosen(fast, images.device):
            outputs = discriminator(fake)
        outputs.float().sum().backward()
        if images.device.type == "cuda":
            torch.cuda.synchronize()
        quickest = min(quickest, time.perf_counter() - began)
    return quickest


def generator_inputs(generator):
    """nz: what the generator says, or from its first layer."""
    first = (p.shape[0] for p in generator.parameters() if p.ndim == 4)
    return getattr(generator, "nz", None) or next(first)
