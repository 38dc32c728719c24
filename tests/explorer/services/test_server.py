"""What the app serves to browsers that draw by themselves, and that drawing, in a real browser."""

import base64
import gzip
import hashlib
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from starlette.routing import Match

import gan_core
from explorer.services import model_registry, server
from gan_core import checkpoint, export_onnx
from gan_core.networks import registry
from gan_core.util import atomic_files
from support import AVATARS

onnx = pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxscript", reason="needs onnxscript")
pytest.importorskip("onnxruntime", reason="needs onnxruntime")

RUNTIME = model_registry.ROOT / "explorer" / "components" / "runtime"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), 0
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE = 120_000  # ms; only ends a test that would wait for ever
PLAIN = "a" * 64  # the name of a model that draws its latent: what comes in goes out
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache folder for the app and for what this file exports."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("LATENT_EXPLORER_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def same_cache(cache, undisturbed, monkeypatch):
    """The cache that the running app has, in place of the one of each test."""
    monkeypatch.setenv("LATENT_EXPLORER_CACHE", str(cache))


@pytest.fixture(scope="module")
def gray(tmp_path_factory, cache):
    """A small model of one channel and 28 pixels, exported."""
    torch.manual_seed(0)
    architecture = {"name": "residual", "size": 28, "channels": 1, "nz": 5, "ngf": 4, "ndf": 4}
    card = {"name": "gray", "architecture": architecture, "prior": {"kind": "normal", "size": 5}}
    card |= {"objective": "hinge", "training": {}, "training_set": {}}
    directory = tmp_path_factory.mktemp("checkpoints") / "gray"
    checkpoint.save(directory, *registry.build(architecture), card)
    model = gan_core.load(directory)
    export_onnx.cached(model)
    return model


@pytest.fixture(scope="module")
def avatars(cache):
    if not (AVATARS / "model.json").exists():
        pytest.skip("needs checkpoints/avatars")
    model = gan_core.load(AVATARS)
    export_onnx.cached(model)
    return model


@pytest.fixture(scope="module")
def address(cache, gray, tmp_path_factory):
    """The address of a running app that shows one small model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "explorer", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--checkpoints", str(gray.directory)],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env=os.environ | {"PYTHONPATH": str(model_registry.ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == f"Explorer: http://127.0.0.1:{port}\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate()


def get(address, path):
    """(status, headers, body) of a path, sent as it is: nothing is made shorter or decoded."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc)
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()


@pytest.mark.slow
def test_the_runtime_is_what_its_readme_says():
    listed = dict(re.findall(r"`(\S+)` \| `([0-9a-f]{64})`", (RUNTIME / "README.md").read_text()))
    assert set(listed) == set(server.KINDS)
    for name, digest in listed.items():
        packed = (RUNTIME / f"{name}.gz").read_bytes()
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == digest
        assert packed[3:8] == bytes(5)  # gzip -n: no name and no time, so it can be made again
    assert f"onnxruntime-web@{server.RUNTIME}" in (RUNTIME / "README.md").read_text()
    assert "Microsoft" in (RUNTIME / "LICENSE").read_text()


@pytest.mark.slow
def test_a_page_gets_the_urls_of_a_model(gray):
    assert not server.available()  # this process serves nothing
    urls = server.urls(gray)
    assert set(urls) == {"worker", "runtime", "wasm", "model"}
    digest = gray.card["files"]["generator.safetensors"]
    assert urls["model"] == f"live/models/{digest}.onnx?v={export_onnx.VERSION}"


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "/some/base"])
def test_the_routes_answer_below_any_base_path(before):
    def answering(path):
        scope = {"type": "http", "method": "GET", "path": before + path, "headers": []}
        routes = [route for route in server.ROUTES if route.matches(scope)[0] is Match.FULL]
        return routes[0].endpoint if routes else None

    assert answering("/live/worker.js") is server.send_worker
    assert answering("/live/runtime/1/x") is server.send_runtime
    assert answering("/live/models/x") is server.send_model
    assert answering("/live/else") is server.missing
    assert answering("/live") is None  # a page may be called that
    assert answering("/browse") is None


