"""What a run resumes from: exact, and whole whatever kills the run or fills the disk.

Children are forked from one script that has imported torch already, so that fifty kills are quick.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from tqdm import tqdm

from gan_core import __main__ as cli
from gan_core import checkpoint, model_card
from gan_core.data import media, training_set
from gan_core.training import ema, run_log, snapshot, validation
from gan_core.util import atomic_files
from gan_core.util.errors import InputError
from support import ROOT, pictures
from test_loop import losses, same, train

HERE = Path(__file__).resolve().parent

# --- A state is saved and restored. ---

SETTINGS = {"seed": 3, "lr_g": 1e-3, "kimg": 1.0}


def parts(seed, lr=1e-3):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(
        memory_format=torch.channels_last
    )
    return {"network": network, "adam": torch.optim.Adam(network.parameters(), lr, fused=True)}


def step(network, adam, rng):
    x = torch.randn(5, 3, 8, 8, generator=rng).contiguous(memory_format=torch.channels_last)
    adam.zero_grad()
    network(x).square().mean().backward()
    adam.step()


def saved(tmp_path, steps=3):
    """(parts, random stream, path) of a state saved after some steps."""
    before, rng = parts(0), torch.Generator().manual_seed(1)
    for _ in range(steps):
        step(**before, rng=rng)
    path = tmp_path / "state.safetensors"
    snapshot.save(path, before, rng, SETTINGS, 24, {"hours": 0.5})
    return before, rng, path


def test_what_is_restored_goes_on_bit_for_bit(tmp_path):
    before, rng, path = saved(tmp_path)
    after, other_rng = parts(9), torch.Generator().manual_seed(8)
    assert snapshot.restore(path, after, other_rng, SETTINGS, {}) == (24, {"hours": 0.5})
    for _ in range(3):
        step(**before, rng=rng)
        step(**after, rng=other_rng)
    for name in before:
        assert same(snapshot.flat(before[name]), snapshot.flat(after[name]))
    assert torch.equal(rng.get_state(), other_rng.get_state())


def test_moments_lie_in_memory_as_their_weights_do(tmp_path):
    _, rng, path = saved(tmp_path)
    after = parts(9)
    snapshot.restore(path, after, rng, SETTINGS, {})
    for weight, fields in after["adam"].state.items():
        assert fields["exp_avg"].stride() == weight.stride()
        assert fields["exp_avg_sq"].stride() == weight.stride()


def test_step_sizes_are_not_restored(tmp_path):
    _, rng, path = saved(tmp_path)
    after = parts(9, lr=0.5)
    snapshot.restore(path, after, rng, SETTINGS, {})
    assert after["adam"].param_groups[0]["lr"] == 0.5


def test_what_may_differ_does_and_what_must_not_is_named(tmp_path):
    _, rng, path = saved(tmp_path)
    snapshot.restore(path, parts(9), rng, SETTINGS | {"kimg": 5.0}, {})
    with pytest.raises(InputError, match=r"lr_g 0\.001, not 0\.1"):
        snapshot.restore(path, parts(9), rng, SETTINGS | {"lr_g": 0.1}, {})


def test_a_setting_that_an_older_state_does_not_know_has_its_default(tmp_path):
    _, rng, path = saved(tmp_path)
    snapshot.restore(path, parts(9), rng, SETTINGS | {"new": 1}, {"new": 1})
    with pytest.raises(InputError, match="new 1, not 2"):
        snapshot.restore(path, parts(9), rng, SETTINGS | {"new": 2}, {"new": 1})


def test_the_random_state_of_another_kind_of_device_gives_other_noise(tmp_path):
    before, _, path = saved(tmp_path)

    class Stream:  # as a CUDA generator tells it: 16 bytes
        def get_state(self):
            return torch.zeros(16, dtype=torch.uint8)

    snapshot.save(path, before, Stream(), SETTINGS, 24, {})
    rngs = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    for rng in rngs:
        snapshot.restore(path, parts(9), rng, SETTINGS, {})
    assert torch.equal(rngs[0].get_state(), rngs[1].get_state())
    assert rngs[0].initial_seed() not in (1, 2)


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: b"", lambda d: b"x" * 100])
def test_a_damaged_state_is_one_sentence(tmp_path, damage):
    *_, path = saved(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"state\.safetensors .*damaged") as caught:
        snapshot.read(path)
    assert "\n" not in str(caught.value)


def test_a_state_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    before, rng, path = saved(tmp_path)
    content = path.read_bytes()

    def full(tensors, file, *about):
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot, "save_file", full)
    with pytest.raises(InputError, match=r"state\.safetensors cannot be written .*No space") as e:
        snapshot.save(path, before, rng, SETTINGS, 48, {})
    assert "\n" not in str(e.value)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


# --- In the scripts. ---


def script(python, function, *arguments, module="test_snapshot"):
    """Run a function of a test module in a process of its own."""
    code = (
        f"import sys; sys.path[:0] = {[str(ROOT / 'tests'), str(HERE)]!r}\n"
        f"import {module}; {module}.{function}(*sys.argv[1:])\n"
    )
    done = python("-c", code, *arguments, timeout=1500)
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stdout


def prepare(folder):
    """A small training set, and a trainer whose grids and distances are quick."""
    torch.set_num_threads(1)
    tqdm.monitor_interval = 0  # else a thread of tqdm's may hold a lock that a fork inherits
    tqdm.set_lock(threading.RLock())  # the usual one is shared with forks; a killed one keeps it
    fit = ema.fit_average
    ema.fit_average = lambda *about, **_: fit(*about, batches=2)
    validation.measure_if_possible = lambda *about: (weight_of, "")
    data = Path(folder) / "set"
    card = {"name": "set", "source": "noise", "licence": "CC0", "framing": {"crop": 1.0}}
    with training_set.writing(data, 28, 1, card) as writer:
        for i, image in enumerate(pictures(64, 28, 1)):
            writer.add(image, f"{i}.png")
    return data


def weight_of(generator):
    """In a distance's place: a number that follows from the generator alone."""
    return float(next(generator.parameters()).sum())


