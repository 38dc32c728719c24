"""Everything a run needs to resume: one safetensors file, replaced atomically."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gan_core.training.config import DEFAULTS, OPTIONS
from gan_core.util import atomic_files, checked_safetensors, json_values, regular_files
from gan_core.util.errors import InputError
from gan_core.util.json_values import COUNT, NUMBER, TEXT

# What a state file tells, see gan_core.util.json_values; a run's folder may be a stranger's.
NOTES = {
    "settings": {json_values.ANY: json_values.VALUE},
    "position": COUNT,
    "record": {
        "hours?": NUMBER,
        "rollbacks?": COUNT,
        "won_since?": COUNT,
        "best?": {"kimg": NUMBER, "distance": NUMBER, "n": COUNT, "name": TEXT},
    },
}


@dataclass
class State:
    """The state of a run in memory, and the file that holds it between two processes.

    parts: networks and optimisers by name. rng: the stream of all noise. settings: the run's
    options, networks and training set, as `config_checks.check` returns them. record: what the
    run has seen so far, JSON values.
    """

    path: Path
    parts: dict[str, Any]
    rng: torch.Generator
    settings: dict
    record: dict

    def save(self, position: int) -> None:
        """Replace the file by the current state; raises InputError if that fails."""
        save(self.path, self.parts, self.rng, self.settings, position, self.record)

    def restore(self) -> int:
        """Continue from the file; returns the position. Raises InputError as `restore` does."""
        position, record = restore(self.path, self.parts, self.rng, self.settings, DEFAULTS)
        here = ("hardware", "torch")  # of the machine on which the run continues
        known = {key: value for key, value in record.items() if value is not None}
        self.record |= {key: value for key, value in known.items() if key not in here}
        return position

    def roll_back(self, seed: int) -> int:
        """Return to the file with a new stream of noise; the record stays. Returns the position."""
        position, _ = restore(self.path, self.parts, self.rng, self.settings, DEFAULTS)
        self.rng.manual_seed(seed)
        return position


def save(
    path: Path,
    parts: dict[str, Any],
    rng: torch.Generator | None,
    settings: dict,
    position: int,
    record: dict,
) -> None:
    """Write networks and optimisers by name, the random state, and the run's record.

    Raises InputError when the file cannot be written; the previous file is then still there.
    """
    tensors = {} if rng is None else {"rng": rng.get_state()}
    for name, part in parts.items():
        tensors |= {f"{name}/{key}": value for key, value in flat(part).items()}
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    notes = {"settings": settings, "position": position, "record": record}
    try:
        with atomic_files.replacing(path) as temporary:
            save_file(tensors, temporary, {"state": json.dumps(notes)})
    except (OSError, SafetensorError) as error:  # a full disk, for example
        raise InputError(
            f"{path} cannot be written ({error}); the previous snapshot is still there."
        ) from None


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """(tensors by name, notes) of a state file. Raises InputError when it is damaged.

    notes: "settings", "position" in images, and "record".
    """
    try:
        regular_files.check(path, inside=Path(path).parent)
        checked_safetensors.header(path)
        with safe_open(path, "pt") as file:
            notes = json.loads(file.metadata()["state"])
            json_values.check(notes)
            if json_values.misfit(notes, NOTES):
                raise ValueError("notes of other kinds")
            return {key: file.get_tensor(key) for key in file.keys()}, notes  # noqa: SIM118
    except Exception:  # safetensors raises several kinds
        raise InputError(f"{path} is not a run's state or is damaged; start a new run.") from None


def restore(
    path: Path, parts: dict[str, Any], rng: torch.Generator, settings: dict, defaults: dict
) -> tuple[int, dict]:
    """Load a saved state into the parts; returns (position, record).

    settings: of the run now. defaults: of options that an older state does not know. Raises
    InputError when the settings differ from those the run began with.
    """
    tensors, notes = read(path)
    for key, value in settings.items():
        before = notes["settings"].get(key, defaults.get(key))
        if before != value and not (key in OPTIONS and OPTIONS[key].may_change):
            raise InputError(
                f"{path.parent} was started with {key} {before}, not {value}; "
                f"use the same settings to resume, or another name for a new run."
            )
    if "rng" not in tensors:
        raise InputError(f"{path} is not the complete state of a run; put the right file back.")
    try:
        for name, part in parts.items():
            start = f"{name}/"
            saved = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
            if isinstance(part, torch.optim.Optimizer):
                restore_optimizer(part, saved)
            else:
                part.load_state_dict(saved)
    except (RuntimeError, KeyError, ValueError, IndexError):
        raise InputError(f"{path} does not fit its own settings; start a new run.") from None
    if tensors["rng"].shape == rng.get_state().shape:
        rng.set_state(tensors["rng"])
    else:  # saved on another kind of device: the noise will differ
        rng.manual_seed(settings["seed"] + notes["position"])
    return notes["position"], notes["record"]


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, torch.Tensor]) -> None:
    """Load moments and counts by "index.field"."""
    # Fused Adam walks raw memory, so its moments must have the memory layout of the weights.
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in saved.items():
        index, field = key.split(".")
        weight = weights[int(index)]
        if value.shape == weight.shape:
            value = torch.empty_like(weight).copy_(value)
        state.setdefault(int(index), {})[field] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def flat(part: Any) -> dict[str, torch.Tensor]:
    """The tensors of a network or an optimiser by name."""
    if isinstance(part, torch.optim.Optimizer):
        state = part.state_dict()["state"]
        return {f"{i}.{field}": v for i, fields in state.items() for field, v in fields.items()}
    return part.state_dict()
