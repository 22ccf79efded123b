"""A recording: what was said in some connections, whole and with its times, in a file that can be played again.

One JSON array per line, so that it can be read, cut and mended by hand, and written at the speed of a relay:

    ["sockwright recording", 1, {"listen": "tcp://...", "target": "tcp://..."}]
    [7, 0, "open", {"peer": "127.0.0.1:51044", "proto": "tcp"}]
    [7, 3100, ">", "EHLO x\\r\\n"]
    [7, 4000, "<", null, "AP8="]
    [7, 1200000, ">", ""]
    [7, 1300000, "end", {"how": "fin", "by": "client"}]

First the connection's number, then the time in microseconds since the recording began. `>` is what the client said,
`<` what the server said, as one read returned it (over UDP a datagram): text where it is UTF-8, else null and base64.
Empty text is a FIN over TCP, an empty datagram over UDP. `[0, t, "lost", n]` says that n records are missing, since
the disk could not keep up.
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import msgspec

from sockwright.backstage import PIECE, REST, stand_back
from sockwright.errors import ConfigError
from sockwright.journal.records import ENDED, OPENED, RECEIVED, SENT, Taped
from sockwright.journal.transcript import Chunk, HalfClose, Noted, Transcript

VERSION = 1
# Between two looks of the writer (seconds).
TICK = 0.05
# Bytes that are written at once. No rest for the loop after them while more wait than the second number: to lose some
# is worse than to be late.
PIECE_BYTES = 256 << 10
RESTLESS = 8 << 20
# Bytes that may wait for the disk. What comes above that is lost and counted: the conversation never waits.
MOST_WAITING = 64 << 20
# The longest line that is read back: a megabyte read, written as base64, with room to spare.
LONGEST_LINE = 4 << 20

From = Literal["client", "server"]
_encode_lines = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder(list[Any]).decode
_MARK = b'["sockwright recording"'
_size_of = itemgetter(4)
_MARKS = {RECEIVED: ">", SENT: "<"}
_BY = {"peer": "client", "target": "server"}


@dataclass(frozen=True, slots=True)
class Said:
    """One piece that one side said; b"" is its FIN over TCP. `time` is seconds since the connection was opened."""

    time: float
    by: From
    data: bytes


@dataclass(slots=True)
class Take:
    """One connection of a recording. `end` is how it ended ("" unknown), `ended_by` is "client" or "server"."""

    number: int
    proto: str = "tcp"
    peer: str = ""
    said: list[Said] = field(default_factory=list)
    began: float = 0.0  # seconds since the recording began
    end: str = ""
    ended_by: str = ""
    lost: int = 0

    def bytes_from(self, by: From) -> bytes:
        """Return all that one side said."""
        return b"".join(one.data for one in self.said if one.by == by)


class Recorder:
    """Writes a recording; a context manager. `tape` takes records and returns at once, in the loop's thread.

    `trouble` says what keeps it from writing, "" while nothing does.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        try:
            self._file = path.open("wb")
        except OSError as wrong:
            raise ConfigError(f"cannot write the recording {path}: {wrong.strerror}") from None
        self.path = path
        self.trouble = ""
        self._began = time.time()
        self._waiting: list[Taped] = []
        # Bytes and records. The loop's thread counts the first of each pair, ours the second.
        self._taken = self._done = 0
        self._lost = self._told = 0
        self._file.write(head(about))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def tape(self, records: Sequence[Taped]) -> None:
        """Take records of a tap, with all their bytes."""
        size = sum(map(_size_of, records))
        if self._taken - self._done + size > MOST_WAITING:
            self._lost += len(records)
            return
        self._taken += size
        self._waiting += records

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left, and stop."""
        self._stop.set()
        self._thread.join()
        while self._write():
            pass
        try:
            self._file.close()
        except OSError as wrong:
            self._give_up(wrong)

    def _work(self) -> None:
        stand_back()
        wait = TICK
        while not self._stop.wait(wait):
            wait = TICK if not self._write() else REST if self._taken - self._done < RESTLESS else 0.0

    def _write(self) -> bool:
        """Write a piece of what waits; tell whether there is more."""
        piece = self._waiting[:PIECE]
        while (size := sum(map(_size_of, piece))) > PIECE_BYTES and len(piece) > 1:
            del piece[len(piece) // 2 :]
        del self._waiting[: len(piece)]  # what is appended meanwhile stays
        lost = self._lost - self._told
        self._told += lost
        if not self.trouble and (piece or lost):
            rows = _rows(piece, self._began)
            if lost:
                rows.append((0, int((time.time() - self._began) * 1e6), "lost", lost))
            try:
                self._file.write(_encode_lines(rows))
                self._file.flush()
            except OSError as wrong:
                self._give_up(wrong)
        self._done += size
        return bool(self._waiting)

    def _give_up(self, wrong: OSError) -> None:
        self.trouble = self.trouble or f"the recording {self.path} is not whole: {wrong.strerror}"


def head(about: Mapping[str, Any]) -> bytes:
    """Return the first line of a recording."""
    return _encode_lines([("sockwright recording", VERSION, dict(about))])


def _rows(records: Iterable[Taped], began: float) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    last, now = began, 0
    for kind, number, when, payload, _ in records:
        if when != last:  # all of one turn of the loop have the same time
            last = when
            now = max(0, int((when - began) * 1e6))
        if kind in _MARKS:
            try:
                rows.append((number, now, _MARKS[kind], payload.decode()))
            except UnicodeDecodeError:
                rows.append(_said(number, now, _MARKS[kind], payload))
        elif kind == OPENED:
            rows.append((number, now, "open", {"peer": payload.peer, "proto": payload.proto}))
        elif kind == ENDED:
            rows.append((number, now, "end", {"how": payload.how, "by": _BY.get(payload.who, payload.who)}))
    return rows


def _said(number: int, now: int, by: str, data: bytes) -> tuple[Any, ...]:
    try:
        return (number, now, by, data.decode())
    except UnicodeDecodeError:
        return (number, now, by, None, data)  # msgspec writes bytes as base64


def written(transcripts: Iterable[Transcript], about: Mapping[str, Any] | None = None) -> Iterator[bytes]:
    """Yield the pieces of a recording made from what the journal kept; where it cut or left out bytes, `lost` says so.

    The journal's times and chunks are the wire's, so a recording from it is as good as one from a tap.
    """
    yield head(about or {})
    for transcript in transcripts:
        yield _encode_lines(_transcribed(transcript))


def _transcribed(transcript: Transcript) -> list[tuple[Any, ...]]:
    connection = transcript.connection
    number, opened = connection.number, connection.opened
    received, sent = ("<", ">") if opened.role == "client" else (">", "<")
    proto = opened.proto if opened.proto == "udp" else "tcp"
    rows: list[tuple[Any, ...]] = [(number, 0, "open", {"peer": opened.peer, "proto": proto})]
    lost = connection.omitted
    now = 0
    for item in transcript.items:
        now = max(now, int((item.time - connection.since) * 1e6))
        if isinstance(item, Chunk):
            lost += item.is_cut
            rows.append(_said(number, now, received if item.direction == "received" else sent, item.data))
        elif isinstance(item, HalfClose):
            rows.append((number, now, received, ""))
        elif isinstance(item, Noted) and item.kind == "half-close":
            rows.append((number, now, sent, ""))
    if lost:
        rows.append((number, now, "lost", lost))
    if connection.ended is not None and connection.until is not None:
        who = connection.ended.who
        by = {">": "client", "<": "server"}[received] if who == "peer" else _BY.get(who, who)
        rows.append(
            (number, int((connection.until - connection.since) * 1e6), "end", {"how": connection.ended.how, "by": by})
        )
    return rows


def is_recording(path: Path) -> bool:
    """Tell whether `path` is a file that begins as a recording does."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MARK)) == _MARK
    except (OSError, ValueError):
        return False


