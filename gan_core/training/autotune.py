"""Which precision, memory layout and convolution train fastest on this machine: measured."""

import contextlib
import copy
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

from gan_core.training import graphs, winograd
from gan_core.training.config import TrainingConfig

LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
CONVOLUTIONS = ("direct", "winograd")


def choose(
    config: TrainingConfig, networks: list[nn.Module], images: torch.Tensor, steps: int = 3
) -> tuple[dict[str, str], dict[tuple[str, str, str], float]]:
    """({"precision": …, "layout": …, "convolution": …}, {candidate: images per second}).

    Times each candidate for a few steps and chooses the fastest. config: its options of these names
    are fixed, or "auto". networks: generator and discriminator, which are not changed. images:
    float (N, C, H, W), one batch. A timed step does what costs most in a step of training: D on
    real and generated images, then G through D, forwards and backwards.
    """
    known = {
        "precision": ["fp32"] + ["bf16"] * has_bf16(images.device),
        "layout": list(LAYOUTS),
        "convolution": [CONVOLUTIONS[0]],
    }
    if winograd.available(images.device) and winograd.helps(networks):
        known["convolution"].append(CONVOLUTIONS[1])
    options = {name: getattr(config, name) for name in known}
    tried = [known[name] if value == "auto" else [value] for name, value in options.items()]
    candidates = [
        (precision, layout, convolution)
        for precision, layout, convolution in itertools.product(*tried)
        if sensible(precision, layout, convolution)
    ]
    recorded = graphs.wanted(config, images.device)
    rates: dict[tuple[str, str, str], float] = {}
    if len(candidates) > 1:
        with torch.random.fork_rng():
            for candidate in candidates:
                copies = copy.deepcopy(networks)
                seconds = _time(copies, images, *candidate, steps, recorded)
                rates[candidate] = len(images) / seconds
    best = max(rates, key=lambda candidate: rates[candidate]) if rates else candidates[0]
    return dict(zip(known, best, strict=True)), rates


def is_choice(fast: object) -> bool:
    """Whether this is what `choose` returns first; in a stranger's run it may be anything."""
    if not isinstance(fast, dict):
        return False
    precision, layout = fast.get("precision"), fast.get("layout")
    convolution = fast.get("convolution", CONVOLUTIONS[0])  # older runs do not tell
    return precision in ("fp32", "bf16") and layout in [*LAYOUTS] and convolution in CONVOLUTIONS


def sensible(precision: str, layout: str, convolution: str) -> bool:
    """Whether the three go together: Winograd's algorithms are fp32 with channels last."""
    return convolution == "direct" or (precision, layout) == ("fp32", "channels_last")


@contextlib.contextmanager
def as_chosen(fast: dict[str, str], device: torch.device) -> Iterator[None]:
    """Within it networks run as `choose` decided: in that precision, with those convolutions."""
    with contextlib.ExitStack() as stack:
        if fast.get("convolution") == "winograd" and winograd.available(device):
            stack.enter_context(winograd.Convolutions())
        enabled = fast["precision"] == "bf16"
        # What a CUDA graph records must not use weights that were converted before.
        cache = not (device.type == "cuda" and torch.cuda.is_current_stream_capturing())
        stack.enter_context(
            torch.autocast(device.type, torch.bfloat16, enabled=enabled, cache_enabled=cache)
        )
        yield


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware; emulated bf16 is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return False
    lines = [line for line in lines if line.startswith(("flags", "Features"))]
    flags = set(" ".join(lines).split())
    return not flags.isdisjoint(("avx512_bf16", "amx_bf16", "bf16"))


def _time(
    networks: list[nn.Module],
    images: torch.Tensor,
    precision: str,
    layout: str,
    convolution: str,
    steps: int,
    recorded: bool = False,
) -> float:
    """The duration of the fastest of a few steps, in seconds; recorded: as CUDA graphs."""
    generator, discriminator = (n.to(memory_format=LAYOUTS[layout]) for n in networks)
    images = images.contiguous(memory_format=LAYOUTS[layout])
    z = torch.randn(len(images), generator_inputs(generator), device=images.device)
    fast = {"precision": precision, "convolution": convolution}

    def step(*unused: object) -> None:
        with as_chosen(fast, images.device):
            fake = generator(z)
            outputs = discriminator(images) - discriminator(fake.detach())
        outputs.float().sum().backward()
        with as_chosen(fast, images.device):
            outputs = discriminator(fake)
        outputs.float().sum().backward()

    played: Callable[..., None] = step
    if recorded:  # as training does, which starts kernels too quickly for their start to matter
        played = graphs.Replayed(step, torch.Generator(images.device))
        steps += graphs.WARM + 1
    quickest = float("inf")
    for _ in range(steps):
        began = time.perf_counter()
        played([], "")
        if images.device.type == "cuda":
            torch.cuda.synchronize()
        quickest = min(quickest, time.perf_counter() - began)
    return quickest


def generator_inputs(generator: nn.Module) -> int:
    """nz: what the generator says, or from its first layer."""
    first = (p.shape[0] for p in generator.parameters() if p.ndim == 4)
    nz = getattr(generator, "nz", None)
    return nz if isinstance(nz, int) else next(first)
