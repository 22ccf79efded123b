from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.peers import blackhole, closed_port, echo, hang_up, local_ca, server, under_tls, until

from sockwright.endpoint import parse
from sockwright.errors import ConfigError, PeerError
from sockwright.transport.connection import Connection
from sockwright.transport.dial import client_context, dial, dial_datagrams

REAL = socket.getaddrinfo


def whole(connection: Connection) -> bytes:
    came = b""
    while (arrival := connection.read(10)) is not None and arrival.data:
        came += arrival.data
    assert arrival is not None
    return came


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A CA that stands where our own local one is kept."""
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    return local_ca(tmp_path)


def test_a_half_closed_connection_still_brings_the_whole_answer() -> None:
    def answer_late(client: socket.socket) -> None:
        asked = b""
        while data := client.recv(100):
            asked += data
        client.sendall(asked.upper())

    with server(answer_late) as port, dial(parse(f"tcp://:{port}")) as connection:
        connection.post("привет".encode())
        connection.half_close()
        assert whole(connection).decode(errors="replace")
        assert connection.ended == "fin"
        end = connection.read(0)
        assert end is not None
        assert end.data == b""
        assert abs(end.time - time.time()) < 5
        with pytest.raises(ValueError, match="half-close"):
            connection.post(b"more")


def test_two_that_both_talk_do_not_wait_for_each_other() -> None:
    data = bytes(range(256)) * (16 * 1024)  # 4 MiB: more than all buffers between
    with server(echo) as port, dial(parse(f"tcp://:{port}")) as connection:
        connection.send(data, 10)
        connection.half_close()
        assert whole(connection) == data


def test_what_came_before_a_reset_is_read_and_then_the_reset_is_told() -> None:
    def break_off(client: socket.socket) -> None:
        client.sendall(b"almost")
        client.recv(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with server(break_off) as port, dial(parse(f"tcp://:{port}")) as connection:
        arrival = connection.read(10)
        assert arrival is not None
        assert arrival.data == b"almost"
        connection.send(b"x")
        with pytest.raises(ConnectionResetError, match="reset the connection after 6 bytes"):
            connection.read(10)
        assert connection.ended == "rst"


def test_our_reset_reaches_the_peer_as_one() -> None:
    def expect_reset(client: socket.socket) -> None:
        with pytest.raises(ConnectionResetError):
            client.recv(1)

    with server(expect_reset) as port:
        connection = dial(parse(f"tcp://:{port}"))
        connection.post(b"x" * 100)
        connection.reset()


def test_a_peer_that_takes_nothing_ends_the_sending_at_the_deadline() -> None:
    done = threading.Event()
    with server(until(done)) as port, dial(parse(f"tcp://:{port}")) as connection:
        with pytest.raises(TimeoutError, match="took nothing for 100ms"):
            connection.send(b"x" * (64 << 20), 0.1)
        done.set()


def test_silence_ends_at_the_deadline_and_a_wake_before_it() -> None:
    done = threading.Event()
    with server(until(done)) as port, dial(parse(f"tcp://:{port}")) as connection:
        assert connection.read(0.05) is None
        began = time.monotonic()
        threading.Timer(0.05, connection.wake).start()
        assert connection.read(15) is None
        assert time.monotonic() - began < 10
        done.set()


def test_refused_says_where() -> None:
    port = closed_port()
    with pytest.raises(ConnectionRefusedError, match=f"nobody listens at 127.0.0.1:{port}"):
        dial(parse(f"tcp://:{port}"))


def test_an_unknown_name_is_told_as_that() -> None:
    for name in ("no-such-host.invalid", "a..b", "x" * 70):
        with pytest.raises(socket.gaierror, match="not known"):
            dial(parse(f"tcp://{name}:1"))


def test_a_resolver_that_never_answers_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def stuck(*_: Any, flags: int = 0, **__: Any) -> Any:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "no number")
        over.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    with pytest.raises(TimeoutError, match="what address slow has"):
        dial(parse("tcp://slow:1"), wait=0.05)
    over.set()


def test_a_place_where_nobody_answers_ends_at_the_deadline() -> None:
    with blackhole() as port, pytest.raises(TimeoutError, match=rf"no answer from 127.0.0.1:{port} within 200ms"):
        dial(parse(f"tcp://:{port}"), wait=0.2)


def names(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let every name have these addresses."""

    def ours(host: str, port: int, type: int, flags: int = 0) -> Any:
        if flags & socket.AI_NUMERICHOST:
            return REAL(host, port, type=type, flags=flags)
        return [entry for address in addresses for entry in REAL(*address, type=type)]

    monkeypatch.setattr(socket, "getaddrinfo", ours)


def test_the_next_address_is_tried_when_one_refuses_and_beside_one_that_keeps_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with blackhole() as dead:
        for first in (("::1", closed_port("::1")), ("127.0.0.1", closed_port()), ("127.0.0.1", dead)):
            with server(echo) as port:
                names(monkeypatch, first, ("127.0.0.1", port))
                with dial(parse("tcp://somewhere:1")) as connection:
                    assert connection.peer.port == port
        refusing = [("::1", closed_port("::1")), ("127.0.0.1", closed_port())]
        names(monkeypatch, *refusing)
        with pytest.raises(ConnectionRefusedError, match=r"\[::1\]:\d+ and 127\.0\.0\.1:\d+"):
            dial(parse("tcp://somewhere:1"))


