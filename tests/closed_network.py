"""A network in which nothing gets out and everything that tries is written down.

    python tests/closed_network.py REPORT COMMAND...

runs a command in network and mount namespaces of its own and writes {"lookups": [names], "packets":
["address:port"], "rc"} as JSON; the names also go, as they come, to $CLOSED_NETWORK_LOOKUPS. Every
address of that network leads back to its loopback. There a resolver answers that no name exists, to
C and C++ as to Python, and a raw socket sees the packets for all other addresses, so that nothing
can go around the resolver. Needs Linux, `unshare` and `ip`.
"""

import contextlib
import ipaddress
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--propagation", "private"]
LIVE = "CLOSED_NETWORK_LOOKUPS"
SETTINGS = {
    "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
ROUTES = [
    ["link", "set", "lo", "up"],
    ["-4", "route", "add", "local", "0.0.0.0/0", "dev", "lo"],
    ["-6", "route", "add", "local", "::/0", "dev", "lo"],
]


def unavailable():
    """Why this machine cannot do it, in a few words; "" when it can."""
    for program in ("unshare", "ip", "mount"):
        if not shutil.which(program):
            return f"needs {program}"
    with tempfile.TemporaryDirectory() as folder:
        done = run([sys.executable, "-c", ""], Path(folder) / "report", timeout=60)
        trouble = (done.stderr or "").strip().splitlines() or ["no reason given"]
    return "" if done.returncode == 0 else f"namespaces are forbidden here ({trouble[-1]})"


def run(command, report, **options):
    """The finished process of a command in such a network; its report is at a path."""
    inside = [*UNSHARE, sys.executable, __file__, str(report), *map(str, command)]
    return subprocess.run(inside, capture_output=True, text=True, **options)


def main(report, *command):
    """In the namespaces: make the network, run the command, write the report."""
    for route in ROUTES:
        done = subprocess.run(["ip", *route], capture_output=True, text=True)
        if done.returncode and "-6" not in route:  # a machine may have no IPv6
            sys.exit(done.stderr)
    with tempfile.TemporaryDirectory() as folder:
        for path, text in SETTINGS.items():
            file = Path(folder) / Path(path).name
            file.write_text(text)
            subprocess.run(["mount", "--bind", file, path], check=True)
        for path in ("/run/nscd", "/run/systemd/resolve"):  # sockets that lead out of here
            if os.path.isdir(path):
                subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
        lookups, packets = [], []
        as_they_come = Path(folder) / "lookups"
        as_they_come.touch()
        os.environ[LIVE] = str(as_they_come)
        for watch in (watch_lookups(lookups, as_they_come), watch_packets(packets)):
            threading.Thread(target=watch, daemon=True).start()
        rc = subprocess.run(command).returncode
        seen = {"lookups": sorted(set(lookups)), "packets": sorted(set(packets)), "rc": rc}
        Path(report).write_text(json.dumps(seen))
        for path in SETTINGS:
            subprocess.run(["umount", path], check=True)
    return rc


def watch_lookups(lookups, file):
    """A function that answers every question for a name with "no such name", and lists it."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 53))

    def watch():
        while True:
            query, client = server.recvfrom(4096)
            lookups.append(question(query))
            with file.open("a") as lines:
                lines.write(lookups[-1] + "\n")
            # The query's number and question; flags: an answer, recursion there, NXDOMAIN.
            answer = query[:2] + struct.pack("!5H", 0x8183, 1, 0, 0, 0) + query[12 : end(query)]
            with contextlib.suppress(OSError):
                server.sendto(answer, client)

    return watch


def labels(query):
    """The parts of the name that a query asks for."""
    at = 12
    while query[at]:
        yield query[at + 1 : at + 1 + query[at]]
        at += 1 + query[at]


def question(query):
    return b".".join(labels(query)).decode("ascii", "replace")


def end(query):
    """Where the question of a query ends: after the name, its type and its class."""
    return 12 + sum(1 + len(label) for label in labels(query)) + 1 + 4


def watch_packets(packets):
    """A function that lists "address:port" of packets for other addresses than the loopback's."""
    ethernet = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # all protocols

    def watch():
        while True:
            packet = ethernet.recv(65536)
            version = packet[0] >> 4
            if version == 4:
                start, kind, target = 4 * (packet[0] & 15), packet[9], packet[16:20]
            elif version == 6:
                start, kind, target = 40, packet[6], packet[24:40]
            else:
                continue
            address = ipaddress.ip_address(target)
            # Answers from the loopback go to the sender, whatever address it contacted.
            if address.is_loopback or address.is_multicast:
                continue
            port = struct.unpack("!H", packet[start + 2 : start + 4])[0] if kind in (6, 17) else 0
            packets.append(f"{address}:{port}")

    return watch


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
