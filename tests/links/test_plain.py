"""URLs in plain text, and texts that are lists of them."""

from __future__ import annotations

import time

import pytest

from sockwright.links.plain import trim

from .pages import page_of

TEXT = "text/plain; charset=utf-8"


def urls(text: str) -> list[str]:
    return [link.raw for link in page_of(text, TEXT).links]


@pytest.mark.parametrize(
    ("text", "raws"),
    [
        ("see http://a.example/x.", ["http://a.example/x"]),
        ("(http://a.example/x)", ["http://a.example/x"]),
        ("http://a.example/x_(y)", ["http://a.example/x_(y)"]),
        ("(see http://a.example/x_(y)).", ["http://a.example/x_(y)"]),
        ("f(http://a.example/x)g", ["http://a.example/x"]),
        ("<http://a.example/x>", ["http://a.example/x"]),
        ('"http://a.example/x"', ["http://a.example/x"]),
        ("[text](http://a.example/x)", ["http://a.example/x"]),
        ("http://a.example/?q=[1]&r=2;", ["http://a.example/?q=[1]&r=2"]),
        ("http://a.example/x!? http://b.example/,", ["http://a.example/x", "http://b.example/"]),
        ("HTTPS://A.example/X", ["HTTPS://A.example/X"]),
        ("ftp://a.example/x", ["ftp://a.example/x"]),
        ("mailto:ann@a.example.", ["mailto:ann@a.example"]),
        ("mailto:ann@a.example?subject=Hi, bye", ["mailto:ann@a.example?subject=Hi"]),
        ("http://[::1]:80/x, http://127.0.0.1/", ["http://[::1]:80/x", "http://127.0.0.1/"]),
        ("http://a.example/a%20b#c", ["http://a.example/a%20b#c"]),
        (
            "Смотри http://пример.рф/путь, или «https://a.example/ё».",
            ["http://пример.рф/путь", "https://a.example/ё"],
        ),
        ("Ссылка:https://a.example/x…", ["https://a.example/x"]),
        ("https://a.example/x — да", ["https://a.example/x"]),
        ("请看https://a.example/页。好", ["https://a.example/页"]),
        ("http://a.example/x\u200b", ["http://a.example/x"]),
        ("http://", []),
        ("http://...", []),
        ("a.example/x www.a.example", []),
        ("xhttp://a.example", []),
        ("javascript:alert(1)", []),
        ("", []),
    ],
)
def test_urls_in_text(text: str, raws: list[str]) -> None:
    assert urls(text) == raws


def test_places_and_kind() -> None:
    page = page_of("Ж http://a.example/\r\n\r\n  (http://b.example/)", TEXT)
    assert page.kind == "text"
    assert [(link.line, link.column, link.origin) for link in page.links] == [(1, 3, "text"), (3, 4, "text")]


def test_a_list_of_urls_is_a_sitemap() -> None:
    page = page_of("http://a.example/x,\nhttp://b.example/y.\n\n  https://c.example/\n", TEXT)
    assert page.kind == "sitemap"
    assert [link.raw for link in page.links] == [
        "http://a.example/x,",
        "http://b.example/y.",
        "https://c.example/",
    ]
    assert all(link.follow for link in page.links)
    assert page_of("http://a.example/ and more\n", TEXT).kind == "text"
    assert page_of("", TEXT).kind == "text"


def test_trim_keeps_what_is_balanced() -> None:
    assert trim("http://a/((b))c") == "http://a/((b))c"
    assert trim("http://a/(b") == "http://a/(b"
    assert trim("http://a/b])") == "http://a/b"


@pytest.mark.parametrize(
    "text",
    ["http://" + "(" * 500_000, "http://a" + ")" * 500_000, "http://a " * 50_000, "\n" * 500_000 + "x"],
)
def test_long_texts_cost_little(text: str) -> None:
    begun = time.process_time()
    urls(text)
    assert time.process_time() - begun < 3
