"""An ONNX graph run in a process of its own, with bounded memory and time.

    runner = Runner(graph)                       bytes of an ONNX file
    images = runner.run("images", {"z": z}, seconds=60)

A graph is a program that somebody else wrote: it may ask for all the memory there is, never end, or
bring onnxruntime down. Here that ends a process which has nothing to lose. This file is also that
process's program; as such it imports neither torch nor this package, so that it starts quickly.
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

BYTES = 3 * 2**30  # of memory that the process may map
MOST_BACK = 2**29  # bytes of one result
MAX_THREADS = 8  # each maps some of that memory for itself
START_SECONDS = 60
# Without the last one onnxruntime reports to its maker (see gan_core/__init__.py).
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}


class Problem(Exception):
    """The graph could not be run, in a few words; the process goes on."""


class Ended(Problem):
    """The process has ended: it took too much memory or too long, or onnxruntime crashed."""


class Runner:
    """The process of one graph. It ends with this object, or with the program that made it.

    graph: bytes. threads: of the CPU. batch: the first side of the graph's first input, None where
    it is open. Raises Problem when onnxruntime cannot read the graph or is not installed.
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
        told = {"bytes": BYTES, "threads": min(threads, MAX_THREADS), "length": len(graph)}
        answer, _ = self.ask(told, graph, START_SECONDS)
        batch = answer.get("batch")
        self.batch = batch if isinstance(batch, int) else None

    @property
    def alive(self) -> bool:
        return self.end.alive and self.process.poll() is None

    def run(self, output: str, given: dict[str, np.ndarray], seconds: float) -> np.ndarray:
        """The array that the graph gives for {input's name: array}; for one input.

        seconds: after which the process is stopped. Raises Problem, or Ended when it is no more.
        """
        ((name, array),) = given.items()
        array = np.ascontiguousarray(array)
        told = {"input": name, "output": output, "type": str(array.dtype), "shape": array.shape}
        answer, data = self.ask(told, array.tobytes(), seconds)
        try:
            return np.frombuffer(data, answer["type"]).reshape(answer["shape"])
        except (KeyError, TypeError, ValueError):
            raise Problem("it gives no array of numbers") from None

    def ask(self, told, data, seconds):
        """Send one question and wait for its answer: (dict, bytearray)."""
        late = threading.Event()

        def stop_waiting():
            late.set()
            self.process.kill()

        watch = threading.Timer(seconds, stop_waiting)
        watch.daemon = True
        watch.start()
        try:
            send(self.process.stdin, told, data)
            answer = json.loads(self.process.stdout.readline())
            length = answer.get("length", 0)
            if not 0 <= length <= MOST_BACK:
                raise ValueError("a result of that size is no batch of pictures")
            back = receive(self.process.stdout, length)
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
    """End a process and let go of what leads to it."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what was still to be written has nobody to read it
            pipe.close()


def send(pipe, told, data=b""):
    """A message: a line of JSON that tells how many bytes follow, and those bytes."""
    pipe.write(json.dumps({"length": len(data), **told}).encode() + b"\n")
    pipe.write(data)
    pipe.flush()


def receive(pipe: Any, length: int) -> bytearray:
    """The bytes that follow a line."""
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
    """Read a graph, then answer each question about it until nobody asks any more."""
    told = json.loads(source.readline())
    graph = bytes(receive(source, told["length"]))
    try:
        bound(told["bytes"])
        session = start(graph, told["threads"])
    except Exception as error:  # onnxruntime raises many kinds
        return send(answers, {"problem": first(error)})
    del graph
    shape = session.get_inputs()[0].shape if session.get_inputs() else []
    send(answers, {"batch": shape[0] if shape and isinstance(shape[0], int) else None})
    while line := source.readline():
        asked = json.loads(line)
        data = receive(source, asked["length"])
        try:
            given = np.frombuffer(data, asked["type"]).reshape(asked["shape"])
            result = np.asarray(session.run([asked["output"]], {asked["input"]: given})[0])
            if result.dtype.kind not in "fiub":
                raise ValueError("it gives no array of numbers")
            if result.nbytes > MOST_BACK:
                raise ValueError(f"it gives {math.prod(result.shape):,} numbers at once")
        except Exception as error:
            send(answers, {"problem": first(error)})
            continue
        send(answers, {"type": str(result.dtype), "shape": result.shape}, result.tobytes())


def start(graph: bytes, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise RuntimeError("running ONNX needs: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is told by the exception
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # or the memory of the largest run stays taken
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def bound(most_bytes: int) -> None:
    """Let the system refuse this process more memory, where there is such a limit."""
    try:
        import resource
    except ImportError:  # Windows: whoever waits for it still ends it after a while
        return
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def first(error: Exception) -> str:
    """The first line of what an exception tells."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: none of its files is to be taken for a package
    with os.fdopen(os.dup(1), "wb") as answers, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what a library prints is no answer
        serve(sys.stdin.buffer, answers)
