"""The networks of a run and their optimisers: G, D, and the moving average of G."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gan_core import checkpoint, latent
from gan_core.networks import registry
from gan_core.training import graphs, snapshot
from gan_core.training.config import TrainingConfig
from gan_core.training.distributed import Team, share_batch_norm
from gan_core.util.errors import InputError


@dataclass
class Players:
    """G and D with an Adam each, and the average of G, which follows G and is never trained.

    draw, judge: G and D as a training step calls them: the networks, or compiled from them.
    """

    generator: nn.Module
    discriminator: nn.Module
    average: nn.Module
    generator_adam: torch.optim.Adam
    discriminator_adam: torch.optim.Adam
    draw: Callable[..., Any] = field(init=False)
    judge: Callable[..., Any] = field(init=False)

    def __post_init__(self) -> None:
        self.draw, self.judge = self.generator, self.discriminator

    def parts(self) -> dict[str, Any]:
        """What a run's state holds, by name."""
        names = ("generator", "discriminator", "average", "generator_adam", "discriminator_adam")
        return {name: getattr(self, name) for name in names}

    def weights(self) -> list[nn.Parameter]:
        """All weights of the three networks."""
        networks = (self.generator, self.discriminator, self.average)
        return [weight for network in networks for weight in network.parameters()]

    def set_step_sizes(self, lr_g: float, lr_d: float) -> None:
        """Set Adam's learning rate for G and for D."""
        for adam, size in ((self.generator_adam, lr_g), (self.discriminator_adam, lr_d)):
            for group in adam.param_groups:
                if isinstance(group["lr"], torch.Tensor):  # which a CUDA graph reads
                    group["lr"].fill_(size)
                else:
                    group["lr"] = size

    def set_beta2(self, beta2: float) -> None:
        """Set Adam's decay of the second moment, for G and for D."""
        for adam in (self.generator_adam, self.discriminator_adam):
            for group in adam.param_groups:
                group["betas"] = (group["betas"][0], beta2)


def build(description: dict) -> tuple[nn.Module, nn.Module]:
    """(generator, discriminator), freshly initialised; raises InputError as `registry.build` does.

    description: of an architecture, with "ndf". A family that has no discriminator cannot be
    trained, and raises InputError too.
    """
    generator, discriminator = registry.build(description)
    if discriminator is None:
        raise InputError(f"{description['name']} has no discriminator, so it cannot be trained.")
    return generator, discriminator


def assemble(
    generator: nn.Module,
    discriminator: nn.Module,
    config: TrainingConfig,
    layout: torch.memory_format,
    team: Team,
) -> Players:
    """Players from two networks on their device, converted to the memory layout."""
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    for network in (generator, discriminator, average):
        network.to(memory_format=layout)  # type: ignore[call-overload]
    players = Players(
        generator,
        discriminator,
        average,
        adam(generator, config.lr_g, config, team),
        adam(discriminator, config.lr_d, config, team),
    )
    share_batch_norm(generator, team)
    share_batch_norm(discriminator, team)
    if config.compile:
        players.draw, players.judge = torch.compile(generator), torch.compile(discriminator)
    return players


def adam(network: nn.Module, lr: float, config: TrainingConfig, team: Team) -> torch.optim.Adam:
    """The optimiser of a network; its learning rate is a tensor where CUDA graphs read it."""
    recorded = graphs.usable(config, team)
    return torch.optim.Adam(
        network.parameters(),
        torch.tensor(lr, device=team.device) if recorded else lr,
        betas=(config.beta1, config.beta2),
        fused=True,
        capturable=recorded,
    )


def take_over_revision(network: dict, config: TrainingConfig, state: Path) -> None:
    """Give a run's networks the revision of what it goes on from, if it goes on from anything.

    network: the description of conditional networks. state: the run's file of state, if it is
    resumed. The first revision has no entry. Raises InputError as `snapshot.read` and
    `checkpoint.read_card` do.
    """
    if state.exists():
        before = snapshot.read(state)[1]["settings"].get("network")
    elif config.begin_from:
        before = checkpoint.read_card(config.begin_from)["architecture"]
    else:
        return
    network.pop("revision", None)
    if isinstance(before, dict) and "revision" in before:
        network["revision"] = before["revision"]


def load_weights(
    generator: nn.Module, discriminator: nn.Module, config: TrainingConfig, description: dict
) -> dict:
    """Start from the networks of the checkpoint `config.begin_from`; returns a record of it.

    description: of the networks that the run needs. A discriminator that the checkpoint lacks, or
    has in other sizes, stays freshly initialised, and then `warmup_kimg` must keep G still while D
    learns. Raises InputError when the checkpoint's generator is not the one that the run needs.
    """
    directory = config.begin_from
    before = checkpoint.load(directory)
    if before.prior != latent.Prior(config.prior, config.nz):
        raise InputError(
            f"{directory} draws from a {before.prior.kind} prior; "
            f"use --prior {before.prior.kind} to start from it."
        )
    has = before.card["architecture"]
    for key in ("name", "size", "channels", "nz", "ngf", "classes", "revision"):
        if has.get(key) != description.get(key):
            raise InputError(
                f"{directory} has {key} {has.get(key)}, not {description.get(key)}; "
                f"use the same {key} to start from it."
            )
    generator.load_state_dict(before.generator.state_dict())
    if before.discriminator is not None and has == description:
        discriminator.load_state_dict(before.discriminator.state_dict())
    elif not config.warmup_kimg:
        raise InputError(
            f"{directory} has no discriminator of these sizes, so the run starts with a new one; "
            "give D time to learn before G moves, with --warmup-kimg 10 for example."
        )
    shown = before.card["training"].get("kimg", 0)
    return {"begun_from": {"name": before.name, "hash": before.hash, "kimg": shown}}
