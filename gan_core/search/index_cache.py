"""A training set's PixelIndex on disk, so that 200,000 images are ready at once.

    CACHE/neighbours/FINGERPRINT/
        index.json                         format, shape, fingerprint
        coarse, fine, texture, …           the Bounds, each an .npy that is mapped
        seen.json                          the files of images found to have this fingerprint

It is made once, and the images are checked against the set's fingerprint while they are read. When
it is opened, an images file that is as it was when last checked (size, time of change, inode) is
taken to be the same but for a few images that are looked at; any other is read whole and checked.
"""

import contextlib
import hashlib
import shutil
from pathlib import Path

import numpy as np

from gan_core.search import lower_bounds
from gan_core.search.pixel_index import PixelIndex, changed, stamp
from gan_core.util import atomic_files, cache_dir, mapped_arrays
from gan_core.util.errors import InputError, from_os_error

FORMAT = 2
ARRAYS = ("coarse", "fine", "texture", "norms", "centre", "axes")
LOOKED_AT = 64  # images compared with the index at every opening


def open_index(data, mirrored=False, folder=None):
    """The PixelIndex of a TrainingSet's training images, made when it is not there.

    folder: default "neighbours" in cache_dir.cache_directory(). Two processes may make it at
    the same time. Raises InputError when the images are no longer those of the set's fingerprint.
    """
    folder = Path(folder or cache_dir.cache_directory() / "neighbours")
    where = folder / data.fingerprint[:32]
    known = read(where, data)
    if known is None:

        def read_back():
            known = read(where, data)
            if known is None:
                raise InputError(f"{where} cannot be read back; remove it and try again.")
            return known

        known = cache_dir.opened(where, lambda: make(where, data), read_back)
    check(where, data, known)
    return PixelIndex(data.images, mirrored, known)


def make(where, data):
    """Write the index of a TrainingSet into a directory that is not there or is damaged."""
    shutil.rmtree(where, ignore_errors=True)
    before, digest = stamp(data.images), hashlib.sha256()
    try:
        with atomic_files.new_directory(where) as temporary:

            def put(name, shape, dtype):
                return mapped_arrays.create(temporary / f"{name}.npy", shape, dtype)

            built = lower_bounds.build(data.images, put, digest.update)
            for name in ("centre", "axes"):
                np.save(temporary / f"{name}.npy", getattr(built, name))
            for name in ("coarse", "fine", "texture", "norms"):
                getattr(built, name).flush()
            if digest.hexdigest() != data.fingerprint:
                raise stranger(data)
            about = {"format": FORMAT, "shape": data.images.shape, "fingerprint": data.fingerprint}
            atomic_files.write_json(temporary / "index.json", about)
            if before:
                atomic_files.write_json(temporary / "seen.json", {name_of(data): before})
    except (InputError, OSError) as error:
        if read(where, data) is not None:  # another process was first, which is as good
            return
        if isinstance(error, InputError):
            raise
        raise from_os_error(error, where) from None


def read(where, data):
    """The Bounds in a directory, None when there are none or they are damaged."""
    try:
        about = atomic_files.read_json(where / "index.json", "an index of neighbours")
        told = [about.get(key) for key in ("format", "shape", "fingerprint")]
        if told != [FORMAT, list(data.images.shape), data.fingerprint]:
            return None
        arrays = {name: mapped_arrays.open_read(where / f"{name}.npy") for name in ARRAYS}
    except (InputError, OSError, ValueError, EOFError):
        return None
    # Plain views of the maps: the class memmap slows every small step down.
    known = lower_bounds.Bounds(*map(np.asarray, arrays.values()), tuple(data.images.shape[1:]))
    n, components = len(data.images), known.axes.shape[1]
    wanted = {
        "coarse": (n, min(lower_bounds.COARSE, components) + 3),
        "fine": (n, components + 1),
        "texture": (n, len(known.axes) // data.images.shape[3]),
        "norms": (n,),
        "centre": (len(known.axes),),
    }
    good = all(getattr(known, name).shape == shape for name, shape in wanted.items())
    return known if good else None


def check(where, data, known):
    """Raise InputError unless the images are those that the index is of."""
    images, now = data.images, stamp(data.images)
    seen = {}
    if (where / "seen.json").exists():
        seen = atomic_files.read_json(where / "seen.json", "a list of files")
    if now is None or seen.get(name_of(data)) != now:
        digest = hashlib.sha256()
        for start in range(0, len(images), lower_bounds.BLOCK):
            digest.update(np.ascontiguousarray(images[start : start + lower_bounds.BLOCK]))
        if digest.hexdigest() != data.fingerprint:
            raise stranger(data)
        if now is not None:
            with contextlib.suppress(InputError, OSError):  # the cache was emptied meanwhile
                atomic_files.write_json(where / "seen.json", seen | {name_of(data): now})
    rows = np.unique(np.linspace(0, len(images) - 1, LOOKED_AT).astype(int))
    *_, norms = lower_bounds.describe(images[rows], known.centre, known.axes)
    if not np.array_equal(norms, known.norms[rows]):
        raise changed(images)


def name_of(data):
    """The file that a TrainingSet's images are mapped from, in words."""
    return str(Path(getattr(data.images, "filename", None) or "memory").absolute())


def stranger(data):
    """The InputError for images that do not have the fingerprint that their set tells."""
    return InputError(
        f"{name_of(data)} does not hold the images that its set.json tells of; "
        "pack the training set again."
    )
