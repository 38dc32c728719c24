"""Tensors from an untrusted file, without running anything in it.

    kind(path)      the type of a file, by its first bytes and not by its name
    tensors(path)   {name: tensor} of a state dict or a safetensors file

A file of torch.save is a pickle, and a pickle can name any function for Python to call. Before
torch reads it, with weights_only=True, all names in it are checked: those that make up tensors are
accepted, those of harmless values are given stand-ins that do nothing (`inert`), and the first
other one is reported.
"""

import contextlib
import json
import os
import pickletools
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from gan_core.data import safe_zip
from gan_core.importers import file_kinds, inert
from gan_core.util import checked_safetensors, regular_files
from gan_core.util.errors import InputError

MAX_BYTES = 150 * 2**20  # of a generator, or of an ONNX file
MAX_FILE = 4 * 2**30  # of a checkpoint, which is mapped and not read as a whole
MAX_LEGACY = 600 * 2**20  # of one of torch before version 1.6, which is read as a whole
MAX_NOTES = 4 * 2**20  # bytes of the description of its tensors
MAX_TENSORS = 20_000
MAX_DEPTH = 6  # of nested dictionaries
MAX_STEPS = 200_000  # of a pickle; 300 tensors take 10,000
CONFIG = "models.utils.config BaseConfig"  # beside the weights in files of pytorch_GAN_zoo
HARMLESS = {
    *("collections OrderedDict", "collections Counter", "torch Size", "torch device"),
    *("torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2"),
    *("torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state"),
    *("torch.nn.parameter Parameter", "torch.serialization _get_layout", CONFIG),
    *inert.NAMES,
}
SAVE_WEIGHTS = "save the weights alone, torch.save(netG.state_dict(), FILE), and import that"


class Config:
    """An inert stand-in for a settings object of pytorch_GAN_zoo; it only holds values."""


