from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.peers import local_ca, server, under_tls, until

from sockwright.client import Response, call, request
from sockwright.client.http import Request, redirected
from sockwright.endpoint import parse
from sockwright.errors import PeerError


class Stranger(BaseHTTPRequestHandler):
    """The standard library's server, made to answer what the tests need."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("/to/"):
            self.send_response(int(query or 302))
            self.send_header("Location", path[3:])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path == "/loop":
            self.send_response(307)
            self.send_header("Location", "/loop")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        length = int(self.headers.get("Content-Length") or 0)
        lines = [f"{self.command} {self.path}", *(f"{name}: {value}" for name, value in self.headers.items())]
        content = "\n".join(lines).encode() + b"\n\n" + self.rfile.read(length)
        self.send_response(404 if path == "/missing" else 200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        if path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(content), 7):
                part = content[at : at + 7]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def saying(*parts: bytes, close: bool = True) -> Callable[[socket.socket], None]:
    """A server that answers any request with exactly these bytes."""

    def talk(client: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += client.recv(1000)
        for part in parts:
            client.sendall(part)
        if not close:
            client.recv(1000)

    return talk


def test_a_stranger_answers(url: str) -> None:
    response = call(f"{url}/путь?q=да&b=%20")
    assert isinstance(response, Response)
    assert response.text.startswith("GET /%D0%BF%D1%83%D1%82%D1%8C?q=%D0%B4%D0%B0&b=%20\n")
    assert (response.status, response.reason, response.type, response.ok) == (200, "OK", "text/plain", True)
    assert 0 < response.timings.connect <= response.timings.first_byte <= response.timings.total
    assert "User-Agent: sockwright/" in response.text


def test_content_goes_out_whole_and_chunks_come_back_whole(url: str) -> None:
    said = "данные" * 10_000
    response = request("post", f"{url}/chunked", content=said, fields={"X-Name": "значение"})
    assert response.text.endswith("\n\n" + said)
    assert "X-Name:" in response.text
    assert f"Content-Length: {len(said.encode())}" in response.text


def test_json_has_its_type_and_basic_credentials_are_sent(url: str) -> None:
    response = request("PUT", url.replace("//", "//user:p%40ss@") + "/x", json={"ключ": [1, None]})
    assert "Content-Type: application/json" in response.text
    assert "Authorization: Basic dXNlcjpwQHNz" in response.text
    assert response.text.endswith('{"ключ": [1, null]}')


def test_head_has_no_content_and_an_error_status_is_an_answer(url: str) -> None:
    response = request("HEAD", f"{url}/missing")
    assert (response.status, response.content, response.ok) == (404, b"", False)


def test_redirects_are_followed_when_asked_for(url: str) -> None:
    assert request("GET", f"{url}/to/x").status == 302
    response = request("POST", f"{url}/to/x?303", content="secret", follow=True)
    assert response.text.startswith("GET /x\n")
    assert "secret" not in response.text
    assert [hop.status for hop in response.hops] == [303]
    again = request("POST", f"{url}/to/x?308", content="same again", follow=True)
    assert again.text.startswith("POST /x\n")
    assert again.text.endswith("same again")
    with pytest.raises(PeerError, match="more than 10 redirects"):
        request("GET", f"{url}/loop", follow=True)


def _redirect(place: str, **fields: str) -> Request:
    from sockwright.client.http import Timings
    from sockwright.endpoint import Peer
    from sockwright.wire.fields import NO_FIELDS
    from sockwright.wire.http1 import read_response_head

    head = read_response_head(f"HTTP/1.1 302 Found\r\nLocation: {place}\r\n\r\n".encode())
    asked = Request("GET", parse("http://u:p@one.test:8080/a/b"), tuple(fields.items()))
    return redirected(Response(asked, (head,), b"", NO_FIELDS, Peer("", 0), Timings(0, 0, 0)))


def test_secrets_stay_with_the_host_they_were_meant_for() -> None:
    at_home = _redirect("../c", Cookie="s", Authorization="t")
    assert (at_home.url, at_home.endpoint.user, len(at_home.fields)) == ("http://one.test:8080/c", "u", 2)
    for place in ("http://two.test:8080/", "http://one.test:8081/", "https://one.test:8080/", "//evil.test"):
        away = _redirect(place, Cookie="s", Authorization="t", Accept="x")
        assert (away.endpoint.user, away.fields) == ("", (("Accept", "x"),))
    for place in ("file:///etc/passwd", "tcp://one.test:1", "http://[::1/"):
        with pytest.raises(PeerError, match="Location"):
            _redirect(place)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",), "3 of"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",), "RFC 9112"),
        ((b"HTTP/1.1 200 OK\r\nContent-Len",), "inside the head"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nabcde",), "Content-Length"),
        ((b"SSH-2.0-OpenSSH\r\n",), "not the start of an HTTP response"),
        ((b"\x15\x03\x01\x00\x02\x02\x46",), "TLS"),
    ],
)
def test_what_is_cut_off_or_no_http_is_no_success(parts: tuple[bytes, ...], words: str) -> None:
    with server(saying(*parts)) as port, pytest.raises(PeerError, match=words):
        call(f"http://127.0.0.1:{port}/")


def test_a_server_that_hangs_up_or_keeps_silent_is_told_apart() -> None:
    with server(saying()) as port, pytest.raises(ConnectionResetError, match="hung up without a response"):
        call(f"http://127.0.0.1:{port}/")
    over = threading.Event()
    with server(until(over)) as port:
        with pytest.raises(TimeoutError, match="said nothing for 100ms"):
            call(f"http://127.0.0.1:{port}/", wait=0.1)
        over.set()


def test_content_up_to_the_end_of_the_stream_and_interim_responses() -> None:
    parts = (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nall ", b"there is")
    with server(saying(*parts)) as port:
        response = call(f"http://127.0.0.1:{port}/")
    assert response.text == "all there is"
    assert [head.status for head in response.heads] == [103, 200]


def test_too_much_content_is_refused() -> None:
    with (
        server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 2000)) as port,
        pytest.raises(PeerError, match="longer than the 1000 bytes"),
    ):
        call(f"http://127.0.0.1:{port}/", limit=1000)


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    return local_ca(tmp_path)


def test_https_and_its_unannounced_end(ca: trustme.CA) -> None:
    def short(client: socket.socket) -> None:
        saying(b"HTTP/1.1 200 OK\r\n\r\npart")(client)
        socket.socket.shutdown(client, socket.SHUT_WR)

    def whole(client: socket.socket) -> None:
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")(client)
        socket.socket.shutdown(client, socket.SHUT_WR)

    with server(under_tls(ca, whole)) as port:
        response = call(f"https://127.0.0.1:{port}/")
    assert (response.text, response.tls[:4]) == ("whole", "TLSv")
    with server(under_tls(ca, short)) as port, pytest.raises(PeerError, match="cut off"):
        call(f"https://127.0.0.1:{port}/")


def test_what_would_break_the_message_is_refused() -> None:
    for method, fields in (("GET /x", {}), ("GET", {"A": "x\r\nB: y"}), ("GET", {"A b": "x"})):
        with pytest.raises(ValueError):
            request(method, "http://127.0.0.1:1/", fields=fields)
    assert Request("GET", parse("http://h/a b\r\nX: y\x00")).target == "/a%20b%0D%0AX:%20y%00"
