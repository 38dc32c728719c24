"""A run described before it begins: networks, parameters, memory and expected time."""

import dataclasses
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from gan_core.networks import registry
from gan_core.training import config_checks, loop, players, run_log
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError

WARM = 2  # first steps, which are slower and not timed
STEPS = 6  # timed steps, at least


def describe(data: Path | str, config: TrainingConfig) -> str:
    """A text: each layer of G and D, memory in MiB, measured images per second, hours.

    data: directory of a packed training set. Raises InputError for options that training would
    refuse. Leaves nothing on disk.
    """
    images, settings = config_checks.check(data, config)
    generator, discriminator = players.build(settings["network"])
    z = torch.zeros(2, config.nz)
    count, size, _, channels = images.shape
    x = torch.zeros(2, channels, size, size)
    lines, step_bytes = [], 0
    for title, network, given, uses in (
        ("Generator", generator, z, 1),
        ("Discriminator", discriminator, x, 3),  # on real, on generated, and in G's step
    ):
        rows = layers(network, given)
        step_bytes += uses * config.batch * sum(row[3] for row in rows)
        lines += [f"{title}, {registry.parameters(network):,} parameters", *table(rows), ""]
    # Beside each weight: its gradient and Adam's two moments; and the average of G.
    fixed = [4 * 4 * registry.parameters(n) for n in (generator, discriminator)]
    weights = (sum(fixed) + 4 * registry.parameters(generator)) / 2**20
    rate = measure_rate(data, config)
    length = f"{config.kimg:,g} kimg in {duration(config.kimg * 1000 / rate)}"
    if config.minutes:
        kimg = rate * config.minutes * 60 / 1000
        length = f"at most {kimg:,.4g} kimg in {duration(config.minutes * 60)}"
    lines += [
        f"{count:,} training images: {images.nbytes / 2**20:,.0f} MiB",
        f"Weights, gradients, Adam's moments, G's average: {weights:,.0f} MiB",
        f"Activations of a step of {config.batch} images: about {step_bytes / 2**20:,.0f} MiB",
        f"{rate:,.0f} images per second on {config.device}, timed just now: "
        f"{length}, {'less' if config.minutes else 'plus'} the time for sample grids and distances",
    ]
    return "\n".join(lines)


def layers(network: nn.Module, inputs: torch.Tensor) -> list[tuple[str, tuple, int, int]]:
    """[(name, output shape without N, parameters, bytes of the output per image)] in order.

    inputs: an example batch, float (N, …).
    """
    rows: list[tuple[str, tuple, int, int]] = []
    handles = []

    def note(name: str, own: int) -> Callable[..., None]:
        def hook(module: nn.Module, arguments: tuple, output: torch.Tensor) -> None:
            rows.append((name, tuple(output.shape[1:]), own, output[0].numel() * 4))

        return hook

    for path, module in network.named_modules():
        parts = {name for name, _ in module.named_children()} - {"parametrizations"}
        own = [p.numel() for p in module.parameters(recurse=not parts)]  # not those of its parts
        if (own or not parts) and "parametrizations" not in path:  # of spectral norm
            handles.append(module.register_forward_hook(note(type(module).__name__, sum(own))))
    with torch.no_grad():
        network(inputs)
    for handle in handles:
        handle.remove()
    return rows


def table(rows: list[tuple[str, tuple, int, int]]) -> list[str]:
    """Rows of `layers` as lines of text."""
    return [
        f"  {name:<20} {' × '.join(map(str, shape)):<16} {own:>12,}" for name, shape, own, _ in rows
    ]


def measure_rate(data: Path | str, config: TrainingConfig) -> float:
    """Images per second over a few steps of the real loop, in a folder that is removed."""
    step = config.k * config.batch / 1000
    steps = WARM + max(STEPS, config.penalty_every)  # a whole period of a lazy penalty
    short = dataclasses.replace(
        config, kimg=steps * step, minutes=0.0, log_kimg=step, measure_kimg=0, tensorboard=False
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "timing"
        loop.train(data, run, short)
        lines = run_log.read_log(run / "log.jsonl")
    rates = [line["images_per_second"] for line in lines if "images_per_second" in line]
    if len(rates) <= WARM:
        raise InputError("The timing was interrupted; repeat the dry run.")
    return statistics.harmonic_mean(rates[WARM:])


def duration(seconds: float) -> str:
    """A duration in everyday words: 5400 -> "1.5 hours"."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{f'{seconds / 3600:.1f}'.removesuffix('.0')} hours"
