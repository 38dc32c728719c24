"""No memory for PyTorch and no room for temporary files: one sentence at the start."""

import os
import subprocess
import sys

import pytest

from gan_core.util import errors, preflight
from gan_core.util.errors import InputError
from support import ROOT

resource = pytest.importorskip("resource", reason="needs the limits of POSIX")

PROGRAMS = {
    "gan_core": ["-m", "gan_core", "sample", "nowhere", "out.png"],
    "explorer": ["-m", "explorer", "--port", "8989"],
}


def run(arguments, limit=None, **environment):
    """A program's finished process; limit: bytes of address space."""

    def lower():
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment,
        preexec_fn=lower,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_memory_for_pytorch_is_a_sentence(program):
    done = run(PROGRAMS[program], limit=400 * 2**20)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{program}: PyTorch cannot work with the 400 MiB of memory")


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_room_for_temporary_files_is_a_sentence(program, tmp_path):
    """Python takes the first folder that it can write to; here it can write to none."""
    start = """if True:
        import os, runpy, sys, tempfile
        tempfile._candidate_tempdir_list = lambda: [os.environ["NOWHERE"]]
        runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)"""
    _, module, *rest = PROGRAMS[program]
    done = run(["-c", start, module, *rest], NOWHERE=str(tmp_path / "missing"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{program}: There is no space for temporary files")
    assert "TMPDIR" in done.stderr


def test_a_full_disk_for_temporary_files_is_a_sentence(monkeypatch):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    full = open("/dev/full", "wb")  # noqa: SIM115, `check` closes it
    monkeypatch.setattr(preflight.tempfile, "TemporaryFile", lambda: full)
    with pytest.raises(InputError, match=r"space for temporary files \(No space left on device\)"):
        preflight.check()


def test_without_a_limit_no_process_is_started(monkeypatch):
    monkeypatch.setattr(preflight, "memory_limit", lambda: None)
    monkeypatch.setattr(preflight.subprocess, "run", lambda *_, **__: pytest.fail("it was"))
    preflight.check()


def test_the_package_is_imported_without_pytorch():
    code = "import sys, gan_core.util.preflight; print('torch' in sys.modules, dir(gan_core))"
    done = run(["-c", code])
    assert done.stdout.startswith("False")
    assert "PixelIndex" in done.stdout


def test_the_public_names_are_there():
    import gan_core

    for name in gan_core.__all__:
        assert getattr(gan_core, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        _ = gan_core.nothing


def test_errors_of_pytorch_for_too_little_memory_are_known():
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert errors.is_out_of_memory(caught.value)
    assert errors.is_out_of_memory(MemoryError())
    assert not errors.is_out_of_memory(RuntimeError("shapes differ"))
