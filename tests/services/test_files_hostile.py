"""Files as an adversary asks for them: over real sockets, in every spelling, while somebody changes what lies there."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.sockets import dial, read_all, until

from sockwright.endpoint import Peer, parse
from sockwright.wire.http1 import ResponseHead, ResponseReader
from sockwright.workbench import BenchThread, Posting

SECRET = b"SECRET-" * 5
BIG = bytes(range(256)) * 1024  # 256 KiB


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "site"
    (made / "docs").mkdir(parents=True)
    (made / "docs" / "a.txt").write_text("hello")
    (made / "big").write_bytes(BIG)
    (made / ".env").write_bytes(SECRET)
    (tmp_path / "site-secret").mkdir()  # the same prefix
    (tmp_path / "site-secret" / "key").write_bytes(SECRET)
    (tmp_path / "key").write_bytes(SECRET)
    return made


@pytest.fixture
def at(root: Path) -> Iterator[Peer]:
    with BenchThread() as bench:
        yield bench.serve("http://:0", f"files:{root}")
        assert not bench.troubles


class Answer:
    def __init__(self, data: bytes, method: str) -> None:
        reader = ResponseReader(method)
        parts = [*reader.feed(data), *reader.end_of_stream()]
        head = reader.head
        assert isinstance(head, ResponseHead)
        assert not head.defects
        self.status, self.fields = head.status, head.fields
        self.content = b"".join(part for part in parts if isinstance(part, bytes))
        self.behind = reader.rest

    def field(self, name: str) -> str:
        return self.fields.get(name)


def ask(peer: Peer, target: str | bytes, method: str = "GET", **fields: str) -> Answer:
    raw = target if isinstance(target, bytes) else target.encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()).encode()
    with dial(peer) as sock:
        sock.sendall(
            method.encode() + b" " + raw + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + lines + b"\r\n"
        )
        answer = Answer(read_all(sock), method)
    assert answer.behind == b""
    return answer


UPS = [
    "..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%25252e%25252e", "%c0%ae%c0%ae", "%c0.%c0.", "%e0%80%ae%e0%80%ae",
    "%f0%80%80%ae%f0%80%80%ae", "%uff0e%uff0e", "．．", "%EF%BC%8E%EF%BC%8E", "..%00", "..;", "....", "...", ". .",
    "..%20",
    "%2e%2e%3b", "\\..", "..\\", "..%5c", "%5c..", "..%c0%af", "..%255c", "..%252f", "..%2f", "%2f..", "..//", ".//..",
    "C:", "C%3A", "\\\\host\\share", "%5c%5chost%5cshare", "file:", "~root", "%7eroot", "proc", "",
]  # fmt: skip
TARGETS = [f"/{before}{up}/{after}" for up in UPS for before in ("", "docs/") for after in ("key", "site-secret/key")]
TARGETS += [f"/docs/{up}/{up}/key" for up in UPS] + [f"/{up}/{up}/{up}/{up}/{up}/etc/passwd" for up in UPS]
TARGETS += [
    "//key",
    "///key",
    "/%2fkey",
    "/%2Fetc/passwd",
    "//etc/passwd",
    "/.env",
    "/%2eenv",
    "/docs/%2e%2e/.env",
    "/./.env",
]
TARGETS += [
    "/docs/a.txt%00",
    "/docs/a.txt%00.html",
    "/key%00/../docs/a.txt",
    "/docs/a.txt/",
    "/docs/a.txt/..",
    "/con",
    "/nul",
]
TARGETS += [
    "http://localhost/../key",
    "http://localhost/%2e%2e/key",
    "http://localhost//key",
    "/?/../key",
    "/docs/?../../key",
]


def test_nothing_outside_is_served_in_any_spelling(at: Peer) -> None:
    for target in TARGETS:
        raw = target.encode()
        answer = ask(at, raw)
        assert SECRET[:8] not in answer.content, target
        assert b"root:" not in answer.content, target
        assert answer.status in (400, 404) or target.startswith(("/?", "/docs/?")), target
        assert "location" not in answer.fields, target


def test_raw_bytes_in_a_target_name_nothing(at: Peer) -> None:
    for code in [*range(33), 127, *range(128, 256)]:
        for target in (b"/%b" % bytes([code]), b"/..%b/key" % bytes([code]), b"/docs/a.txt%b" % bytes([code])):
            with dial(at) as sock:
                sock.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = read_all(sock)
            assert answer[9:12] in (b"400", b"404"), target
            assert SECRET[:8] not in answer


@pytest.mark.stranger("curl")
def test_curl_as_it_is_gets_nothing_either(at: Peer, stranger: Callable[[str], str]) -> None:
    words = [stranger("curl"), "-sS", "--path-as-is", "-g", "-w", "%{http_code}\n"]
    for target in [*UPS[:20], "../../../../../../etc/passwd", "docs/../../key", "docs/%2e%2e/%2e%2e/key"]:
        words += ["-o", "-", f"http://127.0.0.1:{at.port}/{target.replace('．', '%EF%BC%8E').replace(' ', '%20')}/key"]
    shown = subprocess.run(words, capture_output=True, timeout=60, check=True).stdout
    assert SECRET[:8] not in shown
    assert b"root:" not in shown
    assert shown.count(b"\n404\n") + shown.count(b"\n400\n") == 23


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/..", "//evil.example/%2e%2e", "//evil.example/docs", "/\\evil.example/docs",
        "/%5cevil.example/docs",
        "//docs", "///docs", "/%2fevil.example/docs", "/docs//", "//evil.example%2fdocs", "/%09/evil.example/docs",
        "http://evil.example/docs", "http://evil.example//docs", "/docs", "/docs?//evil.example", "/docs?\\evil",
    ],
)  # fmt: skip
def test_nobody_is_sent_away(at: Peer, target: str) -> None:
    answer = ask(at, target)
    place = answer.field("location")
    if answer.status == 301:
        assert place.startswith("/docs/"), place
    else:
        assert answer.status in (400, 404)
        assert place == ""


@pytest.mark.parametrize("bad", ["%0d%0aX-Evil:%201", "%0aX-Evil:1", "%0d", "%E5%98%8A%E5%98%8DX-Evil:1", "%00"])
def test_no_field_comes_in_by_the_target(at: Peer, root: Path, bad: str) -> None:
    if "%00" not in bad:
        os.mkdir(os.fsencode(root) + b"/" + os.fsencode("d" + bad.replace("%20", " ")))
    for target in (f"/{bad}", f"/docs{bad}", f"/docs?{bad}", f"/d{bad}"):
        answer = ask(at, target)
        assert "x-evil" not in answer.fields
        assert "\r" not in answer.field("location")


# -- what lies there


def test_neither_pipes_nor_devices_nor_sockets_hold_anything_up(at: Peer, root: Path) -> None:
    os.mkfifo(root / "pipe")
    os.mkfifo(root / "docs" / "index.html")
    (root / "null").symlink_to("/dev/null")
    (root / "zero").symlink_to("/dev/zero")
    names = ["pipe", "null", "zero"]
    try:
        os.mknod(root / "device", 0o020666, os.makedev(1, 5))
        names.append("device")
    except PermissionError:  # for root only
        pass
    assert [ask(at, f"/{name}").status for name in names] == [404] * len(names)
    assert ask(at, "/docs/").status == 200, "a listing, since the pipe is no page"
    assert b"pipe" not in ask(at, "/").content


def test_a_link_out_is_not_followed_whatever_it_is_called(at: Peer, root: Path) -> None:
    (root / "out").symlink_to(root.parent / "key")
    (root / "up").symlink_to("..")
    (root / "docs" / "up").symlink_to("../..")
    (root / "page").mkdir()
    (root / "page" / "index.html").symlink_to("../../key")
    (root / "squeezed.txt").write_text("x" * 2000)
    (root / "squeezed.txt.gz").symlink_to("../key")
    for target in ("/out", "/up/key", "/docs/up/key", "/up/site-secret/key", "/page/", "/page/index.html"):
        answer = ask(at, target)
        assert (answer.status == 404 or target == "/page/", SECRET[:8] in answer.content) == (True, False), target
    assert SECRET[:8] not in ask(at, "/squeezed.txt", Accept_Encoding="gzip").content


def test_a_folder_that_becomes_a_link_meanwhile_leads_nobody_out(at: Peer, root: Path) -> None:
    """The race between looking and opening: a parent is exchanged for a link out, over and over."""
    (root / "turn").mkdir()
    (root / "turn" / "key").write_text("harmless")
    (root / "other").symlink_to("..")
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            os.rename(root / "turn", root / "spare")
            os.rename(root / "other", root / "turn")
            os.rename(root / "turn", root / "other")
            os.rename(root / "spare", root / "turn")

    thread = threading.Thread(target=exchange)
    thread.start()
    seen = set()
    try:
        with dial(at) as sock:
            for _ in range(30):
                sock.sendall(b"GET /turn/key HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
                reader, left = ResponseReader(), 20
                while left:
                    data = sock.recv(65536)
                    assert data
                    while left and data:
                        parts = reader.feed(data)
                        assert not any(SECRET[:8] in part for part in parts if isinstance(part, bytes))
                        data = b""
                        if reader.done:
                            assert reader.head is not None
                            seen.add(reader.head.status)
                            data, reader, left = reader.rest, ResponseReader(), left - 1
    finally:
        stop.set()
        thread.join()
    assert seen == {200, 404}, "both were met, else nothing was tried"


# -- ranges, conditions, ends


def test_ranges_are_what_rfc_9110_says(at: Peer) -> None:
    whole = ask(at, "/big")
    tag, when = whole.field("etag"), whole.field("last-modified")
    size = len(BIG)
    cases: list[tuple[dict[str, str], int, bytes]] = [
        ({"Range": "bytes=0-0"}, 206, BIG[:1]),
        ({"Range": "bytes=5-9"}, 206, BIG[5:10]),
        ({"Range": "bytes=-5"}, 206, BIG[-5:]),
        ({"Range": f"bytes={size - 1}-"}, 206, BIG[-1:]),
        ({"Range": "bytes=10-99999999999"}, 206, BIG[10:]),
        ({"Range": "bytes=-99999999999"}, 206, BIG),
        ({"Range": "BYTES=0-1"}, 206, BIG[:2]),
        ({"Range": f"bytes={size}-"}, 416, b""),
        ({"Range": "bytes=-0"}, 416, b""),
        ({"Range": "bytes=9-5"}, 200, BIG),
        ({"Range": "bytes=a-b"}, 200, BIG),
        ({"Range": "bytes=0-1-2"}, 200, BIG),
        ({"Range": "bytes="}, 200, BIG),
        ({"Range": "lines=0-1"}, 200, BIG),
        ({"Range": "bytes=٠-١"}, 200, BIG),
        ({"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(9))}, 200, BIG),
        ({"Range": "bytes=" + "0-," * 2000 + "0-"}, 200, BIG),
        ({"Range": "bytes=0-1", "If_Range": tag}, 206, BIG[:2]),
        ({"Range": "bytes=0-1", "If_Range": when}, 206, BIG[:2]),
        ({"Range": "bytes=0-1", "If_Range": '"other"'}, 200, BIG),
        ({"Range": "bytes=0-1", "If_Range": "W/" + tag}, 200, BIG),
        ({"Range": "bytes=0-1", "If_Range": "Mon, 01 Jan 2001 00:00:00 GMT"}, 200, BIG),
        ({"Range": "bytes=0-1", "If_None_Match": tag}, 304, b""),
        ({"Range": f"bytes={size}-", "If_None_Match": tag}, 304, b""),
        ({"Range": "bytes=0-1", "If_Match": '"other"'}, 412, b""),
    ]
    for fields, status, content in cases:
        answer = ask(at, "/big", **fields)
        assert answer.status == status, fields
        if status in (200, 206):
            assert answer.content == content, fields
        if status == 206:
            assert answer.field("content-length") == str(len(content))
            assert answer.field("content-range").endswith(f"/{size}")
        if status == 416:
            assert answer.field("content-range") == f"bytes */{size}"
    several = ask(at, "/big", Range="bytes=0-1, 4-5 ,-2")
    kind = several.field("content-type")
    assert kind.startswith("multipart/byteranges; boundary=")
    parts = several.content.split(b"--" + kind.partition("boundary=")[2].encode())
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:4]] == [
        BIG[:2] + b"\r\n",
        BIG[4:6] + b"\r\n",
        BIG[-2:] + b"\r\n",
    ]
    assert parts[4] == b"--\r\n"
    assert several.field("content-length") == str(len(several.content))


def test_conditions_are_asked_in_their_order(at: Peer) -> None:
    first = ask(at, "/docs/a.txt")
    tag, when = first.field("etag"), first.field("last-modified")
    old = "Mon, 01 Jan 2001 00:00:00 GMT"
    cases = [
        ({"If_None_Match": tag}, 304),
        ({"If_None_Match": "W/" + tag}, 304),
        ({"If_None_Match": f'"x", {tag}'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"x"'}, 200),
        ({"If_Modified_Since": when}, 304),
        ({"If_Modified_Since": old}, 200),
        ({"If_Modified_Since": "yesterday"}, 200),
        ({"If_None_Match": '"x"', "If_Modified_Since": when}, 200),  # RFC 9110, 13.2.2: the tag alone counts
        ({"If_None_Match": tag, "If_Modified_Since": old}, 304),
        ({"If_Match": tag}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": "W/" + tag}, 412),
        ({"If_Unmodified_Since": old}, 412),
        ({"If_Match": tag, "If_Unmodified_Since": old}, 200),
    ]
    for fields, status in cases:
        for method in ("GET", "HEAD"):
            answer = ask(at, "/docs/a.txt", method, **fields)
            assert answer.status == status, (fields, method)
            if status == 304:
                assert answer.content == b""
                assert answer.field("etag") == tag
                assert "content-length" not in answer.fields


def test_head_tells_what_get_sends(at: Peer, root: Path) -> None:
    (root / "long.txt").write_text("word " * 1000)
    for target in ("/docs/a.txt", "/big", "/", "/docs", "/nowhere", "/long.txt"):
        for fields in ({}, {"Accept_Encoding": "gzip"}, {"Accept_Encoding": "br;q=0, *;q=0"}):
            got, headed = ask(at, target, **fields), ask(at, target, "HEAD", **fields)
            assert (got.status, headed.content) == (headed.status, b"")
            same = ("content-length", "content-type", "etag", "vary", "content-encoding", "location", "last-modified")
            assert [got.field(name) for name in same] == [headed.field(name) for name in same], target


def test_what_is_larger_than_two_gibibytes_is_no_other(at: Peer, root: Path) -> None:
    size = 5 * 1024**3 + 7
    with open(root / "huge", "wb") as file:
        file.truncate(size)
        file.seek(size - 5)
        file.write(b"there")
    assert ask(at, "/huge", "HEAD").field("content-length") == str(size)
    assert ask(at, "/huge", Range="bytes=-5").content == b"there"
    assert ask(at, "/huge", Range=f"bytes={size - 3}-").field("content-range") == f"bytes {size - 3}-{size - 1}/{size}"
    with dial(at) as sock:
        sock.sendall(
            b"GET /huge HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes=2147483000-4300000000\r\n\r\n"
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(1000)
        left = 4300000000 - 2147483000 + 1 - len(head.partition(b"\r\n\r\n")[2])
        while left > 0 and (got := sock.recv(left, socket.MSG_TRUNC)):  # nobody needs to see these
            assert got
            left -= len(got)
        assert left == 0


def test_a_file_that_grows_while_it_is_sent_is_as_long_as_it_was_said_to_be(at: Peer, root: Path) -> None:
    (root / "log").write_bytes(b"x" * 20_000_000)
    with dial(at) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.sendall(b"GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = sock.recv(1000)
        with open(root / "log", "ab") as file:
            file.write(b"y" * 1_000_000)
        head, _, content = data.partition(b"\r\n\r\n")
        assert b"Content-Length: 20000000\r\n" in head + b"\r\n"
        came = len(content)
        while came < 20_000_000:
            part = sock.recv(1 << 20)
            assert part
            assert part.strip(b"x") == b""
            came += len(part)
        assert came == 20_000_000
        sock.sendall(b"GET /docs/a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert read_all(sock).endswith(b"hello")


def test_what_was_asked_for_over_tls_is_the_same(root: Path, tmp_path: Path) -> None:
    with BenchThread() as bench:
        peer = bench.serve("https://:0", f"files:{root}")
        import ssl

        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(dial(peer)) as sock:
            sock.sendall(b"GET /big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert Answer(read_all(sock), "GET").content == BIG
        until(lambda: not bench.troubles)
        assert parse("https://:0").tls


def test_flags_hold_over_the_wire(root: Path) -> None:
    (root / "index.html").write_text("<p>app</p>")
    name = f"files:{root}"
    settings = {name: {"all": True, "spa": True, "cors": True, "auth": "ann:pw"}}
    right = "Basic YW5uOnB3"
    with BenchThread() as bench:
        peer = bench.listen(Posting(parse("http://:0"), (name,), settings=settings)).server.addresses[0]
        for target in ("/", "/big", "/.env", "/nowhere", "/docs"):
            assert ask(peer, target).status == 401
        assert ask(peer, "/.env", Authorization=right).content == SECRET
        page = ask(peer, "/people/7", Authorization=right, Accept="text/html")
        assert (page.status, page.content) == (200, b"<p>app</p>")
        assert page.field("access-control-allow-origin") == "*"
        assert ask(peer, "/people/7.js", Authorization=right, Accept="*/*").status == 404
        assert ask(peer, "/../key", Authorization=right, Accept="text/html").status == 404
        asked = ask(peer, "/big", "OPTIONS", Origin="http://a.example", Access_Control_Request_Method="GET")
        assert (asked.status, asked.field("access-control-allow-origin")) == (204, "*")
        assert ask(peer, "/big", "DELETE", Authorization=right).status == 405
