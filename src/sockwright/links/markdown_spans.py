"""Links in the text of a Markdown paragraph or heading: CommonMark's second phase, and GitHub's bare URLs.

Inline links, images, references, `<autolinks>`, and what looks like a URL or an address; code spans and
escapes hide what they hold. Emphasis changes no link, so it is not read. A reference counts once, where its
definition stands, and not at all where nobody refers to it.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from itertools import accumulate

from sockwright.links.extract import Harvest, cut_text
from sockwright.links.plain import trim

LABEL_LIMIT = 999  # characters of a reference's label (CommonMark, 6.3)
TITLE_LIMIT = 2_000  # characters of a title; the standard has no limit, but an unclosed one must not cost

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_UP_TO = f"{{0,{TITLE_LIMIT}}}"
_TITLE = rf"(?:\"(?:[^\"\\]|\\.){_UP_TO}\"|'(?:[^'\\]|\\.){_UP_TO}'|\((?:[^()\\]|\\.){_UP_TO}\))"
_IN_POINTS = r"<((?>(?:[^<>\n\\]|\\.)*))>"
_CHARACTER = r"[^\s()\\\x00-\x1f\x7f]|\\[!-/:-@\[-`{-~]?"
_BARE = rf"((?>(?:{_CHARACTER}|\((?>(?:{_CHARACTER}|\((?>(?:{_CHARACTER}|\((?>(?:{_CHARACTER})*)\))*)\))*)\))*))"
_TARGET = re.compile(rf"\(\s*+(?:{_IN_POINTS}|(?!<){_BARE})(?:\s++{_TITLE})?\s*+\)", re.DOTALL)
_LABEL = rf"\[((?:[^\[\]\\]|\\.){{1,{LABEL_LIMIT}}}+)\]"
_REFERENCE = re.compile(_LABEL, re.DOTALL)
_DEFINITION = re.compile(
    rf"[ ]{{0,3}}{_LABEL}:[ \t]*+\n?[ \t]*+(?:{_IN_POINTS}|(?!<)(?=\S){_BARE}(?=\s|\Z))"
    rf"(?:(?:[ \t]++|[ \t]*+\n[ \t]*+){_TITLE}[ \t]*(?:\n|\Z)|[ \t]*(?:\n|\Z))",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"\\[!-/:-@\[-`{-~]|(?P<ticks>`+)|(?P<point><)|(?P<open>!?\[)|(?P<close>\])"
    r"|(?P<bare>(?<![A-Za-z0-9+])(?:https?://|ftp://|www\.)[^\s<>\[\]`|\\\"«»“”]++)"
    r"|(?P<mail>(?<![A-Za-z0-9.+_-])[A-Za-z0-9.+_-]++@[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)+(?<![-_]))",
    re.IGNORECASE,
)
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>\x00-\x1f\x7f]*+)>")
_MAIL = re.compile(
    r"<([a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]++@[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?>(?:\.[a-zA-Z0-9-]++)*))>"
)
_HTML = re.compile(
    r"<(?:[A-Za-z][A-Za-z0-9-]*+(?>(?:\s++[A-Za-z_:][\w.:-]*+(?>(?:\s*+=\s*+(?:[^\s\"'=<>`]++|'[^']*+'|\"[^\"]*+\"))?))*)\s*+/?>"
    r"|/[A-Za-z][A-Za-z0-9-]*+\s*+>|!--(?:>|->|(?>(?:(?!-->).)*)-->)|\?(?>(?:(?!\?>).)*)\?>|![A-Za-z][^>]*+>"
    r"|!\[CDATA\[(?>(?:(?!\]\]>).)*)\]\]>)",
    re.DOTALL,
)
_PLAIN = re.compile(
    r"(?P<code>(?P<ticks>`+)(?P<inside>.+?)(?<!`)(?P=ticks)(?!`))|(?P<image>!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])?)"
    r"|\[(?P<link>[^\[\]]*)\](?:\([^)]*\)|\[[^\]]*\])|(?P<tag></?[A-Za-z][^>]*>)"
    r"|(?<![\w\\])_{1,3}(?=\S)(?P<stressed>[^_]+(?:_+[^\W_][^_]*)*)(?<=\S)_{1,3}(?!\w)",
    re.DOTALL,
)


class Run:
    """The text of a paragraph or a heading, line by line out of the document, without margins."""

    def __init__(self, document: str, lines: list[tuple[int, int]], *, defines: bool = True) -> None:
        self.defines = defines  # it may begin with definitions of references
        self.text = "\n".join(document[start:end] for start, end in lines)
        self._sources = [start for start, _ in lines]
        self._starts = [0, *accumulate(end - start + 1 for start, end in lines)][:-1]

    def where(self, offset: int) -> int:
        """Return the offset in the document of an offset in the text."""
        line = bisect_right(self._starts, offset) - 1
        return self._sources[line] + offset - self._starts[line]


class _Definition:
    def __init__(self, raw: str, offset: int) -> None:
        self.raw = raw
        self.offset = offset
        self.used = False


class Spans:
    """Reads the runs of a document into its harvest; `hidden` tells what is no HTML in them."""

    def __init__(self, harvest: Harvest, runs: list[Run]) -> None:
        self.hidden: list[tuple[int, int]] = []
        self._harvest = harvest
        self._definitions: dict[str, _Definition] = {}
        begins = [self._read_definitions(run) for run in runs]
        for run, begin in zip(runs, begins, strict=True):
            _Reading(self._harvest, self._definitions, run, self.hidden).read(begin)

    def _read_definitions(self, run: Run) -> int:
        """Take the definitions at the head of a paragraph; return where its text begins."""
        at = 0
        while run.defines and (match := _DEFINITION.match(run.text, at)):
            group = 2 if match[2] is not None else 3
            definition = _Definition(_plain(match[group]), run.where(match.start(group)))
            self._definitions.setdefault(_folded(match[1]), definition)
            self._hide(run, at, match.end())
            at = match.end()
        return at

    def _hide(self, run: Run, start: int, end: int) -> None:
        _hide(self.hidden, run, start, end)


class _Reading:
    """Reads one run."""

    def __init__(
        self,
        harvest: Harvest,
        definitions: dict[str, _Definition],
        run: Run,
        hidden: list[tuple[int, int]],
    ) -> None:
        self._harvest = harvest
        self._definitions = definitions
        self._run = run
        self._text = run.text
        self._hidden = hidden
        self._openers: list[tuple[int, int]] = []  # start and end of each `[` and `![` that waits
        self._dead = 0  # so many of them, from the bottom, can begin no link: there are no links in links
        self._bare: list[tuple[int, str, str]] = []  # bare URLs: start, as written, as meant
        self._ticks: dict[int, list[int]] | None = None

    def read(self, at: int) -> None:
        while match := _TOKEN.search(self._text, at):
            at = match.end()
            match match.lastgroup:
                case "ticks":
                    at = self._read_code(match)
                case "point":
                    at = self._read_point(match.start())
                case "open":
                    self._openers.append(match.span())
                case "close":
                    at = self._read_close(match.start())
                case "bare":
                    at = self._read_bare(match)
                case None if match[0] == "\\<":
                    _hide(self._hidden, self._run, match.start(), match.end())
                case "mail":
                    self._bare.append((match.start(), match[0], "mailto:" + match[0]))
        for start, raw, target in self._bare:
            self._harvest.add(raw, self._run.where(start), "markdown", "", True, target)

    def _read_code(self, ticks: re.Match[str]) -> int:
        """Skip a code span: it ends at as many backticks as it began with, or is none."""
        if self._ticks is None:
            self._ticks = {}
            for run in re.finditer(r"`+", self._text):
                self._ticks.setdefault(len(run[0]), []).append(run.start())
        length = len(ticks[0])
        places = self._ticks.get(length, [])
        at = bisect_left(places, ticks.end())
        if at == len(places):
            return ticks.end()
        _hide(self._hidden, self._run, ticks.start(), places[at] + length)
        return places[at] + length

    def _read_point(self, start: int) -> int:
        if match := _AUTOLINK.match(self._text, start):
            self._harvest.add(match[1], self._run.where(start + 1), "markdown", "", True)
        elif match := _MAIL.match(self._text, start):
            self._harvest.add(match[1], self._run.where(start + 1), "markdown", "", False, "mailto:" + match[1])
        elif match := _HTML.match(self._text, start):
            return match.end()
        end = match.end() if match else start + 1
        _hide(self._hidden, self._run, start, end)
        return end

    def _read_bare(self, match: re.Match[str]) -> int:
        raw = trim(match[0])
        if raw and (raw[:4].lower() != "www." or "." in raw[4:]):
            self._bare.append((match.start(), raw, "http://" + raw if raw[:4].lower() == "www." else raw))
        return match.start() + max(len(raw), 1)

    def _read_close(self, close: int) -> int:
        if not self._openers:
            return close + 1
        index = len(self._openers) - 1
        start, inside = self._openers.pop()
        image = inside - start == 2
        if not image and index < self._dead:
            self._dead = index
            return close + 1
        self._dead = min(self._dead, index)
        if match := _TARGET.match(self._text, close + 1):
            end = match.end()
            group = 1 if match[1] is not None else 2
            self._take(_plain(match[group]), match.start(group), inside, close, image)
        elif (end := self._refer(inside, close)) == 0:
            return close + 1
        _hide(self._hidden, self._run, close, end)
        while self._bare and self._bare[-1][0] >= start:
            self._bare.pop()  # a URL in the text of a link is no link of its own
        if not image:
            self._dead = index
        return end

    def _refer(self, inside: int, close: int) -> int:
        """Find the definition that brackets refer to; return where the reference ends, 0 without one."""
        end = close + 1
        label = self._text[inside:close] if close - inside <= LABEL_LIMIT else ""
        if match := _REFERENCE.match(self._text, end):
            label, end = match[1], match.end()
        elif self._text.startswith("[]", end):
            end += 2
        definition = self._definitions.get(_folded(label)) if label else None
        if definition is None:
            return 0
        if not definition.used:
            definition.used = True
            text = _shown(self._text[inside:close])
            self._harvest.add(definition.raw, definition.offset, "markdown", text, True)
        return end

    def _take(self, raw: str, at: int, inside: int, close: int, image: bool) -> None:
        text = _shown(self._text[inside:close])
        origin = "markdown image" if image else "markdown"
        if raw or not image:
            self._harvest.add(raw, self._run.where(at), origin, text, not image)


def plain_text(markdown: str) -> str:
    """Return what a reader sees of a heading: no images, marks of emphasis, tags or targets of links."""

    def seen(match: re.Match[str]) -> str:
        match match.lastgroup:
            case "code":
                return match["inside"]
            case "link" | "stressed":
                return plain_text(match[match.lastgroup])
            case _:
                return ""

    return html.unescape(_ESCAPED.sub(r"\1", _PLAIN.sub(seen, markdown)))


def _shown(text: str) -> str:
    return cut_text(re.sub(r"!\[([^\]]*)\](?:\([^)]*\))?|[*`]", r"\1", text[:2_000]))


def _plain(target: str) -> str:
    """Undo the escapes and entities of a target."""
    if "\\" in target:
        target = _ESCAPED.sub(r"\1", target)
    return html.unescape(target) if "&" in target else target


def _folded(label: str) -> str:
    return " ".join(label.split()).casefold()


def _hide(hidden: list[tuple[int, int]], run: Run, start: int, end: int) -> None:
    """Note what is no HTML, line by line, since a run's lines are apart in the document."""
    while start < end:
        line = run.text.find("\n", start, end)
        stop = end if line < 0 else line
        if stop > start:
            hidden.append((run.where(start), run.where(stop - 1) + 1))
        start = stop + 1
