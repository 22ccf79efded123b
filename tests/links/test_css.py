"""URLs in style sheets."""

from __future__ import annotations

import time

import pytest

from sockwright.links.css import read_css

from .pages import page_of


def urls(css: str, *, sheet: bool = True) -> list[str]:
    taken: list[str] = []
    read_css(css, lambda raw, _at, _origin: taken.append(raw), sheet=sheet)
    return taken


@pytest.mark.parametrize(
    ("css", "raws"),
    [
        ("a { b: url(x) }", ["x"]),
        ("a { b: url( 'x' ) }", ["x"]),
        ('a { b: URL("x y") }', ["x y"]),
        ("a { b: url(x), url(y) }", ["x", "y"]),
        (r"a { b: url(a\)b) }", ["a)b"]),
        (r"a { b: url(a\20 b) }", ["a b"]),
        (r"a { b: url('a\'b') }", ["a'b"]),
        ("a { b: url('a\\\nb') }", ["ab"]),
        (r"a { b: \75 rl(x); c: u\72l(y); d: \u\r\l(z) }", ["x", "y", "z"]),
        (r"a { b: url(\0\d800 \ffffff) }", ["\ufffd\ufffd\ufffd"]),
        ("a { b: url(x", ["x"]),
        ("a { b: url('x", ["x"]),
        ("a { b: url(data:image/png;base64,AA==) }", ["data:image/png;base64,AA=="]),
        ("@import 'x';", ["x"]),
        ('@import url("x") screen and (a: b);', ["x"]),
        ("@IMPORT/**/url(x);@import\n'y'", ["x", "y"]),
        (r"@\69mport 'x';", ["x"]),
        ("@charset 'x'; @layer a, b; @import 'y';", ["y"]),
        ("@font-face { src: url(x?#iefix) format('y'), url(z) }", ["x?#iefix", "z"]),
        ("a { b: image-set('x' 1x, url(y) 2x, 'z' type('image/avif')); c: url(w) }", ["x", "y", "z", "w"]),
        ("a { b: -webkit-image-set(url('x') 1x) }", ["x"]),
        ("a { --x: url(x) }", ["x"]),
        ('.a\\"b { c: url(x) }', ["x"]),
        ("a { b: 'unclosed\n; c: url(x) }", ["x"]),
        ("a { b: url(bad url) } c { d: url(x) }", ["x"]),
    ],
)
def test_loads(css: str, raws: list[str]) -> None:
    assert urls(css) == raws


@pytest.mark.parametrize(
    "css",
    [
        "/* url(x) */",
        "/* @import 'x'; url(y)",
        "a { content: 'url(x)' }",
        "a { content: \"@import 'x';\" }",
        "a { b: url() } c { d: url('') } e { f: url(  ) }",
        "a { b: url(#x) } c { d: url('#y') }",
        "a { b: curl(x) } c { d: my-url(x) }",
        "a {} @import 'x';",
        "@media print { @import 'x'; }",
        "@namespace 'x'; @namespace svg url(y);",
        "@important 'x';",
        "a { b: url(bad url) }",
        "a { b: url(bad'url) }",
        "a { b: url(var(--x)) }",
        r"a { b: url\(x) }",
        "",
    ],
)
def test_loads_nothing(css: str) -> None:
    assert urls(css) == []


def test_a_style_attribute_imports_nothing() -> None:
    assert urls("@import 'x'; b: url(y)", sheet=False) == ["y"]


def test_a_style_sheet_is_a_page() -> None:
    page = page_of("\ufeff@import 'a.css';\n.x { b: url(../я.png) }", "text/css", "http://site.example/css/main.css")
    assert page.kind == "css"
    assert page.anchors == frozenset()
    assert [(link.url, link.line, link.column, link.origin) for link in page.links] == [
        ("http://site.example/css/a.css", 1, 10, "css @import"),
        ("http://site.example/%D1%8F.png", 2, 13, "css url()"),
    ]


def test_a_style_sheet_in_its_own_encoding() -> None:
    css = '@charset "windows-1251"; a { b: url(я) }'
    assert page_of(css.encode("cp1251"), "text/css").links[0].raw == "я"
    assert page_of(css.encode("utf-8"), "text/css; charset=utf-8").links[0].raw == "я"


@pytest.mark.parametrize(
    "part",
    [
        "u",
        "url(",
        "url('",
        '"',
        "/*",
        "\\",
        "image-set(",
        "@import ",
        "(",
        "@namespace a ",
        "url( x ",
        "@import/**/",
        "\\0",
    ],
)
def test_no_nastiness_costs_more_than_its_length(part: str) -> None:
    css = part * (500_000 // len(part))
    begun = time.process_time()
    urls(css)
    assert time.process_time() - begun < 3
