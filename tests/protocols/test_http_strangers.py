"""HTTP as a whole, against clients that are not ours and plain sockets that misbehave."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sockets import dial, ended, read_all, read_exactly, records, reset, until

from sockwright.endpoint import Peer, parse
from sockwright.journal.records import EXCHANGED, NOTE, RECEIVED, SENT
from sockwright.transport.limits import Limits
from sockwright.wire.http1 import End, ResponseReader
from sockwright.workbench import BenchThread, Posting

SERVICES = '''
import asyncio
import threading
import time

from sockwright import Request, Response
from sockwright.binding import service
from sockwright.session import BlockingSession, Session

gate = threading.Event()


def slow(n: int) -> int:
    """Wait, then double."""
    time.sleep(0.05)
    return 2 * n


async def later(n: int) -> int:
    await asyncio.sleep(0.01)
    return 3 * n


def broken(n: int) -> int:
    return n // 0


@service(blocking=False)
def large(request: Request) -> bytes:
    return b"x" * 100_000


@service(blocking=False)
def back(request: Request) -> Response:
    fields = {"X-Method": request.method, "X-Peer": str(request.peer), "X-Path": request.path}
    return Response(request.content, type=request.type, fields=fields)


async def count(session: Session) -> None:
    for number in range(5):
        await session.send(b"%d\\n" % number)


def upper(session: BlockingSession) -> None:
    while data := session.receive():
        session.send(data.upper())


async def fails(session: Session) -> None:
    await session.send(b"so far so good")
    raise RuntimeError("and then not")
'''


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], str]:
    """`own("slow")` names the function `slow` of a file of services."""
    path = tmp_path / "own_services.py"
    path.write_text(SERVICES, "utf-8")
    return lambda name: f"{path}:{name}"


@pytest.fixture
def hello(bench: BenchThread) -> Peer:
    return bench.serve("http://:0", "hello")


def curl(stranger: Callable[[str], str], *words: str, send: bytes = b"") -> bytes:
    command = [stranger("curl"), "--silent", "--show-error", "--max-time", "10", *words]
    return subprocess.run(command, input=send, capture_output=True, check=True, timeout=20).stdout


def notes(bench: BenchThread, kind: str) -> list[Any]:
    return [record[3][1] for record in records(bench.journal, NOTE) if record[3][0] == kind]


def url(peer: Peer, target: str = "/") -> str:
    return f"http://{peer}{target}"


# -- curl


def test_curl_gets_what_the_lecture_says(stranger: Callable[[str], str], hello: Peer) -> None:
    answer = curl(stranger, "--include", url(hello, "/what/ever"))
    head, _, content = answer.partition(b"\r\n\r\n")
    assert content == b"Hello World!"
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Type: text/html\r\n" in head
    headed = curl(stranger, "--head", url(hello))
    assert b"Content-Length: 12\r\n" in headed


def test_curl_uses_one_connection_for_several(stranger: Callable[[str], str], hello: Peer) -> None:
    told = curl(stranger, "--write-out", "|%{num_connects}\n", url(hello), url(hello, "/2"), url(hello, "/3"))
    assert told.decode().split() == ["Hello", "World!|1", "Hello", "World!|0", "Hello", "World!|0"]


def test_curl_speaks_http_1_0(stranger: Callable[[str], str], hello: Peer) -> None:
    assert b"Connection: close\r\n" in curl(stranger, "--http1.0", "--include", url(hello))


def test_curl_calls_a_service(stranger: Callable[[str], str], bench: BenchThread, own: Callable[[str], str]) -> None:
    peer = bench.serve("http://:0", "parity", own("slow"), own("later"))
    assert curl(stranger, "--json", '{"n": 4}', url(peer, "/call/parity.is_even")) == b"true"
    assert curl(stranger, url(peer, "/call/parity.is_even?n=3")) == b"false"
    assert curl(stranger, "--json", "[21]", url(peer, "/call/own_services.slow")) == b"42"
    assert curl(stranger, url(peer, "/call/own_services.later?n=14")) == b"42"
    listed = json.loads(curl(stranger, "--location", url(peer, "/")))
    assert "/call/parity.is_even" in [each["call"] for each in listed]


def test_curl_waits_for_leave_to_send_much(
    stranger: Callable[[str], str], bench: BenchThread, own: Callable[[str], str]
) -> None:
    peer = bench.serve("http://:0", own("back"))
    much = b"z" * 1_000_000
    words = ("--include", "--data-binary", "@-", url(peer))
    answer = curl(stranger, *words, "--header", "Expect: 100-continue", send=much)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answer.endswith(much)
    more = curl(stranger, *words, send=much + much)
    assert more.startswith(b"HTTP/1.1 413 Content Too Large\r\n"), "and it is told, not reset"


def test_curl_uploads_in_chunks_and_reads_chunks(
    stranger: Callable[[str], str], bench: BenchThread, own: Callable[[str], str]
) -> None:
    peer = bench.serve("http://:0", own("back"), own("count"), own("upper"))
    words = ("--include", "--upload-file", "-", "--header", "Transfer-Encoding: chunked")
    told = curl(stranger, *words, url(peer, "/a%20b"), send="день".encode())
    assert told.endswith("день".encode())
    assert b"X-Path: /a%20b\r\n" in told
    assert b"X-Method: PUT\r\n" in told
    counted = curl(stranger, "--include", url(peer, "/call/own_services.count"))
    assert b"Transfer-Encoding: chunked\r\n" in counted
    assert counted.endswith(b"\r\n\r\n0\n1\n2\n3\n4\n")
    assert curl(stranger, "--http1.0", url(peer, "/call/own_services.count")) == b"0\n1\n2\n3\n4\n"
    upper = curl(stranger, "--request", "POST", *words[1:], url(peer, "/call/own_services.upper"), send=b"a" * 300_000)
    assert upper == b"A" * 300_000


def test_curl_tells_a_broken_stream_from_a_whole_one(
    stranger: Callable[[str], str], bench: BenchThread, own: Callable[[str], str]
) -> None:
    peer = bench.serve("http://:0", own("fails"))
    for version in ("--http1.1", "--http1.0"):
        with pytest.raises(subprocess.CalledProcessError) as failed:
            curl(stranger, version, url(peer, "/call/own_services.fails"))
        assert failed.value.returncode in (18, 56)  # partial file; receive error
        assert failed.value.stdout == b"so far so good"


# -- the standard library


def test_urllib_reads_and_calls(bench: BenchThread, hello: Peer, own: Callable[[str], str]) -> None:
    with urllib.request.urlopen(url(hello), timeout=10) as answer:
        assert answer.read() == b"Hello World!"
        assert answer.headers.get_content_type() == "text/html"
    peer = bench.serve("http://:0", "parity", own("broken"))
    asked = urllib.request.Request(url(peer, "/call/parity.is_even"), b"[4]", {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert json.load(answer) is True
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url(peer, "/call/own_services.broken?n=1"), timeout=10)
    with refused.value as error:
        assert error.code == 500
        assert "ZeroDivisionError" in json.load(error)["error"]
    (note,) = notes(bench, "failed")
    assert "n // 0" in note["trace"]


def test_http_client_keeps_its_connection(bench: BenchThread, own: Callable[[str], str]) -> None:
    peer = bench.serve("http://:0", own("back"))

    def pieces() -> Iterator[bytes]:
        yield from (b"one ", b"two ", b"three")

    connection = http.client.HTTPConnection(peer.host, peer.port, timeout=10)
    try:
        for _ in range(3):
            connection.request("POST", "/x?y", pieces(), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            answer = connection.getresponse()
            assert answer.read() == b"one two three"
            assert connection.sock is not None
            assert answer.getheader("X-Peer") == "{}:{}".format(*connection.sock.getsockname()[:2])
        connection.request("HEAD", "/")
        answer = connection.getresponse()
        assert (answer.read(), answer.getheader("Content-Length")) == (b"", "0")
    finally:
        connection.close()


# -- sockets that misbehave

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def responses(data: bytes) -> list[bytes]:
    """Return the content of each response in `data`."""
    contents = []
    while data:
        reader = ResponseReader()
        parts = reader.feed(data)
        assert isinstance(parts[-1], End)
        contents.append(b"".join(part for part in parts if isinstance(part, bytes)))
        data = reader.rest
    return contents


def test_the_half_closed_gets_all_its_answers(bench: BenchThread, own: Callable[[str], str]) -> None:
    peer = bench.serve("http://:0", own("slow"))
    asked = b"".join(b"GET /?n=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in range(5))
    with dial(peer) as sock:
        sock.sendall(asked)
        sock.shutdown(1)
        assert responses(read_all(sock)) == [b"%d" % (2 * number) for number in range(5)]
    end = ended(bench.journal)
    assert (end.who, end.how) == ("peer", "fin")


def test_large_answers_are_held_until_the_peer_reads(bench: BenchThread, own: Callable[[str], str]) -> None:
    peer = bench.serve("http://:0", own("large"))
    with dial(peer) as sock:
        sock.sendall(GET * 300)
        until(lambda: sent(bench) > 100_000)
        before = until(lambda: settled(bench))
        assert before < 20_000_000, "it did not make thirty megabytes for somebody who reads nothing"
        sock.shutdown(1)
        answer = responses(read_all(sock))
    assert len(answer) == 300
    assert set(map(len, answer)) == {100_000}


def sent(bench: BenchThread) -> int:
    return sum(record[4] for record in records(bench.journal, SENT))


def settled(bench: BenchThread) -> int:
    """Return how much was sent once it is no longer growing."""
    first = sent(bench)
    threading.Event().wait(0.3)
    return first if sent(bench) == first else 0


def test_half_sent_heads_hold_nobody_up(bench: BenchThread, hello: Peer) -> None:
    lazy = [dial(hello) for _ in range(100)]
    try:
        for sock in lazy:
            sock.sendall(b"GET / HTTP/1.1\r\nHo")
        with dial(hello) as sock:
            sock.sendall(GET)
            assert read_exactly(sock, 15) == b"HTTP/1.1 200 OK"
        for sock in lazy[:3]:
            sock.sendall(b"st: x\r\nConnection: close\r\n\r\n")
            assert responses(read_all(sock)) == [b"Hello World!"]
    finally:
        for sock in lazy:
            sock.close()


def test_a_dripping_head_and_a_dripping_content_are_told_when_time_is_over(bench: BenchThread) -> None:
    limits = {"head_time": "300ms", "body_grace": "300ms"}
    peer = bench.listen(Posting(parse("http://:0"), ("parity",), limits=limits)).server.addresses[0]
    for begun in (
        b"POST / HTTP/1.1\r\nHost: loc",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n[1",
    ):
        with dial(peer) as sock:
            sock.sendall(begun)
            answer = read_all(sock)
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"\r\nConnection: close\r\n" in answer
    assert [note["status"] for note in notes(bench, "limit")] == [408, 408]
    assert ended(bench.journal).how == "time-out"


def test_a_reset_at_any_moment_harms_nobody(bench: BenchThread, own: Callable[[str], str]) -> None:
    peer = bench.serve("http://:0", own("slow"))
    asked = b"GET /?n=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for beginning in (b"", asked[:10], asked, asked * 100):
        sock = dial(peer)
        sock.sendall(beginning)
        reset(sock)
    with dial(peer) as sock:
        sock.sendall(asked + b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        first, second = responses(read_all(sock))
    assert (first, b"missing" in second) == (b"2", True)


def test_refusals_of_a_long_pipeline_do_not_pile_up(own: Callable[[str], str]) -> None:
    asked = b"GET /?n=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with BenchThread(limits=Limits(calls_waiting=0)) as bench, dial(bench.serve("http://:0", own("slow"))) as sock:
        sock.sendall(asked * 900)
        sock.shutdown(1)
        assert read_all(sock).count(b"HTTP/1.1 503 Service Unavailable\r\n") == 900
        assert bench.troubles == []


def test_malformed_is_answered_and_noted_and_closed(bench: BenchThread, hello: Peer) -> None:
    with dial(hello) as sock:
        sock.sendall(GET + b"GET / HTTP/1.1\nHost: x\n\n" + GET)
        answer = read_all(sock)
    assert answer.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 400 Bad Request\r\n" in answer
    (note,) = notes(bench, "malformed")
    assert (note["rule"], note["offset"]) == ("RFC 9112, 2.2", len(GET))


def test_who_speaks_tls_to_plain_http_is_told(hello: Peer) -> None:
    with dial(hello) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert b"this looks like TLS" in read_all(sock)


def test_https_with_curl(stranger: Callable[[str], str], bench: BenchThread) -> None:
    peer = bench.serve("https://:0", "hello")
    assert curl(stranger, "--insecure", f"https://{peer}/") == b"Hello World!"


def test_an_exchange_is_in_the_journal_before_it_is_seen(bench: BenchThread, hello: Peer) -> None:
    with dial(hello) as sock:
        for number in range(1, 4):
            sock.sendall(GET)
            answer = b""
            while not answer.endswith(b"Hello World!"):
                answer += sock.recv(1000)
            kinds = [record[0] for record in records(bench.journal)]
            assert kinds.count(EXCHANGED) + kinds.count(SENT) == number
            assert kinds.count(EXCHANGED) + kinds.count(RECEIVED) == number
