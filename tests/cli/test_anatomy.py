"""`log show --anatomy` and `call -v`: what a person sees of two messages."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest
from tests.programs import run, running
from tests.sockets import read_all


def test_both_verbs_take_messages_apart(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "http://:0", "--do", "hello") as program:
        port = program.port("hello", "http")
        called = run(tmp_path, "call", f"http://127.0.0.1:{port}/a", "-v")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost : \x1b[31m\r\n\r\n")
            read_all(sock)
    assert called.returncode == 0
    assert called.stdout.startswith("GET /a HTTP/1.1\r\n")
    for said in (
        "= method GET, request-target /a, version HTTP/1.1",
        ": whom the request is for",
        ": the head ends here",
        "= version HTTP/1.1, status code 200, reason OK",
        "12 B; its end was known by Content-Length",
    ):
        assert said in called.stderr
    shown = run(tmp_path, "log", "show", "1", "--anatomy").stdout
    assert "= method GET, request-target /a, version HTTP/1.1" in shown
    assert shown.index("request\n") < shown.index("response\n")
    assert "12 B; its end was known by Content-Length" in shown
    broken = run(tmp_path, "log", "show", "2", "--anatomy")
    assert "(RFC 9112, 5.1)" in broken.stdout
    assert "\x1b" not in broken.stdout
    assert "status code 400" in broken.stdout
    about = json.loads(run(tmp_path, "log", "show", "1", "--anatomy", "--json").stdout)
    assert about["requests"][0]["lines"][0]["parts"]["method"] == "GET"
    assert about["responses"][0]["content"]["known_by"] == "length"


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nonly this", ["| only this", "after 9 of 20 bytes"]),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nz\x1b\r\n",
            ["| hiz\\x1b", "is not the size of a chunk (RFC 9112, 7.1)"],
        ),
        (b"HTTP/1.1 200 OK\r\nA : \x00", ["field       A : \\x00", "the blank line that ends the head is missing"]),
    ],
)
def test_what_came_is_shown_where_it_is_not_whole(tmp_path: Path, answer: bytes, shown: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                with listening.accept()[0] as sock:
                    sock.recv(65536)
                    sock.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        words = ("call", f"http://127.0.0.1:{listening.getsockname()[1]}/a", "-v")
        done, as_json = run(tmp_path, *words), run(tmp_path, *words, "--json")
        thread.join()
    assert (done.returncode, as_json.returncode) == (5, 5)
    for said in ("= method GET, request-target /a, version HTTP/1.1", *shown):
        assert said in done.stderr
    assert "\x1b" not in done.stderr
    request, response = json.loads(as_json.stdout.splitlines()[0])["anatomy"]
    assert (request["kind"], response["kind"]) == ("request", "response")
    assert response["wrong"]


def test_what_is_no_http_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "udp://:0", "--do", "echo") as program:
        run(tmp_path, "call", f"udp://127.0.0.1:{program.port('echo', 'udp')}", "x")
    done = run(tmp_path, "log", "show", "1", "--anatomy")
    assert (done.returncode, "not HTTP or SMTP" in done.stderr) == (1, True)


def test_mail_is_taken_apart_as_well(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "smtp://:0", "--do", "mailsink", "--mailbox", "memory") as program:
        port = program.port("mailsink", "smtp")
        url = f"smtp://127.0.0.1:{port}?starttls=no"
        called = run(tmp_path, "call", url, "from=a@b", "to=c@d", "subject=Тема", "body=.x", "-v")
        spoken = run(tmp_path, "call", url, "to=c@d", "body=y", "-v", "--json")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(b"EHLO x\nEHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n\x1b[31m\r\n\r\nhalf")
            sock.shutdown(socket.SHUT_WR)
            read_all(sock)
    assert called.stdout.startswith("250 ")
    for words in (
        "> MAIL FROM:<a@b>",
        ": a mail begins: its reverse-path",
        ": done; 2.1.5: the forward-path is good",
        "> Subject: =?utf-8?",
        ": what it is about",
    ):
        assert words in called.stderr
        assert words in run(tmp_path, "log", "show", "1", "--anatomy").stdout
    steps = json.loads(spoken.stdout)["dialogue"]
    assert [step["kind"] for step in steps][:3] == ["reply", "command", "reply"]
    assert spoken.stderr == ""
    broken = run(tmp_path, "log", "show", "3", "--anatomy")
    assert "RFC 5321, 2.3.8" in broken.stdout
    assert "its end is not here" in broken.stdout
    assert "\x1b" not in broken.stdout
    about = json.loads(run(tmp_path, "log", "show", "1", "--anatomy", "--json").stdout)
    assert about["dialogue"][0]["lines"][0]["parts"]["reply code"] == "220"

    one = run(tmp_path, "log", "export", "id:1", "--as", "eml")
    several = run(tmp_path, "log", "export", "proto:smtp", "--as", "eml")
    assert one.stdout.replace("\r\n", "\n").endswith("\n\n.x\n")
    assert (several.returncode, "-o FOLDER/" in several.stderr) == (2, True)
    folder = tmp_path / "mails"
    assert run(tmp_path, "log", "export", "--as", "eml", "-o", f"{folder}/").returncode == 0
    assert sorted(file.name for file in folder.iterdir()) == ["1-1.eml", "2-1.eml", "3-1.cut.eml"]
    assert (folder / "3-1.cut.eml").read_bytes() == b"\x1b[31m\r\n\r\nhalf"
