"""WebSocket as a dialogue: what comes in, what must go out."""

from __future__ import annotations

from tests.wire.test_websocket import sent

from sockwright.conversation import Close, Note, Tell
from sockwright.protocols.websocket import Limits, WebSocket
from sockwright.wire.websocket import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame

NOW = 1000.0


def test_messages_go_to_the_session_and_pings_are_answered() -> None:
    socket = WebSocket(NOW, 0)
    came = socket.feed(sent(TEXT, b"hi") + sent(PING, b"?") + sent(PONG, b"") + sent(BINARY, b""), NOW)
    assert came == [Tell(b"\x01hi"), frame(PONG, b"?"), Tell(b"\x02")]
    assert socket.said(b"\x01hello", NOW) == [frame(TEXT, b"hello")]


def test_a_close_is_answered_and_ends_it() -> None:
    socket = WebSocket(NOW, 0)
    came = socket.feed(sent(CLOSE, b"\x03\xe8bye"), NOW)
    assert came == [frame(CLOSE, b"\x03\xe8"), Tell(b"\x08\x03\xe8bye"), Close("", how="fin")]
    assert socket.over
    assert socket.said(b"\x01late", NOW) == []


def test_our_close_waits_for_the_clients() -> None:
    socket = WebSocket(NOW, 0, Limits(closes=5))
    assert socket.said(b"\x08\x03\xe8", NOW) == [frame(CLOSE, b"\x03\xe8")]
    assert socket.deadline == NOW + 5
    assert socket.feed(sent(TEXT, b"crossing"), NOW + 1) == []
    assert socket.deadline == NOW + 5  # talking on does not put it off
    assert socket.feed(sent(CLOSE, b"\x03\xe8"), NOW + 2) == [Close("", how="fin")]


def test_a_client_that_does_not_close_is_given_up() -> None:
    socket = WebSocket(NOW, 0)
    socket.ended(NOW, failed=True)
    assert socket.expired(NOW + 5) == [Close("the client did not close in time", how="time-out")]


def test_a_session_that_fails_closes_with_1011() -> None:
    assert WebSocket(NOW, 0).ended(NOW, failed=True) == [close_frame(1011)]
    assert WebSocket(NOW, 0).ended(NOW, failed=False) == [close_frame(1000)]


def test_silence_is_asked_about_once() -> None:
    socket = WebSocket(NOW, 0, Limits(silence=20))
    assert socket.deadline == NOW + 20
    assert socket.expired(NOW + 20) == [frame(PING, b"")]
    socket.feed(sent(PONG, b""), NOW + 21)
    assert socket.deadline == NOW + 41
    assert socket.expired(NOW + 41) == [frame(PING, b"")]
    assert socket.expired(NOW + 61) == [Tell(b""), Close("the client did not answer a ping", how="time-out")]


def test_what_breaks_a_rule_is_noted_and_closed_with_its_code() -> None:
    socket = WebSocket(NOW, 300)
    note, said, told, close = socket.feed(sent(TEXT, b"ok") + b"\xc1\x80", NOW)[-4:]
    assert isinstance(note, Note)
    assert (note.kind, note.data["rule"], note.data["offset"]) == ("malformed", "RFC 6455, 5.2", 308)
    assert isinstance(said, bytes)
    assert said[2:4] == b"\x03\xea"
    assert isinstance(told, Tell)
    assert told.data.startswith(b"\x08\x03\xea")
    assert isinstance(close, Close)
    assert close.how == "error"


def test_what_is_too_long_is_a_limit() -> None:
    note, said, *_ = WebSocket(NOW, 0, Limits(message=10)).feed(sent(BINARY, bytes(11)), NOW)
    assert isinstance(note, Note)
    assert note.kind == "limit"
    assert isinstance(said, bytes)
    assert said[2:4] == (1009).to_bytes(2)


def test_an_end_without_a_close_is_told_as_such() -> None:
    assert WebSocket(NOW, 0).half_closed() == [Tell(b""), Close("", how="fin")]


def test_shutting_down_goes_away() -> None:
    assert WebSocket(NOW, 0).stopping(NOW) == [close_frame(1001, "shutting down")]
