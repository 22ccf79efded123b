"""The probes as strangers use them: urllib with its cookies, redirects and logins, and curl."""

from __future__ import annotations

import base64
import gzip
import http.client
import http.cookiejar
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sockwright.services import Context
from sockwright.services.probes import offer
from sockwright.services.probes.content import MOST_BYTES
from sockwright.services.probes.documents import UTF8
from sockwright.services.probes.told import LONGEST
from sockwright.workbench import BenchThread


@pytest.fixture(scope="module")
def at() -> Iterator[str]:
    with BenchThread() as bench:
        peer = bench.serve("http://:0", "probes")
        yield f"http://127.0.0.1:{peer.port}"
        assert not bench.troubles


class Answer:
    def __init__(self, status: int, fields: http.client.HTTPMessage, content: bytes) -> None:
        self.status, self.fields, self.content = status, fields, content

    @property
    def json(self) -> Any:
        return json.loads(self.content)


def ask(url: str, method: str = "GET", content: bytes | None = None, fields: Mapping[str, str] | None = None) -> Answer:
    """Ask without following redirects."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=15)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, content, dict(fields or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def test_echo_has_the_fields_that_clients_look_for(at: str) -> None:
    about = ask(f"{at}/get?a=1&b=2&b=3&c=%D0%B6", fields={"X-Mark": "yes", "User-Agent": "me"}).json
    assert about["args"] == {"a": "1", "b": ["2", "3"], "c": "ж"}
    assert about["headers"]["X-Mark"] == "yes"
    assert about["headers"]["Host"] == at.removeprefix("http://")
    assert about["origin"] == "127.0.0.1"
    assert about["url"] == f"{at}/get?a=1&b=2&b=3&c=%D0%B6"
    assert set(about) == {"args", "headers", "origin", "url"}
    assert ask(f"{at}/user-agent", fields={"User-Agent": "me"}).json == {"user-agent": "me"}
    assert ask(f"{at}/ip").json == {"origin": "127.0.0.1"}
    assert ask(f"{at}/headers", fields={"x-two-words": "1"}).json["headers"]["X-Two-Words"] == "1"
    twice = ask(f"{at}/headers", fields={"X-A": "1", "x-a": "2"}).json["headers"]
    assert twice["X-A"] == "1,2"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_content_comes_back_in_the_form_it_had(at: str, method: str) -> None:
    url = f"{at}/{method.lower()}"
    plain = ask(url, method, "привет".encode(), {"Content-Type": "text/plain"}).json
    assert (plain["data"], plain["form"], plain["files"], plain["json"]) == ("привет", {}, {}, None)
    assert ask(url, method, b'{"a": [1]}', {"Content-Type": "application/json"}).json["json"] == {"a": [1]}
    form = ask(url, method, b"a=1&a=2&b=%20", {"Content-Type": "application/x-www-form-urlencoded"}).json
    assert (form["form"], form["data"]) == ({"a": ["1", "2"], "b": " "}, "")
    assert ask(url, method, b"\xff\x00").json["data"] == "data:application/octet-stream;base64,/wA="
    parts = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\nfile\r\n--x--\r\n'
    )
    several = ask(url, method, parts, {"Content-Type": "multipart/form-data; boundary=x"}).json
    assert (several["form"], several["files"]) == ({"a": "1"}, {"f": "file"})
    assert ask(url, method, parts, {"Content-Type": "multipart/form-data"}).status == 200  # no boundary: nothing found
    assert ask(f"{at}/anything/x/y", method, b"z").json["method"] == method
    assert ask(f"{at}/get", method).status == 405


def test_status_is_the_one_asked_for_or_one_by_weight(at: str) -> None:
    assert [ask(f"{at}/status/{code}").status for code in (200, 204, 304, 404, 418, 599)] == [
        200,
        204,
        304,
        404,
        418,
        599,
    ]
    assert ask(f"{at}/status/401").fields["WWW-Authenticate"]
    assert ask(f"{at}/status/302").fields["Location"] == "/redirect/1"
    assert {ask(f"{at}/status/200:0,503:1").status for _ in range(10)} == {503}
    seen = {ask(f"{at}/status/200,500").status for _ in range(60)}
    assert seen == {200, 500}
    for wrong in ("abc", "99", "100", "600", "200:x", "200:-1", "200:0", "200,", "200:nan"):
        assert ask(f"{at}/status/{wrong}").status == 400, wrong


def test_time_passes_as_asked_and_is_limited(at: str) -> None:
    began = time.monotonic()
    assert ask(f"{at}/delay/0.3").json["url"] == f"{at}/delay/0.3"
    assert 0.3 <= time.monotonic() - began < 3
    began = time.monotonic()
    drip = ask(f"{at}/drip?numbytes=5&duration=0.5&code=201")
    assert (drip.status, drip.content, drip.fields["Content-Length"]) == (201, b"*****", "5")
    assert 0.3 <= time.monotonic() - began < 3
    lines = ask(f"{at}/stream/3")
    assert [json.loads(line)["id"] for line in lines.content.splitlines()] == [0, 1, 2]
    assert lines.fields["Transfer-Encoding"] == "chunked"
    events = ask(f"{at}/sse?count=2&duration=0.1")
    assert events.fields["Content-Type"] == "text/event-stream"
    assert events.content.decode().count("event: ping\n") == 2
    assert [ask(f"{at}{path}").status for path in ("/delay/x", "/delay/-1", "/delay/nan", "/stream/x")] == [400] * 4
    assert LONGEST == 10


def test_a_delay_does_not_outlive_the_bench() -> None:
    began = time.monotonic()
    with BenchThread() as bench:
        peer = bench.serve("http://:0", "probes")
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=5)
        connection.request("GET", "/delay/10")
        time.sleep(0.1)  # so that it is being waited for
        connection.close()
    assert time.monotonic() - began < 5


def test_content_has_the_size_asked_for(at: str) -> None:
    assert len(ask(f"{at}/bytes/1000").content) == 1000
    assert ask(f"{at}/bytes/50?seed=7").content == ask(f"{at}/bytes/50?seed=7").content
    assert ask(f"{at}/bytes/50").content != ask(f"{at}/bytes/50").content
    assert len(ask(f"{at}/bytes/999999999").content) == MOST_BYTES
    assert len(ask(f"{at}/stream-bytes/100?chunk_size=7").content) == 100
    assert ask(f"{at}/stream-bytes/0").content == b""
    part = ask(f"{at}/range/26", fields={"Range": "bytes=1-3"})
    assert (part.status, part.content, part.fields["Content-Range"]) == (206, b"bcd", "bytes 1-3/26")
    assert ask(f"{at}/range/26", fields={"Range": "bytes=26-"}).status == 416
    page = ask(f"{at}/links/3/1").content.decode()
    assert "<a href='/links/3/0'>0</a> 1 <a href='/links/3/2'>2</a>" in page
    assert len(ask(f"{at}/uuid").json["uuid"]) == 36
    value = base64.urlsafe_b64encode("привет?>".encode()).decode()
    assert ask(f"{at}/base64/{value}").content.decode() == "привет?>"
    assert ask(f"{at}/base64/***").status == 400
    assert UTF8 in ask(f"{at}/encoding/utf8").content.decode()


@pytest.mark.parametrize("kind", ["redirect", "absolute-redirect", "relative-redirect"])
@pytest.mark.parametrize("prefix", ["", "/probe"])
def test_redirects_end_at_get(at: str, kind: str, prefix: str) -> None:
    with urllib.request.urlopen(f"{at}{prefix}/{kind}/4", timeout=10) as answer:
        assert answer.url == f"{at}{prefix}/get"
    place = ask(f"{at}{prefix}/{kind}/2").fields["Location"]
    assert place.startswith("http://" if kind == "absolute-redirect" else "/")


def test_redirect_to_goes_where_it_is_told(at: str) -> None:
    answer = ask(f"{at}/redirect-to?url=http%3A%2F%2Fexample.org%2F%D0%B6&status_code=307")
    assert (answer.status, answer.fields["Location"]) == (307, "http://example.org/%D0%B6")
    assert ask(f"{at}/redirect-to?url=%0D%0AX-Evil:1").status == 400
    assert ask(f"{at}/redirect-to").status == 400


def test_cookies_are_set_told_and_deleted(at: str) -> None:
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def cookies(path: str) -> Any:
        with opener.open(at + path, timeout=10) as answer:
            return json.load(answer)["cookies"]

    assert cookies("/cookies/set?a=1&b=2") == {"a": "1", "b": "2"}
    assert cookies("/cookies/set/c/3") == {"a": "1", "b": "2", "c": "3"}
    assert cookies("/cookies/delete?a") == {"b": "2", "c": "3"} or cookies("/cookies/delete?a=") == {"b": "2", "c": "3"}
    for value in ('"bar:baz"', "a b;c,d", "жук\\", "\x01", ""):
        quoted = urllib.parse.quote(value, safe="")
        (said,) = ask(f"{at}/cookies/set?odd={quoted}").fields.get_all("Set-Cookie") or []
        pair = said.rpartition("; Path=")[0]
        assert ask(f"{at}/cookies", fields={"Cookie": pair}).json["cookies"] == {"odd": value}
    assert ask(f"{at}/cookies/set?a%0D%0AX=1").status == 400


def test_logins_let_in_who_knows(at: str) -> None:
    right = {"Authorization": "Basic " + base64.b64encode(b"ann:pw").decode()}
    assert ask(f"{at}/basic-auth/ann/pw", fields=right).json == {"authenticated": True, "user": "ann"}
    refused = ask(f"{at}/basic-auth/ann/other", fields=right)
    assert (refused.status, refused.fields["WWW-Authenticate"]) == (401, 'Basic realm="Fake Realm"')
    assert ask(f"{at}/hidden-basic-auth/ann/pw").status == 404
    assert ask(f"{at}/hidden-basic-auth/ann/pw", fields=right).status == 200
    assert ask(f"{at}/bearer", fields={"Authorization": "Bearer t"}).json == {"authenticated": True, "token": "t"}
    assert ask(f"{at}/bearer").status == 401


@pytest.mark.stranger("curl")
@pytest.mark.parametrize("path", ["auth/ann/pw", "auth/ann/pw/SHA-256", "none/ann/pw"])
def test_curl_proves_itself_by_digest(at: str, stranger: Callable[[str], str], path: str) -> None:
    def got(who: str) -> bytes:
        words = [stranger("curl"), "-s", "--digest", "-u", who, f"{at}/digest-auth/{path}"]
        return subprocess.run(words, capture_output=True, timeout=15, check=True).stdout

    assert json.loads(got("ann:pw")) == {"authenticated": True, "user": "ann"}
    assert got("ann:wrong") == b""
    assert got("bob:pw") == b""


def test_caching_is_answered(at: str) -> None:
    first = ask(f"{at}/cache")
    assert first.json["url"] == f"{at}/cache"
    assert ask(f"{at}/cache", fields={"If-None-Match": first.fields["ETag"]}).status == 304
    assert ask(f"{at}/cache", fields={"If-Modified-Since": first.fields["Last-Modified"]}).status == 304
    assert ask(f"{at}/cache/60").fields["Cache-Control"] == "public, max-age=60"
    assert ask(f"{at}/etag/x", fields={"If-None-Match": '"x"'}).status == 304
    assert ask(f"{at}/etag/x", fields={"If-Match": '"y"'}).status == 412
    named = ask(f"{at}/response-headers?X-A=1&X-A=2&Content-Length=9")
    assert named.fields.get_all("X-A") == ["1", "2"]
    told: dict[str, Any] = {
        "X-A": ["1", "2"],
        "Content-Type": "application/json",
        "Content-Length": named.fields["Content-Length"],
    }
    assert named.json == told
    assert int(told["Content-Length"]) == len(named.content)
    typed = ask(f"{at}/response-headers?Content-Type=text/plain%3B%20charset%3DUTF-8")
    assert typed.fields.get_all("Content-Type") == ["text/plain; charset=UTF-8"]
    assert ask(f"{at}/response-headers?X-A=%0D%0AX-B:1").status == 400


def test_codings_can_be_undone(at: str) -> None:
    squeezed = ask(f"{at}/gzip")
    assert (squeezed.fields["Content-Encoding"], json.loads(gzip.decompress(squeezed.content))["gzipped"]) == (
        "gzip",
        True,
    )
    assert json.loads(zlib.decompress(ask(f"{at}/deflate").content))["deflated"] is True


@pytest.mark.stranger("curl")
def test_curl_undoes_brotli(at: str, stranger: Callable[[str], str]) -> None:
    words = [stranger("curl"), "-sS", "--compressed", "-H", "X-Long: " + "x" * 3000, f"{at}/brotli"]
    about = json.loads(subprocess.run(words, capture_output=True, timeout=15, check=True).stdout)
    assert (about["brotli"], len(about["headers"]["X-Long"])) == (True, 3000)


def test_documents_have_their_types(at: str) -> None:
    kinds = {
        path: ask(at + path).fields.get_content_type() for path in ("/html", "/json", "/xml", "/robots.txt", "/deny")
    }
    assert list(kinds.values()) == ["text/html", "application/json", "application/xml", "text/plain", "text/plain"]
    assert b"Disallow: /probe/deny" in ask(f"{at}/probe/robots.txt").content


def test_pictures_come_in_the_format_asked_for(at: str) -> None:
    assert ask(f"{at}/image/png").content.startswith(b"\x89PNG\r\n")
    assert ask(f"{at}/image/jpeg").content[:3] == b"\xff\xd8\xff"
    assert ask(f"{at}/image/webp").content[8:12] == b"WEBP"
    assert ask(f"{at}/image/bmp").status == 404
    kinds = [ask(f"{at}/image", fields={"Accept": given}).fields["Content-Type"] for given in ("image/webp,*/*", "*/*")]
    assert kinds == ["image/webp", "image/png"]
    assert ask(f"{at}/image", fields={"Accept": "text/plain"}).status == 406


@pytest.mark.stranger("chromium")
def test_a_browser_can_see_each_picture(at: str, stranger: Callable[[str], str], tmp_path: Path) -> None:
    page = "<body><script>const n=[];for(const f of ['png','svg','jpeg','webp']){const i=new Image();i.onload="
    page += f"()=>{{n.push(f+i.width);document.title=n.sort().join()}};i.src='{at}/image/'+f}}</script></body>"
    (tmp_path / "page.html").write_text(page, "utf-8")
    words = [stranger("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"]
    words += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "page.html").as_uri()]
    shown = subprocess.run(words, capture_output=True, timeout=60, check=True).stdout
    assert b"<title>jpeg16,png16,svg16,webp16</title>" in shown


def test_every_probe_is_in_the_reference() -> None:
    from tests.test_docs import ROOT

    text = (ROOT / "docs" / "reference" / "probes.md").read_text("utf-8")
    paths = {service.route.partition(" ")[2].removesuffix("/{path...}") for service in offer(Context(time.time))}
    own = {path for path in paths if not path.startswith("/probe/")}
    assert {path for path in own if f"`{path}`" not in text} == set()


def test_up_has_them_below_probe(tmp_path: Any) -> None:
    from tests.programs import running

    with running(tmp_path, "up", "--only", "http") as program:
        at = f"http://127.0.0.1:{program.port('http', 'http')}"
        assert ask(f"{at}/probe/status/418").status == 418
        assert ask(f"{at}/get").status == 404
