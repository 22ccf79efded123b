"""Bad and odd HTTP over real sockets: every malformed message of the corpus, and the manners of a good connection."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from tests.protocols.test_http import GET, MALFORMED, responses
from tests.sockets import ask, dial, ended, read_all, read_exactly

from sockwright.endpoint import Peer, parse
from sockwright.workbench import BenchThread, Posting


@pytest.fixture(scope="module")
def bench() -> Iterator[BenchThread]:
    with BenchThread() as running:
        yield running
        assert not running.troubles


@pytest.fixture(scope="module")
def probes(bench: BenchThread) -> Peer:
    return bench.serve("http://:0", "probes")


@pytest.fixture(scope="module")
def any_method(bench: BenchThread, tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """A server whose handler takes whatever comes."""
    program = tmp_path_factory.mktemp("own") / "handler.py"
    imports = "from sockwright import Request, Response"
    program.write_text(f"{imports}\ndef handle(request: Request) -> Response:\n    return Response(request.content)\n")
    return bench.serve("http://:0", f"{program}:handle")


@pytest.fixture(scope="module")
def hasty() -> Iterator[Peer]:
    """A server whose time is short."""
    limits: dict[str, object] = {"head_time": 0.5, "body_grace": 0.5, "idle": 0.5}
    with BenchThread() as bench:
        yield bench.listen(Posting(parse("http://:0"), ("probes",), limits=limits)).server.addresses[0]
        assert not bench.troubles


def statuses(data: bytes) -> list[int]:
    return [status for status, _, _ in responses(data)]


def one(peer: Peer, data: bytes) -> tuple[int, dict[str, str], bytes]:
    (answer,) = responses(ask(peer, data))
    return answer


# -- malformed


@pytest.mark.parametrize(("section", "status", "data"), MALFORMED)
def test_what_is_malformed_is_refused_and_the_connection_closed(
    any_method: Peer, section: str, status: int, data: bytes
) -> None:
    with dial(any_method) as sock:
        try:
            sock.sendall(data + (GET if data.endswith(b"\n") else b""))  # nothing behind it is executed
        except ConnectionError:  # refused while it was being sent
            pass
        answer = read_all(sock)
    (found,) = responses(answer)
    assert found[0] == status
    assert found[1]["connection"] == "close"
    # Which one of two broken rules is named may hang on how much had come; `test_http` looks at that.
    assert section.partition(",")[0][:4].encode() in found[2]


def test_the_server_lives_after_all_that(any_method: Peer) -> None:
    assert one(any_method, b"PUT /ip HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")[::2] == (200, b"hi")


# -- core


def test_a_request_in_pieces(probes: Peer) -> None:
    with dial(probes) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi":
            sock.sendall(bytes([byte]))
        sock.shutdown(socket.SHUT_WR)
        ((status, _, content),) = responses(read_all(sock))
    assert (status, b'"data": "hi"' in content) == (200, True)


def test_a_pipeline_is_answered_in_order_to_who_half_closed(probes: Peer) -> None:
    asked = b"".join(b"GET /anything/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(32))
    found = responses(ask(probes, asked))
    assert [f"/anything/{number}".encode() in content for number, (_, _, content) in enumerate(found)] == [True] * 32


@pytest.mark.parametrize(
    ("asked", "count", "ends"),
    [
        (b"GET /ip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 1, True),
        (b"GET /ip HTTP/1.0\r\n\r\n", 1, True),
        (b"GET /ip HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 2, False),
        (b"\r\nGET /ip HTTP/1.1\r\nHost: x\r\n\r\n", 2, False),
        (b"GET http://x/ip HTTP/1.1\r\nHost: other\r\n\r\n", 2, False),
        (b"GET /ip HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(GET), GET), 2, False),
        (b"GET /" + b"a" * 7980 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 2, False),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 2, False),
    ],
)
def test_who_keeps_the_connection_and_nothing_is_executed_behind_its_end(
    probes: Peer, asked: bytes, count: int, ends: bool
) -> None:
    with dial(probes) as sock:
        sock.sendall(asked + b"GET /user-agent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        found = responses(read_all(sock))
    assert len(found) == count
    assert (found[0][1].get("connection") == "close") == ends
    assert all("date" in fields for _, fields, _ in found)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"FROB /ip HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"DELETE /ip HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"OPTIONS /range/5/x HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /status/204 HTTP/1.1\r\nHost: x\r\n\r\n", 204),
        (b"GET /status/304 HTTP/1.1\r\nHost: x\r\n\r\n", 304),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 405),
    ],
)
def test_answers_without_a_handler_or_without_content(probes: Peer, asked: bytes, status: int) -> None:
    found = one(probes, asked)
    assert found[0] == status
    assert (found[2] == b"") == (status in (204, 304))
    assert ("allow" in found[1]) == (status == 405)


def test_an_asterisk_asks_about_the_server(bench: BenchThread) -> None:
    found = one(bench.serve("http://:0", "hello"), b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (found[0], "DELETE" in found[1]["allow"]) == (204, True)


def test_head_says_what_get_says(probes: Peer) -> None:
    with dial(probes) as sock:
        sock.sendall(
            b"HEAD /html HTTP/1.1\r\nHost: x\r\n\r\nGET /html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        (first, headed, nothing), (second, got, content) = responses(read_all(sock), ["HEAD", "GET"])
    assert (first, nothing, second) == (200, b"", 200)
    assert headed["content-length"] == got["content-length"] == str(len(content))


def test_leave_is_given_to_who_asks_for_it_over_1_1_alone(probes: Peer) -> None:
    head = b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with dial(probes) as sock:
        sock.sendall(head)
        assert read_exactly(sock, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hi")
        sock.shutdown(socket.SHUT_WR)
        assert statuses(read_all(sock)) == [200]
    assert ask(probes, head.replace(b"1.1\r", b"1.0\r") + b"hi").count(b"100 Continue") == 0


def test_chunks_with_extensions_and_trailers_are_content(probes: Peer) -> None:
    chunked = b'2;a="b"\r\nhi\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n'
    asked = b"POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked
    status, _, content = one(probes, asked)
    assert (status, b'"data": "hi!"' in content) == (200, True)


# -- time and size


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a",
        b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab",
        b"POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
def test_who_is_slow_is_told_408_and_hung_up_on(hasty: Peer, begun: bytes) -> None:
    with dial(hasty) as sock:
        sock.sendall(begun)
        assert statuses(read_all(sock)) == [408]


def test_who_says_nothing_is_hung_up_on_without_a_word(hasty: Peer) -> None:
    with dial(hasty) as sock:
        assert read_all(sock) == b""


@pytest.mark.parametrize("leave", [b"", b"Expect: 100-continue\r\n"])
def test_a_gigabyte_to_a_limit_of_a_mebibyte_is_refused_before_it_comes(probes: Peer, leave: bytes) -> None:
    with dial(probes) as sock:
        sock.sendall(b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n" + leave + b"\r\n")
        assert statuses(read_all(sock)) == [413]


def test_a_gigabyte_in_chunks_is_refused_where_the_limit_is(bench: BenchThread) -> None:
    peer = bench.serve("http://:0", "probes")
    with dial(peer) as sock:
        sock.sendall(b"POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent, answer = 0, b""
        while not answer and sent < 1_000_000_000:
            try:
                sock.settimeout(10)
                sock.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
                sock.settimeout(0.001)
                answer = sock.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent < 30 * 1024 * 1024
    assert ended(bench.journal)
