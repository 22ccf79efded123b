"""What is in a mail, for eyes; and mails that are made: what is composed is understood again."""

from __future__ import annotations

import random

import pytest

from sockwright.wire.compose import Letter, addresses_of, compose
from sockwright.wire.mail import Mail
from sockwright.wire.mbox import encode_mbox
from sockwright.wire.mime import DEPTH, PARTS, headline_of, understood


def made(**said: object) -> bytes:
    letter = Letter("Анна <ann@example.org>", **{"to": "bob@example.org", **said})  # type: ignore[arg-type]
    return compose(letter, "Mon, 1 Jan 2024 00:00:00 +0000", "<1@x>").content


def test_what_is_composed_is_understood() -> None:
    content = made(
        subject="Привет, мир " * 20,
        body="Ваш код: 4711\nsee https://example.org/a?b=c.\n.\n",
        html='<p>Hi <a href="https://example.org/x?a=1&amp;b=2">x</a><script>alert("код 9999")</script></p>',
        attachments=[("отчёт.pdf", b"%PDF\x00"), ("a.txt", b"text")],
    )
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) < 999
    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    seen = understood(content)
    assert seen.headline.subject == "Привет, мир " * 20
    assert seen.headline.author == "Анна <ann@example.org>"
    assert seen.text.startswith("Ваш код: 4711\n")
    assert seen.codes == ("4711",)
    assert seen.links == ("https://example.org/x?a=1&b=2", "https://example.org/a?b=c")
    assert [(one.name, one.type, one.content) for one in seen.attachments] == [
        ("отчёт.pdf", "application/pdf", b"%PDF\x00"),
        ("a.txt", "text/plain", b"text"),
    ]
    assert seen.defects == ()


def test_addresses_in_every_script() -> None:
    (one,) = addresses_of("Анна <anna@почта.рф>")
    assert (one.display_name, one.addr_spec) == ("Анна", "anna@xn--80a1acny.xn--p1ai")
    plain = compose(Letter("a@b", to="anna@почта.рф, Bob <bob@x>", bcc="eve@x"), "d", "<i@x>")
    assert plain.recipients == ("anna@xn--80a1acny.xn--p1ai", "bob@x", "eve@x")
    assert not plain.utf8
    assert b"eve@x" not in plain.content
    assert compose(Letter("a@b", to="анна@почта.рф"), "d", "<i@x>").utf8


@pytest.mark.parametrize("said", [{"to": ""}, {"to": "x"} | {"to": "a b@"}, {"subject": "a\r\nBcc: x"}, {"to": "@x"}])
def test_what_cannot_be_said(said: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        made(**said)


def test_codes_only_where_they_are_spoken_of() -> None:
    seen = understood(b"\r\nIn 2024 we sold 123456 of them.\r\n\r\nYour confirmation code is:\r\n\r\n 493 021\r\n")
    assert seen.codes == ("493 021",)


def test_headlines() -> None:
    head = (
        b"From: a\r\nSubject: =?utf-8?q?=D0=96?=\r\n =?utf-8?q?=D0=96?=\r\nTo: b\r\nCC: c\r\n\r\nSubject: not this\r\n"
    )
    seen = headline_of(head)
    assert (seen.subject, seen.author, seen.to) == ("ЖЖ", "a", "b, c")
    assert headline_of(b"no head at all").subject == ""
    assert headline_of(b"subject: =?bad?q?x?=\r\n").subject
    assert headline_of("Subject: сырой".encode()).subject == "сырой"
    headline_of(b"Subject: =?utf-8?b?7aCA?=\r\n").subject.encode()


def garbage() -> list[bytes]:
    deep = b""
    for n in range(DEPTH + 50):
        deep += b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n)
    wide = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\nhi\r\n" * (PARTS + 10)
    nested = b"Content-Type: message/rfc822\r\n\r\n" * 2000
    heads = [
        b"Content-Type: text/plain; charset=no-such\r\n\r\n\xff\xfe",
        b"Content-Type: ;;;=\r\nContent-Disposition: attachment; filename*=utf-8''%ff%fe\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"From: \x00\x1b[31m <>\r\nTo: " + b"(" * 5000 + b"\r\n\r\n",
        b"Subject: " + b"=?utf-8?q?" * 3000 + b"\r\n\r\n",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"",
        b"\r\n\r\n",
        b"<html><a href='javascript:x'>" + b"<" * 100_000,
    ]
    return [deep, wide, nested, *heads]


@pytest.mark.parametrize("content", garbage(), ids=lambda content: content[:20].decode("ascii", "replace"))
@pytest.mark.timeout(20)
def test_garbage_is_shown_as_far_as_it_goes(content: bytes) -> None:
    seen = understood(content)
    assert not [link for link in seen.links if link.startswith("javascript")]
    repr(seen).encode()


def test_random_bytes_never_raise() -> None:
    chance = random.Random(7)
    good = made(subject="ж", body="x", html="<b>y</b>", attachments=[("a", b"b")])
    for _ in range(200):
        broken = bytearray(good)
        for _ in range(chance.randrange(1, 30)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        understood(bytes(broken[: chance.randrange(len(broken))]))


def test_mbox_quotes_from() -> None:
    entry = encode_mbox(Mail("", ("a",), b"Subject: x\r\n\r\nFrom me\r\n>From you\r\nend", 0.0))
    assert entry == (b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nSubject: x\n\n>From me\n>>From you\nend\n\n")
