"""What a browser's tab is to the server, less the browser: messages over Streamlit's WebSocket."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import typing
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

from support import ROOT

PATIENCE = 60  # seconds; only ends a test that would wait for ever


class App(typing.NamedTuple):
    """A running app: its address, a function that gives what it logged so far, its process, and
    the folder in which its models, runs and cache lie."""

    address: str
    log: typing.Callable
    pid: int
    place: Path


@contextlib.contextmanager
def serving(place, *options):
    """Run an App with the folders models, runs and cache of a place, and further options."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = place / "log"
    folders = ["--checkpoints", str(place / "models"), "--runs", str(place / "runs")]
    with open(log, "w", encoding="utf-8") as errors:
        server = subprocess.Popen(
            [sys.executable, "-m", "explorer", "--port", str(port), *folders, *map(str, options)],
            cwd=place,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
            | {"LATENT_EXPLORER_CACHE": str(place / "cache")},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            server.stdout.readline()
            yield App(f"http://127.0.0.1:{port}", lambda: log.read_text("utf-8"), server.pid, place)
            assert server.poll() is None
        finally:
            server.terminate()
            server.communicate()


@contextlib.contextmanager
def tab(address):
    """An open Tab of the app at an address."""
    url = address.replace("http://", "ws://") + "/_stcore/stream"
    with connect(url, max_size=None, origin=address, open_timeout=PATIENCE) as socket:
        yield Tab(socket)


class Tab:
    """page, query: what is in its address bar. session: the server's id of it, once it is open."""

    def __init__(self, socket):
        self.socket, self.page, self.query, self.session = socket, "", "", ""

    def open(self, page, query=""):
        """Go to a page; returns its elements, protobuf messages."""
        self.page, self.query = page, query
        return self.send()

    def send(self, *values, fragment=""):
        """Report values, protobuf WidgetStates, and return the elements of the page after it."""
        self.tell(*values, fragment=fragment)
        return self.hear()

    def tell(self, *values, fragment=""):
        """Report values and wait for nothing. fragment: the part of the page that is to run."""
        message = BackMsg()
        message.rerun_script.page_name = self.page
        message.rerun_script.query_string = self.query
        message.rerun_script.fragment_id = fragment
        message.rerun_script.widget_states.widgets.extend(values)
        self.socket.send(message.SerializeToString())

    def hear(self):
        """The elements that the next run of the script draws, once it has ended."""
        elements = []
        while True:
            message = ForwardMsg()
            message.ParseFromString(self.socket.recv(timeout=PATIENCE))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                elements = []
                self.session = message.new_session.initialize.session_id
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                elements.append(message.delta.new_element)
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise AssertionError("the script ended with an error")
                if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    return elements


def widgets(elements):
    """{id: kind of element} of those that send values."""
    kinds = {}
    for element in elements:
        kind = element.WhichOneof("type")
        known = getattr(element, kind)
        if getattr(known, "id", "") and kind != "imgs":
            kinds[known.id] = kind
    return kinds


def failures(elements):
    """What on a page says that something went wrong: exceptions, and parts that were not drawn."""
    messages = [e.exception.message for e in elements if e.WhichOneof("type") == "exception"]
    alerts = [e.alert.body for e in elements if e.WhichOneof("type") == "alert"]
    return messages + [body for body in alerts if "could not be drawn" in body]


# Values that no browser sends.

ODD = [
    *(None, True, False, 0, -1, 1.5, 10**400, -(10**400), 2**63, 1e308, float("nan"), float("inf")),
    *("", "\ud800", "\0", "../../x", "a" * 5000, "9" * 400, "![a](http://h)", "1e999", "slerp"),
    *([], {}, [[]], [None], [10**400], [float("nan")] * 3, ["\ud800"], {"id": None}, [1] * 3000),
]
DEEP = '{"pick": ' + "[" * 5000 + "]" * 5000 + "}"
NAMES = ("pick", "drop", "values", "want", "frame", "drawn")
KEYS = {
    "pick": ("id", "count"),
    "drop": ("what", "count"),
    "values": ("values", "context", "frozen", "count"),
    "want": ("id", "context", "axis", "n", "values"),
    "frame": ("x", "y", "side", "turn"),
    "drawn": ("points", "count"),
}


def json_texts():
    """What may stand where a component's JSON should."""
    texts = ["", "{", "null", "[]", '"x"', "1" * 5000, DEEP, "[" * 100_000, "\x00"]
    for name in NAMES:
        texts += [json.dumps({name: odd}) for odd in ODD]
        texts += [json.dumps({name: {key: odd}}) for key in KEYS[name] for odd in ODD]
        texts += [json.dumps({name: dict.fromkeys(KEYS[name], odd)}) for odd in ODD]
        texts += [json.dumps([{"event": name, "value": odd}]) for odd in ODD[:12]]
    return texts


def states(widget_id):
    """A WidgetState of every kind for a widget, with values that are odd for that kind."""
    samples = []

    def add(kind, set_value):
        state = WidgetState(id=widget_id)
        set_value(state)
        samples.append((kind, state))

    for value in (True, False):
        add("bool", lambda s, v=value: setattr(s, "bool_value", v))
    for value in (float("nan"), float("inf"), -1e308, 1e308, -1.0, 0.5, 3e9):
        add("double", lambda s, v=value: setattr(s, "double_value", v))
    for value in (-1, 2**62, -(2**62), 4_294_967_296):
        add("int", lambda s, v=value: setattr(s, "int_value", v))
    for value in ("", "\0", "a" * 100_000, "nobody", "٣", "-1", "![a](http://h)", "\u202e"):
        add("string", lambda s, v=value: setattr(s, "string_value", v))
    for value in ([], [float("nan")], [1e308, -1.0], [0.5] * 500):
        add("doubles", lambda s, v=value: s.double_array_value.data.extend(v))
    for value in ([], [-1], [2**62], [0] * 500):
        add("ints", lambda s, v=value: s.int_array_value.data.extend(v))
    for value in ([], ["nobody"], ["\0", ""], ["a"] * 500):
        add("strings", lambda s, v=value: s.string_array_value.data.extend(v))
    add("bytes", lambda s: setattr(s, "bytes_value", b"\xff\xfe"))
    add("string trigger", lambda s: setattr(s.string_trigger_value, "data", "x"))
    add("nothing", lambda s: s.ClearField("value") if s.WhichOneof("value") else None)
    for name in ("x.png", "x.exe", "../../x.zip", "\0.json"):

        def upload(state, name=name):
            info = state.file_uploader_state_value.uploaded_file_info.add()
            info.file_id, info.name, info.size = "nobody's", name, 2**40

        add("file", upload)
    for text in json_texts():
        add("json", lambda s, v=text: setattr(s, "json_value", v))
    for text in ["", "{", "null", DEEP, '[{"event": "pick", "value": 1}]', "1" * 5000]:
        add("json trigger", lambda s, v=text: setattr(s, "json_trigger_value", v))
    return samples


def some(widget_id, count, seed):
    """So many of `states`, the same for a seed: half of them JSON, the rest of every kind."""
    stream = random.Random(f"{seed} {widget_id}")
    every = states(widget_id)
    parts = [one for one in every if one[0] == "json"], [one for one in every if one[0] != "json"]
    return [stream.choice(parts[i % 2])[1] for i in range(count)]
