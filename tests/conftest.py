"""What several tests share: small pictures, small training sets, small checkpoints."""

import os
import signal
import subprocess
import sys

# Before NumPy is imported: threads of BLAS that wait for one another take more time than they save.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
import torch

from gan_core.util import interrupts
from support import HOSTILE, ROOT, save_checkpoint, save_set

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
    """No test touches the user's cache or leaves a signal handler or an option behind."""
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(interrupts, "_noted", False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    options = {name for name in os.environ if name.startswith("LATENT_EXPLORER_")}
    yield
    for name in [*os.environ]:  # what `python -m explorer` sets for the app that it starts
        if name.startswith("LATENT_EXPLORER_") and name not in options:
            del os.environ[name]
    for number, handler in before.items():
        signal.signal(number, handler)


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
        return save_set(tmp_path / name, n, size, channels, held_out, seed, name)

    return make


@pytest.fixture
def make_checkpoint(tmp_path):
    """Write a checkpoint of an untrained narrow DCGAN; returns its directory."""

    def make(name="model", size=32, channels=3, nz=8, seed=0, prior="normal", discriminator=True):
        about = {"name": name, "architecture": {"size": size, "channels": channels}}
        return save_checkpoint(tmp_path / name, nz, seed, prior, discriminator, True, **about)

    return make
