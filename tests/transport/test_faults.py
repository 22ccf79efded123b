"""Faults over real sockets: on our own servers, on a tap, and changed while connections are open."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from tests.sockets import WAIT, dial, ended, read_all, read_exactly, records, until

from sockwright.endpoint import Peer, parse
from sockwright.errors import ConfigError
from sockwright.journal.records import ENDED, EXCHANGED, FAULT, OPENED, SENT
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


def test_slices_come_apart(broken: Broken, bench: BenchThread) -> None:
    with dial(broken("slice=3@20ms")) as sock:
        sock.sendall(b"abcdefgh")
        assert read_exactly(sock, 8) == b"abcdefgh"
    number = records(bench.journal, FAULT)[0][1]
    sent = [record for record in records(bench.journal, SENT) if record[1] == number]
    assert [record[3] for record in sent] == [b"abc", b"def", b"gh"]
    assert all(later[2] - earlier[2] > 0.015 for earlier, later in itertools.pairwise(sent))


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


def test_what_is_on_its_way_to_a_client_that_has_said_all_still_arrives(bench: BenchThread) -> None:
    place = bench.serve("tcp://:0", "greet")
    set_faults(bench, "greet", "latency=200ms")
    with dial(place) as sock:
        sock.shutdown(socket.SHUT_WR)  # reaches the server while its words wait in the pipe
        assert read_all(sock) == b"Thank you for the connection"


def test_who_is_let_in_while_faults_are_healed_is_healed_too(bench: BenchThread) -> None:
    place = bench.serve("tcp://:0", "echo")
    for wait in range(8):
        set_faults(bench, "echo", "latency=30s", seconds=0.004)
        time.sleep(wait / 1000)
        with contextlib.ExitStack() as held:
            socks = [held.enter_context(dial(place)) for _ in range(10)]
            for sock in socks:
                sock.sendall(b"x")
                assert read_exactly(sock, 1) == b"x"


CALM = ("cut=1GB", "stall=1s@1GB", "garbage=3@1GB", "corrupt=0%")


def test_faults_that_do_not_fire_leave_a_connection_on_its_hot_path(broken: Broken, bench: BenchThread) -> None:
    with dial(broken(*CALM, up=True, down=True)) as sock:
        for number in range(50):
            sock.sendall(b"%d" % number * 40)
            assert read_exactly(sock, len(b"%d" % number * 40)) == b"%d" % number * 40
    kinds = {record[0] for record in records(bench.journal)}
    assert EXCHANGED in kinds  # one record for both directions is made in the turn alone
    assert FAULT not in kinds


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_went_past_a_fault_counts_when_it_fires(broken: Broken, bench: BenchThread, way: str) -> None:
    with dial(broken("cut=100", **{way: True})) as sock:
        for _ in range(9):
            sock.sendall(b"0123456789")
            assert read_exactly(sock, 10) == b"0123456789"
        sock.sendall(b"abcdefghijklmnop" * 50)
        said = read_all(sock)
    # Behind a tap, what the echo would say to the last bytes is cut off as well.
    assert said == b"abcdefghij" or (way == "up" and broken.name == "tap" and not said)  # type: ignore[attr-defined]
    (fault,) = until(lambda: [record[3] for record in records(bench.journal, FAULT)])
    assert fault == ("cut", f"to {'server' if way == 'up' else 'client'}", "FIN behind byte 100")


@pytest.mark.parametrize("way", [{"up": True}, {"down": True}, {"up": True, "down": True}])
def test_a_stall_in_the_middle_of_a_flood_keeps_order(broken: Broken, way: dict[str, bool]) -> None:
    said = bytes(range(256)) * 8000
    with dial(broken("stall=200ms@300KB", "garbage=1@3GB", **way)) as sock:

        def write() -> None:
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)

        writing = threading.Thread(target=write)
        writing.start()
        assert hashlib.sha256(read_all(sock)).digest() == hashlib.sha256(said).digest()
        writing.join()


def test_faults_set_and_healed_in_the_middle_of_a_file_lose_nothing(bench: BenchThread, tmp_path: Path) -> None:
    big = os.urandom(1 << 20) * 24
    (tmp_path / "big").write_bytes(big)
    place = bench.listen(Posting(parse("http://:0"), (f"files:{tmp_path}",), label="site")).server.addresses[0]
    set_faults(bench, "site", "cut=10GB")  # goes past it by sendfile
    with dial(place) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        ask = b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n"
        sock.sendall(ask * 2 + ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        got = bytearray()
        steps = iter([("rate=200MB/s", 5), ("slice=30000@0ms", 20), ("", 40), ("latency=5ms~4ms", 50), ("", 60)])
        fault, at = next(steps)
        while part := sock.recv(1 << 20):
            got += part
            if len(got) > at << 20:
                heal(bench)
                if fault:
                    set_faults(bench, "site", fault)
                fault, at = next(steps, ("", 1 << 20))
    contents = []
    rest = bytes(got)
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head[:80]
        contents.append(hashlib.sha256(rest[: len(big)]).digest())
        rest = rest[len(big) :]
    assert contents == [hashlib.sha256(big).digest()] * 3
    assert ended(bench.journal).sent == len(got)


def do(bench: BenchThread, what: str, **about: Any) -> Any:
    async def run() -> Any:
        return json.loads(json.dumps(bench.workbench.breaking.do(what, about)))

    return bench.call(run())


def test_a_page_breaks_and_heals_by_plain_data(bench: BenchThread) -> None:
    place = bench.serve("tcp://:0", "echo")
    with dial(place) as sock, dial(place) as other:
        for one in (sock, other):
            one.sendall(b"x")
            read_exactly(one, 1)
        (change,) = do(bench, "break", name="echo", faults=["cut=3", "refuse"], share="100%", seconds="60s", seed=7)
        assert (change["open"], len(change["connections"]), change["new_only"]) == (2, 2, ["refuse"])
        assert set(change["connections"]) == {record[1] for record in records(bench.journal, OPENED)}
        (listed,) = do(bench, "list")
        assert (listed["name"], listed["seed"], len(listed["faults"])) == ("echo", 7, 2)
        assert 50 < listed["faults"][0]["until"] - time.time() < 61
        (healed,) = do(bench, "heal")
        assert (healed["faults"], healed["open"]) == ([], 2)
    assert {one["name"] for one in do(bench, "catalogue")["faults"]} >= {"latency", "cut"}


@pytest.mark.parametrize(
    ("what", "about", "said"),
    [
        ("brake", {}, "Did you mean 'break'"),
        ("break", {}, "not said what"),
        ("break", {"name": "echo"}, "no fault is named"),
        ("break", {"name": "echo", "fault": ["cut=3"]}, "Did you mean 'faults'"),
        ("break", {"name": "echo", "faults": "cut=3"}, "list of texts"),
        ("break", {"name": "echo", "faults": [3]}, "list of texts"),
        ("break", {"name": "echo", "faults": ["cut=3", "ct=3"]}, "Did you mean 'cut'"),
        ("break", {"name": "echo", "faults": ["cut=3"], "share": "many"}, "not a share"),
        ("break", {"name": "echo", "faults": ["cut=3"], "share": 3}, "no share"),
        ("break", {"name": "echo", "faults": ["cut=3"], "seconds": "soon"}, "not a duration"),
        ("break", {"name": "echo", "faults": ["cut=3"], "seconds": -1}, "no time"),
        ("break", {"name": "echo", "faults": ["cut=3"], "seed": "seven"}, "no seed"),
        ("break", {"name": "echo", "profile": "3k"}, "Did you mean '3g'"),
        ("break", {"name": "echo", "faults": ["cut=3"] * 33}, "more than 32"),
        ("heal", {"name": "ecko"}, "Did you mean 'echo'"),
    ],
)
def test_bad_data_is_refused_and_changes_nothing(
    bench: BenchThread, what: str, about: dict[str, Any], said: str
) -> None:
    bench.serve("tcp://:0", "echo")
    with pytest.raises(ConfigError, match=said):
        do(bench, what, **about)
    assert do(bench, "list")[0]["faults"] == []


@pytest.mark.parametrize("where", ["server", "tap"])
def test_the_seed_bends_the_same_responses_however_the_requests_come(where: str) -> None:
    """Requests seen before, new ones, HEAD, cut ones and two at once: some take the hot path, some do not."""
    codes = []
    for mixed in (False, True):
        with BenchThread() as bench:
            place = bench.serve("http://:0", "hello")
            name = "hello"
            if where == "tap":
                name = "tap"
                listening = bench.listen(Posting(parse("tcp://:0"), (), target=parse(f"tcp://{place}")))
                place = listening.server.addresses[0]
            set_faults(bench, name, "status=503:30%", seed=11)
            with dial(place) as sock, sock.makefile("rb") as file:
                heard = []
                plain = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                for turn in range(20):
                    asked = (plain, plain)
                    if mixed and turn % 4 == 1:
                        asked = (plain.replace(b"\r\n\r\n", b"\r\nX-Turn: %d\r\n\r\n" % turn), plain)
                    elif mixed and turn % 4 == 2:
                        asked = (plain.replace(b"GET", b"HEAD"), plain)
                    if mixed and turn % 4 == 3:
                        sock.sendall(asked[0] + asked[1][:5])
                        heard.append(_response(file, asked[0]))
                        sock.sendall(asked[1][5:])
                        heard.append(_response(file, asked[1]))
                        continue
                    for one in asked:
                        sock.sendall(one)
                        heard.append(_response(file, one))
            codes.append(heard)
            words = [record[3][2] for record in records(bench.journal, FAULT)]
            bent = [number + 1 for number, code in enumerate(heard) if code == b"503"]
            assert words == [f"response {number}: status 200 became 503" for number in bent]
    assert codes[0] == codes[1]
    assert 4 <= codes[0].count(b"503") <= 25


def _response(file: BinaryIO, request: bytes) -> bytes:
    code = file.readline().split()[1]
    size = 0
    while line := file.readline().strip():
        if line.lower().startswith(b"content-length:"):
            size = int(line.split(b":")[1])
    if not request.startswith(b"HEAD"):
        assert len(file.read(size)) == size
    return code
