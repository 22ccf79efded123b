"""How bytes become text: mark, header, declaration, guess."""

from __future__ import annotations

import pytest

from sockwright.links.encoding import canonical, codec_of, decode

WORD = "Ёжик"


@pytest.mark.parametrize(
    ("content", "charset", "encoding"),
    [
        (b"\xef\xbb\xbf" + WORD.encode(), "windows-1251", "UTF-8"),
        (b"\xff\xfe" + WORD.encode("utf-16-le"), "utf-8", "UTF-16LE"),
        (b"\xfe\xff" + WORD.encode("utf-16-be"), "", "UTF-16BE"),
        (WORD.encode("cp1251"), "Windows-1251", "windows-1251"),
        (WORD.encode("koi8-r"), " koi8-r ", "KOI8-R"),
        (WORD.encode("cp866"), "ibm866", "IBM866"),
        (WORD.encode("utf-16-le"), "utf-16", "UTF-16LE"),
        (WORD.encode("iso8859-5"), "cyrillic", "ISO-8859-5"),
        (WORD.encode("mac_cyrillic"), "x-mac-cyrillic", "x-mac-cyrillic"),
        (WORD.encode(), "", "UTF-8"),
        (WORD.encode(), "no-such-charset", "UTF-8"),
    ],
)
def test_mark_then_header(content: bytes, charset: str, encoding: str) -> None:
    decoded = decode(content, charset, kind="html")
    assert (decoded.text, decoded.encoding) == (WORD, encoding)


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("<meta charset=windows-1251>", "windows-1251"),
        ("<META CharSet = ' WINDOWS-1251 '>", "windows-1251"),
        ("<meta http-equiv=Content-Type content='text/html; charset=windows-1251'>", "windows-1251"),
        ("<meta content='charset=\"windows-1251\"' http-equiv=content-type>", "windows-1251"),
        ("<!-- <meta charset=koi8-r> --><meta charset=windows-1251>", "windows-1251"),
        ("<script>'<meta charset=koi8-r>'</script><meta charset=windows-1251>", "windows-1251"),
        ("<meta charset=nonsense><meta charset=windows-1251>", "windows-1251"),
        ("<meta charset=windows-1251><meta charset=koi8-r>", "windows-1251"),
        ("<!--" + "x" * 3_000 + "--><meta charset=windows-1251>", "windows-1251"),
        ('<?xml version="1.0" encoding="windows-1251"?>', "windows-1251"),
    ],
)
def test_a_page_declares(head: str, encoding: str) -> None:
    decoded = decode((head + WORD).encode("cp1251"), kind="html")
    assert decoded.encoding == encoding
    assert decoded.text.endswith(WORD)


def test_a_declaration_of_utf_16_that_can_be_read_means_utf_8() -> None:
    assert decode(("<meta charset=utf-16>" + WORD).encode(), kind="html").encoding == "UTF-8"


def test_latin_1_is_windows_1252() -> None:
    decoded = decode("“€” café".encode("cp1252"), "iso-8859-1")
    assert (decoded.text, decoded.encoding) == ("“€” café", "windows-1252")
    assert decode(b"\x81", "latin1").text == "\x81"


def test_undeclared_is_utf_8_where_it_can_be() -> None:
    assert decode(WORD.encode() + b"\xd0").encoding == "UTF-8"  # cut inside a letter by some limit
    assert decode("café näive".encode("latin-1"), kind="html").encoding == "windows-1252"
    assert decode("Съешь ещё этих мягких французских булок".encode("cp1251"), kind="html").encoding == "windows-1251"


def test_utf_16_without_its_mark() -> None:
    assert decode("<p>Ж</p>".encode("utf-16-le"), kind="html").text == "<p>Ж</p>"
    assert decode("<?xml?><a>".encode("utf-16-be"), kind="xml").text == "<?xml?><a>"


def test_style_sheets_and_xml_declare_their_way() -> None:
    assert decode(b'@charset "koi8-r";', kind="css").encoding == "KOI8-R"
    assert decode(b"@charset 'koi8-r';", kind="css").encoding == "UTF-8"
    assert decode(b'<?xml version="1.0" encoding="koi8-r"?>', kind="xml").encoding == "KOI8-R"
    assert decode(b"<meta charset=koi8-r>", kind="xml").encoding == "UTF-8"


def test_what_is_broken_is_replaced() -> None:
    assert decode(b"a\xffb", "utf-8").text == "a\ufffdb"
    assert decode(b"\x1b$)C", "iso-2022-kr").text == "\ufffd"  # read as nothing, since it can hide markup


@pytest.mark.parametrize(
    ("label", "name", "codec"),
    [
        ("UTF8", "UTF-8", "utf-8"),
        ("latin1", "windows-1252", "windows-1252"),
        ("gb2312", "GBK", "GBK"),
        ("sjis", "Shift_JIS", "cp932"),
        ("euc-kr", "EUC-KR", "cp949"),
        ("big5", "Big5", "big5hkscs"),
        ("utf-16be", "UTF-16BE", "utf-8"),
        ("mac", "macintosh", "mac_roman"),
        ("tis-620", "windows-874", "cp874"),
        ("utf-7", "", "utf-8"),
        ("x" * 100, "", "utf-8"),
    ],
)
def test_labels(label: str, name: str, codec: str) -> None:
    assert canonical(label) == name
    assert codec_of(name) == codec
    assert "a".encode(codec) == b"a"
