"""Which precision and memory layout train fastest here: measured, not guessed."""

import copy
import time
from pathlib import Path

import torch

LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def choose(settings, networks, images, steps=3):
    """({"precision": …, "layout": …}, {candidate: images a second}): the fastest for a few steps.

    settings: "auto" for what is to be chosen. networks: generator and discriminator, which stay as
    they are. images: float (N, C, H, W), one batch. One step is what a step of training costs
    most: D on real and generated images, then G through D, forwards and backwards.
    """
    precisions = _candidates(settings["precision"], ["fp32"] + ["bf16"] * has_bf16(images.device))
    layouts = _candidates(settings["layout"], list(LAYOUTS))
    if len(precisions) == len(layouts) == 1:
        return {"precision": precisions[0], "layout": layouts[0]}, {}
    rates = {}
    with torch.random.fork_rng():
        for precision in precisions:
            for layout in layouts:
                seconds = _time(copy.deepcopy(networks), images, precision, layout, steps)
                rates[precision, layout] = len(images) / seconds
    precision, layout = max(rates, key=rates.get)
    return {"precision": precision, "layout": layout}, rates


def _candidates(setting, known):
    return known if setting == "auto" else [setting]


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


def _time(networks, images, precision, layout, steps):
    """Seconds of the quickest of a few steps."""
    generator, discriminator = (n.to(memory_format=LAYOUTS[layout]) for n in networks)
    images = images.contiguous(memory_format=LAYOUTS[layout])
    z = torch.randn(len(images), generator_inputs(generator), device=images.device)
    quickest = float("inf")
    for _ in range(steps):
        began = time.perf_counter()
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
            fake = generator(z)
            outputs = discriminator(images) - discriminator(fake.detach())
        outputs.float().sum().backward()
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
            outputs = discriminator(fake)
        outputs.float().sum().backward()
        if images.device.type == "cuda":
            torch.cuda.synchronize()
        quickest = min(quickest, time.perf_counter() - began)
    return quickest


def generator_inputs(generator):
    """nz, from the generator's first layer."""
    return next(p for p in generator.parameters() if p.ndim == 4).shape[0]
