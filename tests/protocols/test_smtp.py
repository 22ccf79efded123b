"""SMTP as a server: scripts for the conversation, and real sockets for what only they show."""

from __future__ import annotations

import base64
import smtplib
import socket
import subprocess
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest
from tests.benches import standing, trusting
from tests.sockets import WAIT, dial, ended, read_all, records, reset, until

from sockwright.binding import Refusal, service_of
from sockwright.conversation import Action, Close, Invoke, Note, StartTls
from sockwright.errors import ConfigError
from sockwright.journal.records import NOTE
from sockwright.protocols import Terms, open_with
from sockwright.protocols.smtp import Smtp
from sockwright.stores.mailbox import MemoryMailbox, Query
from sockwright.transport import tls
from sockwright.wire.mail import Mail
from sockwright.workbench import BenchThread


def keep(mail: Mail) -> int:
    return 7


class Script:
    """A conversation that is told bytes and whose replies are looked at; mails are kept at once."""

    def __init__(self, *said: bytes, **terms: Any) -> None:
        limits = terms.pop("limits", {})
        opening = open_with("smtp", Terms((service_of(keep, "keep"),), limits=limits, extra=terms))
        smtp = opening()
        assert isinstance(smtp, Smtp)
        self.smtp = smtp
        self.mails: list[Mail] = []
        self.notes: list[Note] = []
        self.closed: Close | None = None
        self.tls = 0
        assert self._done(smtp.opened(0.0)).startswith(b"220 ")
        for one in said:
            self.say(one)

    def say(self, data: bytes) -> bytes:
        quick = self.smtp.timely(data, 1.0)
        return quick if quick is not None else self._done(self.smtp.feed(data, 1.0))

    def _done(self, actions: Any) -> bytes:
        out = b""
        one: Action
        for one in actions:
            match one:
                case bytes():
                    out += one
                case Invoke(batch=batch):
                    self.mails.append(batch[0].values[0])
                    out += self._done(self.smtp.answered(0, (len(self.mails),), 1.0))
                case Note():
                    self.notes.append(one)
                case Close():
                    self.closed = one
                case StartTls():
                    self.tls += 1
        return out

    def code(self, line: str) -> int:
        return int(self.say(line.encode() + b"\r\n")[:3])


def ready(**terms: Any) -> Script:
    return Script(b"EHLO test\r\n", **terms)


def with_recipient(**terms: Any) -> Script:
    return Script(b"EHLO test\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n", **terms)


