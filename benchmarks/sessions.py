"""Many visitors at once: how long they wait, and how much memory each of them costs.

    python benchmarks/sessions.py [--sessions 1,10,50] [--rounds 3] [--think 5] [--json]

Restarts `python -m explorer` for each number of sessions and opens that many on this machine. A
session is a client of Streamlit's own protocol, a WebSocket with the same messages as a browser's
tab, so that the app is measured and not fifty browsers beside it. After one visitor has come and
gone, all sessions begin within one pause and do the following, `rounds` times, each after a pause
of `think` seconds on average (uniform from 0 to twice that):

browse       open Browse at a seed of their own: 24 new pictures
add          open Latents at that seed and put the picture on the tray
interpolate  open Interpolate between two seeds of their own
strip        fetch the pictures along its slider, 9 and then 64, as when a pointer comes near it
neighbours   open Neighbours at the seed: the nearest of 10,000 training images

A time is from sending the message to the last message of the script's run, or to the last byte of
pictures that are fetched separately. At the end each session checks that its tray holds exactly
what it put there. `memory_mb`: resident memory of the server with all sessions open, minus that
after the first visitor, per session. `loads`: how often a model was read from disk. Clients and
server share this machine.
"""

import argparse
import asyncio
import http.client
import json
import random
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("browse", "add", "interpolate", "strip", "neighbours")
PATIENCE = 300  # seconds after which a session gives up
ON_TRAY = re.compile(r"On the tray: Seed (\d+)")

# The app, which prints a line for every model that it reads from disk. PyTorch must not be imported
# before the app has set how its threads wait.
SERVER = """
import sys
import gan_core
def load(*arguments, **options):
    print("loaded", arguments[0], file=sys.stderr, flush=True)
    return gan_core.checkpoint.load(*arguments, **options)
gan_core.load = load
from explorer.__main__ import main
main([])
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", default="1,10,50", help="numbers of sessions, with commas")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each session")
    parser.add_argument("--think", type=float, default=5.0, help="mean pause before each step, s")
    parser.add_argument("--model", default="avatars", help="name of a shipped checkpoint")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    if not (ROOT / "checkpoints" / options.model / "model.json").exists():
        parser.error(f"checkpoints/ has no model {options.model}.")
    options.model = Path(options.model).name
    rows = [measure(int(count), options) for count in options.sessions.split(",")]
    if options.json:
        about = {"rounds": options.rounds, "think_s": options.think, "model": options.model}
        print(json.dumps({**about, "sessions": rows}))


def measure(count, options):
    """Start the app, let `count` sessions use it, and return the measurements."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = int(server.stdout.readline().rsplit(":", 1)[1])
        measured = asyncio.run(visit(port, count, server.pid, options))
    finally:
        server.terminate()
        output = server.communicate(timeout=30)[1]
    times, errors, strangers, memory = measured
    row = {"sessions": count, "errors": errors, "strange_trays": strangers}
    row |= {"memory_mb": round(memory / 1e6, 1), "loads": output.count("loaded ")}
    row["kinds"] = {
        kind: {
            "n": len(values),
            "median_ms": round(statistics.median(values)),
            "p95_ms": round(sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]),
        }
        for kind, values in times.items()
        if values
    }
    row["server_log"] = [
        line for line in output.splitlines() if "Traceback" in line or "rror" in line
    ]
    waits = "  ".join(f"{k} {v['median_ms']}/{v['p95_ms']}" for k, v in row["kinds"].items())
    print(
        f"{count} sessions: {errors} errors, {strangers} trays with others' pictures, "
        f"{row['memory_mb']} MB per session, models read {row['loads']} times; "
        f"median/p95 ms: {waits}"
    )
    return row


async def visit(port, count, pid, options):
    """(times by kind in ms, errors, trays with others' pictures, bytes per session)."""
    times = {kind: [] for kind in KINDS}
    leave = asyncio.Event()
    leave.set()
    first = Session(port, 0, {kind: [] for kind in KINDS})
    await first.stay(options, 0.0, leave)
    before = resident(pid)

    leave.clear()  # all sessions stay until the memory has been measured
    people = [Session(port, 1 + i, times) for i in range(count)]
    tasks = [asyncio.create_task(one.stay(options, options.think, leave)) for one in people]
    while not all(one.at_end for one in people):
        await asyncio.sleep(0.1)
    after = resident(pid)
    leave.set()
    await asyncio.gather(*tasks)
    errors = sum(one.errors for one in [first, *people])
    return times, errors, sum(one.strange for one in people), (after - before) / count


