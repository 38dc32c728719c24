"""How fast a run will train on this machine: a few steps, timed on noise, before there is a run.

The speed depends on the networks, the batch and what a step computes, not on what the pictures
show, so nothing has to be packed first. `python -m gan_core.training.speed` reads the options as
JSON from its input and prints JSON lines: a page measures in a process of its own, which can be
ended at any time and disturbs neither the seeds nor the threads of the app.
"""

import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from gan_core.training import autotune, config_checks, players
from gan_core.training.batches import Batches
from gan_core.training.config import DEFAULTS, TrainingConfig
from gan_core.training.distributed import Draws, Team
from gan_core.training.step import Game, play_round
from gan_core.util.errors import InputError

STEPS = 5  # timed rounds, at least
TRIES = 2  # of each arithmetic that training may choose
# The options that a step's duration depends on, beside the networks.
DECISIVE = (
    "objective",
    "batch",
    "k",
    "penalty_every",
    "augment",
    "augment_target",
    "conditional",
    "codes_from",
    "codes_names",
    "precision",
    "layout",
    "convolution",
    "compile",
    "graphs",
    "device",
)
PENALTIES = ("gp", "r1", "r2")  # as slow with any weight but 0

Tell = Callable[[int, int], None]  # rounds done, of how many


def signature(settings: dict[str, Any]) -> str:
    """What decides the speed of a run, as JSON; runs with equal texts are equally fast.

    settings: of a run, as `config_checks.check` returns them; missing options have their default.
    """
    known = DEFAULTS | settings
    parts = {name: known[name] for name in DECISIVE}
    parts |= {name: bool(known[name]) for name in PENALTIES}
    return json.dumps(parts | {"network": known.get("network")}, sort_keys=True)


def settings_of(config: TrainingConfig, size: int, channels: int) -> dict[str, Any]:
    """The settings of a run before it has a training set, unchecked: building takes a second."""
    network = config_checks.network(config, size, channels)
    return dataclasses.asdict(config) | {"network": network}


def rounds(config: TrainingConfig) -> int:
    """How many rounds are timed: whole periods of a penalty that comes only now and then."""
    return config.penalty_every * -(-STEPS // config.penalty_every)


def measure(
    config: TrainingConfig,
    size: int,
    channels: int,
    tell: Tell | None = None,
    clock: Callable[[], float] | None = None,
) -> float:
    """Images per second over a few rounds, without grids, snapshots and distances.

    size: side of the images, pixels. channels: 1 or 3. tell: called after each round. clock: what
    gives the seconds, time.perf_counter if None. Raises InputError for options that training would
    refuse.
    """
    config_checks.check_options(config, size, channels)
    clock = clock or time.perf_counter
    settings, count = settings_of(config, size, channels), rounds(config)
    shape = (max(config.batch, 64), size, size, channels)
    images = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    team = Team(config.device)
    networks = [network.to(team.device) for network in players.build(settings["network"])]
    batches = Batches(images, config.batch, config.seed, team)
    fast, _ = autotune.choose(config, networks, batches.first(), TRIES)
    batches.layout = autotune.LAYOUTS[fast["layout"]]
    playing = players.assemble(networks[0], networks[1], config, batches.layout, team)
    game = Game(config, playing, team, Draws(torch.Generator(team.device), team), None, fast)
    game.use_graphs(batches)
    seconds = []
    for done in range(count + 1):  # the first one is slower
        began = clock()
        play_round(game, batches)
        if team.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - began)
        if tell:
            tell(done, count)
    return config.k * config.batch / statistics.mean(seconds[1:])


def answer(question: dict[str, Any]) -> None:
    """Print the progress and the images per second for {"options", "size", "channels"}."""

    def tell(done: int, count: int) -> None:
        print(json.dumps({"done": done, "of": count}), flush=True)

    config = TrainingConfig(**question["options"])
    rate = measure(config, question["size"], question["channels"], tell)
    print(json.dumps({"images_per_second": rate, "of": rounds(config)}), flush=True)


if __name__ == "__main__":
    try:
        answer(json.load(sys.stdin))
    except InputError as error:
        print(json.dumps({"problem": str(error)}), flush=True)
