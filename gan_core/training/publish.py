"""From a run to a checkpoint: its best snapshot, described."""

from pathlib import Path

import torch

from gan_core import checkpoint, latent
from gan_core.attributes import classifier as attributes
from gan_core.data import picture_kind, training_set
from gan_core.training import attribute_codes, conditions, ema, players, snapshot
from gan_core.training.config import OPTIONS
from gan_core.util import atomic_files
from gan_core.util.errors import InputError

# Settings that the card's training record leaves out: the card has other entries for networks and
# training set, and the length is counted.
LEFT_OUT = {"network", "fingerprint", *(o.name for o in OPTIONS.values() if not o.in_card)}


def publish(
    run: Path | str,
    out: Path | str,
    *,
    name: str,
    data: Path | str,
    licence: str,
    use: str,
    command: str,
) -> float:
    """Turn a run's best snapshot into a checkpoint directory; returns the snapshot's kimg.

    name: of the model. data: directory of the packed training set that it was trained on. licence,
    use: sentences for the card. command: the command that trained it, for the record. Raises
    InputError when the run has no snapshot that can be read.
    """
    tensors, notes = read(run)
    settings, record = notes["settings"], notes["record"]
    average, discriminator = players.build(settings["network"])
    for part, network in {"average": average, "discriminator": discriminator}.items():
        saved = {k[len(part) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{part}/")}
        network.load_state_dict(saved)
    prior = latent.Prior(settings["prior"], settings["nz"])
    generator = ema.fit_average(average, prior, "cpu")
    data_card = training_set.read_card(data)
    about_data = {key: value for key, value in data_card.items() if key != "format"}
    card = {
        "name": name,
        "architecture": settings["network"],
        "prior": {"kind": settings["prior"], "size": settings["nz"]},
        "objective": settings["objective"],
        "training": {
            "kimg": notes["position"] / 1000,
            "command": command,
            **{k: v for k, v in settings.items() if k not in LEFT_OUT},
            **record,
        },
        "metrics": {},
        "licence": licence,
        "use": use,
        "pictures": picture_kind.kind_of(training_set.load(data).images),
        "training_set": about_data,
    }
    if settings.get("conditional"):
        images = training_set.load(data)
        classes = conditions.load(images, settings["conditional"], settings["nz"])
        card["training"]["tied"] = classes.names
    if settings.get("codes_from"):
        classifier = attributes.load(settings["codes_from"])
        card["training"]["tied"] = attribute_codes.choose(
            classifier, settings.get("codes_names", "")
        )
    before = earlier_card(out)
    if before.get("purpose"):  # the words for menus hold for a longer run, too
        card["purpose"] = before["purpose"]
    checkpoint.save(out, generator, discriminator.eval(), card)
    card = checkpoint.read_card(out)
    # Measurements of the same weights still hold.
    weights = "generator.safetensors"
    if before and before["files"][weights] == card["files"][weights]:
        measured = before.get("metrics") or {}
        atomic_files.write_json(Path(out) / "model.json", card | {"metrics": measured})
    return notes["position"] / 1000


def earlier_card(directory: Path | str) -> dict:
    """The card of the checkpoint that is there already; {} where there is none."""
    there = (Path(directory) / "model.json").exists()
    return checkpoint.read_card(directory) if there else {}


def read(run: Path | str) -> tuple[dict[str, torch.Tensor], dict]:
    """(tensors, notes) of a run's best snapshot by measured distance, or of its last one."""
    best, last = Path(run) / "best.safetensors", Path(run) / "state.safetensors"
    if not best.exists():
        return snapshot.read(last)
    try:
        return snapshot.read(best)
    except InputError:
        raise InputError(
            f"{best} is damaged; remove it and repeat the command: the last snapshot is intact."
        ) from None