def test_a_dialogue_from_beginning_to_end() -> None:
    script = Script()
    hello = script.say(b"EHLO me.example\r\n")
    assert hello.splitlines()[0].startswith(b"250-sockwright greets")
    offered = {line[4:].split()[0] for line in hello.splitlines()[1:]}
    assert offered == {b"PIPELINING", b"SIZE", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES", b"AUTH", b"HELP"}
    assert hello.splitlines()[-1][:4] == b"250 "
    assert [script.code(line) for line in ("mail from:<a@b>", "RCPT TO:<c@d>", "rcpt to:<Postmaster>")] == [250] * 3
    assert script.code("DATA") == 354
    assert script.say(b"Subject: x\r\n\r\n..dot\r\n.\r\n").startswith(b"250 2.0.0 kept as number 1")
    assert script.mails[0].content == b"Subject: x\r\n\r\n.dot\r\n"
    assert script.mails[0].recipients == ("c@d", "Postmaster")
    assert script.code("QUIT") == 221
    assert script.closed is not None


@pytest.mark.parametrize(
    ("before", "line", "code"),
    [
        ("", "MAIL FROM:<a@b>", 503),
        ("", "RCPT TO:<a@b>", 503),
        ("", "DATA", 503),
        ("EHLO x", "RCPT TO:<a@b>", 503),
        ("EHLO x", "DATA", 503),
        ("EHLO x|MAIL FROM:<a@b>", "MAIL FROM:<a@b>", 503),
        ("EHLO x|MAIL FROM:<a@b>", "DATA", 503),
        ("EHLO x", "MAIL FROM:<>", 250),
        ("EHLO x", "MAIL FROM:<a@b", 501),
        ("EHLO x", "MAIL FROM:a@b", 501),
        ("EHLO x", "MAIL TO:<a@b>", 501),
        ("EHLO x", "MAIL", 501),
        ("EHLO x", "MAIL FROM:<a@b> FOO=1", 555),
        ("EHLO x", "MAIL FROM:<a@b> SIZE=x", 501),
        ("EHLO x", "MAIL FROM:<a@b> SIZE=99999999", 552),
        ("EHLO x", "MAIL FROM:<a@b> SIZE=1000 BODY=8BITMIME SMTPUTF8", 250),
        ("EHLO x", "MAIL FROM:<a@b> BODY=BINARYMIME", 501),
        ("EHLO x", "MAIL FROM:<ж@b>", 553),
        ("EHLO x", "MAIL FROM:<ж@b> SMTPUTF8", 250),
        ("HELO x", "MAIL FROM:<a@b> SIZE=1", 555),
        ("EHLO x|MAIL FROM:<a@b>", "RCPT TO:<>", 501),
        ("EHLO x|MAIL FROM:<a@b>", "RCPT TO:<c@d> NOTIFY=NEVER", 555),
        ("EHLO x|MAIL FROM:<a@b>", "RCPT TO:<ж@d>", 553),
        ("EHLO x|MAIL FROM:<a@b>", "RCPT FROM:<c@d>", 501),
        ("EHLO x|MAIL FROM:<a@b>|RCPT TO:<c@d>", "DATA now", 501),
        ("EHLO x|MAIL FROM:<a@b>|RCPT TO:<c@d>|RSET", "DATA", 503),
        ("EHLO x|MAIL FROM:<a@b>|RCPT TO:<c@d>|EHLO y", "DATA", 503),
        ("", "EHLO", 501),
        ("", "HELO x", 250),
        ("", "NOOP anything", 250),
        ("", "RSET", 250),
        ("", "RSET x", 501),
        ("", "VRFY postmaster", 252),
        ("", "VRFY", 501),
        ("", "EXPN list", 502),
        ("", "HELP", 214),
        ("", "QUIT now", 501),
        ("", "MAILX", 500),
        ("", "NONSENSE", 500),
        ("", "", 500),
        ("", "EHLO x\x00y", 500),
        ("", "EHLO x\ry", 500),
        ("EHLO x", "STARTTLS", 502),
        ("", "AUTH PLAIN AGEAYg==", 503),
        ("EHLO x", "AUTH CRAM-MD5", 504),
        ("EHLO x", "AUTH", 501),
        ("EHLO x", "AUTH PLAIN !!!", 501),
        ("EHLO x", "AUTH PLAIN AGEAYg==", 235),
        ("EHLO x|AUTH PLAIN AGEAYg==", "AUTH PLAIN AGEAYg==", 503),
        ("EHLO x|MAIL FROM:<a@b>", "AUTH PLAIN AGEAYg==", 503),
        ("EHLO x|AUTH PLAIN", "AGEAYg==", 235),
        ("EHLO x|AUTH PLAIN", "*", 501),
        ("EHLO x|AUTH LOGIN|YQ==", "Yg==", 235),
        ("EHLO x|AUTH LOGIN YQ==", "Yg==", 235),
    ],
)
def test_replies(before: str, line: str, code: int) -> None:
    script = Script(*(f"{one}\r\n".encode() for one in before.split("|") if one))
    assert script.code(line) == code


def test_every_cut_of_a_pipelined_dialogue_gives_the_same_replies() -> None:
    whole = (
        b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:bad\r\nDATA\r\nhi\r\n..\r\n.\r\n"
        b"NOOP\r\nMAIL FROM:<>\r\nRCPT TO:<e@f>\r\nDATA\r\n.\r\nQUIT\r\nNOOP\r\n"
    )
    expected = Script()
    replies = expected.say(whole)
    codes = [line[:3] for line in replies.splitlines() if line[3:4] == b" "]
    assert codes == [b"250", b"250", b"250", b"501", b"354", b"250", b"250", b"250", b"250", b"354", b"250", b"221"]
    assert [mail.content for mail in expected.mails] == [b"hi\r\n.\r\n", b""]
    for size in (1, 2, 3, 5, 7, 11, 20, 50):
        script = Script()
        assert b"".join(
            script.say(whole[at : at + size]) for at in range(0, len(whole), size) if not script.closed
        ) == (replies)
        assert [mail.content for mail in script.mails] == [b"hi\r\n.\r\n", b""]


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r"])
def test_no_second_mail_is_smuggled_in(end: bytes) -> None:
    script = with_recipient()
    script.say(b"DATA\r\n")
    smuggled = b"MAIL FROM:<evil@x>\r\nRCPT TO:<c@d>\r\nDATA\r\nevil\r\n"
    assert script.say(b"good\r\n" + end + smuggled + b".\r\n").startswith(b"250 ")
    assert len(script.mails) == 1
    assert script.mails[0].content == (b"good\r\n" + end + smuggled).replace(b"\r\n.", b"\r\n")
    assert script.notes[0].kind == "malformed"


def test_a_command_that_ends_with_lf_alone_is_refused() -> None:
    script = ready()
    assert script.say(b"NOOP\n").startswith(b"500 ")
    assert script.say(b"NOOP\nNOOP\r\n").splitlines()[-1].startswith(b"250 ")
    assert [note.kind for note in script.notes] == ["malformed", "malformed"]


@pytest.mark.parametrize("method", ["GET / HTTP/1.1", "POST /x HTTP/1.1", "CONNECT a:1 HTTP/1.1", "OPTIONS * HTTP/1.1"])
def test_a_browser_is_dropped(method: str) -> None:
    script = Script()
    script.say(f"{method}\r\nHost: x\r\n\r\nMAIL FROM:<a@b>\r\n".encode())
    assert script.closed is not None
    assert script.closed.how == "limit"


def test_limits() -> None:
    script = with_recipient(limits={"recipients": 2, "errors": 4, "size": 100, "command_line": 64})
    assert script.code("RCPT TO:<e@f>") == 250
    assert script.code("RCPT TO:<g@h>") == 452
    assert script.code("NOOP " + "x" * 100) == 500
    assert script.say(b"x" * 1000).startswith(b"500")
    assert script.say(b"y" * 1000) == b""
    assert script.say(b"z\r\nNOOP\r\n") == b"250 2.0.0 OK\r\n"
    assert script.code("DATA") == 354
    assert script.say(b"a" * 100_000) == b""
    last = script.say(b"\r\n.\r\nNOOP\r\n")
    assert last.startswith(b"552 ")
    assert b"\r\n421 4.7.0" in last
    assert script.closed is not None
    assert script.mails == []


def test_at_least_a_hundred_recipients_and_long_lines() -> None:
    script = with_recipient()
    assert [script.code(f"RCPT TO:<n{n}@{'x' * 200}.example>") for n in range(120)] == [250] * 120
    script.say(b"DATA\r\n")
    script.say(b"x" * 5000 + b"\r\n.\r\n")
    assert len(script.mails[0].recipients) == 121
    assert script.mails[0].content == b"x" * 5000 + b"\r\n"


def test_an_endless_line_of_content_is_refused() -> None:
    script = with_recipient(limits={"content_line": 1000})
    script.say(b"DATA\r\n")
    assert script.say(b"x" * 1001 + b"\r\n.\r\n").startswith(b"552 5.6.0")
    assert script.mails == []


def test_what_stands_behind_starttls_is_dropped_and_all_is_forgotten() -> None:
    script = Script(b"EHLO x\r\n", b"MAIL FROM:<a@b>\r\n", starttls="if-offered")
    assert b"250-STARTTLS\r\n" in script.say(b"EHLO x\r\n")
    assert script.code("STARTTLS now") == 501
    assert script.say(b"STARTTLS\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<evil@x>\r\n").startswith(b"220 ")
    assert script.tls == 1
    assert script.smtp.opened(2.0) == ()
    assert script.code("MAIL FROM:<a@b>") == 503
    assert b"STARTTLS" not in script.say(b"EHLO x\r\n")
    assert script.code("STARTTLS") == 503
    assert script.code("DATA") == 503


def test_starttls_can_be_required_and_users_given() -> None:
    script = ready(starttls="required", users={"анна": "пароль"})
    assert script.code("MAIL FROM:<a@b>") == 530
    assert script.code("AUTH PLAIN AGEAYg==") == 530
    script = ready(users={"анна": "пароль"})
    assert script.code("MAIL FROM:<a@b>") == 530
    wrong = base64.b64encode("\0анна\0wrong".encode()).decode()
    right = base64.b64encode("\0анна\0пароль".encode()).decode()
    assert script.code(f"AUTH PLAIN {wrong}") == 535
    assert script.code(f"AUTH PLAIN {right}") == 235
    assert script.code("MAIL FROM:<a@b>") == 250


def test_what_cannot_take_mail_is_said_before_anybody_comes() -> None:
    def none() -> str:
        return ""

    with pytest.raises(ConfigError, match="cannot take mail"):
        open_with("smtp", Terms((service_of(none, "none"),)))
    with pytest.raises(ConfigError, match="starttls=maybe"):
        open_with("smtp", Terms((service_of(keep, "keep"),), extra={"starttls": "maybe"}))


def test_time_runs_out() -> None:
    script = ready()
    assert script.smtp.deadline == pytest.approx(61.0)
    (said, close) = script.smtp.expired(62.0)
    assert isinstance(said, bytes)
    assert said.startswith(b"421 4.4.2")
    assert isinstance(close, Close)
    assert close.how == "time-out"
    script = with_recipient()
    script.say(b"DATA\r\n")
    assert script.smtp.deadline == pytest.approx(121.0)


def test_a_session_ends_some_time() -> None:
    script = ready(limits={"session": 30.0})
    assert script.smtp.deadline == pytest.approx(30.0)
    assert b"has lasted 30s" in b"".join(one for one in script.smtp.expired(31.0) if isinstance(one, bytes))


def test_a_mail_being_kept_is_acknowledged_before_goodbye() -> None:
    opening = open_with("smtp", Terms((service_of(keep, "keep"),)))
    smtp = opening()
    smtp.opened(0.0)
    asked = smtp.feed(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n", 0.0)
    assert isinstance(asked[-1], Invoke)
    assert smtp.feed(b"QUIT\r\n", 0.0) == ()
    assert smtp.congested
    assert smtp.stopping(0.0) == ()
    said = b"".join(one for one in smtp.answered(0, (1,), 0.0) if isinstance(one, bytes))
    assert [line[:3] for line in said.splitlines()] == [b"250", b"421"]


def test_a_service_refuses_a_mail_in_its_own_words() -> None:
    smtp = open_with("smtp", Terms((service_of(keep, "keep"),)))()
    smtp.opened(0.0)
    smtp.feed(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx\r\n.\r\n", 0.0)
    assert smtp.answered(0, (Refusal("no\r\n250 spam"),), 0.0)[0] == b"554 5.7.1 no 250 spam\r\n"


# -- over real sockets


@pytest.fixture
def mailbox() -> MemoryMailbox:
    return MemoryMailbox()


@pytest.fixture
def bench(mailbox: MemoryMailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BenchThread]:
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path / "home"))
    with standing(mailbox=mailbox) as running:
        yield running


def letter(subject: str = "Hello") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "ann@example.org", "bob@example.org"
    message.set_content("Hi\n.\n..\n")
    return message


def test_smtplib_in_clear_starttls_and_login(bench: BenchThread, mailbox: MemoryMailbox) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    with smtplib.SMTP("localhost", peer.port, timeout=WAIT) as client:
        client.send_message(letter("Привет"))
        client.starttls(context=trusting())
        client.login("user", "secret", initial_response_ok=False)
        client.send_message(letter("два"))
        assert client.docmd("STARTTLS")[0] == 503
    second, first = mailbox.find()
    assert (first.subject, first.tls, first.login) == ("Привет", False, "")
    assert (second.subject, second.tls, second.login) == ("два", True, "user")
    notes = [record[3] for record in records(bench.journal, NOTE)]
    assert [kind for kind, _ in notes] == ["tls"]


def test_the_lectures_way_with_implicit_tls(bench: BenchThread, mailbox: MemoryMailbox) -> None:
    peer = bench.serve("smtps://:0", "mailsink")
    message = MIMEText("Hello!")
    message["Subject"] = "Simple subject"
    with smtplib.SMTP_SSL("localhost", peer.port, context=trusting(), timeout=WAIT) as client:
        client.login("username", "password")
        client.sendmail("orlov@gmail.com", ["orlov@mera.ru"], message.as_string())
        assert b"STARTTLS" not in client.ehlo()[1]
    assert mailbox.find()[0].recipients == ("orlov@mera.ru",)


def test_a_plaintext_behind_starttls_in_a_later_packet_never_counts(bench: BenchThread, mailbox: MemoryMailbox) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    with dial(peer) as sock:
        sock.recv(1000)
        sock.sendall(b"EHLO x\r\n")
        sock.recv(1000)
        sock.sendall(b"STARTTLS\r\n")
        assert sock.recv(1000).startswith(b"220")
        sock.sendall(b"MAIL FROM:<evil@x>\r\n")
        with _Anything():
            while sock.recv(1000):
                pass
    assert "TLS handshake failed" in ended(bench.journal).reason
    assert bench.call(_present(bench)) == 0
    assert mailbox.find() == []


class _Anything:
    """Whether the server breaks off with FIN or RST is all the same here."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, ConnectionError)


async def _present(bench: BenchThread) -> int:
    return int(getattr(bench.workbench.listening[0].server, "_present"))  # noqa: B009


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_content_that_is_cut_off_keeps_nothing(bench: BenchThread, mailbox: MemoryMailbox, how: str) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    sock = dial(peer)
    sock.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhalf a mail\r\n.\r")
    said = b""
    while b"354" not in said:
        said += sock.recv(1000)
    if how == "rst":
        reset(sock)
    else:
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
        sock.close()
    assert ended(bench.journal).how == how
    assert mailbox.find() == []


def test_a_hundred_megabytes_are_refused_with_flat_memory(bench: BenchThread, mailbox: MemoryMailbox) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    with dial(peer) as sock:
        sock.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")
        block = (b"x" * 998 + b"\r\n") * 1000
        for _ in range(100):
            sock.sendall(block)
        sock.sendall(b".\r\nQUIT\r\n")
        said = read_all(sock)
    assert b"\r\n552 5.3.4" in said
    assert mailbox.find() == []


def test_a_function_of_ones_own_takes_mail(bench: BenchThread, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from sockwright import Mail, ServiceError\n"
        "def take(mail: Mail) -> None:\n"
        "    if mail.sender != 'ann@example.org': raise ServiceError('only Ann may write')\n"
    )
    peer = bench.serve("smtp://:0", f"{tmp_path / 'app.py'}:take")
    with smtplib.SMTP("localhost", peer.port, timeout=WAIT) as client:
        client.send_message(letter())
        with pytest.raises(smtplib.SMTPDataError, match="only Ann may write"):
            client.send_message(letter(), from_addr="eve@example.org")


def test_a_hundred_sessions_at_once(bench: BenchThread, mailbox: MemoryMailbox) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    socks = [dial(peer) for _ in range(100)]
    for n, sock in enumerate(socks):
        sock.sendall(f"EHLO x\r\nMAIL FROM:<n{n}@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n".encode())
    for sock in socks:
        assert b"kept as number" in read_all(sock)
        sock.close()
    assert len(mailbox.find()) == 100
    assert len({entry.sender for entry in mailbox.find()}) == 100


def test_shutdown_says_421(mailbox: MemoryMailbox) -> None:
    with BenchThread(mailbox=mailbox) as bench:
        peer = bench.serve("smtp://:0", "mailsink")
        sock = dial(peer)
        assert sock.recv(1000).startswith(b"220")
    assert read_all(sock).startswith(b"421 4.3.2")
    sock.close()


def test_users_in_the_endpoint_must_log_in(bench: BenchThread) -> None:
    peer = bench.serve("smtp://ann:s%20t@:0", "mailsink")
    with smtplib.SMTP("localhost", peer.port, timeout=WAIT) as client:
        with pytest.raises(smtplib.SMTPSenderRefused, match="AUTH comes first"):
            client.send_message(letter())
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("ann", "wrong")
        client.login("ann", "s t")
        client.send_message(letter())


@pytest.mark.stranger("swaks")
def test_swaks(bench: BenchThread, mailbox: MemoryMailbox, stranger: Callable[[str], str]) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    words = [stranger("swaks"), "--server", f"127.0.0.1:{peer.port}", "--from", "a@b.example", "--to", "c@d.example"]
    for more in ([], ["--pipeline"], ["--auth", "PLAIN", "--auth-user", "u", "--auth-password", "p"]):
        done = subprocess.run([*words, *more, "--h-Subject", "swaks"], capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout
    assert [entry.subject for entry in mailbox.find(Query(to="c@d"))] == ["swaks"] * 3


@pytest.mark.stranger("curl")
def test_curl(bench: BenchThread, mailbox: MemoryMailbox, stranger: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(b"Subject: by curl\r\n\r\n.hidden dot\r\n")
    for scheme, more in (("smtp", ["--ssl-reqd"]), ("smtps", [])):
        peer = bench.serve(f"{scheme}://:0", "mailsink")
        words = [stranger("curl"), "-sS", f"{scheme}://localhost:{peer.port}", "--cacert", str(tls.ensure_ca())]
        words += ["--mail-from", "a@b", "--mail-rcpt", "c@d", "--user", "u:p", "-T", str(tmp_path / "mail"), *more]
        done = subprocess.run(words, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
    assert [entry.tls for entry in mailbox.find()] == [True, True]
    kept = mailbox.mail(1)
    assert kept is not None
    assert kept[1].content == b"Subject: by curl\r\n\r\n.hidden dot\r\n"


@pytest.mark.stranger("smtp-source")
def test_smtp_source(bench: BenchThread, mailbox: MemoryMailbox, stranger: Callable[[str], str]) -> None:
    peer = bench.serve("smtp://:0", "mailsink")
    for more in ([], ["-d"]):
        words = [stranger("smtp-source"), "-s", "5", "-m", "50", "-l", "1024", *more]
        words += ["-f", "a@b.example", "-t", "c@d.example", f"inet:127.0.0.1:{peer.port}"]
        done = subprocess.run(words, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    until(lambda: len(mailbox.find()) == 100)
