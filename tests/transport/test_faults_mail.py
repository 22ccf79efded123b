"""Faults and STARTTLS: what a pipe holds in clear goes out before TLS begins, and what came in clear never counts."""

from __future__ import annotations

import smtplib
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.benches import standing, trusting
from tests.sockets import WAIT, dial, records

from sockwright.journal.records import FAULT, NOTE
from sockwright.stores.mailbox import MemoryMailbox, Query
from sockwright.transport import tls
from sockwright.transport.breaking import Request
from sockwright.workbench import BenchThread

LETTER = "Subject: late\r\nFrom: a@b.example\r\nTo: c@d.example\r\n\r\nhi\r\n"


@pytest.fixture
def mailbox() -> MemoryMailbox:
    return MemoryMailbox()


@pytest.fixture
def bench(mailbox: MemoryMailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BenchThread]:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path / "home"))
    with standing(mailbox=mailbox) as running:
        yield running


def set_faults(bench: BenchThread, *faults: str, up: bool = False, down: bool = False) -> None:
    async def run() -> None:
        bench.workbench.breaking.set("mailsink", Request(faults, up=up, down=down))

    bench.call(run())


@pytest.mark.parametrize(
    ("fault", "up", "down"),
    [
        ("latency=80ms~20ms", False, True),
        ("latency=80ms~20ms", True, True),
        ("slice=2@3ms", False, True),
        ("slice=5@1ms", True, True),
        ("glue=60ms", False, True),
        ("rate=3KB/s", False, True),
        ("stall=300ms@150", False, True),
        ("late-banner=200ms", False, True),
        ("reject=rcpt:550:0.001%", False, True),
    ],
)
def test_smtplib_starts_tls_behind_a_fault(
    bench: BenchThread, mailbox: MemoryMailbox, fault: str, up: bool, down: bool
) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    set_faults(bench, fault, up=up, down=down)
    with smtplib.SMTP("localhost", peer.port, timeout=WAIT) as client:
        client.sendmail("a@b.example", ["c@d.example"], LETTER)
        client.starttls(context=trusting())
        client.sendmail("a@b.example", ["c@d.example"], LETTER)
    assert [entry.tls for entry in mailbox.find()] == [True, False]
    assert [record[3][0] for record in records(bench.journal, NOTE)] == ["tls"]


@pytest.mark.stranger("curl", "swaks")
def test_strangers_send_mail_through_faults(
    bench: BenchThread, mailbox: MemoryMailbox, stranger: Callable[[str], str], tmp_path: Path
) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    set_faults(bench, "latency=50ms", "slice=10@5ms", down=True)
    (tmp_path / "mail").write_text(LETTER)
    curl = [stranger("curl"), "-sS", f"smtp://localhost:{peer.port}", "--cacert", str(tls.ensure_ca()), "--ssl-reqd"]
    curl += ["--mail-from", "a@b.example", "--mail-rcpt", "c@d.example", "-T", str(tmp_path / "mail")]
    # In clear: Debian's swaks knows TLS only with libnet-ssleay-perl.
    swaks = [stranger("swaks"), "--server", f"localhost:{peer.port}", "--from", "a@b.example", "--to", "c@d.example"]
    for words in (curl, swaks):
        done = subprocess.run(words, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert [entry.tls for entry in mailbox.find(Query(to="c@d"))] == [False, True]
    assert {record[3][0] for record in records(bench.journal, FAULT)} == {"latency", "slice"}


def test_what_a_pipe_held_in_clear_never_counts_under_tls(bench: BenchThread, mailbox: MemoryMailbox) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    set_faults(bench, "slice=10@80ms", up=True)  # STARTTLS gets through before what stands behind it
    with dial(peer) as plain:
        plain.recv(1000)
        plain.sendall(b"EHLO x\r\n")
        plain.recv(1000)
        plain.sendall(b"STARTTLS\r\nMAIL FROM:<evil@x.example>\r\nRCPT TO:<c@d.example>\r\n")
        assert plain.recv(1000).startswith(b"220")
        with trusting().wrap_socket(plain, server_hostname="localhost") as sock:
            sock.settimeout(1.0)
            with pytest.raises(TimeoutError):  # nothing is answered that was not asked under TLS
                sock.recv(1000)
            sock.settimeout(WAIT)
            sock.sendall(b"EHLO x\r\n")
            assert sock.recv(1000).startswith(b"250-")
            sock.sendall(b"DATA\r\n")
            assert sock.recv(1000).startswith(b"503")
            sock.shutdown(socket.SHUT_RDWR)
    assert mailbox.find() == []
