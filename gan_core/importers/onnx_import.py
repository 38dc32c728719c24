"""ONNX generators of other programs: checked, probed, and brought into one form.

    read(path)   the graph in the form that `gan_core.networks.onnx_generator` runs, and facts on it

A file may declare little. The rest is determined by running it in a separate process with bounded
memory and time: the length of the latent, the layout of the images in memory, and their range.
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gan_core.importers import onnx_probe, safe_load
from gan_core.networks import onnx_generator, protobuf_limit
from gan_core.util import regular_files
from gan_core.util.errors import InputError

RANGES = {"signed": (-1.0, 1.0), "unit": (0.0, 1.0), "byte": (0.0, 255.0)}
KINDS = {1: "float32", 10: "float16", 11: "float64"}  # ONNX's codes of element types
USUAL = (100, 128, 512, 64, 256, 32, 16, 10, 50, 200, 20, 8, 2)  # lengths of latents
MAX_TRIES = 60
MAX_COMPANY = 0.02  # of the range of values: 5 of 256 levels
MAX_PIXELS = 4 * 512 * 512  # most values of one declared picture


def read(
    path: str | Path, nz: int = 0, values: str = "", prior: str = "normal"
) -> tuple[bytes, dict, dict]:
    """(graph as bytes, sizes, facts) of an ONNX file.

    nz: length of the latent where the file does not declare it, 0 to determine it. values: "signed"
    ([−1, 1]), "unit" ([0, 1]) or "byte" ([0, 255]), "" to guess. The returned graph takes "z"
    float32 (N, nz) and returns "images" float32 (N, C, H, W) in [−1, 1]. sizes: size, channels, nz.
    facts: {"input", "output", "values", "lowest", "highest", "batch", "parameters"}.
    Raises InputError when the file is not a generator that can be run.
    """
    path = Path(path)
    if values and values not in RANGES:
        raise InputError(f"The value range is {values!r}; it must be {', '.join(RANGES)}.")
    proto = parse(path)
    given, drawn = ends(proto, path)
    if in_train_mode(proto):
        raise InputError(train_mode(path))
    shape = declared(given, path)
    seen = drawn_by(path, given, drawn, tries(proto, shape, nz), shape, prior)
    layout, size, channels = picture(seen, path)
    values = values or guess(seen)
    nz = seen["nz"]
    facts = {
        "input": in_words(("N" if not seen["batch"] else seen["batch"], nz), seen["rank"]),
        "output": layout,
        "values": values,
        "lowest": seen["lowest"],
        "highest": seen["highest"],
        "batch": seen["batch"],
        "parameters": parameters(proto),
    }
    graph = canonical(proto, given, drawn, seen, layout, values)
    return graph, {"size": size, "channels": channels, "nz": nz}, facts


def parse(path: Path) -> Any:
    """The ModelProto in a file. Raises InputError when it is damaged or needs other files."""
    onnx = import_onnx()
    data = regular_files.read_bytes(path, safe_load.MAX_BYTES)
    try:
        protobuf_limit.count(data, onnx.ModelProto.DESCRIPTOR)
        proto = onnx.load_model_from_string(data)
    except Exception:  # protobuf raises many kinds
        raise InputError(safe_load.damaged(path)) from None
    if not proto.graph.node or not proto.graph.output:
        raise InputError(f"{path.name} is not an ONNX graph, or is damaged.")
    if onnx_generator.outside(proto):
        raise InputError(
            f"{path.name} keeps its weights in other files, which are not read; write it "
            "as one file: torch.onnx.export(…, external_data=False)."
        )
    return proto


def ends(proto: Any, path: Path) -> tuple[Any, Any]:
    """(input, output) of a graph with one of each. Raises an InputError that names them all."""
    weights = {tensor.name for tensor in proto.graph.initializer}
    weights |= {tensor.values.name for tensor in proto.graph.sparse_initializer}
    inputs = [value for value in proto.graph.input if value.name not in weights]
    outputs = list(proto.graph.output)
    for values, what in ((inputs, "input, the latent"), (outputs, "output, the images")):
        if len(values) != 1:
            names = ", ".join(value.name[:40] for value in values[:8]) or "none"
            raise InputError(f"{path.name} must have one {what}; it has {len(values)} ({names}).")
    return inputs[0], outputs[0]


def in_train_mode(proto: Any) -> bool:
    """Whether a batch norm of a graph says that it is in train mode.

    A graph for one latent at a time shows it in no other way.
    """
    return any(
        node.op_type == "BatchNormalization"
        and any(part.name == "training_mode" and part.i == 1 for part in node.attribute)
        for node in proto.graph.node
    )


def declared(given: Any, path: Path) -> list[int] | None:
    """The input's declared shape, with 0 for dynamic dimensions; None when there is none."""
    kind = given.type.tensor_type
    if kind.elem_type not in KINDS:
        raise InputError(f"The input of {path.name} does not hold floating-point numbers.")
    if not kind.HasField("shape"):
        return None
    shape = [max(side.dim_value, 0) for side in kind.shape.dim]
    if len(shape) not in (2, 4) or any(side > 1 for side in shape[2:]):
        declared_shape = " × ".join(str(side or "any") for side in shape) or "a number"
        raise InputError(
            f"The input of {path.name} is {declared_shape}; a latent is (N, nz) or "
            "(N, nz, 1, 1), so this is not a generator of images from latents."
        )
    if shape[0] > 4096 or shape[1] > 65536:
        raise InputError(f"The input of {path.name} is larger than a batch of latents can be.")
    return shape


