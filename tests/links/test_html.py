"""Links of HTML pages: what a browser would load or follow, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .pages import URL, found, links_of, page_of, raws


@pytest.mark.parametrize(
    ("html", "links"),
    [
        ("<a href=x>", [("a[href]", "x")]),
        ("<map><area href=x></map>", [("area[href]", "x")]),
        ("<link rel=stylesheet href=x>", [("link[rel=stylesheet]", "x")]),
        ('<link rel="shortcut icon" href=x>', [("link[rel=icon]", "x")]),
        ('<link rel="alternate stylesheet" href=x>', [("link[rel=stylesheet]", "x")]),
        ("<link rel=canonical href=x>", [("link[rel=canonical]", "x")]),
        (
            "<link rel=preload as=image imagesrcset='x 1x, y 2x'>",
            [("link[imagesrcset]", "x"), ("link[imagesrcset]", "y")],
        ),
        ("<script src=x></script>", [("script[src]", "x")]),
        ("<img src=x>", [("img[src]", "x")]),
        ("<image src=x>", [("img[src]", "x")]),
        ("<img srcset='x, y 2x'>", [("img[srcset]", "x"), ("img[srcset]", "y")]),
        ("<picture><source srcset='x 100w'><img></picture>", [("source[srcset]", "x")]),
        ("<video src=x poster=y></video>", [("video[src]", "x"), ("video[poster]", "y")]),
        ("<audio src=x></audio>", [("audio[src]", "x")]),
        ("<video><source src=x><track src=y></video>", [("source[src]", "x"), ("track[src]", "y")]),
        ("<iframe src=x></iframe>", [("iframe[src]", "x")]),
        ("<frameset><frame src=x></frameset>", [("frame[src]", "x")]),
        ("<embed src=x>", [("embed[src]", "x")]),
        ("<object data=x></object>", [("object[data]", "x")]),
        ("<body background=x>", [("body[background]", "x")]),
        ("<table><td background=x></table>", [("td[background]", "x")]),
        ("<form action=x></form>", [("form[action]", "x")]),
        ("<form method=GET action=x></form>", [("form[action]", "x")]),
        (
            "<form action=x><button formaction=y></button></form>",
            [("form[action]", "x"), ("button[formaction]", "y")],
        ),
        (
            "<form method=post><button formmethod=get formaction=y></button></form>",
            [("button[formaction]", "y")],
        ),
        ("<form method=post><input type=image src=x></form>", [("input[src]", "x")]),
        (
            "<svg><a href=x></a><use href=y /><image href=z /></svg>",
            [("a[href]", "x"), ("use[href]", "y"), ("image[href]", "z")],
        ),
        (
            "<svg><a xlink:href=x></a><use xlink:href='#y'></svg>",
            [("a[xlink:href]", "x"), ("use[xlink:href]", "#y")],
        ),
        ("<svg><use href=x xlink:href=y></svg>", [("use[href]", "x")]),
        (
            "<svg><script href=x></script><feImage href=y /></svg>",
            [("script[href]", "x"), ("feImage[href]", "y")],
        ),
        ("<math><mi href=x>m</mi></math>", [("math[href]", "x")]),
        ("<style>a { b: url(x) }</style>", [("css url()", "x")]),
        ("<style>@import 'x';</style>", [("css @import", "x")]),
        ("<p style='background: url(x)'>", [("css url()", "x")]),
        ("<svg><style>a { b: url(x) }</style></svg>", [("css url()", "x")]),
        ("<meta http-equiv=refresh content='0; url=x'>", [("meta refresh", "x")]),
        ("<iframe srcdoc='<a href=x>'></iframe>", [("a[href]", "x")]),
        ("<iframe srcdoc='&lt;img src=x&gt;'></iframe>", [("img[src]", "x")]),
        ("<noscript><img src=x></noscript>", [("img[src]", "x")]),
        ("<head><noscript><link rel=stylesheet href=x></noscript></head>", [("link[rel=stylesheet]", "x")]),
        ("<a href=''>", [("a[href]", "")]),
        ("<a href>", [("a[href]", "")]),
        ("<template shadowrootmode=open><a href=x></a></template>", [("a[href]", "x")]),
        ("<select><a href=x></a></select>", [("a[href]", "x")]),
        ("<table><a href=x>foster</a><tr><td></table>", [("a[href]", "x")]),
    ],
)
def test_is_loaded_or_followed(html: str, links: list[tuple[str, str]]) -> None:
    assert found(html) == links


@pytest.mark.parametrize(
    "html",
    [
        "<!-- <a href=x> -->",
        "<!-- -- > <a href=x> -->",
        "<!--><!-- <a href=x> --!>",
        "<!--[if IE]><a href=x></a><![endif]-->",
        "<? <a href=x ?>",
        "</ <a href=x>",
        "<script>'<a href=x>'</script>",
        "<script><!-- <script> <a href=x> </script> <a href=y> --></script>",
        "<style>/* <a href=x> url(y) */</style>",
        "<textarea><a href=x></textarea>",
        "<title><a href=x></title>",
        "<xmp><a href=x></xmp>",
        "<iframe><a href=x></iframe>",
        "<noembed><a href=x></noembed>",
        "<plaintext><a href=x>",
        "<template><a href=x><img src=y></template>",
        "<template><template shadowrootmode=open><a href=x></template></template>",
        "<a href='x",
        "<a href=x",
        "<a name=href title='href=x'>",
        "<a data-href=x>",
        "<a xlink:href=x>",
        "<img src=''>",
        "<img src=' '>",
        "<script src></script>",
        "<link rel=stylesheet href=''>",
        "<link rel=preconnect href=//cdn.example>",
        "<link rel='dns-prefetch preconnect' href=//cdn.example>",
        "<link rel=pingback href=x>",
        "<form method=post action=x></form>",
        "<form method=POST action=x></form>",
        "<form method=dialog action=x></form>",
        "<form action=''></form>",
        "<form method=post><button formaction=x></button></form>",
        "<form><button formmethod=post formaction=x></button></form>",
        "<button formaction=x></button>",
        "<input src=x>",
        "<blockquote cite=x></blockquote><ins cite=y></ins>",
        "<a ping=x>",
        "<meta http-equiv=refresh content=5>",
        "<meta http-equiv=refresh content='5; url='>",
        "<meta name=refresh content='0; url=x'>",
        "<meta http-equiv=refresh content='x; url=y'>",
        "<style type=text/less>@import 'x';</style>",
        "<svg><path href=x /></svg>",
        "<svg><![CDATA[<a href=x>]]></svg>",
        "<use href=x>",
    ],
)
def test_is_neither_loaded_nor_followed(html: str) -> None:
    assert found(html) == []


@pytest.mark.parametrize(
    ("html", "raw"),
    [
        ("<a href=?a=1&copy=2>", "?a=1&copy=2"),
        ("<a href='?a=1&amp;b=2'>", "?a=1&b=2"),
        ("<a href='?a&copy;b'>", "?a©b"),
        ("<a href='?a=1&lt'>", "?a=1<"),
        ("<a href='?a&ltb'>", "?a&ltb"),
        ("<a href='?a&notit;b'>", "?a&notit;b"),
        ("<a href='&#x2f;&#47;&#x2Fx'>", "///x"),
        ("<a href='&#0;&#xD800;'>", "��"),
        ("<a href=a/b/>", "a/b/"),
        ('<a href=a"b>', 'a"b'),
        ("<a href=one HREF=two href=three>", "one"),
        ("<A HREF\n=\n'x'>", "x"),
        ("<a/href=x/title=y>", "x/title=y"),
        ("<a =href=x href=y>", "y"),
        ("<a title='>' href=x>", "x"),
        ("<a class=a<b href=x>", "x"),
        ("<a href=' x '>", " x "),
        ("<a href='a\nb'>", "a\nb"),
        ("<![if !IE]><a href=x><![endif]>", "x"),
        ("<!--[if !IE]><!--><a href=x><!--<![endif]-->", "x"),
        ("<!--><a href=x>-->", "x"),
        ("<!--- --!><a href=x>", "x"),
        ("<script>x</script ><a href=x>", "x"),
        ("<script><!-- </script><a href=x>", "x"),
        ("<title></title><a href=x>", "x"),
        ("<textarea></texta></textarea><a href=x>", "x"),
        ("<svg><title><a href=x></title></svg>", "x"),
        ("<svg><desc><p><a href=x></desc></svg>", "x"),
        ("<a href=x\x00y>", "x�y"),
    ],
)
def test_values_are_what_the_tokenizer_makes_of_them(html: str, raw: str) -> None:
    assert raws(html) == [raw]


@pytest.mark.parametrize(
    ("html", "base"),
    [
        ("<base href=/one/><base href=/two/><a href=x>", "http://site.example/one/"),
        ("<a href=x><base href=/one/>", "http://site.example/one/"),
        ("<base target=_blank><base href=/one/><a href=x>", "http://site.example/one/"),
        ("<base href=one/two><a href=x>", "http://site.example/docs/one/two"),
        ("<base href='https://other.example'><a href=x>", "https://other.example/"),
        ("<base href='http://'><a href=x>", URL),
        ("<base href='javascript:1'><a href=x>", URL),
        ("<base href='data:,x'><a href=x>", URL),
        ("<template><base href=/no/></template><a href=x>", URL),
        ("<svg><base href=/no/></svg><a href=x>", URL),
        ("<!-- <base href=/no/> --><base href=/yes/><a href=x>", "http://site.example/yes/"),
    ],
)
def test_the_first_base_counts(html: str, base: str) -> None:
    page = page_of(html)
    assert page.base == base
    assert [link.url for link in page.links] == [base.rsplit("/", 1)[0] + "/x"]


def test_a_page_in_srcdoc_has_its_own_base() -> None:
    page = page_of("<base href=/out/><iframe srcdoc='<base href=in/><a href=x>'></iframe><a href=y>")
    assert [link.url for link in page.links] == ["http://site.example/out/in/x", "http://site.example/out/y"]
    assert page.base == "http://site.example/out/"


@pytest.mark.parametrize(
    ("srcset", "urls"),
    [
        ("a", ["a"]),
        ("a, b", ["a", "b"]),
        ("a,b", ["a,b"]),
        (" ,, a 1x,b 2x,", ["a", "b"]),
        ("a,b,", ["a,b"]),
        ("data:image/png;base64,AA== 1x, b.png 2x", ["data:image/png;base64,AA==", "b.png"]),
        ("a calc(1,2), b", ["a", "b"]),
        ("a\n1x,\n\tb\n2x", ["a", "b"]),
        ("a (, b", ["a"]),
        ("", []),
        (" , ", []),
    ],
)
def test_srcset(srcset: str, urls: list[str]) -> None:
    assert raws(f'<img srcset="{srcset}">') == urls


@pytest.mark.parametrize(
    ("content", "url"),
    [
        ("0; url=x", "x"),
        ("0;URL='x y'", "x y"),
        ('0, "x"z', "x"),
        ("0 x", "x"),
        (" 5.5 ; url = x ", "x "),
        (".5;url=x", "x"),
        ("0; uri=x", "uri=x"),
        ("0;urlx", "urlx"),
        ("0;url=url=x", "url=x"),
        ("0;;x", ";x"),
    ],
)
def test_meta_refresh(content: str, url: str) -> None:
    quote = "'" if '"' in content else '"'
    assert found(f"<meta http-equiv=Refresh content={quote}{content}{quote}>") == [("meta refresh", url)]


def test_places_are_of_the_value() -> None:
    html = (
        "<p>\n"
        '<a class="href=no"\r\n'
        "   href='x'>Ж <a href=y></a>\r"
        '😀<img alt=p src="z" srcset="s1 1x,\n'
        '  s2 2x">\n'
        "<style>\n a { b: url(c1) }\n@media print { b { c: url( 'c2' ) } }</style>\n"
        "<meta http-equiv=refresh content='0; url=r'>\n"
        '<p style="a: url(d)"><iframe srcdoc="<p>\n<a href=e>"></iframe>\n'
        "<iframe srcdoc='&lt;a href=f>'></iframe>"
    )
    places = {link.raw: (link.line, link.column) for link in links_of(html)}
    assert places == {
        "x": (3, 10),
        "y": (3, 23),
        "z": (4, 18),
        "s1": (4, 29),
        "s2": (5, 3),
        "c1": (7, 13),
        "c2": (8, 29),
        "r": (9, 42),
        "d": (10, 18),
        "e": (11, 9),
        "f": (12, 17),
    }


def test_links_come_in_the_order_of_the_source() -> None:
    html = "<table><tr><td><a href=1></a></td></tr><a href=2></a></table><a href=3></a>"
    assert raws(html) == ["1", "2", "3"]


def test_what_repair_copies_is_found_once() -> None:
    assert raws("<p><a href=x>one<p>two</a>three<b><a href=y>four<p></b>five") == ["x", "y"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<a href=x>Read\n  <b>this</b> &amp; that</a> not this", "Read this & that"),
        ("<a href=x><img src=i alt='A picture'></a>", "A picture"),
        ("<a href=x title='A title'></a>", "A title"),
        ("<a href=x aria-label='A label'></a>", "A label"),
        ("<a href=x></a>", ""),
        (f"<a href=x>{'я' * 500}</a>", "я" * 200),
        ("<area href=x alt='An area'>", "An area"),
        ("<svg><a href=x><text>In SVG</text></a></svg>", "In SVG"),
    ],
)
def test_text_of_a_link(html: str, text: str) -> None:
    assert [link.text for link in links_of(html) if link.raw == "x"] == [text]


def test_which_links_lead_to_pages() -> None:
    html = (
        "<link rel=canonical href=1><link rel=alternate href=2><link rel=next href=3><a href=4></a>"
        "<area href=5>"
        "<iframe src=6></iframe><meta http-equiv=refresh content='0;7'><svg><a href=8></a></svg>"
        "<link rel=stylesheet href=n><link rel=icon href=n><script src=n></script><img src=n srcset=n>"
        "<video src=n poster=n></video><object data=n></object><form action=n></form><p style='a:url(n)'>"
        "<svg><use href=n /></svg><link rel='alternate stylesheet' href=n>"
    )
    assert {link.raw for link in links_of(html) if link.follow} == set("12345678")


def test_anchors() -> None:
    page = page_of(
        "<p id=one><a name=two>x</a><a id=three name=four></a><img name=no><map name=no></map>"
        "<svg><g id=five /></svg>"
        "<p id='A B'><p id=Ж><p id=''><template><p id=no></template><p ID=six><body id=seven><html id=eight>"
    )
    assert page.anchors == {"one", "two", "three", "four", "five", "A B", "Ж", "six", "seven", "eight"}


def test_a_link_that_is_no_url_carries_its_fault() -> None:
    (link,) = links_of("<a href='http://bad host/'>b</a>")
    assert link.url == ""
    assert link.raw == "http://bad host/"
    assert "host" in link.fault


@pytest.mark.parametrize("page_encoding", ["windows-1251", "koi8-r", "utf-8", "utf-16"])
def test_queries_are_written_in_the_encoding_of_the_page(page_encoding: str) -> None:
    (link,) = links_of("<a href='/я?я'>".encode(page_encoding), f"text/html; charset={page_encoding}")
    query = {"windows-1251": "%FF", "koi8-r": "%D1"}.get(page_encoding, "%D1%8F")
    assert link.url == f"http://site.example/%D1%8F?{query}"


TAGS = [
    "a",
    "p",
    "b",
    "table",
    "tr",
    "td",
    "svg",
    "math",
    "mi",
    "select",
    "option",
    "form",
    "template",
    "script",
    "style",
    "title",
    "textarea",
    "noscript",
    "iframe",
    "div",
    "foreignObject",
    "desc",
    "annotation-xml",
    "li",
    "head",
    "body",
    "frameset",
    "button",
    "h1",
    "object",
    "caption",
    "col",
    "br",
    "plaintext",
]
SOUP = st.one_of(
    st.sampled_from(TAGS).map(lambda tag: f"<{tag}>"),
    st.sampled_from(TAGS).map(lambda tag: f"</{tag}>"),
    st.sampled_from(TAGS).map(lambda tag: f"<{tag} href=h src=s />"),
    st.sampled_from(
        [
            "<a href=x>",
            '<a href="y&amp;z">',
            "<img src=i>",
            "<a href='",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<!x>",
        ]
    ),
    st.sampled_from(["text", "&lt;", '"', "'", ">", "<", "\n", "\x00", "é"]),
)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(SOUP, max_size=25))
def test_agrees_with_lexbor_on_tag_soup(pieces: list[str]) -> None:
    """Lexbor builds the tree by the same standard; values that it finds must be ours, and no others."""
    lexbor = pytest.importorskip("selectolax.lexbor")
    html = "".join(pieces)
    if "<template" in html or "<select" in html or "<frameset" in html:
        return  # inert to us, a node to Lexbor; the rules for `<select>` have changed since Lexbor wrote them
    links = links_of(html)
    ours = {link.raw for link in links if link.origin in ("a[href]", "img[src]")}
    in_formulas = {link.raw for link in links if link.origin == "math[href]"}
    tree = lexbor.LexborHTMLParser(html)
    theirs = {element.attributes["href"] or "" for element in tree.css("a[href]")}
    theirs |= {element.attributes["src"] or "" for element in tree.css("img[src]")}
    assert ours - {""} <= theirs
    assert theirs - {""} <= ours | in_formulas


@settings(max_examples=300, deadline=None)
@given(st.lists(SOUP, max_size=25), st.sampled_from(["text/html", "application/xhtml+xml", "image/svg+xml"]))
def test_nothing_makes_it_raise_and_places_are_true(pieces: list[str], media: str) -> None:
    html = "".join(pieces)
    lines = html.split("\n")
    for link in page_of(html, f"{media}; charset=utf-8").links:
        assert 1 <= link.line <= len(lines)
        assert 1 <= link.column <= len(lines[link.line - 1]) + 1
        if link.raw and "&" not in html and "\x00" not in html and "\n" not in link.raw:
            assert lines[link.line - 1][link.column - 1 :].startswith(link.raw)
