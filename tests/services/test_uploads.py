"""Files that people send: whole under a safe name, or not at all; from curl, a browser's form and hostile sockets."""

from __future__ import annotations

import http.client
import os
import resource
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.programs import run, running
from tests.sockets import dial, read_all, until

from sockwright.endpoint import NOBODY, Peer, parse
from sockwright.services import folder, incoming
from sockwright.services.files import Files, Options
from sockwright.services.folder import Folder
from sockwright.services.incoming import LONGEST, Incoming, trouble_with
from sockwright.services.uploads import GRACE, Uploads
from sockwright.wire.exchange import Request, Response
from sockwright.workbench import BenchThread, Posting

LIMIT = 1024 * 1024


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    made = tmp_path / "inbox"
    (made / "sub").mkdir(parents=True)
    (made / "there.txt").write_text("old")
    (tmp_path / "outside").mkdir()
    return made


@pytest.fixture
def at(inbox: Path) -> Iterator[Peer]:
    with BenchThread() as bench:
        yield serve(bench, inbox)
        assert not bench.troubles


def serve(bench: BenchThread, inbox: Path, **more: Any) -> Peer:
    name = f"files:{inbox}"
    settings = {name: {"upload": True, "upload_limit": LIMIT, **more}}
    return bench.listen(Posting(parse("http://:0"), (name,), settings=settings)).server.addresses[0]


class Answer:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.fields, self.text = answer.status, answer.headers, answer.read().decode()


def ask(peer: Peer, method: str, target: str, content: bytes | Iterator[bytes] = b"", **fields: str) -> Answer:
    connection = http.client.HTTPConnection(peer.host, peer.port, timeout=15)
    try:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, target, content, headers, encode_chunked=not isinstance(content, bytes))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def form(*files: tuple[str, bytes]) -> tuple[bytes, str]:
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n%b\r\n' % (name.encode(), content)
        for name, content in files
    ]
    value = b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nno file\r\n'
    return value + b"".join(parts) + b"--x--\r\n", "multipart/form-data; boundary=x"


def names(inbox: Path) -> set[str]:
    """Return all there is, hidden or not."""
    return {str(path.relative_to(inbox)) for path in inbox.rglob("*")} - {"sub"}


def test_put_makes_a_file_and_overwrites_none(at: Peer, inbox: Path) -> None:
    made = ask(at, "PUT", "/sub/%D1%84%D0%B0%D0%B9%D0%BB.txt", "привет".encode())
    assert (made.status, made.text) == (201, "saved файл.txt (12 B)\n")
    assert made.fields["Location"] == "/sub/%D1%84%D0%B0%D0%B9%D0%BB.txt"
    assert (inbox / "sub" / "файл.txt").read_text("utf-8") == "привет"
    assert ask(at, "GET", made.fields["Location"]).text == "привет"
    again = ask(at, "PUT", "/there.txt", b"new")
    assert (again.status, (inbox / "there.txt").read_text()) == (409, "old")
    assert ask(at, "PUT", "/sub", b"new").status == 409
    assert ask(at, "PUT", "/empty", b"").status == 201
    assert (inbox / "empty").read_bytes() == b""
    assert ask(at, "PUT", "/chunked", iter([b"ab", b"cd"])).status == 201
    assert (inbox / "chunked").read_bytes() == b"abcd"


