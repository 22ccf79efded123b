"""Links of feeds."""

from __future__ import annotations

from .pages import page_of

RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel>
  <title>News</title>
  <link>https://site.example/</link>
  <atom:link rel="self" href="https://site.example/feed.xml"/>
  <atom:link rel="hub" href="https://hub.example/"/>
  <image><url>/logo.png</url><title>News</title><link>/</link></image>
  <item>
    <title>First</title>
    <link>https://site.example/one/</link>
    <guid>https://site.example/?p=1</guid>
    <guid isPermaLink="false">tag:1</guid>
    <enclosure url="https://site.example/one.mp3" length="1" type="audio/mpeg"/>
    <description>&lt;a href="rel.html"&gt;x&lt;/a&gt;&nbsp;</description>
    <content:encoded><![CDATA[<p>
<img src="i.png">]]></content:encoded>
  </item>
  <item><link>
    /two
  </link><description>no &lt; html</description></item>
</channel>
</rss>
"""

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://site.example/blog/">
  <title type="html">&lt;a href="t">T&lt;/a></title>
  <link href="."/>
  <link rel="self" href="feed.atom"/>
  <author><uri>me.html</uri></author>
  <icon>icon.png</icon><logo>/logo.png</logo>
  <generator uri="https://gen.example/">G</generator>
  <id>urn:x</id>
  <entry xml:base="2026/">
    <title>Entry</title>
    <link href="one.html"/>
    <link rel="enclosure" href="one.mp3"/>
    <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">
      <a href="in.html">In</a><img src="in.png"/></div></content>
    <summary type="html"><![CDATA[<a href="sum.html">]]></summary>
    <summary>&lt;a href="no"></summary>
  </entry>
  <entry><content src="c.pdf" type="application/pdf"/></entry>
</feed>
"""


def test_rss() -> None:
    page = page_of(RSS, "application/rss+xml", "https://site.example/feed.xml")
    assert (page.kind, page.truncated, page.base) == ("feed", "", "https://site.example/feed.xml")
    assert [(link.url, link.line, link.column, link.origin) for link in page.links] == [
        ("https://site.example/", 5, 9, "feed"),
        ("https://site.example/feed.xml", 6, 31, "feed"),
        ("https://site.example/logo.png", 8, 15, "feed"),
        ("https://site.example/", 8, 55, "feed"),
        ("https://site.example/one/", 11, 11, "feed"),
        ("https://site.example/?p=1", 12, 11, "feed"),
        ("https://site.example/one.mp3", 14, 21, "feed"),
        ("https://site.example/one/rel.html", 15, 18, "a[href]"),
        ("https://site.example/one/i.png", 17, 11, "img[src]"),
        ("https://site.example/two", 20, 5, "feed"),
    ]
    assert [link.text for link in page.links if link.url.endswith("/one/")] == ["First"]
    assert {link.url for link in page.links if not link.follow} == {
        "https://site.example/logo.png",
        "https://site.example/one.mp3",
        "https://site.example/one/i.png",
    }


def test_atom() -> None:
    page = page_of(ATOM, "application/atom+xml", "https://site.example/feed.atom")
    assert (page.kind, page.truncated) == ("feed", "")
    blog = "https://site.example/blog/"
    assert [link.url for link in page.links] == [
        blog + "t",
        blog,
        blog + "feed.atom",
        blog + "me.html",
        blog + "icon.png",
        "https://site.example/logo.png",
        "https://gen.example/",
        blog + "2026/one.html",
        blog + "2026/one.mp3",
        blog + "2026/in.html",
        blog + "2026/in.png",
        blog + "2026/sum.html",
        blog + "c.pdf",
    ]
    by_url = {link.url: link for link in page.links}
    assert (by_url[blog + "2026/in.html"].line, by_url[blog + "2026/in.html"].column) == (15, 16)
    assert by_url[blog + "2026/in.html"].text == "In"
    assert (by_url[blog + "2026/sum.html"].line, by_url[blog + "2026/sum.html"].column) == (16, 44)


def test_rss_1_0() -> None:
    text = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
        '<channel rdf:about="http://x/no"><link>http://x/</link></channel>'
        '<item rdf:about="http://x/no"><link>http://x/1</link></item></rdf:RDF>'
    )
    assert [link.raw for link in page_of(text, "application/rdf+xml").links] == ["http://x/", "http://x/1"]


def test_a_feed_that_is_not_well_formed() -> None:
    page = page_of(RSS.replace("</guid>", "</giud>", 1), "application/rss+xml")
    assert "XML" in page.truncated
    assert len(page.links) == 5
    assert page_of("<rss><channel><link>x</link>", "text/xml", limit=0).links == []
