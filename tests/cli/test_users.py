"""`--users FILE`: who is named there may send mail, nobody else; and the file itself."""

from __future__ import annotations

import smtplib
from pathlib import Path

import pytest
from tests.programs import run, running
from tests.sockets import WAIT

from sockwright.errors import ConfigError
from sockwright.protocols.smtp_login import users_in

FILE = "# who may\nann:s:e cret\n\nборис: пароль \n"


def test_a_file_of_users() -> None:
    assert users_in("\ufeff" + FILE) == {"ann": "s:e cret", "борис": " пароль "}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ann", "line 1 is no"),
        ("a:b\n:x", "line 2 is no"),
        ("a:b\nc:", "line 2"),
        ("a:b\na:c", "already"),
        ("#\n", "nobody"),
    ],
)
def test_what_is_wrong_with_it_is_said_without_its_passwords(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as told:
        users_in(text)
    assert ":c" not in str(told.value)


def test_only_who_is_named_may_send(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(FILE, "utf-8")
    file.chmod(0o644)
    words = ("serve", "smtp://eve:own@:0", "--do", "mailsink", "--mailbox", "memory", "--users", str(file))
    with running(tmp_path, *words) as program:
        for user, password in (("ann", "s:e cret"), ("борис", " пароль "), ("eve", "own")):
            with smtplib.SMTP("127.0.0.1", program.port("mailsink", "smtp"), timeout=WAIT) as client:
                client.ehlo()
                with pytest.raises(smtplib.SMTPSenderRefused, match="AUTH comes first"):
                    client.sendmail("a@b", ["c@d"], "x")
                for wrong in ((user, "s"), ("nobody", password), (user, "")):
                    with pytest.raises(smtplib.SMTPAuthenticationError):
                        login(client, *wrong)
                assert login(client, user, password)[0] == 235
                assert client.sendmail("a@b", ["c@d"], "x") == {}
        _, _, err = program.stop()
    assert f"chmod 600 {file}" in err


def login(client: smtplib.SMTP, user: str, password: str) -> tuple[int, bytes]:
    """Log in with names beyond ASCII, which smtplib's own `login` cannot."""
    from base64 import b64encode

    code, said = client.docmd("AUTH", "PLAIN " + b64encode(f"\0{user}\0{password}".encode()).decode())
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, said)
    return code, said


def test_mistakes_with_it_are_told(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text("ann")
    for words, said in (
        (("serve", "smtp://:0", "--do", "mailsink", "--users", str(file)), "line 1 is no name:password"),
        (("serve", "smtp://:0", "--do", "mailsink", "--users", str(tmp_path / "none")), "cannot read --users"),
    ):
        done = run(tmp_path, *words)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert said in done.stderr
    file.write_text("ann:x")
    done = run(tmp_path, "serve", "tcp://:0", "--do", "echo", "--users", str(file))
    assert done.returncode == 2
    assert "--users is for who sends mail" in done.stderr
