"""A running app whose visitors are not trusted, driven past its pages: sockets and requests."""

import contextlib
import http.client
import json
import os
import shlex
import sys
import time
import uuid
from urllib.parse import urlsplit

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

import gan_core
from browsing import listening
from explorer.services import model_registry
from gan_core.latent_space import directions
from gan_core.latent_space.directions import Direction
from support import save_checkpoint
from wire import PATIENCE, failures, tab

pytestmark = pytest.mark.slow

FIELDS = ("button_group", "selectbox", "text_input", "number_input", "file_uploader", "button")
PASSWORD = "correct horse"
# The app with limits that a test reaches: 2 uploads of a visitor, 3 of all, 6 MB and 9 MB; it
# forgets visitors soon.
SMALL = """
from explorer import config
from explorer.services import upload_limits
config.LIMITS["uploads"] = config.Limit(2, 3, "uploaded files", "remove one")
config.LIMITS["upload_mb"] = config.Limit(6, 9, "MB of uploaded files", "remove one")
config.UPLOADS_KEPT, upload_limits.SWEEP = 1, 0.2
from explorer.__main__ import main
main()
"""


class Address(str):
    """The address of an app that knows where its cache lies."""

    def __new__(cls, text, cache):
        address = super().__new__(cls, text)
        address.cache = cache
        return address


