"""A running app whose folders are hostile, or are damaged while it reads them: it tells, and lives.

Checkpoints hold pipes, devices, links and huge files in the place of theirs; the images become
shorter while pages show them and a measurement reads them; the cache's disk is full.
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from gan_core.data import training_set
from gan_core.util import map_guard
from support import ROOT, pictures, save_checkpoint
from wire import PATIENCE, failures, tab

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes"),
]

# Each file of a checkpoint, and a page that reads it.
FILES = {
    "model.json": "browse",
    "generator.safetensors": "browse",
    "generator.safetensors.next": "browse",
    "discriminator.safetensors": "latents",
    "attributes.safetensors": "directions",
    "attributes_second.safetensors": "card",
    "encoder.safetensors": "photo",
    "directions.safetensors": "directions",
    "realism.safetensors": "browse",
    "seeds.safetensors": "browse",
    "memorisation.json": "memorisation",
    "memorisation-held-out.json": "memorisation",
    "README.md": "card",
    "training_set/set.json": "neighbours",
    "training_set/index.csv": "neighbours",
    "training_set/images.npy": "neighbours",
    "training_set/held_out.npy": "neighbours",
    "training_set/images.zip": "neighbours",
    "training_set/held_out.zip": "neighbours",
}

# A pipe in the place of each file, which a reader that is not careful waits for, and everything
# else in the place of one. tests/gan_core/util/test_regular_files.py tries all of both.
CASES = [(file, "pipe") for file in FILES]
CASES += [("generator.safetensors", how) for how in ("device", "link", "huge")]


def make(folder, name, n=40, seed=0, embed=False):
    """A small checkpoint with its training images in it; returns its directory."""
    packed, out = folder / f"{name}-set", folder / "checkpoints" / name
    with training_set.writing(packed, 32, 3, {"name": name}) as writer:
        for number, image in enumerate(pictures(n + 8, seed=seed)):
            writer.add(image, f"{number}.png", held_out=number >= n)
    fingerprint = training_set.read_card(packed)["fingerprint"]
    save_checkpoint(out, seed=seed, training_set={"fingerprint": fingerprint})
    (out / "README.md").write_text("# A card")
    if embed:
        training_set.embed(packed, out / "training_set")
    else:
        shutil.move(packed, out / "training_set")
    return out


class App:
    """A running app. process: its Popen; log: the file of what it says as errors."""

    def __init__(self, folder, cache=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        self.log = folder / "log"
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        environment["LATENT_EXPLORER_CACHE"] = str(cache or folder / "cache")
        command = [sys.executable, "-m", "explorer", "--port", port]
        command += ["--checkpoints", str(folder / "checkpoints")]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.address = self.process.stdout.readline().split()[-1]

    def check(self):
        """It answers, and nothing in its log is a traceback."""
        host = urlsplit(self.address)
        link = http.client.HTTPConnection(host.hostname, host.port, timeout=PATIENCE)
        link.request("GET", "/_stcore/health")
        assert link.getresponse().status == 200
        link.close()
        assert self.process.poll() is None
        assert "Traceback" not in self.log.read_text()


@contextlib.contextmanager
def started(folder, cache=None):
    app = App(folder, cache)
    try:
        yield app
        app.check()
    finally:
        app.process.kill()
        app.process.communicate()


def text_of(elements):
    """All that a page says, as one string."""
    return "\n".join(str(element) for element in elements)


def put(path, how):
    """Something hostile in the place of a file."""
    path.unlink(missing_ok=True)
    if how == "pipe":
        os.mkfifo(path)
    elif how == "huge":
        with open(path, "wb") as file:
            file.truncate(9 * 2**30)  # sparse: it takes no space
    else:
        path.symlink_to({"device": "/dev/zero", "link": "/etc/passwd"}[how])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """An app that shows a checkpoint for each of CASES."""
    folder = tmp_path_factory.mktemp("hostile")
    plain, embedded = make(folder, "plain"), make(folder, "embedded", seed=1, embed=True)
    for file, how in CASES:
        copy = folder / "checkpoints" / f"{how}-{Path(file).name}"
        shutil.copytree(embedded if file.endswith(".zip") else plain, copy)
        put(copy / file, how)
    with started(folder) as app:
        yield app


@pytest.mark.parametrize(("file", "how"), CASES)
def test_a_page_says_what_is_wrong_with_a_file(hostile, file, how):
    with tab(hostile.address) as page:
        elements = page.open(FILES[file], f"model={how}-{Path(file).name}")
    assert failures(elements) == []
    assert "root:" not in text_of(elements)
    hostile.check()


def test_images_that_become_shorter_under_pages_and_a_measurement(tmp_path):
    """Before, the next piece of them that the measurement read ended the app by SIGBUS."""
    if not map_guard.AVAILABLE:
        pytest.skip("maps are guarded on Linux only, on x86-64 and ARM")
    images = make(tmp_path, "model", n=2000) / "training_set" / "images.npy"
    with started(tmp_path) as app, tab(app.address) as shown, tab(app.address) as measuring:
        elements = shown.open("neighbours", "model=model")
        while "Nearest" not in text_of(elements):
            elements = shown.open("neighbours", "model=model")
        elements = measuring.open("memorisation", "model=model")
        buttons = [e.button for e in elements if e.WhichOneof("type") == "button"]
        press = WidgetState(id=buttons[0].id, trigger_value=True)
        assert "could not" not in text_of(measuring.send(press))
        for _ in range(1200):  # until it reads them all again and again, for a while
            said = text_of(measuring.open("memorisation", "model=model"))
            if "Nearest in pixels: samples" in said:
                break
            time.sleep(0.1)
        else:
            pytest.fail("the measurement never read the images")
        os.truncate(images, 5000)
        for seed in range(4):
            elements = shown.open("neighbours", f"model=model&seed={seed}")
            assert failures(elements) == []
            app.check()
        assert "images.npy" in text_of(elements)
        for _ in range(120):
            elements = measuring.open("memorisation", "model=model")
            said = text_of(elements)
            if "images.npy" in said or map_guard.SENTENCE in said:
                break
        else:
            pytest.fail("the measurement never reported what happened")
        assert failures(elements) == []


def test_a_full_cache_disk_is_a_sentence_on_the_page(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(cache)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        make(tmp_path, "model", n=3000)
        with started(tmp_path, cache) as app, tab(app.address) as page:
            for _ in range(60):
                elements = page.open("neighbours", "model=model")
                if "No space left on device" in text_of(elements):
                    break
            else:
                pytest.fail("the page never said that the disk is full")
            assert failures(elements) == []
    finally:
        subprocess.run(["umount", "-l", str(cache)])


def test_a_killed_import_is_not_in_the_menu(tmp_path):
    whole = make(tmp_path, "model")
    shutil.copytree(whole, whole.with_name("mine.partial-4194303-1"))
    with started(tmp_path) as app, tab(app.address) as page:
        elements = page.open("browse")
    (menu,) = (
        e.selectbox
        for e in elements
        if e.WhichOneof("type") == "selectbox"
        if "model" in e.selectbox.id
    )
    assert list(menu.options) == ["model"]


def test_json_of_a_gigabyte_costs_the_app_no_memory(tmp_path):
    whole = make(tmp_path, "model")
    shutil.copytree(whole, whole.with_name("large"))
    with open(whole.with_name("large") / "model.json", "w") as file:
        file.write(json.dumps({"format": 1})[:-1])
        file.truncate(2**30)
    with started(tmp_path) as app, tab(app.address) as page:
        page.open("browse", "model=model")
        before = memory(app.process.pid)
        assert failures(page.open("browse", "model=large")) == []
        assert memory(app.process.pid) - before < 300


def memory(pid):
    """The most memory that a process has had, MB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        pytest.skip("this system has no /proc")
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024
