"""`call smtp://` and `mail send`: against our sink, and against servers that are not kind."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import peers
from tests.programs import Program, run, running

from sockwright.stores.mailbox import open_mailbox
from sockwright.wire.mail import Mail
from sockwright.wire.mime import understood


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def sink(home: Path) -> Iterator[Program]:
    with running(home, "up", "--only", "mailsink", "--quiet") as program:
        yield program


def newest(home: Path) -> Mail:
    box = open_mailbox(str(home / "data" / "mail.db"))
    try:
        kept = box.mail(box.find(limit=1)[0].number)
    finally:
        box.close()
    assert kept is not None
    return kept[1]


def test_a_mail_with_everything_and_starttls(home: Path, sink: Program, tmp_path: Path) -> None:
    (tmp_path / "отчёт.txt").write_text("внутри", "utf-8")
    url = f"smtp://localhost:{sink.port('mailsink', 'smtp')}?starttls=required"
    words = ["from=Анна <ann@example.org>", "to=bob@example.org", "cc=c@x", "bcc=d@x", "subject=Тема", "body=Тело"]
    done = run(home, "call", url, *words, "html=<b>Тело</b>", f"attach=@{tmp_path / 'отчёт.txt'}", "-v")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("250 2.0.0 kept as number")
    assert "> STARTTLS" in done.stderr
    assert "= TLS: TLSv1." in done.stderr
    mail = newest(home)
    assert (mail.sender, mail.recipients, mail.tls) == ("ann@example.org", ("bob@example.org", "c@x", "d@x"), True)
    seen = understood(mail.content)
    assert (seen.headline.subject, seen.text.strip(), seen.html.strip()) == ("Тема", "Тело", "<b>Тело</b>")
    assert [(one.name, one.content) for one in seen.attachments] == [("отчёт.txt", "внутри".encode())]


def test_mail_send_over_tls_with_a_login_and_piped_text(home: Path, sink: Program) -> None:
    url = f"smtps://localhost:{sink.port('mailsink', 'smtps')}"
    words = ["--from", "a@b", "--to", "анна@почта.рф", "--to", "c@d", "--user", "me", "--password-env", "PW"]
    done = run(home, "mail", "send", "--at", url, *words, "--json", "-v", stdin="строка\n.\n", PW="тайна")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"] == ["анна@почта.рф", "c@d"]
    assert "0YLQsNC50L3QsA" not in done.stderr
    mail = newest(home)
    assert (mail.login, mail.recipients) == ("me", ("анна@почта.рф", "c@d"))
    assert understood(mail.content).text == "строка\n.\n"


def test_a_stranger_s_certificate_is_not_trusted(sink: Program, tmp_path: Path) -> None:
    url = f"smtp://localhost:{sink.port('mailsink', 'smtp')}"
    done = run(tmp_path, "call", url, "to=a@b", "body=x")
    assert (done.returncode, "is not trusted" in done.stderr) == (3, True)
    assert run(tmp_path, "call", url, "to=a@b", "body=x", "--insecure").returncode == 0
    assert run(tmp_path, "call", f"{url}?starttls=no", "to=a@b", "body=x").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["to=a@b", "subjct=x"], "Did you mean 'subject'"),
        (["hello"], "says nothing about a mail"),
        (["body=x"], "nobody is named"),
        (["to=a b", "body=x"], "is no address"),
        (["to=a@b", "body=@no-such-file"], "cannot read no-such-file"),
        (["to=a@b", "body=x", "--user", "me"], "--password-env"),
        (["to=a@b", "body=x", "--user", "me", "--password-env", "NO_SUCH"], "no variable NO_SUCH"),
        (["to=a@b", "body=x", "subject=a\nBcc: c@d"], "a subject is one line"),
    ],
)
def test_what_cannot_be_sent(tmp_path: Path, words: list[str], said: str) -> None:
    done = run(tmp_path, "call", "smtp://127.0.0.1:1", *words)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_password_in_the_url_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "call", "smtp://me:secret@127.0.0.1:1", "to=a@b", "body=x")
    assert (done.returncode, "--password-env" in done.stderr) == (2, True)


def test_nobody_there(tmp_path: Path) -> None:
    done = run(tmp_path, "call", f"smtp://127.0.0.1:{peers.closed_port()}", "to=a@b", "body=x")
    assert (done.returncode, "--do mailsink" in done.stderr) == (3, True)


def says(*replies: bytes) -> peers.Talk:
    def talk(client: socket.socket) -> None:
        for one in replies:
            client.sendall(one)
            client.recv(65536)

    return talk


@pytest.mark.parametrize(
    ("replies", "code", "words"),
    [
        ((b"554 go away\r\n",), 1, "refuses the greeting: 554 go away"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), 5, "is no reply of a mail server"),
        ((b"",), 4, "did not reply within"),
        ((b"220 hi\r\n", b"250 hi\r\n"), 5, ""),
        ((b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"), 5, "RFC 3207"),
        ((b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"550 \x1b[31mno\r\n"), 1, "every recipient was refused: 550"),
    ],
)
def test_unkind_servers(tmp_path: Path, replies: tuple[bytes, ...], code: int, words: str) -> None:
    with peers.server(says(*replies)) as port:
        done = run(tmp_path, "call", f"smtp://127.0.0.1:{port}", "to=a@b", "body=x", "--wait", "1s")
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "\x1b" not in done.stderr