def test_a_form_gives_free_names(at: Peer, inbox: Path) -> None:
    content, kind = form(("there.txt", b"1"), ("there.txt", b"2"), ("C:\\temp\\файл.txt", b"3"), ("", b""))
    made = ask(at, "POST", "/", content, Content_Type=kind)
    assert (made.status, made.text) == (201, "saved there (2).txt (1 B), there (3).txt (1 B), файл.txt (1 B)\n")
    assert names(inbox) == {"there.txt", "there (2).txt", "there (3).txt", "файл.txt"}
    assert (inbox / "there.txt").read_text() == "old"
    browser = ask(at, "POST", "/sub/", form(("a b&c.txt", b"1"))[0], Content_Type=kind, Accept="text/html,*/*;q=0.8")
    assert (browser.status, browser.fields["Location"]) == (303, "/sub/?saved=a%20b%26c.txt")
    assert '<tr class="new"><td><a href="./a%20b%26c.txt">' in ask(at, "GET", browser.fields["Location"]).text
    assert ask(at, "POST", "/", form()[0], Content_Type=kind).status == 400
    assert ask(at, "POST", "/", content[:-20], Content_Type=kind).status == 400
    assert ask(at, "POST", "/", b"a=1", Content_Type="application/x-www-form-urlencoded").status == 415
    assert ask(at, "POST", "/", b"", Content_Type="multipart/form-data").status == 400
    assert ask(at, "POST", "/nowhere/", content, Content_Type=kind).status == 404
    assert ask(at, "POST", "/there.txt", content, Content_Type=kind).status == 404


BAD = [
    "..", "../up.txt", "%2e%2e/up.txt", "%2e%2e%2fup.txt", "..%5cup.txt", "sub/../../up.txt", "/up.txt", ".hidden",
    "%2ehidden", "sub/.git/config", "a%0Ab", "a%1B%5B31m", "a%E2%80%AEtxt.exe", "%FF", "con", "NUL.txt", "com1",
    "aux%20.txt", "a.", "a%20", "%20a", "C:up.txt", "a%3Ab", "a%7Cb", "sub%2fup.txt", "a" * 300, "%D0%B6" * 130,
    "sub/", "", "nowhere/a.txt", "there.txt/a.txt",
]  # fmt: skip


@pytest.mark.parametrize("path", BAD)
def test_bad_names_make_nothing(at: Peer, inbox: Path, path: str) -> None:
    before = names(inbox.parent)
    assert ask(at, "PUT", "/" + path, b"bad").status in (400, 404), path
    assert names(inbox.parent) == before


@pytest.mark.parametrize(
    "name", ["../up.txt", "..\\up.txt", "/etc/passwd", "sub/in.txt", ".hidden", "", "..", "nul", "a\x1b[31m", "\u202ea"]
)
def test_names_in_a_form_are_their_last_part_or_refused(at: Peer, inbox: Path, name: str) -> None:
    content, kind = form((name, b"x"))
    made = ask(at, "POST", "/sub/", content, Content_Type=kind)
    last = name.replace("\\", "/").rpartition("/")[2]
    good = bool(last) and not trouble_with(last)
    assert made.status == (201 if good else 400)
    assert "\x1b" not in made.text
    assert names(inbox) == ({"there.txt", f"sub/{last}"} if good else {"there.txt"})
    assert names(inbox.parent) - {f"inbox/{one}" for one in names(inbox)} == {"inbox", "outside", "inbox/sub"}


def test_links_lead_nobody_out(at: Peer, inbox: Path) -> None:
    (inbox / "out").symlink_to(inbox.parent / "outside")
    (inbox / "dead").symlink_to(inbox.parent / "outside" / "new.txt")
    (inbox / "in").symlink_to("sub")
    assert ask(at, "PUT", "/out/a.txt", b"x").status == 404
    assert ask(at, "PUT", "/dead", b"x").status == 409
    assert ask(at, "PUT", "/in/a.txt", b"x").status == 201
    assert list((inbox.parent / "outside").iterdir()) == []
    assert (inbox / "sub" / "a.txt").read_bytes() == b"x"


