"""The anatomy of SMTP dialogues: what belongs together, what it means, and what breaks which rule."""

from __future__ import annotations

import pytest

from sockwright.wire.smtp_anatomy import Step, as_dict, command_line, content_at, replies_in, steps_in, told

CLIENT = (
    b"EHLO me.example\r\nAUTH LOGIN\r\nYW5u\r\nc2VjcmV0\r\nMAIL FROM:<a@b> SIZE=9 BODY=8BITMIME\r\n"
    b"RCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n more\r\n\r\nhi\r\n..dot\r\n.\r\nQUIT\r\n"
)
SERVER = (
    b"220 here ESMTP\r\n250-here\r\n250-SIZE 10\r\n250 STARTTLS\r\n334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n"
    b"235 2.7.0 ok\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n250 2.0.0 kept\r\n221 bye\r\n"
)


def said(step: Step) -> str:
    return "\n".join(told(step))


def test_each_command_stands_before_its_reply() -> None:
    steps = steps_in(CLIENT, SERVER)
    kinds = [step.kind for step in steps]
    assert kinds == [
        *("reply", "command", "reply", "command", "reply", "login", "reply", "login", "reply"),
        *("command", "reply", "command", "reply", "command", "reply", "content", "reply", "command", "reply"),
    ]
    assert [line.parts.get("text") for line in steps[2].lines] == ["here", "SIZE 10", "STARTTLS"]
    assert steps[2].lines[1].meaning.startswith("the largest mail")
    content = steps[15]
    assert (content.content, content.known_by, content.wrong) == (
        b"Subject: x\r\n more\r\n\r\nhi\r\n.dot\r\n",
        "dot",
        (),
    )
    assert CLIENT[content.content_offset :].startswith(b"Subject")
    assert [line.role for line in content.lines] == ["field", "field", "blank line"]
    assert not [line for step in steps for line in step.lines if line.wrong]
    for step in steps:  # every line knows where it stands
        stream = CLIENT if step.by == "client" else SERVER
        for line in step.lines:
            assert stream[line.offset :].startswith(line.raw)


def test_codes_are_explained() -> None:
    (reply,) = replies_in(b"550 5.1.1 nobody\r\n")
    line = reply.lines[0]
    assert line.parts == {"reply code": "550", "enhanced code": "5.1.1", "text": "nobody"}
    assert "there is no such mailbox, or nobody may write to it" in line.meaning
    assert "5.1.1: no such mailbox" in line.meaning
    assert "the same will fail again" in line.meaning


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"NOOP\n", "RFC 5321, 2.3.8"),
        (b"NOOP x\ry\r\n", "RFC 5321, 4.1.2"),
        (b"NOOP \x1b[31m\r\n", "0x1b"),
        (b"EHLO \xff\r\n", "byte 5 (0xff)"),
        (b"EHLO\r\n", "RFC 5321, 4.1.1.1"),
        (b"NOOP " + b"x" * 600 + b"\r\n", "4.5.3.1"),
        (b"NOOP", "has no end"),
        (b"HALLO\r\n", "no such command"),
        (b"GET / HTTP/1.1\r\n", "that is HTTP"),
        (b"MAIL FROM:<a@b\r\n", "RFC 5321, 4.1.2"),
        (b"MAIL TO:<a@b>\r\n", "MAIL is followed by FROM"),
        ("RCPT TO:<ж@b>\r\n".encode(), "RFC 6531, 3.4"),
    ],
)
def test_what_breaks_a_rule_is_marked_with_it(raw: bytes, rule: str) -> None:
    step = command_line(raw)
    assert rule in step.lines[0].wrong
    shown = said(step)
    assert "! " in shown
    assert "\x1b" not in shown
    assert "\r" not in shown


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"hello\r\n", "three digits"),
        (b"250 ok\n", "RFC 5321, 2.3.8"),
        (b"250-a\r\n251 b\r\n", "one code"),
        (b"250 5.1.1 odd\r\n", "RFC 2034, 4"),
        (b"250 " + b"x" * 600 + b"\r\n", "4.5.3.1"),
    ],
)
def test_so_are_replies(raw: bytes, rule: str) -> None:
    (reply,) = replies_in(raw)
    assert rule in reply.lines[-1].wrong


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"a: b\r\n\r\nx\ny\r\n.\r\n", "lone LF stands in the content, at byte 9"),
        (b"a: b\r\n\r\nx\ry\r\n.\r\n", "lone CR"),
        (b"a: b\r\n\r\n" + b"x" * 999 + b"\r\n.\r\n", "4.5.3.1.6"),
        (b"a: b\r\n\r\n\0\r\n.\r\n", "NUL"),
        (b"a: b\r\n\r\n\xe9\r\n.\r\n", "8BITMIME"),
        (b"no field\r\n\r\nx\r\n.\r\n", "RFC 5322, 2.2"),
    ],
)
def test_and_contents(raw: bytes, rule: str) -> None:
    step, past = content_at(raw, 0)
    assert past == len(raw)
    assert rule in " ".join([*step.wrong, *(line.wrong for line in step.lines)])
    assert rule.partition(" (")[0] in said(step)


def test_what_was_cut_off_says_so() -> None:
    steps = steps_in(CLIENT[: CLIENT.index(b"hi\r\n")], SERVER[: SERVER.index(b"250 2.0.0")])
    assert steps[-1].known_by == "cut"
    assert "nothing of it may be kept" in said(steps[-1])
    (half,) = replies_in(b"250-one\r\n")
    assert half.wrong


def test_an_empty_mail_and_a_refused_data() -> None:
    steps = steps_in(
        b"DATA\r\n.\r\nNOOP\r\nDATA\r\nNOOP\r\n", b"220 a\r\n354 go\r\n250 a\r\n250 b\r\n503 no\r\n250 c\r\n"
    )
    assert [step.kind for step in steps if step.by == "client"] == [
        "command",
        "content",
        "command",
        "command",
        "command",
    ]
    assert steps[3].content == b""


def test_tls_that_nobody_could_read_is_told_as_that() -> None:
    steps = steps_in(b"STARTTLS\r\n\x16\x03\x01\x02", b"220 a\r\n220 go\r\n\x16\x03\x03\x00\x00")
    assert [step.kind for step in steps] == ["reply", "command", "reply", "tls", "tls"]
    assert "\\x16" not in said(steps[3])


def test_json_has_it_all() -> None:
    about = [as_dict(step) for step in steps_in(CLIENT, SERVER)]
    assert about[1]["lines"][0]["parts"] == {"verb": "EHLO", "domain": "me.example"}
    assert about[15]["content"]["known_by"] == "dot"
    assert about[0]["by"] == "server"


def test_any_bytes_at_all_are_told() -> None:
    for client in (b"", b"\x00", b"\r\n" * 50, b"\xff" * 100, CLIENT[::-1], bytes(range(256)) * 3):
        for server in (b"", SERVER, b"354 \r\n" * 9, client):
            for step in steps_in(client, server):
                assert "\x1b" not in said(step)
                as_dict(step)