class Session:
    """A client that behaves like a browser's tab."""

    def __init__(self, port, number, times):
        self.port, self.number, self.times = port, number, times
        self.random = random.Random(number)
        self.mine, self.errors, self.strange, self.at_end = set(), 0, False, False

    async def stay(self, options, think, leave):
        """Connect, do everything, check the tray, and stay until all may leave."""
        address = f"ws://127.0.0.1:{self.port}/_stcore/stream"
        try:
            async with websockets.connect(address, max_size=None) as self.socket:
                for turn in range(options.rounds):
                    await self.round(options.model, 1000 * self.number + 2 * turn, think)
                self.strange = self.on_tray() != self.mine
                self.at_end = True
                await leave.wait()
        except Exception as error:
            print(f"session {self.number}: {type(error).__name__}: {error}", file=sys.stderr)
            self.errors += 1
        self.at_end = True

    async def round(self, model, seed, think):
        """Do every kind of step once."""
        model = f"model={model}"
        await self.pause(think)
        await self.timed("browse", self.open("browse", f"{model}&seed={seed}"))
        await self.pause(think)
        await self.timed("add", self.add(f"{model}&start={seed}", seed))
        await self.pause(think)
        path = self.open("interpolate", f"{model}&keys={seed},{seed + 1}")
        await self.timed("interpolate", path)
        await self.pause(think)
        await self.timed("strip", self.strips())
        await self.pause(think)
        await self.timed("neighbours", self.open("neighbours", f"{model}&of={seed}"))

    async def pause(self, think):
        await asyncio.sleep(self.random.uniform(0, 2 * think))

    async def timed(self, kind, doing):
        began = time.perf_counter()
        await asyncio.wait_for(doing, PATIENCE)
        self.times[kind].append(1000 * (time.perf_counter() - began))

    async def open(self, page, query, press=""):
        """Run the script on a page. press: the id of a button to press."""
        self.page, self.query = page, query
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        if press:
            widget = message.rerun_script.widget_states.widgets.add()
            widget.id, widget.trigger_value = press, True
        await self.socket.send(message.SerializeToString())
        await self.hear()

    async def hear(self):
        """Receive all messages of a run, then fetch the pictures that they name."""
        self.elements, files = [], set()
        while True:
            message = ForwardMsg()
            message.ParseFromString(await self.socket.recv())
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.elements = []
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                self.elements.append(element)
                self.errors += element.WhichOneof("type") == "exception"
                if element.WhichOneof("type") == "imgs":
                    files |= {image.url for image in element.imgs.imgs}
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    break
                if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    self.errors += 1
                    break
        await asyncio.gather(*(self.fetch(url) for url in files if url.startswith("/")))

    async def add(self, query, seed):
        """Open Latents and put its picture on the tray."""
        await self.open("latents", query)
        (button,) = (
            element.button.id
            for element in self.elements
            if element.WhichOneof("type") == "button" and element.button.label == "Add to tray"
        )
        await self.open("latents", query, button)
        self.mine.add(str(seed))

    async def strips(self):
        """Fetch the coarse and the fine strip along the first slider of the open page."""
        (data,) = (d for d in map(read, self.elements) if d and "axes" in d)
        for n in (9, 64):
            question = {"id": f"{self.number}-{n}", "context": data["context"], "axis": 0, "n": n}
            body = json.dumps({**question, "values": data["values"]})
            answer = json.loads(await self.fetch(f"/{data['strips']}", body))
            self.errors += answer["n"] != n

    async def fetch(self, url, body=None):
        """The bytes at an address of the server. body: JSON to post."""

        def go():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request("POST" if body else "GET", url, body, headers)
            reply = connection.getresponse()
            content = reply.read()
            connection.close()
            if reply.status != 200:
                raise RuntimeError(f"{url[:80]} answers {reply.status}")
            return content

        return await asyncio.to_thread(go)

    def on_tray(self):
        """The seeds on the tray, as the open page shows them."""
        return set(ON_TRAY.findall(" ".join(str(element) for element in self.elements)))


def read(element):
    """The data of a component, or None."""
    if element.WhichOneof("type") != "bidi_component":
        return None
    component = element.bidi_component
    return json.loads(json.loads(component.json)["json"])  # see explorer/components/component.py


def resident(pid):
    """Resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


if __name__ == "__main__":
    main()
