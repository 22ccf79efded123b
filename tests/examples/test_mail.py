"""The lecture's mail program against the sink: host, port and a trusted CA are all that is changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.examples import lecture
from tests.programs import run, running


def test_the_lectures_program_and_our_example_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path, "up", "--only", "smtps", "--quiet") as program:
        port = program.port("mailsink", "smtps")
        ca = tmp_path / "data" / "tls" / "ca.pem"
        assert lecture.run_file(lecture.PROGRAMS / "send_mail.py", str(port), str(ca)) == "sent\n"
        listed = run(tmp_path, "mail", "list")
        assert "orlov@gmail.com -> orlov@mera.ru  Simple subject" in listed.stdout
        code = lecture.program("mail")
        if "import" not in code:
            code = "from smtplib import SMTP_SSL\nfrom email.mime.text import MIMEText\n" + code
        code = code.replace("'smtp.gmail.com', 465", f"'localhost', {port}, context=ssl.create_default_context()")
        code = f"import ssl\n{code}"
        monkeypatch.setitem(os.environ, "SSL_CERT_FILE", str(ca))
        lecture.run_code(code, tmp_path)
        assert run(tmp_path, "mail", "list").stdout.count("Simple subject") == 2
