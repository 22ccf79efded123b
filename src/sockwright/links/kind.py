"""What kind of document some bytes are: by Content-Type, else by the name in the URL, else by the look.

A page served as `text/plain` is text, as a browser would show it; only a Markdown name is believed over
`text/plain`, since most servers know no better type for Markdown. XML is told apart by its root element.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

HTML = frozenset({"text/html", "application/vnd.wap.xhtml+xml"})
XHTML = "application/xhtml+xml"
SVG = "image/svg+xml"
MARKDOWN = frozenset({"text/markdown", "text/x-markdown", "text/x-web-markdown"})
XML = frozenset({"text/xml", "application/xml"})
FEEDS = frozenset({"application/rss+xml", "application/atom+xml", "application/rdf+xml"})
GZIP = frozenset({"application/gzip", "application/x-gzip"})
UNKNOWN = frozenset({"", "application/octet-stream", "unknown/unknown", "application/unknown", "*/*"})

_SUFFIXES = {
    **dict.fromkeys(("html", "htm", "shtml"), "html"),
    **dict.fromkeys(("xhtml", "xht", "svg", "xml", "rss", "atom", "rdf"), "xml"),
    **dict.fromkeys(("md", "markdown", "mdown", "mkd"), "markdown"),
    **dict.fromkeys(("txt", "text", "rst", "adoc", "log"), "text"),
    "css": "css",
}
_PARAMETER = re.compile(r";\s*charset\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"?|([^;\s]*))", re.IGNORECASE)
_LOOKS_HTML = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|meta|link|base"
    rb"|ul|ol|img|svg|main|nav|header|section|article|form|noscript|template)[\s/>]",
    re.IGNORECASE,
)
_LOOKS_XML = re.compile(rb"<\?xml[\s?]")
_BEFORE_HTML = re.compile(rb"\s+|<!--.*?-->", re.DOTALL)
_BEFORE_ROOT = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL)
_ROOT = re.compile(r"<([A-Za-z_][^\s/>]*)")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAMPLE = 1_445  # bytes that are looked at, as many as browsers take (MIME Sniffing, 5.2)


def media_type(content_type: str) -> str:
    """Return the bare type of a Content-Type field: `Text/HTML ;charset=x` is `text/html`."""
    return content_type.partition(";")[0].partition(",")[0].strip().lower()


def charset_of(content_type: str) -> str:
    """Return the charset parameter of a Content-Type field, the first if there are more."""
    match = _PARAMETER.search(content_type)
    if match is None:
        return ""
    return re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2]


def kind_of(content: bytes, url: str, content_type: str = "") -> str:
    """Return "html", "css", "markdown", "text", "xml" (see `kind_of_xml`), "gzip" or "other"."""
    media = media_type(content_type)
    suffix = _suffix_of(url)
    if media in UNKNOWN:
        if content.startswith(b"\x1f\x8b"):
            return "gzip"
        return _SUFFIXES.get(suffix) or _looks_like(content)
    if media in HTML:
        return "html"
    if media in (XHTML, SVG) or media in XML or media in FEEDS or media.endswith("+xml"):
        return "xml"
    if media == "text/css":
        return "css"
    if media in MARKDOWN or (media == "text/plain" and _SUFFIXES.get(suffix) == "markdown"):
        return "markdown"
    if media in GZIP:
        return "gzip"
    return "text" if media == "text/plain" else "other"


def kind_of_xml(text: str) -> str:
    """Tell what an XML document is by its root: "sitemap", "feed", "svg", "html" or "other"."""
    at, end = 0, 65_536
    while before := _BEFORE_ROOT.match(text, at, end):
        at = before.end()
    match = _ROOT.match(text, at, end)
    if match is None:
        return "other"
    match match[1].rpartition(":")[2].lower():
        case "urlset" | "sitemapindex":
            return "sitemap"
        case "rss" | "feed" | "rdf":
            return "feed"
        case "svg":
            return "svg"
        case "html":
            return "html"
        case _:
            return "other"


def _suffix_of(url: str) -> str:
    name = unquote(url.partition("#")[0].partition("?")[0].rpartition("/")[2])
    return name.rpartition(".")[2].lower() if "." in name else ""


def _looks_like(content: bytes) -> str:
    """Guess from the first bytes, much as browsers do for what has no type (MIME Sniffing, 7)."""
    start = content[:_SAMPLE]
    if start.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        start = start.replace(b"\x00", b"").lstrip(b"\xff\xfe\xef\xbb\xbf")
    at = 0
    while before := _BEFORE_HTML.match(start, at):
        at = before.end()
    if _LOOKS_XML.match(start, at):
        return "xml"
    if _LOOKS_HTML.match(start, at):
        return "html"
    return "other" if _BINARY.search(start) else "text"
