"""What strangers send over a WebSocket that no page sends: it is closed, without a traceback."""

import http.client
import random

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import wire


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    place = tmp_path_factory.mktemp("sockets")
    for folder in ("models", "runs"):
        (place / folder).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMLIT_SERVER_ENABLE_AGENT_API", "true")  # which must not count
        with wire.serving(place) as running:
            yield running
    assert "Traceback" not in running.log()


def send(app, *messages):
    """Send messages over a socket of their own; returns the code of its close, None for none."""
    url = app.address.replace("http://", "ws://") + "/_stcore/stream"
    with connect(url, origin=app.address, max_size=None, open_timeout=wire.PATIENCE) as socket:
        try:
            for message in messages:
                socket.send(message)
            # What a page sends in the end, which a socket that is still open answers.
            last = BackMsg()
            last.rerun_script.page_name = "about"
            socket.send(last.SerializeToString())
            socket.recv(timeout=wire.PATIENCE)
        except ConnectionClosed as closed:
            return closed.rcvd.code
    return None


def check(app):
    """The app draws its pages, and its log holds no traceback."""
    with wire.tab(app.address) as tab:
        assert tab.open("about")
    assert "Traceback" not in app.log()


@pytest.mark.slow
@pytest.mark.parametrize(
    "message",
    ["", "hello", "{}", "\0" * 1000, b"\xff\xfe", b"\0" * 1000, b"\x0a\xff\xff\xff\x7f"],
    ids=["empty text", "text", "JSON", "long text", "bytes", "zeros", "a length that lies"],
)
def test_what_is_no_message_closes_the_socket(app, message):
    assert send(app, message) == 1002
    check(app)


@pytest.mark.slow
def test_messages_for_streamlits_own_tests_do_nothing(app):
    for name in ("debug_shutdown_runtime", "debug_disconnect_websocket"):
        message = BackMsg()
        setattr(message, name, True)
        assert send(app, message.SerializeToString()) is None
    check(app)


@pytest.mark.slow
def test_mutated_messages_close_the_socket_or_are_ignored(app):
    message = BackMsg()
    message.rerun_script.page_name, message.rerun_script.query_string = "browse", "model=alpha"
    state = message.rerun_script.widget_states.widgets.add()
    state.id, state.json_value = "nobody", "{}"
    right, stream = message.SerializeToString(), random.Random(0)
    codes = []
    for _ in range(60):
        wrong = bytearray(right)
        for _ in range(stream.randint(1, 4)):
            wrong[stream.randrange(len(wrong))] = stream.randrange(256)
        codes.append(send(app, bytes(wrong)))
    assert set(codes) == {None, 1002}
    check(app)


@pytest.mark.slow
def test_a_tab_that_is_closed_while_its_page_is_drawn_leaves_no_traceback(app):
    for _ in range(10):
        with wire.tab(app.address) as tab:
            tab.page = "about"
            tab.tell()
    check(app)


@pytest.mark.slow
def test_the_interface_for_programs_is_off(app):
    link = http.client.HTTPConnection(app.address.removeprefix("http://"), timeout=wire.PATIENCE)
    for path in ("/_stcore/agent/interact", "/_stcore/agent/mcp"):
        link.request("POST", path, "{}", {"Content-Type": "application/json"})
        answer = link.getresponse()
        assert b"does not serve the agent API" in answer.read(), path
        assert answer.status in (400, 403)
