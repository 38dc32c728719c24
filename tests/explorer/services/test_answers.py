"""What every answer of the app says, and what none says: headers, and routes that are closed."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

import wire
from explorer.services import allowed_hosts

BASE = "class/gan"
PAGES = ("", "browse", "_stcore/health", "_stcore/host-config", "live/worker.js", "live/nothing")
OTHERS = ("_stcore/metrics", "_stcore/upload_file/x/y", "media/x", "component/x/y", "no/such/page")


@pytest.fixture(scope="module", params=["", BASE], ids=["root", "base path"])
def address(request, tmp_path_factory):
    """The address of an app, with its base path."""
    place = tmp_path_factory.mktemp("answers")
    for folder in ("models", "runs"):
        (place / folder).mkdir()
    options = ["--base-path", request.param] if request.param else []
    with wire.serving(place, *options) as app:
        yield "/".join(filter(None, [app.address, request.param]))


def ask(address, path, method="GET", **headers):
    """(status, headers, body) of a request."""
    parts = urlsplit(address)
    link = http.client.HTTPConnection(parts.netloc, timeout=wire.PATIENCE)
    link.request(method, f"{parts.path}/{path}", headers=headers)
    answer = link.getresponse()
    body = answer.read()
    link.close()
    return answer.status, answer.headers, body


@pytest.mark.slow
@pytest.mark.parametrize("path", [*PAGES, *OTHERS])
@pytest.mark.parametrize("host", ["localhost", "rebind.example.net", "not a host"])
def test_every_answer_has_the_headers(address, path, host):
    status, headers, _ = ask(address, path, Host=host)
    assert (status in (400, 403)) >= (host != "localhost")
    assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert headers.get_all("Referrer-Policy") == ["same-origin"]
    assert len(headers.get_all("Content-Security-Policy")) == 1


@pytest.mark.slow
def test_a_refused_socket_has_them_too(address):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    status, headers, body = ask(address, "_stcore/stream", Host="rebind.example.net", **upgrade)
    assert status == 403
    assert b"does not answer to the name" in body
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize("path", ["", "/", "?families=session_events_total"])
def test_metrics_are_closed(address, method, path):
    status, _, body = ask(address, f"_stcore/metrics{path}", method)
    assert status in (404, 405)
    assert b"session" not in body
    assert b"cache" not in body


def test_no_other_site_may_steer_the_app(address):
    status, _, body = ask(address, "_stcore/host-config")
    assert status == 200
    assert json.loads(body)["allowedOrigins"] == []
    assert b"streamlit" not in body
    assert b"://" not in body


def test_an_empty_host_is_refused_in_a_whole_sentence(address):
    status, _, body = ask(address, "", Host="")
    assert (status, body.decode()) == (400, allowed_hosts.NO_HOST + "\n")
