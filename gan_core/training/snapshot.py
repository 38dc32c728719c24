"""What a run needs to go on where it stopped: one safetensors file, replaced in one step."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gan_core.training.config import FREE
from gan_core.util import atomic_files, regular_files, safetensors_header
from gan_core.util.errors import InputError


def save(path, parts, rng, settings, position, record):
    """Write networks and optimisers by name, the random state, and what the run has seen.

    Raises InputError when it cannot be written; what was saved before is then still there.
    """
    tensors = {} if rng is None else {"rng": rng.get_state()}
    for name, part in parts.items():
        tensors |= {f"{name}/{key}": value for key, value in flat(part).items()}
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    notes = {"settings": settings, "position": position, "record": record}
    try:
        with atomic_files.replacing(path) as temporary:
            save_file(tensors, temporary, {"state": json.dumps(notes)})
    except (OSError, SafetensorError) as error:  # a full disk, say
        raise InputError(
            f"{path} cannot be written ({error}); what was saved before is still there."
        ) from None


def read(path):
    """(tensors, notes) of a state file. Raises InputError when it is damaged."""
    try:
        regular_files.check(path, inside=Path(path).parent)
        safetensors_header.header(path)
        with safe_open(path, "pt") as file:
            notes = json.loads(file.metadata()["state"])
            kinds = {"settings": dict, "position": int, "record": dict}
            if not all(isinstance(notes[key], kind) for key, kind in kinds.items()):
                raise ValueError("notes of other kinds")
            return {key: file.get_tensor(key) for key in file.keys()}, notes  # noqa: SIM118
    except Exception:  # safetensors raises several kinds
        raise InputError(f"{path} is not a run's state or is damaged; start a new run.") from None


def restore(path, parts, rng, settings, defaults):
    """Put a saved state back into the parts; returns (position, record).

    settings: what is asked for now. Raises InputError when it differs from what the run began
    with. defaults: of settings that an older state does not know.
    """
    tensors, notes = read(path)
    for key, value in settings.items():
        before = notes["settings"].get(key, defaults.get(key))
        if key not in FREE and before != value:
            raise InputError(
                f"{path.parent} was begun with {key} {before}, not {value}; "
                f"use the same settings to go on, or another name for a new run."
            )
    if "rng" not in tensors:
        raise InputError(f"{path} is not a run's whole state; put the right file back.")
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
    else:  # of another kind of device: other noise
        rng.manual_seed(settings["seed"] + notes["position"])
    return notes["position"], notes["record"]


def restore_optimizer(optimizer, saved):
    """Load moments and counts by "index.field"."""
    # Fused Adam walks raw memory, so its moments must lie as the weights do.
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    state = {}
    for key, value in saved.items():
        index, field = key.split(".")
        weight = weights[int(index)]
        if value.shape == weight.shape:
            value = torch.empty_like(weight).copy_(value)
        state.setdefault(int(index), {})[field] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def flat(part):
    """The tensors of a network or an optimiser by name."""
    if isinstance(part, torch.optim.Optimizer):
        state = part.state_dict()["state"]
        return {f"{i}.{field}": v for i, fields in state.items() for field, v in fields.items()}
    return part.state_dict()
