"""What several tests share: small pictures, small training sets, small checkpoints."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from gan_core import checkpoint
from gan_core.data import training_set
from gan_core.networks import registry
from support import HOSTILE, ROOT, pictures

SHARED = ROOT.parent / "shared"

torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Mark what drives Chromium, starts several processes or is hostile, for lanes of tests."""
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
        if item.path.name == "test_distributed.py":
            item.add_marker(pytest.mark.distributed)
        if item.path.name in HOSTILE:
            item.add_marker(pytest.mark.hostile)


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch, tmp_path):
    """No test touches the user's cache or leaves a signal handler behind."""
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(tmp_path / "cache"))
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def python():
    """Run Python code or a module in a fresh process; returns the finished process."""

    def run(*arguments, **options):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        environment |= options.pop("environment", {})
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, **options)

    return run


@pytest.fixture(scope="session")
def shared():
    """The folder of real images that lies beside the repository, where there is one."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the images of ../shared/data")
    return SHARED / "data"


@pytest.fixture
def make_set(tmp_path):
    """Write a training set of noise; returns its directory."""

    def make(name="set", n=64, size=32, channels=3, held_out=0, seed=0):
        directory = tmp_path / name
        card = {"name": name, "source": "noise", "licence": "CC0"}
        card["framing"] = {"crop": 1.0, "size": size, "channels": channels}
        with training_set.writing(directory, size, channels, card) as writer:
            for i, image in enumerate(pictures(n + held_out, size, channels, seed)):
                writer.add(image, f"{i}.png", held_out=i >= n)
        return directory

    return make


@pytest.fixture
def make_checkpoint(tmp_path):
    """Write a checkpoint of an untrained narrow DCGAN; returns its directory."""

    def make(name="model", size=32, channels=3, nz=8, seed=0, prior="normal", discriminator=True):
        torch.manual_seed(seed)
        architecture = {"name": "dcgan", "size": size, "channels": channels}
        architecture |= {"nz": nz, "ngf": 4, "ndf": 4}
        generator, judge = registry.build(architecture)
        for network in (generator, judge):  # statistics that are not the initial ones
            for tensor_name, tensor in network.named_buffers():
                if tensor_name.endswith("running_mean"):
                    tensor.normal_(0, 0.1)
                elif tensor_name.endswith("running_var"):
                    tensor.uniform_(0.001, 0.01)
        card = {"name": name, "architecture": architecture, "prior": {"kind": prior, "size": nz}}
        card |= {"objective": "non-saturating", "training": {}, "training_set": {}}
        directory = tmp_path / name
        checkpoint.save(directory, generator, judge if discriminator else None, card)
        return directory

    return make
