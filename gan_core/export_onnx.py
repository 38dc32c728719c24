"""A generator as one file, for use in other PyTorch programs or without PyTorch, as in a browser.

    write(model, path)     ONNX, safetensors or a plain state dict, by the file's ending
    to_onnx(model, path)   one file, checked against PyTorch
    cached(model)          the same in the cache folder, written once

onnx, onnxscript and onnxruntime are imported only here and only when something is exported.
"""

import json
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gan_core import checkpoint
from gan_core.networks import onnx_generator, registry
from gan_core.networks.fuse_layers import fold
from gan_core.util import atomic_files, cache_dir
from gan_core.util.errors import InputError

VERSION = 1  # increase it when the same generator is to give a different file
OPSET = 18  # version of ONNX's operators; all runtimes of recent years support it
LATENTS = 64  # drawn by both runtimes for the check
MOST_APART = 1e-3  # largest allowed difference of values in [−1, 1]; a level of 256 is 8e-3

_lock = threading.Lock()


def write(model: checkpoint.Model, path: str | Path) -> dict:
    """Write a Model's generator as one file, whose suffix determines the format.

    .onnx: see `to_onnx`. .safetensors: the state dict, with architecture, prior and name as
    metadata. .pt or .pth: the state dict alone, written by torch.save, readable with
    `weights_only=True`. `python -m gan_core import` reads each of them. The file is read back and
    its pictures are compared before it replaces `path`. Returns the same as `to_onnx`.
    Raises InputError for another suffix, or when the file cannot be written.
    """
    kind = Path(path).suffix.lower()
    if kind == ".onnx":
        return to_onnx(model, path)
    if kind not in (".safetensors", ".pt", ".pth"):
        raise InputError(f"{path} must end in .onnx, .safetensors or .pt.")
    if model.space != "z":
        raise InputError(
            f"The weights of {model.name} are the same in z and w; give a file that ends in .onnx, "
            "or leave out --space."
        )
    if isinstance(model.generator, onnx_generator.Generator):
        raise InputError(
            f"{model.name} is an ONNX graph and has no weights of its own; give a file that ends "
            "in .onnx."
        )
    tensors = {k: v.detach().cpu().contiguous() for k, v in model.generator.state_dict().items()}
    sizes = registry.of_generator(model.card["architecture"])
    notes = {"architecture": json.dumps(sizes), "prior": model.prior.kind, "name": model.name}

    def put(temporary: Path) -> float:
        if kind == ".safetensors":
            save_file(tensors, temporary, notes)
            written = load_file(temporary)
        else:
            torch.save(tensors, temporary)
            written = torch.load(temporary, weights_only=True)
        copied, _ = registry.build(sizes)
        copied.load_state_dict(written)
        z = torch.from_numpy(model.prior.sample(LATENTS, seed=0))
        with torch.inference_mode():
            return float((copied.eval()(z) - torch.from_numpy(drawn(model))).abs().max())

    return place_file(path, put)


def place_file(path: str | Path, put: Callable[[Path], float]) -> dict:
    """Write a file with put(temporary path), which returns the difference of its pictures.

    Returns {"file", "bytes", "difference", "sha256"}. Raises InputError when it cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_files.replacing(path) as temporary:
            difference = put(temporary)
            size, digest = temporary.stat().st_size, checkpoint.sha256(temporary)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be written ({error}).") from None
    return {"file": str(path), "bytes": size, "difference": difference, "sha256": digest}


def drawn(model: checkpoint.Model) -> np.ndarray:
    """PyTorch's pictures of the latents of the check, float32 (64, C, H, W)."""
    images = model.synthesize(model.prior.sample(LATENTS, seed=0))
    return images.transpose(0, 3, 1, 2)


