"""Samples of a model kept on disk, so that what is nearest among them is found at once.

    CACHE/samples/WEIGHTS-N/    a training set of samples: seeds 0 to N − 1, ψ 1

They are kept as a TrainingSet, whose `images` are the samples, so that whatever searches among
training images searches among samples too.
"""

from gan_core.data import training_set
from gan_core.util import cache_dir
from gan_core.util.errors import InputError
from gan_core.util.progress import along

AT_ONCE = 64  # drawn at once, each under the lock for drawing by itself


def open_samples(model, n=10_000, folder=None, progress=None):
    """The TrainingSet of n samples of a Model, drawn when they are not there.

    They belong to the generator's weights: other weights are other samples. folder: default
    "samples" in cache_dir.cache_directory(). progress: as for `steps.along`. Two processes may
    draw them at the same time. Raises InputError when they cannot be kept.
    """
    weights = model.card["files"]["generator.safetensors"]
    where = (folder or cache_dir.cache_directory() / "samples") / f"{weights[:32]}-{n}"

    def make():
        if not (where / "set.json").exists():
            draw(model, n, where, progress)

    return cache_dir.opened(where, make, lambda: training_set.load(where))


def draw(model, n, where, progress=None):
    """Draw n samples into a directory that is not there."""
    channels = model.card["architecture"]["channels"]
    card = {"name": f"samples of {model.name}", "source": "samples", "licence": ""}
    try:
        with training_set.writing(where, model.size, channels, card) as writer:
            for start in along(range(0, n, AT_ONCE), f"Drawing {n:,} samples", progress):
                z = model.prior.sample(min(AT_ONCE, n - start), start)
                for seed, image in enumerate(model.generate(z), start):
                    writer.add(image, f"seed {seed}")
    except InputError:
        if not (where / "set.json").exists():  # else another process was first: as good
            raise
    except OSError as error:  # a full disk, say
        raise InputError(f"{where} cannot be written ({error.strerror}).") from None
