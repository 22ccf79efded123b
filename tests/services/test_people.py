"""People over real sockets: coming, staying, going, in every manner, and who is refused."""

from __future__ import annotations

import contextlib
import json
import pickle
import socket
import time
import xmlrpc.client
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from tests.sockets import dial, read_all, reset, until

from sockwright import User, call, join
from sockwright.binding import Service
from sockwright.client.people import look
from sockwright.endpoint import Peer
from sockwright.errors import ServiceError
from sockwright.services import people
from sockwright.services.presence import registry_of
from sockwright.transport.streams import Stream
from sockwright.workbench import BenchThread


@pytest.fixture
def bench() -> Iterator[BenchThread]:
    with BenchThread() as running:
        yield running
    assert not running.troubles


@pytest.fixture
def at(bench: BenchThread) -> Peer:
    return bench.serve("tcp://:0", "people")


def line(sock: socket.socket) -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        part = sock.recv(1)
        assert part, f"the stream ended after {data!r}"
        data += part
    said = json.loads(data) if data.startswith(b"{") else {"error": data.decode()}
    assert isinstance(said, dict)
    return said


def come(at: Peer, said: str = "Ann 30\n") -> tuple[socket.socket, dict[str, Any]]:
    sock = dial(at)
    sock.sendall(said.encode())
    return sock, line(sock)


def names(at: Peer) -> list[str]:
    with look(f"tcp://{at}") as stay:
        return [one["name"] for one in stay.people]


def test_a_program_of_the_lecture_sends_its_user_in_one_go(at: Peer) -> None:
    class User:
        def __init__(self, name: str, age: int) -> None:
            self.name = name
            self.age = age

    with socket.create_connection(at) as sock:
        sock.send(json.dumps(User("Анна", 30).__dict__).encode())  # no end of line
        assert json.loads(sock.recv(1024)) == {"id": 1, "name": "Анна", "age": 30, "connected": 1}
        assert names(at) == ["Анна"]
    until(lambda: names(at) == [])


def test_a_line_by_hand_and_byte_by_byte(at: Peer) -> None:
    with dial(at) as sock:
        for byte in '{"name": "Анна", "age": 30}'.encode():
            sock.sendall(bytes([byte]))
        assert line(sock)["name"] == "Анна"
    sock, said = come(at, "Анна Мария 41\r\n")
    with sock:
        assert (said["name"], said["age"]) == ("Анна Мария", 41)


def test_a_user_behind_a_fin_is_answered_and_gone(at: Peer) -> None:
    with dial(at) as sock:
        sock.sendall(b"Ann 30")
        sock.shutdown(socket.SHUT_WR)
        assert json.loads(read_all(sock))["connected"] == 1
    until(lambda: names(at) == [])


def test_the_same_name_twice_is_told_apart(at: Peer) -> None:
    (first, one), (second, two) = come(at), come(at)
    with first, second:
        assert one["id"] != two["id"]
        assert two["connected"] == 2
        assert names(at) == ["Ann", "Ann"]


def test_who_is_refused_may_try_again(at: Peer) -> None:
    with dial(at) as sock:
        for wrong in (
            "thirty",
            "Ann thirty",
            '{"name": "Ann", "age": -1}',
            "x" * 65 + " 3",
            '{"name": "\x1b[2J", "age": 1}',
        ):
            sock.sendall(wrong.encode() + b"\n")
            assert line(sock)["error"].startswith("error: ")
        sock.sendall(b"Ann 30\n")
        assert line(sock)["connected"] == 1
        sock.sendall(b"Bob 31\n")
        assert line(sock)["error"].startswith("error: you are Ann already, number")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_is_never_read_and_the_reason_said_at_once(at: Peer, protocol: int) -> None:
    with dial(at) as sock:
        sock.sendall(pickle.dumps(User("Ann", 30), protocol))
        assert line(sock)["error"].startswith("error: this looks like pickle, which is never read")
        sock.sendall(b"Ann 30\n")
        assert line(sock)["connected"] == 1


def test_who_only_errs_is_let_go(at: Peer) -> None:
    with dial(at) as sock:
        sock.sendall(b"nobody\n" * 100)
        assert read_all(sock).count(b"error: ") == people.TRIES


def test_a_message_without_an_end_is_refused_and_the_peer_let_go(at: Peer) -> None:
    with dial(at) as sock:
        with contextlib.suppress(ConnectionError):
            for _ in range(160):
                sock.sendall(b"x" * 65_536)
        with contextlib.suppress(ConnectionError):
            assert read_all(sock).startswith(b"error: a message here has at most 4096 bytes")
    assert names(at) == []


def test_who_never_says_anything_is_let_go(bench: BenchThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "FIRST", 0.3)
    at = bench.serve("tcp://:0", "people")
    with dial(at) as silent, dial(at) as dripping:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 5:
                dripping.sendall(b"x")
                time.sleep(0.05)  # a peer that drips is what is tested
        assert time.monotonic() - began < 3
        assert read_all(silent) == b"error: nobody said who they are within 0.3 s\n"


def test_events_go_to_those_who_asked_alone(at: Peer) -> None:
    follower, _ = come(at, '{"name": "Eve", "age": 20, "follow": true}')
    other, _ = come(at, "Tom 33\n")
    with follower, other:
        assert line(follower)["name"] == "Tom"
        bob, said = come(at, "Bob 41\n")
        event = line(follower)
        assert (event["event"], event["name"], event["age"], event["connected"]) == ("join", "Bob", 41, 3)
        assert event["id"] == said["id"]
        bob.close()
        event = line(follower)
        assert (event["event"], event["id"], event["connected"]) == ("leave", said["id"], 2)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(1)
        follower.sendall(b"unfollow\nwho\n")
        assert len(line(follower)["people"]) == 2


