"""Tensors out of a file that somebody else wrote, without running anything in it.

    kind(path)      what a file is, by its first bytes and not by its name
    tensors(path)   {name: tensor} of a state dict or a safetensors file

A file of torch.save is a pickle, and a pickle may name any function for Python to call. Before
torch reads it, with weights_only=True, the names in it are looked through: those of tensors pass,
any other is told and refused.
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
from gan_core.util import checked_safetensors, regular_files
from gan_core.util.errors import InputError

MAX_BYTES = 150 * 2**20  # of a file
MAX_NOTES = 4 * 2**20  # bytes that may describe the tensors in it
MAX_TENSORS = 20_000
MAX_DEPTH = 6  # dictionaries in dictionaries
MAX_STEPS = 200_000  # of a pickle; 300 tensors take 10,000
CONFIG = "models.utils.config BaseConfig"  # beside the weights in files of pytorch_GAN_zoo
HARMLESS = {
    *("collections OrderedDict", "collections Counter", "torch Size", "torch device"),
    *("torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2"),
    *("torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state"),
    *("torch.nn.parameter Parameter", "torch.serialization _get_layout", CONFIG),
}
SAVE_WEIGHTS = "save the weights alone, torch.save(netG.state_dict(), FILE), and import that"


class Config:
    """What stands in for a settings object of pytorch_GAN_zoo: a bag of values, nothing else."""


def kind(path: str | Path) -> str:
    """ "torch", "safetensors" or "onnx". Raises InputError for anything else, saying why."""
    path = Path(path)
    try:
        with regular_files.open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(16)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    if size > MAX_BYTES:
        raise InputError(
            f"{path.name} has {size / 2**20:.0f} MiB; at most {MAX_BYTES // 2**20} are taken."
        )
    if not head:
        raise InputError(f"{path.name} is empty.")
    if head[:2] == b"PK" or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05"):
        return "torch"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return "safetensors"
    if head[8:9] == b"{":
        raise InputError(
            f"{path.name} looks like safetensors, but its header is longer than the file: "
            "it is cut short or damaged; fetch it again."
        )
    if head[:1] == b"\x08":  # the field every ONNX file begins with, its version
        return "onnx"
    raise InputError(
        f"{path.name} is neither a state dict of PyTorch (.pt, .pth), nor safetensors, nor ONNX."
    )


def tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict]:
    """The tensors of a "torch" or "safetensors" file: ({dotted name: tensor}, {name: value}).

    Dictionaries in dictionaries are taken apart, their names joined by dots. The tensors lie on
    the CPU and are as large as the file says and no larger. The second dictionary holds plain
    values beside them: the metadata of safetensors, the settings in a file of pytorch_GAN_zoo.
    Raises InputError when the file is damaged, or holds more than weights.
    """
    path = Path(path)
    flat, told = from_safetensors(path) if kind(path) == "safetensors" else from_torch(path)
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
    return flat, told


def from_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    try:
        header = checked_safetensors.header(path)
    except ValueError as error:
        raise InputError(f"{path.name} has {error}; it is not read.") from None
    try:
        notes = json.loads(header).get("__metadata__") or {}
        found = load_file(path)
    except Exception:  # safetensors and torch raise many kinds
        raise InputError(f"{path.name} is cut short or damaged; fetch it again.") from None
    return limited(found.items(), path), notes if isinstance(notes, dict) else {}


def from_torch(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    zipped = zipfile.is_zipfile(path)
    check_names(path, archive(path) if zipped else plain_pickles(path))
    try:
        with torch.serialization.safe_globals([(Config, CONFIG.replace(" ", "."))]):
            # Mapped, so that a record that claims more than the file holds gets no more.
            saved = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # a damaged pickle raises almost anything
        told = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(
            f"{path.name} cannot be read as weights: it is cut short, damaged, or holds more than "
            f"tensors ({told})."
        ) from None
    if not isinstance(saved, dict):
        raise InputError(f"{path.name} holds no state dict; {SAVE_WEIGHTS}.")
    config = saved.get("config")
    return limited(walk(saved), path), vars(config) if isinstance(config, Config) else {}


def archive(path: Path) -> list[bytes]:
    """The pickles in a zip of torch.save, after its entries were looked through: [bytes]."""
    try:
        archive, _ = safe_zip.listed(path, MAX_TENSORS)
        with contextlib.closing(archive.fp), archive as file:
            entries = file.infolist()
            names = [entry.filename for entry in entries]
            if any(re.match(r"[^/]+/(constants\.pkl|code/)", name) for name in names):
                raise InputError(
                    f"{path.name} is TorchScript: a program with its weights, and to load it is to "
                    "run it, which is not done here; save the weights alone, "
                    "torch.save(model.state_dict(), FILE), or export the generator as ONNX."
                )
            notes = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
            if len(notes) != 1:
                raise InputError(f"{path.name} is a zip, but not one of torch.save.")
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
    """The pickles in a file of torch.save before version 1.6, without its tensors: [bytes]."""
    with open(path, "rb") as file:
        head = file.read(MAX_NOTES)
    if head[:2] == b"PK":  # a zip without its end
        raise InputError(damaged(path))
    pickles, at = [], 0
    for _ in range(4):  # a magic number, a version, the machine's kinds, and what was saved
        try:
            ops = enumerate(pickletools.genops(head[at:]))
            ends = (place + 1 for i, (op, _, place) in ops if op.name == "STOP" or i > MAX_STEPS)
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
    """Raise InputError when a pickle names anything but what makes up tensors."""
    for pickle in pickles:
        try:
            for step, (op, argument, _) in enumerate(pickletools.genops(pickle)):
                if step > MAX_STEPS:  # what comes after would go unseen
                    raise InputError(too_much(path))
                name = str(argument) if op.name in ("GLOBAL", "INST") else ""
                if op.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
                    name = "something it does not tell plainly"
                usual = name in HARMLESS or re.fullmatch(r"torch (\w+Storage|[a-z]+\d*)", name)
                if name and not usual:
                    raise InputError(
                        f"{path.name} names {name.replace(' ', '.')[:100]}, not only tensors: it "
                        "holds a whole module or other objects, and to load them is to run code "
                        f"that the file chooses, which is not done here; {SAVE_WEIGHTS}."
                    )
        except InputError:
            raise
        except Exception:
            raise InputError(damaged(path)) from None


def too_much(path: Path) -> str:
    return f"{path.name} describes far more than a generator's weights; {SAVE_WEIGHTS}."


def damaged(path: Path) -> str:
    return f"{path.name} is cut short or damaged; fetch it again."


def walk(saved: dict, prefix: str = "", depth: int = 0) -> Iterator[tuple[str | None, Any]]:
    """(dotted name, tensor) of every tensor in dictionaries in dictionaries."""
    for key, value in saved.items():
        name = f"{prefix}{str(key)[:200]}"
        if isinstance(value, torch.Tensor):
            yield name, value.detach()
        elif isinstance(value, dict) and depth < MAX_DEPTH:
            yield None, None  # counted, so that dictionaries that repeat each other come to an end
            yield from walk(value, f"{name}.", depth + 1)


def limited(items: Iterable[tuple[str | None, Any]], path: Path) -> dict[str, torch.Tensor]:
    found = {}
    for count, (name, tensor) in enumerate(items):
        if count >= MAX_TENSORS:
            raise InputError(f"{path.name} holds more than {MAX_TENSORS:,} tensors.")
        if name is not None:
            found[name] = tensor
    return found
