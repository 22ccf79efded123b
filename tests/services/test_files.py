"""What is answered for a file, and that nothing outside the folder ever is."""

from __future__ import annotations

import gzip
import os
import resource
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from sockwright.binding import attempt
from sockwright.conversation import Invoke
from sockwright.errors import ConfigError
from sockwright.services import Context, offered
from sockwright.services.files import STEP, Files, Options
from sockwright.wire.exchange import JOINED, FilePart, Request, Response
from sockwright.wire.http1 import read_response_head

OLD = 1_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    (root / "docs" / ".git").mkdir(parents=True)
    (tmp_path / "site-secret").mkdir()  # the same prefix
    (tmp_path / "site-secret" / "key.txt").write_text("secret")
    (tmp_path / "key.txt").write_text("secret")
    put(root / "a.txt", b"hello")
    put(root / "docs" / "index.html", b"<p>docs</p>")
    put(root / "привет мир.txt", "здравствуй".encode())
    put(root / ".env", b"secret")
    put(root / "docs" / ".git" / "config", b"secret")
    return root


def put(path: Path, content: bytes, when: int = OLD) -> None:
    path.write_bytes(content)
    os.utime(path, (when, when))


def made(root: Path, now: float = 0.0, **options: object) -> Files:
    return Files(str(root), Options(**options), lambda: now or time.time() + 2 * STEP)  # type: ignore[arg-type]


def ask(files: Files, target: str, method: str = "GET", fields: Mapping[str, str] | None = None) -> Response:
    answer = files.handle(Request.to(target, method, fields or {}))
    if isinstance(answer, Invoke):
        answer = attempt(answer.service, answer.batch[0])
    assert isinstance(answer, Response)
    return answer


def content(response: Response) -> bytes:
    """Return all content; closes the files it stands in."""
    data = response.content
    closing = set()
    for part in response.parts:
        if isinstance(part, FilePart):
            data += os.pread(part.file, part.count, part.offset)
            closing.add(part.file)
        else:
            data += part
    for file in closing:
        os.close(file)
    return bytes(data)


def field(response: Response, name: str) -> str:
    return read_response_head(b"HTTP/1.1 200 OK\r\n" + response.lines + b"\r\n").fields.get(name)


def test_a_file_comes_with_type_tag_and_time(site: Path) -> None:
    answer = ask(made(site), "/a.txt")
    assert (answer.status, content(answer)) == (200, b"hello")
    assert field(answer, "content-type") == "text/plain; charset=utf-8"
    assert field(answer, "last-modified") == "Sun, 09 Sep 2001 01:46:40 GMT"
    assert field(answer, "etag").startswith('"')
    assert field(answer, "x-content-type-options") == "nosniff"


def test_names_are_percent_encoded_utf8(site: Path) -> None:
    answer = ask(made(site), "/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82%20%D0%BC%D0%B8%D1%80.txt")
    assert content(answer).decode() == "здравствуй"


@pytest.mark.parametrize(
    "target",
    [
        "/../key.txt",
        "/%2e%2e/key.txt",
        "/%2E%2E%2Fkey.txt",
        "/docs/../../key.txt",
        "/docs/..%2f..%2fkey.txt",
        "/%252e%252e/key.txt",
        "/..%5ckey.txt",
        "/..\\key.txt",
        "/%c0%ae%c0%ae/key.txt",
        "/%c0%ae%c0%ae%c0%afkey.txt",
        "//key.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/./a.txt",
        "/docs//index.html",
        "/../site-secret/key.txt",
        "/C:/key.txt",
        "/.env",
        "/%2eenv",
        "/docs/.git/config",
        "/docs/.git/",
        "/a.txt/",
        "/a.txt/x",
        "/" + "a" * 300,
        "/nothing",
    ],
)
def test_nothing_else_is_found(site: Path, target: str) -> None:
    answer = ask(made(site), target)
    assert answer.status == 404
    assert content(answer) == f"there is nothing at {Request.to(target).path[:200]}\n".encode()