@pytest.mark.slow
@pytest.mark.parametrize("name", server.KINDS)
def test_the_runtime_is_served(address, name):
    status, headers, body = get(address, f"/live/runtime/{server.RUNTIME}/{name}")
    assert status == 200
    assert headers["content-type"].startswith(server.KINDS[name])
    assert headers["content-encoding"] == "gzip"
    assert "immutable" in headers["cache-control"]
    assert body == (RUNTIME / f"{name}.gz").read_bytes()


@pytest.mark.slow
def test_the_worker_is_served_and_revalidated(address):
    status, headers, body = get(address, "/live/worker.js")
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    assert status == 200
    assert headers["content-type"].startswith("text/javascript")
    assert headers["cache-control"] == "no-cache"
    assert body == (model_registry.ROOT / "explorer" / "components" / "worker.js").read_bytes()


@pytest.mark.slow
def test_a_model_is_served(address, gray):
    path = export_onnx.cached(gray)
    status, headers, body = get(address, "/" + server.urls(gray)["model"])
    assert status == 200
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-encoding"] == "identity"
    assert "immutable" in headers["cache-control"]
    assert body == path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "browse", "_stcore/health"])
def test_streamlits_own_routes_still_answer(address, path):
    assert get(address, f"/{path}")[0] == 200


WRONG = [
    "/live/",
    "/live/worker.js/",
    "/live/worker.py",
    "/live/runtime/0.0.0/ort.wasm.bundle.min.mjs",
    "/live/runtime/{version}/README.md",
    "/live/runtime/{version}/ort.wasm.bundle.min.mjs.gz",
    "/live/models/",
    "/live/models/{digest}",
    "/live/models/{digest}.json",
    "/live/models/{digest}-1.onnx",
    "/live/models/{digest}.onnx.onnx",
    "/live/models/{digest}.onnx%0a",
    "/live/models/{DIGEST}.onnx",
    "/live/models/{short}.onnx",
    "/live/models/0{digest}.onnx",
    "/live/models/" + "0" * 64 + ".onnx",
    "/live/models/" + "１" * 64 + ".onnx",
    "/live/models/sub/{digest}.onnx",
    "/live/models/./{digest}.onnx",
]
# Streamlit refuses most of these with 400 before any route sees them.
TRICKS = [
    "/live/models/..%5c{digest}.onnx",
    "/live/models/{digest}.onnx%00",
    "/live/runtime/{version}/../worker.js",
    "/live/models/../models/{digest}.onnx",
    "/live/models/..%2f..%2f..%2fetc%2fpasswd",
    "/live/models/%2e%2e/%2e%2e/worker.js",
    "/live/runtime/{version}/..%2f..%2f..%2fserver.py",
    "/live/models//etc/passwd",
    "//live/models/{digest}.onnx",
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "allowed"), [(path, [404]) for path in WRONG] + [(path, [400, 404]) for path in TRICKS]
)
def test_other_names_and_ways_out_are_not_served(address, gray, path, allowed):
    digest = gray.card["files"]["generator.safetensors"]
    names = {"digest": digest, "DIGEST": digest.upper(), "short": digest[1:]}
    path = path.format(version=server.RUNTIME, **names)
    path = "".join(c if c.isascii() else "".join(f"%{b:02x}" for b in c.encode()) for c in path)
    status, _, body = get(address, path)
    assert status in allowed
    assert len(body) < 100


