"""Damaged files: fields that hold anything, bytes that were changed, and what is no file."""

import copy
import json
import os
import random

from safetensors.numpy import load_file, save_file

import hostile
from gan_core.util import checked_safetensors

STATE = "state.safetensors"  # of a run
# What a terminal obeys and Markdown follows.
EVIL = "\x1b]0;evil\x07\x1b[2J\x9b31m\r\u202eevil ![evil](http://127.0.0.1:9/e.png)"
ODD = [
    *(None, 10**400, "", [], {}, float("nan"), True, "\ud800", "ψ" * 5000, -1, 1e300),
    *("<img src=x>", EVIL),
]


def fields(value, path=()):
    """The paths of all fields of a JSON value; of a list the first two places stand for all."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:2])
    for key, one in items:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from fields(one, (*path, key))


def replaced(value, path, odd):
    """A copy of a JSON value with another field at a path."""
    value = copy.deepcopy(value)
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = odd
    return value


def without(value, path):
    """A copy of a JSON value that lacks the field at a path."""
    value = copy.deepcopy(value)
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    del inside[path[-1]]
    return value


def read(path):
    """What a file tells, as JSON."""
    if path.name == STATE:
        return json.loads(json.loads(checked_safetensors.header(path))["__metadata__"]["state"])
    if path.suffix == ".safetensors":
        return checked_safetensors.load(path, "")[1]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return json.loads(path.read_text("utf-8"))


def write(path, value):
    """Write what a file is to tell. Raises UnicodeEncodeError where safetensors refuses it."""
    if path.name == STATE:
        save_file(load_file(path), path, {"state": json.dumps(value)})
    elif path.suffix == ".safetensors":
        checked_safetensors.save(path, load_file(path), value)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(line) + "\n" for line in value), "utf-8")
    else:
        path.write_text(json.dumps(value), "utf-8")


def mutations(name, value, count):
    """So many (path, odd value), the same every time for a name."""
    variants = [(path, odd) for path in fields(value) for odd in ODD]
    return random.Random(name).sample(variants, min(count, len(variants)))


def changed(data, stream):
    """Bytes after one to four edits. stream: a random.Random."""
    data = bytearray(data)
    for _ in range(stream.randint(1, 4)):
        # Half of the edits fall where a header is.
        at = stream.randrange(max(1, stream.choice([min(200, len(data)), len(data)])))
        edit = stream.choice(["flip", "insert", "over", "cut", "drop"])
        piece = stream.choice(hostile.EXTREMES)
        if edit == "flip" and data:
            data[at] ^= 1 << stream.randrange(8)
        elif edit in ("insert", "over"):
            data[at : at + len(piece) * (edit == "over")] = piece
        elif edit == "cut":
            del data[at:]
        else:
            del data[at : at + stream.randint(1, 40)]
    return bytes(data)


def put(path, how):
    """Something in the place of a file that is none: a pipe, a folder, a device or a link."""
    path.unlink()
    if how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "link": "/etc/passwd"}[how])
