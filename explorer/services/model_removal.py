"""Which models can be deleted, deleting them, and hiding those that come with the app."""

from pathlib import Path

from explorer.services import folders as where
from explorer.services import model_registry, run_list, trash, trust
from explorer.services.model_registry import Entry
from gan_core.util import atomic_files
from gan_core.util.errors import InputError

HIDDEN = ".hidden.json"  # in the folder of checkpoints


def is_shipped(directory: Path) -> bool:
    """Whether a checkpoint came with the app."""
    path = directory.resolve()
    if path.is_relative_to(where.SHIPPED.resolve()):
        return True
    shipped = (where.CODE / "checkpoints").resolve()
    return where.is_checkout() and path.parent == shipped and path.name in where.SHIPPED_MODELS


def refusal(entry: Entry) -> str:
    """Why a model cannot be deleted, one sentence, or ""."""
    if is_shipped(entry.directory):
        return f"{entry.name} comes with the app, so it can be hidden but not deleted."
    if entry.directory in model_registry.folders():
        return f"The app was started with {entry.name} itself, so it cannot be deleted here."
    path = str(entry.directory.resolve())
    if any(run.running and run.checkpoint == path for run in run_list.entries().values()):
        return f"A run is training {entry.name}; stop it first."
    return ""


def delete(entry: Entry) -> None:
    """Move a model into the trash. Raises InputError when it may not be deleted, or cannot be."""
    trust.check()
    if why := refusal(entry):
        raise InputError(why)
    trash.put(entry.directory, "model")


def deleted() -> list[trash.Deleted]:
    """The models in the trash, the latest first."""
    models = [each for folder in model_registry.folders() for each in trash.listed(folder, "model")]
    return sorted(models, key=lambda each: -each.at)


def put_back(one: trash.Deleted) -> None:
    """Raises InputError when a model of that name is there again."""
    trust.check()
    trash.put_back(one)


def hidden() -> set[str]:
    """The names of the hidden models."""
    try:
        names = atomic_files.read_json(file(), "the list of hidden models").get("names")
    except InputError:  # there is none
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def visible(entries: dict[str, Entry], current: str | None = "") -> list[str]:
    """The names that menus offer: those that are not hidden, and the current one."""
    away = hidden()
    if away.issuperset(entries):
        return list(entries)
    return [name for name in entries if name not in away or name == current]


def hide(name: str, away: bool = True) -> None:
    """Leave a model out of the menus, or show it again. Raises InputError."""
    trust.check()
    names = hidden() | {name} if away else hidden() - {name}
    try:
        atomic_files.write_json(file(), {"names": sorted(names)})
    except OSError as error:
        raise InputError(
            f"The folder of checkpoints cannot be written to: {error.strerror}."
        ) from None


def file() -> Path:
    """The list of hidden models. Raises InputError when there is no folder for it."""
    for folder in model_registry.folders():
        if not (folder / "model.json").exists():
            return folder / HIDDEN
    raise InputError("The app was started with individual checkpoints, so none can be hidden.")


def clean_up() -> None:
    """At the start: remove for good what has been in the trash for longer than a week."""
    for folder in {*model_registry.folders(), run_list.folder()}:
        trash.clean(folder)
