"""A generator that is an ONNX graph, run by onnxruntime on the CPU.

The bytes of the graph's file are the network's only tensor, so that its checkpoint is like any
other. `gan_core.importers.onnx_import` brings the graphs of other programs into the form used here:
input "z" float32 (N, nz), output "images" float32 (N, C, H, W) in [−1, 1]. An untrusted graph runs
in a process of its own (`gan_core.networks.onnx_sandbox`).
"""

import threading
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from gan_core.networks import onnx_sandbox, protobuf_limit
from gan_core.util.errors import InputError

NORMS = ("none",)
SIZES = range(8, 513)
SETTINGS = ("size", "channels", "nz")
MAX_BYTES = 160 * 2**20  # of a graph: the largest import and the nodes added to it
MAX_SECONDS = 60  # of one run
AT_ONCE = 16  # latents per run, as many as at import, so that the memory is known to suffice
ONE_QUESTION = threading.Lock()  # a graph's process answers one question at a time


def weights(size: int, channels: int, nz: int, ndf: int = 0) -> int:
    """0: the graph contains its own weights."""
    return 0


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size) in [−1, 1].

    A graph made for a fixed batch size is run repeatedly. There are no gradients.
    Raises InputError when onnxruntime is missing or cannot run the graph.
    """

    def __init__(self, size: int, channels: int, nz: int) -> None:
        super().__init__()
        self.shape, self.nz = (channels, size, size), nz
        self.register_buffer("graph", torch.empty(0, dtype=torch.uint8))
        self.runner: onnx_sandbox.Runner | None = None

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        if z.requires_grad and torch.is_grad_enabled():
            raise InputError(
                "This generator is an ONNX graph, through which no gradient can be taken."
            )
        rows = z.detach().cpu().float().numpy()
        with ONE_QUESTION:
            at_once = self.running().batch or AT_ONCE
            parts = [self.draw(rows[i : i + at_once]) for i in range(0, len(rows), at_once)]
        images = np.concatenate([np.empty((0, *self.shape), np.float32), *parts])
        return torch.from_numpy(images).to(z.device)

    def running(self) -> onnx_sandbox.Runner:
        """The process that runs the graph; it is started when there is none."""
        if self.runner is None or not self.runner.alive:
            self.runner = start(self.graph)
        return self.runner

    def draw(self, rows: np.ndarray) -> np.ndarray:
        """One run: latents float32 (n, nz), at most one batch -> float32 (n, C, H, W)."""
        runner = self.running()
        given = np.zeros((runner.batch or len(rows), self.nz), np.float32)
        given[: len(rows)] = rows
        try:
            images = runner.run("images", {"z": given}, MAX_SECONDS)
        except onnx_sandbox.Ended as error:
            raise InputError(f"This generator was stopped: {error}.") from None
        except onnx_sandbox.Problem as error:
            raise InputError(f"onnxruntime cannot run this generator ({error}).") from None
        if images.shape != (len(given), *self.shape) or images.dtype != np.float32:
            raise InputError("This generator's graph draws pictures of an undeclared size.")
        return images[: len(rows)]

    def as_bytes(self) -> bytes:
        """The graph as the contents of an ONNX file that takes any number of latents."""
        count = self.running().batch
        if count:
            raise InputError(
                f"This generator's graph only takes {count} latents at a time; "
                "export it again where it was trained, with a dynamic first dimension."
            )
        return self.graph.numpy().tobytes()

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *others: Any) -> None:
        given = state_dict.get(f"{prefix}graph")
        if given is not None and given.ndim == 1 and given.dtype == torch.uint8:
            self.graph, self.runner = torch.empty_like(given), None  # sized to fit
        super()._load_from_state_dict(state_dict, prefix, *others)

    def __getstate__(
        self,
    ) -> dict:  # a process cannot be copied, and is started again when it is needed
        return self.__dict__ | {"runner": None}


def start(graph: torch.Tensor) -> onnx_sandbox.Runner:
    """The Runner of a graph, uint8 (bytes,).

    Raises InputError for a graph that is too large, depends on other files, or cannot be run.
    """
    try:
        import onnx
    except ImportError:
        raise InputError("This generator needs packages: pip install onnx onnxruntime.") from None
    data = graph.numpy().tobytes()
    problem = refused(onnx, data)
    if problem:
        raise InputError(f"This generator’s graph {problem}, so it is not run.")
    try:
        return onnx_sandbox.Runner(data, torch.get_num_threads())
    except onnx_sandbox.Problem as error:
        raise InputError(f"onnxruntime cannot read this generator ({error}).") from None


def refused(onnx: ModuleType, graph: bytes) -> str | None:
    """Why a graph is not run, or None."""
    if len(graph) > MAX_BYTES:
        return f"has more than {MAX_BYTES // 2**20} MiB"
    try:
        protobuf_limit.count(graph, onnx.ModelProto.DESCRIPTOR)
        proto = onnx.load_model_from_string(graph)
    except Exception:  # protobuf raises many kinds
        return "is damaged or holds far more than a generator"
    return "keeps its weights in other files" if outside(proto) else None


def outside(message: Any) -> bool:
    """Whether any tensor in a protobuf message refers to a file, at any depth."""
    if message.DESCRIPTOR.name == "TensorProto":
        return bool(message.external_data) or message.data_location == 1
    return any(
        outside(part)
        for field, value in message.ListFields()
        if field.message_type is not None
        for part in (value if hasattr(value, "__len__") else [value])
    )
