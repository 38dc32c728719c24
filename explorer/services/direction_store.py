"""The directions of a model: discovered by a program, or named by a person and saved with it."""

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from filelock import FileLock, Timeout

from explorer.services import background, trash, trust
from explorer.services.background import Tell
from gan_core.attributes.classifier import Classifier
from gan_core.checkpoint import Model
from gan_core.latent_space import directions, discover_directions
from gan_core.latent_space.directions import Direction
from gan_core.util import regular_files
from gan_core.util.errors import InputError

LOCK = ".directions.lock"  # a file in the checkpoint, which stays there
MOST_IN_TRASH = 5_000_000  # bytes of a direction
PATIENCE = 60  # seconds to wait for another process
MEASURED = discover_directions.QUICK["measured"]  # samples on which a new direction is measured

_lock = threading.Lock()
_discovered: dict[tuple[str, str], list[Direction]] = {}  # by weights and classifier
# The effects of a direction, by weights, classifier, vector and number of samples.
_measured: dict[tuple[str, str, bytes, int], dict[str, Any]] = {}


@dataclass(frozen=True)
class Known:
    """discovered, saved: lists of Direction. problem: why some are missing, one sentence, or ""."""

    discovered: list[Direction] = field(default_factory=list)
    saved: list[Direction] = field(default_factory=list)
    problem: str = ""

    def kind(self, *kinds: str) -> list[Direction]:
        return [direction for direction in self.discovered if direction.kind in kinds]

    @property
    def by_name(self) -> dict[str, Direction]:
        return {direction.name: direction for direction in [*self.discovered, *self.saved]}

    @property
    def normals(self) -> dict[str, Direction]:
        """attribute -> the classifier's normal, for every attribute that has a direction."""
        return {d.about["attribute"]: d for d in self.kind("normal")}

    @property
    def attributes(self) -> list[str]:
        """The same attributes, those with the strongest direction first."""

        def own(name: str) -> float:
            return (self.normals[name].about.get("effects") or {}).get(name, 0.0)

        return sorted(self.normals, key=own, reverse=True)


def of(model: Model, classifier: Classifier | None) -> Known | None:
    """The Known of a model; None while directions are being discovered, with progress shown."""
    problem = ""
    try:
        inside = directions.load(model)
    except InputError as error:
        inside, problem = [], str(error)
    saved = [d for d in inside if d.kind not in directions.DISCOVERED]
    inside_checkpoint = [d for d in inside if d.kind in directions.DISCOVERED]
    key = key_of(model, classifier)
    if not inside_checkpoint and key not in _discovered:

        def work(tell: Tell) -> None:
            _discovered[key] = discover_directions.load_cached(model, classifier, tell)

        try:
            if not background.done(("directions", *key), work):
                return None
        except InputError as error:
            problem = str(error)
    return Known(inside_checkpoint or _discovered.get(key, []), saved, problem)


def key_of(model: Model, classifier: Classifier | None) -> tuple[str, str]:
    return model.hash, "" if classifier is None else classifier.hash


def measured(
    model: Model, classifier: Classifier | None, vector: np.ndarray, n: int = MEASURED
) -> dict[str, Any]:
    """The effects of a direction on n samples, see `directions.describe`; {} without a classifier.

    For a comparison with another direction use the same n, because effects depend on the samples.
    """
    if classifier is None:
        return {}
    key = (*key_of(model, classifier), np.asarray(vector, np.float32).tobytes(), n)
    if key not in _measured:
        if len(_measured) > 500:
            _measured.clear()
        _measured[key] = directions.describe(model, classifier, [vector], n)[0]
    return _measured[key]


def change(model: Model, verb: Callable[[list[Direction]], Sequence[Direction]]) -> None:
    """Change what is saved: verb(list of Direction) -> the new list.

    Raises InputError when the checkpoint cannot be written, when another process is writing it, or
    when the list cannot be saved; trust.Refused for a visitor who is not allowed to.
    """
    trust.check()
    with exclusive(model.directory):
        directions.save(model, verb(directions.load(model)))