def about(path: Path) -> Mapping[str, Any]:
    """Return what the first line says of the recording; empty where it says nothing."""
    try:
        with path.open("rb") as file:
            first = _decode(file.readline(LONGEST_LINE))
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return {}
    return first[2] if len(first) > 2 and isinstance(first[2], dict) else {}


def read(path: Path) -> Sequence[Take]:
    """Return the connections of a recording, in the order in which they were opened.

    Raises: ConfigError naming the line that makes no sense.
    """
    takes: dict[int, Take] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
                if len(line) > LONGEST_LINE:
                    raise _wrong(path, number, "the line is longer than 4 MiB")
                if line.strip():
                    _take_in(takes, line, path, number)
    except OSError as wrong:
        raise ConfigError(f"cannot read the recording {path}: {wrong.strerror}") from None
    if not takes:
        raise ConfigError(f"{path} holds no connection", cure="`sockwright tap LISTEN TARGET --record FILE` makes one")
    return [takes[number] for number in sorted(takes)]


def _take_in(takes: dict[int, Take], line: bytes, path: Path, place: int) -> None:
    try:
        row = _decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as wrong:
        raise _wrong(path, place, str(wrong)) from None
    if place == 1:
        if row[:1] != ["sockwright recording"]:
            raise ConfigError(f"{path} is not a recording", cure="`sockwright tap --record FILE` makes one")
        if row[1:2] != [VERSION]:
            raise ConfigError(f"{path} is of version {row[1:2]}, and {VERSION} is understood here")
        return
    match row:
        case [int(number), int() | float() as when, str(what), *rest] if 0 <= when < 1e15:
            pass
        case _:
            raise _wrong(path, place, 'a line is [number, microseconds, ">" or "<" or "open" or "end", ...]')
    if what == "lost":
        for take in takes.values():
            if number in (0, take.number):
                take.lost += 1
        return
    now = when / 1e6
    take = takes.get(number) or takes.setdefault(number, Take(number, began=now))
    match what, rest:
        case "open", [dict(about)]:
            take.began = now
            take.peer, take.proto = str(about.get("peer", "")), str(about.get("proto", "tcp"))
        case "end", [dict(about)]:
            take.end, take.ended_by = str(about.get("how", "")), str(about.get("by", ""))
        case ((">" | "<"), [str(text)]):
            take.said.append(Said(now - take.began, "client" if what == ">" else "server", text.encode()))
        case ((">" | "<"), [None, str(text)]):
            try:
                data = base64.b64decode(text, validate=True)
            except binascii.Error as wrong:
                raise _wrong(path, place, f"base64: {wrong}") from None
            take.said.append(Said(now - take.began, "client" if what == ">" else "server", data))
        case _:
            raise _wrong(path, place, f"{what!r} is not understood, or not with what follows it")


def _wrong(path: Path, number: int, what: str) -> ConfigError:
    return ConfigError(f"{path}, line {number}: {what}")
