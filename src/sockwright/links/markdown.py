"""Links and anchors of Markdown as GitHub reads it (CommonMark 0.31 and its extensions).

This module cuts a document into blocks, so that code, comments and front matter hide what stands in them;
`markdown_spans` reads the text of paragraphs and headings. HTML in between is read as HTML. A heading gets
the anchor GitHub gives it, and the one an author gives by `{#name}`.
"""

from __future__ import annotations

import re
import unicodedata

from sockwright.links.extract import Harvest, Inset
from sockwright.links.html import read_html
from sockwright.links.markdown_spans import Run, Spans, plain_text

_QUOTE = 0  # in place of the width of a list item
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?>(?:(?!(?:---|\.\.\.)[ \t]*(?:\n|\Z)).*\n)*)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_BREAK = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_MARKER = re.compile(r"([-+*]|[0-9]{1,9}[.)])(?=[ \t]|$)")
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_ATX = re.compile(r"#{1,6}(?=[ \t]|$)[ \t]*(.*?)(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r"(?:=+|-+)[ \t]*$")
_HTML_STARTS = (
    (
        re.compile(r"<(?:script|pre|style|textarea)(?:[\s>]|$)", re.I),
        re.compile(r"</(?:script|pre|style|textarea)>", re.I),
    ),
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"<\?"), re.compile(r"\?>")),
    (re.compile(r"<![A-Za-z]"), re.compile(r">")),
    (re.compile(r"<!\[CDATA\["), re.compile(r"\]\]>")),
)
_HTML_BLOCK = re.compile(
    r"</?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt"
    r"|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu"
    r"|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr"
    r"|track|ul)(?:\s|/?>|$)",
    re.IGNORECASE,
)
_HTML_LINE = re.compile(
    r"(?:<[A-Za-z][A-Za-z0-9-]*(?:\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s\"'=<>`]+|'[^']*'|\"[^\"]*\"))?)*\s*/?>"
    r"|</[A-Za-z][A-Za-z0-9-]*\s*>)\s*$"
)
_OWN_ANCHOR = re.compile(r"[ \t]*\{:?[ \t]*#([^\s}]+)[^}]*\}[ \t]*$")


_BLANK = re.compile(r"[ \t]*$")
_BLANKS = re.compile(r"[ \t]*+")
CONTAINERS = 100  # quotes and list items inside each other that are followed


def read_markdown(harvest: Harvest) -> None:
    """Harvest a Markdown document."""
    blocks = _Reader(harvest.text)
    spans = Spans(harvest, blocks.runs)
    used: dict[str, int] = {}
    for heading in blocks.headings:
        _take_anchor(harvest.anchors, heading.text, used)
    if "<" in harvest.text and "<" in (shown := _blanked(harvest.text, [*blocks.hidden, *spans.hidden])):
        page = Inset(shown, harvest, 0, exact=True)
        read_html(page, depth=1)
        harvest.anchors |= page.anchors


def _take_anchor(anchors: set[str], text: str, used: dict[str, int]) -> None:
    """Add the anchor of a heading: small letters, digits and hyphens, numbered where it comes again."""
    if own := _OWN_ANCHOR.search(text):
        anchors.add(own[1])
        anchors.add(slug(text[: own.start()]))
    name = slug(text)
    count = used.get(name, 0)
    unique = name
    while unique in used:
        unique = f"{name}-{(count := count + 1)}"
    used[name] = count
    used[unique] = 0
    if unique:
        anchors.add(unique)


def slug(heading: str) -> str:
    """Return the anchor GitHub makes of a heading's text."""
    text = plain_text(heading).strip().lower()
    kept = (c for c in text if c.isalnum() or c in "_- " or unicodedata.category(c)[0] == "M")
    return "".join(kept).replace(" ", "-")


