"""Faults over real sockets: on our own servers, on a tap, and changed while connections are open."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.sockets import WAIT, dial, read_all, read_exactly, records, until

from sockwright.endpoint import Peer, parse
from sockwright.errors import ConfigError
from sockwright.journal.records import ENDED, FAULT, OPENED
from sockwright.transport.breaking import Request
from sockwright.workbench import BenchThread, Posting

Broken = Callable[..., Peer]


def set_faults(bench: BenchThread, name: str, *faults: str, **more: Any) -> list[dict[str, Any]]:
    async def run() -> list[dict[str, Any]]:
        return bench.workbench.breaking.set(name, Request(faults, **more))

    return bench.call(run())


def heal(bench: BenchThread) -> list[dict[str, Any]]:
    async def run() -> list[dict[str, Any]]:
        return bench.workbench.breaking.heal()

    return bench.call(run())


@pytest.fixture(params=["server", "tap"])
def broken(request: pytest.FixtureRequest, bench: BenchThread) -> Broken:
    """`broken("cut=3")` returns where an echo with that fault can be dialled: our own, or one behind a tap."""

    def make(*faults: str, **more: Any) -> Peer:
        place = bench.serve("tcp://:0", "echo")
        name = "echo"
        if request.param == "tap":
            name = "tap"
            listening = bench.listen(Posting(parse("tcp://:0"), (), target=parse(f"tcp://{place}")))
            place = listening.server.addresses[0]
        if faults:
            set_faults(bench, name, *faults, **more)
        return place

    make.name = request.param  # type: ignore[attr-defined]
    return make


def test_three_requests_under_latency_come_10_ms_apart(broken: Broken) -> None:
    with dial(broken("latency=200ms")) as sock:
        sent, came = [], []
        for _ in range(3):
            sent.append(time.monotonic())
            sock.sendall(b"x")
            time.sleep(0.01)
        for _ in range(3):
            read_exactly(sock, 1)
            came.append(time.monotonic())
    assert all(0.199 < there - here < 0.26 for here, there in zip(sent, came, strict=True)), (sent, came)


def test_a_rate_holds_within_5_percent(broken: Broken) -> None:
    size = 2_000_000
    with dial(broken("rate=2MB/s", down=True)) as sock:
        began = time.monotonic()
        sock.setblocking(False)
        out, back = memoryview(bytes(size)), 0
        while back < size:
            with contextlib.suppress(BlockingIOError):
                out = out[sock.send(out[:65536]) :] if out else out
            try:
                back += len(sock.recv(1 << 20))
            except BlockingIOError:
                time.sleep(0.001)
        took = time.monotonic() - began
    assert 0.95 < took < 1.10


def test_a_cut_is_a_fin_behind_its_byte(broken: Broken, bench: BenchThread) -> None:
    with dial(broken("cut=100")) as sock:
        sock.sendall(b"x" * 250)
        assert read_all(sock) == b"x" * 100
    until(lambda: "cut by a fault" in {record[3].reason for record in records(bench.journal, ENDED)})
    (fault,) = [record[3] for record in records(bench.journal, FAULT)]
    assert fault == ("cut", "to client", "FIN behind byte 100")


def test_a_reset_is_an_rst_behind_its_byte(broken: Broken) -> None:
    with dial(broken("reset=100")) as sock:
        sock.sendall(b"x" * 250)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while part := sock.recv(1000):
                got += part
            pytest.fail("that was a FIN")
    assert len(got) <= 100  # RST may overtake what the kernel had not handed over yet


def test_a_refusal_at_the_door(broken: Broken, bench: BenchThread) -> None:
    place = broken("refuse")
    with pytest.raises(ConnectionResetError), dial(place) as sock:
        sock.recv(1)
    assert [record[3][0] for record in records(bench.journal, FAULT)] == ["refuse"]


def test_slow_accept_lets_one_wait(broken: Broken) -> None:
    with dial(broken("slow-accept=300ms")) as sock:
        began = time.monotonic()
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        assert 0.28 < time.monotonic() - began < 1.0


def test_a_blackhole_swallows(broken: Broken) -> None:
    with dial(broken("blackhole")) as sock:
        sock.settimeout(0.3)
        sock.sendall(b"anybody?")
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_slices_come_apart(broken: Broken) -> None:
    with dial(broken("slice=3@20ms")) as sock:
        sock.sendall(b"abcdefgh")
        assert [sock.recv(100) for _ in range(3)] == [b"abc", b"def", b"gh"]


def test_half_close_goes_through_faults(broken: Broken) -> None:
    with dial(broken("latency=50ms", "rate=100KB/s", up=True, down=True)) as sock:
        sock.sendall(b"x" * 3000)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"x" * 3000


def test_the_seed_gives_the_same_faults_again_and_is_in_the_journal(broken: Broken, bench: BenchThread) -> None:
    place = broken("corrupt=2%", seed=7)
    heard = []
    for _ in range(2):
        with dial(place) as sock:
            sock.sendall(bytes(2000))
            heard.append(read_exactly(sock, 2000))
    assert heard[0] != heard[1]
    set_faults(bench, "*", "corrupt=2%", seed=7)
    heal(bench)
    assert 8 in {record[3].seed for record in records(bench.journal, OPENED)}  # the first connection's: 7 + 1


def test_a_fault_can_be_set_and_healed_on_an_open_connection(broken: Broken, bench: BenchThread) -> None:
    with dial(broken()) as sock:
        name = "echo" if broken.name == "server" else "tap"  # type: ignore[attr-defined]
        sock.sendall(b"before")
        assert read_exactly(sock, 6) == b"before"
        (change,) = set_faults(bench, name, "latency=30s", "refuse")
        assert (change["open"], change["new_only"]) == (1, ["refuse"])
        sock.sendall(b"held")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(WAIT)
        heal(bench)
        assert read_exactly(sock, 4) == b"held"
        sock.sendall(b"after")
        assert read_exactly(sock, 5) == b"after"
    with dial(broken()) as sock:
        sock.sendall(b"well")
        assert read_exactly(sock, 4) == b"well"


def test_a_fault_heals_by_itself(broken: Broken) -> None:
    place = broken("blackhole", seconds=0.3)
    time.sleep(0.4)
    with dial(place) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"


def test_a_bad_fault_changes_nothing(bench: BenchThread) -> None:
    bench.serve("tcp://:0", "echo")
    with pytest.raises(ConfigError):
        set_faults(bench, "echo", "latency=200ms", "latncy=3ms")
    with pytest.raises(ConfigError, match="Did you mean 'echo'"):
        set_faults(bench, "ecko", "latency=200ms")
    assert bench.workbench.breaking.listed()[0]["faults"] == []


def test_a_client_that_reads_slowly_does_not_fill_a_pipe(broken: Broken) -> None:
    with dial(broken("latency=1ms", up=True, down=True)) as sock:
        sock.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 1 << 28:
                sent += sock.send(bytes(65536))
        assert sent < 192 << 20  # what the system itself buffers on the way, and it may be much (tcp_rmem)
        sock.settimeout(WAIT)
        sock.shutdown(socket.SHUT_WR)
        assert len(read_all(sock)) == sent


def test_datagrams_are_lost_doubled_and_late(bench: BenchThread) -> None:
    place = bench.serve("udp://:0", "echo")

    def ask(count: int) -> list[bytes]:
        got = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number in range(count):
                sock.sendto(b"%d" % number, place)
            sock.settimeout(0.4)
            with contextlib.suppress(TimeoutError):
                while True:
                    got.append(sock.recv(100))
        return got

    set_faults(bench, "echo", "loss=50%", seed=1)
    some = ask(100)
    assert 25 < len(some) < 75
    heal(bench)
    set_faults(bench, "echo", "dup=100%")
    assert len(ask(20)) == 40
    heal(bench)
    set_faults(bench, "echo", "reorder=30%@30ms", seed=1)
    mixed = ask(50)
    assert sorted(mixed, key=int) == [b"%d" % number for number in range(50)]
    assert mixed != sorted(mixed, key=int)
    heal(bench)
    assert ask(20) == [b"%d" % number for number in range(20)]
