"""The mail sink as a process, against strangers and against those who mean no good: what is kept, what is not, and
that everybody else is served meanwhile."""

from __future__ import annotations

import json
import os
import re
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.programs import Program, run, running
from tests.sockets import WAIT, dial, ended, read_all

from sockwright.endpoint import Peer, parse
from sockwright.stores.mailbox import MemoryMailbox, open_mailbox
from sockwright.workbench import BenchThread, Posting

ENVELOPE = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Program]:
    with running(tmp_path, "serve", "smtp://:0", "--do", "mailsink", "--quiet") as program:
        yield program


def port_of(program: Program) -> int:
    return program.port("mailsink", "smtp")


def peak(pid: int) -> int:
    """Return the most memory that a process ever had (bytes)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_mails_of_a_hundred_megabytes_cost_no_memory_and_hold_up_nobody(sink: Program) -> None:
    block = (b"x" * 998 + b"\r\n") * 1000
    with socket.create_connection(("127.0.0.1", port_of(sink)), timeout=WAIT) as sock:
        before = peak(sink.process.pid)
        sock.sendall(ENVELOPE)
        for n in range(100):
            sock.sendall(block)
            if n == 50:
                with smtplib.SMTP("127.0.0.1", port_of(sink), timeout=WAIT) as other:
                    assert other.sendmail("a@b", ["c@d"], "Subject: meanwhile\n\nx") == {}
        sock.sendall(b"\r\n.\r\nMAIL FROM:<a@b> SIZE=104857600\r\nQUIT\r\n")
        replies = read_all(sock).splitlines()
    assert [line[:9] for line in replies[-3:]] == [b"552 5.3.4", b"552 5.3.4", b"221 2.0.0"]
    grown = peak(sink.process.pid) - before
    assert grown < 40 << 20, f"{grown >> 20} MiB"  # the limit of one mail is 10 MiB


def test_mime_garbage_is_kept_as_it_came_and_shown_as_far_as_it_goes(sink: Program, tmp_path: Path) -> None:
    garbage = (
        b'Subject: =?utf-8?b?0J/Rg\r\nFrom: =?x?q?a\xff\r\nno header\r\nContent-Type: multipart/mixed; boundary="a\r\n'
        b"\x00\x01: y\r\n\r\n--a\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Type: text/plain; charset=nowhere\r\n\r\n"
        b"====%%%\r\n--a\r\n\x1b]0;title\x07\xf0\x9f\r\n" + b"y" * 2000 + b"\r\n"
    )
    with socket.create_connection(("127.0.0.1", port_of(sink)), timeout=WAIT) as sock:
        sock.sendall(ENVELOPE + garbage + b".\r\nQUIT\r\n")
        assert b"250 2.0.0 kept as number 1" in read_all(sock)
    box = open_mailbox(str(tmp_path / "data" / "mail.db"))
    kept = box.mail(1)
    box.close()
    assert kept is not None
    assert kept[1].content == garbage
    for words in (("mail", "show", "1"), ("mail", "show", "1", "--json"), ("mail", "list")):
        done = run(tmp_path, *words)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)
        assert "\x1b" not in done.stdout
        assert "\x07" not in done.stdout
    raw = subprocess.run(
        [sys.executable, "-m", "sockwright", "mail", "show", "1", "--raw"],
        capture_output=True,
        env={**os.environ, "SOCKWRIGHT_HOME": str(tmp_path)},
        check=True,
    )
    assert raw.stdout == garbage


def test_lines_over_998_octets_are_kept_and_endless_ones_refused(sink: Program, tmp_path: Path) -> None:
    with socket.create_connection(("127.0.0.1", port_of(sink)), timeout=WAIT) as sock:
        for line, code in ((b"l" * 998, b"250"), (b"l" * 5_000, b"250"), (b"l" * (2 << 20), b"552")):
            sock.sendall(ENVELOPE + line + b"\r\n.\r\n")
            said = b""
            while not re.search(rb"354 [^\n]*\n\d{3} [^\n]*\n\Z", said):
                said += sock.recv(10_000)
            assert said.splitlines()[-1][:3] == code
    box = open_mailbox(str(tmp_path / "data" / "mail.db"))
    assert [entry.size for entry in box.find()] == [5_002, 1_000]
    box.close()


def test_a_mail_cut_off_inside_data_is_not_kept_by_halves(sink: Program, tmp_path: Path) -> None:
    for ending in (b"", b"\r", b"\r\n", b"\r\n.", b"\r\n.\r"):
        with socket.create_connection(("127.0.0.1", port_of(sink)), timeout=WAIT) as sock:
            sock.sendall(ENVELOPE + b"Subject: half\r\n\r\nhalf a mail" + ending)
            sock.shutdown(socket.SHUT_WR)
            assert read_all(sock).endswith(b"354 End with CRLF . CRLF\r\n")
    with smtplib.SMTP("127.0.0.1", port_of(sink), timeout=WAIT) as other:
        other.sendmail("a@b", ["c@d"], "Subject: whole\n\nx")
    listed = run(tmp_path, "mail", "list", "--json").stdout.splitlines()
    assert [json.loads(line)["subject"] for line in listed] == ["whole"]


def test_smtplib_in_a_hundred_sessions_at_once(sink: Program, tmp_path: Path) -> None:
    barrier = threading.Barrier(100)
    failed: list[BaseException] = []

    def send(n: int) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", port_of(sink), timeout=WAIT) as client:
                barrier.wait(WAIT)
                for k in range(3):
                    client.sendmail(f"s{n}@b", ["c@d"], f"Subject: {n}/{k}\n\nx")
        except BaseException as wrong:  # noqa: BLE001 - told by the test's own thread
            failed.append(wrong)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]
    listed = run(tmp_path, "mail", "list", "--last", "0", "--json").stdout.splitlines()
    assert {json.loads(line)["subject"] for line in listed} == {f"{n}/{k}" for n in range(100) for k in range(3)}
    assert len(listed) == 300


def test_kill_9_of_the_sink_loses_no_mail_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: set[str] = set()

    def send(port: int, who: int) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=WAIT) as client:
                for n in range(100_000):
                    client.sendmail("a@b", ["c@d"], f"Subject: {port}/{who}/{n}\n\nx")
                    acknowledged.add(f"{port}/{who}/{n}")
        except (OSError, smtplib.SMTPException):
            return  # it was killed

    for _ in range(3):
        before = len(acknowledged)
        with running(tmp_path, "serve", "smtp://:0", "--do", "mailsink", "--quiet") as program:
            threads = [threading.Thread(target=send, args=(port_of(program), who)) for who in range(4)]
            for thread in threads:
                thread.start()
            end = time.monotonic() + WAIT
            while len(acknowledged) < before + 200 and time.monotonic() < end:
                time.sleep(0.01)
            program.process.kill()
            for thread in threads:
                thread.join()
    box = open_mailbox(str(tmp_path / "data" / "mail.db"))
    there = {entry.subject for entry in box.find(limit=-1)}
    box.close()
    assert len(acknowledged) >= 600
    assert acknowledged <= there


def test_sigterm_says_421_and_keeps_what_was_acknowledged(sink: Program, tmp_path: Path) -> None:
    with (
        socket.create_connection(("127.0.0.1", port_of(sink)), timeout=WAIT) as idle,
        socket.create_connection(("127.0.0.1", port_of(sink)), timeout=WAIT) as inside,
    ):
        assert idle.recv(1000).startswith(b"220")
        inside.sendall(ENVELOPE + b"half")
        said = b""
        while b"354" not in said:
            said += inside.recv(1000)
        sink.process.terminate()
        assert read_all(idle).startswith(b"421 4.3.2")
        assert read_all(inside).startswith(b"421 4.3.2")
    assert sink.process.wait(WAIT) == 0
    assert run(tmp_path, "mail", "list").stdout == ""


# -- slowness, with limits that are short enough to wait for


def served(bench: BenchThread, **limits: float) -> Peer:
    listening = bench.listen(Posting(parse("smtp://:0"), ("mailsink",), limits=limits))
    return listening.server.addresses[0]


@pytest.fixture
def bench() -> Iterator[BenchThread]:
    with BenchThread(mailbox=MemoryMailbox()) as running_bench:
        yield running_bench
    assert not running_bench.troubles


def test_who_says_nothing_is_told_421(bench: BenchThread) -> None:
    peer = served(bench, command=0.3)
    with dial(peer) as sock:
        assert b"421 4.4.2 nothing came for 300ms" in read_all(sock)
    assert ended(bench.journal).how == "time-out"


def test_who_stops_inside_the_content_is_told_421(bench: BenchThread) -> None:
    peer = served(bench, content=0.3)
    with dial(peer) as sock:
        sock.sendall(ENVELOPE + b"half")
        assert b"inside the content; nothing is kept" in read_all(sock)


def test_who_drips_content_is_ended_with_the_session_and_holds_up_nobody(bench: BenchThread) -> None:
    peer = served(bench, session=1.5, content=1.0)
    drippers = [dial(peer) for _ in range(50)]
    for sock in drippers:
        sock.sendall(ENVELOPE)
    stop = time.monotonic() + WAIT
    over = 0
    while over < len(drippers) and time.monotonic() < stop:
        over = 0
        for sock in drippers:
            try:
                sock.send(b"x")
            except OSError:
                over += 1
        began = time.monotonic()
        with smtplib.SMTP("127.0.0.1", peer.port, timeout=WAIT) as client:
            client.sendmail("a@b", ["c@d"], "x")
        assert time.monotonic() - began < 5
    for sock in drippers:
        sock.close()
    assert over == len(drippers)


# -- STARTTLS


def test_what_is_put_behind_starttls_in_one_packet_never_counts(sink: Program, tmp_path: Path) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port_of(sink)), timeout=WAIT) as sock:
        sock.recv(1000)
        sock.sendall(b"EHLO x\r\n")
        sock.recv(1000)
        sock.sendall(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<c@d>\r\nDATA\r\nevil\r\n.\r\n")
        assert sock.recv(1000) == b"220 2.0.0 go ahead\r\n"
        with context.wrap_socket(sock, server_hostname="localhost") as secure:
            secure.sendall(b"RCPT TO:<c@d>\r\n")
            assert secure.recv(1000).startswith(b"503 ")  # nobody said EHLO or MAIL under TLS
            secure.sendall(b"EHLO x\r\n")
            assert b"STARTTLS" not in secure.recv(1000)
    assert run(tmp_path, "mail", "list").stdout == ""


@pytest.mark.stranger("swaks")
def test_swaks_with_a_login_an_attachment_and_pipelining(
    sink: Program, tmp_path: Path, stranger: Callable[[str], str]
) -> None:
    (tmp_path / "отчёт.txt").write_text("внутри", "utf-8")
    words = [
        stranger("swaks"),
        "--server",
        f"127.0.0.1:{port_of(sink)}",
        "--from",
        "a@b.example",
        "--to",
        "c@d.example",
    ]
    words += [
        "--auth",
        "LOGIN",
        "--auth-user",
        "u",
        "--auth-password",
        "p",
        "--pipeline",
        "--attach",
        f"@{tmp_path / 'отчёт.txt'}",
        "--h-Subject",
        "swaks",
    ]
    done = subprocess.run(words, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout
    told = json.loads(run(tmp_path, "mail", "show", "1", "--json").stdout)
    assert (told["subject"], told["tls"], told["login"]) == ("swaks", False, "u")
    assert [one["size"] for one in told["attachments"]] == [len("внутри".encode())]