@contextlib.contextmanager
def app(folder, models, *options):
    """The address of an app with SMALL limits and a folder of runs."""
    environment = os.environ | {
        "PYTHONPATH": str(model_registry.ROOT),
        "LATENT_EXPLORER_CACHE": str(folder / "cache"),
        "LATENT_EXPLORER_PASSWORD": PASSWORD,
    }
    command = [sys.executable, "-c", SMALL, "--checkpoints", str(models)]
    with listening([*command, "--runs", str(folder / "runs"), *options], folder, environment) as at:
        yield Address(at, folder / "cache")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with one small model that has a direction which somebody has saved."""
    folder = tmp_path_factory.mktemp("models")
    model = gan_core.load(save_checkpoint(folder / "alpha"))
    vector = directions.unit(model.prior.sample(1)[0])
    parts = [
        Direction("component 1", vector, "component", {}),
        Direction("mine", vector, "own", {}),
    ]
    directions.save(model, parts)
    return folder


@pytest.fixture(scope="module")
def address(models, tmp_path_factory):
    """Of an app that nobody may write to: a proxy brings its visitors."""
    with app(tmp_path_factory.mktemp("app"), models, "--allowed-host", "class.example.org") as at:
        yield at


def known(element):
    return getattr(element, element.WhichOneof("type"))


def find(elements, label):
    """The widget of a label."""
    return next(known(e) for e in elements if getattr(known(e), "label", "") == label)


def click(tab, elements, label, *values):
    """Press a button, whether it is shown as available or not; returns what the page says then."""
    return tab.send(*values, WidgetState(id=find(elements, label).id, trigger_value=True))


def typed(elements, label, text):
    return WidgetState(id=find(elements, label).id, string_value=text)


def texts(elements):
    assert not failures(elements)
    return " ".join(getattr(known(e), "body", "") for e in elements).replace("\\", "")


def everything(folder):
    return sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file())


def put(address, session, size=1000, chunked=False, name="x.png"):
    """Upload a file by its address alone; returns (status, body)."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
    connection.request("GET", "/_stcore/health")
    answer = connection.getresponse()
    answer.read()
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
    body = head.encode() + bytes(size) + f"\r\n--{edge}--\r\n".encode()
    headers = {
        "Cookie": cookie,
        "X-Xsrftoken": cookie.partition("=")[2].strip('"'),
        "Content-Type": f"multipart/form-data; boundary={edge}",
    }
    path = f"/_stcore/upload_file/{session}/{uuid.uuid4()}"
    try:
        if chunked:
            parts = (body[i : i + 65536] for i in range(0, len(body), 65536))
            connection.request("PUT", path, parts, headers, encode_chunked=True)
        else:
            connection.request("PUT", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (BrokenPipeError, ConnectionResetError):  # it was refused before all of it was sent
        return 413, ""
    finally:
        connection.close()


# What is pressed although it is not available.


def test_no_direction_is_saved_or_removed(address, models):
    before = everything(models)
    with tab(address) as visitor:
        page = visitor.open("directions", "model=alpha&look=saved&along=mine%3A1")
        page = visitor.send(typed(page, "Name", "new"))
        for label in ("Into the checkpoint", "Remove"):
            assert find(page, label).disabled
            assert "--trust-visitors" in texts(click(visitor, page, label))
    assert everything(models) == before


def test_no_training_is_started(address, models):
    with tab(address) as visitor:
        page = visitor.open("train")
        page = visitor.send(typed(page, "Name", "mine"))
        assert find(page, "Start").disabled
        assert "`--trust-visitors` and `--training`" in texts(click(visitor, page, "Start"))
        page = visitor.open("train")
        assert "There is no run yet." in texts(page)


def test_the_form_says_why_it_is_not_available(address):
    with tab(address) as visitor:
        page = visitor.open("train")
        assert "`--trust-visitors` and `--training`" in texts(page)
        fields = [known(e) for e in page if e.WhichOneof("type") in FIELDS]
        labels = {field.label for field in fields}
        assert labels >= {"Name", "Preset", "Size in pixels", "Or in minutes"}
        open_to_all = ("Load a tray", "Forget", "Add this view to a lesson")  # beside every page
        assert [f.label for f in fields if not f.disabled and f.label not in open_to_all] == []
        page = visitor.send(typed(page, "Name", "mine"))
        assert "mine" not in str([known(e) for e in page if e.WhichOneof("type") == "code"])


@pytest.mark.parametrize(
    ("options", "whole"),
    [([], True), (["--trust-visitors", "--allowed-host", "class.example.org"], False)],
)
def test_only_the_owner_sees_where_things_lie(models, tmp_path, options, whole):
    (tmp_path / "runs" / "bad").mkdir(parents=True)
    place = tmp_path / "runs" / "bad"
    command = f"python -m gan_core train --images {tmp_path}/x.zip --runs {tmp_path}/runs"
    words = shlex.split(command)
    process = {"command": shlex.join([sys.executable, *words[1:]]), "cwd": str(tmp_path)}
    process |= {"pid": 1, "began": 1.0, "processes": 1, "ended": "failed"}
    process["reason"] = f"{tmp_path}/x.zip is damaged."
    (place / "process.json").write_text(json.dumps(process), "utf-8")
    (place / "output.log").write_text(f"$ {command}\n{tmp_path}/x.zip\n", "utf-8")
    with app(tmp_path, models, *options) as address, tab(address) as visitor:
        page = str(visitor.open("train", "run=bad"))
        assert "x.zip is damaged" in page.replace("\\", "")
        assert page.count("x.zip") >= 3
        for name in ("directions", "memorisation", "about", "import", "card"):
            page += str(visitor.open(name, "model=alpha"))
        assert (str(tmp_path) in page) == whole
        assert (str(models) in page) == whole


def test_nothing_is_imported(address, models):
    before = everything(models)
    with tab(address) as visitor:
        page = visitor.open("import")
        field = find(page, "Weights of the generator")
        assert field.disabled
        state = WidgetState(id=field.id)
        file = state.file_uploader_state_value.uploaded_file_info.add()
        file.file_id, file.name, file.size = str(uuid.uuid4()), "netG.pth", 1000
        page = visitor.send(state)
        assert "--trust-visitors" in texts(page)
        assert not [e for e in page if getattr(known(e), "label", "") == "Import"]
    assert everything(models) == before


def test_nothing_is_measured_or_prepared(address):
    with tab(address) as visitor:
        page = visitor.open("directions", "model=beta")  # whose directions nobody has computed
        assert "--trust-visitors" in texts(page)
        page = visitor.open("latents", "model=beta&browser=1")
        assert find(page, "Run this model in my browser").disabled
        assert "--trust-visitors" in texts(page)
        press = WidgetState(id=find(page, "Run this model in my browser").id, bool_value=True)
        assert "--trust-visitors" in texts(visitor.send(press))
    assert not {"directions", "onnx"} & {path.name for path in address.cache.rglob("*")}


# Uploads.


def test_a_stranger_uploads_no_more_than_pages_take_from_strangers(address):
    with tab(address) as visitor:
        page = visitor.open("neighbours", "model=alpha")
        assert put(address, visitor.session, 5 * 2**20 + 10**6)[0] == 413
        page = visitor.hear()
        assert "larger than 5 MB" in texts(page)
        assert put(address, visitor.session, 7 * 2**20, chunked=True)[0] == 413
        assert "larger than 5 MB" in texts(visitor.hear())


def test_uploads_are_limited_for_each_and_for_all_and_go_with_their_visitor(address):
    with tab(address) as first:
        first.open("browse", "model=alpha")
        assert [put(address, first.session)[0] for _ in range(2)] == [204, 204]
        status, body = put(address, first.session)
        assert (status, body.count(".")) == (413, 1)
        assert body.startswith("At most 2 uploaded files")
        assert body in texts(first.hear())
        with tab(address) as second:
            second.open("browse", "model=alpha")
            assert put(address, second.session)[0] == 204
            status, body = put(address, second.session)
            assert status == 413
            assert "all visitors together" in body
    until = time.monotonic() + PATIENCE
    with tab(address) as third:
        third.open("browse", "model=alpha")
        while put(address, third.session)[0] != 204:
            assert time.monotonic() < until
            time.sleep(0.2)


def test_megabytes_are_limited_too(address):
    with tab(address) as visitor:
        visitor.open("browse", "model=alpha")
        until = time.monotonic() + PATIENCE
        while put(address, visitor.session, 3 * 2**20)[0] != 204:  # those of other tests go first
            assert time.monotonic() < until
            time.sleep(0.2)
        status, body = put(address, visitor.session, 4 * 2**20)
        assert status == 413
        assert body.startswith("At most 6 MB")


def test_the_session_of_nobody_uploads_nothing(address):
    assert put(address, str(uuid.uuid4()))[0] == 400


# The password.


def test_a_password_opens_one_session(models, tmp_path):
    with app(tmp_path, models, "--password") as address, tab(address) as visitor:
        page = visitor.open("directions", "model=alpha&look=saved&along=mine%3A1")
        assert "password in the sidebar" in texts(page)
        page = click(visitor, page, "Unlock", typed(page, "Password", "wrong"))
        assert "This is not the password." in texts(page)
        assert find(page, "Remove").disabled
        page = click(visitor, page, "Unlock", typed(page, "Password", PASSWORD))
        assert not find(page, "Remove").disabled
        with tab(address) as other:
            page = other.open("directions", "model=alpha&look=saved&along=mine%3A1")
            assert find(page, "Remove").disabled
            for _ in range(10):
                page = click(other, page, "Unlock", typed(page, "Password", "guess"))
            assert "Too many wrong passwords" in texts(page)
            page = click(other, page, "Unlock", typed(page, "Password", PASSWORD))
            assert find(page, "Remove").disabled
        # Locked and pressed in one message: the page with the button was drawn before.
        page = visitor.open("directions", "model=alpha&look=saved&along=mine%3A1")
        before = everything(models)
        lock, remove = (find(page, label) for label in ("Lock", "Remove"))
        assert not remove.disabled
        click(visitor, page, "Remove", WidgetState(id=lock.id, trigger_value=True))
        assert everything(models) == before
        command = f"/proc/{os.getpid()}"  # only where there is such a folder
        if os.path.isdir(command):
            lines = [
                line
                for pid in filter(str.isdigit, os.listdir("/proc"))
                for line in [read(f"/proc/{pid}/cmdline")]
            ]
            assert not any(PASSWORD.encode() in line for line in lines)


def read(path):
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""
