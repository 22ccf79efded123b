"""URLs as browsers read them: rule by rule by hand, and against another implementation for the rest."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sockwright.links.url import URL_LIMIT, BadURL, address_of, fragment_of, parse

BASE = "http://example.org/docs/guide/page.html?old=1#there"


def joined(text: str, base: str | None = BASE, encoding: str = "utf-8") -> str:
    return str(parse(text, None if base is None else parse(base), encoding=encoding))


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        # relative
        ("", "http://example.org/docs/guide/page.html?old=1"),
        ("#here", "http://example.org/docs/guide/page.html?old=1#here"),
        ("?new=2", "http://example.org/docs/guide/page.html?new=2"),
        ("next.html", "http://example.org/docs/guide/next.html"),
        ("/root", "http://example.org/root"),
        ("//cdn.example.net/x.js", "http://cdn.example.net/x.js"),
        ("a:b", "a:b"),
        ("./a:b", "http://example.org/docs/guide/a:b"),
        # dots
        ("..", "http://example.org/docs/"),
        ("../", "http://example.org/docs/"),
        ("../..", "http://example.org/"),
        ("../../../../x", "http://example.org/x"),
        ("./.", "http://example.org/docs/guide/"),
        ("/a/./b/../c", "http://example.org/a/c"),
        ("/a/%2e%2E/b", "http://example.org/b"),
        ("/a/.%2e/b", "http://example.org/b"),
        ("/a/%2e/b", "http://example.org/a/b"),
        ("/a/.../b", "http://example.org/a/.../b"),
        ("/a//b", "http://example.org/a//b"),
        ("/a/b/..", "http://example.org/a/"),
        # slashes as people type them
        ("http:/example.com/x", "http://example.org/example.com/x"),  # the base has the scheme too
        ("https:/example.com/x", "https://example.com/x"),
        ("https:example.com/x", "https://example.com/x"),
        ("https:///example.com/x", "https://example.com/x"),
        ("https:\\\\example.com\\a\\b", "https://example.com/a/b"),
        ("\\\\example.com\\a", "http://example.com/a"),
        ("\\a\\b", "http://example.org/a/b"),
        ("..\\x", "http://example.org/docs/x"),
        ("http//example.com/x", "http://example.org/docs/guide/http//example.com/x"),
        ("/x?a\\b", "http://example.org/x?a\\b"),
        # blanks and breaks
        ("  /x  ", "http://example.org/x"),
        ("\n\t/a\r\n/b\t", "http://example.org/a/b"),
        ("ht\ntp://exam\tple.com/", "http://example.com/"),
        ("/a b", "http://example.org/a%20b"),
        ("/a?b c#d e", "http://example.org/a?b%20c#d%20e"),
        ("\x01\x1f/x\x00", "http://example.org/x"),
        # percent-encoding stays as it is
        ("/a%2fb", "http://example.org/a%2fb"),
        ("/a%2Fb", "http://example.org/a%2Fb"),
        ("/%7Euser/~user", "http://example.org/%7Euser/~user"),
        ("/100%", "http://example.org/100%"),
        ("/%zz%4", "http://example.org/%zz%4"),
        ("/путь?ё#но", "http://example.org/%D0%BF%D1%83%D1%82%D1%8C?%D1%91#%D0%BD%D0%BE"),
        ("/a\"<>`{}^b", "http://example.org/a%22%3C%3E%60%7B%7D%5Eb"),
        ("/a|[]b", "http://example.org/a|[]b"),
        ("?it's", "http://example.org/docs/guide/page.html?it%27s"),
        ("#a`b", "http://example.org/docs/guide/page.html?old=1#a%60b"),
        ("##x", "http://example.org/docs/guide/page.html?old=1##x"),
        # host and port
        ("HTTP://EXAMPLE.COM/Path", "http://example.com/Path"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443", "https://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://example.com:0080/", "http://example.com/"),
        ("http://example.com?q", "http://example.com/?q"),
        ("http://example.com#f", "http://example.com/#f"),
        ("http://ex%61mple.com/", "http://example.com/"),
        ("http://example.com./", "http://example.com./"),
        ("http://under_score.example/", "http://under_score.example/"),
        # odd IPv4
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0177.0.0.01/", "http://127.0.0.1/"),
        ("http://127.1", "http://127.0.0.1/"),
        ("http://127.0.0.1./", "http://127.0.0.1/"),
        ("http://192.168.257", "http://192.168.1.1/"),
        ("http://0xffffffff", "http://255.255.255.255/"),
        ("http://1e2.com/", "http://1e2.com/"),
        # IPv6
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://[2001:DB8:0:0:1:0:0:1]/", "http://[2001:db8::1:0:0:1]/"),
        ("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
        ("http://[1:2:3:4:5:6:0:8]/", "http://[1:2:3:4:5:6:0:8]/"),
        ("http://[::]/", "http://[::]/"),
        # names beyond ASCII
        ("http://пример.рф/", "http://xn--e1afmkfd.xn--p1ai/"),
        ("http://ПРИМЕР.рф/", "http://xn--e1afmkfd.xn--p1ai/"),
        ("http://faß.de/", "http://xn--fa-hia.de/"),
        ("http://☃.net/", "http://xn--n3h.net/"),
        ("http://example。com/", "http://example.com/"),
        ("http://１２７.0.0.1/", "http://127.0.0.1/"),
        ("http://XN--E1AFMKFD.xn--p1ai/", "http://xn--e1afmkfd.xn--p1ai/"),
        ("http://ex\u00adample.com/", "http://example.com/"),
        ("http://a--b.example/", "http://a--b.example/"),
        # user and password
        ("http://user:pass@example.com/", "http://user:pass@example.com/"),
        ("http://user@example.com/", "http://user@example.com/"),
        ("http://user:@example.com/", "http://user@example.com/"),
        ("http://a@b@example.com/", "http://a%40b@example.com/"),
        ("http://u:p:q@example.com/", "http://u:p%3Aq@example.com/"),
        # other schemes
        ("mailto:Ann <ann@example.org>", "mailto:Ann <ann@example.org>"),
        ("mailto:анна@example.org", "mailto:%D0%B0%D0%BD%D0%BD%D0%B0@example.org"),
        ("javascript:alert( 1 )", "javascript:alert( 1 )"),
        ("data:text/plain, a#b", "data:text/plain, a#b"),
        ("tel:+7 (495) 1", "tel:+7 (495) 1"),
        ("foo://Host:80/../a", "foo://Host:80/a"),
        ("FTP://example.com:21/x", "ftp://example.com/x"),
        ("file:///C|/x/../../y", "file:///C:/y"),
        ("file://localhost/etc", "file:///etc"),
        ("file:/etc", "file:///etc"),
    ],
)  # fmt: skip
def test_means(text: str, whole: str) -> None:
    assert joined(text) == whole


@pytest.mark.parametrize(
    ("text", "base", "whole"),
    [
        ("x", "http://example.org", "http://example.org/x"),
        ("x", "file:///srv/ann/a.html", "file:///srv/ann/x"),
        ("/x", "file:///srv/ann/a.html", "file:///x"),
        ("..\\..\\..\\x", "file:///c:/a/b", "file:///c:/x"),
        ("/x", "file:///c:/a/b", "file:///c:/x"),
        ("d:/x", "file:///c:/a/b", "d:/x"),
        ("#x", "about:blank", "about:blank#x"),
        ("x", "foo://host/a/b", "foo://host/a/x"),
        ("/..//x", "foo:/a/b", "foo:/.//x"),
        ("//x/y", "https://example.org/", "https://x/y"),
    ],
)
def test_means_against(text: str, base: str, whole: str) -> None:
    assert joined(text, base) == whole


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://", "host is missing"),
        ("http:///", "host is missing"),
        ("https://?x", "host is missing"),
        ("http://:80/", "host is missing"),
        ("http://user@/", "host is missing"),
        ("http://a b/", "' '"),
        ("http://a<b/", "'<'"),
        ("http://a%20b/", "' '"),
        ("http://a|b/", "'|'"),
        ("http://example.com:http/", "no number"),
        ("http://example.com:80:80/", "no number"),
        ("http://example.com:65536/", "65535"),
        ("http://example.com:١/", "no number"),
        ("http://[::1", "IPv6"),
        ("http://[::1%eth0]/", "IPv6"),
        ("http://[1:2:3]/", "IPv6"),
        ("http://[::127.0.0.01]/", "IPv6"),
        ("http://256.0.0.1/", "range"),
        ("http://1.2.3.4.5/", "IPv4"),
        ("http://example.0x/", "IPv4"),
        ("http://1.2.09/", "IPv4"),
        ("http://4294967296/", "range"),
        ("http://" + "9" * 5_000 + "/", "IPv4"),
        ("http://é.xn--a/", "Punycode"),
        ("http://\u0301é.com/", "combining mark"),
        ("http://a\u200db.com/", "stand together"),
        ("http://" + "я" * 2_000 + "/", "longer"),
        ("/" + "a" * URL_LIMIT, "longer"),
    ],
)
def test_means_nothing(text: str, why: str) -> None:
    with pytest.raises(BadURL, match=why.replace("|", "[|]")):
        joined(text)


@pytest.mark.parametrize("text", ["", "x", "/x", "?x", "#x", "//x"])
def test_relative_needs_a_base(text: str) -> None:
    with pytest.raises(BadURL, match="relative"):
        joined(text, None)


@pytest.mark.parametrize("text", ["x", "/x", "?x", ""])
def test_an_opaque_base_is_no_place(text: str) -> None:
    with pytest.raises(BadURL, match="relative"):
        joined(text, "mailto:a@b")


def test_a_long_data_url_passes() -> None:
    url = "data:text/plain," + "a" * 100_000
    assert joined(url) == url


def test_the_query_is_written_in_the_encoding_of_the_page() -> None:
    assert joined("/слово?слово", encoding="cp1251").endswith("/%D1%81%D0%BB%D0%BE%D0%B2%D0%BE?%F1%EB%EE%E2%EE")
    assert joined("?あ", encoding="cp1251").endswith("?%26%2312354%3B")
    assert joined("ws://x/?слово", encoding="cp1251").endswith("?%D1%81%D0%BB%D0%BE%D0%B2%D0%BE")


def test_parts() -> None:
    url = parse("https://u:p@Example.org:8443/a/b?c#d")
    assert (url.scheme, url.username, url.password, url.host, url.port) == (
        "https",
        "u",
        "p",
        "example.org",
        8443,
    )
    assert (url.path, url.query, url.fragment) == ("/a/b", "c", "d")
    assert url.origin == "https://example.org:8443"
    assert url.address == "https://u:p@example.org:8443/a/b?c"
    assert parse("mailto:a@b").origin == ""


def test_fragment_and_address() -> None:
    assert address_of("http://a/b?c#d#e") == "http://a/b?c"
    assert fragment_of("http://a/b?c#d#e") == "d#e"
    assert fragment_of("http://a/") == ""


@pytest.mark.parametrize(
    "spelling",
    [
        "HTTP://Example.ORG:80/a/./b/../c?d#one",
        "http:\\\\example.org\\a\\c?d#two",
        " http://example.org/a/x/%2e%2e/c?d\n",
        "http://ex%41mple.org/a/c?d#",
    ],
)
def test_one_address_in_several_spellings(spelling: str) -> None:
    assert parse(spelling).address == "http://example.org/a/c?d"


PIECES = st.one_of(
    st.sampled_from(["/", "//", "\\", "///", ".", "..", "%2e", "%2E.", "?", "#", "@", ":", "?q=1", "#frag"]),
    st.sampled_from(["80", "443", "[", "]", "[::1]", "[1:0:0:2::3]", "0x7f", "1", "256", "0", "00", "09", "0x"]),
    st.sampled_from(["a", "x", "example.org", "EXAMPLE", "localhost", "127.0.0.1", "1.2.3", "C:", "c|", "u:p@"]),
    st.sampled_from(["é", "☃", "ß", "xn--", "xn--ls8h", "。", "😀", "пример.рф", "\u00ad"]),
    st.sampled_from(["%", "%41", "%zz", "%2f", "%ff", "%c3%a9", "\t", "\n", " ", "\x00", "\x7f", "b c"]),
    st.sampled_from("|^`{}<>\"'&;=+~$!*(),_-"),
)
SCHEMES = st.sampled_from(
    ["http:", "https:", "HTTP:", "file:", "foo:", "mailto:", "ws:", "ftp:", "data:", "", "", ":", "h-t+p.:"]
)
BASES = st.sampled_from(
    [
        None,
        "http://example.org/a/b/c?q#f",
        "https://u:p@h.org:8080/",
        "file:///c:/dir/x",
        "file:///a/b",
        "mailto:x@y",
        "foo://h/a/b",
        "foo:/a/b",
        "http://[::1]/x",
        "file://host/c:/x",
        "about:blank",
    ]
)


@settings(max_examples=1_500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEMES, st.lists(PIECES, max_size=8), BASES)
def test_agrees_with_ada(scheme: str, pieces: list[str], base: str | None) -> None:
    """Ada is the URL parser of Node and of others; both of us hold to the standard."""
    ada = pytest.importorskip("ada_url")
    text = scheme + "".join(pieces)
    try:
        theirs: str | None = ada.URL(text, base).href
    except ValueError:
        theirs = None
    try:
        ours: str | None = joined(text, base)
    except BadURL:
        ours = None
    if ours is not None and theirs is None and "xn--" in text and not text.isascii():
        return  # what a part in Punycode may decode to depends on the Unicode version
    assert ours == theirs


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), BASES)
def test_is_canonical_once_and_for_all(text: str, base: str | None) -> None:
    try:
        once = joined(text, base)
    except BadURL:
        return
    assert joined(once, None) == once