def test_who_may_not_is_told_before_the_content(at: Peer, inbox: Path) -> None:
    def refused(**fields: str) -> int:
        with dial(at) as sock:
            lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
            sock.sendall(f"PUT /a HTTP/1.1\r\n{lines}Content-Length: 900\r\nExpect: 100-continue\r\n\r\n".encode())
            answer = read_all(sock)
        assert b"100 Continue" not in answer
        return int(answer[9:12])

    host = f"127.0.0.1:{at.port}"
    assert refused(Host=host, Origin="http://evil.example") == 403
    assert refused(Host=host, Origin="null") == 403
    assert refused(Host=host, Sec_Fetch_Site="cross-site") == 403
    assert refused(Host="evil.example", Origin="http://evil.example") == 403
    assert names(inbox) == {"there.txt"}
    assert ask(at, "PUT", "/a", b"x", Origin=f"http://{host}", Sec_Fetch_Site="same-origin").status == 201


def test_a_password_is_wanted_for_writing_too(inbox: Path) -> None:
    with BenchThread() as bench:
        peer = serve(bench, inbox, auth="ann:pw")
        assert ask(peer, "PUT", "/a", b"x").status == 401
        assert ask(peer, "PUT", "/a", b"x", Authorization="Basic YW5uOnB3").status == 201
        content, kind = form(("b", b"x"))
        assert ask(peer, "POST", "/", content, Content_Type=kind).status == 401


def test_nothing_is_taken_where_nobody_asked_for_it(inbox: Path) -> None:
    with BenchThread() as bench:
        peer = bench.serve("http://:0", f"files:{inbox}")
        assert ask(peer, "PUT", "/a", b"x").status == 405
        assert ask(peer, "POST", "/", b"x").status == 405
        assert "<form" not in ask(peer, "GET", "/").text
    with BenchThread() as bench:
        assert "Up to 1 MiB at once" in ask(serve(bench, inbox), "GET", "/").text


# -- too much, too slow, broken off


@pytest.mark.parametrize("more", ["", "Expect: 100-continue\r\n"])
def test_a_gigabyte_for_a_mebibyte_is_refused_at_once(at: Peer, inbox: Path, more: str) -> None:
    with dial(at) as sock:
        sock.sendall(f"PUT /big HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n{more}\r\n".encode())
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert names(inbox) == {"there.txt"}