def to_onnx(model: checkpoint.Model, path: str | Path) -> dict:
    """Write a Model's generator as one ONNX file with its weights inside.

    Its input "z" is float32 (N, nz), any N; its output "images" float32 (N, C, H, W) in [−1, 1].
    Before the file replaces `path`, onnxruntime runs it on 64 latents. Returns {"file", "bytes",
    "difference", "sha256"}; difference is the largest absolute difference from PyTorch's values.
    Raises InputError when a package is missing, when the difference exceeds 1e-3 (nothing is
    written then), or when the file cannot be written.
    """
    if Path(path).is_dir():  # before encoding, which takes seconds
        raise InputError(f"{path} is a folder; give the name of a file.")
    encoded = encode(model)

    def put(temporary: Path) -> float:
        temporary.write_bytes(encoded)
        return check(model, temporary)

    return place_file(path, put)


def encode(model: checkpoint.Model) -> bytes:
    """A Model's folded generator as the bytes of an ONNX file. Raises InputError."""
    if isinstance(model.generator, onnx_generator.Generator):
        return model.generator.as_bytes()
    import_packages()
    z = torch.zeros(2, model.prior.size)  # with one latent the exporter would fix the batch size
    generator = fold(model.generator)
    with warnings.catch_warnings():  # the exporter warns about its own internals
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                generator,
                (z,),
                input_names=["z"],
                output_names=["images"],
                dynamic_shapes={"z": {0: "n"}},
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
            assert program is not None
            proto = program.model_proto
            strip(proto)
            return proto.SerializeToString()
        except Exception as error:  # the exporter, and protobuf above 2 GB, raise many kinds
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{model.name} cannot be written as ONNX ({reason}).") from None


def strip(proto: Any) -> None:
    """Remove the exporter's notes in a graph: stack traces with paths of this machine."""
    graph = proto.graph
    described = [proto, graph, *graph.node, *graph.initializer, *graph.value_info]
    for part in [*described, *graph.input, *graph.output]:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def check(model: checkpoint.Model, path: str | Path) -> float:
    """The largest absolute difference between an ONNX file's images and PyTorch's, on 64 latents.

    Raises InputError when it is above 1e-3.
    """
    z = model.prior.sample(LATENTS, seed=0)
    expected = drawn(model)
    try:
        images = run(path, z)
        difference = float(np.abs(images - expected).max())
    except Exception as error:  # onnxruntime raises many kinds, numpy for other sizes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"onnxruntime cannot run {model.name} ({reason}).") from None
    if not difference <= MOST_APART:  # written so that NaN is refused too
        raise InputError(
            f"The ONNX file of {model.name} draws different pictures from PyTorch: values differ "
            f"by {difference:.2g}, more than {MOST_APART:g}; it was not written."
        )
    return difference


def run(path: str | Path, z: np.ndarray) -> np.ndarray:
    """The images of an ONNX file for latents float32 (N, nz), on the CPU: (N, C, H, W)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["images"], {"z": np.ascontiguousarray(z, np.float32)})[0]


def cached(model: checkpoint.Model) -> Path:
    """Path of a Model's ONNX file in the cache folder, written when it is missing (seconds).

    Its name contains `Model.digest` and the VERSION of the export. A damaged file is written again;
    only one of several threads writes it. Raises InputError as `to_onnx`.
    """
    digest = model.digest
    with _lock:
        path = stored(digest)
        if path is None:
            path = place(digest)
            summary = to_onnx(model, path)
            atomic_files.write_json(note(path), {**summary, "file": path.name})
        return path


def stored(digest: str) -> Path | None:
    """Path of the intact file that `cached` wrote for a generator, or None.

    digest: `Model.digest`. The sha256 of the ONNX
    file itself is in a file beside it.
    """
    path = place(digest)
    try:
        summary = atomic_files.read_json(note(path), "an export")
        return path if checkpoint.sha256(path) == summary.get("sha256") else None
    except (InputError, OSError):
        return None


def place(digest: str) -> Path:
    """The path in the cache folder of the ONNX file of a generator's digest."""
    return cache_dir.cache_directory() / "onnx" / f"{digest}-{VERSION}.onnx"


def note(path: Path) -> Path:
    """The path of the result of `to_onnx` for a file in the cache, saved beside it."""
    return path.with_suffix(".json")


def import_packages() -> None:
    """Raise InputError when a package that exporting needs is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"Writing ONNX needs a package that is not installed ({error.name}); "
            "pip install onnx onnxscript onnxruntime."
        ) from None
