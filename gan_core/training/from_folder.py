"""From a folder or a zip of pictures to what a run needs: a packed set, a recipe, a measurement."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from gan_core import checkpoint
from gan_core.data import image_sources, training_set
from gan_core.metrics import fidelity_report
from gan_core.training import config_checks, presets
from gan_core.training.config import DEFAULTS, TrainingConfig
from gan_core.util.errors import InputError

RECIPE = "folder"
HELD_OUT = 0.1  # of the pictures, and no more than MOST
MOST = 1000
FEW = 20  # pictures below which none is held out
MEASURED = 10_000  # samples at most
FRAMES = 40  # sample grids at least, but for less than 1 kimg between two


def check(images, size, recipe, given):
    """Raise InputError for what the run would be refused for after minutes of packing."""
    count = image_sources.count(images)
    if not count:
        raise InputError(f"There is no picture in {images}.")
    chosen = presets.choose(recipe or RECIPE, count, size, 3) | given
    config_checks.check_options(TrainingConfig(**chosen), size, channels=3)


def prepare(images, run, *, size, new=None):
    """Pack pictures into `run`/training_set, once, or into `new`; returns that directory.

    images: a folder, a zip, or the name of a torchvision data set. size: side in pixels. A tenth
    of the pictures, spread over them, is held out. When the set is there already, the pictures
    are not read again. Raises InputError when it was packed from other pictures.
    """
    out = Path(run) / "training_set"
    if (out / "set.json").exists():
        before = training_set.read_card(out)
        shape = before["shape"]
        if before.get("source") != _source(images) or shape[1] != size:
            raise InputError(
                f"{out} was packed from {before.get('source')} at {shape[1]} pixels; give the same "
                "--images and --size to go on, or another --name."
            )
        return out
    out = Path(new) if new else out
    for left in (
        [] if new else Path(run).glob("training_set.partial-*")
    ):  # of a packing that was killed
        shutil.rmtree(left, ignore_errors=True)
    held_out = share(image_sources.count(images))
    command = ["pack", str(images), str(out), "--size", str(size)]
    command += ["--held-out", held_out] if held_out else []
    used, aside, skipped = image_sources.pack(
        images,
        out,
        size=size,
        held_out=held_out,
        name=Path(run).name,
        command="python -m gan_core " + shlex.join(command),
    )
    for file, reason in skipped[:20]:
        print(f"skipped {file}: {reason}", file=sys.stderr)
    if len(skipped) > 20:
        print(f"skipped {len(skipped) - 20} more", file=sys.stderr)
    print(f"{out}: {used} training images, {aside} held out, {len(skipped)} skipped", flush=True)
    return out


def _source(images):
    """As `sources.pack` writes it into set.json."""
    return str(images) if str(images) in image_sources.TORCHVISION else Path(images).name


def share(count):
    """What to hold out of so many pictures, as `sources.pack` takes it: "10%", less, or nothing."""
    if count < FEW:
        return ""
    return f"{100 * min(HELD_OUT, MOST / count):.4g}%"


def options(recipe, data, given):
    """The trainer's options: what is given, else the recipe's, with grids for a film."""
    return filmed(presets.options(recipe or RECIPE, data) | given)


def filmed(options):
    """The trainer's options with sample grids often enough for a film, of a short run too."""
    kimg = (DEFAULTS | options)["kimg"]
    return {"grid_kimg": min(25.0, max(kimg / FRAMES, 1.0)), **options}


def keep_at_hand(data, model):
    """Let the training set be found with its checkpoint: a link, or a copy where there are none."""
    data, there = Path(data), Path(model) / "training_set"
    if there.is_symlink() and not there.exists():
        there.unlink()  # to a run that is gone
    if there.exists():
        return
    try:
        there.symlink_to(os.path.relpath(data.resolve(), there.parent.resolve()), True)
    except (OSError, ValueError):  # not allowed, or on another drive
        shutil.copytree(data, there)


def measure(model):
    """Measure a new model against its images and keep the numbers; a sentence where it cannot be.

    As many samples as there are training images, 10,000 at most.
    """
    if fidelity_report.load_metrics(checkpoint.read_card(model)):
        return  # of these weights, in an earlier stretch
    shape = training_set.read_card(Path(model) / "training_set")["shape"]
    try:
        fidelity_report.evaluate(model, n=min(MEASURED, shape[0]))
    except InputError as error:
        print(f"No distance was measured: {error}")
