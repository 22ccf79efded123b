"""Streams over real sockets: what is echoed, how connections end, who is held up by whom."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest
from tests.sockets import ask, dial, ended, read_all, read_exactly, records, reset, until

from sockwright import protocols
from sockwright.conversation import Actions, Dialogue
from sockwright.endpoint import Peer
from sockwright.journal.records import EXCHANGED, NOTE, OPENED, RECEIVED, SENT, Opened
from sockwright.transport.limits import Limits
from sockwright.transport.streams import Stream
from sockwright.workbench import BenchThread


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 4096, 8192, 65536, 1 << 20])
def test_echo_returns_every_byte_after_a_half_close(bench: BenchThread, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with dial(bench.serve("tcp://:0", "echo")) as sock:
        sock.setblocking(False)
        sent, got = 0, b""
        while sent < size:  # a client that only sent would wait for itself: the echo is never ahead of the reader
            try:
                sent += sock.send(data[sent:])
            except BlockingIOError:
                pass
            try:
                got += sock.recv(65536)
            except BlockingIOError:
                pass
        sock.setblocking(True)
        sock.shutdown(socket.SHUT_WR)
        assert got + read_all(sock) == data


def test_localhost_is_ipv4_and_ipv6(bench: BenchThread) -> None:
    port = bench.serve("tcp://:0", "echo").port
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, port), timeout=5) as sock:
            sock.sendall(b"hi")
            assert read_exactly(sock, 2) == b"hi"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0"])
def test_who_comes_in_is_not_delayed_and_asked_after_and_the_record_says_where(bench: BenchThread, host: str) -> None:
    port = bench.serve(f"tcp://{host}:0", "echo").port
    server = bench.workbench.listening[0].server
    for address in ("127.0.0.1", "::1") if host == "localhost" else ("127.0.0.1",):
        with socket.create_connection((address, port), timeout=5) as sock:
            sock.sendall(b"hi")
            assert read_exactly(sock, 2) == b"hi"
            opened = [record[3] for record in records(bench.journal) if record[0] == OPENED][-1]
            assert opened.local == str(Peer(address, port))
            assert opened.peer == str(Peer(*sock.getsockname()[:2]))
            (stream,) = server.connections
            assert isinstance(stream, Stream)
            theirs = stream.sock
            assert theirs is not None
            assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert theirs.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        until(lambda: not server.connections)


def test_who_is_told_has_its_record_already(bench: BenchThread) -> None:
    with dial(bench.serve("tcp://:0", "echo")) as sock:
        sock.sendall(b"hello")
        assert read_exactly(sock, 5) == b"hello"
        kinds = [record[0] for record in records(bench.journal)]
    assert kinds == [OPENED, EXCHANGED]


def test_a_peer_that_ends_first_is_said_to_have_ended(bench: BenchThread) -> None:
    assert ask(bench.serve("tcp://:0", "echo"), b"bye") == b"bye"
    end = ended(bench.journal)
    assert (end.who, end.how, end.received, end.sent, end.received_chunks, end.sent_chunks) == (
        "peer",
        "fin",
        3,
        3,
        1,
        1,
    )


def test_greet_thanks_and_ends_first(bench: BenchThread) -> None:
    with dial(bench.serve("tcp://:0", "greet")) as sock:
        assert read_all(sock) == b"Thank you for the connection"
    assert (ended(bench.journal).who, ended(bench.journal).how) == ("us", "fin")


def test_unread_input_does_not_turn_our_fin_into_a_reset(bench: BenchThread) -> None:
    with dial(bench.serve("tcp://:0", "greet")) as sock:
        sock.sendall(b"x" * 500_000)  # nobody will read this
        time.sleep(0.05)  # the reply and its FIN are here before we look
        assert read_all(sock) == b"Thank you for the connection"


def test_a_lazy_peer_that_never_closes_is_let_go() -> None:
    with BenchThread(limits=Limits(linger=0.1)) as bench, dial(bench.serve("tcp://:0", "greet")) as sock:
        read_all(sock)
        assert ended(bench.journal).who == "us"  # while our side is still open


def test_a_reset_is_told_from_an_end(bench: BenchThread) -> None:
    sock = dial(bench.serve("tcp://:0", "echo"))
    sock.sendall(b"x")
    read_exactly(sock, 1)
    reset(sock)
    assert (ended(bench.journal).who, ended(bench.journal).how) == ("peer", "rst")


def test_resets_at_any_moment_leave_nothing_behind(bench: BenchThread) -> None:
    address = bench.serve("tcp://:0", "echo")
    for step in range(60):
        sock = dial(address)
        if step % 3:
            sock.sendall(b"half a mess" * (1 + step * 100 % 977))
        reset(sock)
    assert ask(address, b"and the next one") == b"and the next one"
    server = bench.workbench.listening[0].server
    until(lambda: not server.streams)  # type: ignore[union-attr]
    assert until(lambda: len([r for r in records(bench.journal) if r[0] == 5]) == 61)


def test_a_client_that_never_reads_is_not_read_either(bench: BenchThread) -> None:
    sock = dial(bench.serve("tcp://:0", "echo"))
    sock.setblocking(False)
    server = bench.workbench.listening[0].server
    stream = until(lambda: next(iter(server.streams), None))  # type: ignore[union-attr]
    sent = 0

    def stuck() -> bool:
        nonlocal sent
        try:
            sent += sock.send(b"x" * 65536)
        except BlockingIOError:
            return bool(stream.choked)
        return False

    until(stuck, 30)
    assert sent < 32 * 1024 * 1024  # the system's buffers on the way, not our memory
    reset(sock)


def test_a_peer_that_takes_nothing_is_reset_in_the_end() -> None:
    with BenchThread(limits=Limits(write_stall=0.3)) as bench:
        sock = dial(bench.serve("tcp://:0", "echo"))
        sock.settimeout(30)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            sock.sendall(b"x" * (256 << 20))
        end = ended(bench.journal)
        assert (end.who, end.how) == ("us", "time-out")
        assert "took nothing" in end.reason
        sock.close()


def test_silence_ends_at_the_idle_limit() -> None:
    with BenchThread(limits=Limits(idle=0.2)) as bench:
        with dial(bench.serve("tcp://:0", "echo")) as sock:
            assert read_all(sock) == b""
        end = ended(bench.journal)
        assert (end.who, end.how, end.reason) == ("us", "time-out", "idle for 200ms")


def test_silent_clients_hold_up_nobody(bench: BenchThread) -> None:
    address = bench.serve("tcp://:0", "parity")
    silent = [dial(address) for _ in range(100)]
    for sock in silent:
        sock.sendall(b"4")  # half a line
    assert ask(address, b"4\n") == b"true\n"
    for sock in silent:
        sock.close()


def test_500_clients_at_once_all_get_their_own_answer(bench: BenchThread) -> None:
    address = bench.serve("tcp://:0", "echo")
    socks = []
    began = time.monotonic()
    for _ in range(500):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((address.host, address.port))
        socks.append(sock)
    for number, sock in enumerate(socks):
        sock.setblocking(True)
        sock.settimeout(10)
        sock.sendall(b"client %d" % number)
    for number, sock in enumerate(socks):
        assert sock.recv(100) == b"client %d" % number
        sock.close()
    assert time.monotonic() - began < 10


def test_a_full_bench_lets_newcomers_wait_in_the_queue() -> None:
    with BenchThread(limits=Limits(connections=3)) as bench:
        address = bench.serve("tcp://:0", "echo")
        first = [dial(address) for _ in range(3)]
        for sock in first:
            sock.sendall(b"x")
            read_exactly(sock, 1)
        late = dial(address)
        late.sendall(b"late")
        until(lambda: bench.troubles)
        assert "3 connections are open, the limit" in bench.troubles[0]
        first[0].close()
        assert read_exactly(late, 4) == b"late"
        for sock in [*first[1:], late]:
            sock.close()


def test_stopping_says_goodbye_and_keeps_what_was_said(bench: BenchThread) -> None:
    with dial(bench.serve("tcp://:0", "echo")) as sock:
        sock.sendall(b"x")
        read_exactly(sock, 1)
        bench.call(bench.workbench.stop(1.0))
        assert read_all(sock) == b""
    end = ended(bench.journal)
    assert (end.who, end.how) == ("us", "stopped")


def test_bytes_are_kept_whole_up_to_the_allowance_then_cut() -> None:
    with BenchThread(limits=Limits(body_kept=10_000, chunk_kept=100)) as bench:
        ask(bench.serve("tcp://:0", "discard"), b"x" * 200_000)
        assert ended(bench.journal).received == 200_000
        chunks = [record for record in records(bench.journal, RECEIVED)]
        assert sum(record[4] for record in chunks) == 200_000
        assert sum(len(record[3]) for record in chunks) <= 10_000 + 1024 * len(chunks)
        assert not records(bench.journal, SENT)


# -- TLS


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    from sockwright.transport import tls

    return tls.ensure_ca()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_certificate_made_on_the_spot_holds_for_who_trusts_the_ca(bench: BenchThread, ca: Path, name: str) -> None:
    address = bench.serve("tcp+tls://:0", "echo")
    context = ssl.create_default_context(cafile=str(ca))
    plain = socket.create_connection((address.host, address.port))
    with plain, context.wrap_socket(plain, server_hostname=name) as sock:
        sock.sendall("привет".encode())
        assert read_exactly(sock, 12).decode() == "привет"
    opened = records(bench.journal, OPENED)[0][3]
    assert isinstance(opened, Opened)
    assert opened.tls == "TLS"
    assert records(bench.journal, NOTE)[0][3][1]["version"] == "TLSv1.3"


def test_the_ca_is_made_once_and_its_key_is_the_users_alone(ca: Path) -> None:
    from sockwright.transport import tls

    before = ca.read_bytes()
    assert tls.ensure_ca() == ca
    assert ca.read_bytes() == before
    assert ca.with_name("ca.key").stat().st_mode & 0o077 == 0


def test_plain_text_at_a_tls_endpoint_is_told_so(bench: BenchThread, ca: Path) -> None:
    with dial(bench.serve("tcp+tls://:0", "echo")) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        try:
            read_all(sock)
        except ConnectionResetError:
            pass
    assert ended(bench.journal).how == "error"
    assert "plain HTTP" in records(bench.journal, NOTE)[0][3][1]["message"]


def test_a_stranger_that_does_not_trust_us_is_recorded(bench: BenchThread, ca: Path) -> None:
    address = bench.serve("tcp+tls://:0", "echo")
    with dial(address) as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
    assert ended(bench.journal).how == "error"


def test_a_bug_of_ours_ends_one_connection_and_not_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Dialogue):
        def feed(self, data: bytes, now: float) -> Actions:
            raise KeyError("a bug")

    with BenchThread() as bench:
        with monkeypatch.context() as patch:
            patch.setattr(protocols, "open_with", lambda name, terms: Broken)
            broken = bench.serve("tcp://:0", "echo")
        with dial(broken) as sock:
            sock.sendall(b"666\n")
            assert read_all(sock) == b""
        assert ended(bench.journal).how == "error"
        assert ask(bench.serve("tcp://:0", "parity"), b"4\n") == b"true\n"
        assert "KeyError" in bench.troubles[0]
