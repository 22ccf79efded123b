"""Links and anchors of XHTML and SVG documents."""

from __future__ import annotations

from .pages import page_of

XHTML = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:xl="http://www.w3.org/1999/xlink" id="root">
<head><title/><base href="/base/"/><script src="s.js"/>
<style>/*<![CDATA[*/ a { b: url(c.png) } /*]]>*/</style></head>
<body><a id="one" name="two" href="?a=1&amp;b=2">A&nbsp;<b>link</b></a><textarea/><A href="no"/>
<svg xmlns="http://www.w3.org/2000/svg"><use xl:href="#one"/><a href="s"/></svg>
<template><a href="no"/></template><img src="i.png" alt="Ж"/></body></html>
"""


def test_xhtml() -> None:
    page = page_of(XHTML, "application/xhtml+xml")
    assert (page.kind, page.truncated, page.base) == ("html", "", "http://site.example/base/")
    assert page.anchors == {"root", "one", "two"}
    assert [(link.origin, link.raw, link.line, link.column) for link in page.links] == [
        ("script[src]", "s.js", 4, 49),
        ("css url()", "c.png", 5, 1),  # CDATA stands between: the place is the element
        ("a[href]", "?a=1&b=2", 6, 36),
        ("use[xlink:href]", "#one", 7, 41),
        ("a[href]", "s", 7, 71),
        ("img[src]", "i.png", 8, 46),
    ]
    assert [link.text for link in page.links] == ["", "", "Alink", "", "", "Ж"]


def test_svg() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">\n'
        '<style>@import "x.css";</style><g id="icon" style="fill: url(p.svg#q)"/>'
        '<a xlink:href="y"><text>T</text></a><image href="z.png"/></svg>'
    )
    page = page_of(svg, "image/svg+xml", "http://site.example/i/sprite.svg")
    assert page.kind == "svg"
    assert page.anchors == {"icon"}
    assert [link.url for link in page.links] == [
        "http://site.example/i/x.css",
        "http://site.example/i/p.svg#q",
        "http://site.example/i/y",
        "http://site.example/i/z.png",
    ]
    assert page.links[2].text == "T"


def test_what_is_not_well_formed_is_read_up_to_there() -> None:
    page = page_of(
        '<html xmlns="http://www.w3.org/1999/xhtml"><a href="x">1</a><br><a href="y"></html>',
        "application/xhtml+xml",
    )
    assert [link.raw for link in page.links] == ["x", "y"] or [link.raw for link in page.links] == ["x"]
    assert page.truncated.startswith("XML: ")


def test_an_xml_document_of_no_known_kind_has_no_links() -> None:
    page = page_of("<a href='x'/>", "application/xml")
    assert (page.kind, page.links) == ("other", [])


def test_depth_is_limited() -> None:
    page = page_of('<svg xmlns="http://www.w3.org/2000/svg">' + "<a href='x'>" * 100_000, "image/svg+xml")
    assert "deep" in page.truncated
