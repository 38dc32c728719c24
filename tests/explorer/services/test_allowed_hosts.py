"""Which names a running app answers to, on HTTP and on WebSockets, and which it refuses."""

import os
import re
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from browsing import running
from explorer import __main__ as start
from explorer.services import allowed_hosts
from gan_core.util.errors import InputError
from support import AVATARS, ROOT

BASE = "class/gan"
GIVEN = "class.example.org"
UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
STREAM = "_stcore/stream"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """The port of an app below a base path that also answers to GIVEN and to a name of umlauts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_EXPLORER_CACHE", str(tmp_path_factory.mktemp("cache")))
        options = ["--allowed-host", GIVEN, "--allowed-host", "Schüler.example."]
        options += ["--base-path", f"/{BASE}/"]
        folder = tmp_path_factory.mktemp("cwd")
        with running(folder, "--checkpoints", AVATARS, *options, base_path=f"/{BASE}") as url:
            yield urlsplit(url).port


def ask(port, path, *headers, version="1.1", address="127.0.0.1"):
    """(status, body) of a request with exactly these headers, PORT in them being the port's."""
    lines = [f"GET /{path} HTTP/{version}", *headers, "", ""]
    request = "\r\n".join(lines).replace("PORT", str(port)).encode("latin-1", "replace")
    with socket.create_connection((address, port), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
            if answer.startswith(b"HTTP/1.1 101") or complete(answer):
                break
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode("utf-8", "replace")


def complete(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return length is not None and len(body) >= int(length[1])


def ask_both(port, *headers):
    """The statuses of a page, of a strip's route and of Streamlit's WebSocket, and the answers."""
    answers = [ask(port, f"{BASE}/{path}", *headers) for path in ("", "live/worker.js")]
    answers.append(ask(port, f"{BASE}/{STREAM}", *headers, *UPGRADE))
    return [status for status, _ in answers], [body for _, body in answers]


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        ["Host: localhost:PORT"],
        ["Host: 127.0.0.1:PORT", "Origin: http://127.0.0.1:PORT"],
        ["Host: LocalHost.:PORT", "Origin: http://LocalHost.:PORT"],
        ["Host: localhost:9", "Origin: http://localhost:9"],  # an SSH tunnel
        ["Host: [::1]:PORT", "Origin: http://[::1]:PORT"],
        ["Host: [0:0::1]", "Origin: http://[::1]"],
        ["Host: 127.0.0.9"],
        [f"Host: {GIVEN}", f"Origin: https://{GIVEN}"],
        [f"Host: {GIVEN.upper()}:8443", f"Origin: https://{GIVEN}:8443"],
        ["Host: 127.0.0.1:PORT", f"Origin: https://{GIVEN}"],  # a proxy that replaces the name
        ["Host: xn--schler-5ya.example"],
    ],
)
def test_own_names_are_answered(port, headers):
    statuses, _ = ask_both(port, *headers)
    assert statuses == [200, 200, 101]


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        ["Host: rebind.example.net:PORT"],
        ["Host: rebind.example.net:PORT", "Origin: http://rebind.example.net:PORT"],
        ["Host: rebind.example.net", "Origin: http://localhost:PORT"],
        ["Host: localhost:PORT", "Origin: http://rebind.example.net"],
        ["Host: localhost:PORT", "Origin: null"],
        ["Host: localhost:PORT", "Origin:"],
        ["Host: localhost:PORT", "Origin: http://localhost:3000"],
        ["Host: localhost:PORT", "Origin: http://127.0.0.1:PORT"],
        ["Host: localhost:PORT", "Origin: chrome-extension://localhost:PORT"],
        ["Host: localhost:PORT", "Origin: http://localhost:PORT@other.example"],
        ["Host: localhost.rebind.example"],
        [f"Host: evil.{GIVEN}"],
        [f"Host: {GIVEN}.evil.example"],
        ["Host: 0.0.0.0:PORT"],
        ["Host: [::]:PORT"],
        ["Host: 198.51.100.7:PORT", "Origin: http://198.51.100.7:PORT"],
        ["Host: 2130706433:PORT"],
        ["Host: 127.1:PORT"],
        ["Host: xn--lcalhost-o1a"],
        ["Host: rebind.example", "X-Forwarded-Host: localhost"],
    ],
)
def test_other_names_are_refused_in_one_sentence(port, headers):
    statuses, bodies = ask_both(port, *headers)
    assert statuses == [403, 403, 403]
    for body in bodies:
        refused = ("to the name ", "requests from other sites (")
        assert body.startswith(tuple(f"This app does not answer {words}" for words in refused))
        assert "--allowed-host" in body
        assert body.count("\n") == 1


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Host:"],
        ["Host: localhost", "Host: localhost"],
        ["Host: localhost", "Host: rebind.example"],
        ["Host: localhost, rebind.example"],
        ["Host: localhost:PORT:PORT"],
        ["Host: localhost:99999"],
        ["Host: localhost:"],
        ["Host: user@localhost"],
        ["Host: localhost/"],
        ["Host: localhost.."],
        ["Host: ::1"],
        ["Host: [::1"],
        ["Host: [localhost]"],
        ["Host: lôcalhost"],
        ["Host: http://localhost"],
        ["Host: " + "a" * 5000],
    ],
)
def test_what_is_no_host_is_refused(port, headers):
    statuses, bodies = ask_both(port, *headers)
    assert statuses == [400, 400, 400]
    for body in bodies:
        assert ", ," not in body


