"""Hostile input: files that are nearly right, and a reader held to what it may do with them.

A test file lists its readers, {kind: (files, read)}, and calls `main` when it is run as a script.
In that process of its own each reader gets mutations of the files, always the same ones. What may
come of one: it is read, or refused by an InputError of one line. Anything else ends the process,
and so do HANG seconds of work on one, a file written outside the folder for temporary ones, a
program started and a connection opened. The outcome is reported as JSON: the count of each, and by
how many MB the process grew.
"""

import contextlib
import faulthandler
import json
import os
import resource
import signal
import sys
import tempfile
import threading
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from gan_core.util.errors import InputError

HANG = 5  # seconds of work, not of waiting for others that use the same processor
GROWTH = 500  # MB
EXAMPLES = 60  # of a kind

EXTREMES = [
    *(
        b"\0",
        b"\xff" * 4,
        b"\xff" * 8,
        b"\x7f" + b"\xff" * 7,
        b"\0\0\0\x80",
        b"\n",
        b'"',
        b"{",
        b"[",
    ),
    *(
        b"-1",
        b"9" * 400,
        b"9" * 5000,
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"null",
        b"true",
        b"[" * 2000,
    ),
    *(b"../../", b"\\ud800", b"\xed\xa0\x80", "ψ́".encode(), b"%s%n", b"a" * 3000, b"\r\n,,,\r\n"),
]
VALUES = [
    *(None, True, False, 0, -1, 1.5, 2**31, 2**63, -(2**63), 2**64, 10**400, 1e308, 1e-320),
    *(float("nan"), float("inf"), "", "../../x", "/etc/passwd", "\0", "\ud800", "a\nb", "٣", "1_0"),
    *(
        "ψ" * 3000,
        [],
        {},
        [[]],
        [{}],
        {"": {}},
        [1] * 3000,
        {"a": {"b": {"c": [[[[[0]]]]]}}},
        "avatars",
    ),
]


@some.composite
def damaged(draw, files):
    """The bytes of one of the files after one to five edits."""
    data = bytearray(draw(some.sampled_from(files)))
    for _ in range(draw(some.integers(1, 5))):
        # Half of the edits fall where a header is.
        most = draw(some.sampled_from([min(64, len(data)), min(1024, len(data)), len(data)]))
        at = draw(some.integers(0, max(most - 1, 0)))
        edit = draw(some.sampled_from(["flip", "set", "insert", "over", "cut", "drop", "twice"]))
        if edit == "flip" and data:
            data[at] ^= 1 << draw(some.integers(0, 7))
        elif edit == "set" and data:
            data[at] = draw(some.integers(0, 255))
        elif edit in ("insert", "over"):
            piece = draw(some.sampled_from(EXTREMES))
            data[at : at + len(piece) * (edit == "over")] = piece
        elif edit == "cut":
            del data[at:]
        elif edit == "drop":
            del data[at : at + draw(some.integers(1, 40))]
        elif edit == "twice":
            data[at:at] = data[at : at + draw(some.integers(1, 200))]
    return bytes(data)


@some.composite
def bent(draw, records):
    """The JSON of one of the records with one to three values replaced, left out or said twice."""
    record = json.loads(json.dumps(draw(some.sampled_from(records))))
    for _ in range(draw(some.integers(1, 3))):
        inside, key = record, None
        while isinstance(inside, dict | list) and inside:
            keys = list(inside) if isinstance(inside, dict) else range(len(inside))
            key = draw(some.sampled_from(keys))
            if not isinstance(inside[key], dict | list) or draw(some.booleans()):
                break
            if not inside[key]:
                break
            inside = inside[key]
        if key is None:
            break
        if draw(some.integers(0, 4)) == 0:
            del inside[key]
        else:
            inside[key] = draw(some.sampled_from(VALUES))
    text = json.dumps(record)
    if text.startswith("{") and draw(some.integers(0, 5)) == 0 and record:
        key = draw(
            some.sampled_from(list(record))
        )  # the last of two of a name is the one that holds
        text = f"{text[:-1]}, {json.dumps(key)}: {json.dumps(draw(some.sampled_from(VALUES)))}}}"
    return text.encode()


