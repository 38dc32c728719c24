"""Imports weights that were trained elsewhere: read a file, look at its samples, save a checkpoint.

generator = read("netG.pth")                 recognised, or an InputError that says why not
generator.draw(16)                           the samples of the first 16 seeds
save(generator, "checkpoints/mine", "mine")
"""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan_core import checkpoint, latent, model_card
from gan_core.data import media, training_set
from gan_core.importers import (
    fold_weights,
    matching_shapes,
    norm_statistics,
    onnx_import,
    safe_load,
    state_dict_layouts,
)
from gan_core.importers.recognised import ACTIVATIONS, OUTPUTS, Choices, Player
from gan_core.networks import registry
from gan_core.util import atomic_files, valid_names
from gan_core.util.errors import InputError

ASSUMED = (
    "Strides and the range of pixel values leave no trace in the tensors: those of that layout "
    "are assumed, and so is the activation unless batch-norm statistics reveal it."
)
JUDGES = r"(?i)(^|[._])(net_?)?d(isc|iscriminator)?[._]|critic"  # in names of tensors
UNKNOWN = "They are not known, because the weights were trained elsewhere."


@dataclass
class Imported:
    """A generator that was read from a file and is not saved yet.

    words: its layout. architecture: its description. generator, discriminator: networks in eval
    mode; discriminator may be None. prior: the distribution of its latents. parameters: number in
    the generator. origin: the entry "origin" of model.json. notes: sentences on what was assumed.
    doubts: sentences on what may be wrong, to be shown as warnings. values: the range of an ONNX
    file's pixel values, None where the layout determines it. choices: activation, output and prior
    as they were decided; those a person may change are not "". possible: the sizes of images that
    the tensors fit. left_out: why a discriminator was left out, "" where none was.
    """

    words: str
    architecture: dict
    generator: torch.nn.Module
    discriminator: torch.nn.Module | None
    prior: latent.Prior
    parameters: int
    origin: dict
    notes: list[str] = field(default_factory=list)
    values: str | None = None
    doubts: list[str] = field(default_factory=list)
    choices: Choices = field(default_factory=Choices)
    possible: list[int] = field(default_factory=list)
    left_out: str = ""

    def draw(self, n: int = 16, seed: int = 0) -> np.ndarray:
        """The samples of n seeds, uint8 (n, H, W, C), as the checkpoint will draw them."""
        about = {"name": self.origin["file"], "architecture": self.architecture}
        model = checkpoint.Model(self.generator, None, self.prior, about, Path())
        return model.generate(self.prior.sample(n, seed))