@pytest.mark.slow
def test_a_damaged_file_of_the_cache_is_not_served(address):
    path = export_onnx.place("d" * 64)
    path.write_bytes(b"whole")
    atomic_files.write_json(
        export_onnx.note(path), {"sha256": hashlib.sha256(b"whole").hexdigest()}
    )
    assert get(address, f"/live/models/{'d' * 64}.onnx")[::2] == (200, b"whole")
    path.write_bytes(b"whale")
    assert get(address, f"/live/models/{'d' * 64}.onnx")[0] == 404


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """A page of the app, with a worker that has loaded nothing yet and a way to ask it."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(error))
    page.goto(f"{address}/card?model=gray")
    page.evaluate(
        """() => {
            window.worker = new Worker(
                new URL("live/worker.js", document.baseURI), {type: "module"});
            window.thrown = [];
            worker.onerror = (event) => thrown.push(event.message ?? "the worker did not load");
        }"""
    )
    yield page
    assert page.evaluate("thrown") == []
    assert page.troubles == []
    context.close()


def ask(page, **message):
    """Send the worker a message; returns its answer, pixels as uint8 (n, side, side, 4)."""
    if "z" in message:
        message["z"] = np.float32(message["z"]).ravel().astype(float).tolist()
    answer = page.evaluate(
        """message => new Promise((done, fail) => {
            worker.addEventListener("error", () => fail("the worker threw"), {once: true});
            worker.addEventListener("message", ({data}) => {
                if (data.pixels) {
                    data.type = data.pixels.constructor.name;
                    let text = "";
                    for (let i = 0; i < data.pixels.length; i += 8192)
                        text += String.fromCharCode(...data.pixels.subarray(i, i + 8192));
                    data.pixels = btoa(text);
                }
                done(data);
            }, {once: true});
            if (message.z) message.z = new Float32Array(message.z);
            for (const name of ["runtime", "wasm", "model"])
                if (message[name]) message[name] = new URL(message[name], document.baseURI).href;
            worker.postMessage(message);
        })""",
        message,
    )
    if "pixels" in answer:
        flat = np.frombuffer(base64.b64decode(answer["pixels"]), np.uint8)
        answer["pixels"] = flat.reshape(answer["n"], answer["side"], answer["side"], 4)
    return answer


def load(page, drawer, **changes):
    urls = server.urls(drawer) | changes
    urls.pop("worker")
    return ask(page, kind="load", **urls)


def is_sentence(text):
    return bool(re.fullmatch(r"[A-Z][^\n]{10,200}\.", text))


@needs_browser
def test_the_browser_draws_what_pytorch_draws(page, avatars):
    ready = load(page, avatars)
    assert ready["kind"] == "ready", ready
    assert ready["bytes"] == export_onnx.cached(avatars).stat().st_size
    assert ready["ms"] > 0
    z = avatars.prior.sample(64, seed=0)
    expected = avatars.generate(z)
    for n in (1, 64):
        drawn = ask(page, kind="draw", token=f"t{n}", z=z[:n], n=n)
        assert (drawn["kind"], drawn["token"], drawn["n"]) == ("drawn", f"t{n}", n), drawn
        assert drawn["type"] == "Uint8ClampedArray"
        pixels = drawn["pixels"]
        assert (pixels[..., 3] == 255).all()
        apart = np.abs(pixels[..., :3].astype(int) - expected[:n])
        assert apart.max() <= 1, f"{(apart > 0).sum()} of {apart.size} values differ"
        assert (apart > 0).mean() < 1e-3, f"{(apart > 0).sum()} of {apart.size} values differ"


@needs_browser
def test_gray_pictures_are_spread_to_three_channels(page, gray):
    assert load(page, gray)["kind"] == "ready"
    z = gray.prior.sample(3, seed=0)
    drawn = ask(page, kind="draw", token=1, z=z, n=3)
    pixels = drawn["pixels"]
    assert pixels.shape == (3, 28, 28, 4)
    assert np.abs(pixels[..., :1].astype(int) - gray.generate(z)).max() <= 1
    assert (pixels[..., :3] == pixels[..., :1]).all()
    assert (pixels[..., 3] == 255).all()


@needs_browser
def test_values_become_levels_exactly_as_in_numpy(page, gray):
    side = 16
    shape = onnx.numpy_helper.from_array(np.int64([-1, 3, side, side]), "shape")
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Reshape", ["z", "shape"], ["images"])],
        "identity",
        [onnx.helper.make_tensor_value_info("z", kind, ["n", 3 * side**2])],
        [onnx.helper.make_tensor_value_info("images", kind, ["n", 3, side, side])],
        [shape],
    )
    opset = [onnx.helper.make_opsetid("", export_onnx.OPSET)]
    path = export_onnx.place(PLAIN)
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    atomic_files.write_json(export_onnx.note(path), {"sha256": checkpoint.sha256(path)})
    assert load(page, gray, model=f"live/models/{PLAIN}.onnx")["kind"] == "ready"

    # Between two levels, a little to either side of it, and beyond both ends.
    halves = np.float32((np.arange(255) + 0.5) / 127.5 - 1)
    values = [halves, np.nextafter(halves, np.float32(2)), np.nextafter(halves, np.float32(-2))]
    values += [np.float32([-2, -1, 1, 2, -1.00001, 1.00001]), np.linspace(-1.01, 1.01, 3000)]
    values = np.float32(np.concatenate(values))
    values = np.resize(values, (-(-len(values) // (3 * side**2)), 3, side, side))
    expected = checkpoint.to_uint8(values).transpose(0, 2, 3, 1)
    drawn = ask(page, kind="draw", token=1, z=values, n=len(values))
    assert np.array_equal(drawn["pixels"][..., :3], expected)


@needs_browser
def test_without_a_network_drawing_goes_on(page, gray):
    assert load(page, gray)["kind"] == "ready"
    page.context.set_offline(True)
    z = gray.prior.sample(2, seed=9)
    drawn = ask(page, kind="draw", token=1, z=z, n=2)
    assert np.abs(drawn["pixels"][..., :1].astype(int) - gray.generate(z)).max() <= 1
    # The browser has cached the model, and the network really is cut.
    assert load(page, gray)["kind"] == "ready"
    failed = load(page, gray, model="live/models/" + "0" * 64 + ".onnx")
    assert failed["reason"] == "The model could not be fetched: the server does not answer."
    page.context.set_offline(False)


@needs_browser
def test_a_damaged_model_in_the_browsers_cache_is_fetched_again(page, gray):
    assert load(page, gray)["kind"] == "ready"
    page.evaluate(
        """async url => {
            const shelf = await caches.open("gan-models");
            const [cached] = await shelf.keys();
            if (cached.url !== new URL(url, document.baseURI).href) throw Error(cached.url);
            await shelf.put(cached, new Response("damaged"));
        }""",
        server.urls(gray)["model"],
    )
    ready = load(page, gray)
    assert (ready["kind"], ready["bytes"]) == ("ready", export_onnx.cached(gray).stat().st_size)


@needs_browser
def test_without_a_shelf_the_model_is_fetched(page, gray):
    page.evaluate(
        """async () => {
            const source = await (await fetch(new URL("live/worker.js", document.baseURI))).text();
            const code = "Object.defineProperty(self, 'caches', {value: undefined});" + source;
            const url = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
            worker.terminate();
            window.worker = new Worker(url, {type: "module"});
        }"""
    )
    assert load(page, gray)["kind"] == "ready"
    assert page.evaluate("caches.keys()") == []


@needs_browser
def test_what_cannot_be_loaded_or_drawn_is_a_sentence(page, gray, address):
    z = gray.prior.sample(1)
    early = ask(page, kind="draw", token=1, z=z, n=1)
    assert (early["kind"], early["token"]) == ("failed", 1)
    nowhere = load(page, gray, model="live/models/" + "0" * 64 + ".onnx")
    assert nowhere["kind"] == "failed"
    assert nowhere["reason"] == "The model could not be fetched: the server says 404."
    no_model = load(page, gray, model="live/worker.js")
    assert no_model["kind"] == "failed"
    after = ask(page, kind="draw", token=2, z=z, n=1)
    assert after["kind"] == "failed"

    assert load(page, gray)["kind"] == "ready"  # it gets over all of that
    short = ask(page, kind="draw", token=3, z=z[:, 1:], n=1)
    assert (short["kind"], short["token"]) == ("failed", 3)
    none = ask(page, kind="draw", token=4, z=z[:0], n=0)
    assert (none["kind"], none["token"]) == ("failed", 4)
    for answer in (early, nowhere, no_model, after, short, none):
        assert is_sentence(answer["reason"]), answer
    assert ask(page, kind="draw", token=5, z=z, n=1)["kind"] == "drawn"


@needs_browser
@pytest.mark.parametrize("part", ["runtime", "wasm"])
def test_a_runtime_that_is_not_there_is_a_sentence(page, gray, part):
    failed = load(page, gray, **{part: "live/runtime/0.0.0/nothing"})
    assert failed["kind"] == "failed"
    assert is_sentence(failed["reason"])


@needs_browser
def test_many_requests_at_once_are_answered_in_order(page, gray):
    assert load(page, gray)["kind"] == "ready"
    z = gray.prior.sample(8, seed=0)
    tokens = page.evaluate(
        """rows => new Promise(done => {
            const seen = [];
            worker.addEventListener("message", ({data}) => {
                seen.push(data.kind === "drawn" ? data.token : data.reason);
                if (seen.length === rows.length) done(seen);
            });
            rows.forEach((z, token) => worker.postMessage(
                {kind: "draw", token, z: new Float32Array(z), n: 1}));
        })""",
        z.astype(float).tolist(),
    )
    assert tokens == list(range(8))