def test_hidden_files_are_served_where_that_is_asked_for(site: Path) -> None:
    assert content(ask(made(site, all=True), "/.env")) == b"secret"
    assert ask(made(site, all=True), "/docs/../.env").status == 404


def test_links_lead_to_what_is_inside_only(site: Path) -> None:
    (site / "in").symlink_to("docs/index.html")
    (site / "docs" / "up").symlink_to("../a.txt")
    (site / "absolute").symlink_to(site / "a.txt")
    (site / "folder").symlink_to("docs")
    (site / "out").symlink_to("../key.txt")
    (site / "sibling").symlink_to("../site-secret")
    (site / "root").symlink_to("/")
    (site / "loop").symlink_to("loop")
    (site / "dot").symlink_to(".env")
    (site / "back").symlink_to("docs/../../key.txt")
    files = made(site)
    assert [ask(files, path).status for path in ("/in", "/docs/up", "/absolute", "/folder/")] == [200] * 4
    out = ("/out", "/sibling/key.txt", "/root/etc/passwd", "/loop", "/dot", "/back", "/root/")
    assert [ask(files, path).status for path in out] == [404] * 7


def test_a_cached_file_that_becomes_a_link_out_is_not_followed(site: Path) -> None:
    files = made(site)
    assert content(ask(files, "/a.txt")) == b"hello"
    (site / "a.txt").unlink()
    (site / "a.txt").symlink_to("../key.txt")
    assert ask(files, "/a.txt").status == 404