def _blanked(text: str, hidden: list[tuple[int, int]]) -> str:
    """Return the text with blanks in place of what is hidden, so that places stay true."""
    pieces = []
    at = 0
    for start, end in sorted(hidden):
        if end <= at:
            continue
        start = max(start, at)
        pieces.append(text[at:start])
        pieces.append("\n".join(" " * len(line) for line in text[start:end].split("\n")))
        at = end
    return "".join(pieces) + text[at:]


class _Reader:
    """Goes through the lines of a document as CommonMark's first phase does.

    Containers (quotes, list items) are a stack; each line goes through those it continues, may open new ones,
    and what is left of it belongs to a leaf: code, HTML, a heading or a paragraph.
    """

    def __init__(self, text: str) -> None:
        self.runs: list[Run] = []
        self.headings: list[Run] = []
        self.hidden: list[tuple[int, int]] = []  # code and front matter
        self._text = text
        self._containers: list[int] = []  # _QUOTE, or the width of a list item's margin
        self._paragraph: list[tuple[int, int]] = []
        self._end: re.Pattern[str] | None = None  # what ends the code or HTML we are in
        self._in_code = False
        self._empty = -1  # which container is a list item with nothing in it yet
        self._read()

    def _read(self) -> None:
        start = 0
        if front := _FRONT_MATTER.match(self._text):
            self.hidden.append(front.span())
            start = front.end()
        size = len(self._text)
        while start < size:
            end = self._text.find("\n", start)
            end = size if end < 0 else end
            self._read_line(start, end)
            start = end + 1
        self._close_paragraph()

    def _read_line(self, start: int, end: int) -> None:
        at, column, matched = self._continue_containers(start, end)
        if self._end is not None:
            if matched == len(self._containers):
                self._continue_leaf(at, end)
                return
            self._end = None
        before = matched
        at, column, matched = self._open_containers(at, end, column, matched)
        content, margin = self._skip(at, end, column)
        indent = margin - column
        if content == end:
            self._cut(matched)
            return
        self._empty = -1
        lazy = self._paragraph and before == matched < len(self._containers)
        if lazy and not self._begins(content, end, indent):
            self._paragraph.append((content, end))  # it goes on with a paragraph in a quote or an item
        else:
            if matched < len(self._containers):
                self._cut(matched)
            self._read_leaf(at, content, end, indent)

    def _skip(self, at: int, end: int, column: int) -> tuple[int, int]:
        """Return the place and column of what follows the blanks at a place."""
        stop = _BLANKS.match(self._text, at, end).end()  # type: ignore[union-attr]  # it matches anything
        if self._text.find("\t", at, stop) < 0:
            return stop, column + stop - at
        for character in self._text[at:stop]:
            column += 4 - column % 4 if character == "\t" else 1
        return stop, column

    def _continue_containers(self, at: int, end: int) -> tuple[int, int, int]:
        column = matched = 0
        content = -1
        for width in self._containers:
            if content < at:  # looked for once behind each quote: an item's margin only takes of the same blanks
                content, margin = self._skip(at, end, column)
            if width == _QUOTE:
                if margin - column > 3 or content == end or self._text[content] != ">":
                    break
                at, column = self._behind_quote(content, end, margin)
                content = -1
            elif content == end:
                if matched == self._empty:
                    break  # an item begins with one blank line at most
            else:
                if margin - column < width:
                    break
                at, column = self._advance(at, column, column + width)
            matched += 1
        return at, column, matched

    def _behind_quote(self, at: int, end: int, column: int) -> tuple[int, int]:
        at, column = at + 1, column + 1
        return self._advance(at, column, column + 1) if at < end and self._text[at] in " \t" else (at, column)

    def _advance(self, at: int, column: int, wanted: int) -> tuple[int, int]:
        """Go on over blanks to a column; a tab that goes further stays, and its rest is margin."""
        while column < wanted:
            step = 4 - column % 4 if self._text[at] == "\t" else 1
            if column + step > wanted:
                return at, wanted
            at, column = at + 1, column + step
        return at, column

    def _open_containers(self, at: int, end: int, column: int, matched: int) -> tuple[int, int, int]:
        while len(self._containers) < CONTAINERS:
            content, margin = self._skip(at, end, column)
            if content == end or margin - column > 3:
                break
            if self._text[content] == ">":
                width = _QUOTE
                behind, behind_column = self._behind_quote(content, end, margin)
            elif (marker := _MARKER.match(self._text, content, end)) and not _BREAK.match(self._text, content, end):
                behind_column = margin + len(marker[0])
                inside, inside_column = self._skip(marker.end(), end, behind_column)
                interrupting = self._paragraph and matched == len(self._containers)
                if interrupting and (inside == end or marker[1][:-1] not in ("", "1")):
                    break  # no paragraph is interrupted by an empty item, nor by a number that begins no list
                gap = inside_column - behind_column
                if inside == end or gap > 4:
                    gap = 1
                    inside, inside_column = marker.end(), behind_column
                    if inside < end:
                        inside, inside_column = self._advance(inside, behind_column, behind_column + 1)
                width = behind_column - column + gap
                behind, behind_column = inside, inside_column
            else:
                break
            self._cut(matched)
            self._containers.append(width)
            self._empty = matched if self._skip(behind, end, 0)[0] == end and width != _QUOTE else -1
            at, column = behind, behind_column
            matched += 1
        return at, column, matched

    def _continue_leaf(self, at: int, end: int) -> None:
        assert self._end is not None
        if self._in_code:
            self.hidden.append((at, end))
            over = self._end.match(self._text, at, end)
        else:
            over = (
                self._end.match(self._text, at, end) if self._end is _BLANK else self._end.search(self._text, at, end)
            )
        if over:
            self._end = None

    def _begins(self, at: int, end: int, indent: int) -> bool:
        """Tell whether a block begins here that may interrupt a paragraph."""
        if indent > 3:
            return False
        starts = (_FENCE, _ATX, _BREAK, _HTML_BLOCK, *(start for start, _ in _HTML_STARTS))
        return any(start.match(self._text, at, end) for start in starts)

    def _read_leaf(self, line: int, at: int, end: int, indent: int) -> None:
        text = self._text
        if indent > 3:
            if self._paragraph:
                self._paragraph.append((at, end))
            else:
                self.hidden.append((line, end))
        elif fence := _FENCE.match(text, at, end):
            self._close_paragraph()
            mark = fence[1] or fence[2]
            self._end, self._in_code = re.compile(rf"[ \t]*{mark[0]}{{{len(mark)},}}[ \t]*$"), True
            self.hidden.append((at, end))
        elif heading := _ATX.match(text, at, end):
            self._close_paragraph()
            self._take_heading(Run(text, [heading.span(1)], defines=False))
        elif self._paragraph and _SETEXT.match(text, at, end):
            lines, self._paragraph = self._paragraph, []
            self._take_heading(Run(text, lines))
        elif _BREAK.match(text, at, end):
            self._close_paragraph()
        elif not self._read_html(at, end):
            self._paragraph.append((at, end))

    def _read_html(self, at: int, end: int) -> bool:
        if self._text[at] != "<":
            return False
        for start, over in _HTML_STARTS:
            if start.match(self._text, at, end):
                self._close_paragraph()
                self._end, self._in_code = (None if over.search(self._text, at, end) else over), False
                return True
        if _HTML_BLOCK.match(self._text, at, end) or (not self._paragraph and _HTML_LINE.match(self._text, at, end)):
            self._close_paragraph()
            self._end, self._in_code = _BLANK, False
            return True
        return False

    def _take_heading(self, run: Run) -> None:
        self.runs.append(run)
        self.headings.append(run)

    def _close_paragraph(self) -> None:
        if self._paragraph:
            self.runs.append(Run(self._text, self._paragraph))
            self._paragraph = []

    def _cut(self, depth: int) -> None:
        """Close the containers below a depth, and the paragraph."""
        self._close_paragraph()
        del self._containers[depth:]
