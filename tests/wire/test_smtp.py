"""SMTP's grammar: paths, content found to its end at any cut, replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright.errors import PeerError
from sockwright.wire.smtp import Content, Replies, breaches, decode_path, stuff, unstuff


@pytest.mark.parametrize(
    ("text", "address", "parameters"),
    [
        ("<a@b>", "a@b", {}),
        (" <a@b>", "a@b", {}),
        ("<>", "", {}),
        ("<postmaster>", "postmaster", {}),
        ('<"a b"@example.org>', '"a b"@example.org', {}),
        ("<@one.example,@two.example:joe@three.example>", "joe@three.example", {}),
        ("<a@[127.0.0.1]>", "a@[127.0.0.1]", {}),
        ("<a@[IPv6:::1]>", "a@[IPv6:::1]", {}),
        ("<анна@почта.рф> SMTPUTF8", "анна@почта.рф", {"SMTPUTF8": None}),
        ("<a@b> SIZE=10 body=8BITMIME", "a@b", {"SIZE": "10", "BODY": "8BITMIME"}),
        ("<a+b.c_d@x-y.example>", "a+b.c_d@x-y.example", {}),
    ],
)
def test_paths(text: str, address: str, parameters: dict[str, str | None]) -> None:
    path = decode_path(text)
    assert (path.address, dict(path.parameters)) == (address, parameters)


BAD = """a@b|<a@b|a@b>|<a@b>x|<a@@b>|<a@b c>|<@b>|<.a@b>|<a..b@c>|<a@b.>|<a\x00@b>|<a@-b>
|<a@b> SIZE=|<a@b> =1|<a@b> SIZE=1 SIZE=2|<a@b><c@d>"""


@pytest.mark.parametrize("text", BAD.replace("\n", "").split("|"))
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(PeerError):
        decode_path(text)


CONTENTS = st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n.", b"..", b"\r\n\r\n"])).map(b"".join)


@given(CONTENTS, st.lists(st.integers(1, 5), max_size=40))
def test_content_is_found_at_any_cut(content: bytes, cuts: list[int]) -> None:
    sent = stuff(content)
    stream = sent + b"NOOP\r\n"
    reader = Content(10_000)
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(stream[at : at + cut])
        at += cut
    pieces.append(stream[at:])
    behind = b""
    found = False
    for piece in filter(None, pieces):
        if found:
            behind += piece
        elif (rest := reader.feed(piece)) is not None:
            found, behind = True, rest
    assert found
    assert behind == b"NOOP\r\n"
    ended = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    assert reader.whole()[0] == ended


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r"])
def test_only_crlf_dot_crlf_ends(end: bytes) -> None:
    for cut in range(len(end) + 1):
        reader = Content(10_000)
        assert reader.feed(b"hello" + end[:cut]) is None
        if end[cut:]:
            assert reader.feed(end[cut:]) is None
        assert reader.feed(b"x\r\n.\r\n") == b""


def test_what_is_too_large_is_not_held() -> None:
    reader = Content(100)
    for _ in range(1000):
        assert reader.feed(b"x" * 1000) is None
        assert sum(map(len, reader._parts)) <= 103
    assert reader.feed(b"\r\n.\r\nQUIT\r\n") == b"QUIT\r\n"
    assert reader.too_large
    exact = Content(100)
    assert exact.feed(b"y" * 98 + b"\r\n.\r\n") == b""
    assert not exact.too_large


def test_dots() -> None:
    assert stuff(b".") == b"..\r\n.\r\n"
    assert unstuff(b"..a\r\n..\r\n.b\r\n") == b".a\r\n.\r\nb\r\n"


def test_lone_ends_of_lines_are_told() -> None:
    assert breaches(b"a\r\nb\r\n") == ""
    assert "LF" in breaches(b"a\nb\r\n")
    assert "CR" in breaches(b"a\rb\r\n")


def test_replies_over_several_lines_at_any_cut() -> None:
    data = b"250-one\r\n250 two\r\n354\r\n421 4.3.2 bye\n"
    for size in range(1, len(data)):
        replies = Replies()
        got = [one for at in range(0, len(data), size) for one in replies.feed(data[at : at + size])]
        assert [(one.code, one.text) for one in got] == [(250, "one / two"), (354, ""), (421, "4.3.2 bye")]


@pytest.mark.parametrize("data", [b"hello\r\n", b"99 x\r\n", b"250-a\r\n251 b\r\n", b"2500 x\r\n", b"x" * 70_000])
def test_what_is_no_reply(data: bytes) -> None:
    with pytest.raises(PeerError):
        Replies().feed(data)
