"""JSON lines: one object per connection, with all its records.

Bytes are `text` where they are UTF-8, else `base64`; both give back exactly what was kept.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, BinaryIO

import msgspec

from sockwright.journal.transcript import Chunk, Faulted, Gap, HalfClose, Item, Noted, Transcript

_encode = msgspec.json.Encoder(enc_hook=repr).encode


def write(transcripts: Iterable[Transcript], out: BinaryIO) -> int:
    count = 0
    for transcript in transcripts:
        out.write(_encode(as_dict(transcript)) + b"\n")
        count += 1
    return count


def as_dict(transcript: Transcript) -> dict[str, Any]:
    """Return the connection as `Connection.as_dict` does, and its `records` in their order."""
    return transcript.connection.as_dict() | {"records": [item_as_dict(item) for item in transcript.items]}


def item_as_dict(item: Item) -> dict[str, Any]:
    match item:
        case Chunk(time=when, direction=direction, data=data, size=size):
            return {"record": direction, "time": when, "size": size, **bytes_as_dict(data)} | (
                {"kept": len(data)} if item.is_cut else {}
            )
        case HalfClose(time=when):
            return {"record": "half-closed", "time": when}
        case Noted(time=when, kind=kind, about=about):
            return {"record": "note", "time": when, "kind": kind, "about": _plain(about)}
        case Faulted(time=when, name=name, direction=to, why=why):
            return {"record": "fault", "time": when, "name": name, "direction": to, "why": why}
        case Gap(time=when, records=records):
            return {"record": "omitted", "time": when, "records": records}


def bytes_as_dict(data: bytes) -> dict[str, str]:
    """Return bytes for JSON."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _plain(value: Any) -> Any:
    """Return a note's value as JSON can hold it; bytes as text with escapes."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
