"""Samples of a model, cached on disk so that the nearest of them are found at once.

    CACHE/samples/WEIGHTS-N/    a training set of samples: seeds 0 to N − 1, ψ 1

They are stored as a TrainingSet whose `images` are the samples, so whatever searches among training
images can search among samples too.
"""

from pathlib import Path

from gan_core.checkpoint import Model
from gan_core.data import training_set
from gan_core.util import cache_dir
from gan_core.util.errors import InputError
from gan_core.util.progress import Progress, along

AT_ONCE = 64  # samples generated at once, each batch a turn of its own (`checkpoint.TURNS`)


def open_samples(
    model: Model, n: int = 10_000, folder: Path | None = None, progress: Progress = None
) -> training_set.TrainingSet:
    """The TrainingSet of n samples of a Model, generated when they are missing.

    They belong to the generator's weights: other weights have other samples. folder: "samples" in
    cache_dir.cache_directory() by default. progress: see `progress.along`. Two processes may
    generate them at the same time. Raises InputError when they cannot be written.
    """
    weights = model.card["files"]["generator.safetensors"]
    where = (folder or cache_dir.cache_directory() / "samples") / f"{weights[:32]}-{n}"

    def make() -> None:
        if not (where / "set.json").exists():
            generate(model, n, where, progress)

    return cache_dir.opened(where, make, lambda: training_set.load(where))


def generate(model: Model, n: int, where: Path, progress: Progress = None) -> None:
    """Write n samples as a training set to a directory that does not exist yet."""
    channels = model.card["architecture"]["channels"]
    card = {"name": f"samples of {model.name}", "source": "samples", "licence": ""}
    try:
        with training_set.writing(where, model.size, channels, card) as writer:
            for start in along(range(0, n, AT_ONCE), f"Generating {n:,} samples", progress):
                z = model.prior.sample(min(AT_ONCE, n - start), start)
                for seed, image in enumerate(model.generate(z), start):
                    writer.add(image, f"seed {seed}")
    except InputError:
        if not (where / "set.json").exists():  # else another process was faster, which is as good
            raise
    except OSError as error:  # a full disk, for example
        raise InputError(f"{where} cannot be written ({error.strerror}).") from None
