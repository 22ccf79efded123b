"""`mail`: what a person and a script see of the mailbox; sending is in `test_call_smtp`."""

from __future__ import annotations

import json
import mailbox as stdlib_mailbox
import smtplib
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.programs import environment, run, running
from tests.sockets import WAIT

from sockwright.stores.mailbox import open_mailbox
from sockwright.wire.mail import Mail


def letter(subject: str, to: str = "ann@example.org") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "Боб <bob@example.org>", to
    message.set_content("Ваш код: 123-456\nhttps://example.org/go?x=1\n\x1b[31mred\nFrom here\n")
    message.add_alternative('<a href="https://example.org/page">x</a>', subtype="html")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="x-bin", filename="../../злой.bin")
    return message


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's folder whose mailbox holds three mails."""
    box = open_mailbox(str(tmp_path / "data" / "mail.db"))
    for n, subject in enumerate(("one", "Привет", "three")):
        content = letter(subject).as_bytes().replace(b"\n", b"\r\n")
        box.keep(Mail("bob@example.org", (f"n{n}@example.org",), content, 1.0, "127.0.0.1:5", "me"), lambda _: None)
    box.close()
    return tmp_path


def test_up_takes_mail_and_scripts_wait_for_it(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--only", "mailsink", "--quiet") as program:
        assert ("mailsink", "smtps") in program.ports
        words = [sys.executable, "-m", "sockwright", "mail", "wait", "--to", "late@", "--timeout", "15s", "--json"]
        waiting = subprocess.Popen(words, stdout=subprocess.PIPE, env=environment(tmp_path))
        with smtplib.SMTP("127.0.0.1", program.port("mailsink", "smtp"), timeout=WAIT) as client:
            client.send_message(letter("first"))
            client.send_message(letter("Поздно", "late@example.org"))
        out, _ = waiting.communicate(timeout=20)
        found = json.loads(out)
        assert (found["subject"], found["codes"]) == ("Поздно", ["123-456"])
        assert found["links"] == ["https://example.org/page", "https://example.org/go?x=1"]
        assert found["attachments"] == [{"name": "../../злой.bin", "type": "application/x-bin", "size": 2}]
    listed = run(tmp_path, "mail", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["#1", "#2"]
    late = run(tmp_path, "mail", "wait", "--to", "nobody", "--timeout", "0.1s")
    assert late.returncode == 4
    new = run(tmp_path, "mail", "wait", "--new", "--timeout", "0.1s")
    assert new.returncode == 4


def test_list_and_show(home: Path) -> None:
    listed = run(home, "mail", "list", "--json", "--last", "2")
    assert [json.loads(line)["subject"] for line in listed.stdout.splitlines()] == ["Привет", "three"]
    assert "earlier ones" in listed.stderr
    assert "#2 " in run(home, "mail", "list", "--subject", "ПРИВЕТ").stdout
    shown = run(home, "mail", "show", "2", "--save", str(home / "saved"))
    assert "Subject: Привет" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "\\x1b[31mred" in shown.stdout
    assert [path.name for path in (home / "saved").iterdir()] == ["злой.bin"]
    assert run(home, "mail", "show", "2", "--raw").stdout.startswith("Subject: =?utf-8?")
    assert '<a href="https://example.org/page">' in run(home, "mail", "show", "#2", "--html").stdout
    missing = run(home, "mail", "show", "99")
    assert (missing.returncode, "the newest is 3" in missing.stderr) == (1, True)
    assert run(home, "mail", "show", "x").returncode == 2


def test_export_as_eml_mbox_and_folder(home: Path) -> None:
    box = open_mailbox(str(home / "data" / "mail.db"))
    kept = box.mail(1)
    box.close()
    assert kept is not None
    assert run(home, "mail", "export", "1", "-o", str(home / "one.eml")).returncode == 0
    assert (home / "one.eml").read_bytes() == kept[1].content
    assert run(home, "mail", "export", "-o", str(home / "all.mbox")).returncode == 0
    mbox = stdlib_mailbox.mbox(home / "all.mbox")
    assert [str(one["subject"]) for one in mbox] == ["one", "=?utf-8?b?0J/RgNC40LLQtdGC?=", "three"]
    mbox.close()
    assert run(home, "mail", "export", "--subject", "three", "-o", f"{home / 'folder'}/").returncode == 0
    assert [path.name for path in (home / "folder").iterdir()] == ["3.eml"]
    assert run(home, "mail", "export", "--as", "eml").returncode == 2
    assert run(home, "mail", "export", "77").returncode == 1


def test_clear(home: Path) -> None:
    assert run(home, "mail", "clear").returncode == 2
    assert "1 mail removed" in run(home, "mail", "clear", "--subject", "one").stderr
    assert "2 mails removed" in run(home, "mail", "clear", "--all").stderr
    assert "empty" in run(home, "mail", "list").stderr
