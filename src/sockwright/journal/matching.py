"""What a filter's terms compare: the keys, and how a connection answers to each.

How a filter is written is in `query`.
"""

from __future__ import annotations

import fnmatch
import re
import time as clock
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sockwright.config import duration, size, suggest
from sockwright.journal.connections import Connection
from sockwright.journal.exchanges import Exchange, exchanges_of
from sockwright.journal.records import ENDS
from sockwright.journal.transcript import Direction, Faulted, Noted, Transcript

WORD, BYTES, NUMBER, SIZE, DURATION, TIME, STATUS = "word", "bytes", "number", "size", "duration", "time", "status"

# key -> (what its values are, what it means); `received` and `sent` are sizes, and bytes behind a `~`.
KEYS: Mapping[str, tuple[str, str]] = {
    "text": (BYTES, "the bytes of either side contain this"),
    "hex": (BYTES, "the same, in hexadecimal"),
    "received": (SIZE, "bytes that came; with ~ what they contain"),
    "sent": (SIZE, "bytes that went out; with ~ what they contain"),
    "proto": (WORD, "tcp, udp, http ..."),
    "service": (WORD, "the service's name"),
    "peer": (WORD, "the other side's host, :port or host:port"),
    "local": (WORD, "our side's host, :port or host:port"),
    "endpoint": (WORD, "where we listen or whom we called"),
    "role": (WORD, "server, client or tap"),
    "tls": (WORD, "yes, no, or a version"),
    "end": (WORD, f"how it ended: {', '.join(ENDS)}; or open, lost"),
    "by": (WORD, "who ended it: peer, us, nobody"),
    "reason": (WORD, "why it ended, in words"),
    "note": (WORD, "has a note of this kind"),
    "fault": (WORD, "met this fault"),
    "method": (WORD, "has an HTTP request of this method"),
    "path": (WORD, "has an HTTP request whose target is this"),
    "host": (WORD, "has an HTTP request with this Host"),
    "status": (STATUS, "has an HTTP response of this status: 404, 4xx"),
    "id": (NUMBER, "the connection's number; #17 is short for id:17"),
    "run": (NUMBER, "the run's number in the file"),
    "bytes": (SIZE, "bytes of both directions"),
    "chunks": (NUMBER, "reads and writes, or datagrams"),
    "notes": (NUMBER, "how many notes it has"),
    "faults": (NUMBER, "how many faults it met"),
    "omitted": (NUMBER, "records that were left out in a flood"),
    "duration": (DURATION, "from opened to ended, or to now"),
    "since": (TIME, "it was there after this: 5m (ago), 12:00, 2026-11-22, 2026-11-22T12:00"),
    "until": (TIME, "it was there before this"),
}
# Keys whose values are a closed list.
CHOICES: Mapping[str, Sequence[str]] = {
    "end": (*ENDS, "open", "lost"),
    "by": ("peer", "us", "nobody"),
    "role": ("server", "client", "tap"),
}
# Keys that look into the transcript.
DEEP = frozenset({"text", "hex", "note", "fault", "method", "path", "host", "status"})
# Keys that count bytes, and with ~ look into them.
_BOTH = frozenset({"received", "sent"})
_DIRECTIONS: Mapping[str, Sequence[Direction]] = {"received": ("received",), "sent": ("sent",)}
_EITHER: Sequence[Direction] = ("received", "sent")

_PLAIN = re.compile(r"[\w.:*?@%+=\[\]-]+(?:[\w.:*?@%+=/\[\]#-]*)\Z")