def test_neither_fifo_nor_socket_holds_anything_up(site: Path) -> None:
    os.mkfifo(site / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(site, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{here}/sock")
        os.close(here)
        files = made(site)
        assert [ask(files, path).status for path in ("/fifo", "/sock")] == [404, 404]


def test_a_change_is_seen_at_once(site: Path) -> None:
    files = made(site)
    assert content(ask(files, "/a.txt")) == b"hello"
    again = Request.to("/a.txt")
    assert files.handle(again) is files.handle(again)  # what is remembered is in use
    put(site / "a.txt", b"HELLO")  # the same size and time
    assert content(ask(files, "/a.txt")) == b"HELLO"
    (site / "a.txt").unlink()
    assert ask(files, "/a.txt").status == 404


def test_what_changed_just_now_is_not_cached(site: Path) -> None:
    put(site / "a.txt", b"one", int(time.time()))
    files = made(site, now=time.time())
    again = Request.to("/a.txt")
    assert files.handle(again) is not files.handle(again)


def test_one_look_serves_a_turn_and_no_longer(site: Path) -> None:
    files = made(site)
    again = Request.to("/a.txt")
    again.now = 1.0
    assert content(ask_again(files, again)) == b"hello"
    assert content(ask_again(files, again)) == b"hello"
    put(site / "a.txt", b"HELLO")
    assert content(ask_again(files, again)) == b"hello", "all of this turn had come before the change"
    again.now = 2.0
    assert content(ask_again(files, again)) == b"HELLO"


def ask_again(files: Files, request: Request) -> Response:
    answer = files.handle(request)
    assert isinstance(answer, Response)
    return answer


def test_a_large_file_is_opened_anew_and_known_again(site: Path) -> None:
    put(site / "big", b"x" * (JOINED + 1))
    files = made(site)
    again = Request.to("/big")
    first, second = ask_again(files, again), ask_again(files, again)
    assert second.lines == first.lines
    assert content(first) == content(second) == b"x" * (JOINED + 1)
    put(site / "big", b"y" * (JOINED + 2))
    third = ask_again(files, again)
    assert (third.length, content(third)) == (JOINED + 2, b"y" * (JOINED + 2))
    (site / "big").unlink()
    (site / "big").symlink_to("../key.txt")
    assert ask_again(files, again).status == 404
    (site / "big").unlink()
    os.mkfifo(site / "big")
    assert ask_again(files, again).status == 404


def test_a_folder_without_its_slash_is_redirected(site: Path) -> None:
    answer = ask(made(site), "/docs?x=1")
    assert (answer.status, field(answer, "location")) == (301, "/docs/?x=1")
    assert content(ask(made(site), "/docs/")) == b"<p>docs</p>"


def test_conditions_and_ranges(site: Path) -> None:
    put(site / "big", bytes(range(256)) * 1024)
    files = made(site)
    whole = ask(files, "/big")
    assert len(content(whole)) == 262_144 > JOINED
    tag = field(whole, "etag")
    assert ask(files, "/big", fields={"If-None-Match": tag}).status == 304
    assert (
        ask(files, "/a.txt", fields={"If-Modified-Since": field(ask(files, "/a.txt"), "last-modified")}).status == 304
    )
    part = ask(files, "/big", fields={"Range": "bytes=-2"})
    assert (part.status, content(part)) == (206, b"\xfe\xff")
    assert field(part, "content-range") == "bytes 262142-262143/262144"
    several = ask(files, "/big", fields={"Range": "bytes=0-1,4-5"})
    kind = field(several, "content-type")
    boundary = kind.partition("boundary=")[2].encode()
    assert kind.startswith("multipart/byteranges")
    data = content(several)
    assert len(data) == several.length
    assert data.count(b"--" + boundary) == 3
    assert b"\r\n\r\n\x00\x01\r\n" in data
    assert b"\r\n\r\n\x04\x05\r\n" in data
    none = ask(files, "/big", fields={"Range": "bytes=999999-"})
    assert (none.status, field(none, "content-range")) == (416, "bytes */262144")
    head = ask(files, "/big", "HEAD", {"Range": "bytes=0-1"})
    assert (head.status, head.length) == (200, 262_144)
    content(head)


def test_text_is_compressed_for_who_takes_it(site: Path) -> None:
    put(site / "long.txt", b"word " * 1000)
    files = made(site)
    for _ in range(2):  # by a worker, then from what was kept
        answer = ask(files, "/long.txt", fields={"Accept-Encoding": "gzip, br"})
        assert gzip.decompress(content(answer)) == b"word " * 1000
        assert field(answer, "content-encoding") == "gzip"
        assert field(answer, "vary") == "Accept-Encoding"
    again = ask(files, "/long.txt", fields={"Accept-Encoding": "gzip", "If-None-Match": field(answer, "etag")})
    assert again.status == 304
    plain = ask(files, "/long.txt")
    assert (content(plain), field(plain, "content-encoding")) == (b"word " * 1000, "")
    assert field(plain, "etag") != field(answer, "etag")
    assert content(ask(files, "/a.txt", fields={"Accept-Encoding": "gzip"})) == b"hello"  # does not pay


def test_what_was_compressed_before_is_sent_unless_it_is_stale(site: Path) -> None:
    put(site / "app.js", b"x" * 2000)
    put(site / "app.js.br", b"brotli")
    put(site / "app.js.gz", b"gzip", OLD - 1)
    files = made(site)
    answer = ask(files, "/app.js", fields={"Accept-Encoding": "br, gzip"})
    assert (content(answer), field(answer, "content-encoding")) == (b"brotli", "br")
    assert field(answer, "content-type") == "text/javascript; charset=utf-8"
    stale = ask(files, "/app.js", fields={"Accept-Encoding": "gzip"})
    assert gzip.decompress(content(stale)) == b"x" * 2000


def test_a_listing_shows_names_as_text_and_sorts(site: Path) -> None:
    put(site / "<script>alert(1)<", b"")
    put(site / "javascript:alert(1)", b"1" * 3000)
    put(site / "\u202etxt.exe", b"")
    (site / os.fsdecode(b"\xff\x1b[31m")).write_bytes(b"")
    text = content(ask(made(site), "/")).decode()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;" in text
    assert 'href="javascript' not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert 'href="./%FF%1B%5B31m"' in text
    assert ".env" not in text
    assert "привет мир.txt" in text
    sizes = content(ask(made(site), "/?sort=size&order=down")).decode()
    assert sizes.index("docs/") < sizes.index("javascript:alert") < sizes.index("a.txt")
    assert field(ask(made(site), "/"), "content-security-policy").startswith("default-src 'none'")


def test_an_application_page_stands_for_its_own_paths(site: Path) -> None:
    put(site / "index.html", b"app")
    files = made(site, spa=True)
    assert content(ask(files, "/users/7", fields={"Accept": "text/html,*/*"})) == b"app"
    assert ask(files, "/missing.js", fields={"Accept": "*/*"}).status == 404
    assert ask(files, "/%2e%2e/key.txt").status == 404
    assert ask(made(site), "/users/7").status == 404
    again = Request.to("/users/7")
    assert content(ask_again(files, again)) == b"app"
    (site / "users").mkdir()
    put(site / "users" / "7", b"there now")
    assert content(ask_again(files, again)) == b"there now"


def test_a_password_is_wanted_where_one_is_set(site: Path) -> None:
    files = made(site, auth="ann:пароль")
    asked = ask(files, "/a.txt")
    assert (asked.status, field(asked, "www-authenticate")) == (401, 'Basic realm="files", charset="UTF-8"')
    right = "Basic YW5uOtC/0LDRgNC+0LvRjA=="
    assert content(ask(files, "/a.txt", fields={"Authorization": right})) == b"hello"
    for wrong in ("Basic YW5uOg==", "Bearer x", "Basic", "Basic \u0416"):
        assert ask(files, "/a.txt", fields={"Authorization": wrong}).status == 401
    assert ask(files, "/a.txt").status == 401  # not from the cache either


def test_a_browser_that_knows_us_by_a_foreign_name_reads_nothing(site: Path) -> None:
    browser = {"User-Agent": "Mozilla/5.0", "Host": "evil.example"}
    assert ask(made(site), "/a.txt", fields=browser).status == 403
    assert ask(made(site), "/a.txt", fields=browser | {"Host": "127.0.0.1:8888"}).status == 200
    assert ask(made(site, names=("evil.example",)), "/a.txt", fields=browser).status == 200
    assert ask(made(site), "/a.txt", fields={"Host": "any.example"}).status == 200  # no browser


def test_other_origins_may_read_where_that_is_asked_for(site: Path) -> None:
    assert field(ask(made(site), "/a.txt"), "access-control-allow-origin") == ""
    files = made(site, cors=True)
    assert field(ask(files, "/a.txt"), "access-control-allow-origin") == "*"
    assert files.preflight(Request.to("/a.txt", "OPTIONS")).status == 204


def test_no_descriptor_is_left_open(site: Path) -> None:
    files = made(site)
    (site / "out").symlink_to("../key.txt")
    before = len(os.listdir("/proc/self/fd"))
    for target in ("/a.txt", "/docs/", "/docs", "/", "/out", "/.env", "/nothing", "/docs/nothing/x"):
        for fields in ({}, {"Range": "bytes=0-1,3-4"}, {"If-None-Match": "*"}, {"Accept-Encoding": "gzip"}):
            content(ask(files, target, fields=fields))
    assert len(os.listdir("/proc/self/fd")) == before


def test_out_of_descriptors_is_not_taken_for_absence(site: Path) -> None:
    files = made(site)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        answer = ask(files, "/a.txt")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (answer.status, field(answer, "retry-after")) == (503, "1")


@pytest.mark.parametrize(("place", "said"), [("files:", "which folder"), ("files:/nowhere", "not there")])
def test_a_folder_must_be_there(place: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        offered(place, Context(time.time))