def test_a_second_origin_is_refused(port):
    origins = ["Origin: http://localhost:PORT", "Origin: http://rebind.example"]
    statuses, _ = ask_both(port, "Host: localhost:PORT", *origins)
    assert statuses == [403, 403, 400]  # the last by the library for WebSockets


def test_a_request_of_http_1_0_without_a_host_is_refused_in_a_sentence(port):
    status, body = ask(port, f"{BASE}/", version="1.0")
    assert status == 400
    assert body == allowed_hosts.NO_HOST + "\n"


def test_paths_outside_of_the_base_path_are_refused_too(port):
    for path in ("", "_stcore/health", "live/worker.js", "no/such/page"):
        assert ask(port, path, "Host: rebind.example")[0] == 403
    status, _ = ask(port, STREAM, "Host: rebind.example", *UPGRADE)
    assert status == 403


@pytest.mark.slow
def test_an_address_besides_the_loopback_is_answered_without_being_named(tmp_path):
    own = own_address()
    with running(
        tmp_path, "--checkpoints", AVATARS, "--address", "0.0.0.0", host="localhost"
    ) as url:
        port = urlsplit(url).port
        for headers in ([f"Host: {own}:PORT"], [f"Host: {own}:PORT", f"Origin: http://{own}:PORT"]):
            assert ask(port, STREAM, *headers, *UPGRADE, address=own)[0] == 101
            assert ask(port, STREAM, *headers, *UPGRADE)[0] == 403  # came in at another address
        for host in ("0.0.0.0", "rebind.example"):
            assert ask(port, STREAM, f"Host: {host}", *UPGRADE, address=own)[0] == 403
        assert ask(port, "_stcore/health", "Host: localhost")[0] == 200


def own_address():
    """An IPv4 address of this machine that is not a loopback one; skips where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("needs a network address besides the loopback")
        return probe.getsockname()[0]


@pytest.mark.slow
def test_a_refused_origin_asks_no_outside_service(port):
    """Streamlit would; see also test_no_lookups.py, which listens to the network."""
    code = (
        "from streamlit import net_util, config\n"
        "from streamlit.web.server import server_util\n"
        "from explorer.services import server\n"
        "def fail(*_, **__): raise SystemExit('requested')\n"
        "net_util._make_blocking_http_get = fail\n"
        "print(server_util.is_url_from_allowed_origins('http://rebind.example'))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert result.stdout == "False\n"


@pytest.mark.parametrize(
    ("options", "trusted"),
    [
        ([], "1"),
        (["--allowed-host", GIVEN], "0"),
        (["--allowed-host", GIVEN, "--trust-visitors"], "1"),
    ],
)
def test_visitors_through_a_proxy_are_not_trusted_by_themselves(options, trusted, monkeypatch):
    for variable in (start.TRUST, start.TRAINING, allowed_hosts.VARIABLE):
        monkeypatch.setenv(variable, "")  # put back after the test
    monkeypatch.setattr(start, "serve", lambda *_: None)
    monkeypatch.setattr(start, "announce", lambda *_: None)
    start.main(options)
    assert os.environ[start.TRUST] == trusted
    assert os.environ[allowed_hosts.VARIABLE] == (GIVEN if options else "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Class.Example.ORG.", "class.example.org"),
        (" class.example.org ", "class.example.org"),
        ("Schüler.example", "xn--schler-5ya.example"),
        ("192.168.1.5", "192.168.1.5"),
        ("[FD00::5]", "fd00::5"),
        ("::ffff:192.168.1.5", "192.168.1.5"),
    ],
)
def test_names_are_made_as_browsers_send_them(name, expected):
    assert allowed_hosts.normalise(name) == expected


@pytest.mark.parametrize(
    "name", ["", ".", "*", "*.example.org", "http://x.example", "x.example:80", "x/y", "a b", "a,b"]
)
def test_what_is_no_name_is_refused_at_the_start(name, capsys):
    with pytest.raises(InputError, match="--allowed-host takes a name"):
        allowed_hosts.normalise(name)
    with pytest.raises(SystemExit):
        start.main(["--allowed-host", name])
    assert "--allowed-host takes a name" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["a b", "../x", "a//b", "http://x", "ä"])
def test_what_is_no_base_path_is_refused_at_the_start(path, capsys):
    with pytest.raises(SystemExit):
        start.main(["--base-path", path])
    assert "--base-path takes letters" in capsys.readouterr().err