def read(
    file: str | Path,
    *,
    discriminator: str | Path = "",
    prior: str = "",
    nz: int = 0,
    values: str = "",
    size: int = 0,
    activation: str = "",
    output: str = "",
) -> Imported:
    """The generator in a file, and its discriminator if there is one.

    file: a state dict (.pt, .pth), safetensors or ONNX, recognised by its contents. discriminator:
    a file of the discriminator, or "" for one in `file`, if any; one that does not fit is left out.
    prior: "normal", "uniform", or "" for what the file says, otherwise normal. nz, values: for
    ONNX, see `onnx_import.read`. size, activation, output: what tensors do not tell, see
    `recognised.Choices`.
    Raises InputError; its subclass Unrecognised also lists the tensors, and SizeUnknown the sizes
    that a person must choose from.
    """
    path = Path(file)
    check_choice("prior", prior, latent.PRIORS)
    check_choice("activation", activation, ACTIVATIONS)
    check_choice("output", output, OUTPUTS)
    kind = safe_load.kind(path)
    origin: dict[str, Any] = {"file": path.name, "bytes": path.stat().st_size}
    origin["sha256"] = checkpoint.sha256(path)
    if kind == "onnx":
        if discriminator:
            raise InputError("A discriminator can accompany weights, but not an ONNX generator.")
        if size or activation or output:
            raise InputError(
                "An ONNX file brings its own layers; leave size, activation and output out."
            )
        return from_onnx(path, origin, prior or "normal", nz, values)
    if nz or values:
        raise InputError(f"{origin['file']} is not an ONNX file; leave nz and values out.")
    tensors, notes = safe_load.tensors(path)
    refuse_config(notes, origin["file"])
    prior = prior or (notes["prior"] if notes.get("prior") in latent.PRIORS else "")
    choices = Choices(size, activation, output, prior)
    player = described(tensors, notes)
    exact = player is not None
    if player is None:
        tensors = fold_weights.fold(tensors)
        player = state_dict_layouts.generator(tensors, origin["file"], choices)
    check_size(player, path)
    player, judge, left_out = with_judge(player, tensors, discriminator)
    architecture = player.sizes | ({} if judge is None else of_discriminator(judge))
    generator, other = registry.outline(architecture)
    checkpoint.fill(generator, player.weights)
    prior = prior or player.prior or "normal"
    if player.dead:
        norm_statistics.reestimate(generator, prior, architecture["nz"])
    if judge is not None and other is not None:
        checkpoint.fill(other, judge.weights)
        other.eval().requires_grad_(False)
    if discriminator and judge is not None:
        origin |= {"discriminator": Path(discriminator).name}
        origin |= {"discriminator_sha256": checkpoint.sha256(discriminator)}
    assumed = [] if exact else [ASSUMED]
    return Imported(
        words=player.words,
        architecture=architecture,
        generator=generator.eval().requires_grad_(False),
        discriminator=other,
        prior=latent.Prior(prior, architecture["nz"]),
        parameters=registry.parameters(generator),
        origin={**origin, "layout": player.words},
        notes=[*assumed, *player.notes, *([left_out] if left_out else [])],
        doubts=player.doubts,
        choices=Choices(
            architecture["size"] if player.possible else 0, player.activation, player.output, prior
        ),
        possible=player.possible,
        left_out=left_out,
    )


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise InputError for a choice that does not exist."""
    if value and value not in choices:
        raise InputError(f"The {name} is {value!r:.80}; it must be {' or '.join(choices)}.")


def check_size(player: Player, path: Path) -> None:
    """Raise InputError for a network that is larger than any that is accepted."""
    count = sum(tensor.numel() * tensor.element_size() for tensor in player.weights.values())
    if count > safe_load.MAX_BYTES:
        raise InputError(
            f"The generator in {path.name} has {count / 2**20:.0f} MiB; at most "
            f"{safe_load.MAX_BYTES // 2**20} are accepted."
        )


def from_onnx(path: Path, origin: dict, prior: str, nz: int, values: str) -> Imported:
    """What an ONNX file holds, ready to be saved; see `read`."""
    graph, sizes, facts = onnx_import.read(path, nz, values, prior)
    generator, _ = registry.build({"name": "onnx", **sizes})
    tensor = torch.frombuffer(bytearray(graph), dtype=torch.uint8)
    generator.load_state_dict({"graph": tensor})
    low, high = onnx_import.RANGES[facts["values"]]
    notes = [
        f"Latents {facts['input']}, images {facts['output']}; 16 samples have values from "
        f"{facts['lowest']:.3g} to {facts['highest']:.3g}, assumed to be of {low:g} to {high:g}."
    ]
    if facts["lowest"] < low - 0.05 * (high - low) or facts["highest"] > high + 0.05 * (high - low):
        notes.append("Values beyond that range are clipped.")
    if facts["batch"]:
        notes.append(
            f"The graph takes exactly {facts['batch']} latents at a time, which is slower."
        )
    return Imported(
        words="ONNX generator",
        architecture={"name": "onnx", **sizes},
        generator=generator.eval(),
        discriminator=None,
        prior=latent.Prior(prior, sizes["nz"]),
        parameters=facts["parameters"],
        origin={**origin, "layout": "ONNX", "values": facts["values"]},
        notes=notes,
        values=facts["values"],
    )


def described(tensors: dict[str, torch.Tensor], notes: dict) -> Player | None:
    """The generator that the metadata of a file written by `export` describe, or None."""
    try:
        sizes = json.loads(notes["architecture"])
        sizes = registry.of_generator(sizes)
        generator, _ = registry.outline(sizes)
        shapes = {name: tensor.shape for name, tensor in generator.state_dict().items()}
        if shapes != {name: tensor.shape for name, tensor in tensors.items()}:
            return None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, InputError):
        return None
    floats = [tensor for tensor in tensors.values() if tensor.is_floating_point()]
    if not all(map(matching_shapes.finite, floats)):
        return None
    return Player(f"this project’s {sizes['name']}", sizes, dict(tensors))


def refuse_config(notes: dict, file: str) -> None:
    """Raise InputError when the settings in a pytorch_GAN_zoo file describe another generator."""
    if notes.get("lossCriterion") in ("MSE", "WGANGP"):
        raise InputError(
            f"{file} was trained with the loss {notes['lossCriterion']}, where pytorch_GAN_zoo's "
            "generator ends without tanh; only generators of its loss DCGAN are accepted."
        )
    if notes.get("attribKeysOrder"):
        raise InputError(
            f"{file} is conditional: it takes classes beside the latent, which is not supported."
        )


def with_judge(
    player: Player, tensors: dict[str, torch.Tensor], file: str | Path
) -> tuple[Player, Player | None, str]:
    """(generator, its discriminator or None, why one was left out or "").

    tensors: those of the generator's file, where the discriminator is looked for unless it has a
    `file` of its own. A discriminator that is not recognised or does not match never stops a
    generator.
    """
    try:
        if file:
            tensors, where = fold_weights.fold(safe_load.tensors(file)[0]), Path(file).name
        else:
            tensors, where = beside(tensors, player.prefix), "it"
        if not tensors:
            return player, None, ""
        return *matching(player, tensors, where), ""
    except InputError as error:
        if not file and not any(map(is_of_judge, tensors)):
            return player, None, ""
        reason = str(error).rstrip(".").removeprefix("No discriminator was recognised in it: ")
        return player, None, f"The discriminator was left out: {reason}."


def is_of_judge(name: str) -> bool:
    """Whether the name of a tensor says that it belongs to a discriminator.

    A layer `up_d` of a second generator does not.
    """
    return bool(re.search(JUDGES, name)) and not re.search(state_dict_layouts.PLAYER_NAMES, name)


def beside(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors that do not belong to the generator, whose names begin with a prefix."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}


def matching(player: Player, tensors: dict[str, torch.Tensor], where: str) -> tuple[Player, Player]:
    """(generator, discriminator), described so that they belong together. Raises InputError.

    Where their families differ, both are described by their layers.
    """
    try:
        judge = state_dict_layouts.discriminator(tensors, where)
        problem = mismatch(player, judge)
        if not problem:
            return player, judge
    except state_dict_layouts.Unrecognised as error:
        problem = str(error)
    if player.listed is None:
        raise InputError(problem)
    size, channels = player.sizes["size"], player.sizes["channels"]
    listed = state_dict_layouts.listed_discriminator(tensors, where, size, channels)
    generator = replace(player, sizes=player.listed.sizes, weights=player.listed.weights)
    return generator, listed


def mismatch(player: Player, judge: Player) -> str:
    """Why a generator and a discriminator of known layouts do not belong together, or ""."""
    ours, theirs = registry.family(player.sizes["name"]), registry.family(judge.sizes["name"])
    of_generator = {key: player.sizes[key] for key in ("size", "channels")}
    of_judge = {key: judge.sizes[key] for key in ("size", "channels")}
    if getattr(ours, "Discriminator", None) is theirs.Discriminator and of_generator == of_judge:
        return ""
    return (
        f"the discriminator ({judge.words}, {of_judge['size']} px, {of_judge['channels']} "
        f"channels) does not match the generator ({player.words}, {of_generator['size']} px, "
        f"{of_generator['channels']} channels)"
    )


def of_discriminator(judge: Player) -> dict:
    """What describes a discriminator in the architecture of both."""
    return {k: v for k, v in judge.sizes.items() if k in registry.OF_DISCRIMINATOR}


def save(
    imported: Imported, directory: str | Path, name: str, data: str | Path = "", command: str = ""
) -> Path:
    """Write an Imported as a checkpoint directory with a card.

    name: the model's name. data: directory of the packed training set, or "" when it is not
    available. Raises InputError when the directory is not empty or cannot be written.
    """
    valid_names.check(name)
    about = {"name": "not known", "how": UNKNOWN}
    if data:
        about = {k: v for k, v in training_set.read_card(data).items() if k != "format"}
        sizes = imported.architecture["size"], imported.architecture["channels"]
        if (about["shape"][1], about["shape"][3]) != sizes:
            raise InputError(f"The images in {data} differ in size from this model's pictures.")
    card = {
        "name": name,
        "architecture": imported.architecture,
        "prior": {"kind": imported.prior.kind, "size": imported.prior.size},
        "objective": None,
        "training": {},
        "metrics": {},
        "licence": "Not known; ask the person who trained it.",
        "origin": {
            **imported.origin,
            "parameters": imported.parameters,
            "notes": [*imported.notes, *imported.doubts],
        }
        | ({"command": command} if command else {}),
        "training_set": about,
    }
    try:
        with atomic_files.new_directory(directory) as temporary:
            checkpoint.save(temporary, imported.generator, imported.discriminator, card)
            model = checkpoint.Model(
                imported.generator, imported.discriminator, imported.prior, card, temporary
            )
            model_card.write(temporary, model)
    except OSError as error:
        raise InputError(f"{directory} cannot be written ({error.strerror}).") from None
    return Path(directory)


def sheet(imported: Imported, path: str | Path) -> None:
    """Write 16 samples as an image file, to be inspected before anything is saved."""
    media.save(path, media.encode(media.enlarge(media.sheet(imported.draw(16)), 2)))
