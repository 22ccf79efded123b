"""`watch`: a live tail of the journal, of all runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sockwright.cli import manners

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sockwright.journal.connections import Connection
    from sockwright.journal.query import Filter
    from sockwright.journal.reader import Reader
    from sockwright.journal.records import Record
    from sockwright.journal.transcript import Item

EXAMPLES = """\b
A connection is told when it has ended, and before that when it stays open.

\b
Examples:
  sockwright watch
  sockwright watch proto:tcp service:echo
  sockwright watch 'text~"hello" -peer:127.0.0.1'
  sockwright watch --chunks '#17'
  sockwright watch --json duration>1s

\b
Filter: key:value (is), key~value (contains), key>value; -term excludes; a word alone is looked for in the bytes.
Keys and more: docs/reference/journal.md
"""

# Between two looks at the file (seconds); one costs some microseconds.
LOOK = 0.05
# A connection that is open for so long gets a line of its own (seconds).
OPEN_FOR = 0.15
# Characters of a chunk that fit its line.
CHUNK_SHOWN = 160


@click.command("watch", epilog=EXAMPLES, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="[FILTER]")
@click.option("--chunks", is_flag=True, help="Show each chunk (a read, a write, a datagram) as it comes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option("--journal", "journal_file", metavar="FILE", help="Another journal than the user's.")
def command(words: tuple[str, ...], chunks: bool, as_json: bool, journal_file: str | None) -> None:
    """Show connections as they come and go, until Ctrl-C."""
    import signal
    import sys
    from pathlib import Path

    from sockwright.journal.query import parse
    from sockwright.journal.reader import default_path

    wanted = parse(filter_text(words))
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(manners.OK))
    tail = _Chunks(wanted, as_json) if chunks else _Connections(wanted, as_json)
    _follow(tail, Path(journal_file) if journal_file else default_path())


def filter_text(words: tuple[str, ...]) -> str:
    """Return the filter that the words on the command line make.

    Raises: click.UsageError for what was meant as an option.
    """
    for word in words:
        if word.startswith("--"):
            raise click.UsageError(f"No such option: {word}")
    return " ".join(words)


def _follow(tail: _Tail, path: Path) -> None:
    import time

    from sockwright.journal.reader import Reader, is_there

    waiting = False
    while True:
        if not is_there(path):
            if not waiting:
                manners.remark(f"there is no journal yet at {path}: waiting for a run (sockwright up)")
                waiting = True
            time.sleep(LOOK)
            continue
        with Reader(path) as reader:
            # What was there before we came is past; a file that came after us is all news.
            tail.begin(reader, 0 if waiting else reader.last_batch())
            waiting = True
            _read_on(tail, reader)


def _read_on(tail: _Tail, reader: Reader) -> None:
    """Tell what comes until the file is taken away."""
    import sys
    import time

    checked = time.monotonic()
    while True:
        lines = tail.look(reader, time.time())
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()
        if time.monotonic() - checked > 1.0:
            checked = time.monotonic()
            if reader.is_gone():
                return
        time.sleep(LOOK)


class _Tail:
    """What has been told so far."""

    def __init__(self, wanted: Filter, as_json: bool) -> None:
        self.wanted = wanted
        self.as_json = as_json
        self.cursor = 0

    def begin(self, reader: Reader, cursor: int) -> None:
        self.cursor = cursor

    def look(self, reader: Reader, now: float) -> list[str]:
        """Return the lines that are due."""
        raise NotImplementedError

    def matches(self, connection: Connection, reader: Reader, now: float) -> bool:
        return self.wanted.matches(connection, lambda: reader.transcript(connection), now)

    def line(self, connection: Connection, reader: Reader) -> str:
        from sockwright.journal.records import Ended

        if self.as_json:
            return dumped(connection.as_dict())
        so_far = None
        if connection.ended is None:
            transcript = reader.transcript(connection)
            received, sent = transcript.total("received"), transcript.total("sent")
            so_far = Ended("", "", "", received.size, received.chunks, sent.size, sent.chunks)
        return connection.line(so_far)


class _Connections(_Tail):
    """A line per connection."""

    def begin(self, reader: Reader, cursor: int) -> None:
        super().begin(reader, cursor)
        self._fresh: dict[int, Connection] = {}  # open, and not told yet

    def look(self, reader: Reader, now: float) -> list[str]:
        lines: list[str] = []
        if reader.has_changed():
            newest = reader.last_batch()
            if newest > self.cursor:
                ended = reader.ended_since(self.cursor, newest)
                self._fresh.update((one.number, one) for one in reader.open_connections(self.cursor))
                self.cursor = newest
                for connection in ended:
                    self._fresh.pop(connection.number, None)
                    if self.matches(connection, reader, now):
                        lines.append(self.line(connection, reader))
        for connection in [one for one in self._fresh.values() if now - one.since >= OPEN_FOR]:
            del self._fresh[connection.number]
            if self.matches(connection, reader, now):
                lines.append(self.line(connection, reader))
        return lines


class _Chunks(_Tail):
    """A line per chunk, and one for what opened and ended."""

    def begin(self, reader: Reader, cursor: int) -> None:
        super().begin(reader, cursor)
        self._wanted: dict[int, bool] = {}  # connections that matched once: are they streams?

    def look(self, reader: Reader, now: float) -> list[str]:
        if not reader.has_changed():
            return []
        lines: list[str] = []
        for batch in reader.batches(self.cursor):
            self.cursor = batch.id
            by_number: dict[int, list[Record]] = {}
            for record in batch.records:
                by_number.setdefault(record[1], []).append(record)
            for number in by_number:
                if number not in self._wanted:
                    connection = reader.connection(number)
                    if connection is not None and self.matches(connection, reader, now):
                        self._wanted[number] = connection.opened.proto != "udp"
            lines += self._lines(batch.records, reader)
        return lines

    def _lines(self, records: Iterable[Record], reader: Reader) -> list[str]:
        from sockwright.journal.records import ENDED, OPENED

        lines: list[str] = []
        for record in records:
            kind, number = record[:2]
            if number not in self._wanted:
                continue
            if kind in (OPENED, ENDED):
                connection = reader.connection(number)
                if connection is not None:
                    lines.append(self._event(kind == OPENED, connection))
                if kind == ENDED:
                    del self._wanted[number]
            else:
                lines += self._items(record)
        return lines

    def _event(self, opened: bool, connection: Connection) -> str:
        if self.as_json:
            return dumped({"record": "opened" if opened else "ended", **connection.as_dict()})
        from sockwright.wire.visible import visible

        about = connection.opened
        if opened:
            return visible(
                f"{_moment(connection.since)} #{connection.number} opened  {about.proto} {about.service} {about.peer}"
            )
        return visible(f"{_moment(connection.until or 0.0)} #{connection.number} ended   {connection.ending}")

    def _items(self, record: Record) -> list[str]:
        from sockwright.journal.export.jsonl import item_as_dict
        from sockwright.journal.transcript import items_of

        number = record[1]
        items = items_of(record, self._wanted[number])
        if self.as_json:
            return [dumped({"number": number, **item_as_dict(item)}) for item in items]
        return [f"{_moment(item.time)} #{number} {_words(item)}" for item in items]


def _words(item: Item) -> str:
    from sockwright.journal.connections import remark_of
    from sockwright.journal.show import is_binary
    from sockwright.journal.transcript import Chunk, Faulted, Noted
    from sockwright.wire.visible import visible

    match item:
        case Chunk(direction=direction, data=data, size=size):
            who = "peer" if direction == "received" else "us  "
            shown = data[:CHUNK_SHOWN]
            text = shown[:32].hex(" ") if is_binary(shown) else visible(shown, CHUNK_SHOWN)
            more = " ..." if size > (32 if is_binary(shown) else CHUNK_SHOWN) else ""
            return f"{who}  {size:,} B  {text}{more}"
        case Noted(kind=kind, about=about):
            return f"note  {visible(remark_of(kind, about))}"
        case Faulted(name=name, direction=direction, why=why):
            return f"fault {visible(f'{name} {direction} {why}').rstrip()}"
        case _:
            return "peer  has said all (FIN)"


def _moment(when: float) -> str:
    import time

    return f"{time.strftime('%H:%M:%S', time.localtime(when))}.{int(when % 1 * 1000):03d}"


def dumped(value: Any) -> str:
    """Return JSON for one line."""
    import json

    return json.dumps(value, ensure_ascii=False)