def tries(proto: Any, shape: list[int] | None, nz: int) -> list[tuple[int, int]]:
    """[(nz, rank)] to try, the most likely first."""
    ranks = [len(shape)] if shape else [2, 4]
    if nz or (shape and shape[1]):
        return [(nz or (shape or [0, 0])[1], rank) for rank in ranks]
    first = [side for tensor in proto.graph.initializer[:16] for side in tensor.dims[:2]]
    lengths = dict.fromkeys([*USUAL, *(side for side in first if 1 <= side <= 4096)])
    return [(length, rank) for length in lengths for rank in ranks][:MAX_TRIES]


def drawn_by(
    path: Path,
    given: Any,
    drawn: Any,
    tries: list[tuple[int, int]],
    shape: list[int] | None,
    prior: str,
) -> dict:
    """The result of `onnx_probe.look` for a graph. Raises InputError when it cannot be run."""
    sides = drawn.type.tensor_type.shape.dim
    if np.prod([float(max(side.dim_value, 1)) for side in sides[1:]]) > MAX_PIXELS:
        raise InputError(f"{path.name} declares images larger than 512 × 512.")
    kind = KINDS[given.type.tensor_type.elem_type]
    batch = shape[0] if shape else 0
    ends = (given.name, drawn.name)
    return onnx_probe.look(path.read_bytes(), path.name, tries, ends, kind, batch, prior)


def picture(seen: dict, path: Path) -> tuple[str, int, int]:
    """("NCHW" or "NHWC", size, channels) of the output. Raises InputError if it is no image."""
    shape = seen["shape"]
    output = f"{path.name} draws {' × '.join(map(str, shape)) or 'single numbers'}"
    if len(shape) != 3 or (1 not in shape and 3 not in shape):
        raise InputError(f"{output}, which is not an image of 1 or 3 channels.")
    layout = "NCHW" if shape[0] in (1, 3) and shape[1] == shape[2] else "NHWC"
    channels, height, width = shape if layout == "NCHW" else (shape[2], *shape[:2])
    if channels not in (1, 3) or height != width or height not in onnx_generator.SIZES:
        raise InputError(
            f"{output}; images must be square, of 8 to 512 pixels per side and 1 or 3 channels."
        )
    if not seen["finite"]:
        raise InputError(f"{path.name} draws numbers that are not finite.")
    if not seen["varies"]:
        raise InputError(f"{path.name} draws the same picture for every latent.")
    if not seen["repeats"]:
        raise InputError(
            f"{path.name} draws a different picture when it gets the same latent again, so that a "
            "seed would not identify a picture; export it without random noise."
        )
    if seen["company"] > MAX_COMPANY:
        raise InputError(train_mode(path))
    return layout, height, channels


def train_mode(path: Path) -> str:
    """The message for a graph that was exported in train mode."""
    return (
        f"{path.name} was exported in train mode: its batch norms take their statistics from the "
        "current batch, so a latent draws a different picture alone than in a batch; call "
        "netG.eval() before torch.onnx.export and export it again."
    )


