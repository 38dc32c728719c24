"""An ONNX graph run in a process of its own, with bounded memory and time.

    runner = Runner(graph)                       bytes of an ONNX file
    images = runner.run("images", {"z": z}, seconds=60)

A graph is an untrusted program: it may take all memory, run forever, or crash onnxruntime. Here
that only ends a separate process. This file is also that process's program; it imports neither
torch nor this package, so that it starts quickly.
"""

import contextlib
import json
import math
import os
import subprocess
import sys
import threading
import weakref
from typing import Any, BinaryIO

import numpy as np

BYTES = 3 * 2**30  # limit on the process's mapped memory
MOST_BACK = 2**29  # largest result in bytes
MAX_THREADS = 8  # each maps some of that memory
START_SECONDS = 60
# Without the last one onnxruntime reports to its maker (see gan_core/__init__.py).
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}


class Problem(Exception):
    """The graph could not be run; the message says why. The process continues."""


class Ended(Problem):
    """The process ended: it took too much memory or time, or onnxruntime crashed."""


class Runner:
    """The process of one graph. It ends with this object, or with the program that created it.

    graph: the bytes of an ONNX file. threads: CPU threads. The attribute batch is the first
    dimension of the graph's first input, None when it is dynamic. Raises Problem when onnxruntime
    cannot read the graph or is not installed.
    """

    def __init__(self, graph: bytes, threads: int = 1) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | ENVIRONMENT,
        )
        self.end = weakref.finalize(self, stop, self.process)
        setup = {"bytes": BYTES, "threads": min(threads, MAX_THREADS), "length": len(graph)}
        answer, _ = self.ask(setup, graph, START_SECONDS)
        batch = answer.get("batch")
        self.batch = batch if isinstance(batch, int) else None

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self.end.alive and self.process.poll() is None

    def run(self, output: str, given: dict[str, np.ndarray], seconds: float) -> np.ndarray:
        """The output of the graph for {name of its only input: array}.

        seconds: after which the process is stopped. Raises Problem, or Ended when it has ended.
        """
        ((name, array),) = given.items()
        array = np.ascontiguousarray(array)
        question = {"input": name, "output": output, "type": str(array.dtype), "shape": array.shape}
        answer, data = self.ask(question, array.tobytes(), seconds)
        try:
            return np.frombuffer(data, answer["type"]).reshape(answer["shape"])
        except (KeyError, TypeError, ValueError):
            raise Problem("its output is not an array of numbers") from None

    def ask(self, question: dict, data: bytes, seconds: float) -> tuple[dict, bytearray]:
        """Send one question and wait for its answer: (dict, bytearray)."""
        late = threading.Event()

        def stop_waiting():
            late.set()
            self.process.kill()

        watch = threading.Timer(seconds, stop_waiting)
        watch.daemon = True
        watch.start()
        try:
            send(self.process.stdin, question, data)
            output: Any = self.process.stdout
            answer = json.loads(output.readline())
            length = answer.get("length", 0)
            if not 0 <= length <= MOST_BACK:
                raise ValueError("a result of that size is not a batch of pictures")
            back = receive(output, length)
        except (OSError, ValueError, TypeError, AttributeError, EOFError):
            self.end()
            why = (
                f"it took longer than {seconds:g} s"
                if late.is_set()
                else (f"it needs more than {BYTES // 2**30} GiB of memory, or its process crashed")
            )
            raise Ended(why) from None
        finally:
            watch.cancel()
        if "problem" in answer:
            raise Problem(str(answer["problem"])[:200])
        return answer, back


def stop(process: subprocess.Popen) -> None:
    """End a process and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # unwritten data have no reader any more
            if pipe is not None:
                pipe.close()


def send(pipe: Any, message: dict, data: bytes = b"") -> None:
    """Write a message: a line of JSON with the number of bytes that follow, and those bytes."""
    pipe.write(json.dumps({"length": len(data), **message}).encode() + b"\n")
    pipe.write(data)
    pipe.flush()


def receive(pipe: Any, length: int) -> bytearray:
    """Read the bytes that follow a line."""
    data = bytearray(length)
    view, done = memoryview(data), 0
    while done < length:
        count = pipe.readinto(view[done:])
        if not count:
            raise EOFError
        done += count
    return data


# From here on: the process's own program.


def serve(source: BinaryIO, answers: BinaryIO) -> None:
    """Read a graph, then answer questions about it until the input ends."""
    setup = json.loads(source.readline())
    graph = bytes(receive(source, setup["length"]))
    try:
        bound(setup["bytes"])
        session = start(graph, setup["threads"])
    except Exception as error:  # onnxruntime raises many kinds
        return send(answers, {"problem": first(error)})
    del graph
    shape = session.get_inputs()[0].shape if session.get_inputs() else []
    send(answers, {"batch": shape[0] if shape and isinstance(shape[0], int) else None})
    while line := source.readline():
        question = json.loads(line)
        data = receive(source, question["length"])
        try:
            given = np.frombuffer(data, question["type"]).reshape(question["shape"])
            result = np.asarray(session.run([question["output"]], {question["input"]: given})[0])
            if result.dtype.kind not in "fiub":
                raise ValueError("its output is not an array of numbers")
            if result.nbytes > MOST_BACK:
                raise ValueError(f"its output has {math.prod(result.shape):,} numbers at once")
        except Exception as error:
            send(answers, {"problem": first(error)})
            continue
        send(answers, {"type": str(result.dtype), "shape": result.shape}, result.tobytes())


def start(graph: bytes, threads: int) -> Any:
    """An onnxruntime.InferenceSession of a graph."""
    try:
        import onnxruntime
    except ImportError:
        raise RuntimeError("running ONNX needs: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are reported by exceptions
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # otherwise the memory of the largest run stays allocated
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def bound(most_bytes: int) -> None:
    """Limit the memory of this process, where the system supports it."""
    try:
        import resource
    except ImportError:  # Windows: the time limit still applies
        return
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def first(error: Exception) -> str:
    """The first line of an exception's message."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, so that none of its files hides a package
    with os.fdopen(os.dup(1), "wb") as answers, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # output of libraries must not mix with answers
        serve(sys.stdin.buffer, answers)
