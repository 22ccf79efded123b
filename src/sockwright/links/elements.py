"""Which attributes of which elements a browser loads or follows, and how their values are read.

Not links, though they hold URLs, since a browser neither loads nor follows them: `cite`, `longdesc`,
`data-*`, `ping` (it is posted to), the action of a form that posts, `<link rel=preconnect>` and
`dns-prefetch` (a host, no document), `rel=pingback` and `webmention` (they want a POST), and an empty
`src`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from sockwright.links.extract import Harvest, cut_text


class Carrier(Protocol):
    """An element of a tree that may carry links."""

    @property
    def tag(self) -> str: ...

    def attr(self, name: str, default: None = None, /) -> str | None: ...


# tag -> (attribute, origin, may a crawler go on from there?)
_PLAIN: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "area": (("href", "area[href]", True),),
    "audio": (("src", "audio[src]", False),),
    "embed": (("src", "embed[src]", False),),
    "frame": (("src", "frame[src]", True),),
    "iframe": (("src", "iframe[src]", True),),
    "img": (("src", "img[src]", False),),
    "object": (("data", "object[data]", False),),
    "script": (("src", "script[src]", False),),
    "source": (("src", "source[src]", False),),
    "track": (("src", "track[src]", False),),
    "video": (("src", "video[src]", False), ("poster", "video[poster]", False)),
}
_PLAIN |= {
    tag: (("background", f"{tag}[background]", False),)
    for tag in ("body", "table", "thead", "tbody", "tfoot", "tr", "td", "th")
}
_ANCHOR = '<a href="'
_IN_SVG = {"a": True, "image": False, "use": False, "feImage": False, "script": False}

# What `<link rel>` may say: the first of these that it says is told in the origin.
_LOADED_BY_LINK = (
    "stylesheet", "icon", "apple-touch-icon", "apple-touch-icon-precomposed", "mask-icon", "manifest",
    "modulepreload", "preload", "prefetch", "prerender",
)  # fmt: skip
_PAGES_OF_LINK = (
    "canonical",
    "alternate",
    "next",
    "prev",
    "author",
    "help",
    "license",
    "bookmark",
    "amphtml",
)
_NOT_ASKED = ("post", "dialog")  # methods of forms that no link checker should try
_NO_DOCUMENTS = frozenset({"preconnect", "dns-prefetch", "pingback", "webmention", "expect"})

# A tag as the tokenizer cuts it (HTML, 13.2.5.32 to 13.2.5.39).
_BETWEEN = r"[\t\n\f /]*+"
_NAME = r"[^\t\n\f />][^\t\n\f />=]*+"
_EQUALS = r"[\t\n\f ]*+=[\t\n\f ]*+"
_VALUE = r"(?:\"[^\"]*+\"?|'[^']*+'?|[^\t\n\f >]*+)"
_REFRESH = re.compile(
    r"[\t\n\f ]*+(?:[0-9]++|(?=\.))[0-9.]*+(?=[;,\t\n\f ])[\t\n\f ]*+[;,]?[\t\n\f ]*+"
    r"(?>(?:url[\t\n\f ]*+=[\t\n\f ]*+)?)(?:\"([^\"]*)|'([^']*)|(.*))",
    re.IGNORECASE | re.DOTALL,
)


class Reading:
    """Reads element after element of one document into its harvest, in document order.

    `text_of` gives an element's own text; `read_inner` reads a page that stands in an attribute (text,
    offset, whether the attribute is that text letter by letter).
    """

    def __init__(
        self,
        harvest: Harvest,
        text_of: Callable[[Any], str],
        read_inner: Callable[[str, int, bool], None],
    ) -> None:
        self._harvest = harvest
        self._text_of = text_of
        self._read_inner = read_inner
        self._form_method = ""  # of the form that was begun last; "" where there was none

    def read(self, element: Carrier, offset: int, language: str = "html") -> None:
        """Take the links of an element whose tag begins at `offset`: in "html", "svg" or "math"."""
        tag = element.tag
        if language == "html":
            if tag == "a":
                self.read_anchor(element, offset, None)
                return
            for attribute, origin, follow in _PLAIN.get(tag, ()):
                value = element.attr(attribute)
                if value is not None and (attribute == "href" or value.strip()):
                    at = find_value(self._harvest.text, offset, attribute)[0]
                    self._harvest.add(value, at, origin, self._label(element, tag), follow)
            if special := _SPECIAL.get(tag):
                special(self, element, offset)
        elif language == "svg" and tag in _IN_SVG:
            self._read_in_svg(element, offset)
        elif language == "math":
            self._add(element, offset, "href", "math[href]", True)
        if tag == "style":
            self._read_style(element, offset)
        if style := element.attr("style"):
            self._read_css(style, *find_value(self._harvest.text, offset, "style"))

    def read_anchor(self, element: Carrier, offset: int, position: tuple[int, int] | None) -> None:
        """Take a link as most are written, `<a href="...">text</a>`: nine of ten on a page, so without a detour.

        `position` is where its tag begins, if that is known: the line, counted from 1, and the column, from 0.
        """
        raw = element.attr("href")
        if raw is not None:
            harvest = self._harvest
            text = self._text_of(element) or cut_text(element.attr("title") or element.attr("aria-label") or "")
            if harvest.text.startswith(_ANCHOR, offset):
                place = None if position is None else (position[0], position[1] + len(_ANCHOR) + 1)
                harvest.add(raw, offset + len(_ANCHOR), "a[href]", text, True, None, place)
            else:
                harvest.add(raw, find_value(harvest.text, offset, "href")[0], "a[href]", text, True)
        if style := element.attr("style"):
            self._read_css(style, *find_value(self._harvest.text, offset, "style"))

    def _add(self, element: Carrier, offset: int, attribute: str, origin: str, follow: bool = False) -> None:
        value = element.attr(attribute)
        if value is not None and value.strip():
            at = find_value(self._harvest.text, offset, attribute)[0]
            self._harvest.add(value, at, origin, self._label(element, element.tag), follow)

    def _label(self, element: Carrier, tag: str) -> str:
        if tag == "a":  # of SVG
            return self._text_of(element) or cut_text(element.attr("title") or element.attr("aria-label") or "")
        return cut_text(element.attr("alt") or element.attr("title") or element.attr("aria-label") or "")

    def _read_link(self, element: Carrier, offset: int) -> None:
        said = (element.attr("rel") or "").lower().split()
        if said and _NO_DOCUMENTS.issuperset(said):
            return
        loaded = next((rel for rel in _LOADED_BY_LINK if rel in said), "")
        page = "" if loaded else next((rel for rel in _PAGES_OF_LINK if rel in said), "")
        origin = f"link[rel={loaded or page}]" if loaded or page else "link[href]"
        self._add(element, offset, "href", origin, bool(page))
        self._read_set(element, offset, "imagesrcset")

    def _read_image(self, element: Carrier, offset: int) -> None:
        self._read_set(element, offset, "srcset")

    def _read_set(self, element: Carrier, offset: int, attribute: str) -> None:
        if not (value := element.attr(attribute)):
            return
        start, end = find_value(self._harvest.text, offset, attribute)
        exact = self._harvest.text[start:end] == value
        origin, label = f"{element.tag}[{attribute}]", self._label(element, element.tag)
        for raw, at in candidates(value):
            self._harvest.add(raw, start + at if exact else start, origin, label)

    def _read_form(self, element: Carrier, offset: int) -> None:
        self._form_method = (element.attr("method") or "get").lower()
        if self._form_method not in _NOT_ASKED:
            self._add(element, offset, "action", "form[action]")

    def _read_control(self, element: Carrier, offset: int) -> None:
        if element.tag == "input" and (element.attr("type") or "").lower() == "image":
            self._add(element, offset, "src", "input[src]")
        method = (element.attr("formmethod") or self._form_method).lower()
        if self._form_method and method not in _NOT_ASKED:
            self._add(element, offset, "formaction", f"{element.tag}[formaction]")

    def _read_meta(self, element: Carrier, offset: int) -> None:
        if (element.attr("http-equiv") or "").lower() != "refresh":
            return
        content = element.attr("content") or ""
        match = _REFRESH.match(content)
        if match is None or match.lastindex is None or not match[match.lastindex].strip():
            return
        start, end = find_value(self._harvest.text, offset, "content")
        exact = self._harvest.text[start:end] == content
        at = start + match.start(match.lastindex) if exact else start
        self._harvest.add(match[match.lastindex], at, "meta refresh", "", True)

    def _read_frame(self, element: Carrier, offset: int) -> None:
        if (inner := element.attr("srcdoc")) is not None:
            start, end = find_value(self._harvest.text, offset, "srcdoc")
            self._read_inner(inner, start, self._harvest.text[start:end] == inner)

    def _read_in_svg(self, element: Carrier, offset: int) -> None:
        attribute = "href" if element.attr("href") is not None else "xlink:href"  # the first hides the second
        self._add(element, offset, attribute, f"{element.tag}[{attribute}]", _IN_SVG[element.tag])

    def _read_style(self, element: Carrier, offset: int) -> None:
        css: str = getattr(element, "text", "")
        if css and (element.attr("type") or "text/css").strip().lower() == "text/css":
            start = self._harvest.text.find(css, offset)
            self._read_css(css, max(start, offset), max(start, offset) + len(css), sheet=True)

    def _read_css(self, css: str, start: int, end: int, sheet: bool = False) -> None:
        exact = self._harvest.text[start:end] == css

        def take(raw: str, at: int, origin: str) -> None:
            self._harvest.add(raw, start + at if exact else start, origin)

        from sockwright.links.css import read_css  # its patterns are for pages with a style

        read_css(css, take, sheet=sheet)


_SPECIAL: dict[str, Callable[[Reading, Carrier, int], None]] = {
    "button": Reading._read_control,
    "form": Reading._read_form,
    "iframe": Reading._read_frame,
    "img": Reading._read_image,
    "input": Reading._read_control,
    "link": Reading._read_link,
    "meta": Reading._read_meta,
    "source": Reading._read_image,
}


def find_value(text: str, offset: int, attribute: str) -> tuple[int, int]:
    """Return where the value of an attribute begins and ends in the tag that begins at `offset`.

    The first of that name counts, as for browsers (HTML, 13.2.5.33). Without one it is the tag's own place.
    """
    match = (_FINDERS.get(attribute) or _finder(attribute)).match(text, offset)
    return (offset, offset) if match is None else match.span(match.lastindex or 0)


_FINDERS: dict[str, re.Pattern[str]] = {}


def _finder(attribute: str) -> re.Pattern[str]:
    """Make the pattern of a tag up to an attribute's value; only the few names in this module come here."""
    name = re.escape(attribute)
    _FINDERS[attribute] = re.compile(
        rf"<[^\t\n\f />]*+(?>(?:{_BETWEEN}(?!(?i:{name})[\t\n\f />=]){_NAME}(?>(?:{_EQUALS}{_VALUE})?))*)"
        rf"{_BETWEEN}(?i:{name})(?:{_EQUALS}(?:\"([^\"]*+)|'([^']*+)|([^\t\n\f >]*+))|())"
    )
    return _FINDERS[attribute]


def candidates(srcset: str) -> Iterator[tuple[str, int]]:
    """Yield the URLs of a `srcset` with their offsets: commas inside a URL are its own (HTML, 4.8.4.2.2)."""
    at = 0
    while match := _CANDIDATE.match(srcset, at):
        raw = match[1]
        at = match.end()
        if raw.endswith(","):
            raw = raw.rstrip(",")
        else:
            at = _DESCRIPTORS.match(srcset, at).end()  # type: ignore[union-attr]  # it matches anything
        if raw:
            yield raw, match.start(1)


_CANDIDATE = re.compile(r"[\t\n\f\r ,]*+([^\t\n\f\r ]++)")
_DESCRIPTORS = re.compile(r"(?>(?:[^(,]++|\([^)]*+\)?)*),?")
