"""Links and anchors of an HTML page: all that a browser would load or follow, in the tree it would build.

The tree is turbohtml's, built by the rules of the HTML Standard, so comments, scripts, `<textarea>`,
misnested and unclosed elements, foreign content and entities mean what they mean in a browser. `elements`
says which attributes are links; here the tree is walked, places in the source are found, and `<base>` is
obeyed.

What a browser does not read is left out: `<template>` (unless it makes a shadow root), and what scripts would
add. `<noscript>` is read as by a browser without scripts, since none run here.
"""

from __future__ import annotations

from itertools import islice

import turbohtml
from turbohtml import Document, Element, Namespace, Text

from sockwright.links.elements import Reading
from sockwright.links.extract import TEXT_LIMIT, Harvest, Inset, cut_text
from sockwright.links.resolve import Resolver
from sockwright.links.url import BadURL, parse

SRCDOC_DEPTH = 3  # pages in `srcdoc` in pages in `srcdoc`
TEXT_NODES = 64  # nodes of a link that are asked for its text

# One query finds every element that may carry a link, in document order.
_CARRIERS = ",".join(
    [
        "[href]", "[src]", "[srcset]", "[style]", "[data]", "[poster]", "[formaction]", "[background]",
        "[imagesrcset]", "[srcdoc]", "[xlink\\:href]", "form", "meta[http-equiv]", "style",
    ]
)  # fmt: skip
_HTML = Namespace.HTML
_LANGUAGES = {Namespace.SVG: "svg", Namespace.MATHML: "math"}


def read_html(harvest: Harvest, depth: int = 0) -> None:
    """Harvest a page; its base may change the harvest's resolver."""
    document = turbohtml.parse(harvest.text, allow_declarative_shadow_roots=False)
    inert = _inert(document)
    _take_anchors(document, inert, harvest.anchors)
    base = next((e for e in document.select("base[href]") if e.position not in inert and e.namespace is _HTML), None)
    if base is not None:
        url = based(harvest.resolver.base, base.attr("href") or "")
        harvest.resolver = Resolver(url, harvest.resolver.encoding)

    def read_inner(text: str, offset: int, exact: bool) -> None:
        if depth < SRCDOC_DEPTH:
            read_html(Inset(text, harvest, offset, exact=exact), depth + 1)

    reading = Reading(harvest, text_of, read_inner)
    starts = harvest.starts
    read = set(inert)
    for element in document.select(_CARRIERS):
        position = element.position
        if position is None:  # implied: `<html>`, `<head>` or `<body>` with the attributes of a later tag
            position = (1, 0)
        elif position in read:  # repairing misnested elements makes copies of what was written once
            continue
        else:
            read.add(position)
        offset = starts[position[0] - 1] + position[1]
        if (space := element.namespace) is not _HTML:
            reading.read(element, offset, _LANGUAGES[space])
        elif element.tag == "a":
            reading.read_anchor(element, offset, position)
        else:
            reading.read(element, offset)
        if harvest.full:
            break


def based(url: str, href: str) -> str:
    """Return the base that `<base href>` makes of a page's URL; a bad one makes none (HTML, 4.2.3)."""
    try:
        base = parse(href, parse(url))
    except BadURL:
        return url
    return url if base.scheme in ("data", "javascript") else str(base)


def text_of(element: Element) -> str:
    """Return the text of a link, with what its pictures say, on one line and cut to size."""
    if len(element) == 1 and isinstance(only := element[0], Text):
        return cut_text(only.data)
    pieces: list[str] = []
    length = 0
    for node in islice(element.descendants, TEXT_NODES):
        if isinstance(node, Text):
            pieces.append(node.data)
            length += len(pieces[-1])
            if length > 2 * TEXT_LIMIT:
                break
        elif isinstance(node, Element) and node.tag == "img":
            pieces.append(node.attr("alt") or "")
    return cut_text("".join(pieces))


def seen_text(page: str) -> str:
    """Return the text that a reader of a page sees."""
    return turbohtml.parse(page, positions=False, allow_declarative_shadow_roots=False).to_text()


def _take_anchors(document: Document, inert: set[tuple[int, int]], anchors: set[str]) -> None:
    for query, attribute in (("[id]", "id"), ("a[name]", "name")):
        for element in document.select(query):
            if (name := element.attr(attribute)) and not (inert and element.position in inert):
                anchors.add(name)


def _inert(document: Document) -> set[tuple[int, int]]:
    """Return the places of all elements that stand in a template, where nothing is loaded (HTML, 4.12.3)."""
    inert: set[tuple[int, int]] = set()
    for template in document.select("template"):
        if template.position in inert or template.attr("shadowrootmode") in ("open", "closed"):
            continue
        inert.update(element.position for element in template.iter_elements() if element.position)
    return inert
