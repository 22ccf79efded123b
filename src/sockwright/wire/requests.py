"""The server's side of HTTP/1.1's grammar: request heads, read strictly (RFC 9112, 3 and 6).

What two readers could understand differently is refused, since it may have been made to be (request smuggling).
Why no parser of a library: it forgives some of that, tells no offsets, and one call back to Python per field costs
more than these expressions do.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from sockwright.errors import PeerError
from sockwright.wire.fields import LINES, TOKEN, Fields, misformed_line, read_fields, text
from sockwright.wire.http1 import SIZES, Sizes

_VISIBLE = rb"[\x21-\x7e\x80-\xff]++"
_START = re.compile(rb"(" + TOKEN + rb") (" + _VISIBLE + rb") HTTP/([0-9])\.([0-9])\r\n")
_START_SO_FAR = re.compile(TOKEN + rb"(?>(?: (?>(?:" + _VISIBLE + rb"(?>(?: [HTP/.0-9]*+\r?+)?))?))?)")
# RFC 3986, 3.2.2: an IPv6 address in brackets, or a name; then perhaps a port. Empty is allowed (RFC 9112, 3.2).
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9\-._~%!$&'()*+,;=]*+)(?::[0-9]*+)?")
_ABSOLUTE = re.compile(r"https?://([^/?#]*+)([^#]*+)", re.IGNORECASE)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
# Codings that are registered but make no sense without chunked behind them (RFC 9112, 6.3).
_CODINGS = frozenset({"gzip", "x-gzip", "deflate", "compress", "x-compress", "identity"})

# Blocks of fields up to this size are remembered, so many of them: together they stay under 1 MiB.
_REMEMBERED = 1024  # bytes
_BLOCKS = 256


class RequestHead(NamedTuple):
    """A request line and its fields, understood. `target` is in origin-form; `host` is whom it was meant for."""

    method: str
    target: str
    path: str  # as it came, percent-encoded
    host: str  # in lower case
    version: str  # "1.0" or "1.1"
    fields: Fields
    length: int  # bytes of content; -1: chunked
    keeps_alive: bool
    expects: bool  # wants 100 (Continue) before it sends its content


class _Facts(NamedTuple):
    """What a block of fields says about the message itself."""

    fields: Fields
    hosts: int  # how many Host fields there are
    host: str
    length: int  # -1: chunked
    codings: bool  # Transfer-Encoding is there
    options: list[str]  # of the connection
    expectations: list[str]


class RequestHeads:
    """Reads request heads, each up to `sizes`. What blocks of fields said is remembered, since clients repeat them."""

    __slots__ = ("_facts", "_sizes")

    def __init__(self, sizes: Sizes = SIZES) -> None:
        self._sizes = sizes
        self._facts = lru_cache(_BLOCKS)(_facts_of)

    def read(self, raw: bytes) -> RequestHead:
        """Return what the head `raw` says; it ends with its empty line.

        Raises: PeerError with the status to refuse with, and its offset in `raw`.
        """
        start = _START.match(raw)
        if start is None:
            raise _no_request_line(raw)
        sizes = self._sizes
        if start.end() - 2 > sizes.request_line:
            raise _too_long_line(sizes)
        if len(raw) > sizes.head:
            raise _too_long_head(sizes)
        if start[3] != b"1":
            version = f"{start[3].decode()}.{start[4].decode()}"
            raise PeerError(f"HTTP/{version} is not spoken here", section="RFC 9110, 15.6.6", offset=0, code=505)
        block = raw[start.end() : -2]
        try:
            facts = self._facts(block) if len(block) <= _REMEMBERED else _facts_of(block)
            if len(facts.fields) > sizes.fields:
                words = f"there are {len(facts.fields)} fields; {sizes.fields} are taken"
                raise PeerError(words, section="RFC 6585, 5", code=431)
            old = start[4] == b"0"
            _check(facts, old)
            return _understood(start[1].decode(), start[2].decode("utf-8", "surrogateescape"), old, facts)
        except PeerError as wrong:
            wrong.offset = start.end() + (wrong.offset or 0)
            raise


def _check(facts: _Facts, old: bool) -> None:
    """Refuse what the fields must not say together with the version."""
    if facts.hosts != 1 and not (old and not facts.hosts):
        words = "there is more than one Host field" if facts.hosts else "there is no Host field"
        raise PeerError(words, section="RFC 9112, 3.2")
    if old and facts.codings:
        raise PeerError("Transfer-Encoding is given, which HTTP/1.0 does not know", section="RFC 9112, 6.1")
    if facts.expectations and not old and facts.expectations != ["100-continue"]:
        words = f"Expect: {', '.join(facts.expectations)[:60]} cannot be met"
        raise PeerError(words, section="RFC 9110, 10.1.1", code=417)


def _understood(method: str, target: str, old: bool, facts: _Facts) -> RequestHead:
    target, path, host = _read_target(method, target, facts.host)
    return RequestHead(
        method,
        target,
        path,
        host,
        "1.0" if old else "1.1",
        facts.fields,
        facts.length,
        "close" not in facts.options and (not old or "keep-alive" in facts.options),
        bool(facts.expectations) and not old and facts.length != 0,
    )


def _facts_of(block: bytes) -> _Facts:
    fields = read_fields(block)
    index = fields.index
    hosts = index.get(b"host", ())
    host = text(hosts[0]).lower() if hosts else ""
    if host and not _HOST.fullmatch(host):
        raise PeerError(f"Host: {host[:60]!r} is not a host", section="RFC 9112, 3.2")
    codings = b"transfer-encoding" in index
    return _Facts(
        fields,
        len(hosts),
        host,
        _read_length(fields) if codings or b"content-length" in index else 0,
        codings,
        fields.tokens("connection"),
        fields.tokens("expect"),
    )


def _read_length(fields: Fields) -> int:
    """Return how long the content is, -1 for chunked (RFC 9112, 6.3)."""
    lengths = fields.raw("content-length")
    if "transfer-encoding" in fields:
        codings = fields.tokens("transfer-encoding")
        if lengths:
            # RFC 9112, 6.1 would let us read on by the chunks and close; refusing leaves nothing to misunderstand.
            raise PeerError("both Transfer-Encoding and Content-Length are given", section="RFC 9112, 6.1")
        if codings == ["chunked"]:
            return -1
        shown = fields.get("transfer-encoding")[:60]
        if "chunked" in codings[:-1] or not codings or (codings[-1] != "chunked" and _CODINGS.issuperset(codings)):
            words = f"chunked is not the last coding of Transfer-Encoding: {shown}"
            raise PeerError(words, section="RFC 9112, 6.3")
        raise PeerError(f"Transfer-Encoding: {shown} is not understood", section="RFC 9112, 6.1", code=501)
    # int() would take a sign, blanks, underscores and Arabic digits; a list may be two lengths.
    if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:
        shown = b", ".join(lengths)[:60].decode("latin-1")
        raise PeerError(f"Content-Length: {shown} is not one number", section="RFC 9112, 6.3")
    return int(lengths[0])


def _read_target(method: str, target: str, host: str) -> tuple[str, str, str]:
    """Return target in origin-form, its path, and the host (RFC 9112, 3.2 and 3.3)."""
    if method == "CONNECT":
        if not _HOST.fullmatch(target) or ":" not in target:
            raise PeerError(f"{target[:60]!r} is not host:port", section="RFC 9112, 3.2.3")
        return target, target, target.lower()
    if target == "*":
        if method != "OPTIONS":
            raise PeerError(f"* is a target for OPTIONS only, not for {method}", section="RFC 9112, 3.2.4")
        return target, target, host
    if not target.startswith("/"):
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None or not absolute[1] or not _HOST.fullmatch(absolute[1]):
            words = f"{target[:60]!r} is not a request-target: /path, http://host/path, or * with OPTIONS"
            raise PeerError(words, section="RFC 9112, 3.2")
        host = absolute[1].lower()
        target = absolute[2]
        if not target:
            target = "*" if method == "OPTIONS" else "/"
        elif not target.startswith("/"):
            target = "/" + target
    elif "#" in target:
        raise PeerError("a request-target has no fragment (#)", section="RFC 9112, 3.2.1")
    path = target.partition("?")[0]
    if "%" in path and _BAD_PERCENT.search(path):
        raise PeerError(f"the percent-encoding in {path[:60]!r} is broken", section="RFC 3986, 2.1")
    return target, path, host


def check_beginning(data: bytes, at: int, checked: int, sizes: Sizes = SIZES, offset: int = 0) -> int:
    """Look at a head that has no end yet, so that what is wrong already is told now and not when time is over.

    The head begins at `at` in `data`, which stands at `offset` in the stream; up to `checked` all was well before.
    Returns up to where it is well now. Raises: as `RequestHeads.read`, with the
    offset in the stream.
    """
    try:
        if checked <= at:
            start = _START.match(data, at)
            if start is None:
                line_end = data.find(b"\n", at)
                if (line_end if line_end >= 0 else len(data)) - at > sizes.request_line + 1:
                    raise _too_long_line(sizes)
                if line_end >= 0 or not _START_SO_FAR.fullmatch(data, at):
                    raise _no_request_line(data[at:])
                return at
            if start.end() - at - 2 > sizes.request_line:
                raise _too_long_line(sizes)
            checked = start.end()
        lines = LINES.match(data, checked)
        assert lines is not None
        checked = lines.end()
        line_end = data.find(b"\n", checked)
        if line_end >= 0 and data[checked : line_end + 1] != b"\r\n":
            raise misformed_line(data[checked : line_end + 1], checked - at)
        if len(data) - at > sizes.head:
            raise _too_long_head(sizes)
    except PeerError as wrong:
        wrong.offset = offset + at + (wrong.offset or 0)
        raise
    return checked


def _too_long_line(sizes: Sizes) -> PeerError:
    words = f"the request line is longer than {sizes.request_line} bytes"
    return PeerError(words, section="RFC 9112, 3", offset=0, code=414)


def _too_long_head(sizes: Sizes) -> PeerError:
    return PeerError(f"the head is longer than {sizes.head} bytes", section="RFC 6585, 5", offset=0, code=431)


def _no_request_line(data: bytes) -> PeerError:
    line, newline, _ = data.partition(b"\n")
    words = f"{line[:60]!r} is not a request line: method, target, HTTP/1.1, with one blank between"
    section = "RFC 9112, 3"
    if data[:1] == b"\x16":
        words = "this looks like TLS, and plain HTTP is spoken here"
    elif newline and not line.endswith(b"\r"):
        words, section = f"the request line ends with a bare LF: {line[:60]!r}", "RFC 9112, 2.2"
    elif line.count(b" ") == 2 and line.rpartition(b" ")[2][:1] == b"h":
        words, section = "the protocol's name is HTTP, in capitals", "RFC 9112, 2.3"
    return PeerError(words, section=section, offset=0)