def test_a_gigabyte_in_chunks_is_refused_where_the_limit_is(at: Peer, inbox: Path) -> None:
    with dial(at) as sock:
        sock.sendall(b"PUT /big HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        answer = b""
        while sent < 1_000_000_000 and not answer:
            sock.settimeout(10)
            try:
                sock.sendall(piece)
            except OSError:
                break
            sent += len(piece)
            sock.settimeout(0.001)
            try:
                answer = sock.recv(4096)
            except TimeoutError:
                pass
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent < 30 * LIMIT
    until(lambda: names(inbox) == {"there.txt"})


def test_a_connection_cut_in_the_middle_leaves_nothing(inbox: Path) -> None:
    with BenchThread() as bench:
        peer = serve(bench, inbox)
        assert ask(peer, "PUT", "/first", b"x").status == 201  # what is opened once is open now
        (inbox / "first").unlink()
        before = len(os.listdir("/proc/self/fd"))
        for request in (
            b"PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 500_000,
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n"
            b'\r\n--x\r\nContent-Disposition: form-data; name="f"; filename="b"\r\n\r\n' + b"x" * 500_000,
        ):
            for end in (socket.SHUT_WR, None):
                with dial(peer) as sock:
                    sock.sendall(request)
                    if end is not None:
                        sock.shutdown(end)
                        assert read_all(sock).startswith(b"HTTP/1.1 400 ")
        until(lambda: len(os.listdir("/proc/self/fd")) <= before)
        assert names(inbox) == {"there.txt"}
        assert not bench.troubles


def test_a_name_that_is_taken_meanwhile_is_not_overwritten(at: Peer, inbox: Path) -> None:
    with dial(at) as sock:
        sock.sendall(b"PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        (inbox / "a").write_text("first")
        sock.sendall(b"second")
        assert sock.recv(1000).startswith(b"HTTP/1.1 409 ")
    assert (inbox / "a").read_text() == "first"
    assert names(inbox) == {"there.txt", "a"}


def test_two_at_once_never_mix(at: Peer, inbox: Path) -> None:
    answers: list[int] = []
    content = [bytes([65 + number]) * 300_000 for number in range(8)]
    threads = [
        threading.Thread(target=lambda one=one: answers.append(ask(at, "PUT", "/same", one).status)) for one in content
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201] + [409] * 7
    assert (inbox / "same").read_bytes() in content


class Slow:
    """A session whose peer drips."""

    peer, number = NOBODY, 1

    def __init__(self, about: Mapping[str, Any], pieces: Sequence[tuple[float, bytes | None]]) -> None:
        self.about = about
        self.now = 1_000_000.0
        self.said = b""
        self._pieces = list(pieces)

    def receive(self, wait: float | None = None) -> bytes | None:
        seconds, piece = self._pieces.pop(0)
        assert wait is not None
        self.now += min(seconds, wait)
        return piece if seconds <= wait else None

    def send(self, data: bytes) -> None:
        self.said += data

    def close(self) -> None: ...
    def wake(self) -> None: ...
    def watch(self, seconds: float) -> None: ...


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([(0.1, b"x" * 100), (GRACE + 1, b"")], b"408"),
        ([(1, b"x")] * 30, b"408"),
        ([(1, b"x" * 600)] * 30 + [(0, b"")], b"201"),
    ],
)
def test_who_drips_is_hung_up_on(inbox: Path, pieces: list[tuple[float, bytes | None]], status: bytes) -> None:
    request = Request.to("/a", "PUT")
    session = Slow({"request": request, "names": ["a"]}, pieces)
    Uploads(Folder(str(inbox)), lambda: session.now).put_now(session)
    assert session.said[9:12] == status
    assert names(inbox) == ({"there.txt"} if status == b"408" else {"there.txt", "a"})


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limit of a process is set from outside (Linux)")
@pytest.mark.parametrize("how", ["put", "form"])
def test_a_full_disk_is_507_and_leaves_nothing(tmp_path: Path, inbox: Path, how: str) -> None:
    with running(tmp_path, "serve", "http://:0", "--do", f"files:{inbox}", "--upload", "--no-journal") as program:
        # No file may grow beyond this: for who writes, it is as if the disk were full.
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (200_000, 200_000))
        peer = Peer("127.0.0.1", program.port(f"files:{inbox}", "http"))
        content, kind = form(("a.txt", b"good"), ("big", b"x" * 900_000))
        if how == "put":
            full = ask(peer, "PUT", "/big", b"x" * 900_000)
        else:
            full = ask(peer, "POST", "/", content, Content_Type=kind)
            assert "saved before: a.txt (4 B)" in full.text
        assert full.status == 507
        assert names(inbox) == ({"there.txt"} if how == "put" else {"there.txt", "a.txt"})
        assert ask(peer, "PUT", "/small", b"x").status == 201, "and the server lives"


def test_more_than_there_is_room_for_is_not_begun(inbox: Path) -> None:
    uploads = Uploads(Folder(str(inbox)), lambda: 0.0)
    request = Request.to("/a", "PUT", {"Content-Length": str(1 << 58)})
    answer = uploads.put(request, ["a"])
    assert isinstance(answer, Response)
    assert answer.status == 507


# -- systems that can less


