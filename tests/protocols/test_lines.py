"""Lines as a script: what comes in, what must go out; and over real sockets what only they show."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.sockets import ask, dial, read_all, read_exactly, records

from sockwright import protocols
from sockwright.binding import Refusal, Service, service, service_of
from sockwright.conversation import Action, Begin, Close, Conversation, Invoke, Note, Tell
from sockwright.errors import ConfigError
from sockwright.journal.records import NOTE
from sockwright.protocols import Terms
from sockwright.session import Session
from sockwright.workbench import BenchThread


def talk(function: object, frame: str | None = None, **limits: object) -> Conversation:
    one = function if isinstance(function, Service) else service_of(function)  # type: ignore[arg-type]
    return protocols.open_with("tcp", Terms((one,), frame, limits))()


@service(blocking=False)
def double(n: int) -> int:
    return 2 * n


@service(blocking=False)
def boom(text: str) -> str:
    raise ValueError(f"no {text}")


def test_each_line_is_answered_wherever_the_reads_were_cut() -> None:
    conversation = talk(double)
    whole = b"1\n2\r\n30\n"
    for step in (1, 2, 3, len(whole)):
        conversation = talk(double)
        out: list[Action] = []
        for start in range(0, len(whole), step):
            out += conversation.feed(whole[start : start + step], 0.0)
        assert b"".join(part for part in out if isinstance(part, bytes)) == b"2\n4\n60\n"


def test_all_frames_of_one_read_are_answered_with_one_write_whatever_the_framing() -> None:
    for frame, said, answers in (
        ("line", b"1\n2\r\nx\n3\n4", b"2\n4\nerror: 'n' wants int, and 'x' does not fit"),
        ("crlf", b"1\r\n2\r\n3\r\n4", b"2\r\n4\r\n6\r\n"),
        ("len2", b"\0\x011\0\x012\0\x014\0", b"\0\x012\0\x014\0\x018"),
    ):
        (one,) = talk(double, frame).feed(said, 0.0)
        assert isinstance(one, bytes)
        assert one.startswith(answers)


def test_of_several_lines_one_that_fails_is_noted_and_the_others_answered() -> None:
    @service(blocking=False)
    def picky(text: str) -> str:
        if text == "b":
            raise ValueError(text)
        return text.upper()

    note, said = talk(picky).feed(b"a\nb\nc\nd", 0.0)
    assert isinstance(note, Note)
    assert said == b"A\nerror: the service failed: ValueError: b\nC\n"


def test_an_answer_too_long_for_its_framing_does_not_take_those_before_it_along() -> None:
    @service(blocking=False)
    def long(n: int) -> str:
        return "x" * n

    first, note, close, *_ = talk(long, "len2").feed(b"\0\x013\0\x0570000", 0.0)
    assert first == b"\0\x03xxx"
    assert isinstance(note, Note)
    assert isinstance(close, Close)


def test_the_last_line_needs_no_end() -> None:
    conversation = talk(double)
    assert list(conversation.feed(b"21", 0.0)) == []
    assert list(conversation.half_closed(0.0)) == [b"42\n", Close()]


def test_what_does_not_fit_is_refused_and_the_connection_lives() -> None:
    conversation = talk(double)
    (refusal,) = conversation.feed(b"thirty\n", 0.0)
    assert isinstance(refusal, bytes)
    assert refusal.startswith(b"error: 'n' wants int, and 'thirty' does not fit")
    assert list(conversation.feed(b"3\n", 0.0)) == [b"6\n"]


def test_bytes_that_are_no_text_are_refused_by_their_place() -> None:
    (refusal,) = talk(double).feed(b"12\xff\xfe\n", 0.0)
    assert refusal == b"error: byte 2 (0xff) is not UTF-8\n"


def test_a_failing_service_is_told_without_its_traceback_and_noted_with_it() -> None:
    note, answer = talk(boom).feed("мир\n".encode(), 0.0)
    assert answer == "error: the service failed: ValueError: no мир\n".encode()
    assert isinstance(note, Note)
    assert "Traceback" in note.data["trace"]


def test_an_endless_line_is_refused_and_the_peer_let_go() -> None:
    conversation = talk(double, longest_frame=100)
    note, answer, close = conversation.feed(b"9" * 200, 0.0)
    assert isinstance(note, Note)
    assert isinstance(answer, bytes)
    assert answer.startswith(b"error: the line")
    assert isinstance(close, Close)
    assert close.how == "limit"


def test_good_lines_in_front_of_a_long_one_are_answered() -> None:
    actions = talk(double, longest_frame=10).feed(b"1\n" + b"9" * 50 + b"\n", 0.0)
    said, note, refusal, close = actions
    assert said == b"2\n"
    assert isinstance(note, Note)
    assert isinstance(refusal, bytes)
    assert refusal.startswith(b"error: the line")
    assert isinstance(close, Close)


def test_blocking_calls_go_out_one_batch_at_a_time() -> None:
    def slow(n: int) -> int:
        return n

    conversation = talk(slow)
    (first,) = conversation.feed(b"1\n2\n", 0.0)
    assert isinstance(first, Invoke)
    assert len(first.batch) == 2
    assert list(conversation.feed(b"3\n", 0.0)) == []
    assert list(conversation.half_closed(0.0)) == []
    one, two, second = conversation.answered(0, [10, 20], 0.0)
    assert (one, two) == (b"10\n", b"20\n")
    assert isinstance(second, Invoke)
    assert list(conversation.answered(0, [Refusal("no\r\nway")], 0.0)) == [b"error: no  way\n", Close()]


def test_too_many_waiting_lines_stop_the_reading() -> None:
    def slow(n: int) -> int:
        return n

    conversation = talk(slow, queued=4)
    conversation.feed(b"1\n" * 4 + b"1\n" * 4, 0.0)
    assert conversation.congested
    conversation.answered(0, [1] * 4, 0.0)
    assert not conversation.congested


def test_a_function_without_parameters_speaks_first_and_hangs_up() -> None:
    @service(blocking=False)
    def now() -> str:
        return "noon"

    assert list(talk(now).opened(0.0)) == [b"noon\n", Close()]


def test_a_session_begins_with_the_peer_and_gets_its_frames() -> None:
    async def chat(session: Session) -> None: ...

    conversation = talk(chat)
    (begin,) = conversation.opened(0.0)
    assert isinstance(begin, Begin)
    assert list(conversation.feed(b"a\nb\n", 0.0)) == [Tell(b"a"), Tell(b"b")]
    assert list(conversation.said(b"hi", 0.0)) == [b"hi\n"]
    assert list(conversation.half_closed(0.0)) == [Tell(b"")]
    assert list(conversation.session_ended(None, 0.0)) == [Close()]


def test_nothing_within_the_time_is_refused() -> None:
    conversation = talk(double, first_frame=3.0)
    conversation.opened(100.0)
    assert conversation.deadline == 103.0
    answer, close = conversation.expired(103.0)
    assert answer == b"error: nothing came within 3s\n"
    assert isinstance(close, Close)
    assert close.how == "time-out"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, b"true"),
        (4, b"4"),
        ("мир", "мир".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (None, b""),
        (["a", "b"], b"a b"),
        (["a b", "c"], b'["a b","c"]'),
        ({"a": 1}, b'{"a":1}'),
        (complex(1, 2), b"(1+2j)"),
        ("\ud800", b"?"),
    ],
)
def test_values_are_written_as_a_person_would_read_them(value: object, text: bytes) -> None:
    from sockwright.protocols.lines import encode_value

    assert encode_value(value) == text


def test_a_framing_that_is_none_is_refused_before_anybody_comes() -> None:
    with pytest.raises(ConfigError, match="there is no framing 'lines'"):
        talk(double, frame="lines")


# -- over sockets


def test_len2_frames_over_a_socket(bench: BenchThread) -> None:
    address = bench.serve("tcp://:0", "parity", frame="len2")
    assert ask(address, b"\x00\x014\x00\x017") == b"\x00\x04true\x00\x05false"


def test_eof_framing_takes_all_there_is(bench: BenchThread) -> None:
    assert ask(bench.serve("tcp://:0", "parity", frame="eof"), b"4") == b"true"


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


USERS = """
import time, asyncio
from sockwright.session import Session, BlockingSession

