"""The prepared command for ten minutes of a GPU, with tiny networks on the CPU."""

import importlib.util
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from gan_core import checkpoint
from gan_core.networks import registry
from gan_core.training import presets
from support import ROOT, pictures

TINY = "--ngf 4 --ndf 4 --nz 8 --batch 8 --kimg 0.064 --measure-kimg 0 --precision fp32 "
TINY += "--layout contiguous"
BENCHMARK = "--images 32 --ngf 2 --ndf 2 --batch 4 --steps 2 --blocks 1 --workers 0"


def load(folder, name):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script():
    return load("scripts", "ten_minutes_of_a_gpu")


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(pictures(24, 36)):
        Image.fromarray(image).save(folder / f"{i:02d}.png")
    return folder


def words(tmp_path, images, *more):
    given = [tmp_path / "set", "--images", images, "--out", tmp_path / "out", "--name", "tiny"]
    given += ["--size", 32, "--held-out", 4, "--runs", tmp_path / "runs", "--device", "cpu"]
    return [*map(str, given), "--minutes", "0", *more, "--", *TINY.split()]


@pytest.mark.slow
def test_from_pictures_to_what_is_worth_taking_home(script, images, tmp_path, capfd):
    assert script.main(words(tmp_path, images, "--throughput", "")) == 0
    out = tmp_path / "out"
    model = checkpoint.load(out / "tiny")
    assert model.card["training"]["kimg"] == 0.064
    assert model.card["training"]["augment_target"] == 0.6  # of the preset
    assert model.generate(model.prior.sample(2)).shape == (2, 32, 32, 3)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {"log.jsonl", "training.txt", "packing.txt", "samples/000000.png"} <= files
    assert not [name for name in files if "state" in name or "training_set" in name]
    assert "20 training images, 4 held out" in capfd.readouterr().out
    # The same command packs nothing and trains nothing twice.
    before = (out / "tiny" / "generator.safetensors").read_bytes()
    shutil.rmtree(images)
    assert script.main(words(tmp_path, images, "--throughput", "")) == 0
    assert (out / "tiny" / "generator.safetensors").read_bytes() == before


def test_files_that_are_too_large_stay_behind(script, images, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(script, "run", lambda *about: 0)
    model = tmp_path / "runs" / "checkpoints" / "tiny"
    (model / "training_set").mkdir(parents=True)
    sizes = {"generator.safetensors": script.LIMIT, "discriminator.safetensors": script.LIMIT + 1}
    for name, size in sizes.items():
        (model / name).write_bytes(bytes(size))
    assert script.main(words(tmp_path, images, "--throughput", "")) == 1
    output = capfd.readouterr().out
    assert "discriminator.safetensors is larger than 16 MiB and was not collected" in output
    collected = [path.name for path in (tmp_path / "out" / "tiny").iterdir()]
    assert collected == ["generator.safetensors"]


@pytest.mark.slow
def test_a_training_that_fails_is_no_success(script, images, tmp_path):
    assert script.main([*words(tmp_path, images, "--throughput", ""), "--objective", "hope"]) == 2


def test_the_training_has_a_time_box_on_the_gpu(script):
    options, more = script.parse(["data/faces", "--out", "o", "--", "--begin-from", "x"])
    command = [str(word) for word in script.training(options, more)]
    assert command[command.index("--minutes") + 1] == "8"
    assert command[command.index("--device") + 1] == "cuda"
    assert command[-2:] == ["--begin-from", "x"]


@pytest.mark.slow
def test_a_step_that_takes_too_long_is_stopped(script, tmp_path, capfd):
    code = ["-c", "import time; print('began'); time.sleep(600)"]
    assert script.run(code, tmp_path / "log.txt", seconds=2) == 124
    assert "Stopped after 2 seconds" in capfd.readouterr().out


def test_a_termination_is_passed_on(script, tmp_path):
    code = "import os, signal, time; os.kill(os.getppid(), signal.SIGTERM); time.sleep(600)"
    assert script.run(["-c", code], tmp_path / "log.txt") == -15


@pytest.mark.parametrize("size", [32, 64, 128])
def test_the_networks_of_the_gpu_fit_into_files_of_16_mib(script, size):
    chosen = presets.choose("gpu-faces", 10_000, size, 3)
    about = {"name": chosen["architecture"], "size": size, "channels": 3}
    about |= {name: chosen[name] for name in ("nz", "ngf", "ndf")}
    for network in registry.outline(about):
        assert checkpoint.bytes_of(network) < script.LIMIT - 2**16  # and a header


@pytest.mark.slow
def test_the_throughput_is_timed_between_steps(script, monkeypatch, tmp_path):
    """Two steps of four images between marks of one second are four images per second."""
    benchmark = load("benchmarks", "train_throughput")
    benchmark.write_images(tmp_path / "images" / "all", 16)
    benchmark.image_sources.pack(tmp_path / "images", tmp_path / "packed")
    moments = iter(np.arange(100.0).tolist())
    monkeypatch.setattr(benchmark, "mark", lambda device: next(moments))
    options = {"ngf": 2, "ndf": 2, "batch": 4, "steps": 2, "device": "cpu"}
    ours = benchmark.Ours(tmp_path, type("Options", (), options))
    played = benchmark.loop.play_round
    assert [ours.block(), ours.block()] == [4.0, 4.0]
    assert next(moments) == 2 * (2 + benchmark.WARM)
    assert benchmark.loop.play_round is played


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_events_of_the_device_are_seconds():
    benchmark = load("benchmarks", "train_throughput")
    first = benchmark.mark("cuda")
    assert 0 <= benchmark.between(first, benchmark.mark("cuda")) < 60


@pytest.mark.slow
def test_the_whole_command_with_its_measurement(script, images, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "THROUGHPUT_SECONDS", 600)
    assert script.main(words(tmp_path, images, "--throughput", BENCHMARK)) == 0
    assert '"ours_img_s"' in (tmp_path / "out" / "throughput.txt").read_text()


def test_each_row_of_samples_ends_with_the_training_image_nearest_to_the_last(tmp_path):
    script = load("scripts", "nearest_images")
    training_images = pictures(40, 16, 1)
    samples = pictures(6, 16, 1, seed=1)
    samples[2], samples[5] = training_images[7], training_images[31]
    drawn = script.figure(samples, training_images, rows=2)
    edge = script.GAP
    assert drawn.shape == (2 * (16 + 2 * edge), 4 * 16 + 2 * edge, 3)
    for row, (first, number) in enumerate([(0, 7), (3, 31)]):
        top = row * (16 + 2 * edge) + edge
        strip = drawn[top : top + 16]
        assert np.array_equal(strip[:, :16], samples[first].repeat(3, 2))
        assert np.array_equal(strip[:, -16 - edge : -edge], training_images[number].repeat(3, 2))
        assert (strip[:, -edge:] == script.EDGE).all()
