"""Small strangers: plain blocking sockets, and a look into a bench's journal."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from sockwright.endpoint import Peer
from sockwright.journal.journal import Journal
from sockwright.journal.records import ENDED, Ended, Record

WAIT = 10.0  # seconds; a test that needs them is failing


def dial(peer: Peer) -> socket.socket:
    return socket.create_connection((peer.host, peer.port), timeout=WAIT)


def read_all(sock: socket.socket) -> bytes:
    """Return everything up to the peer's FIN."""
    parts: list[bytes] = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        assert part, f"the stream ended after {len(data)} of {count} bytes: {data[:80]!r}"
        data += part
    return data


def ask(peer: Peer, data: bytes) -> bytes:
    """Send `data`, half-close, and return all that comes back."""
    with dial(peer) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def reset(sock: socket.socket) -> None:
    """Break off with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def until(condition: Callable[[], Any], wait: float = WAIT) -> Any:
    """Return what `condition` returns once it is true.

    Raises: AssertionError after `wait` seconds.
    """
    end = time.monotonic() + wait
    while not (found := condition()):
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.005)
    return found


def records(journal: Journal, kind: int | None = None) -> list[Record]:
    """Return what the journal holds in memory, oldest first."""
    journal.flush()
    return [record for record in journal.records() if kind is None or record[0] == kind]


def ended(journal: Journal, number: int | None = None) -> Ended:
    """Return the record of how connection `number` (the first that ended) ended, waiting for it."""

    def find() -> Ended | None:
        for record in records(journal, ENDED):
            if number is None or record[1] == number:
                found: Ended = record[3]
                return found
        return None

    result = until(find)
    assert isinstance(result, Ended)
    return result
