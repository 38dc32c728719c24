"""Whatever is uploaded to a field of a page: the page stays, and says in a sentence what is wrong.

The app runs and listens for others, who are trusted, so that nothing is refused beforehand. After
each file every button that it made available is pressed.
"""

import contextlib
import http.client
import json
import os
import signal
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

import everything
import odd_files
import wire
from explorer.state import lesson
from support import ROOT, needs_avatars

DATA = ROOT / "tests" / "data" / "format-1"
HANG = 5  # seconds of the app's own work on one file
OFTEN = 3  # messages in which a page may press what a file made available
FIELDS = {  # page -> (link, ending, what it is tried with)
    "train": ("", "zip", lambda: [*odd_files.anything(), *odd_files.zips()]),
    "import": ("", "", lambda: [*odd_files.anything(), *odd_files.weights()]),
    "neighbours": ("ask=upload", "png", lambda: [*odd_files.anything(), *odd_files.pictures()]),
    "photo": ("", "png", lambda: [*odd_files.anything(), *odd_files.pictures()]),
    "directions": (
        "look=saved",
        "safetensors",
        lambda: [*odd_files.anything(), *odd_files.weights()],
    ),
    "arithmetic": (
        "",
        "json",
        lambda: [*odd_files.anything(), *odd_files.texts(text("arithmetic"))],
    ),
    "tray": ("", "json", lambda: [*odd_files.anything(), *odd_files.texts(text("tray"))]),
    "lessons": ("", "json", lambda: [*odd_files.anything(), *odd_files.texts(lesson_text())]),
    "game": ("", "csv", lambda: [*odd_files.anything(), *odd_files.texts()]),
}
KEYS = {  # of the upload fields, in their ids
    "train": "new-upload",
    "import": "",
    "neighbours": "picture-upload",
    "photo": "photo-file",
    "directions": "load-directions",
    "arithmetic": "arithmetic-upload",
    "tray": "tray-upload",
    "lessons": "lesson-upload",
    "game": "game-points",
}

pytestmark = [
    pytest.mark.slow,
    needs_avatars,
]


def lesson_text():
    return (lesson.FOLDER / lesson.SHIPPED["invented"]).read_text("utf-8")


def text(name):
    return (DATA / f"{name}.json").read_text("utf-8")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    place = everything.make_place(tmp_path_factory.mktemp("uploads"), run=False)
    with wire.serving(place, "--address", "0.0.0.0", "--trust-visitors") as found:
        yield found
    for started in (place / "runs").glob("*/started.json"):  # runs go on after the app
        with contextlib.suppress(OSError):
            os.kill(json.loads(started.read_text("utf-8"))["pid"], signal.SIGKILL)


def upload(app, session, field, name, content):
    """The state of an upload field to which a file was uploaded."""
    link = http.client.HTTPConnection(urlsplit(app.address).netloc, timeout=wire.PATIENCE)
    link.request("GET", "/_stcore/health")
    answer = link.getresponse()
    answer.read()
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    edge, file_id = uuid.uuid4().hex, str(uuid.uuid4())
    quoted = name.replace('"', "%22").replace("\n", "%0A").encode("utf-8", "replace")
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{file_id}"; filename="'.encode()
    body = head + quoted + b'"\r\n\r\n' + content + f"\r\n--{edge}--\r\n".encode()
    headers = {
        "Cookie": cookie,
        "X-Xsrftoken": cookie.partition("=")[2].strip('"'),
        "Content-Type": f"multipart/form-data; boundary={edge}",
    }
    link.request("PUT", f"/_stcore/upload_file/{session}/{file_id}", body, headers)
    status = link.getresponse().status
    link.close()
    assert status in (204, 400, 413), (name, status)
    state = WidgetState(id=field)
    info = state.file_uploader_state_value.uploaded_file_info.add()
    info.file_id, info.name, info.size = file_id, name, len(content)
    info.file_urls.file_id = file_id
    return state


def buttons(elements):
    """The ids of the buttons that may be pressed."""
    found = [e.button for e in elements if e.WhichOneof("type") == "button"]
    return {each.id for each in found if not each.disabled}


def tried(app, page, name, content, hang=HANG):
    """Upload a file to a page's field, press what it made available; nothing may go wrong."""
    link = FIELDS[page][0]
    before = len(app.log())
    worked = cpu(app)
    with wire.tab(app.address) as tab:
        elements = tab.open("browse" if page == "tray" else page, f"model=alpha&{link}")
        toggles = [e.checkbox for e in elements if e.WhichOneof("type") == "checkbox"]
        new = [WidgetState(id=t.id, bool_value=True) for t in toggles if t.label == "New run"]
        if new:  # there is a run already, and the form is folded away
            elements = tab.send(*new)
        field = next(
            widget
            for widget, kind in wire.widgets(elements).items()
            if kind == "file_uploader" and KEYS[page] in widget
        )
        named = new + [
            WidgetState(id=each.text_input.id, string_value=f"x{uuid.uuid4().hex[:8]}")
            for each in elements
            if each.WhichOneof("type") == "text_input" and each.text_input.label == "Name"
        ]
        usual = buttons(elements)
        elements = tab.send(*named, state := upload(app, tab.session, field, name, content))
        # The search for the latent of a photo takes minutes.
        for _ in range(0 if page == "photo" else OFTEN):
            assert not wire.failures(elements)
            more = sorted(buttons(elements) - usual)
            if not more:
                break
            usual |= set(more)
            elements = tab.send(*named, state, WidgetState(id=more[0], trigger_value=True))
        assert not wire.failures(elements)
    log = app.log()[before:]
    assert "Traceback" not in log, log[-3000:]
    assert cpu(app) - worked < hang, f"{cpu(app) - worked:.1f} s of work"


def cpu(app):
    """Seconds that the app has worked."""
    fields = Path(f"/proc/{app.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("page", FIELDS)
def test_no_file_ends_in_more_than_a_sentence(app, page):
    _, ending, files = FIELDS[page]
    # The first file makes the page import its libraries.
    tried(app, page, f"first.{ending}", b"first", hang=60)
    for name, content in files():
        given = f"{name}.{ending}" if ending else name
        try:
            tried(app, page, given, content)
        except Exception as error:
            raise AssertionError(f"{page}: {name}") from error


@pytest.mark.parametrize("page", FIELDS)
def test_a_file_may_have_any_name(app, page):
    ending = FIELDS[page][1] or "pth"
    for name in odd_files.NAMES:
        for given in (f"{name}.{ending}", f"{name}.exe"):
            try:
                tried(app, page, given, b"x")
            except Exception as error:
                raise AssertionError(f"{page}: {given!r}") from error
    assert sorted(path.name for path in app.place.iterdir()) == ["cache", "log", "models", "runs"]
