"""Our probes beside httpbin itself, answer by answer; only where httpbin is installed (pip install httpbin).

Its own tests can be run against ours too: unpack its source distribution and name the folder,

    HTTPBIN_TESTS=httpbin-0.10.4/tests python -m pytest tests/services/test_probes_beside_httpbin.py

"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sockwright.endpoint import Peer
from sockwright.workbench import BenchThread

httpbin = pytest.importorskip("httpbin")


class Answer:
    """Status, fields (names in lower case), content."""

    def __init__(self, status: int, fields: Any, content: bytes) -> None:
        self.status, self.content = status, content
        self.fields = {name.lower(): value for name, value in fields.items()}

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.content)
        except ValueError:
            return None


@pytest.fixture(scope="module")
def at() -> Iterator[Peer]:
    with BenchThread() as bench:
        yield bench.serve("http://:0", "probes")


def from_ours(peer: Peer, method: str, target: str, fields: Mapping[str, str], content: bytes) -> Answer:
    connection = http.client.HTTPConnection(peer.host, peer.port, timeout=15)
    try:
        connection.request(method, target, content or None, {"Host": "localhost", "User-Agent": "me", **fields})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def from_httpbin(method: str, target: str, fields: Mapping[str, str], content: bytes) -> Answer:
    path, _, query = target.partition("?")
    answer = httpbin.app.test_client(use_cookies=False).open(
        path,
        method=method,
        query_string=query,
        headers={"User-Agent": "me", **fields},
        data=content or None,
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
    )
    return Answer(answer.status_code, answer.headers, answer.get_data())


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PARTS = {"Content-Type": "multipart/form-data; boundary=x"}
PART = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name="f"; '
    b'filename="f.bin"\r\nContent-Type: image/x\r\n\r\n\xff\x00\r\n--x--\r\n'
)
ASKED: list[tuple[str, str, dict[str, str], bytes]] = [
    ("GET", "/get?a=1&a=2&b=", {"X-Mark": "yes", "x-two": "1"}, b""),
    ("GET", "/get", {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https", "Origin": "http://a.example"}, b""),
    ("GET", "/get?show_env=1", {"X-Forwarded-For": "10.0.0.1", "Via": "x"}, b""),
    ("POST", "/post", {"Content-Type": "text/plain"}, "привет".encode()),
    ("POST", "/post", {"Content-Type": "application/json"}, b'{"a": [1, null]}'),
    ("POST", "/post", FORM, b"a=1&a=2&b=%20"),
    ("POST", "/post", PARTS, PART),
    ("POST", "/post", {}, b"\xff\x00"),
    ("PUT", "/put", {"Content-Type": "text/plain"}, b"x"),
    ("PATCH", "/patch", {"Content-Type": "text/plain"}, b"x"),
    ("DELETE", "/delete?x=y", {}, b""),
    *((method, "/anything/x?y=z", {}, b"") for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")),
    ("GET", "/headers", {"Accept": "a/b"}, b""),
    ("GET", "/ip", {}, b""),
    ("GET", "/user-agent", {}, b""),
    *(("GET", f"/status/{code}", {}, b"") for code in (200, 204, 301, 302, 303, 304, 305, 307, 400, 401, 404, 405)),
    *(("GET", f"/status/{code}", {}, b"") for code in (402, 406, 407, 410, 418, 429, 500, 502, 503, 504)),
    ("GET", "/status/x", {}, b""),
    ("GET", "/delay/0", {}, b""),
    ("GET", "/drip?numbytes=3&duration=0&code=418", {}, b""),
    ("GET", "/drip?numbytes=0", {}, b""),
    ("GET", "/stream/2", {}, b""),
    ("GET", "/bytes/20?seed=3", {}, b""),
    ("GET", "/stream-bytes/20?seed=3&chunk_size=7", {}, b""),
    ("GET", "/range/26", {}, b""),
    ("GET", "/range/26?duration=0.1&chunk_size=5", {"Range": "bytes=1-9"}, b""),
    ("GET", "/range/26", {"Range": "bytes=-5"}, b""),
    ("GET", "/range/26", {"Range": "bytes=20-30"}, b""),
    ("GET", "/range/0", {}, b""),
    ("GET", "/links/3/1", {}, b""),
    ("GET", "/links/3", {}, b""),
    ("GET", "/redirect/1", {}, b""),
    ("GET", "/redirect/3", {}, b""),
    ("GET", "/redirect/3?absolute=true", {}, b""),
    ("GET", "/relative-redirect/2", {}, b""),
    ("GET", "/absolute-redirect/2", {}, b""),
    ("GET", "/redirect-to?url=http://a.example/x&status_code=307", {}, b""),
    ("GET", "/cookies", {"Cookie": 'a=1; b="x y"'}, b""),
    ("GET", "/cookies/set?a=1", {}, b""),
    ("GET", '/cookies/set?a="x"', {}, b""),
    ("GET", "/cookies/set/a/b", {}, b""),
    ("GET", "/basic-auth/ann/pw", {}, b""),
    ("GET", "/basic-auth/ann/pw", {"Authorization": "Basic YW5uOnB3"}, b""),
    ("GET", "/hidden-basic-auth/ann/pw", {}, b""),
    ("GET", "/hidden-basic-auth/ann/pw", {"Authorization": "Basic YW5uOnB3"}, b""),
    ("GET", "/bearer", {}, b""),
    ("GET", "/bearer", {"Authorization": "Bearer t"}, b""),
    ("GET", "/digest-auth/auth/ann/pw", {}, b""),
    ("GET", "/cache", {}, b""),
    ("GET", "/cache", {"If-None-Match": "x"}, b""),
    ("GET", "/cache/60", {}, b""),
    ("GET", "/etag/x", {}, b""),
    ("GET", "/etag/x", {"If-None-Match": '"y", W/"x"'}, b""),
    ("GET", "/etag/x", {"If-Match": "y"}, b""),
    ("GET", "/response-headers?X-A=1&X-A=2", {}, b""),
    ("GET", "/encoding/utf8", {}, b""),
    ("GET", "/html", {}, b""),
    ("GET", "/json", {}, b""),
    ("GET", "/xml", {}, b""),
    ("GET", "/robots.txt", {}, b""),
    ("GET", "/deny", {}, b""),
    ("GET", "/uuid", {}, b""),
    ("GET", "/base64/SGVsbG8=", {}, b""),
    *(("GET", f"/image/{form}", {}, b"") for form in ("png", "jpeg", "webp", "svg")),
    *(("GET", "/image", {"Accept": kind}, b"") for kind in ("image/png", "image/png,image/webp", "image/*", "text/x")),
    ("GET", "/gzip", {}, b""),
    ("GET", "/deflate", {}, b""),
    ("GET", "/brotli", {}, b""),
    ("OPTIONS", "/get", {"Origin": "http://a.example", "Access-Control-Request-Headers": "X-A"}, b""),
    ("GET", "/nowhere", {}, b""),
    ("POST", "/get", {}, b""),
]
# Fields that clients' tests look at.
TOLD = [
    "accept-ranges", "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
    "access-control-allow-origin", "access-control-max-age", "cache-control", "content-encoding", "content-range",
    "etag", "location", "proxy-authenticate", "set-cookie", "x-a", "x-more-info",
]  # fmt: skip
# Words of their own that documents have, and what changes from answer to answer.
OWN: tuple[str, ...] = (
    "/html",
    "/json",
    "/xml",
    "/deny",
    "/encoding",
    "/image",
    "/uuid",
    "/status/4",
    "/robots",
    "/redirect",
    "/links/3",
)
OWN += (
    "/gzip",
    "/deflate",
    "/brotli",
    "/drip",
    "/nowhere",
    "/absolute",
    "/cookies/set",
    "/status/x",
    "/status/3",
    "/range/0",
)


@pytest.mark.parametrize(("method", "target", "fields", "content"), ASKED)
def test_the_answer_is_httpbins(at: Peer, method: str, target: str, fields: dict[str, str], content: bytes) -> None:
    theirs = from_httpbin(method, target, fields, content)
    ours = from_ours(at, method, target, fields, content)
    assert ours.status == theirs.status
    if ours.status in (404, 405):
        return
    for name in TOLD:
        if target == "/status/402":  # theirs leads to a video
            continue
        if name == "etag" and target == "/cache":
            assert name in ours.fields or ours.status == 304
        else:
            assert ours.fields.get(name) == theirs.fields.get(name), name
    scheme = [answer.fields.get("www-authenticate", "").partition(" ")[0] for answer in (ours, theirs)]
    assert scheme[0] == scheme[1]
    kind = [answer.fields.get("content-type", "").partition(";")[0] for answer in (ours, theirs)]
    if theirs.content and not target.startswith(("/base64", "/encoding", "/redirect", "/status", "/drip?numbytes=0")):
        assert kind[0] == kind[1] or not ours.content
    mine, wanted = ours.json, theirs.json
    if isinstance(wanted, dict) and not target.startswith("/status"):
        assert set(wanted) <= set(mine)
    if method == "OPTIONS" or target.startswith(OWN):
        return
    if wanted is None:
        stream = (
            [[json.loads(line) for line in one.splitlines()] for one in (ours.content, theirs.content)]
            if (target.startswith("/stream/"))
            else [ours.content, theirs.content]
        )
        assert _alike(stream[0]) == _alike(stream[1])
    elif target.startswith("/response-headers"):
        assert (mine["X-A"], mine["Content-Type"]) == (wanted["X-A"], wanted["Content-Type"])
    else:
        assert _alike({name: value for name, value in mine.items() if name in wanted}) == _alike(wanted)


def _alike(value: Any) -> Any:
    """Return what an answer says without what the two clients say differently: their own fields."""
    if isinstance(value, list):
        return [_alike(one) for one in value]
    if isinstance(value, dict) and isinstance(value.get("headers"), dict):
        kept = {
            name: one for name, one in value["headers"].items() if name not in ("Accept-Encoding", "Content-Length")
        }
        return {**value, "headers": kept}
    return value


SHIM = """
import http.client
import os
import urllib.parse

