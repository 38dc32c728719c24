"""A stranger's graph runs apart: what it takes or breaks is its own process's."""

import copy
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_core.networks import onnx_generator, onnx_sandbox
from gan_core.util.errors import InputError

onnx = pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxruntime", reason="needs onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def graph(steps=(), batch="n", constants=()):
    """Latents (N, 4) times ones, as pictures 3×8×8; `steps` are nodes from "a" to "b"."""
    constants = {
        "w": np.ones((4, 192), np.float32),
        "s": np.int64([-1, 3, 8, 8]),
        **dict(constants),
    }
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["a"]),
        *(steps or [helper.make_node("Tanh", ["a"], ["b"])]),
        helper.make_node("Reshape", ["b", "s"], ["images"]),
    ]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [batch, 4])],
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opset, ir_version=8).SerializeToString()


def hungry():
    """A graph that makes a tensor of 64 GiB where the first latent is larger than 5."""
    fill = [
        helper.make_node("ConstantOfShape", ["huge"], ["filled"]),
        helper.make_node("ReduceSum", ["filled"], ["total"], keepdims=0),
        helper.make_node("Add", ["a", "total"], ["much"]),
    ]
    value = helper.make_tensor_value_info
    branches = {
        "then_branch": helper.make_graph(fill, "t", [], [value("much", 1, None)]),
        "else_branch": helper.make_graph(
            [helper.make_node("Tanh", ["a"], ["little"])], "e", [], [value("little", 1, None)]
        ),
    }
    steps = [
        helper.make_node("ReduceMax", ["z"], ["top"], keepdims=0),
        helper.make_node("Greater", ["top", "five"], ["large"]),
        helper.make_node("If", ["large"], ["b"], **branches),
    ]
    return graph(steps, constants={"huge": np.int64([2**34]), "five": np.float32(5)})


def generator(data):
    made = onnx_generator.Generator(8, 3, 4)
    made.graph = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    return made


def expected(z):
    return np.tanh(z.sum(1)).reshape(-1, 1, 1, 1) * np.ones((1, 3, 8, 8), np.float32)


Z = torch.linspace(-1, 1, 40 * 4).reshape(40, 4)


def peak():
    """MiB that this process has had in memory at most."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.slow
def test_it_draws_what_the_graph_says_for_any_number_of_latents():
    made = generator(graph())
    for n in (0, 1, 15, 16, 17, 40):
        assert np.abs(made(Z[:n]).numpy() - expected(Z[:n].numpy())).max(initial=0) < 1e-6
        assert made(Z[:n]).shape == (n, 3, 8, 8)
    three = generator(graph(batch=3))
    assert three.running().batch == 3
    assert np.abs(three(Z).numpy() - expected(Z.numpy())).max() < 1e-6


@pytest.mark.slow
def test_several_threads_each_get_their_own_pictures():
    made = generator(graph())
    with ThreadPoolExecutor(4) as threads:
        rows = list(threads.map(lambda i: made(Z[i : i + 1]), range(len(Z))))
    assert np.abs(torch.cat(rows).numpy() - expected(Z.numpy())).max() < 1e-6


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of memory")
def test_a_graph_that_wants_all_the_memory_gets_a_sentence_and_draws_again():
    made = generator(hungry())
    assert np.abs(made(Z).numpy() - expected(Z.numpy())).max() < 1e-6
    before = peak()
    with pytest.raises(InputError, match=r"was stopped|cannot run"):
        made(torch.full((1, 4), 9.0))
    assert peak() - before < 100
    assert np.abs(made(Z).numpy() - expected(Z.numpy())).max() < 1e-6


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_after_a_crash_of_the_process_another_is_started():
    made = generator(graph())
    first = made.running().process
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert np.abs(made(Z).numpy() - expected(Z.numpy())).max() < 1e-6
    assert made.running().process.pid != first.pid


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_crash_and_a_graph_that_never_ends_are_reported(monkeypatch):
    made = generator(graph())
    made.running()
    process = made.runner.process
    os.kill(process.pid, signal.SIGSTOP)
    threading.Timer(0.2, process.kill).start()
    with pytest.raises(InputError, match="more than 3 GiB of memory, or its process crashed"):
        made(Z)
    os.kill(made.running().process.pid, signal.SIGSTOP)
    monkeypatch.setattr(onnx_generator, "MAX_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"was stopped: it took longer than 0\.2 s"):
        made(Z)


@pytest.mark.slow
def test_a_process_ends_with_its_generator_and_a_copy_gets_its_own():
    made = generator(graph())
    made(Z)
    other = copy.deepcopy(made)
    assert np.array_equal(other(Z), made(Z))
    assert other.runner.process.pid != made.runner.process.pid
    process = made.runner.process
    del made
    gc.collect()
    assert process.wait(10) is not None
    assert other.runner.alive


@pytest.mark.slow
def test_the_process_ends_when_the_program_that_made_it_is_killed(tmp_path):
    (tmp_path / "g.onnx").write_bytes(graph())
    program = (
        "import os, signal; from pathlib import Path; from gan_core.networks import onnx_sandbox\n"
        "runner = onnx_sandbox.Runner(Path('g.onnx').read_bytes())\n"
        "print(runner.process.pid, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 9
    pid = int(done.stdout)
    # Its standard input has ended, and it with it.
    waited = threading.Event()
    for _ in range(200):
        if not alive(pid):
            break
        waited.wait(0.05)
    assert not alive(pid)


def alive(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "message"),
    [(b"no graph", "Protobuf|protobuf|INVALID"), (graph()[:-20], "rotobuf|INVALID|load model")],
)
def test_what_onnxruntime_cannot_read_is_a_problem(data, message):
    with pytest.raises(onnx_sandbox.Problem, match=message):
        onnx_sandbox.Runner(data)


@pytest.mark.slow
def test_a_latent_of_another_shape_is_a_problem_and_the_process_goes_on():
    runner = onnx_sandbox.Runner(graph())
    with pytest.raises(onnx_sandbox.Problem):
        runner.run("images", {"z": np.zeros((2, 5), np.float32)}, 60)
    assert runner.run("images", {"z": np.zeros((2, 4), np.float32)}, 60).shape == (2, 3, 8, 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no json\n",
        b"[]\n",
        b'{"length": -1}\n',
        b'{"length": 1e9}\n',
        b'{"length": "8"}\n',
        json.dumps({"length": 2**40}).encode() + b"\n",
        b'{"length": 8}\n1234',
        b'{"length": 8, "type": "object", "shape": [1]}\n12345678',
        b'{"length": 8, "type": "float32", "shape": [9]}\n12345678',
        b'{"length": 8}\n12345678',
    ],
)
def test_a_process_taken_over_can_answer_nothing_harmful(answer, monkeypatch, tmp_path):
    script = tmp_path / "child.py"
    script.write_text(
        "import json, sys\n"
        "def question():\n"
        "    sys.stdin.buffer.read(json.loads(sys.stdin.buffer.readline())['length'])\n"
        "question()\n"
        "sys.stdout.buffer.write(b'{\"batch\": null}\\n'); sys.stdout.flush()\n"
        "question()\n"
        f"sys.stdout.buffer.write({answer!r})\n"
    )
    monkeypatch.setattr(onnx_sandbox, "__file__", str(script))
    runner = onnx_sandbox.Runner(graph())
    with pytest.raises(onnx_sandbox.Problem):
        runner.run("images", {"z": np.zeros((1, 4), np.float32)}, 60)