class Taken(InputError):
    """There is already a direction of that name."""


def add(model: Model, new: Direction) -> None:
    """Save one more Direction. Raises as `change`, and Taken when its name is in use."""

    def added(saved: list[Direction]) -> list[Direction]:
        if new.name in [direction.name for direction in saved]:
            raise Taken(f"There is already a direction called {new.name}; choose another name.")
        return [*saved, new]

    change(model, added)


@contextlib.contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Keep other threads and processes from changing a checkpoint's directions at the same time.

    Raises InputError when another process holds the lock for more than a minute.
    """
    lock = FileLock(directory / LOCK, timeout=PATIENCE)
    with _lock:
        try:
            lock.acquire()
        except Timeout:
            raise InputError(
                f"Another program is changing the directions in {directory}; try again when it is"
                " done."
            ) from None
        except (OSError, NotImplementedError):  # a disk without locks, or one that is read-only
            pass
        try:
            yield
        finally:
            lock.release()


def file(model: Model, saved: Sequence[Direction]) -> bytes:
    """The bytes of a directions file of a checkpoint with these directions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / directions.FILE
        directions.save(model, saved, path)
        return path.read_bytes()


def throw_away(model: Model, name: str) -> None:
    """Move a saved direction into the trash of the checkpoint's folder. Raises as `change`.

    Where that fails, nothing of it is in the trash.
    """
    gone = [d for d in directions.load(model) if d.name == name]
    trust.check()
    if not gone:  # the second of two quick clicks
        return
    place = trash.new_place(model.directory.parent, "direction") / model.directory.name
    try:
        try:
            place.mkdir()
            (place / f"{quote(name, safe=' ')[:200]}.safetensors").write_bytes(file(model, gone))
        except OSError as error:
            raise InputError(f"{name} cannot be moved into the trash: {error.strerror}.") from None
        change(model, lambda saved: [d for d in saved if d.name != name])
    except (InputError, OSError):
        trash.remove(trash.Deleted("direction", 0.0, place))
        raise


def thrown_away(model: Model) -> list[trash.Deleted]:
    """The directions of a model that are in the trash, the latest first."""
    every = trash.listed(model.directory.parent, "direction")
    return [one for one in every if one.name == model.directory.name]


def name_of(one: trash.Deleted) -> str:
    """The name of a direction in the trash."""
    names = [unquote(path.stem) for path in one.place.glob("*.safetensors")]
    return names[0] if names else one.name


def in_trash(model: Model, one: trash.Deleted) -> list[Direction]:
    """What a folder of the trash holds. Raises InputError when that cannot be read."""
    (path,) = list(one.place.glob("*.safetensors"))[:1] or [one.place / directions.FILE]
    content = regular_files.read_bytes(path, MOST_IN_TRASH, one.place)
    return read_file(model, content)


def read_file(model: Model, content: bytes) -> list[Direction]:
    """The directions that a person saved in such a file, as a list of Direction.

    Their descriptions are reduced to how they were made, if that is well formed. Raises InputError
    when the file does not hold directions of these weights.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / directions.FILE
        path.write_bytes(content)
        try:
            inside = directions.load(model, path, measurements=False)
        except InputError as error:
            reason = str(error).replace(str(path), "it").split(";")[0].rstrip(".")
            raise InputError(
                f"This file cannot be used as directions of {model.name}: {reason}."
            ) from None
    return [
        replace(d, about=how_made(d.about)) for d in inside if d.kind not in directions.DISCOVERED
    ]


def how_made(about: dict[str, Any]) -> dict[str, Any]:
    """How a direction was made, from an untrusted description: its parts, locks and words."""
    made, locked, words = about.get("made_of"), about.get("locked"), about.get("made")
    good = isinstance(made, dict) and all(
        type(w) in (int, float) and np.isfinite(w) for w in made.values()
    )
    named = isinstance(locked, list) and all(isinstance(name, str) for name in locked)
    parts: dict[str, Any] = {"made_of": made if good else {}, "locked": locked if named else []}
    return parts | ({"made": words} if isinstance(words, str) and words.isprintable() else {})
