"""Nothing leaves the machine: no name is looked up, and no packet sent, by whatever language.

Each test runs a part of the project in a network of its own (see closed_network.py), which sees
look-ups made in C and C++ too. The home folder is an empty one: whatever lies in it afterwards,
outside of this project's cache, was put there by a library.
"""

import json
import os
import sys

import pytest

import closed_network
from support import ROOT

CONTROL, CONTROL_ADDRESS = "seen.example", "203.0.113.9"
LINGER = 12  # seconds; onnxruntime looks its maker's host up between 5 and 10 s after its start

# What every part begins with: a look-up in C and a packet, both of which have to be seen.
PROBE = f"""
import contextlib, os, runpy, socket, subprocess, sys, time
with contextlib.suppress(OSError):
    socket.getaddrinfo({CONTROL!r}, 80)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"seen", ({CONTROL_ADDRESS!r}, 9))

def gan_core(*words):
    code = "import sys, time; from gan_core.__main__ import main; main(); time.sleep(%d)" % {LINGER}
    subprocess.run([sys.executable, "-c", code, *words], check=True)
"""

EXPORT = 'gan_core("export", sys.argv[1], "--out", "g.onnx")'
IMPORT = (
    EXPORT
    + """
code = '''
import sys, time
from gan_core.__main__ import main
from gan_core.networks import onnx_sandbox
with open("g.onnx", "rb") as file:
    runner = onnx_sandbox.Runner(file.read())  # the process of the graph stays as long as this one
main()
time.sleep(%d)
''' % LINGER
subprocess.run([sys.executable, "-c", code, "import", "g.onnx", "again"], check=True)
assert os.path.isfile("checkpoints/again/model.json")
"""
).replace("LINGER", str(LINGER))

TRAIN = """
gan_core("train", sys.argv[2], "--name", "run", "--kimg", "0.2", "--batch", "16", "--nz", "8",
         "--ngf", "4", "--ndf", "4", "--measure-kimg", "0.1", "--measure-n", "64", "--tensorboard")
assert os.path.isfile("checkpoints/run/model.json")
"""

APP = """
import asyncio, signal, websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PAGES = "browse latents interpolate directions arithmetic neighbours memorisation photo".split()
PAGES += "card import train about".split()
address = "127.0.0.1:8599"
command = [sys.executable, "-m", "explorer", "--port", "8599", "--checkpoints", sys.argv[1]]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
assert address in server.stdout.readline()

async def see(socket, page):
    message = BackMsg()
    message.rerun_script.page_name = page
    await socket.send(message.SerializeToString())
    while True:
        answer = ForwardMsg()
        answer.ParseFromString(await socket.recv())
        if answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            if answer.WhichOneof("type") == "script_finished":
                return

async def visit():
    stream = f"ws://{address}/_stcore/stream"
    async with websockets.connect(stream, max_size=None, origin=f"http://{address}") as socket:
        for page in PAGES:
            await see(socket, page)
    for origin in ("http://rebind.example", "null", "http://[::1]:3000"):
        try:
            async with websockets.connect(stream, origin=origin):
                raise SystemExit(f"{origin} was let in")
        except websockets.InvalidStatus as refused:
            assert refused.response.status_code == 403

asyncio.run(visit())
server.send_signal(signal.SIGTERM)
server.wait()
"""

# onnxruntime as it comes, without this project; ends once its look-up has been seen.
TELEMETRY = f"""
import onnxruntime
for _ in range(600):
    time.sleep(0.1)
    with open(os.environ[{closed_network.LIVE!r}]) as file:
        if set(file.read().split()) - {{{CONTROL!r}}}:
            break
"""


@pytest.fixture(scope="module", autouse=True)
def namespaces():
    reason = closed_network.unavailable()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def closed(tmp_path):
    """Run Python code in a closed network; returns (names, addresses, files in the home folder).

    The code's own look-up and packet, which show that the network sees, are taken out.
    """
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment |= {"OMP_NUM_THREADS": "1", "TMPDIR": str(work), "LC_ALL": "C.UTF-8"}

    def run(code, *arguments):
        report = tmp_path / "report.json"
        command = [sys.executable, "-c", PROBE + code, *arguments]
        done = closed_network.run(command, report, env=environment, cwd=work, timeout=600)
        assert done.returncode == 0, done.stderr
        seen = json.loads(report.read_text())
        names, addresses = set(seen["lookups"]), {p.rpartition(":")[0] for p in seen["packets"]}
        assert CONTROL in names
        assert CONTROL_ADDRESS in addresses
        files = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
        return names - {CONTROL}, addresses - {CONTROL_ADDRESS}, files

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "packages"),
    [
        pytest.param(APP, ["websockets"], id="app"),
        pytest.param(TRAIN, ["tensorboard"], id="training"),
        pytest.param(EXPORT, ["onnxscript", "onnxruntime"], id="export"),
        pytest.param(IMPORT, ["onnxscript", "onnxruntime"], id="import"),
    ],
)
def test_nothing_is_looked_up_sent_or_left_behind(
    code, packages, closed, make_checkpoint, make_set, tmp_path
):
    for package in packages:
        pytest.importorskip(package)
    names, addresses, files = closed(code, make_checkpoint(size=64), make_set(size=64, held_out=8))
    assert names == set()
    assert addresses == set()
    assert [name for name in files if not name.startswith(".cache/latent-explorer/")] == []


@pytest.mark.slow
def test_a_look_up_made_in_c_plus_plus_is_seen(closed):
    """And so the variable is needed: onnxruntime as it comes reports to its maker."""
    pytest.importorskip("onnxruntime")
    names, _, files = closed(TELEMETRY)
    if not names and not files:
        pytest.skip("this version of onnxruntime reports nothing, whatever the variable is")
    assert any("microsoft" in name for name in names)
    assert any("onnxruntime" in name for name in files)


def test_a_child_process_inherits_the_setting(python):
    code = "import gan_core, subprocess, sys; subprocess.run([sys.executable, '-c', %r])"
    child = "import os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = python("-c", code % child, environment={"ORT_DISABLE_TELEMETRY": "0"})
    assert done.stdout == "1\n", done.stderr
