"""SMTP as a client: scripts of what servers reply, and what is said to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sockwright.errors import PeerError, ServiceError
from sockwright.protocols.submission import Handed, Order, Say, SayQuietly, StartTls, submission
from sockwright.wire.smtp import Reply

ORDER = Order("a@b", ("c@d",), b"Subject: x\r\n\r\n.dot\r\n", name="me")


def play(order: Order, *replies: str) -> tuple[list[str], Handed | None]:
    """Return what is said while the server replies so, and what came of it."""
    steps = submission(order)
    said: list[str] = []
    step = next(steps)
    waiting = list(replies)
    try:
        while True:
            if isinstance(step, StartTls):
                said.append("(tls)")
                step = steps.send(None)
                continue
            if isinstance(step, Say):
                said.append(("!" if isinstance(step, SayQuietly) else "") + step.data.decode())
            code, *lines = waiting.pop(0).split("|")
            step = steps.send(Reply(int(code), lines or [""]))
    except StopIteration as done:
        assert not waiting
        return said, done.value


def test_the_plain_way() -> None:
    said, handed = play(ORDER, "220", "250|hi|SIZE 100|PIPELINING", "250", "250", "354", "250|kept")
    assert said[:2] == ["EHLO me\r\n", "MAIL FROM:<a@b> SIZE=20\r\n"]
    assert said[-1] == "Subject: x\r\n\r\n..dot\r\n.\r\n"
    assert handed is not None
    assert (handed.accepted, str(handed.reply)) == (("c@d",), "250 kept")


def test_an_old_server() -> None:
    said, _ = play(ORDER, "220", "500", "250", "250", "251", "354", "250")
    assert said[:3] == ["EHLO me\r\n", "HELO me\r\n", "MAIL FROM:<a@b>\r\n"]


def test_starttls_and_login_after_it_alone() -> None:
    order = replace(ORDER, user="u", password="p")
    said, _ = play(
        order, "220", "250|hi|STARTTLS|AUTH LOGIN", "220", "250|hi|AUTH PLAIN", "235", "250", "250", "354", "250"
    )
    assert said[1:5] == ["STARTTLS\r\n", "(tls)", "EHLO me\r\n", "!AUTH PLAIN AHUAcA==\r\n"]


def test_login_in_two_steps() -> None:
    order = replace(ORDER, user="u", password="п", clear_login=True, starttls="no")
    said, _ = play(order, "220", "250|hi|AUTH LOGIN CRAM-MD5|STARTTLS", "334", "334", "235", "250", "250", "354", "250")
    assert said[1:4] == ["AUTH LOGIN\r\n", "!dQ==\r\n", "!0L8=\r\n"]


@pytest.mark.parametrize(
    ("change", "replies", "words"),
    [
        ({}, ["554|go away"], "refuses the greeting: 554 go away"),
        ({"starttls": "required"}, ["220", "250|hi"], "does not offer STARTTLS"),
        ({"user": "u"}, ["220", "250|hi|AUTH PLAIN"], "does not go over a network in clear"),
        ({"user": "u", "clear_login": True}, ["220", "250|hi|AUTH CRAM-MD5"], "neither AUTH PLAIN nor LOGIN"),
        ({"user": "u", "clear_login": True}, ["220", "250|hi|AUTH PLAIN", "535|no"], "refuses the login"),
        ({"utf8": True}, ["220", "250|hi"], "SMTPUTF8"),
        ({"content": b"\xff"}, ["220", "250|hi"], "8BITMIME"),
        ({}, ["220", "250|hi", "550|no"], "refuses the sender"),
        ({}, ["220", "250|hi", "250", "550|who?"], "every recipient was refused: 550 who?"),
        ({}, ["220", "250|hi", "250", "250", "354", "552|large"], "refuses the mail: 552 large"),
    ],
)
def test_refusals(change: dict[str, object], replies: list[str], words: str) -> None:
    with pytest.raises(ServiceError, match=words.replace("?", r"\?")):
        play(replace(ORDER, **change), *replies)  # type: ignore[arg-type]


def test_one_recipient_of_two() -> None:
    _, handed = play(replace(ORDER, recipients=("c@d", "e@f")), "220", "250", "250", "550|no", "250", "354", "250")
    assert handed is not None
    assert (handed.accepted, {one: reply.code for one, reply in handed.refused.items()}) == (("e@f",), {"c@d": 550})


def test_nonsense_is_a_breach() -> None:
    with pytest.raises(PeerError, match="354"):
        play(ORDER, "220", "250", "250", "250", "250")
