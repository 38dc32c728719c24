"""The verb `train` of the command line: from images or a packed training set to a checkpoint."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gan_core import checkpoint, model_card
from gan_core.data import training_set
from gan_core.training import (
    config_checks,
    distributed,
    earlier,
    from_folder,
    loop,
    presets,
    publish,
    run_lock,
)
from gan_core.training import dry_run as dry
from gan_core.training.config import TrainingConfig
from gan_core.training.schedule import Stop
from gan_core.util import malloc, valid_names
from gan_core.util.errors import InputError


def train(
    data: Path | str = "",  # directory of a packed training set; or use --images
    *,
    name: str,  # name of the model: its run is runs/NAME, its checkpoint checkpoints/NAME
    images: str = "",  # folder or zip of pictures to train on, packed into runs/NAME
    size: int = 64,  # with --images: side of the packed images, pixels
    runs: str = "runs",  # folder of the runs
    checkpoints: str = "checkpoints",  # folder of the checkpoints
    preset: str = "",  # faces, gpu-faces, avatars, mnist, mnist-mlp, cifar10, or folder
    recipe: str = "",  # the former name of --preset
    dry_run: bool = False,  # only print networks, parameters, memory and expected time
    licence: str = "As its training images.",  # permitted use of the weights, one sentence
    use: str = "",  # intended use of the model and what it must not be used for, for the card
    command: str = "",  # set by the command line
    **options: Any,
) -> None:
    """Train a GAN, or resume a run; then write its checkpoint and card.

    options: of `TrainingConfig`, by name; they override the preset's. Raises InputError for options
    that cannot work, and KeyboardInterrupt when the run was interrupted, after a snapshot.
    """
    preset = preset or recipe
    valid_names.check(name)
    if bool(data) == bool(images):
        raise InputError("Name either a packed training set, or --images and a folder or a zip.")
    if distributed.size() > 1 and (dry_run or images):
        word = "A dry run" if dry_run else "--images"
        raise InputError(f"{word} runs in one process; start it without torchrun.")
    if options.get("minutes") and "kimg" in options:
        raise InputError("Give the length of a run with either --kimg or --minutes, not with both.")
    run, out = Path(runs) / name, Path(checkpoints) / name
    if images and not (run / "training_set" / "set.json").exists():
        from_folder.check(images, size, preset, options)
    if dry_run:
        with tempfile.TemporaryDirectory() as folder:
            data = data or from_folder.prepare(images, run, size=size, new=Path(folder) / name)
            preset = from_folder.PRESET if images and not preset else preset
            print(dry.describe(data, TrainingConfig(**presets.options(preset, data) | options)))
        return
    if not images:
        options = from_folder.filmed(presets.options(preset, data) | options)
        check_same_images(data, out)
    if (out / "model.json").exists() and not (run / "state.safetensors").exists():
        raise InputError(
            f"{out} already holds a model, and its run is not in {runs}; "
            "use another --name, or remove the model first."
        )
    check_writable(checkpoints)
    check_writable(runs)
    malloc.keep_freed()
    if not images:
        config_checks.check(data, TrainingConfig(**options))  # before anything is written
    about = {"name": name, "licence": licence, "use": use, "command": command}
    stop = Stop()
    place = {"cwd": os.getcwd(), "checkpoint": str(out.resolve()), "processes": distributed.size()}
    holding = run_lock.holding if distributed.leads() else without_lock
    with holding(run, command=command, **place) as update:
        if images:
            update(doing="packing")
            data = from_folder.prepare(images, run, size=size)
            options = from_folder.options(preset, data, options)
            check_same_images(data, out)
        config = TrainingConfig(**options)
        length = {"minutes": config.minutes} if config.minutes else {"kimg": config.kimg}
        update(doing="training", **length)

        def finish(run: Path, out: Path) -> float:
            return write_checkpoint(run, out, data, about, link=bool(images))

        shown = loop.train(data, run, config, stop=stop, publish=finish)
        if stop.interrupted:
            print(f"Stopped at {shown / 1000:.1f} kimg; the same command resumes {run}.")
            raise KeyboardInterrupt
        if not distributed.leads():
            return
        update(doing="publishing")
        best = finish(run, out)
        earlier.publish(run, out)
        print(
            f"{out}: the snapshot at {best:g} of {shown / 1000:g} kimg; "
            "load it with gan_core.load, or explore it with python -m explorer",
            flush=True,
        )
        if images:
            update(doing="measuring")
            from_folder.measure(out)
            model_card.write(out)


def write_checkpoint(
    run: Path, out: Path, data: Path | str, about: dict[str, str], link: bool
) -> float:
    """Publish a run and write the card; returns the published snapshot's kimg.

    link: whether the checkpoint is given its training set. about: as for `publish.publish`.
    """
    best = publish.publish(run, out, data=data, **about)
    if link:
        from_folder.link_training_set(data, out)
    model_card.write(out)
    return best


@contextlib.contextmanager
def without_lock(run: Path, **about: Any) -> Iterator[Callable[..., None]]:
    """Replaces `run_lock.holding` in the processes that do not lead."""
    yield lambda **more: None


def check_same_images(data: Path | str, out: Path) -> None:
    """Raise InputError when a checkpoint was trained on other images than those of a packed set."""
    if (out / "model.json").exists():
        before = checkpoint.read_card(out)["training_set"].get("fingerprint")
        if before != training_set.read_card(data)["fingerprint"]:
            raise InputError(f"{out} was trained on other images than {data}; use another name.")


def check_writable(folder: Path | str) -> None:
    """Raise InputError now rather than after hours when a folder cannot be written to."""
    parent = Path(folder).absolute()
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{parent} cannot be written to; choose another folder than {folder}.")