@dataclass(frozen=True, slots=True)
class Atom:
    """One alternative of a value, as it was meant."""

    text: str
    is_regex: bool = False

    def __str__(self) -> str:
        if self.is_regex:
            return f"/{self.text}/"
        if _PLAIN.match(self.text):
            return self.text
        return '"' + "".join(map(_escaped, self.text)) + '"'


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    if sign == " " or sign.isprintable():
        return sign
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Subject:
    """A connection under the filter, with what is worked out at most once."""

    __slots__ = ("_exchanges", "_load", "_transcript", "connection", "now")

    def __init__(self, connection: Connection, load: Callable[[], Transcript], now: float) -> None:
        self.connection = connection
        self.now = now
        self._load = load
        self._transcript: Transcript | None = None
        self._exchanges: list[Exchange] | None = None

    @property
    def transcript(self) -> Transcript:
        if self._transcript is None:
            self._transcript = self._load()
        return self._transcript

    @property
    def exchanges(self) -> list[Exchange]:
        if self._exchanges is None:
            self._exchanges = exchanges_of(self.transcript)
        return self._exchanges

    def pieces(self, directions: Sequence[Direction]) -> Iterator[bytes]:
        for direction in directions:
            yield from self.transcript.pieces(direction)

    def words(self, key: str) -> Iterable[str]:
        """Return what a WORD key is compared with; one of them must fit."""
        connection = self.connection
        opened, ended = connection.opened, connection.ended
        match key:
            case "peer" | "local":
                return _address_forms(getattr(opened, key))
            case "proto" | "service" | "endpoint" | "role":
                return (getattr(opened, key),)
            case "tls":
                return ("yes", opened.tls) if opened.tls else ("no",)
            case "end":
                return (ended.how if ended is not None else connection.state,)
            case "by":
                return (ended.who or "nobody",) if ended is not None else ()
            case "reason":
                return (ended.reason,) if ended is not None else ()
            case "note":
                return [] if not connection.notes else [i.kind for i in self.transcript.items if isinstance(i, Noted)]
            case "fault":
                return (
                    [] if not connection.faults else [i.name for i in self.transcript.items if isinstance(i, Faulted)]
                )
            case "method":
                return [exchange.method for exchange in self.exchanges]
            case "path":
                return [form for one in self.exchanges for form in (one.target, one.target.partition("?")[0])]
            case _:  # host
                return [form for one in self.exchanges for form in _address_forms(one.request.field("host"))]

    def numbers(self, key: str) -> Iterable[float]:
        """Return what a key with a quantity is compared with; one of them must fit."""
        connection = self.connection
        match key:
            case "id":
                return (connection.number,)
            case "run" | "notes" | "faults" | "omitted":
                return (getattr(connection, key),)
            case "duration":
                until = connection.until if connection.until is not None else self.now
                return () if connection.lost else (until - connection.since,)
            case "status":
                return [exchange.status for exchange in self.exchanges]
        ended = connection.ended
        if ended is not None:
            both = {
                "received": ended.received,
                "sent": ended.sent,
                "bytes": ended.received + ended.sent,
                "chunks": ended.received_chunks + ended.sent_chunks,
            }
            return (both[key],)
        received, sent = self.transcript.total("received"), self.transcript.total("sent")
        so_far = {
            "received": received.size,
            "sent": sent.size,
            "bytes": received.size + sent.size,
            "chunks": received.chunks + sent.chunks,
        }
        return (so_far[key],)


def _address_forms(address: str) -> tuple[str, ...]:
    host, _, port = address.rpartition(":")
    if not host:
        return (address,)
    return (address, host, host.strip("[]"), f":{port}")


Test = Callable[[Subject], bool]


def test_of(key: str, op: str, atoms: Sequence[Atom]) -> Test:
    """Return the function that tells whether a subject fits `key op atoms`.

    Raises: ValueError where the values make no sense with that key.
    """
    kind = KEYS[key][0]
    if kind == BYTES or (op == "~" and key in _BOTH):
        return _bytes_test(key, op, atoms)
    if kind == WORD:
        if op not in (":", "~"):
            raise ValueError(f"{op} compares quantities, and this is none; use : or ~")
        for atom in atoms if op == ":" else ():
            if key in CHOICES and atom.text.lower() not in CHOICES[key] and "*" not in atom.text:
                raise ValueError(f"there is no {atom.text!r}.{suggest(atom.text.lower(), CHOICES[key])}")
        patterns = [_pattern(op, atom) for atom in atoms]
        return lambda subject: any(pattern(word) for word in subject.words(key) for pattern in patterns)
    if op == "~":
        raise ValueError("~ looks into text, and this is a quantity; use : > >= < <=")
    if kind == TIME:
        if op != ":" or len(atoms) != 1:
            raise ValueError("takes one time, behind a colon")
        moment = _moment(atoms[0].text)
        if key == "since":
            return lambda subject: (subject.connection.until or subject.now) >= moment(subject.now)
        return lambda subject: subject.connection.since <= moment(subject.now)
    ranges = [_range(kind, op, atom.text) for atom in atoms]
    return lambda subject: any(low <= number <= high for number in subject.numbers(key) for low, high in ranges)


