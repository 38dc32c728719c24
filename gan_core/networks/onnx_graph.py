"""A generator that is an ONNX graph, run by onnxruntime on the CPU.

The graph is the network's one tensor, its file byte by byte, so that a checkpoint of it is like any
other. `gan_core.foreign.onnx_files` brings graphs of other programs into the form that is run here:
input "z" float32 (N, nz), output "images" float32 (N, C, H, W) in [−1, 1].
"""

import threading

import numpy as np
import torch
from torch import nn

from gan_core import protobuf
from gan_core.errors import InputError

NORMS = ("none",)
SIZES = range(8, 513)
SETTINGS = ("size", "channels", "nz")
MAX_BYTES = 210 * 2**20  # of a graph: what may be imported, and what is put around it
MAX_SECONDS = 60  # of one run


def weights(size, channels, nz, ndf=0):
    """None that are built here: the graph brings its own."""
    return 0


class Generator(nn.Module):
    """Latents float (N, nz) -> images float (N, channels, size, size) in [−1, 1].

    A graph made for a fixed number of latents is run as often as it takes. There are no gradients.
    Raises InputError when onnxruntime is missing or cannot run the graph.
    """

    def __init__(self, size, channels, nz):
        super().__init__()
        self.shape, self.nz = (channels, size, size), nz
        self.register_buffer("graph", torch.empty(0, dtype=torch.uint8))
        self.session = None

    def forward(self, z):
        if z.requires_grad and torch.is_grad_enabled():
            raise InputError(
                "This generator is an ONNX graph, through which no gradient can be taken."
            )
        session = self.session = self.session or start(self.graph)
        wanted = session.get_inputs()[0].shape[0]
        at_once = wanted if isinstance(wanted, int) else max(len(z), 1)
        parts = [self.draw(session, part, at_once) for part in z.split(at_once)]
        return torch.from_numpy(np.concatenate(parts)).to(z.device)

    def draw(self, session, z, at_once):
        """One run: latents (n, nz), n up to at_once -> array (n, C, H, W)."""
        rows = np.zeros((at_once, self.nz), np.float32)
        rows[: len(z)] = z.detach().cpu().numpy()
        options = run_options()
        # A loop in a graph may go on for ever, and whoever draws next waits for it.
        watch = threading.Timer(MAX_SECONDS, setattr, (options, "terminate", True))
        watch.daemon = True
        watch.start()
        try:
            images = session.run(["images"], {"z": rows}, options)[0]
        except Exception as error:  # onnxruntime raises many kinds
            if options.terminate:
                raise InputError(
                    f"This generator draws for more than {MAX_SECONDS} s at once; it was stopped."
                ) from None
            raise InputError(f"onnxruntime cannot run this generator ({first(error)}).") from None
        finally:
            watch.cancel()
        if images.shape != (at_once, *self.shape) or images.dtype != np.float32:
            raise InputError("This generator's graph draws pictures of another size than it tells.")
        return images[: len(z)]

    def as_bytes(self):
        """The graph as the contents of an ONNX file that takes any number of latents."""
        self.session = self.session or start(self.graph)
        count = self.session.get_inputs()[0].shape[0]
        if isinstance(count, int):
            raise InputError(
                f"This generator's graph takes {count} at a time and no other number of latents; "
                "export it anew where it was trained, with a dynamic first dimension."
            )
        return self.graph.numpy().tobytes()

    def _load_from_state_dict(self, state_dict, prefix, *others):
        given = state_dict.get(f"{prefix}graph")
        if given is not None and given.ndim == 1 and given.dtype == torch.uint8:
            self.graph, self.session = torch.empty_like(given), None  # of the length it has
        super()._load_from_state_dict(state_dict, prefix, *others)

    def __getstate__(self):  # a session cannot be copied, and is started again when it is needed
        return self.__dict__ | {"session": None}


def start(graph):
    """An onnxruntime session of a graph, uint8 (bytes,).

    Raises InputError for a graph that is too large, leans on other files, or cannot be run.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError:
        raise InputError("This generator needs packages: pip install onnx onnxruntime.") from None
    problem = refused(onnx, graph.numpy().tobytes())
    if problem:
        raise InputError(f"This generator’s graph {problem}, so it is not run.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is told by the exception
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(
            graph.numpy().tobytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise InputError(f"onnxruntime cannot read this generator ({first(error)}).") from None


def refused(onnx, graph):
    """Why a graph, bytes, is not run in this process, or None."""
    if len(graph) > MAX_BYTES:
        return f"has more than {MAX_BYTES // 2**20} MiB"
    try:
        protobuf.count(graph, onnx.ModelProto.DESCRIPTOR)
        proto = onnx.load_model_from_string(graph)
    except Exception:  # protobuf raises many kinds
        return "is damaged or holds far more than a generator's"
    return "keeps its weights in other files" if outside(proto) else None


def outside(message):
    """Whether any tensor in a protobuf message refers to a file, however deep it lies."""
    if message.DESCRIPTOR.name == "TensorProto":
        return bool(message.external_data) or message.data_location == 1
    return any(
        outside(part)
        for field, value in message.ListFields()
        if field.message_type is not None
        for part in (value if hasattr(value, "__len__") else [value])
    )


def run_options():
    import onnxruntime

    return onnxruntime.RunOptions()


def first(error):
    """The first line of what an exception tells."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
