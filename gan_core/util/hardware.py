"""The name of the processor that something ran on."""

import platform
from pathlib import Path

import torch


def describe(device: torch.device | str) -> str:
    """The name of the GPU, or of the CPU with PyTorch's number of threads."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name()
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return f"{model} CPU, {torch.get_num_threads()} thread(s)"