def _bytes_test(key: str, op: str, atoms: Sequence[Atom]) -> Test:
    if op not in (":", "~"):
        raise ValueError(f"{op} compares quantities, and this is text; use ~")
    directions = _DIRECTIONS.get(key, _EITHER)
    finders = [_finder(key, atom) for atom in atoms]
    return lambda subject: any(finds(piece) for piece in subject.pieces(directions) for finds in finders)


def _finder(key: str, atom: Atom) -> Callable[[bytes], bool]:
    if atom.is_regex and key != "hex":
        expression = re.compile(atom.text, re.MULTILINE)
        return lambda piece: expression.search(piece.decode(errors="replace")) is not None
    wanted = atom.text.encode(errors="replace")
    if key == "hex":
        try:
            wanted = bytes.fromhex(atom.text)
        except ValueError:
            raise ValueError(f"{atom.text!r} is not pairs of hexadecimal digits, as in ff fe") from None
    return lambda piece: wanted in piece


def _pattern(op: str, atom: Atom) -> Callable[[str], bool]:
    if atom.is_regex:
        expression = re.compile(atom.text)
        return lambda word: expression.search(word) is not None
    wanted = atom.text.casefold()
    if op == "~":
        return lambda word: wanted in word.casefold()
    if "*" in wanted or "?" in wanted:
        glob = re.compile(fnmatch.translate(wanted))
        return lambda word: glob.match(word.casefold()) is not None
    return lambda word: word.casefold() == wanted


def _range(kind: str, op: str, text: str) -> tuple[float, float]:
    """Return the lowest and the highest number that fits; comparisons leave out the number itself."""
    endless = float("inf")
    if op == ":":
        if kind == STATUS and re.fullmatch(r"[1-5]xx", text.lower()):
            return int(text[0]) * 100, int(text[0]) * 100 + 99
        low, dots, high = text.partition("..")
        if dots:
            return (_quantity(kind, low) if low else 0.0), (_quantity(kind, high) if high else endless)
        return _quantity(kind, text), _quantity(kind, text)
    number = _quantity(kind, text)
    least = 1e-9 if kind == DURATION else 0.5
    match op:
        case ">":
            return number + least, endless
        case ">=":
            return number, endless
        case "<":
            return -endless, number - least
        case _:
            return -endless, number


def _quantity(kind: str, text: str) -> float:
    if kind == DURATION:
        return duration(text)
    if kind == SIZE:
        return size(text)
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _moment(text: str) -> Callable[[float], float]:
    """Return how to get the meant time from `now`: so long ago, or a time of today, or a date."""
    try:
        ago = duration(text)
    except ValueError:
        pass
    else:
        return lambda now: now - ago
    hours = re.fullmatch(r"(\d{1,2}):(\d\d)(?::(\d\d))?", text)
    if hours:
        hour, minute, second = (int(part or 0) for part in hours.groups())
        if hour < 24 and minute < 60 and second < 60:
            return lambda now: _today(now, hour, minute, second)
    try:
        moment = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is not a time; write 5m (ago), 12:00, 2026-11-22 or 2026-11-22T12:00") from None
    return lambda now: moment


def _today(now: float, hour: int, minute: int, second: int) -> float:
    day = clock.localtime(now)
    return clock.mktime((day.tm_year, day.tm_mon, day.tm_mday, hour, minute, second, 0, 0, -1))
