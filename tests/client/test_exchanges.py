from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme
from tests.peers import closed_port, echo, hang_up, local_ca, server, under_tls, until

import sockwright
from sockwright.client import Exchange, call, connect
from sockwright.client.talk import Piped, Sent, Talk
from sockwright.endpoint import parse
from sockwright.errors import ConfigError, PeerError
from sockwright.transport.connection import Arrival
from sockwright.transport.dial import dial, dial_datagrams
from sockwright.wire.framing import framing


def answers(*parts: bytes) -> Callable[[socket.socket], None]:
    """A peer that reads a little, says `parts` apart, and hangs up."""

    def talk(client: socket.socket) -> None:
        client.recv(1000)
        for part in parts:
            client.sendall(part)
        while client.recv(1000):
            pass

    return talk


def test_call_is_a_public_name() -> None:
    assert sockwright.call is call
    assert sockwright.connect is connect


def test_what_is_said_comes_back_with_who_when_and_how() -> None:
    with server(echo) as port:
        result = call(f"tcp://:{port}", "привет", b"\n")
    assert isinstance(result, Exchange)
    assert result.text == "привет\n"
    assert (result.ended, result.peer.port) == ("fin", port)
    assert [sent.data for sent in result.sent] == ["привет".encode(), b"\n"]
    assert result.sent[0].time <= result.arrivals[0].time <= result.arrivals[-1].time


def test_pieces_go_out_one_by_one_with_a_pause_between_them() -> None:
    with server(echo) as port:
        result = call(f"tcp://:{port}", "abcde", split=2, gap=0.05)
    assert [sent.data for sent in result.sent] == [b"ab", b"cd", b"e"]
    assert result.sent[-1].time - result.sent[0].time >= 0.09
    assert result.content == b"abcde"


def test_with_a_framing_as_many_frames_come_as_were_asked_and_nobody_need_hang_up() -> None:
    over = threading.Event()

    def stay(client: socket.socket) -> None:
        asked = b""
        while asked.count(b"\n") < 2:
            asked += client.recv(1000)
        client.sendall(asked.upper())
        over.wait(10)

    with server(stay) as port:
        result = call(f"tcp://:{port}?frame=line", "one", "two", wait=5)
        over.set()
    assert (result.frames, result.ended) == ((b"ONE", b"TWO"), "done")
    assert result.seconds < 4


@pytest.mark.parametrize("frame", ["len2", "len4", "fixed:3", "crlf", "eof"])
def test_every_framing_goes_out_and_comes_back(frame: str) -> None:
    with server(echo) as port:
        assert call(f"tcp://:{port}", "abc", frame=frame).frames == (b"abc",)


def test_fewer_answers_than_questions_are_no_success() -> None:
    with server(answers(b"one\n")) as port, pytest.raises(TimeoutError, match="4 bytes came, then nothing"):
        call(f"tcp://:{port}", "a", "b", frame="line", wait=0.2)
    with server(hang_up) as port, pytest.raises(ConnectionAbortedError, match="hung up after 0 of 1 answers"):
        call(f"tcp://:{port}", "a", frame="line")


def test_half_a_frame_is_the_peers_fault() -> None:
    def half(client: socket.socket) -> None:
        client.recv(1000)
        client.sendall(b"\x00\x05ab")

    with server(half) as port, pytest.raises(PeerError, match="2 of its 5 bytes"):
        call(f"tcp://:{port}", "a", frame="len2")


def test_an_endless_answer_is_cut_off_by_us() -> None:
    def flood(client: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client.sendall(b"x" * 65536)

    with server(flood) as port, pytest.raises(PeerError, match="longer than the 1000000 bytes"):
        call(f"tcp://:{port}", "a", limit=1_000_000)


def test_silence_ends_after_wait() -> None:
    over = threading.Event()
    with server(until(over)) as port:
        with pytest.raises(TimeoutError, match=r"nothing came from 127.0.0.1:\d+ for 100ms"):
            call(f"tcp://:{port}?wait=100ms", "a")
        over.set()
    with pytest.raises(ConfigError, match="wait="):
        call("tcp://:1?wait=soon")


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    return local_ca(tmp_path)


def test_under_tls_the_answer_is_awaited_before_we_say_that_we_are_done(ca: trustme.CA) -> None:
    order: list[bytes] = []

    def impatient(client: socket.socket) -> None:
        """Take a farewell for the end of everything, as most do."""
        order.append(client.recv(1000))
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1000)
        client.settimeout(10)
        client.sendall(b"late answer")
        order.append(client.recv(1000))

    def run(client: socket.socket) -> None:
        impatient(client)
        client.unwrap()  # type: ignore[attr-defined]

    with server(under_tls(ca, run)) as port:
        result = call(f"tcp+tls://:{port}", "hello")
    assert (result.text, order) == ("late answer", [b"hello", b""])


