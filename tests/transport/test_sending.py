"""Files on the wire: order, slow peers, ends, TLS, faults; all over real sockets."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from tests.sockets import dial, ended, read_all, records, reset, until

from sockwright.endpoint import Peer, parse
from sockwright.journal.records import SENT
from sockwright.transport import streams
from sockwright.transport.breaking import Request
from sockwright.transport.limits import Limits
from sockwright.transport.pipe import Pipe
from sockwright.workbench import BenchThread, Posting

BIG = bytes(range(256)) * 32 * 1024  # 8 MiB
MEDIUM = os.urandom(100_000)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "big").write_bytes(BIG)
    (tmp_path / "medium").write_bytes(MEDIUM)
    (tmp_path / "small").write_bytes(b"small")
    return tmp_path


def get(path: str, last: bool = False) -> bytes:
    close = "Connection: close\r\n" if last else ""
    return f"GET /{path} HTTP/1.1\r\nHost: x\r\n{close}\r\n".encode()


def contents(data: bytes) -> list[bytes]:
    """Return the content of each response in `data`, which must hold nothing else."""
    found: list[bytes] = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head[:80]
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert len(data) >= length
        found.append(data[:length])
        data = data[length:]
    return found


def same(left: list[bytes], right: list[bytes]) -> bool:
    """Compare without printing megabytes."""
    return [hashlib.sha256(one).digest() for one in left] == [hashlib.sha256(one).digest() for one in right]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def settled(peer: Peer) -> int:
    """Return how many descriptors are open once everything that is opened once is open."""
    with dial(peer) as sock:
        sock.sendall(get("big", last=True))
        read_all(sock)
        return descriptors()


def test_pipelined_files_and_words_keep_their_order(bench: BenchThread, site: Path) -> None:
    peer = bench.serve("http://:0", f"files:{site}")
    names = ["small", "medium", "small", "big", "medium", "small"] * 8
    expected = {"small": b"small", "medium": MEDIUM, "big": BIG}
    with dial(peer) as sock:
        sock.sendall(b"".join(get(name) for name in names) + get("small", last=True))
        data = read_all(sock)
    assert same(contents(data), [expected[name] for name in [*names, "small"]])


def test_many_connections_at_once_get_each_its_own(bench: BenchThread, site: Path) -> None:
    peer = bench.serve("http://:0", f"files:{site}")
    before = settled(peer)
    socks = [dial(peer) for _ in range(30)]
    for number, sock in enumerate(socks):
        sock.sendall(get("big" if number % 3 == 0 else "medium" if number % 3 == 1 else "small", last=True))
    for number, sock in enumerate(socks):
        assert same(contents(read_all(sock)), [[BIG, MEDIUM, b"small"][number % 3]])
        sock.close()
    until(lambda: descriptors() <= before)


@pytest.mark.parametrize("end", ["half-close", "close", "1.0"])
def test_a_whole_file_goes_out_before_our_fin(bench: BenchThread, site: Path, end: str) -> None:
    peer = bench.serve("http://:0", f"files:{site}")
    with dial(peer) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        request = get("big", last=end == "close")
        sock.sendall(request.replace(b"HTTP/1.1", b"HTTP/1.0") if end == "1.0" else request)
        if end != "close":
            sock.shutdown(socket.SHUT_WR)
        assert same(contents(read_all(sock)), [BIG])


def test_a_peer_that_hangs_up_in_the_middle_leaves_nothing_behind(bench: BenchThread, site: Path) -> None:
    peer = bench.serve("http://:0", f"files:{site}")
    before = settled(peer)
    for leave in (reset, socket.socket.close):
        sock = dial(peer)
        sock.sendall(get("big") * 20)
        sock.recv(1000)
        leave(sock)
    until(lambda: descriptors() <= before)
    with dial(peer) as sock:
        sock.sendall(get("small", last=True))
        assert contents(read_all(sock)) == [b"small"]


def test_who_never_reads_is_given_up_and_costs_no_memory(site: Path) -> None:
    with BenchThread(limits=Limits(write_stall=0.5)) as bench:
        peer = bench.serve("http://:0", f"files:{site}")
        with dial(peer) as sock:
            sock.sendall(get("big") * 30)
            server = bench.workbench.listening[0].server
            until(lambda: server.streams)  # type: ignore[union-attr]
            until(lambda: not server.streams)  # type: ignore[union-attr]
        assert not bench.troubles


def test_a_slow_download_is_not_idleness(site: Path) -> None:
    with BenchThread(limits=Limits(idle=2.0)) as bench:
        posting = Posting(parse("http://:0"), (f"files:{site}",), limits={"idle": 2.0})
        peer = bench.listen(posting).server.addresses[0]
        with dial(peer) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.sendall(get("big"))
            data = b""
            while len(data) < len(BIG):
                data += sock.recv(256 * 1024)
                if len(data) < len(BIG) // 2:  # the other half may be in the system's buffers, and idle we are then
                    time.sleep(0.16)  # the peer is slow: that is what is tested
            sock.sendall(get("small", last=True))
            assert same(contents(data + read_all(sock)), [BIG, b"small"])


def test_a_file_that_shrinks_breaks_the_connection_off(bench: BenchThread, site: Path) -> None:
    peer = bench.serve("http://:0", f"files:{site}")
    with dial(peer) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.sendall(get("big"))
        sock.recv(100)
        os.truncate(site / "big", 1000)
        total = 0
        try:
            while part := sock.recv(1 << 20):
                total += len(part)
        except ConnectionResetError:
            pass
    assert total < len(BIG)
    assert ended(bench.journal).reason == "the file became shorter while it was sent"


def test_tls_gets_the_same_bytes(bench: BenchThread, site: Path) -> None:
    peer = bench.serve("https://:0", f"files:{site}")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(dial(peer)) as sock:
        sock.sendall(get("big") + get("small") + get("medium") + get("small", last=True))
        assert same(contents(read_all(sock)), [BIG, b"small", MEDIUM, b"small"])


def test_a_slow_pipe_holds_a_little_of_a_file_and_hands_on_all(bench: BenchThread, site: Path) -> None:
    posting = Posting(parse("http://:0"), (f"files:{site}",), label="slow")
    peer = bench.listen(posting).server.addresses[0]

    async def bend() -> None:
        bench.workbench.breaking.set("slow", Request(("rate=16MB/s",)))

    bench.call(bend())
    with dial(peer) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.sendall(get("big") + get("small", last=True))
        time.sleep(0.3)  # the peer reads late, so that the loop's buffer fills and empties
        assert same(contents(read_all(sock)), [BIG, b"small"])


class Slices:
    """A pipe that hands on what it gets in pieces, as a fault would."""

    def __init__(self, stream: streams.Stream) -> None:
        self.stream = stream

    def feed(self, data: bytes, now: float) -> None:
        for at in range(0, len(data), 10_000):
            self.stream.emit(data[at : at + 10_000])

    def passes(self, data: bytes) -> bool:
        return False

    def passes_unseen(self, size: int) -> bool:
        return False

    def end(self, now: float) -> None:
        self.stream.emit_end()

    def close(self) -> None:
        pass

    def hold(self, held: bool) -> None:
        pass

    full = False
    calm = 0
    glance = None


def test_faults_stand_in_the_way_of_files_as_well(
    bench: BenchThread, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Callable[..., None] = streams.Stream.connection_made

    def connection_made(self: streams.Stream, transport: object) -> None:
        self.outbound = cast(Pipe, Slices(self))
        self.inline = self.timely = None
        made(self, transport)

    monkeypatch.setattr(streams.Stream, "connection_made", connection_made)
    peer = bench.serve("http://:0", f"files:{site}")
    with dial(peer) as sock:
        sock.sendall(get("small") + get("big") + get("small") + get("medium", last=True))
        assert same(contents(read_all(sock)), [b"small", BIG, b"small", MEDIUM])


def test_the_journal_has_the_size_and_the_beginning(bench: BenchThread, site: Path) -> None:
    peer: Peer = bench.serve("http://:0", f"files:{site}")
    with dial(peer) as sock:
        sock.sendall(get("big", last=True))
        read_all(sock)
    kept: list[tuple[bytes, int]] = []

    def recorded() -> bool:
        kept[:] = [(record[3], record[4]) for record in records(bench.journal, SENT)]
        return any(size == len(BIG) for _, size in kept)

    until(recorded)
    assert (BIG[:1024], len(BIG)) in kept