def shout(text: str) -> str:
    return text.upper()

async def later(text: str) -> str:
    await asyncio.sleep(0.01)
    return text[::-1]

def fails(text: str) -> str:
    raise RuntimeError("кот на клавиатуре")

def stuck(text: str) -> str:
    time.sleep(30)
    return text

def total(numbers: list[int]) -> int:
    return sum(numbers)

def chat(session: BlockingSession) -> None:
    session.send(b"name?")
    name = session.receive()
    session.send(b"hello " + name)

async def closes(session: Session) -> None:
    await session.receive()
    await session.send(b"bye")
    await session.close()
    assert await session.receive() in (b"", b"b")

async def count(session: Session) -> None:
    n = 0
    while await session.receive():
        n += 1
    await session.send(str(n).encode())
"""


@pytest.mark.parametrize(
    ("name", "said", "answer"),
    [
        ("shout", "привет\n", "ПРИВЕТ\n"),
        ("later", "abc\nxyz\n", "cba\nzyx\n"),
        ("fails", "x\n", "error: the service failed: RuntimeError: кот на клавиатуре\n"),
        ("total", "1 2 39\n[4,5]\n", "42\n9\n"),
        ("chat", "Ann\n", "name?\nhello Ann\n"),
        ("count", "a\nb\nc\n", "3\n"),
        ("closes", "a\nb\n", "bye\n"),
    ],
)
def test_a_users_function_by_its_signature_alone(
    bench: BenchThread, tmp_path: Path, name: str, said: str, answer: str
) -> None:
    file = write(tmp_path / "app.py", USERS)
    assert ask(bench.serve("tcp://:0", f"{file}:{name}"), said.encode()).decode() == answer
    if name == "fails":
        kind, about = records(bench.journal, NOTE)[0][3]
        assert kind == "failed"
        assert "app.py" in about["trace"]


def test_a_service_that_sleeps_for_ever_is_refused_and_the_bench_lives(tmp_path: Path) -> None:
    from sockwright.transport.limits import Limits

    file = write(tmp_path / "app.py", USERS)
    with BenchThread(limits=Limits(call=0.2)) as bench:
        stuck = bench.serve("tcp://:0", f"{file}:stuck")
        began = time.monotonic()
        assert ask(stuck, b"x\n") == b"error: the call took longer than 200ms\n"
        assert time.monotonic() - began < 3
        assert ask(bench.serve("tcp://:0", "echo"), b"alive") == b"alive"


def test_symbols_stream_switches_and_ends(bench: BenchThread) -> None:
    with dial(bench.serve("tcp://:0", "symbols")) as sock:
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)  # nothing before the first symbol
        sock.settimeout(5)
        sock.sendall(b"a\n")
        assert set(read_exactly(sock, 50)) == {ord("a")}
        sock.sendall("ж".encode())
        switched = time.monotonic()
        while "ж".encode() not in sock.recv(1000):
            assert time.monotonic() - switched < 2
        sock.sendall(b"q")
        assert set(read_all(sock).decode(errors="ignore")) <= {"ж"}


def test_sessions_of_peers_that_reset_are_over(bench: BenchThread) -> None:
    from tests.sockets import reset, until

    address = bench.serve("tcp://:0", "symbols")
    for _ in range(5):
        sock = dial(address)
        sock.sendall(b"x")
        sock.recv(10)
        reset(sock)
    until(lambda: not bench.workbench.listening[0].server.streams)  # type: ignore[union-attr]
    assert not [record for record in records(bench.journal, NOTE) if record[3][0] == "failed"]