def test_an_answer_cut_off_under_tls_is_no_success(ca: trustme.CA) -> None:
    def vanish(client: socket.socket) -> None:
        client.recv(1000)
        client.sendall(b"part")
        socket.socket.shutdown(client, socket.SHUT_WR)

    with server(under_tls(ca, vanish)) as port, pytest.raises(ConnectionAbortedError, match="cut off"):
        call(f"tcp+tls://:{port}", "hello")


def test_what_comes_from_a_pipe_is_said_as_it_comes_and_its_end_is_a_half_close() -> None:
    reading, writing = os.pipe()
    with server(echo) as port, dial(parse(f"tcp://:{port}")) as connection:
        outgoing = Piped(reading, lambda data: [data] if data else [])
        outgoing.wake = connection.wake
        heard: list[bytes] = []
        os.write(writing, b"one")
        for event in Talk(connection, outgoing, wait=10, patient=True).events():
            if isinstance(event, Arrival):
                heard.append(event.data)
                if event.data == b"one":
                    os.write(writing, b"two")
                else:
                    os.close(writing)
    os.close(reading)
    assert heard == [b"one", b"two"]
    assert outgoing.asked == 2


def test_a_silent_pipe_ends_at_the_deadline_too() -> None:
    reading, writing = os.pipe()
    with server(hang_up) as port, dial(parse(f"tcp://:{port}")) as connection:
        talk = Talk(connection, Piped(reading, lambda data: [data] if data else []), wait=0.1)
        assert list(talk.events()) == []
        assert talk.ended == "idle"
    os.close(writing)


def test_lines_from_a_pipe_become_frames() -> None:
    reading, writing = os.pipe()
    cut, encoder = framing("line"), framing("len2")

    def shape(data: bytes | None) -> list[bytes]:
        frames = cut.feed(data) if data is not None else [last for last in [cut.finish()] if last is not None]
        return [encoder.encode(frame) for frame in frames]

    os.write(writing, b"one\ntw")
    os.write(writing, b"o")
    os.close(writing)
    with server(echo) as port, dial(parse(f"tcp://:{port}")) as connection:
        outgoing = Piped(reading, shape)
        outgoing.wake = connection.wake
        talk = Talk(connection, outgoing, wait=10, framing=framing("len2"), half_close=False)
        sent = [event.data for event in talk.events() if isinstance(event, Sent)]
    os.close(reading)
    assert b"".join(sent) == b"\x00\x03one\x00\x03two"
    assert (talk.ended, talk.answered) == ("done", 2)


# -- UDP


@contextmanager
def udp_server(answer: Callable[[bytes, int], bytes | None], host: str = "127.0.0.1") -> Iterator[int]:
    """A UDP server that answers the nth datagram with what `answer` returns."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.settimeout(0.05)
        over = threading.Event()

        def run() -> None:
            count = 0
            while not over.is_set():
                try:
                    data, address = sock.recvfrom(65536)
                except TimeoutError:
                    continue
                count += 1
                said = answer(data, count)
                if said is not None:
                    sock.sendto(said, address)

        thread = threading.Thread(target=run)
        thread.start()
        yield sock.getsockname()[1]
        over.set()
        thread.join()


def test_each_datagram_has_its_answer_and_empty_ones_are_legal() -> None:
    with udp_server(lambda data, _: data) as port:
        result = call(f"udp://:{port}", b"", "два", b"x" * 65507)
    assert [arrival.data for arrival in result.arrivals] == [b"", "два".encode(), b"x" * 65507]
    assert result.ended == "done"


def test_a_lost_datagram_shows_at_the_deadline_and_does_not_stop_the_others() -> None:
    with udp_server(lambda data, count: data if count % 2 else None) as port:
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="bytes came, then nothing"):
            call(f"udp://:{port}", *["x"] * 200, wait=0.3)
        assert time.monotonic() - began < 10


def test_nobody_at_a_udp_port_is_told_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(ConnectionRefusedError, match="nobody has UDP port"):
        call(f"udp://:{closed_port()}", "x", wait=10)
    assert time.monotonic() - began < 5


def test_over_udp_the_next_address_is_tried_when_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    from sockwright.client import post

    with udp_server(lambda data, _: data.upper()) as port:
        refusing = parse(f"udp://[::1]:{closed_port('::1')}")
        both = [*dial_datagrams(refusing), *dial_datagrams(parse(f"udp://:{port}"))]
        monkeypatch.setattr(post, "dial_datagrams", lambda endpoint: both)
        assert call(f"udp://:{port}", "a", "b").content == b"AB"


def test_a_connection_by_hand() -> None:
    with server(echo) as port, connect(f"tcp://:{port}") as connection:
        connection.send(b"ping")
        arrival = connection.read(5)
        assert arrival is not None
        assert arrival.data == b"ping"
    with pytest.raises(ConfigError, match="no connections"):
        connect("udp://:1")
    with pytest.raises(ConfigError, match="smtp"):
        call("smtp://:25")
