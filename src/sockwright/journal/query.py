"""The filter language: one for `watch`, `log`, the console and the API.

    filter := term*                       all must hold
    term   := ["-"] (key op value | "#"number | word)
    op     := ":" is   "~" contains   ">" ">=" "<" "<="
    value  := atom ("," atom)*            one must hold
    atom   := bare | "quoted" | 'quoted' | /regular expression/ (behind ~)

A word alone is looked for in the bytes, as `text~word`. Parsing says where it stopped understanding, and which key
was nearest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sockwright.config import suggest
from sockwright.errors import ConfigError
from sockwright.journal.connections import Connection
from sockwright.journal.matching import DEEP, KEYS, Atom, Subject, Test, test_of
from sockwright.journal.transcript import Transcript

_TERM = re.compile(r"(?P<key>[A-Za-z_]+)(?P<op>>=|<=|[:~><=])")
_ID = re.compile(r"#(\d+)(?=\s|\Z)")
_BARE = re.compile(r"[^\s,]+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `test` is made of the rest when the filter is parsed."""

    key: str
    op: str
    atoms: tuple[Atom, ...]
    negated: bool = False
    test: Test = field(default=lambda subject: True, compare=False, repr=False)

    @property
    def is_deep(self) -> bool:
        """Tell whether it must look at the bytes, which costs more than all others."""
        return self.key in DEEP or (self.op == "~" and self.key in ("received", "sent"))

    def __str__(self) -> str:
        return f"{'-' if self.negated else ''}{self.key}{self.op}{','.join(map(str, self.atoms))}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that all must hold; none: everything matches. `str` of it parses to the same again."""

    terms: tuple[Term, ...] = ()

    @property
    def is_deep(self) -> bool:
        return any(term.is_deep for term in self.terms)

    def matches(self, connection: Connection, load: Callable[[], Transcript], now: float) -> bool:
        """Tell whether `connection` is meant; its transcript is loaded only when nothing cheaper decides.

        `now` is in seconds since the epoch.
        """
        subject = Subject(connection, load, now)
        return all(
            term.test(subject) is not term.negated
            for deep in (False, True)
            for term in self.terms
            if term.is_deep is deep
        )

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))


class Source(Protocol):
    """Who has connections to look through: a `Reader`, or the `Journal` of this process."""

    def connections(self) -> Iterable[Connection]:
        """Newest first."""

    def transcript(self, connection: Connection) -> Transcript: ...


def find(source: Source, wanted: Filter, now: float) -> Iterator[Connection]:
    """Yield the connections that `wanted` means, newest first."""
    for connection in source.connections():
        if wanted.matches(connection, lambda: source.transcript(connection), now):  # noqa: B023 - called at once
            yield connection


# -- parsing


def parse(text: str) -> Filter:
    """Return the filter that `text` says.

    Raises: ConfigError naming the character where it went wrong (counted from 1) and what was expected.
    """
    terms: list[Term] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return Filter(tuple(terms))
        term, at = _term(text, at)
        terms.append(term)


def _wrong(at: int, what: str, cure: str = "") -> ConfigError:
    return ConfigError(f"filter, at character {at + 1}: {what}", cure=cure)


def _term(text: str, at: int) -> tuple[Term, int]:
    negated = text[at] == "-"
    start = at + negated
    if start == len(text) or text[start].isspace():
        raise _wrong(at, "there is nothing behind the minus", "write it like -proto:udp")
    number = _ID.match(text, start)
    if number:
        return _made("id", ":", (Atom(number[1]),), negated, start), number.end()
    found = _TERM.match(text, start)
    if found is None:
        atom, end = _atom(text, start, regex=True)
        _must_end(text, end)
        return _made("text", "~", (atom,), negated, start), end
    key, op = found["key"].lower(), ":" if found["op"] == "=" else found["op"]
    if key not in KEYS:
        raise _wrong(
            start,
            f"there is no key {found['key']!r}.{suggest(key, KEYS)}",
            f"keys: {', '.join(KEYS)}; a text with a colon goes in quotes",
        )
    atoms: list[Atom] = []
    end = found.end()
    while True:
        atom, end = _atom(text, end, regex=op == "~")
        atoms.append(atom)
        if text[end : end + 1] != ",":
            break
        end += 1
    _must_end(text, end)
    return _made(key, op, tuple(atoms), negated, start), end


def _atom(text: str, at: int, regex: bool) -> tuple[Atom, int]:
    sign = text[at : at + 1]
    if not sign or sign.isspace() or sign == ",":
        raise _wrong(at, "a value is missing here", 'an empty one is written ""')
    if sign in "\"'":
        quoted = _QUOTED.match(text, at)
        if quoted is None:
            raise _wrong(at, f"this quotation mark {sign} is never closed")
        return Atom(_unescaped(quoted[1] if quoted[1] is not None else quoted[2])), quoted.end()
    if sign == "/" and regex:
        expression = _REGEX.match(text, at)
        if expression is not None and (expression.end() == len(text) or text[expression.end()] in ", \t\r\n"):
            try:
                re.compile(expression[1])
            except re.error as wrong:
                raise _wrong(at + 1 + (wrong.pos or 0), f"not a regular expression: {wrong.msg}") from None
            return Atom(expression[1], is_regex=True), expression.end()
    bare = _BARE.match(text, at)
    assert bare is not None
    return Atom(bare[0]), bare.end()


def _must_end(text: str, at: int) -> None:
    if at < len(text) and not text[at].isspace():
        raise _wrong(at, f"{text[at]!r} makes no sense behind a closed value", "put a blank between terms")


def _unescaped(text: str) -> str:
    def replace(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        if code:
            return chr(int(code, 16)) if int(code, 16) < 0x110000 else found[0]
        return _SHORT.get(found[4], found[4])

    return _ESCAPE.sub(replace, text)


def _made(key: str, op: str, atoms: tuple[Atom, ...], negated: bool, at: int) -> Term:
    try:
        test = test_of(key, op, atoms)
    except ValueError as wrong:
        raise _wrong(at, f"{key}: {wrong}", f"{key}: {KEYS[key][1]}") from None
    return Term(key, op, atoms, negated, test)