def kind(path: str | Path) -> str:
    """ "torch", "safetensors" or "onnx". Raises an InputError that says why for anything else."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path.name} is {file_kinds.of_folder(path)}.")
    try:
        with regular_files.open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(file_kinds.HEAD)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    if not head:
        raise InputError(f"{path.name} is empty.")
    other = file_kinds.of_start(head, path.name)
    if other:
        raise InputError(f"{path.name} is {other}.")
    zipped = head[:2] == b"PK" or head[8:9] == b"{"
    most = MAX_FILE if zipped else MAX_LEGACY if head[:1] == b"\x80" else MAX_BYTES
    if size > most:
        raise InputError(
            f"{path.name} has {size / 2**20:.0f} MiB; at most {most // 2**20} are accepted."
        )
    if head[:2] == b"PK" or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05"):
        return "torch"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return "safetensors"
    if head[8:9] == b"{":
        raise InputError(
            f"{path.name} looks like safetensors, but its header is longer than the file: "
            "it is truncated or damaged; fetch it again."
        )
    if head[:1] == b"\x08":  # every ONNX file begins with the field of its version
        return "onnx"
    raise InputError(
        f"{path.name} is neither a state dict of PyTorch (.pt, .pth), nor safetensors, nor ONNX."
    )


def tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict]:
    """The tensors of a "torch" or "safetensors" file: ({dotted name: tensor}, {name: value}).

    Nested dictionaries are flattened, their keys joined by dots. The tensors are on the CPU and no
    larger than the file. The second dictionary holds plain values beside them: the metadata of
    safetensors, or the settings in a file of pytorch_GAN_zoo. Raises InputError when the file is
    damaged or holds more than weights.
    """
    path = Path(path)
    flat, notes = from_safetensors(path) if kind(path) == "safetensors" else from_torch(path)
    size = path.stat().st_size
    for name, tensor in flat.items():
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_quantized or tensor.is_complex():
            raise InputError(f"{name} in {path.name} is not a plain tensor; {SAVE_WEIGHTS}.")
        if tensor.numel() * tensor.element_size() > size:
            raise InputError(f"{name} in {path.name} claims to be larger than the file.")
    if sum(tensor.numel() * tensor.element_size() for tensor in flat.values()) > 4 * size:
        raise InputError(f"The tensors in {path.name} claim to be larger than the file.")
    if not flat:
        raise InputError(f"{path.name} holds no tensors; {SAVE_WEIGHTS}.")
    return flat, notes


def from_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """(tensors, metadata) of a safetensors file; see `tensors`."""
    try:
        header = checked_safetensors.header(path)
    except ValueError as error:
        raise InputError(f"{path.name} has {error}; it is not read.") from None
    try:
        notes = json.loads(header).get("__metadata__") or {}
        loaded = load_file(path)
    except Exception:  # safetensors and torch raise many kinds
        raise InputError(f"{path.name} is truncated or damaged; fetch it again.") from None
    return limited(loaded.items(), path), notes if isinstance(notes, dict) else {}


def from_torch(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """(tensors, settings) of a file of torch.save; see `tensors`."""
    zipped = zipfile.is_zipfile(path)
    check_names(path, archive(path) if zipped else plain_pickles(path))
    try:
        harmless: list[Any] = [(Config, CONFIG.replace(" ", ".")), *inert.stand_ins()]
        with torch.serialization.safe_globals(harmless):
            # Memory-mapped, so that a record cannot claim more than the file holds.
            saved = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # a damaged pickle raises almost anything
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(
            f"{path.name} cannot be read as weights: it is truncated, damaged, or holds more than "
            f"tensors ({reason})."
        ) from None
    if not isinstance(saved, dict):
        raise InputError(f"{path.name} holds no state dict; {SAVE_WEIGHTS}.")
    config = saved.get("config")
    return limited(walk(saved), path), vars(config) if isinstance(config, Config) else {}


def archive(path: Path) -> list[bytes]:
    """The pickles in a zip of torch.save, after its entries were checked."""
    try:
        archive, _ = safe_zip.listed(path, MAX_TENSORS)
        # ZipFile does not close a file object that it was given.
        opened: Any = archive.fp
        with contextlib.closing(opened), archive as file:
            entries = file.infolist()
            names = [entry.filename for entry in entries]
            if any(re.match(r"[^/]+/(constants\.pkl|code/)", name) for name in names):
                raise InputError(
                    f"{path.name} is TorchScript, a program with its weights, and loading it would "
                    "run that program; save the weights alone, "
                    "torch.save(model.state_dict(), FILE), or export the generator as ONNX."
                )
            notes = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
            if len(notes) != 1:
                raise InputError(f"{path.name} is {file_kinds.of_zip(names)}.")
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
            if not stored or sum(entry.file_size for entry in entries) > path.stat().st_size:
                raise InputError(
                    f"{path.name} is a compressed zip, which torch.save never writes; "
                    "it is not unpacked."
                )
            if notes[0].file_size > MAX_NOTES:
                raise InputError(too_much(path))
            return [file.read(notes[0])]
    except InputError:
        raise
    except safe_zip.TooLarge:
        raise InputError(too_much(path)) from None
    except Exception:  # zipfile raises many kinds
        raise InputError(damaged(path)) from None


def plain_pickles(path: Path) -> list[bytes]:
    """The pickles in a file written by torch.save before version 1.6, without its tensors."""
    with open(path, "rb") as file:
        head = file.read(MAX_NOTES)
    if head[:2] == b"PK":  # a zip without its end
        raise InputError(damaged(path))
    pickles, at = [], 0
    for _ in range(4):  # a magic number, a version, the machine's types, and the saved object
        try:
            ops = enumerate(pickletools.genops(head[at:]))
            ends = (
                (place or 0) + 1 for i, (op, _, place) in ops if op.name == "STOP" or i > MAX_STEPS
            )
            length = next(ends, None)
        except Exception:  # pickletools raises many kinds
            raise InputError(damaged(path)) from None
        if length is None:
            raise InputError(damaged(path))
        pickles.append(head[at : at + length])
        at += length
        if len(pickles) == 1 and length > 64:  # a pickle of something else
            break
    return pickles


def check_names(path: Path, pickles: list[bytes]) -> None:
    """Raise InputError when a pickle names anything that is not a part of tensors."""
    for pickle in pickles:
        try:
            for step, (op, argument, _) in enumerate(pickletools.genops(pickle)):
                if step > MAX_STEPS:  # the rest would not be checked
                    raise InputError(too_much(path))
                name = str(argument) if op.name in ("GLOBAL", "INST") else ""
                if op.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
                    name = "something in a hidden way"
                usual = name in HARMLESS or re.fullmatch(r"torch (\w+Storage|[a-z]+\d*)", name)
                if name and not usual:
                    raise InputError(
                        f"{path.name} names {name.replace(' ', '.')[:100]}, not only tensors: it "
                        "holds a whole module or other objects, and loading them would run code "
                        f"that the file chooses; {SAVE_WEIGHTS}."
                    )
        except InputError:
            raise
        except Exception:
            raise InputError(damaged(path)) from None


def too_much(path: Path) -> str:
    """The message for a file whose description is too large."""
    return f"{path.name} describes far more than a generator's weights; {SAVE_WEIGHTS}."


def damaged(path: Path) -> str:
    """The message for a damaged file."""
    return f"{path.name} is truncated or damaged; fetch it again."


def walk(saved: dict, prefix: str = "", depth: int = 0) -> Iterator[tuple[str | None, Any]]:
    """(dotted name, tensor) of every tensor in nested dictionaries, (None, None) per dictionary."""
    for key, value in saved.items():
        name = f"{prefix}{str(key)[:200]}"
        if isinstance(value, torch.Tensor):
            yield name, value.detach()
        elif isinstance(value, dict) and depth < MAX_DEPTH:
            yield None, None  # counted, so that repeated dictionaries come to an end
            yield from walk(value, f"{name}.", depth + 1)


def limited(items: Iterable[tuple[str | None, Any]], path: Path) -> dict[str, torch.Tensor]:
    """A dictionary of the items. Raises InputError when there are more than MAX_TENSORS."""
    tensors = {}
    for count, (name, tensor) in enumerate(items):
        if count >= MAX_TENSORS:
            raise InputError(f"{path.name} holds more than {MAX_TENSORS:,} tensors.")
        if name is not None:
            tensors[name] = tensor
    return tensors
