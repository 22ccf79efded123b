"""The fast way to a whole URL gives what the long way gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sockwright.links.resolve import _CLEAN, Resolver
from sockwright.links.url import BadURL, parse

BASES = [
    "http://example.org/docs/guide/page.html?old=1#there",
    "https://example.org",
    "http://u:p@127.0.0.1:8080/a//b/",
    "http://example.org/a/b?x/y/../z",
    "file:///srv/ann/index.html",
    "mailto:a@b",
]
PIECES = [
    "../",
    "../../",
    "/",
    "//",
    "a",
    "b.html",
    ".",
    "..",
    "x:y",
    "?",
    "?q=1&r=2",
    "#",
    "#top",
    "%2e",
    "%2E%2e",
    "%2F",
    "%20",
    "http:",
    "https:",
    "//",
    "example.com",
    "Example.com",
    "127.0.0.1",
    "256.1.1.1",
    "1.2",
    ":80",
    ":443",
    ":8080",
    ":0",
    "'",
    "\\",
    " ",
    "é",
    "~",
    "@",
    "xn--e1afmkfd",
    "-",
    "_",
    "0x1",
    "mailto:",
    "'",
    '"',
    "`",
]


def the_long_way(text: str, base: str) -> str:
    try:
        return str(parse(text, parse(base)))
    except BadURL:
        return ""


@settings(max_examples=3_000, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), st.sampled_from(BASES))
def test_both_ways_agree(text: str, base: str) -> None:
    url, fault = Resolver(base).resolve(text)
    assert url == the_long_way(text, base)
    assert bool(url) != bool(fault)


@pytest.mark.parametrize(
    "text",
    [
        "page.html",
        "../img/a.png",
        "/docs/x.html#frag",
        "x?a=1&b=2",
        "#top",
        "https://example.com/a/b",
        "https://example.com",
        "http://127.0.0.1:8080/x",
        "/wiki/Help:Contents",
        "a%20b",
        "http://xn--e1afmkfd.xn--p1ai/",
        "../",
        "/",
    ],
)
def test_the_common_spellings_go_the_fast_way(text: str) -> None:
    assert _CLEAN.fullmatch(text) or text == "../"
    assert Resolver(BASES[0]).resolve(text) == (the_long_way(text, BASES[0]), "")


def test_a_base_that_is_no_url() -> None:
    resolver = Resolver("http://")
    assert resolver.resolve("http://example.org/x") == ("http://example.org/x", "")
    assert resolver.resolve("x")[1]
    assert resolver.base == "http://"


def test_the_base_is_told_in_its_canonical_form() -> None:
    assert Resolver("HTTP://Example.org:80").base == "http://example.org/"


def test_a_base_that_looks_well_but_is_none() -> None:
    resolver = Resolver("http://bad host/a/b")
    assert resolver.resolve("x.html")[0] == ""
    assert resolver.resolve("/x.html")[1]
    assert resolver.resolve("https://example.org/")[0] == "https://example.org/"
