"""How much a protobuf message holds, counted before it is parsed.

Two bytes of a file can be a message of its own, which takes a hundred in memory: parsed as it is, a
file of 200 MB would become 15 GB. What is counted here are fields, without making anything of them.
"""

from typing import Any

MAX_FIELDS = 200_000
MAX_DEPTH = 100  # as protobuf's own


def count(data: bytes, kind: Any, most: int = MAX_FIELDS) -> int:
    """The number of fields in a message and in the messages in it, up to `most`.

    data: bytes. kind: the message's Descriptor. Raises ValueError where there are more, where
    they are nested too deep, or where the bytes are no protobuf.
    """
    waiting, found = [(0, len(data), kind, 0)], 0
    while waiting:
        at, end, kind, depth = waiting.pop()
        while at < end:
            found += 1
            if found > most or depth > MAX_DEPTH:
                raise ValueError("more fields than a generator has")
            tag, at = varint(data, at)
            wire = tag & 7
            if wire == 0:
                _, at = varint(data, at)
                continue
            if wire == 2:
                length, at = varint(data, at)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                raise ValueError("a field of no known kind")
            field = kind.fields_by_number.get(tag >> 3)
            if wire == 2 and field is not None and field.message_type is not None:
                waiting.append((at, at + length, field.message_type, depth + 1))
            at += length
        if at > end:
            raise ValueError("a field that goes beyond its message")
    return found


def varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, place after it) of the number that begins at a place."""
    value = shift = 0
    for place in range(at, min(at + 10, len(data))):
        value |= (data[place] & 127) << shift
        if data[place] < 128:
            return value, place + 1
        shift += 7
    raise ValueError("a number without an end")