import httpbin
from werkzeug.test import Client


def forwarded(environ, start_response):
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PROBES_PORT"]), timeout=30)
    path = urllib.parse.quote(environ["PATH_INFO"].encode("latin-1"), safe="/:@!$&'()*+,;=~")
    query = environ.get("QUERY_STRING")
    connection.putrequest(environ["REQUEST_METHOD"], path + (f"?{query}" if query else ""), True, True)
    fields = {"Host": environ.get("HTTP_HOST", "localhost")}
    for name, value in environ.items():
        if name.startswith("HTTP_") and name != "HTTP_":
            fields[name[5:].replace("_", "-").title()] = value
    if environ.get("CONTENT_TYPE"):
        fields["Content-Type"] = environ["CONTENT_TYPE"]
    content = environ["wsgi.input"].read()
    if fields.get("Transfer-Encoding"):
        content = b"%x\\r\\n%b\\r\\n0\\r\\n\\r\\n" % (len(content), content)
    elif content or environ.get("CONTENT_LENGTH"):
        fields["Content-Length"] = str(len(content))
    for name, value in fields.items():
        connection.putheader(name, value)
    connection.endheaders(content or None)
    answer = connection.getresponse()
    data = answer.read()
    told = [(name, value) for name, value in answer.getheaders() if name not in ("Transfer-Encoding", "Connection")]
    start_response(f"{answer.status} {answer.reason}", told)
    connection.close()
    return [data]


httpbin.app.test_client = lambda *args, **kwargs: Client(forwarded)
"""


@pytest.mark.skipif("HTTPBIN_TESTS" not in os.environ, reason="HTTPBIN_TESTS names no folder with httpbin's own tests")
def test_httpbins_own_tests_pass(at: Peer, tmp_path: Path) -> None:
    (tmp_path / "forwarding.py").write_text(SHIM)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "forwarding", "-p", "no:cacheprovider", "-c", "/dev/null"]
    # It wants what a server that cannot read chunks must do.
    words += ["--deselect", "test_httpbin.py::HttpbinTestCase::test_post_chunked", "test_httpbin.py"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PROBES_PORT": str(at.port)}
    folder = os.environ["HTTPBIN_TESTS"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "69 passed" in done.stdout
