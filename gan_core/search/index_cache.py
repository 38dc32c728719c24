"""The PixelIndex of a training set, cached on disk so that 200,000 images are ready at once.

    CACHE/neighbours/FINGERPRINT/
        index.json                         format, shape, fingerprint
        coarse, fine, texture, …           the Bounds, each an .npy that is memory-mapped
        seen.json                          the image files that were found to have this fingerprint

It is built once, and the images are checked against the set's fingerprint while they are read. When
it is opened, an images file with the same size, modification time and inode as when it was last
checked is trusted, apart from a few images that are compared. Any other file is read whole and
checked.
"""

import contextlib
import hashlib
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from gan_core.data.training_set import TrainingSet
from gan_core.search import lower_bounds
from gan_core.search.pixel_index import PixelIndex, changed_error, stamp
from gan_core.util import atomic_files, cache_dir, mapped_arrays
from gan_core.util.errors import InputError, from_os_error

FORMAT = 2
ARRAYS = ("coarse", "fine", "texture", "norms", "centre", "axes")
SPOT_CHECKS = 64  # images compared with the index every time it is opened


def open_index(
    data: TrainingSet, mirrored: bool = False, folder: str | Path | None = None
) -> PixelIndex:
    """The PixelIndex of a TrainingSet's training images, built when it is missing.

    mirrored: as for PixelIndex. folder: "neighbours" in cache_dir.cache_directory() by default. Two
    processes may build it at the same time. Raises InputError when the images no longer have the
    set's fingerprint.
    """
    folder = Path(folder or cache_dir.cache_directory() / "neighbours")
    where = folder / data.fingerprint[:32]
    bounds = read(where, data)
    if bounds is None:

        def read_back() -> lower_bounds.Bounds:
            bounds = read(where, data)
            if bounds is None:
                raise InputError(f"{where} cannot be read back; remove it and try again.")
            return bounds

        bounds = cache_dir.opened(where, lambda: build(where, data), read_back)
    check(where, data, bounds)
    return PixelIndex(data.images, mirrored, bounds)


def build(where: Path, data: TrainingSet) -> None:
    """Write the index of a TrainingSet into a directory that is missing or damaged."""
    shutil.rmtree(where, ignore_errors=True)
    before, digest = stamp(data.images), hashlib.sha256()
    try:
        with atomic_files.new_directory(where) as temporary:

            def allocate(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
                return mapped_arrays.create(temporary / f"{name}.npy", shape, np.dtype(dtype))

            bounds = lower_bounds.build(
                data.images, allocate, lambda block: digest.update(block.data)
            )
            for name in ("centre", "axes"):
                np.save(temporary / f"{name}.npy", getattr(bounds, name))
            for name in ("coarse", "fine", "texture", "norms"):
                getattr(bounds, name).flush()
            if digest.hexdigest() != data.fingerprint:
                raise fingerprint_error(data)
            about = {"format": FORMAT, "shape": data.images.shape, "fingerprint": data.fingerprint}
            atomic_files.write_json(temporary / "index.json", about)
            if before:
                atomic_files.write_json(temporary / "seen.json", {source_path(data): before})
    except (InputError, OSError) as error:
        if read(where, data) is not None:  # another process was faster, which is as good
            return
        if isinstance(error, InputError):
            raise
        raise from_os_error(error, where) from None


def read(where: Path, data: TrainingSet) -> lower_bounds.Bounds | None:
    """The Bounds in a directory, None when there are none or they are damaged."""
    try:
        about = atomic_files.read_json(where / "index.json", "an index of neighbours")
        header = [about.get(key) for key in ("format", "shape", "fingerprint")]
        if header != [FORMAT, list(data.images.shape), data.fingerprint]:
            return None
        # Plain views of the maps: the class memmap slows down every small step.
        arrays = {
            name: np.asarray(mapped_arrays.open_read(where / f"{name}.npy")) for name in ARRAYS
        }
    except (InputError, OSError, ValueError, EOFError):
        return None
    bounds = lower_bounds.Bounds(**arrays, shape=tuple(data.images.shape[1:]))
    n, components = len(data.images), bounds.axes.shape[1]
    expected = {
        "coarse": (n, min(lower_bounds.COARSE, components) + 3),
        "fine": (n, components + 1),
        "texture": (n, len(bounds.axes) // data.images.shape[3]),
        "norms": (n,),
        "centre": (len(bounds.axes),),
    }
    fits = all(getattr(bounds, name).shape == shape for name, shape in expected.items())
    return bounds if fits else None


def check(where: Path, data: TrainingSet, bounds: lower_bounds.Bounds) -> None:
    """Raise InputError unless the images are those that the index was built from."""
    images, current = data.images, stamp(data.images)
    seen = {}
    if (where / "seen.json").exists():
        seen = atomic_files.read_json(where / "seen.json", "a list of files")
    if current is None or seen.get(source_path(data)) != current:
        digest = hashlib.sha256()
        for start in range(0, len(images), lower_bounds.BLOCK):
            block = np.ascontiguousarray(images[start : start + lower_bounds.BLOCK])
            digest.update(block.data)
        if digest.hexdigest() != data.fingerprint:
            raise fingerprint_error(data)
        if current is not None:
            with contextlib.suppress(InputError, OSError):  # the cache was emptied meanwhile
                atomic_files.write_json(where / "seen.json", seen | {source_path(data): current})
    rows = np.unique(np.linspace(0, len(images) - 1, SPOT_CHECKS).astype(int))
    *_, norms = lower_bounds.describe(images[rows], bounds.centre, bounds.axes)
    if not np.array_equal(norms, bounds.norms[rows]):
        raise changed_error(images)


def source_path(data: TrainingSet) -> str:
    """The path of the file that a TrainingSet's images are mapped from."""
    return str(Path(getattr(data.images, "filename", None) or "memory").absolute())


def fingerprint_error(data: TrainingSet) -> InputError:
    """The InputError for images that do not have the fingerprint in their set.json."""
    return InputError(
        f"{source_path(data)} does not hold the images that its set.json describes; "
        "pack the training set again."
    )