def test_who_has_come_may_wish_for_more(at: Peer) -> None:
    with dial(at) as sock:
        sock.sendall(b'{"follow": true, "beat": 2}\n')
        assert line(sock)["error"] == "error: say who you are first\n"
        sock.sendall(b"Ann 30\n")
        line(sock)
        sock.sendall(b'{"follow": true, "beat": 2}\n')
        assert line(sock) == {"follow": True, "beat": 2.0, "connected": 1}
        other, _ = come(at, "Bob 41\n")
        assert line(sock)["event"] == "join"
        sock.sendall(b'{"follow": false, "beat": 0}\n')
        assert line(sock) == {"follow": False, "beat": 0.0, "connected": 2}
        other.close()
        until(lambda: names(at) == ["Ann"])
        sock.sendall(b"beat\n")
        assert line(sock) == {"beat": True, "connected": 1}  # and no word of Bob


def test_a_crowd_is_told_of_completely(at: Peer) -> None:
    with dial(at) as follower:
        follower.sendall(b"follow\n")
        assert line(follower) == {"people": [], "connected": 0}
        for n in range(100):
            come(at, f"guest{n} 20\n")[0].close()
        seen = [line(follower) for _ in range(200)]
    assert [one["name"] for one in seen if one["event"] == "join"] == [f"guest{n}" for n in range(100)]
    assert sum(one["event"] == "leave" for one in seen) == 100


def test_who_fell_behind_is_shown_all_who_are_there(
    bench: BenchThread, at: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "PACE", 0.5)
    registry = registry_of(bench.workbench.context)
    registry._events = deque(maxlen=3)
    with dial(at) as follower:
        follower.sendall(b"follow\n")
        line(follower)
        stay, _ = come(at, "Ann 30\n")
        with stay:
            for n in range(20):
                come(at, f"guest{n} 20\n")[0].close()
            found: list[dict[str, Any]] = []
            while not (found and "people" in found[-1]):
                found.append(line(follower))
    assert any(one["name"] == "Ann" for one in found[-1]["people"])


def test_a_reset_and_a_beat_that_is_missing_end_a_stay(bench: BenchThread, at: Peer) -> None:
    sock, _ = come(at)
    reset(sock)
    until(lambda: names(at) == [])
    frozen, _ = come(at, '{"name": "Ice", "age": 1, "beat": 0.1}')
    still, _ = come(at, '{"name": "Rock", "age": 1}')
    with frozen, still:
        until(lambda: names(at) == ["Rock"], 5)
        assert read_all(frozen) == b""


def test_a_vanished_machine_is_noticed_by_tcp_within_the_time(bench: BenchThread, at: Peer) -> None:
    sock, _ = come(at)
    with sock:
        (stream,) = bench.workbench.listening[0].server.streams  # type: ignore[union-attr]
        assert isinstance(stream, Stream)
        theirs = stream.sock
        assert theirs is not None
        options = {name: theirs.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEPALIVE}
        assert theirs.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert options["TCP_KEEPIDLE"] + options["TCP_KEEPINTVL"] * options["TCP_KEEPCNT"] <= 9
        assert 0 < options["TCP_USER_TIMEOUT"] <= 9000


KEEPALIVE = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")


def test_the_python_client(at: Peer) -> None:
    place = f"tcp://{at}"
    with join(User("Анна", 30), place, follow=True) as ann:
        assert ann.connected == 1
        with join(User("Bob", 41), place) as bob:
            events = ann.events()
            event = next(events)
            assert (event["event"], event["name"], ann.connected) == ("join", "Bob", 2)
            assert bob.number != ann.number
        assert next(events)["event"] == "leave"
    for name, age in (("", 1), ("x" * 65, 1), ("a\nb", 1), ("Ann", -1), ("Ann", "thirty"), ("Ann", True)):
        with pytest.raises(ServiceError):
            User(name, age)


def test_calls_over_http_and_xmlrpc(bench: BenchThread, at: Peer) -> None:
    url = f"http://{bench.serve('http://:0', 'people')}"
    rpc = f"http://{bench.serve('xmlrpc://:0', 'people')}/"
    sock, said = come(at, "Анна 30\n")
    with sock, xmlrpc.client.ServerProxy(rpc) as server:
        (person,) = json.loads(call(f"{url}/people").content)
        assert (person["id"], person["name"], person["age"]) == (said["id"], "Анна", 30)
        assert person["peer"] == "{}:{}".format(*sock.getsockname())
        assert server.people.list() == [person]
        assert call(f"{url}/people/{said['id'] + 1}", method="DELETE").status == 404
        assert call(f"{url}/people/x", method="DELETE").status == 422
        assert call(f"{url}/people/{said['id']}", method="DELETE").status == 200
        assert line(sock) == {"event": "dismissed", "id": said["id"]}
        assert sock.recv(1) == b""
    until(lambda: json.loads(call(f"{url}/people").content) == [])


def test_a_session_is_no_call() -> None:
    from sockwright.services import Context

    offered = people.offer(Context(now=time.time))
    assert all(isinstance(one, Service) for one in offered)
    assert [one.only for one in offered] == ["line", "", ""]
