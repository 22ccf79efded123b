"""UDP over real sockets."""

from __future__ import annotations

import socket

import pytest
from tests.sockets import records, until

from sockwright.endpoint import Peer
from sockwright.journal.records import ENDED, OPENED
from sockwright.transport.datagram_flow import Flow
from sockwright.transport.limits import Limits
from sockwright.workbench import BenchThread


def asker(peer: Peer) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in peer.host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(5)
    sock.connect((peer.host, peer.port))
    return sock


@pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65507])
def test_a_datagram_comes_back_whole(bench: BenchThread, size: int) -> None:
    with asker(bench.serve("udp://:0", "echo")) as sock:
        sock.send(b"x" * size)
        assert sock.recv(65535) == b"x" * size


def test_ipv6_too(bench: BenchThread) -> None:
    port = bench.serve("udp://:0", "echo").port
    with asker(Peer("::1", port)) as sock:
        sock.send("эхо".encode())
        assert sock.recv(100).decode() == "эхо"


def test_greet_thanks_for_every_datagram(bench: BenchThread) -> None:
    with asker(bench.serve("udp://:0", "greet")) as sock:
        for data in (b"client data", b"", b"again"):
            sock.send(data)
            assert sock.recv(100) == b"Thank you for the data"


def test_a_call_takes_a_line_with_or_without_its_end(bench: BenchThread) -> None:
    with asker(bench.serve("udp://:0", "parity")) as sock:
        for data, answer in ((b"4", b"true"), (b"3\n", b"false"), (b"four\r\n", b"error: 'n' wants int")):
            sock.send(data)
            assert sock.recv(200).startswith(answer)


def test_a_vanished_sender_harms_nobody(bench: BenchThread) -> None:
    address = bench.serve("udp://:0", "echo")
    for _ in range(20):
        gone = asker(address)
        gone.send(b"are you there?")
        gone.close()  # the answer meets a closed port, and an ICMP error comes back
    with asker(address) as sock:
        sock.send(b"still there")
        heard = sock.recv(100)
        while heard == b"are you there?":  # the system may give us the port of one that is gone, and its late answer
            heard = sock.recv(100)
        assert heard == b"still there"


def test_our_own_ports_are_never_answered(bench: BenchThread) -> None:
    echo = bench.serve("udp://:0", "echo")
    time = bench.serve("udp://:0", "time")
    server = bench.workbench.listening[0].server
    assert server._meet(None, ("127.0.0.1", time.port)) is None  # type: ignore[union-attr,arg-type]
    assert server._meet(None, ("127.0.0.1", 7)) is None  # type: ignore[union-attr,arg-type]
    assert echo.port != time.port


def test_a_forged_sender_gains_nothing_beyond_the_loopback(bench: BenchThread) -> None:
    bench.serve("udp://:0", "greet")
    server = bench.workbench.listening[0].server
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        flow = Flow(server, sock, ("192.0.2.7", 5353), server._opening())  # type: ignore[arg-type, union-attr]
        sent: list[bytes] = []
        flow._sock = type("Wire", (), {"sendto": lambda self, data, to: sent.append(data)})()
        flow.arrived(b"?", 100.0)
        assert sent == []  # 22 bytes for one would make us an amplifier
        flow.arrived(b"x" * 40, 100.1)
        assert sent == [b"Thank you for the data"]
        flow.record_end("us", "fin", "")


def test_flows_end_when_silent() -> None:
    with BenchThread(limits=Limits(flow_idle=0.1)) as bench:
        with asker(bench.serve("udp://:0", "echo")) as sock:
            sock.send(b"x")
            sock.recv(10)
        end = until(lambda: records(bench.journal, ENDED))[0][3]
        assert (end.received, end.sent, end.how) == (1, 1, "time-out")


def test_the_table_of_addresses_is_bounded() -> None:
    with BenchThread(limits=Limits(flows=5)) as bench:
        address = bench.serve("udp://:0", "echo")
        for _ in range(12):
            with asker(address) as sock:
                sock.send(b"x")
                sock.recv(10)
        assert len(bench.workbench.listening[0].server.flows) == 5  # type: ignore[union-attr]
        assert len(records(bench.journal, OPENED)) == 12