weight_of.name = "distance"


def forked(work):
    """Start work() in a child; returns its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        status = work() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def die_at(event_number, folder):
    """SIGKILL for this process at the so-manieth time that it touches a file in the folder."""
    touched = []

    def hook(event, arguments):
        if event in ("open", "os.mkdir", "os.remove", "os.rename"):
            if not str(arguments[0]).startswith(str(folder)):
                return
            touched.append(None)
            if len(touched) == event_number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


OFTEN = {"log_kimg": 0.008, "snapshot_kimg": 0.016, "measure_kimg": 0.032, "grid_kimg": 0.08}
OFTEN |= {"ngf": 1, "ndf": 1}


def kill_often(folder):
    folder = Path(folder)
    data, run, random = prepare(folder), folder / "run", np.random.RandomState(7)
    train(data, folder / "warm", kimg=0.032, **OFTEN)  # what is compiled here, no child compiles
    path, best, reached, went_on = run / "state.safetensors", run / "best.safetensors", 0, 0
    for number in range(50):
        at_a_file = number % 2 == 0
        event, seconds = random.randint(1, 40), random.uniform(0, 0.25)

        def work(at_a_file=at_a_file, event=event):
            signal.alarm(60)  # ends one that waits for a lock which it inherited
            if at_a_file:
                die_at(event, run)
            train(data, run, kimg=1000.0, **OFTEN)

        child = forked(work)
        if not at_a_file:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (-signal.SIGKILL, -signal.SIGALRM)
        if path.exists():
            tensors, notes = snapshot.read(path)
            assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
            assert notes["position"] % 16 == 0
            assert notes["position"] >= reached
            went_on += notes["position"] > reached
            reached = notes["position"]
        else:
            assert reached == 0
        if best.exists():
            assert snapshot.read(best)[1]["position"] <= reached + 32
        output = [line for line in run_log.read_log(run / "log.jsonl") if "d_loss" in line]
        stored = [round(line["kimg"] * 1000) for line in output]
        assert stored == [8 * (i + 1) for i in range(len(stored))]
        assert len(stored) * 8 >= reached
    assert went_on >= 10
    # Going on gives what a run that nobody killed gives.
    kimg = (reached + 32) / 1000
    train(data, run, kimg=kimg, **OFTEN)
    train(data, folder / "whole", kimg=kimg, **OFTEN)
    for name in ("state.safetensors", "best.safetensors"):
        first, second = snapshot.read(run / name), snapshot.read(folder / "whole" / name)
        assert same(first[0], second[0]), name
        assert first[1]["position"] == second[1]["position"]
    assert losses(run) == losses(folder / "whole")
    names = [sorted(f.name for f in where.iterdir()) for where in (run, folder / "whole")]
    assert names[0] == names[1], names


@pytest.mark.slow
def test_fifty_kills_lose_only_the_steps_since_the_last_snapshot(python, tmp_path):
    script(python, "kill_often", tmp_path)


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    stored = ["state.safetensors", ".tmpfile", ".tmp.txt", "notes.tmpGTwzy8"]
    for name in (*stored, ".tmpGTwzy8", "state.safetensors.partial-7-1"):
        (tmp_path / name).write_text("x")
    atomic_files.clear(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(stored)


# --- A full disk. ---

# What writes: (module or class, name of the function that is the first to find the disk full).
WRITERS = {
    "state": (snapshot, "save"),
    "log": (run_log.Log, "write"),
    "log taken back": (run_log.Log, "drop_after"),
    "grid": (media, "save"),
    "board": (run_log.Board, "scalars"),
    "checkpoint": (checkpoint, "save"),
    "card": (model_card, "write"),
}
OPTIONS = {"batch": 8, "ngf": 1, "ndf": 1, "nz": 6, "precision": "fp32", "layout": "contiguous"}
OPTIONS |= {"log-kimg": 0.016, "snapshot-kimg": 0.016, "measure-kimg": 0.016, "grid-kimg": 0.032}


def command(data, folder, kimg):
    where = ["--runs", folder / "runs", "--checkpoints", folder / "models", "--kimg", kimg]
    options = [part for key, value in OPTIONS.items() for part in (f"--{key}", value)]
    parts = ["train", data, "--name", "x", "--tensorboard", *where, *options]
    return [str(part) for part in parts]


def output_of(work):
    """(exit status, what it printed) of work() in a child; ended if it hangs."""
    reading, writing = os.pipe()

    def quietly():
        os.close(reading)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        signal.alarm(200)
        return work()

    child = forked(quietly)
    os.close(writing)
    with open(reading) as pipe:
        output = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output


def fill_at(owner, name):
    """From the first call of a function on no file of this process can grow."""
    real = getattr(owner, name)

    def full(*arguments, **options):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        return real(*arguments, **options)

    setattr(owner, name, full)


def fill_often(folder):
    """Every writer once is the first to find the disk full."""
    folder = Path(folder)
    data, results = prepare(folder), {}
    cli.main(command(data, folder / "warm", 0.016))  # what is compiled here, no child compiles
    for name, (owner, function) in WRITERS.items():
        where = folder / name
        path = where / "runs" / "x" / "state.safetensors"
        status, output = output_of(lambda where=where: cli.main(command(data, where, 0.016)))
        assert status == 0, output
        before = snapshot.read(path)[1]["position"]

        def work(owner=owner, function=function, where=where):
            fill_at(owner, function)
            return cli.main(command(data, where, 0.048))

        status, output = output_of(work)
        after = snapshot.read(path)[1]["position"]
        loaded = checkpoint.load(where / "models" / "x").card["training"]["kimg"]
        again, _ = output_of(lambda where=where: cli.main(command(data, where, 0.048)))
        results[name] = {
            "status": status,
            "output": output,
            "positions": [before, after, snapshot.read(path)[1]["position"]],
            "loaded": loaded,
            "again": again,
        }
    print("\n" + json.dumps(results))


def sentence(output):
    """What is printed beside the progress bar."""
    rows = [row for row in output.replace("\r", "\n").splitlines() if row.strip()]
    return [row.strip() for row in rows if "img/s" not in row and "img]" not in row]


@pytest.fixture(scope="module")
def filled(python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    return json.loads(script(python, "fill_often", folder).splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_sentence_and_the_last_snapshot_goes_on(filled, writer):
    results = filled[writer]
    assert results["status"] == 2, results["output"]
    assert "Traceback" not in results["output"]
    (output,) = sentence(results["output"])
    assert output.startswith("gan_core: ")
    before, after, finished = results["positions"]
    assert before <= after
    assert results["loaded"] > 0
    assert (results["again"], finished) == (0, 48)


def fill_really(folder):
    """Leave less and less space on a small file system of its own."""
    folder = Path(folder)
    data, disk = prepare(folder), folder / "disk"
    cli.main(command(data, folder / "warm", 0.016))
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        print("no mount")
        return
    try:
        assert output_of(lambda: cli.main(command(data, disk, 0.016)))[0] == 0
        path, kimg = disk / "runs" / "x" / "state.safetensors", 0.016
        for left in (0, 8_192, 32_768, 131_072):
            with contextlib.suppress(OSError), open(disk / "filler", "wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
            os.truncate(disk / "filler", max(0, (disk / "filler").stat().st_size - left))
            kimg += 0.032
            status, output = output_of(lambda kimg=kimg: cli.main(command(data, disk, kimg)))
            assert status in (0, 2), (left, status, output)
            assert status == 2 or left, (left, output)
            assert "Traceback" not in output, (left, output)
            assert len(sentence(output)) == 1, (left, output)
            before = snapshot.read(path)[1]["position"]
            checkpoint.load(disk / "models" / "x")
            (disk / "filler").unlink()
            status, output = output_of(lambda kimg=kimg: cli.main(command(data, disk, kimg)))
            assert status == 0, output
            assert before <= snapshot.read(path)[1]["position"] == round(kimg * 1000)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_a_file_system_that_is_really_full(python, tmp_path):
    if "no mount" in script(python, "fill_really", tmp_path):
        pytest.skip("needs the right to mount a file system")
