"""SMTP dialogues out of transcripts, however the bytes were cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sockwright.console.dialogue import CONTENT, dialogue_of, refusal_in
from sockwright.journal.connections import Connection
from sockwright.journal.records import Opened
from sockwright.journal.transcript import Chunk, Transcript

CLIENT = (
    b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
    b"Subject: Hi\r\n\r\n..two dots\r\n<script>\r\n.\r\nQUIT\r\n",
)
SERVER = (
    b"220 here\r\n250-here\r\n250 SIZE 10\r\n250 ok\r\n250 ok\r\n354 go on\r\n",
    b"250 kept\r\n221 bye\r\n",
)


def _transcript(*chunks: tuple[str, bytes]) -> Transcript:
    opened = Opened("smtp", "mailsink", "smtp://127.0.0.1:7025", "", "")
    items = [
        Chunk(float(number), "received" if side == "client" else "sent", data, len(data))
        for number, (side, data) in enumerate(chunks)
    ]
    return Transcript(Connection(1, opened, 0.0), list(items))


def test_a_mail_is_told_line_by_line_with_its_content_in_one() -> None:
    lines = dialogue_of(
        _transcript(("client", CLIENT[0]), ("server", SERVER[0]), ("client", CLIENT[1]), ("server", SERVER[1]))
    )
    assert [line.verb for line in lines if line.verb] == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
    (content,) = [line for line in lines if line.kind == "content"]
    assert content.text == "Subject: Hi\n\n.two dots\n<script>"
    assert [line.code for line in lines if line.side == "server"] == [220, 250, 250, 250, 250, 354, 250, 221]
    assert refusal_in(lines) == ""


@given(st.lists(st.integers(1, 40), max_size=20))
def test_where_it_was_cut_means_nothing(cuts: list[int]) -> None:
    def cut(side: str, data: bytes) -> list[tuple[str, bytes]]:
        pieces = []
        for size in cuts:
            if size < len(data):
                pieces.append((side, data[:size]))
                data = data[size:]
        return [*pieces, (side, data)]

    whole = [("client", CLIENT[0]), ("server", SERVER[0]), ("client", CLIENT[1]), ("server", SERVER[1])]
    pieces = [piece for side, data in whole for piece in cut(side, data)]
    said = [(line.side, line.kind, line.text) for line in dialogue_of(_transcript(*pieces))]
    assert said == [(line.side, line.kind, line.text) for line in dialogue_of(_transcript(*whole))]


def test_the_reply_that_refused_a_mail_is_found() -> None:
    def refused(*said: tuple[str, bytes]) -> str:
        return refusal_in(dialogue_of(_transcript(*said)))

    assert refused(("client", b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"), ("server", b"250 ok\r\n550 no\r\n")) == "550 no"
    data = (
        ("client", b"DATA\r\n"),
        ("server", b"354 go on\r\n"),
        ("client", b"x\r\n.\r\n"),
        ("server", b"552 too long\r\n"),
    )
    assert refused(*data) == "552 too long"
    assert refused(("server", b"421 not now\r\n")) == "421 not now"
    assert refused(("client", b"NOOP\r\n"), ("server", b"500 what?\r\n")) == "", "no mail was in it"


def test_secrets_are_not_told_and_nothing_reaches_the_eye_raw() -> None:
    lines = dialogue_of(
        _transcript(
            ("client", b"AUTH PLAIN AGFubgBnZWhlaW0=\r\n"),
            ("server", b"235 ok\r\n"),
            ("client", b"AUTH LOGIN\r\n"),
            ("server", b"334 VXNlcm5hbWU6\r\n"),
            ("client", b"YW5u\r\n"),
            ("server", b"334 UGFzc3dvcmQ6\r\n"),
            ("client", b"Z2VoZWlt\r\n"),
            ("client", b"\x1b]0;evil\x07\xff\r\n"),
        )
    )
    text = " ".join(line.text for line in lines)
    assert not {"AGFubgBnZWhlaW0=", "YW5u", "Z2VoZWlt"} & set(text.split())
    assert "\x1b" not in text


def test_what_never_ended_is_told_and_content_has_a_limit() -> None:
    lines = dialogue_of(_transcript(("client", b"MAIL FR")))
    assert [line.text for line in lines] == ["MAIL FR"]
    long = b"".join(b"%d\r\n" % number for number in range(50_000))
    lines = dialogue_of(_transcript(("client", b"DATA\r\n"), ("server", b"354 go\r\n"), ("client", long)))
    assert len(lines[-1].text) <= CONTENT
    assert lines[-1].kind == "content"
