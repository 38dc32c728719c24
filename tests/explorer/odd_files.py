"""Files that a hostile visitor uploads: {name: bytes}, of every kind that a page takes."""

import io
import json
import pickle
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

from support import png

NAMES = ("../../x", "\x1b[2Jx", "a" * 300, "\u202ex", "x\ny", "![a](http://127.0.0.1:9/a.png)", "")


class Runs:
    """Runs a program when it is unpickled."""

    def __reduce__(self):
        return (__import__, ("antigravity",))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def drawn(width, height, *chunks):
    """A PNG that says it has this size, black, with further chunks before its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    rows = zlib.compress(bytes(min(height * (1 + (width + 7) // 8), 2**23)), 9)
    parts = (head, *chunks, chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def saved(kind, size=(8, 8), **options):
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(*members, **options):
    """A zip of (name or ZipInfo, bytes)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info, target


def anything():
    """What may have any ending."""
    yield from {
        "empty": b"",
        "one byte": b"\0",
        "zeros": bytes(300_000),
        "ones": b"\xff" * 300_000,
        "noise": np.random.RandomState(0).bytes(100_000),
        "a page": b"<html><script>alert(1)</script><img src=http://127.0.0.1:9/a.png></html>",
        "a program": b"#!/bin/sh\necho evil\n",
    }.items()


def pictures():
    picture = png(np.zeros((8, 8, 3), np.uint8))
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27), 9))
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**27), 9))
    yield from {
        "bomb": drawn(60_000, 60_000),
        "largest": drawn(2**31 - 1, 2**31 - 1),
        "none": drawn(0, 0),
        "thin": drawn(1, 60_000),
        "flat": drawn(60_000, 1),
        "text bomb": drawn(8, 8, text),
        "profile bomb": drawn(8, 8, profile),
        "cut": picture[:40],
        "endless": picture + bytes(1_000_000),
        "vectors": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/"/></svg>',
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\nshowpage\n",
        "metafile": b"\xd7\xcd\xc6\x9a" + bytes(200),
        "photoshop": b"8BPS\0\1" + b"\xff" * 200,
        "jpeg2000": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\xff" * 200,
        "icons": b"\0\0\1\0\xff\xff" + b"\xff" * 200,
        "tiff": saved("TIFF", compression="tiff_deflate")[:-4] + b"\xff" * 4,
        "one pixel": saved("PNG", (1, 1)),
        "animated": saved("GIF", save_all=True, append_images=[Image.new("RGB", (8, 8))] * 400),
        "orientation": saved("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff" * 40),
    }.items()


def zips():
    picture = png(np.random.RandomState(0).randint(0, 255, (8, 8, 3)).astype(np.uint8))
    yield "no picture", zipped(("a.txt", b"a"))
    yield "outside", zipped(("../../a.png", picture), ("/a.png", picture), ("C:\\a.png", picture))
    yield "links", zipped(link("a.png", "/etc/passwd"), link("b.png", "../../../etc/passwd"))
    yield "folders", zipped(*((f"{i}/", b"") for i in range(50)))
    yield "many", zipped(*((f"{i}.png", b"") for i in range(30_000)))
    yield "names", zipped(*((f"{name}.png", b"not a picture") for name in NAMES))
    yield "twice", zipped(("a.png", b"x"), ("A.png", b"x"))
    yield "zeros inside", zipped(("a.png", bytes(2**26)))
    yield "bomb inside", zipped(("a.png", drawn(60_000, 60_000)))
    yield "zip inside", zipped(("a.zip", zipped(("a.png", picture))))
    yield "a set inside", zipped(("set.json", b'{"shape": null}'), ("images.npy", bytes(100)))
    locked = bytearray(zipped(("a.png", picture)))
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        locked[locked.index(mark) + place] |= 1
    yield "locked", bytes(locked)
    yield "cut zip", zipped(("a.png", picture))[:-30]
    odd = bytearray(zipped(("a.png", picture)))
    odd[odd.index(b"PK\3\4") + 8] = odd[odd.index(b"PK\1\2") + 10] = 99
    yield "method", bytes(odd)


def weights():
    header = json.dumps({"a": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}})
    yield "pickle.pth", pickle.dumps(Runs())
    yield "pickle in a zip.pth", zipped(("x/data.pkl", pickle.dumps(Runs())), ("x/version", b"3\n"))
    yield "json header.safetensors", struct.pack("<Q", 8) + b"[[[[[[[[" + bytes(8)
    yield "long header.safetensors", struct.pack("<Q", 2**63) + bytes(100)
    yield "shapes.safetensors", struct.pack("<Q", len(header)) + header.encode() + bytes(4)
    yield "nothing.safetensors", struct.pack("<Q", 2) + b"{}"
    yield "groups.onnx", b"\x3b" * 100_000
    yield "lengths.onnx", b"\x3a\xff\xff\xff\xff\x0f" * 100
    yield "nothing.onnx", b"\x08\x07"


def texts(*formats):
    """JSON and CSV. formats: texts of files that a page wrote."""
    yield from {
        "null": b"null",
        "list": b"[]",
        "object": b"{}",
        "deep": b"[" * 100_000,
        "deep objects": b'{"items":' * 50_000,
        "number": b"9" * 100_000,
        "infinite": b'{"format": 1e999, "items": NaN}',
        "half a pair": b'{"format": 1, "items": ["\\ud800"], "name": "\\ud800"}',
        "long": b"[" + b"0," * 400_000 + b"0]",
        "utf-16": "x,y\n1,2".encode("utf-16"),
        "nul": b"1,2\0\n3,4\n",
        "quotes": b'"' * 300_001,
        "one line": b"1," * 200_000,
        "rows": b"1,2\n" * 100_000,
        "numbers": b"1e308,-1e308\n-1e308,1e308\n",
        "no numbers": b"nan,inf\n",
        "formula": b"=cmd|' /C calc'!A0,1\n",
    }.items()
    for place, text in enumerate(formats):
        record = json.loads(text)
        for key in record:
            for odd in (None, [], {}, 10**400, "\ud800", [[None]] * 3, "a" * 100_000, -1):
                yield f"{place} {key}", json.dumps({**record, key: odd}).encode()