class Hang(BaseException):
    """A reader worked for longer than HANG seconds."""


class Outside(BaseException):
    """A reader did something to the world outside its folder."""


watched = threading.local()


def watch(event, arguments):
    """An audit hook: what is opened for writing, moved, removed, started or connected to."""
    folder = getattr(watched, "folder", None)
    if folder is None:
        return
    if event == "open":
        path, mode, flags = arguments
        writes = (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or set(mode or "") & set(
            "wax+"
        )
        paths = [path] if writes and not isinstance(path, int) else []
    elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.symlink", "os.link"):
        paths = [path for path in arguments[:2] if isinstance(path, str | bytes | os.PathLike)]
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect"):
        raise Outside(f"{event} {arguments[0]}")
    else:
        return
    for path in paths:
        path = os.fsdecode(path)
        if event in ("os.remove", "os.rmdir") and arguments[1] >= 0:  # in a folder that is open
            path = os.path.join(os.readlink(f"/proc/self/fd/{arguments[1]}"), path)
        real = os.path.realpath(path)
        if real != os.devnull and not real.startswith(f"{folder}{os.sep}"):
            raise Outside(f"{event} {real}")


@contextlib.contextmanager
def held(folder):
    """The time and the folder that a reader has."""

    def stop(*_):
        raise Hang(f"it worked for more than {HANG} s")

    before = signal.signal(signal.SIGPROF, stop)
    faulthandler.dump_traceback_later(40 * HANG, exit=True)  # for code that no signal reaches
    signal.setitimer(signal.ITIMER_PROF, HANG)
    watched.folder = os.path.realpath(folder)
    try:
        yield
    finally:
        watched.folder = None
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGPROF, before)


def outcome(read, data, folder):
    """ "read" or "refused"; any other exception than an InputError of one line goes on."""
    try:
        with held(folder):
            read(data, folder)
    except InputError as error:
        message = str(error)
        message.encode()
        assert message.isprintable(), message
        assert 0 < len(message) <= 1000, message
        return "refused"
    return "read"


def peak():
    """The most memory this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def fuzz(kind, strategy, read, folder):
    """How often the reader read and refused, and by how many MB the process grew."""
    counts = {"read": 0, "refused": 0}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def test(data):
        counts[outcome(read, data, folder)] += 1

    before = peak()
    test()
    return {"kind": kind, **counts, "grown": peak() - before}


def main(readers):
    """Fuzz every reader and print a line of JSON for each.

    readers: a function of a folder, which returns {kind: (strategy, read)}.
    """
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as place:
        folder, cwd = Path(place, "folder"), Path(place, "cwd")
        folder.mkdir()
        cwd.mkdir()
        os.chdir(cwd)
        os.environ["LATENT_EXPLORER_CACHE"] = str(folder / "cache")
        tempfile.tempdir = str(folder)
        by_kind = readers(folder)
        sys.addaudithook(watch)
        for kind, (strategy, read) in by_kind.items():
            # What native code writes raises no event: the folders beside must stay as they are.
            print(json.dumps(fuzz(kind, strategy, read, folder)), flush=True)
            assert sorted(os.listdir(place)) == ["cwd", "folder"], kind
            assert not os.listdir(cwd), kind
        os.chdir("/")


def results(finished):
    """{kind: what `main` reported of it} of a finished process that ran it."""
    assert finished.returncode == 0, finished.stderr[-4000:]
    lines = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith("{")]
    return {line["kind"]: line for line in lines}


def check(result):
    """What must hold of each kind."""
    assert result["read"] + result["refused"] >= EXAMPLES // 2
    assert result["refused"] > 0
    assert result["grown"] < GROWTH
