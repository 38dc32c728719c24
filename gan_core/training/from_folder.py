"""Training on a folder or a zip of pictures: pack them, choose options, measure the model."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from gan_core import checkpoint
from gan_core.data import image_sources, training_set
from gan_core.metrics import fidelity_report
from gan_core.training import config_checks, presets
from gan_core.training.config import DEFAULTS, TrainingConfig
from gan_core.util.errors import InputError
from gan_core.util.printable_output import one_line

PRESET = "folder"
HELD_OUT = 0.1  # fraction of the pictures that is held out, but at most MOST pictures
MOST = 1000
FEW = 20  # with fewer pictures none is held out
MEASURED = 10_000  # maximum number of samples on which a new model is measured
FRAMES = 40  # sample grids in a film, at least 1 kimg apart


def check(images: Path | str, size: int, preset: str, given: dict[str, Any]) -> None:
    """Raise InputError now for options that would be refused after minutes of packing.

    given: options of the run by name, which override the preset's.
    """
    count = image_sources.count(images)
    if not count:
        links = image_sources.left_out(images)
        raise InputError(f"There are no pictures in {images}.{links and ' ' + links}")
    chosen = presets.choose(preset or PRESET, count, size, 3) | given
    config_checks.check_options(TrainingConfig(**chosen), size, channels=3)


def prepare(
    images: Path | str, run: Path | str, *, size: int, new: Path | str | None = None
) -> Path:
    """Pack pictures into `run`/training_set, once, or into `new`; returns that directory.

    images: a folder, a zip, or the name of a torchvision data set. size: side in pixels. A tenth
    of the pictures, evenly spread, is held out. A set that exists already is used as it is; raises
    InputError when it was packed from other pictures.
    """
    out = Path(run) / "training_set"
    if (out / "set.json").exists():
        before = training_set.read_card(out)
        shape = before["shape"]
        if before.get("source") != _source(images) or shape[1] != size:
            raise InputError(
                f"{out} was packed from {before.get('source')} at {shape[1]} pixels; use the same "
                "--images and --size to resume, or another --name."
            )
        count = added(images, out)
        if count:
            print(one_line(how_to_use_new(count, images, Path(run).name, size)), flush=True)
        return out
    if not new:
        for partial in Path(run).glob("training_set.partial-*"):  # left when packing was killed
            shutil.rmtree(partial, ignore_errors=True)
    out = Path(new) if new else out
    held_out = share(image_sources.count(images))
    command = ["pack", str(images), str(out), "--size", str(size)]
    command += ["--held-out", held_out] if held_out else []
    used, held_out_count, skipped = image_sources.pack(
        images,
        out,
        size=size,
        held_out=held_out,
        name=Path(run).name,
        command="python -m gan_core " + shlex.join(command),
    )
    for file, reason in skipped[:20]:
        print(f"skipped {one_line(file)}: {reason}", file=sys.stderr)
    if len(skipped) > 20:
        print(f"skipped {len(skipped) - 20} more", file=sys.stderr)
    print(
        f"{out}: {used} training images, {held_out_count} held out, {len(skipped)} skipped",
        flush=True,
    )
    for note in training_set.read_card(out).get("notes") or ():
        print(one_line(note), flush=True)
    return out


def added(images: Path | str, data: Path | str) -> int:
    """How many files of a folder or a zip are not in the training set that was packed from it.

    0 as well when that is unknown: the source is not there any more, or the set is of an older
    version, which did not record the files that it skipped.
    """
    if str(images) in image_sources.TORCHVISION:
        return 0
    try:
        before = training_set.names_of(data)
        return 0 if before is None else len(set(image_sources.listed(images)) - before)
    except InputError:
        return 0


def new_pictures(count: int) -> str:
    """ "33 new pictures are not in this run", for any number."""
    return f"{count:,} new picture{' is' if count == 1 else 's are'} not in this run"


def how_to_use_new(count: int, images: Path | str, name: str, size: int) -> str:
    """How to train on pictures that were added after a run began, two sentences."""
    words = ["train", "--images", str(images), "--name", f"{name}-2"]
    words += ["--size", str(size)] if size != 64 else []
    return (
        f"{new_pictures(count)}, which continues with the pictures it started with. "
        f"A new run uses all: python -m gan_core {shlex.join(words)}"
    )


def _source(images: Path | str) -> str:
    """The source as `image_sources.pack` writes it into set.json."""
    return str(images) if str(images) in image_sources.TORCHVISION else Path(images).name


def share(count: int) -> str:
    """The part of `count` pictures to hold out, as for `image_sources.pack`: up to "10%", or ""."""
    if count < FEW:
        return ""
    return f"{100 * min(HELD_OUT, MOST / count):.4g}%"


def training_images(count: int) -> int:
    """How many of `count` usable pictures are trained on; the rest is held out."""
    return count - int(count * float(share(count).rstrip("%") or 0) / 100)


def options(preset: str, data: Path | str, given: dict[str, Any]) -> dict[str, Any]:
    """The options of the run by name: the preset's, overridden by the given ones, with a film."""
    return filmed(presets.options(preset or PRESET, data) | given)


def filmed(options: dict[str, Any]) -> dict[str, Any]:
    """The options with sample grids at intervals for a film, even in a short run."""
    kimg = (DEFAULTS | options)["kimg"]
    return {"grid_kimg": min(25.0, max(kimg / FRAMES, 1.0)), **options}


def link_training_set(data: Path | str, model: Path | str) -> None:
    """Give a checkpoint its training set: a link, or a copy where links are not possible."""
    data, link = Path(data), Path(model) / "training_set"
    if link.is_symlink() and not link.exists():
        link.unlink()  # it leads to a run that has been removed
    if link.exists():
        return
    try:
        link.symlink_to(os.path.relpath(data.resolve(), link.parent.resolve()), True)
    except (OSError, ValueError):  # not allowed, or on another drive
        shutil.copytree(data, link)


def measure(model: Path | str) -> None:
    """Measure a new model against its images and save the numbers, or print why that is impossible.

    Uses as many samples as there are training images, at most 10,000.
    """
    if fidelity_report.load_metrics(checkpoint.read_card(model)):
        return  # these weights were measured when the run finished earlier
    shape = training_set.read_card(Path(model) / "training_set")["shape"]
    try:
        fidelity_report.evaluate(str(model), n=min(MEASURED, shape[0]))
    except InputError as error:
        print(f"No distance was measured: {error}")
