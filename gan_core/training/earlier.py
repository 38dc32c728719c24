"""Earlier states of a run: its averaged generator at a few moments, to look back at.

A run keeps at most `MOST` of them in `earlier`/KIMG.safetensors, evenly spread over what has been
trained so far; a published model has them in a folder of the same name. Parameters are in half
precision, because nothing resumes from these files.
"""

import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file

from gan_core import checkpoint, latent
from gan_core.checkpoint import Model
from gan_core.networks import registry
from gan_core.training import ema
from gan_core.util import atomic_files, checked_safetensors, regular_files
from gan_core.util.errors import InputError

FOLDER = "earlier"
MOST = 6  # files of a run; of a DCGAN for 64 pixels, some 7 MB each


def positions(directory: Path | str) -> dict[int, Path]:
    """The earlier states in a run or a checkpoint: images shown -> file, in ascending order."""
    try:
        files = list((Path(directory) / FOLDER).iterdir())
    except OSError:
        return {}
    named = {int(f.stem): f for f in files if re.fullmatch(r"[0-9]{9}\.safetensors", f.name)}
    return dict(sorted(named.items())[: 2 * MOST])


def keep(run: Path, average: torch.nn.Module, position: int) -> None:
    """Save a run's averaged generator at a position, in images, and thin out the files.

    Raises InputError when the file cannot be written.
    """
    _write(run, average, position)
    while len(kept := positions(run)) > MOST:
        kept[crowded(list(kept))].unlink()


def crowded(places: list[int]) -> int:
    """The place between the first and the last whose two neighbours are closest together.

    places: ascending, at least three.
    """
    gaps = [after - before for before, after in zip(places, places[2:], strict=False)]
    return places[1 + gaps.index(min(gaps))]


def drop_after(run: Path | str, position: int) -> None:
    """Remove the states after a position in images, when a run rolls back to it or restarts."""
    for place, file in positions(run).items():
        if place > position:
            file.unlink(missing_ok=True)


def publish(run: Path | str, out: Path | str) -> None:
    """Give a published checkpoint its run's earlier states, with batch-norm statistics that fit.

    States that are not older than the checkpoint are left out, and those that the checkpoint had
    are removed. One that cannot be read is left out, because the model is complete without it.
    Raises InputError when a file cannot be written.
    """
    card = checkpoint.read_card(out)
    prior = latent.Prior(card["prior"]["kind"], card["prior"]["size"])
    drop_after(out, -1)
    for position in positions(run):
        if position >= round(1000 * card["training"].get("kimg", 0)):
            continue
        try:
            generator = _read(Path(run), card["architecture"], position)[0]
        except InputError:
            continue
        _write(Path(out), ema.fit_average(generator, prior, "cpu", batches=10), position)


def load(directory: Path | str, position: int) -> Model:
    """The Model that a published checkpoint was at a position, in images; without discriminator.

    Raises InputError when the state is missing or does not fit the model's networks.
    """
    card = checkpoint.read_card(directory)
    generator, digest = _read(Path(directory), card["architecture"], position)
    card |= {
        "files": {"generator.safetensors": digest},
        "training": card["training"] | {"kimg": position / 1000},
        "metrics": {},
    }
    prior = latent.Prior(card["prior"]["kind"], card["prior"]["size"])
    return Model(generator.eval().requires_grad_(False), None, prior, card, Path(directory))


def _path(directory: Path, position: int) -> Path:
    return directory / FOLDER / f"{position:09d}.safetensors"


def _write(directory: Path, generator: torch.nn.Module, position: int) -> None:
    path = _path(directory, position)
    halved = dict(generator.named_parameters())
    tensors = {
        name: (tensor.half() if name in halved else tensor).detach().cpu().contiguous()
        for name, tensor in generator.state_dict().items()
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_files.clear(path.parent)
        with atomic_files.replacing(path) as temporary:
            save_file(tensors, temporary)
    except (OSError, SafetensorError) as error:  # a full disk, for example
        raise InputError(f"{path} cannot be written ({error}).") from None


def _read(directory: Path, network: dict, position: int) -> tuple[torch.nn.Module, str]:
    """(generator, sha256 of its file). The file may be a stranger's."""
    path = _path(directory, position)
    generator, _ = registry.outline(network)
    try:
        size = regular_files.check(path, checkpoint.MAX_BYTES, path.parent).st_size
        checked_safetensors.header(path)
        if 2 * size < checkpoint.bytes_of(generator):
            raise ValueError("too small for the network")
        # Not memory-mapped: a file that is truncated meanwhile would end the process.
        content = regular_files.read_bytes(path, checkpoint.MAX_BYTES, path.parent)
        checkpoint.fill(generator, load_tensors(content))
    except FileNotFoundError:
        raise InputError(
            f"There is no state of {directory.name} at {position / 1000:g} kimg."
        ) from None
    except InputError:
        raise
    except Exception:  # safetensors and torch raise many kinds
        raise InputError(
            f"{path} is damaged or of another network; remove it, and the model works without it."
        ) from None
    return generator, checkpoint.sha256(path)
