"""Several processes on one run: what they compute, who writes, and what is left when one dies.

Pairs of processes are forked from one script that has imported torch already; `together` is that
script. Only the tests of torchrun itself start it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn

from gan_core import __main__ as cli
from gan_core.data import training_set
from gan_core.training import autotune, ema
from gan_core.training import snapshot as states
from gan_core.training.distributed import Draws, SharedBatchNorm2d
from support import ROOT, pictures
from test_loop import losses, state, train

HERE = Path(__file__).resolve().parent

VARIANTS = {
    "batch norm": {"k": 2},
    "residual": {"architecture": "residual", "objective": "relativistic", "r1": 1.0, "r2": 1.0},
    "wgan-gp": {"objective": "wgan-gp", "norm": "none"},
    "spectral": {"objective": "hinge", "norm": "spectral"},
}
EVERY = {"log_kimg": 0.016, "snapshot_kimg": 0.016, "grid_kimg": 0.032}


# --- In the script. ---


def fork(folder, work):
    """Run work() in two processes that know each other; returns their exit statuses."""
    folder.mkdir()
    children = [os.fork() or in_child(folder, work, rank) for rank in range(2)]
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def in_child(folder, work, rank):
    status = 1
    try:
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
        where = f"file://{folder}/meeting"
        dist.init_process_group("gloo", init_method=where, rank=rank, world_size=2)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def watch(folder):
    """From now on an attempt to write under the folder is an error in this process."""
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def hook(event, arguments):
        if event in ("os.mkdir", "os.remove", "os.rename") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & writing
        ):
            touched = [str(a) for a in arguments if isinstance(a, str | Path)]
            if any(path.startswith(str(folder)) for path in touched):
                raise AssertionError(f"rank 1: {event} {touched}")

    sys.addaudithook(hook)


def train_all(data, folder):
    if os.environ.get("RANK") == "1":
        watch(folder)
    for name, options in VARIANTS.items():
        train(data, folder / name, **EVERY, **options)
    train(data, folder / "first half", kimg=0.032, **EVERY)
    train(data, folder / "bf16", kimg=0.024, precision="bf16")
    if dist.is_initialized():
        dist.barrier()


def check_norm():
    rank, own = dist.get_rank(), slice(dist.get_rank() * 4, dist.get_rank() * 4 + 4)
    stream = torch.Generator().manual_seed(0)
    shared, usual = SharedBatchNorm2d(3), nn.BatchNorm2d(3)
    for norm in (shared, usual):
        norm.weight.data.copy_(torch.tensor([1.0, 2.0, -0.5]))
        norm.bias.data.copy_(torch.tensor([0.0, 1.0, 3.0]))
    for _ in range(3):
        whole = torch.randn(8, 3, 5, 5, generator=stream) * 3 + 1 + torch.arange(8).view(8, 1, 1, 1)
        factors = torch.randn(whole.shape, generator=stream)
        part = whole[own].clone().requires_grad_()
        whole.requires_grad_()
        out, expected = shared(part), usual(whole)
        torch.testing.assert_close(out, expected[own], rtol=1e-4, atol=1e-5)
        shared.zero_grad()
        usual.zero_grad()
        (out * factors[own]).sum().backward()
        (expected * factors).sum().backward()
        torch.testing.assert_close(part.grad, whole.grad[own], rtol=1e-4, atol=1e-5)
        for weight, reference in zip(shared.parameters(), usual.parameters(), strict=True):
            dist.all_reduce(weight.grad)
            torch.testing.assert_close(weight.grad, reference.grad, rtol=1e-4, atol=1e-4)
    for name, value in usual.state_dict().items():
        torch.testing.assert_close(shared.state_dict()[name], value, msg=f"{name} of rank {rank}")
    usual.eval()
    torch.testing.assert_close(shared.eval()(part), usual(part))
    half = shared.train()(part.detach().bfloat16())
    assert half.dtype == torch.bfloat16


def check_batch(data, folder):
    """Nine images are not for two: one sentence, status 2, nothing written."""
    output = folder.parent / f"output {dist.get_rank()}"
    command = ["train", str(data), "--name", "x", "--runs", str(folder), "--batch", "9"]
    with open(output, "w") as file, contextlib.redirect_stderr(file):
        assert cli.main(command) == 2
    text = output.read_text()
    assert text == "gan_core: batch is 9; it must be a multiple of the 2 processes.\n"
    assert not folder.exists()


def check_probe(data, folder):
    """Two processes whose timings differ take the way that process 0 finds faster."""
    result = [("fp32", "contiguous"), ("bf16", "channels_last")][dist.get_rank()]
    chosen = dict(zip(("precision", "layout"), result, strict=True))
    autotune.choose = lambda *about: (dict(chosen), {})
    train(data, folder, kimg=0.008, precision="auto", layout="auto")
    assert chosen == {"precision": "fp32", "layout": "contiguous"} or dist.get_rank() == 1
    dist.barrier()  # process 0 has written by now
    assert state(folder)[1]["record"]["fast"] == {"precision": "fp32", "layout": "contiguous"}


def check_stop(data, folder):
    """Ctrl-C that reaches one process alone stops both, with a snapshot."""
    update, calls = ema.update_ema, []

    def stop_at_third(*arguments):
        calls.append(None)
        if len(calls) == 3 and dist.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGINT)
        update(*arguments)

    ema.update_ema = stop_at_third
    assert train(data, folder, kimg=10.0) == 24
    dist.barrier()  # process 0 has written by now
    assert state(folder)[1]["position"] == 24


def together(folder):
    """Everything that needs a pair, one after the other; prints the exit statuses."""
    torch.set_num_threads(1)
    fit = ema.fit_average
    ema.fit_average = lambda *about, **_: fit(*about, batches=2)
    data = folder / "set"
    with training_set.writing(data, 32, 3, {"name": "set", "framing": {}}) as writer:
        for i, image in enumerate(pictures(64)):
            writer.add(image, f"{i}.png")
    one, two = folder / "one", folder / "two"
    train_all(data, one)  # what is compiled here, no child compiles
    statuses = {
        "train": fork(folder / "a", lambda: train_all(data, two)),
        "norm": fork(folder / "b", check_norm),
        "batch": fork(folder / "c", lambda: check_batch(data, folder / "refused")),
        "stop": fork(folder / "f", lambda: check_stop(data, folder / "stopped")),
        "probe": fork(folder / "d", lambda: check_probe(data, folder / "probed")),
    }
    # Each half is gone on with by the other number of processes.
    (two / "first half").rename(folder / "two then one")
    (one / "first half").rename(folder / "one then two")
    train(data, folder / "two then one", **EVERY)
    statuses["go on"] = fork(folder / "e", lambda: train(data, folder / "one then two", **EVERY))
    train(data, folder / "whole", **EVERY)
    print("\n" + json.dumps(statuses))


# --- The tests. ---


@pytest.fixture(scope="module")
def pair(python, tmp_path_factory):
    """The folder that `together` has filled, and the exit statuses of the pairs in it."""
    folder = tmp_path_factory.mktemp("pair")
    code = (
        f"import sys; sys.path[:0] = {[str(ROOT / 'tests'), str(HERE)]!r}\n"
        "from pathlib import Path; import test_distributed\n"
        f"test_distributed.together(Path({str(folder)!r}))\n"
    )
    done = python("-c", code, timeout=1500)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("check", ["train", "norm", "batch", "stop", "probe", "go on"])
def test_a_pair_of_processes(pair, check):
    _, statuses, output = pair
    assert statuses[check] == [0, 0], output


def same_run(first, second):
    """Two runs' losses within 1e-4, and their weights close."""
    one, two = losses(first), losses(second)
    assert len(one) == 4
    # D's wins are counted among each process's own pairs.
    assert np.allclose([a[:-1] for a in one], [b[:-1] for b in two], rtol=1e-4, atol=2e-5)
    (one, about), (two, also) = state(first), state(second)
    assert about["position"] == also["position"] == 64
    assert one.keys() == two.keys()
    assert torch.equal(one["rng"], two["rng"])
    for key in one:
        if not key.split("/")[0].endswith("adam"):
            torch.testing.assert_close(one[key], two[key], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", VARIANTS)
def test_two_processes_train_as_one_does(pair, name):
    folder, *_ = pair
    same_run(folder / "one" / name, folder / "two" / name)


@pytest.mark.parametrize("name", ["two then one", "one then two"])
def test_the_number_of_processes_may_change_between_stretches(pair, name):
    folder, *_ = pair
    same_run(folder / "whole", folder / name)


def test_two_processes_work_in_bf16_too(pair):
    tensors, notes = state(pair[0] / "two" / "bf16")
    assert notes["position"] == 24
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_two_processes_leave_the_files_of_one(pair):
    one, two = (
        sorted(str(file.relative_to(pair[0] / name)) for file in (pair[0] / name).rglob("*"))
        for name in ("one", "two")
    )
    assert one == two
    for name in VARIANTS:
        kimg = [[line[0] for line in losses(pair[0] / n / name)] for n in ("one", "two")]
        assert kimg == [[0.016, 0.032, 0.048, 0.064]] * 2


class Member:
    """A team as one of its processes sees it, without the others."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size

    def share(self, batch):
        n = len(batch) // self.size
        return batch[self.rank * n : (self.rank + 1) * n]


@pytest.mark.parametrize("size", [2, 4])
def test_draws_are_the_same_numbers_however_many_share_them(size):
    def drawn(rank, size):
        draws = Draws(torch.Generator().manual_seed(5), Member(rank, size))
        n = 8 // size
        return draws.normal(n, 3), draws.uniform(n, 1, 1, 1), draws.integers(7, n, 2)

    parts = [torch.cat(part) for part in zip(*(drawn(r, size) for r in range(size)), strict=True)]
    alone = drawn(0, 1)
    assert all(torch.equal(a, b) for a, b in zip(parts, alone, strict=True))
    assert [tuple(part.shape) for part in alone] == [(8, 3), (8, 1, 1, 1), (8, 2)]
    without = Draws(torch.Generator().manual_seed(5))
    assert torch.equal(without.normal(8, 3), alone[0])


# --- Under torchrun. ---


def options(data, folder, kimg):
    where = ["--runs", folder / "runs", "--checkpoints", folder / "models", "--kimg", kimg]
    sizes = ["--ngf", 2, "--ndf", 2, "--nz", 6, "--batch", 8, "--measure-kimg", 0]
    rest = ["--snapshot-kimg", 0.008, "--log-kimg", 0.008, "--precision", "fp32"]
    return [str(part) for part in [data, "--name", "tiny", *where, *sizes, *rest]]


def torchrun(data, folder, kimg):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "gan_core", "train", *options(data, folder, kimg)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


def process_of(launcher, rank):
    """The id of the process that the launcher started as `rank`."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == launcher.pid and f"\0RANK={rank}\0".encode() in (
                b"\0" + (folder / "environ").read_bytes()
            ):
                return int(folder.name)
    raise AssertionError(f"There is no rank {rank}.")


def reached(folder):
    path = folder / "runs" / "tiny" / "state.safetensors"
    return states.read(path)[1]["position"] if path.exists() else 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_job_whose_process_dies_or_that_is_stopped_ends_and_goes_on(make_set, tmp_path):
    data, before = make_set(), 0
    for number in (signal.SIGKILL, signal.SIGTERM):
        job = torchrun(data, tmp_path, 10_000)
        try:
            while reached(tmp_path) < before + 24:
                assert job.poll() is None, job.stderr.read()
                time.sleep(0.05)
            os.kill(process_of(job, 1) if number == signal.SIGKILL else job.pid, number)
            job.communicate(timeout=200)
        finally:
            job.kill()
        assert job.returncode != 0
        assert reached(tmp_path) >= before + 24
        before = reached(tmp_path)
    position = before + 16
    assert cli.main(["train", *options(data, tmp_path, position / 1000)]) == 0  # alone
    assert reached(tmp_path) == position
    assert (tmp_path / "models" / "tiny" / "README.md").exists()