def guess(seen: dict) -> str:
    """The most likely range of values; a preview shows whether it is right."""
    low, high = seen["lowest"], seen["highest"]
    if seen["type"] == "uint8" or high > 20:
        return "byte"
    return "unit" if low >= -0.01 and high <= 1.01 else "signed"


def canonical(proto: Any, given: Any, drawn: Any, seen: dict, layout: str, values: str) -> bytes:
    """The graph from a latent (N, nz) to images in [−1, 1], as bytes; `proto` is consumed.

    A graph that already has that form is not changed.
    """
    from onnx import TensorProto, compose, helper, numpy_helper

    nz, rank, batch = seen["nz"], seen["rank"], seen["batch"]
    right = (given.name, drawn.name, rank, layout, values) == ("z", "images", 2, "NCHW", "signed")
    bounded = seen["lowest"] >= -1 and seen["highest"] <= 1
    plain = given.type.tensor_type.elem_type == TensorProto.FLOAT and seen["type"] == "float32"
    if right and bounded and plain and sides(given)[1] == nz and sides(given)[0] == batch:
        return proto.SerializeToString()
    first, last = f"foreign/{given.name}", f"foreign/{drawn.name}"
    kind = given.type.tensor_type.elem_type
    # In place, because a copy of a graph may take 200 MB; the names above change with it.
    inner = compose.add_prefix(proto, "foreign/", inplace=True)
    graph = inner.graph
    others = [value for value in graph.input if value.name != first]
    constants: list[Any] = []
    before: list[Any] = []
    after: list[Any] = []

    def constant(name: str, value: np.ndarray | np.generic) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def chain(
        nodes: list, source: str, kind: str, operands: Sequence[str] = (), **attributes: Any
    ) -> str:
        target = f"canonical/{len(before)}-{len(after)}-{kind}"
        nodes.append(helper.make_node(kind, [source, *operands], [target], **attributes))
        return target

    name = chain(before, "z", "Cast", to=kind)
    shape = [-1, nz, 1, 1] if rank == 4 else [-1, nz]
    name = chain(before, name, "Reshape", [constant("canonical/latent", np.array(shape, np.int64))])
    before[-1].output[0] = first
    name = chain(after, last, "Cast", to=TensorProto.FLOAT)
    if layout == "NHWC":
        name = chain(after, name, "Transpose", perm=[0, 3, 1, 2])
    low, high = RANGES[values]
    if values != "signed":
        name = chain(
            after, name, "Mul", [constant("canonical/scale", np.float32(2 / (high - low)))]
        )
        name = chain(after, name, "Add", [constant("canonical/offset", np.float32(-1))])
    # Min and Max instead of Clip, whose form changed between versions of ONNX.
    name = chain(after, name, "Max", [constant("canonical/lowest", np.float32(-1))])
    name = chain(after, name, "Min", [constant("canonical/highest", np.float32(1))])
    after[-1].output[0] = "images"
    nodes = [*before, *graph.node, *after]
    side = seen["shape"][0 if layout == "NHWC" else 1]
    channels = seen["shape"][2 if layout == "NHWC" else 0]
    count = batch or "n"
    images = helper.make_tensor_value_info(
        "images", TensorProto.FLOAT, [count, channels, side, side]
    )
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    graph.input.extend(
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [count, nz]), *others]
    )
    graph.output.append(images)
    return inner.SerializeToString()


def sides(value: Any) -> list[int]:
    """The dimensions of a value's shape, 0 for dynamic ones."""
    return [side.dim_value for side in value.type.tensor_type.shape.dim] or [0, 0]


def parameters(proto: Any) -> int:
    """The number of floating-point weights in a graph."""
    return sum(
        int(np.prod(tensor.dims, dtype=np.int64))
        for tensor in proto.graph.initializer
        if tensor.data_type in (*KINDS, 16)
    )


def in_words(shape: tuple, rank: int) -> str:
    """A latent's shape as text."""
    return " × ".join(map(str, [*shape, *([1, 1] if rank == 4 else [])]))


def import_onnx() -> ModuleType:
    """The package onnx. Raises InputError when it is not installed."""
    try:
        import onnx
    except ImportError:
        raise InputError(
            "Reading ONNX needs a package that is not installed: pip install onnx."
        ) from None
    return onnx