@pytest.mark.parametrize("able", ["unnamed", "named", "paths"])
def test_arriving_works_wherever_it_runs(inbox: Path, able: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if able != "unnamed":
        monkeypatch.setattr(incoming, "_UNNAMED", 0)
    if able == "paths":
        monkeypatch.setattr(incoming, "BY_HAND", False)
        monkeypatch.setattr(folder, "BY_HAND", False)
    before = len(os.listdir("/proc/self/fd"))
    place = Folder(str(inbox))
    first = Incoming(place, ["sub"])
    first.write(b"half")
    hidden = [] if able == "unnamed" else [name for name in os.listdir(inbox / "sub") if name.startswith(".sockwright")]
    assert len(hidden) == (able != "unnamed")
    first.drop()
    assert names(inbox) == {"there.txt"}
    second = Incoming(place, [])
    second.write(b"whole")
    assert second.taken("there.txt")
    assert not second.taken("a.txt")
    assert second.keep("there.txt", other=True) == "there (2).txt"
    third = Incoming(place, [])
    with pytest.raises(FileExistsError):
        third.keep("there.txt")
    assert names(inbox) == {"there.txt", "there (2).txt"}
    assert (inbox / "there (2).txt").read_bytes() == b"whole"
    for wrong in (["nowhere"], ["there.txt"]):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            Incoming(place, wrong)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not incoming._arriving


def test_a_folder_is_a_page_where_the_system_opens_none(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "BY_HAND", False)
    files = Files(str(inbox), Options(), lambda: 0.0)
    answer = files.list_folder(Request.to("/"))
    assert b"there.txt" in answer.content
    redirect = files.handle(Request.to("/sub"))
    assert isinstance(redirect, Response)
    assert redirect.status == 301


def test_a_long_name_leaves_room_for_its_number(inbox: Path) -> None:
    name = "ж" * 125 + ".txt"
    assert trouble_with(name) == ""
    for _ in range(3):
        arriving = Incoming(Folder(str(inbox)), [])
        kept = arriving.keep(name, other=True)
        assert len(kept.encode()) <= LONGEST
        assert kept.endswith(".txt")
    assert len(names(inbox)) == 4


# -- strangers


@pytest.mark.stranger("curl")
def test_curl_uploads_and_memory_stays_flat(tmp_path: Path, inbox: Path, stranger: Callable[[str], str]) -> None:
    big = tmp_path / "big"
    with open(big, "wb") as file:
        for number in range(150):
            file.write(bytes([number]) * 1_000_000)
    words = ("--upload", "--upload-limit", "200MB")
    with running(tmp_path, "serve", "http://:0", "--do", f"files:{inbox}", *words) as program:
        url = f"http://127.0.0.1:{program.port(f'files:{inbox}', 'http')}/"

        def got(*words: str) -> str:
            done = subprocess.run([stranger("curl"), "-sS", *words], capture_output=True, timeout=60, check=True)
            return done.stdout.decode()

        def peak() -> int:
            status = Path(f"/proc/{program.process.pid}/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0]) * 1024

        before = peak()
        assert got("-T", str(big), url + "sub/") == "saved big (150,000,000 B)\n"
        assert got("-F", f"f=@{big};filename=файл", url) == "saved файл (150,000,000 B)\n"
        assert got("-H", "Transfer-Encoding: chunked", "-T", str(big), url + "c") == "saved c (150,000,000 B)\n"
        assert peak() - before < 60_000_000
        for name in ("sub/big", "файл", "c"):
            assert (inbox / name).read_bytes() == big.read_bytes()
        with open(big, "ab") as file:
            file.truncate(201_000_000)
        for more in (["-H", "Expect:"], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]):
            assert got(*more, "-o", "/dev/null", "-w", "%{http_code}", "-T", str(big), url + "more") == "413"
        until(lambda: names(inbox) == {"there.txt", "sub/big", "файл", "c"})


def test_flags_of_uploads_are_checked(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", "http://:0", "--do", "files:.", "--upload-limit", "1MB")
    assert (done.returncode, "--upload-limit is for --upload" in done.stderr) == (2, True)
    done = run(tmp_path, "serve", "http://:0", "--do", "files:.", "--upload", "--upload-limit", "much")
    assert (done.returncode, "not a size" in done.stderr) == (2, True)
    done = run(tmp_path, "serve", "http://:0", "--do", "hello", "--upload")
    assert (done.returncode, "--upload is for --do files:DIR" in done.stderr) == (2, True)
