"""Measurements stored beside the weights they were made with.

A short measurement is an entry under "metrics" in the checkpoint's model.json. A long report is a
JSON file of its own, beside the model or, where the checkpoint should not change, in the cache
folder. Both name the generator they belong to under "model", so that numbers measured on other
weights are never shown for these.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gan_core import checkpoint
from gan_core.util import atomic_files, cache_dir
from gan_core.util.errors import MALFORMED, InputError


def save_metrics(directory: str | Path, entries: Mapping[str, dict[str, Any]]) -> None:
    """Write entries into "metrics" of a checkpoint's model.json; all other entries stay.

    entries: {name: measurement of plain JSON types}, each with the generator's hash under "model"
    and, where it was measured in the latent space w, `in_space`. Those are kept beside what was
    measured in z, under names of their own.
    Raises InputError when the checkpoint now holds other weights than those that were measured.
    """
    card = checkpoint.read_card(directory)
    for entry in entries.values():
        check_weights(directory, card, entry["model"])
    named = {key(name, entry.get("space", "z")): entry for name, entry in entries.items()}
    card["metrics"] = {**(card.get("metrics") or {}), **named}
    atomic_files.write_json(Path(directory) / "model.json", card)


def load_metrics(card: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The measurement saved under a name, or None when it is missing or of other weights.

    card: the contents of model.json, which may be untrusted: the measurement is not checked; or
    the card of a Model in w, for what was measured there.
    """
    metrics, weights = card.get("metrics"), card["files"]["generator.safetensors"]
    space = card.get("space", "z")
    entry = metrics.get(key(name, space)) if isinstance(metrics, dict) else None
    if not isinstance(entry, dict) or entry.get("space", "z") != space:
        return None
    measured_on = entry.get("model")
    own = isinstance(measured_on, str) and measured_on and weights.startswith(measured_on)
    return entry if own else None


def in_space(model: checkpoint.Model) -> dict[str, str]:
    """What a measurement says of the latent space it was made in: nothing for z."""
    return {} if model.space == "z" else {"space": model.space}


def key(name: str, space: str) -> str:
    """The name in "metrics" of a measurement in a latent space."""
    return name if space == "z" else f"{name} in {space}"


def card_section(
    card: Mapping[str, Any],
    name: str,
    heading: str,
    what: str,
    table: Callable[[dict[str, Any]], str],
    usual: int,
) -> str:
    """The model card's section on a measurement; "" where there is none or it is malformed.

    name: of the measurement, and of the option of `evaluate` that makes it. what: begins the
    sentence that names the command. table: the measurement as Markdown. usual: the number of
    samples that the command takes without --n.
    """
    result = load_metrics(card, name)
    try:
        rows = "" if result is None else table(result)
    except MALFORMED:  # a stranger's card
        rows = ""
    if not rows:
        return ""
    command = f"python -m gan_core evaluate checkpoints/{card['name']} --{name}{option(card)}"
    command += number(result, usual)
    return f"## {heading}{words(card)}\n\n{what} by `{command}`:\n\n{rows}\n"


def number(result: Mapping[str, Any] | None, usual: int, key: str = "n") -> str:
    """The option --n of the command that measured a result; "" where it was the usual number."""
    n = (result or {}).get(key, usual)
    return "" if n == usual else f" --n {n}"


def option(card: Mapping[str, Any]) -> str:
    """The option of a command that measures in the latent space of a card; "" for z."""
    return "" if card.get("space", "z") == "z" else f" --space {card['space']}"


def words(card: Mapping[str, Any]) -> str:
    """The end of a heading that says the latent space of a card; "" for z."""
    return "" if card.get("space", "z") == "z" else f" (in {card['space']})"


def report_path(model: checkpoint.Model, file: str, cache: bool = False) -> Path:
    """The path of a model's report: beside the model, or in the cache under the weights' hash.

    file: such as "memorisation.json". In the cache it is in a folder named after its first word.
    """
    if not cache:
        return model.directory / file
    folder = cache_dir.cache_directory() / Path(file).stem.partition("-")[0]
    return folder / f"{model.card['files']['generator.safetensors'][:32]}-{file}"


def save_report(
    model: checkpoint.Model, file: str, report: Mapping[str, Any], cache: bool = False
) -> None:
    """Write a report to `report_path`.

    report: plain JSON types, with the generator's hash under "model". Raises InputError when it
    cannot be written, or when the checkpoint now holds other weights than those measured.
    """
    path = report_path(model, file, cache)
    if not cache:
        check_weights(model.directory, checkpoint.read_card(model.directory), report["model"])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_files.write_json(path, report)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}).") from None


def load_reports(
    model: checkpoint.Model, file: str, misfit: Callable[[dict[str, Any]], str]
) -> list[dict[str, Any]]:
    """The reports on a model's own weights, from beside the model and from the cache: 0 to 2.

    misfit: the name of the first field of what a file holds that cannot be used, or "". Raises
    InputError when a file is damaged or one cannot; a report on other weights is skipped.
    """
    reports = []
    for path in (report_path(model, file), report_path(model, file, cache=True)):
        try:
            status = path.stat()
        except OSError:
            continue
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        report = read_report(path, version, misfit)
        if report.get("model") == model.weights:
            reports.append(report)
    return reports


@functools.lru_cache(maxsize=16)
def read_report(
    path: Path, version: tuple[int, int, int], misfit: Callable[[dict[str, Any]], str]
) -> dict[str, Any]:
    """The report in a file, which is read and checked once and must not be changed by callers.

    version: (time, size, inode) of the file. A page needs three reports of a quarter megabyte
    at every visit. Raises InputError as `load_reports` does.
    """
    report = atomic_files.read_json(path, "a report")
    wrong = misfit(report)
    if wrong:
        raise InputError(
            f"{path} is not a report that this version reads: it has no usable {wrong};"
            " measure it again."
        )
    return report


def check_weights(directory: str | Path, card: Mapping[str, Any], measured: str) -> None:
    """Raise InputError unless a checkpoint's generator is the one that was measured.

    measured: the first 12 hexadecimal digits of the sha256 of the generator's file.
    """
    if card["files"]["generator.safetensors"][:12] != measured:
        raise InputError(f"{directory} changed while it was measured; measure it again.")
