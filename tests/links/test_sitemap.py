"""Links of sitemaps and of indexes of sitemaps."""

from __future__ import annotations

import gzip

from .pages import page_of

XML = "application/xml"
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"

SITEMAP = f"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="{NAMESPACE}" xmlns:xhtml="http://www.w3.org/1999/xhtml"
        xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <url>
    <loc>https://site.example/?a=1&amp;b=2</loc><lastmod>2026-01-01</lastmod>
    <xhtml:link rel="alternate" hreflang="ru" href="https://site.example/ru"/>
    <image:image><image:loc>https://site.example/i.png</image:loc></image:image>
  </url>
  <url><loc>
    <![CDATA[https://site.example/путь]]>
  </loc></url>
  <url><loc/></url>
</urlset>
"""


def test_sitemap() -> None:
    page = page_of(SITEMAP, XML, "https://site.example/sitemap.xml")
    assert page.kind == "sitemap"
    assert page.truncated == ""
    assert [(link.raw, link.line, link.column, link.origin, link.follow) for link in page.links] == [
        ("https://site.example/?a=1&b=2", 5, 10, "sitemap", True),
        ("https://site.example/ru", 6, 53, "sitemap", True),
        ("https://site.example/i.png", 7, 29, "sitemap image", False),
        ("https://site.example/путь", 10, 14, "sitemap", True),
    ]


def test_index() -> None:
    index = f"<sitemapindex xmlns='{NAMESPACE}'><sitemap><loc>/one.xml.gz</loc></sitemap></sitemapindex>"
    (link,) = page_of(index, XML, "https://site.example/sitemap.xml").links
    assert (link.url, link.origin, link.follow) == ("https://site.example/one.xml.gz", "sitemap index", True)


def test_gzipped_with_and_without_a_type() -> None:
    packed = gzip.compress(SITEMAP.encode())
    for media in ("application/gzip", "application/x-gzip", "application/octet-stream", ""):
        page = page_of(packed, media, "https://site.example/sitemap.xml.gz?x")
        assert page.kind == "sitemap"
        assert len(page.links) == 4


def test_gzipped_list() -> None:
    packed = gzip.compress(b"https://site.example/1\nhttps://site.example/2\n")
    page = page_of(packed, "application/gzip", "https://site.example/sitemap.txt.gz")
    assert page.kind == "sitemap"
    assert len(page.links) == 2


def test_other_prefixes_and_encodings() -> None:
    text = f'<?xml version="1.0" encoding="windows-1251"?><s:urlset xmlns:s="{NAMESPACE}"><s:url><s:loc>http://x/я</s:loc></s:url></s:urlset>'
    page = page_of(text.encode("cp1251"), "text/xml")
    assert (page.encoding, page.links[0].raw) == ("windows-1251", "http://x/я")
    assert page_of(text.encode("utf-16"), "text/xml; charset=utf-8").links[0].raw == "http://x/я"


def test_what_is_cut_or_broken_is_read_up_to_there() -> None:
    cut = page_of(SITEMAP[: SITEMAP.index("путь")], XML)
    assert len(cut.links) == 3
    assert cut.truncated.startswith("XML: ")
    assert "line 10" in cut.truncated


def test_limit() -> None:
    many = "<urlset>" + "<url><loc>http://x/</loc></url>" * 20 + "</urlset>"
    page = page_of(many, XML, limit=7)
    assert len(page.links) == 7
    assert "7" in page.truncated


def test_a_bomb_of_entities_is_refused() -> None:
    bomb = (
        "<!DOCTYPE urlset [<!ENTITY a 'aaaaaaaaaa'>"
        + "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(12))
        + "]><urlset><url><loc>http://x/&m;</loc></url></urlset>"
    )
    page = page_of(bomb, XML)
    assert page.links == []
    assert "entity" in page.truncated


def test_no_entity_from_elsewhere_is_fetched() -> None:
    text = (
        "<!DOCTYPE urlset SYSTEM 'file:///etc/passwd' [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
        "<urlset><url><loc>http://x/&x;</loc></url></urlset>"
    )
    page = page_of(text, XML)
    assert page.links == []
    assert "entity" in page.truncated
