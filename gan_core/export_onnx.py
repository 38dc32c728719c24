"""A generator as one file: for PyTorch elsewhere, or for what has none, such as a browser.

    write(model, path)     ONNX, safetensors or a plain state dict, by the file's ending
    to_onnx(model, path)   one file, checked against PyTorch
    cached(model)          the same in the cache folder, made once

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

VERSION = 1  # raise it when the same generator is to give another file
OPSET = 18  # of ONNX's operators; every runtime of the last years knows it
LATENTS = 64  # drawn by both for the check
MOST_APART = 1e-3  # largest difference allowed of a value in [−1, 1]; a level of 256 is 8e-3

_lock = threading.Lock()


def write(model: checkpoint.Model, path: str | Path) -> dict:
    """Write a Model's generator as one file; its ending says which: .onnx, .safetensors, .pt.

    .onnx: see `to_onnx`. .safetensors: the state dict, with architecture, prior and name as
    metadata. .pt (or .pth): the state dict alone, a file of torch.save that `weights_only` reads.
    `python -m gan_core import` takes each of them back. The file is read again and drawn from
    before it takes the place of `path`. Returns what `to_onnx` returns.
    Raises InputError for another ending, or when it cannot be written.
    """
    kind = Path(path).suffix.lower()
    if kind == ".onnx":
        return to_onnx(model, path)
    if kind not in (".safetensors", ".pt", ".pth"):
        raise InputError(f"{path} must end in .onnx, .safetensors or .pt.")
    if isinstance(model.generator, onnx_generator.Generator):
        raise InputError(
            f"{model.name} is an ONNX graph and has no weights of its own; give a file that ends "
            "in .onnx."
        )
    tensors = {k: v.detach().cpu().contiguous() for k, v in model.generator.state_dict().items()}
    sizes = {k: v for k, v in model.card["architecture"].items() if k not in ("ndf", "norm")}
    notes = {"architecture": json.dumps(sizes), "prior": model.prior.kind, "name": model.name}

    def put(temporary):
        if kind == ".safetensors":
            save_file(tensors, temporary, notes)
            found = load_file(temporary)
        else:
            torch.save(tensors, temporary)
            found = torch.load(temporary, weights_only=True)
        copied, _ = registry.build(sizes)
        copied.load_state_dict(found)
        z = torch.from_numpy(model.prior.sample(LATENTS, seed=0))
        with torch.inference_mode():
            return float((copied.eval()(z) - torch.from_numpy(drawn(model))).abs().max())

    return place_file(path, put)


def place_file(path: str | Path, put: Callable[[Path], float]) -> dict:
    """Let put(temporary path) write a file and tell how far its pictures are off; then tell."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_files.replacing(path) as temporary:
            difference = put(temporary)
            told = {"bytes": temporary.stat().st_size, "difference": difference}
            told["sha256"] = checkpoint.sha256(temporary)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be written ({error}).") from None
    return {"file": str(path), **told}


def drawn(model: checkpoint.Model) -> np.ndarray:
    """What PyTorch draws for the latents of the check, float32 (64, C, H, W)."""
    images = model.synthesize(model.prior.sample(LATENTS, seed=0))
    return images.transpose(0, 3, 1, 2)


def to_onnx(model: checkpoint.Model, path: str | Path) -> dict:
    """Write a Model's generator as one ONNX file with its weights inside.

    Its input "z" is float32 (N, nz), any N; its output "images" float32 (N, C, H, W) in [−1, 1].
    Before it takes the place of `path` it is run by onnxruntime on 64 latents. Returns {"file",
    "bytes", "difference", "sha256"}, the third being the largest absolute difference to PyTorch.
    Raises InputError when a package is missing, when that difference is above 1e-3 (the file is
    not written), or when it cannot be written.
    """
    if Path(path).is_dir():  # before the seconds that encoding takes
        raise InputError(f"{path} is a folder; give the name of a file.")
    encoded = encode(model)

    def put(temporary):
        temporary.write_bytes(encoded)
        return check(model, temporary)

    return place_file(path, put)


def encode(model: checkpoint.Model) -> bytes:
    """A Model's folded generator as the bytes of an ONNX file. Raises InputError."""
    if isinstance(model.generator, onnx_generator.Generator):
        return model.generator.as_bytes()
    import_packages()
    z = torch.zeros(2, model.prior.size)  # of one latent the exporter would make a fixed number
    generator = fold(model.generator)
    with warnings.catch_warnings():  # what the exporter has to say about itself
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
            found = program.model_proto
            strip(found)
            return found.SerializeToString()
        except Exception as error:  # the exporter, and protobuf above 2 GB, raise many kinds
            told = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{model.name} cannot be written as ONNX ({told}).") from None


def strip(proto: Any) -> None:
    """Take out what the exporter notes beside a graph: stack traces, with paths of this machine."""
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
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"onnxruntime cannot run {model.name} ({told}).") from None
    if not difference <= MOST_APART:  # so that what is not a number is refused too
        raise InputError(
            f"The ONNX file of {model.name} draws other pictures than PyTorch: values differ by "
            f"{difference:.2g}, more than {MOST_APART:g}; it was not kept."
        )
    return difference


def run(path: str | Path, z: np.ndarray) -> np.ndarray:
    """What an ONNX file makes of latents float32 (N, nz), on the CPU: float32 (N, C, H, W)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["images"], {"z": np.ascontiguousarray(z, np.float32)})[0]


def cached(model: checkpoint.Model) -> Path:
    """Path of a Model's ONNX file in the cache folder, made when it is not there (seconds).

    It is named by the whole sha256 of the generator's weights and the VERSION of the export. A
    damaged file is made anew; of threads that ask at the same time, one makes it.
    Raises InputError as `to_onnx` does.
    """
    digest = model.card["files"]["generator.safetensors"]
    with _lock:
        found = stored(digest)
        if found is None:
            found = place(digest)
            told = to_onnx(model, found)
            atomic_files.write_json(note(found), {**told, "file": found.name})
        return found


def stored(digest: str) -> Path | None:
    """Path of the file that `cached` made for a generator's sha256, None when none is whole.

    digest: 64 hexadecimal digits. The file's own sha256 stands in a file beside it.
    """
    path = place(digest)
    try:
        told = atomic_files.read_json(note(path), "an export")
        return path if checkpoint.sha256(path) == told.get("sha256") else None
    except (InputError, OSError):
        return None


def place(digest: str) -> Path:
    """Where the ONNX file of a generator's sha256 lies in the cache folder."""
    return cache_dir.cache_directory() / "onnx" / f"{digest}-{VERSION}.onnx"


def note(path: Path) -> Path:
    """What `to_onnx` told of a file in the cache, kept beside it."""
    return path.with_suffix(".json")


def import_packages() -> None:
    """Raise InputError when a package that exporting needs is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"Writing ONNX needs a package that is not here ({error.name}); "
            "pip install onnx onnxscript onnxruntime."
        ) from None
