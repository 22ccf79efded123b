"""XML-RPC calls over HTTP: the handler behind `POST /RPC2`.

    content --gzip undone--> read_call --> Methods --> value or fault --> text/xml, 200
                                             '--> Waiting --Call--> outcome -->'

What HTTP can say goes by its status: 403, 411, 413, 415. What is wrong with the call itself is a fault, and so 200, as
the specification has it. Other origins' pages may not call (see `wire/origin`): a content type that a browser sends
anywhere without asking for leave (text/plain, a form, none at all) is no call.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sockwright.binding import Refusal, Service
from sockwright.conversation import Note, failed
from sockwright.errors import PeerError
from sockwright.protocols.methods import MULTICALL, Methods, Result, Waiting, fault_of, untold
from sockwright.protocols.routes import Answer, Call, Handler, Noted, Route
from sockwright.wire.exchange import Request, Response
from sockwright.wire.fields import Fields
from sockwright.wire.origin import foreign
from sockwright.wire.visible import visible
from sockwright.wire.xmlrpc import DEPTH, LIMIT, VALUES, Fault, fault_code, read_call
from sockwright.wire.xmlrpc_writer import write_answer, write_fault

PATH = "/RPC2"
XML = "text/xml; charset=utf-8"
_TYPES = ("text/xml", "application/xml")
_CHARSET = re.compile(r"""(?:.*;)?[ \t]*charset[ \t]*=[ \t]*"?([^";, \t]+)""", re.IGNORECASE).match
_NO_FIELDS: Mapping[str, str] = {}
_NOUGHT = re.compile(r"q=0(?:\.0*)?").fullmatch
_REMEMBERED = 128  # sets of fields whose meaning is kept; the conversation, too, keeps those of clients it knows


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The most that one call may be. Bytes and counts."""

    # A call is a few values, and ten thousand words fit in.
    body: int = 1024 * 1024
    # The same once gzip is undone: 1 MB of it may hold 1 GB.
    inflated: int = 4 * 1024 * 1024
    # Arrays and structs within each other.
    depth: int = DEPTH
    values: int = VALUES
    # Calls in one system.multicall.
    multicall: int = MULTICALL
    # Answers of this size and more go out as gzip to whom takes it; below, a packet or two is not worth the time.
    gzip_from: int = 16 * 1024
    # And up to this: a megabyte takes some 10 ms, in which the loop does nothing else.
    gzip_to: int = 1024 * 1024


LIMITS = CallLimits()


def call_routes(
    services: Sequence[Service], paths: Sequence[str], names: Collection[str] = (), limits: CallLimits = LIMITS
) -> Sequence[Route]:
    """Return the routes by which `services` are called at `paths`; `names` as in `wire/origin`."""
    handler = handler_of(services, names, limits)
    return [Route("POST", path, handler, body=limits.body) for path in paths]


def handler_of(services: Sequence[Service], names: Collection[str] = (), limits: CallLimits = LIMITS) -> Handler:
    """Return the handler that answers calls of `services`."""
    known = frozenset(name.lower() for name in names)
    return _Caller(Methods(services, limits.multicall), known, limits).answer


class _Caller:
    """Answers calls of one endpoint."""

    __slots__ = ("_facts", "_limits", "_methods")

    def __init__(self, methods: Methods, names: Collection[str], limits: CallLimits) -> None:
        self._methods = methods
        self._limits = limits
        self._facts = lru_cache(_REMEMBERED)(lambda fields, host: _facts_of(fields, host, names))

    def answer(self, request: Request) -> Answer:
        """Return the answer to `request`, which is complete."""
        refusal, charset, inflate, takes_gzip, has_length = self._facts(request.fields, request.host)
        content = request.content
        if refusal is not None:
            return refusal
        if not content and not has_length:
            return _refused(411, "a call has content, and nothing says how much: Content-Length is missing")
        limits = self._limits
        if inflate:
            inflated = _inflated(content, limits.inflated)
            if not isinstance(inflated, bytes):
                return inflated
            content = inflated
        try:
            method, values = read_call(content, charset, depth=limits.depth, values=limits.values)
        except PeerError as broken:
            return _malformed(broken)
        result = self._methods.call(method, values)
        if type(result) is bool:
            return _BOOLEANS[result]
        if type(result) is Refusal and result.trace:
            return Noted(failed(result), _fault(fault_of(result)))
        return self._told(result, takes_gzip)

    def _told(self, result: Result, takes_gzip: bool) -> Answer:
        if isinstance(result, Waiting):
            then = result.then
            return Call(result.service, result.arguments, lambda outcome: self._told(then(outcome), takes_gzip))
        if isinstance(result, Refusal):
            result = fault_of(result)
        if not isinstance(result, Fault):
            try:
                content = write_answer(result)
            except Exception as wrong:  # noqa: BLE001 - somebody else's value, which may be of any class
                result = untold(wrong)
            else:
                return self._sent(content, takes_gzip)
        return Noted(Note("refused", {"fault": result.code, "message": result.message}), _fault(result))

    def _sent(self, content: bytes, takes_gzip: bool) -> Response:
        if takes_gzip and self._limits.gzip_from <= len(content) <= self._limits.gzip_to:
            return Response.ready(zlib.compress(content, 1, wbits=31), _LINES + b"Content-Encoding: gzip\r\n")
        return Response.ready(content, _LINES)