def test_ipv6_is_dialled_by_its_number() -> None:
    with server(echo, "::1") as port, dial(parse(f"tcp://[::1]:{port}")) as connection:
        assert str(connection.peer) == f"[::1]:{port}"


# -- TLS


def test_tls_trusts_the_local_ca_and_knows_half_close(ca: trustme.CA) -> None:
    def answer_late(client: ssl.SSLSocket) -> None:
        asked = b""
        while data := client.recv(65536):
            asked += data
        client.sendall(asked[::-1])
        client.unwrap()

    data = bytes(range(256)) * 2048
    with server(under_tls(ca, answer_late)) as port, dial(parse(f"tcp+tls://:{port}")) as connection:
        assert connection.tls.startswith("TLSv1.")
        connection.send(data, 10)
        connection.half_close()
        assert whole(connection) == data[::-1]
        assert connection.ended == "fin"


def test_an_end_under_tls_that_nobody_announced_is_no_clean_end(ca: trustme.CA) -> None:
    def vanish(client: ssl.SSLSocket) -> None:
        client.sendall(b"part")
        socket.socket.shutdown(client, socket.SHUT_WR)

    with server(under_tls(ca, vanish)) as port, dial(parse(f"tcp+tls://:{port}")) as connection:
        assert whole(connection) == b"part"
        assert connection.ended == "cut"


def test_a_certificate_for_somebody_else_or_by_a_stranger_is_refused(ca: trustme.CA, tmp_path: Path) -> None:
    with server(under_tls(ca, lambda client: None, "example.org")) as port, pytest.raises(ssl.SSLError):
        dial(parse(f"tcp+tls://:{port}"))
    with server(under_tls(ca, lambda client: None, "example.org")) as port:
        dial(parse(f"tcp+tls://:{port}?verify=no")).close()
    with server(under_tls(ca, lambda client: None, "example.org")) as port:
        dial(parse(f"tcp+tls://:{port}?sni=example.org")).close()
    stranger = trustme.CA()
    with server(under_tls(stranger, lambda client: None)) as port, pytest.raises(ssl.SSLCertVerificationError):
        dial(parse(f"tcp+tls://:{port}"))
    stranger.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with server(under_tls(stranger, lambda client: None)) as port:
        dial(parse(f"tcp+tls://:{port}?ca={tmp_path}/other.pem")).close()


def test_a_certificate_file_that_does_not_do_is_named(ca: trustme.CA, tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match="none"):
        client_context(parse(f"https://x?/ca={tmp_path}"), ca=str(tmp_path / "bad.pem"))
    with pytest.raises(ConfigError, match="missing"):
        client_context(parse("https://x/"), ca=str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigError, match="verify=maybe"):
        client_context(parse("tcp+tls://:1?verify=maybe"))


def test_a_peer_that_does_not_speak_tls_is_told_apart(ca: trustme.CA) -> None:
    def plain(client: socket.socket) -> None:
        client.sendall(b"220 hello\r\n")
        with contextlib.suppress(ConnectionResetError):
            client.recv(1000)

    with server(plain) as port, pytest.raises(PeerError, match="does not speak TLS: it said b'220 hello"):
        dial(parse(f"tcp+tls://:{port}"))
    with server(echo) as port, pytest.raises(PeerError, match="does not speak TLS"):
        dial(parse(f"tcp+tls://:{port}"))
    done = threading.Event()
    with server(until(done)) as port:
        with pytest.raises(TimeoutError, match="no TLS handshake"):
            dial(parse(f"tcp+tls://:{port}"), wait=1.0)
        done.set()
    with server(hang_up) as port, pytest.raises(ConnectionError):
        dial(parse(f"tcp+tls://:{port}"))


# -- UDP


def test_datagrams_of_strangers_are_ignored_and_empty_ones_are_not() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as ours, socket.socket(type=socket.SOCK_DGRAM) as stranger:
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(10)
        [connection] = dial_datagrams(parse(f"udp://:{ours.getsockname()[1]}"))
        with connection:
            connection.send(b"")
            data, address = ours.recvfrom(100)
            assert data == b""
            stranger.sendto(b"forged", address)
            ours.sendto(b"", address)
            ours.sendto("ответ".encode(), address)
            first, second = connection.read(10), connection.read(10)
            assert first is not None
            assert second is not None
            assert [first.data, second.data] == [b"", "ответ".encode()]
            assert connection.read(0.01) is None


def test_a_refused_or_too_large_datagram_is_told() -> None:
    port = closed_port()
    [connection] = dial_datagrams(parse(f"udp://:{port}"))
    with connection:
        with pytest.raises(ValueError, match="at most 65507"):
            connection.send(b"x" * 65508)
        connection.send(b"x")
        with pytest.raises(ConnectionRefusedError, match=f"nobody has UDP port {port}"):
            connection.read(10)
