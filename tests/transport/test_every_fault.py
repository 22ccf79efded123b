"""Every fault there is: set, set live, written in a file, healed; what does no damage keeps every byte."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import smtplib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sockets import WAIT, dial, read_all, read_exactly, records, until

from sockwright.cli import flags
from sockwright.endpoint import Peer, parse
from sockwright.faults import FAULTS, kind
from sockwright.faults.catalogue import about
from sockwright.journal.records import FAULT
from sockwright.stores.mailbox import MemoryMailbox
from sockwright.transport.breaking import Request
from sockwright.workbench import BenchThread, Posting

# Each so that it fires soon and is over soon.
QUICK = {
    "latency": "latency=20ms~10ms",
    "stall": "stall=50ms@5",
    "rate": "rate=100KB/s",
    "slice": "slice=3@1ms",
    "glue": "glue=20ms",
    "cut": "cut=5",
    "reset": "reset=5",
    "blackhole": "blackhole=100ms",
    "slow-close": "slow-close=50ms",
    "refuse": "refuse",
    "slow-accept": "slow-accept=50ms",
    "corrupt": "corrupt=100%",
    "garbage": "garbage=9@3",
    "loss": "loss=100%",
    "dup": "dup=100%",
    "reorder": "reorder=100%@20ms",
    "status": "status=503",
    "fail-first": "fail-first=1",
    "length": "length=+1",
    "cut-body": "cut-body=3",
    "bad-chunk": "bad-chunk",
    "slow-headers": "slow-headers=5ms",
    "reject": "reject=rcpt:550",
    "greylist": "greylist=1h",
    "late-banner": "late-banner=100ms",
    "drop-at": "drop-at=RCPT",
}
LETTER = "Subject: x\r\n\r\nпривет\r\n".encode()


def carrier(name: str) -> str:
    """What a fault is tried on."""
    found = kind(name)
    if "http" in found.protocols:
        return "http"
    if "smtp" in found.protocols:
        return "smtp"
    return "tcp" if "stream" in found.on else "udp"


def talk_tcp(place: Peer) -> bool:
    with dial(place) as sock:
        sock.settimeout(1.0)
        sock.sendall(b"0123456789")
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock) == b"0123456789"


def talk_udp(place: Peer) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        sock.connect(place[:2])
        got = []
        with contextlib.suppress(TimeoutError):
            for data in (b"a", b"b"):
                sock.send(data)
            while True:
                got.append(sock.recv(100))
        return got == [b"a", b"b"]


def talk_http(place: Peer) -> bool:
    connection = http.client.HTTPConnection(place.host, place.port, timeout=1.0)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        answer = connection.getresponse()
        return (answer.status, answer.read()) == (200, b"Hello World!")


def talk_smtp(place: Peer) -> bool:
    with smtplib.SMTP(place.host, place.port, timeout=1.0) as client:
        return not client.sendmail("a@b.example", ["c@d.example"], LETTER)


TALKS: dict[str, tuple[str, Callable[[Peer], bool]]] = {
    "tcp": ("echo", talk_tcp),
    "udp": ("echo", talk_udp),
    "http": ("hello", talk_http),
    "smtp": ("mailsink", talk_smtp),
}


def is_well(talk: Callable[[Peer], bool], place: Peer) -> bool:
    try:
        return talk(place)
    except (OSError, http.client.HTTPException, smtplib.SMTPException):
        return False


def do(bench: BenchThread, what: str, **more: Any) -> Any:
    async def run() -> Any:
        return bench.workbench.breaking.do(what, more)

    return bench.call(run())


def set_up(bench: BenchThread, way: str, where: str) -> tuple[str, Peer]:
    """Serve, with a tap before it where that is asked for; return what to break, and where to dial."""
    service, _ = TALKS[way]
    place = bench.serve(f"{way}://:0", service)
    if where == "server":
        return service, place
    scheme = "udp" if way == "udp" else "tcp"
    listening = bench.listen(Posting(parse(f"{scheme}://:0"), (), target=parse(f"{scheme}://{place}")))
    return "tap", listening.server.addresses[0]


@pytest.mark.parametrize("where", ["server", "tap"])
@pytest.mark.parametrize("name", list(FAULTS))
def test_it_fires_is_told_of_and_healed(name: str, where: str) -> None:
    assert set(QUICK) == set(FAULTS)
    way = carrier(name)
    harmless = name in ("latency", "stall", "rate", "slice", "glue", "slow-close", "slow-accept", "slow-headers")
    harmless = harmless or name in ("late-banner", "reorder")
    with BenchThread(mailbox=MemoryMailbox()) as bench:
        place_name, place = set_up(bench, way, where)
        talk = TALKS[way][1]
        assert is_well(talk, place)
        do(bench, "break", name=place_name, faults=[QUICK[name]], seed=7)
        assert is_well(talk, place) is harmless
        fired = until(lambda: records(bench.journal, FAULT))
        assert {record[3][0] for record in fired} == {name}
        do(bench, "heal")
        before = len(records(bench.journal, FAULT))
        assert is_well(talk, place)
        assert len(records(bench.journal, FAULT)) == before
        assert not bench.troubles


@pytest.mark.parametrize("where", ["server", "tap"])
@pytest.mark.parametrize("name", [name for name in FAULTS if carrier(name) == "tcp"])
def test_it_comes_to_an_open_connection_or_says_that_it_does_not(name: str, where: str) -> None:
    with BenchThread() as bench:
        place_name, place = set_up(bench, "tcp", where)
        with dial(place) as sock:
            sock.settimeout(0.5)
            sock.sendall(b"x")
            read_exactly(sock, 1)
            (change,) = do(bench, "break", name=place_name, faults=[QUICK[name]])
            live = about(kind(name))["live"]
            assert (change["open"], change["new_only"]) == ((1, []) if live else (0, [QUICK[name]]))
            with contextlib.suppress(OSError):
                for _ in range(3):
                    sock.sendall(b"0123456789")
                    time.sleep(0.01)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(1000):
                    pass
        assert bool(records(bench.journal, FAULT)) is live
        do(bench, "heal")
        assert is_well(talk_tcp, place)


@pytest.mark.parametrize("name", list(FAULTS))
def test_it_stands_in_a_file_as_in_a_flag(name: str) -> None:
    text = about(kind(name))["example"]
    by_flag = flags.request({"faults": (text,), "share": "50%", "lasting": "30s", "to_server": True, "seed": 7})
    (by_file,) = flags.from_table("x", {"fault": text, "rate": "50%", "for": "30s", "up": True, "seed": 7})
    assert by_flag == by_file == Request((text,), up=True, share=0.5, seconds=30.0, seed=7)
    assert flags.from_table("x", [text]) == [Request((text,))]


HARMLESS = ["latency=2ms~1ms", "rate=2MB/s", "slice=700@0ms", "glue=3ms", "stall=20ms@900", "slow-close=5ms"]
HARMLESS += ["corrupt=0%", "cut=1GB", "garbage=3@1GB", "reset=1GB"]


@pytest.fixture(scope="module")
def places() -> Any:
    with BenchThread() as bench:
        echo = bench.serve("tcp://:0", "echo")
        listening = bench.listen(Posting(parse("tcp://:0"), (), target=parse(f"tcp://{echo}")))
        yield bench, {"echo": echo, "tap": listening.server.addresses[0]}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["echo", "tap"]),
    faults=st.lists(st.sampled_from(HARMLESS), min_size=1, max_size=4, unique=True),
    ways=st.sampled_from([(True, False), (False, True), (True, True)]),
    seed=st.integers(0, 100),
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=8),
    change=st.sampled_from(["", "heal", "more"]),
)
def test_what_does_no_damage_keeps_every_byte_over_sockets(
    places: Any, name: str, faults: list[str], ways: tuple[bool, bool], seed: int, sizes: list[int], change: str
) -> None:
    bench, where = places
    do(bench, "break", name=name, faults=faults, up=ways[0], down=ways[1], seed=seed)
    said = [hashlib.sha256(b"%d/%d" % (seed, at)).digest() * (size // 32 + 1) for at, size in enumerate(sizes)]
    try:
        with dial(where[name]) as sock:
            sock.settimeout(WAIT)

            def write() -> None:
                for at, piece in enumerate(said):
                    sock.sendall(piece)
                    if at == len(said) // 2 and change == "heal":
                        do(bench, "heal")
                    elif at == len(said) // 2 and change == "more":
                        do(bench, "break", name=name, faults=["latency=3ms", "slice=500@1ms"], up=True, down=True)
                sock.shutdown(socket.SHUT_WR)

            writing = threading.Thread(target=write)
            writing.start()
            got = read_all(sock)
            writing.join(WAIT)
        assert hashlib.sha256(got).digest() == hashlib.sha256(b"".join(said)).digest(), (len(got), sum(map(len, said)))
    finally:
        do(bench, "heal")
    assert json.dumps(do(bench, "list"))
