"""A transcript as text for people: who said what when, with the borders of chunks, silences and gaps to be seen.

Nothing of what a peer said reaches the terminal raw.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator

from sockwright.journal.connections import Connection, bytes_words, duration_words
from sockwright.journal.transcript import Chunk, Counts, Faulted, Gap, HalfClose, Item, Noted, Transcript
from sockwright.wire.visible import visible, visible_lines

# A pause that is worth a line (seconds).
SILENCE = 1.0
# Bytes of one chunk that are shown where nobody asked for all.
MOST_SHOWN = 16 * 1024
# Characters of a line of foreign text.
LONGEST_LINE = 2_000
# Of so many bytes, one that is not text makes the whole a hexdump.
BINARY_SHARE = 10

_TEXT_CONTROLS = {9, 10, 13, 27}


def told(transcript: Transcript, as_hex: bool = False, whole: bool = False) -> Iterator[str]:
    """Yield the lines that tell `transcript`; binary data, or all with `as_hex`, as a hexdump."""
    connection = transcript.connection
    yield from _head(connection)
    last = connection.since
    for item in transcript.items:
        if item.time - last >= SILENCE:
            yield f"            ... {duration_words(item.time - last)} of silence"
        last = item.time
        yield from _item(item, transcript, as_hex, whole)
    if connection.until is not None and connection.until - last >= SILENCE:
        yield f"            ... {duration_words(connection.until - last)} of silence"
    yield from _foot(transcript)


def _head(connection: Connection) -> Iterator[str]:
    opened = connection.opened
    tls = f" with {opened.tls}" if opened.tls else ""
    sides = (opened.local, opened.peer) if opened.role == "client" else (opened.peer, opened.local)
    yield visible(f"#{connection.number} {opened.proto}{tls} {opened.service}  {sides[0]} -> {sides[1]}")
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(connection.since))
    where = f"  {opened.endpoint}" if opened.endpoint else ""
    seed = f"  seed {opened.seed}" if opened.seed else ""
    yield visible(f"  opened {when}.{int(connection.since % 1 * 1000):03d}{where}{seed}")


def _item(item: Item, transcript: Transcript, as_hex: bool, whole: bool) -> Iterator[str]:
    after = f"  +{item.time - transcript.connection.since:8.3f}  "
    match item:
        case Chunk(direction=direction, data=data, size=size):
            who = "peer" if direction == "received" else "us  "
            kept = f", of which {bytes_words(len(data))} were kept" if item.is_cut else ""
            empty = "an empty datagram" if not size else f"{size:,} B{kept}"
            yield f"{after}{who}  {empty}"
            yield from _bytes(data, as_hex, whole)
        case HalfClose():
            yield f"{after}peer  has said all (FIN)"
        case Noted(kind=kind, about=about):
            yield f"{after}note  {visible(kind)}"
            for key, value in about.items():
                yield from _text(f"{key}: {value}", "!")
        case Faulted(name=name, direction=direction, why=why):
            yield f"{after}fault {visible(f'{name} {direction} {why}').rstrip()}"
        case Gap(records=0):
            yield f"{after}...   what came before is not kept any more"
        case Gap(records=count):
            yield f"{after}...   {count:,} records are left out here: more came than is kept"


def _foot(transcript: Transcript) -> Iterator[str]:
    connection = transcript.connection
    lasted = f" after {duration_words(connection.until - connection.since)}" if connection.until is not None else ""
    received, sent = transcript.total("received"), transcript.total("sent")
    yield f"  {visible(connection.ending)}{lasted}"
    yield f"  peer said {_counted(received, transcript)}, we said {_counted(sent, transcript)}"
    for who, lost in (("peer", transcript.missing("received")), ("we", transcript.missing("sent"))):
        if lost.chunks or lost.size:
            yield f"  not kept of what {who} said: {_counted(lost, transcript)}"


def _counted(counts: Counts, transcript: Transcript) -> str:
    unit = "chunk" if transcript.is_stream else "datagram"
    return f"{counts.size:,} B in {counts.chunks:,} {unit}{'' if counts.chunks == 1 else 's'}"


def _bytes(data: bytes, as_hex: bool, whole: bool) -> Iterator[str]:
    shown = data if whole else data[:MOST_SHOWN]
    if as_hex or is_binary(shown):
        yield from (f"            {line}" for line in hexdump(shown))
    else:
        for line in shown.splitlines(keepends=True) if b"\n" in shown else [shown]:
            if line:
                yield f"            | {visible(line, LONGEST_LINE)}"
    if len(shown) < len(data):
        yield f"            ... and {len(data) - len(shown):,} B more (--all shows them)"


def _text(text: str, mark: str) -> Iterator[str]:
    for line in visible_lines(text).rstrip("\n").split("\n"):
        yield f"            {mark} {line[:LONGEST_LINE]}"


def is_binary(data: bytes) -> bool:
    """Tell whether `data` is better read in hexadecimal than as text.

    A character that a chunk's border cuts in two does not make text binary.
    """
    begin = next((place for place, byte in enumerate(data[:3]) if byte & 0xC0 != 0x80), min(3, len(data)))
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(data[begin:])  # a cut end is held back
    odd = sum(1 for sign in text if "\udc80" <= sign <= "\udcff")
    odd += sum(1 for byte in data if (byte < 32 and byte not in _TEXT_CONTROLS) or byte == 127)
    return b"\0" in data or odd * BINARY_SHARE > len(data)


def hexdump(data: bytes) -> Iterator[str]:
    """Yield sixteen bytes a line: where they begin, the bytes, and what of them is printable ASCII."""
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        signs = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{at:06x}  {left:<23}  {right:<23}  {signs}"