_LINES = Response(b"", type=XML).lines
_BOOLEANS = (Response(write_answer(False), type=XML), Response(write_answer(True), type=XML))


def _fault(fault: Fault) -> Response:
    return Response.ready(write_fault(fault.code, fault.message), _LINES)


def _malformed(broken: PeerError) -> Noted:
    fault = Fault(fault_code(broken), str(broken))
    about = {"fault": fault.code, "rule": broken.section, "offset": broken.offset, "message": broken.args[0]}
    return Noted(Note("limit" if broken.section == LIMIT else "malformed", about), _fault(fault))


class _Facts(NamedTuple):
    """What the fields of a request mean here. `refusal` where they cannot be those of a call."""

    refusal: Answer | None
    charset: str
    inflate: bool
    takes_gzip: bool
    has_length: bool


def _facts_of(fields: Fields, host: str, names: Collection[str]) -> _Facts:
    kind, _, parameters = fields.get("content-type").partition(";")
    codings = fields.tokens("content-encoding")
    charset = _CHARSET(parameters)
    return _Facts(
        _refusal_of(fields, host, names, kind.strip().lower(), codings),
        charset[1] if charset else "",
        bool(codings) and codings != ["identity"],
        _takes_gzip(fields.tokens("accept-encoding")),
        "content-length" in fields or "transfer-encoding" in fields,
    )


def _refusal_of(fields: Fields, host: str, names: Collection[str], kind: str, codings: Sequence[str]) -> Answer | None:
    """Return the refusal that the fields alone deserve, if any."""
    why = foreign(host, fields, names)
    if why:
        return _refused(403, why)
    if kind not in _TYPES:
        words = f"a call is {_TYPES[0]}, and {visible(kind, 60) or 'no Content-Type'} came"
        return _refused(415, words, {"Accept": ", ".join(_TYPES)})
    if codings not in ([], ["identity"], ["gzip"], ["x-gzip"]):
        words = f"Content-Encoding: {visible(', '.join(codings), 60)} is not undone here; gzip is"
        return _refused(415, words, {"Accept-Encoding": "gzip"})
    return None


def _refused(status: int, words: str, fields: Mapping[str, str] = _NO_FIELDS) -> Noted:
    return Noted(Note("refused", {"status": status, "message": words}), Response(words + "\n", status, fields=fields))


def _takes_gzip(codings: Sequence[str]) -> bool:
    """Tell whether `codings` has gzip, and with a weight (RFC 9110, 12.5.3)."""
    for coding in codings:
        name, _, weight = coding.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return not _NOUGHT(weight.strip())
    return False


def _inflated(content: bytes, limit: int) -> bytes | Noted:
    """Return `content` with its gzip undone; a refusal where it is none, or comes to more than `limit` bytes."""
    member = zlib.decompressobj(wbits=31)
    try:
        whole = member.decompress(content, limit + 1)
    except zlib.error as wrong:
        return _refused(400, f"the content is not gzip: {wrong}")
    if len(whole) > limit:
        return _refused(413, f"the content inflates to more than {limit} bytes")
    # A second member would be gzip too (RFC 1952, 2.2), but nobody sends one, and 50,000 empty ones take minutes.
    if not member.eof or member.unused_data:
        return _refused(400, "the content is not one whole member of gzip")
    return whole
