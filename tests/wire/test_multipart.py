"""Forms with files: the same parts however they are cut, curl's and browsers' spellings, and what is refused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright.errors import PeerError
from sockwright.wire.multipart import HEAD, PARTS, PREAMBLE, MultipartReader, PartEnd, PartHead, boundary_of

Parts = list[tuple[str, str | None, str, bytes]]


def part(disposition: str, content: bytes, more: str = "") -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n".encode() + content + b"\r\n"


def read(*pieces: bytes, boundary: bytes = b"x") -> Parts:
    reader = MultipartReader(boundary)
    found: Parts = []
    content = b""
    head: PartHead | None = None
    for piece in pieces:
        for event in reader.feed(piece):
            match event:
                case PartHead():
                    head, content = event, b""
                case PartEnd():
                    assert head is not None
                    found.append((head.name, head.filename, head.type, content))
                case _:
                    assert event
                    content += event
    reader.end_of_stream()
    return found


FORM = (
    b"words for people\r\n"
    + part('name="note"', "привет".encode())
    + part('name="f"; filename="a.txt"', b"line\r\n--not it\r\n--", "Content-Type: text/plain\r\n")
    + part('name=f; filename="b"', b"")
    + b"--x--\r\nand some more"
)
TOLD: Parts = [
    ("note", None, "", "привет".encode()),
    ("f", "a.txt", "text/plain", b"line\r\n--not it\r\n--"),
    ("f", "b", "", b""),
]


def test_parts_do_not_depend_on_the_cuts() -> None:
    assert read(FORM) == TOLD
    assert read(*(FORM[at : at + 1] for at in range(len(FORM)))) == TOLD
    for at in range(len(FORM)):
        assert read(FORM[:at], FORM[at:]) == TOLD


@given(st.lists(st.binary(max_size=200), max_size=4), st.lists(st.integers(0, 900)))
def test_any_content_comes_as_it_was(contents: list[bytes], cuts: list[int]) -> None:
    boundary = b"zz-not-in-it-zz"
    if any(boundary in content for content in contents):
        return
    data = b"".join(
        b'--%b\r\nContent-Disposition: form-data; name="n"; filename="f"\r\n\r\n%b\r\n' % (boundary, content)
        for content in contents
    )
    data += b"--%b--\r\n" % boundary
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    assert [content for _, _, _, content in read(*pieces, boundary=boundary)] == contents


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        ('name="f"; filename="a\\"b\\\\c.txt"', "f", 'a"b\\c.txt'),  # curl
        ('name="f"; filename="a%22b%0D%0Ac.txt"', "f", 'a"b\r\nc.txt'),  # browsers
        ('name="f"; filename="100%25.txt"', "f", "100%25.txt"),
        ('name="f"; filename="C:\\temp\\a.txt"', "f", "C:\\temp\\a.txt"),
        ('name="имя"; filename="файл.txt"', "имя", "файл.txt"),
        ("filename=a.txt; NAME=f", "f", "a.txt"),
        ('name="f"; filename=""', "f", ""),
        ("name=\"f\"; filename*=UTF-8''evil", "f", None),  # RFC 7578, 4.2: not to be used
        ('name="f"; filename="one"; filename="two"', "f", "one"),
    ],
)
def test_names_are_read_as_they_are_written_today(disposition: str, name: str, filename: str | None) -> None:
    (found,) = read(part(disposition, b"1") + b"--x--")
    assert found[:2] == (name, filename)


def test_a_part_without_content_and_a_form_without_parts() -> None:
    assert read(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n--x--') == [("a", None, "", b"")]
    assert read(b"--x--") == []
    assert read(b"--x \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--") == [("a", None, "", b"1")]


@pytest.mark.parametrize(
    ("data", "section"),
    [
        (b"", "RFC 2046, 5.1.1"),
        (b"p" * (PREAMBLE + 100), "RFC 2046, 5.1.1"),
        (b"--xy\r\n", "RFC 2046, 5.1.1"),
        (b"--x" + b" " * 200, "RFC 2046, 5.1.1"),
        (part("name=a", b"1"), "RFC 2046, 5.1.1"),
        (part("name=a", b"1") + b"--x", "RFC 2046, 5.1.1"),
        (b"--x\r\n\r\nno head\r\n--x--", "RFC 7578, 4.2"),
        (b"--x\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--x--", "RFC 7578, 4.2"),
        (part("filename=a", b"1"), "RFC 7578, 4.2"),
        (b"--x\r\nA: " + b"b" * HEAD, "RFC 7578, 4"),
        (b"--x\r\nA: " + b"b" * HEAD + b"\r\n\r\n", "RFC 7578, 4"),
        (b"--x\r\nA : b\r\n\r\n1\r\n--x--", "RFC 9112, 5.1"),
        (b"--x\r\nA: b\n\r\n\r\n1\r\n--x--", "RFC 9112, 2.2"),
        (part("name=a", b"1") * (PARTS + 1), "RFC 7578, 4"),
    ],
)
def test_what_is_no_form_is_refused(data: bytes, section: str) -> None:
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        with pytest.raises(PeerError) as caught:
            read(*pieces)
        assert caught.value.section == section


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/form-data; charset=utf-8; Boundary="a b"', b"a b"),
        (
            "multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            b"----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
    ],
)
def test_the_boundary_is_in_the_type(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize("wrong", ["", "; boundary=", "; boundary=" + "a" * 71, '; boundary="a "', "; boundary=a<b"])
def test_a_boundary_is_wanted(wrong: str) -> None:
    with pytest.raises(PeerError, match="boundary"):
        boundary_of("multipart/form-data" + wrong)


def test_memory_stays_flat() -> None:
    reader = MultipartReader(b"x" * 70)
    reader.feed(b"--" + b"x" * 70 + b"\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n")
    size = 0
    for _ in range(100):
        size += sum(len(event) for event in reader.feed(b"\r\n--" * 16_384) if isinstance(event, bytes))
        assert len(reader._held) < 100
    assert size >= 100 * 65_536 - 100
