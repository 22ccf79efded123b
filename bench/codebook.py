"""Codebook: lists of words deciphered, beside Redis HMGET with the same words of the same book."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

from bench import ours, words
from bench.figures import Figures, Goal
from bench.machine import Server, Stage
from bench.race import Ask, Contender, Load, Race, python, standing

PEERS = Path(__file__).with_name("peers")
OURS = "sockwright, lines"
REDIS = "Redis HMGET"
COUNT = 100_000  # words in the book: a large dictionary
MILLION = 1_000_000
LINE = 1_000  # words in a line of ours, where a list takes several
FEW = 50  # lists in a slice, below which their number is too coarse a measure
KEY = b"book"


def redis_command(port: int, folder: Path) -> Sequence[str]:
    """Return a Redis in memory alone: what it does for us, it does at its best."""
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]


def resp(*parts: bytes) -> bytes:
    """Return a command as Redis reads it."""
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def fill(server: Server, count: int) -> None:
    """Give Redis the book."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
        items = iter(words.book(count).items())
        while some := list(islice(items, 1000)):
            sock.sendall(resp(b"HSET", KEY, *(part for item in some for part in item)))
            if not sock.recv(100).startswith(b":"):
                raise RuntimeError("Redis took no entries")


def redis_records(book: int, size: int, how_many: int) -> Iterator[tuple[bytes, bytes]]:
    for numbers in words.lists(book, size, how_many):
        answer = b"".join(b"$%d\r\n%s\r\n" % (len(plain), plain) for plain in map(words.plain, numbers))
        yield resp(b"HMGET", KEY, *map(words.enciphered, numbers)), b"*%d\r\n" % size + answer


def our_records(book: int, size: int, how_many: int) -> Iterator[tuple[bytes, bytes]]:
    for numbers in words.lists(book, size, how_many):
        lines = [numbers[at : at + LINE] for at in range(0, size, LINE)]
        asked, answer = (
            b"".join(b" ".join(map(word, line)) + b"\n" for line in lines) for word in (words.enciphered, words.plain)
        )
        yield asked, answer


RECORDS: dict[str, Callable[[int, int, int], Iterator[tuple[bytes, bytes]]]] = {REDIS: redis_records, OURS: our_records}


@lru_cache
def records(name: str, book: int, size: int, how_many: int) -> bytes:
    """Return the file of requests and answers that the load generator reads."""
    pairs = RECORDS[name](book, size, how_many)
    return b"".join(struct.pack("!II", len(asked), len(answer)) + asked + answer for asked, answer in pairs)


def lists(book: int, size: int, how_many: int, connections: int, name: str = "") -> Load:
    """Return the load of `how_many` lists of `size` words, which are said again and again."""
    filled: set[int] = set()

    def measure(contender: Contender, stage: Stage) -> Figures:
        server = standing(contender, stage)
        if contender.name == REDIS and server.pid not in filled:
            fill(server, book)
            filled.add(server.pid)
        file = f"{contender.group}-{book}-{size}-{how_many}.records"
        ask = Ask(
            "ask_load",
            ("--connections", str(connections), "--file", f"@{file}"),
            files={file: records(contender.name, book, size, how_many)},
        )
        figures = ask(contender, stage)
        if figures["messages"] < FEW:  # a slice that holds two lists, or nearly three, would say the same of both
            return {**figures, "rate": connections * 1e6 / figures["p50_us"]}
        return figures

    return Load(name or f"{size:,} words", measure)


def contenders(count: int) -> tuple[Contender, ...]:
    """Return who takes part, with a book of `count` words."""
    redis = Contender(REDIS, lambda place: redis_command(place.port, place.folder), "yardstick", ("redis-server",))
    peer = str(PEERS / "codebook.py")
    sockwright = Contender(
        OURS, lambda place: python(peer, str(place.port), str(count), "-q"), "ours", environment=ours.home
    )
    return redis, sockwright


COLUMNS = (("rate", "lists/s"), ("p50_us", "p50 µs"), ("p99_us", "p99 µs"), ("cpu_us", "CPU µs"))

CODEBOOK = Race(
    "codebook",
    f"a list of words deciphered by a book of {COUNT:,}, one list in flight per connection",
    contenders(COUNT),
    # Ten words out of five thousand, as a text has them; and out of all, where none comes again soon.
    (lists(COUNT, 10, 500, 50), lists(COUNT, 1_000, 200, 50), lists(COUNT, 10, 20_000, 50, "10 words of all")),
    (Goal(OURS, REDIS, 1.0, loads=("10 words", "1,000 words")),),
    REDIS,
    columns=COLUMNS,
)

MILLIONS = Race(
    "codebook-million",
    f"lists of words deciphered by a book of {MILLION:,}; a million words go as {MILLION // LINE:,} lines",
    contenders(MILLION),
    (lists(MILLION, 10, 500, 50), lists(MILLION, MILLION, 1, 1)),
    (Goal(OURS, REDIS, 0.8, loads=("1,000,000 words",)),),
    REDIS,
    columns=COLUMNS,
    seconds=4.0,
    rounds=3,
)
