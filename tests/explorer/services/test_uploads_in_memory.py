"""A photo touches no disk: neither while it arrives nor afterwards."""

import http.client
import os
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import wire
from explorer.services import server, training_data
from gan_core.data import photo_alignment
from support import AVATARS, needs_avatars

MB = 2**20

pytestmark = needs_avatars


def test_every_picture_that_is_taken_is_held_in_memory():
    # What frames the file in the message is not counted.
    assert max(photo_alignment.MAX_BYTES, training_data.MAX_BYTES) < server.IN_MEMORY
    assert server.MultiPartParser.spool_max_size == server.IN_MEMORY


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    place = tmp_path_factory.mktemp("uploads")
    (place / "models").mkdir()
    (place / "models" / "avatars").symlink_to(AVATARS)
    (place / "runs").mkdir()
    with wire.serving(place) as running:
        yield running


def unnamed_files(pid):
    """Files that a process has open and that have no name on any disk."""
    targets = []
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(handle)
        except OSError:
            continue
        if target.endswith("(deleted)") and "memfd" not in target:
            targets.append(target)
    return set(targets)


def send(app, session, size):
    """Upload a file of a size; returns (status, unnamed files that were open before its end)."""
    place = urlsplit(app.address)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    connection.request("GET", "/_stcore/health")
    answer = connection.getresponse()
    answer.read()
    token = answer.getheader("Set-Cookie", "").partition("=")[2].partition(";")[0]
    content = os.urandom(size)
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="f"; filename="photo.png"\r\n\r\n'
    end = f"\r\n--{mark}--\r\n".encode()
    before = unnamed_files(app.pid)
    connection.putrequest("PUT", f"/_stcore/upload_file/{session}/{uuid.uuid4()}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={mark}")
    connection.putheader("Content-Length", str(len(head) + len(content) + len(end)))
    connection.putheader("Cookie", f"_streamlit_xsrf={token}")
    connection.putheader("X-Xsrftoken", token)
    connection.endheaders()
    connection.send(head.encode() + content)
    # The server has taken in all that was sent, once it answers somebody else afterwards.
    for _ in range(20):
        other = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        other.request("GET", "/_stcore/health")
        other.getresponse().read()
        other.close()
    during = unnamed_files(app.pid) - before
    connection.send(end)
    status = connection.getresponse().status
    connection.close()
    return status, during


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_photo_is_in_no_file_while_it_arrives(app):
    with wire.tab(app.address) as tab:
        tab.open("photo", "model=avatars")
        assert tab.session
        assert send(app, tab.session, 9 * MB) == (204, set())
        # A file that is larger than any photo shows that this test can see one.
        status, files = send(app, tab.session, 40 * MB)
    assert status == 204
    assert len(files) == 1
