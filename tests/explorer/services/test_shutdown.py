"""SIGTERM and SIGINT end a real server although work goes on in its threads."""

import itertools
import os
import signal
import socket
import subprocess
import sys

import pytest

from explorer.services import background, shutdown
from gan_core.util.errors import InputError
from support import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs the signals of POSIX")

# A measurement of 100,000 samples, which takes far longer than any test, and a job that never
# tells how far it is.
BUSY = """
import sys, threading, time
checkpoint, images, port = sys.argv[1:]
from explorer.__main__ import main
from explorer.services import background, server

def measure(tell):
    import gan_core
    from gan_core.data import training_set
    from gan_core.metrics import memorisation_report
    model = gan_core.load(checkpoint)
    def progress(words, share):
        tell(words, share)
        if not printed.is_set():
            printed.set()
            print("measuring", flush=True)
    data = training_set.load(images)
    memorisation_report.report(model, data, n=1_000_000, spaces="pixels", progress=progress)

def sleep(tell):
    time.sleep(3600)

def work():
    server.started.wait()
    background.start("sleep", sleep)
    background.start("measure", measure, long=True)

printed = threading.Event()
threading.Thread(target=work, daemon=True).start()
main(["--port", port, "--checkpoints", checkpoint])
"""


@pytest.fixture
def busy(make_checkpoint, make_set, tmp_path):
    """A server whose two threads for background work are busy."""
    model, data = make_checkpoint(), make_set("set", n=8, held_out=4)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, model, data, port],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = iter(process.stdout.readline, "")
    seen = [line.split(":")[0].strip() for line in itertools.islice(lines, 2)]
    assert sorted(seen) == ["Explorer", "measuring"]
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_a_signal_ends_the_app_although_jobs_run(busy, number):
    busy.send_signal(number)
    _, errors = busy.communicate(timeout=60)  # it went on for as long as the job before
    assert busy.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_second_signal_ends_the_app_at_once(busy):
    busy.send_signal(signal.SIGINT)
    busy.send_signal(signal.SIGINT)
    _, errors = busy.communicate(timeout=60)
    assert busy.returncode == 0
    assert "Traceback" not in errors


def test_work_that_reports_progress_stops_when_the_app_ends(monkeypatch):
    job = background.Job()
    job.tell("Working", 0.5)
    monkeypatch.setattr(shutdown.ending, "is_set", lambda: True)
    with pytest.raises(InputError):
        job.tell("Working", 0.6)
