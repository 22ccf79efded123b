"""XML-RPC's grammar: reads calls and answers as values, strictly and within limits.

After the specification of 1999 (xmlrpc.com/spec.md) with the extensions that everybody speaks: nil and i8, in a
namespace or not. A DOCTYPE is refused, so there are no entities but XML's own five, and nothing is ever expanded or
fetched. The spelling of single values is in `xmlrpc_scalars`, a short way for the commonest calls in `xmlrpc_plain`,
writing in `xmlrpc_writer`. Knows nothing of HTTP, or of which methods there are.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.parsers import expat

from sockwright.errors import PeerError
from sockwright.wire.xmlrpc_plain import plain_call
from sockwright.wire.xmlrpc_scalars import BLANK, EXTENSIONS, SCALARS, excerpt

# Fault codes that are the same everywhere (the interoperability list of 2001).
NOT_WELL_FORMED = -32700
UNSUPPORTED_ENCODING = -32701
INVALID_CHARACTER = -32702
NOT_XMLRPC = -32600
NO_SUCH_METHOD = -32601
INVALID_PARAMETERS = -32602
INTERNAL = -32603
APPLICATION = -32500
SYSTEM = -32400

DEPTH = 64  # arrays and structs within each other; deeper only helps to exhaust whoever walks them by recursion
VALUES = 10_000  # values in one message: a body of 1 MB could hold 60,000, each an object
METHOD_NAME = 255  # characters; no name that anybody wrote is longer

RULE = "XML-RPC"
LIMIT = "limit"
_WELL_FORMED = "XML 1.0, 2.1"
_CHARACTERS = "XML 1.0, 2.2"
_DOCTYPE = "XML 1.0, 2.8"
_ENCODING = "XML 1.0, 4.3.3"
_CODES: Mapping[str, int] = {
    _WELL_FORMED: NOT_WELL_FORMED,
    _CHARACTERS: INVALID_CHARACTER,
    _ENCODING: UNSUPPORTED_ENCODING,
}

# What stands within an element: these in this order, each once (a set is a choice); or one kind, any number of times.
_IN_ORDER: Mapping[str, tuple[frozenset[str], ...]] = {
    "": (frozenset({"methodCall", "methodResponse"}),),
    "methodCall": (frozenset({"methodName"}), frozenset({"params"})),
    "methodResponse": (frozenset({"params", "fault"}),),
    "param": (frozenset({"value"}),),
    "fault": (frozenset({"value"}),),
    "member": (frozenset({"name"}), frozenset({"value"})),
    "array": (frozenset({"data"}),),
    "value": (frozenset({*SCALARS, "array", "struct"}),),
}
_REPEATED: Mapping[str, str] = {"params": "param", "data": "value", "struct": "member"}
_NESTING = frozenset({"array", "struct"})

# Encodings that are decoded whole before the parser sees them. A list of ours: Python also knows some that are no
# encodings of text (zip) or slow beyond measure (punycode).
_CODECS = frozenset(
    (
        *("utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be"),
        *(f"iso8859-{part}" for part in range(1, 17) if part != 12),
        *(f"cp{page}" for page in (437, 850, 866, *range(1250, 1259))),
        *("koi8-r", "koi8-u", "mac-cyrillic", "mac-roman"),
        *("shift_jis", "euc_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr"),
    )
)
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9._:-]{0,39}").fullmatch
_DECLARED = re.compile(rb"""<\?xml\b[^>]{1,100}?\bencoding[ \t\r\n]*=[ \t\r\n]*["']([^"'<>]{1,80})["']""").match


class Call(NamedTuple):
    """A call as it was read."""

    method: str
    values: list[Any]


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer as it was read; told from a bare value, which may be anything."""

    value: Any


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal in XML-RPC's manner: a value, since a fault is an answer too."""

    code: int
    message: str


def read_call(body: bytes, charset: str = "", *, depth: int = DEPTH, values: int = VALUES) -> Call:
    """Return the call in `body`. `charset`, what its Content-Type says, outweighs what `body` declares (RFC 7303, 3).

    Raises: PeerError, whose fault code `fault_code` tells.
    """
    if not charset or charset.lower() == "utf-8":
        plain = plain_call(body, depth, values)
        if plain is not None:
            return Call(*plain)
    return parsed_call(body, charset, depth=depth, values=values)


def parsed_call(body: bytes, charset: str = "", *, depth: int = DEPTH, values: int = VALUES) -> Call:
    """Do what `read_call` does, always the long way."""
    call = _read(body, charset, depth, values)
    if not isinstance(call, Call):
        raise PeerError("a methodCall was expected, and a methodResponse came", section=RULE)
    return call


def read_answer(body: bytes, charset: str = "", *, depth: int = DEPTH, values: int = VALUES) -> Any:
    """Return the value in `body`, or the Fault.

    Raises: PeerError.
    """
    answer = _read(body, charset, depth, values)
    if not isinstance(answer, _Answer):
        raise PeerError("a methodResponse was expected, and a methodCall came", section=RULE)
    return answer.value


def fault_code(broken: PeerError) -> int:
    """Return the fault code for what `read_call` refused."""
    return _CODES.get(broken.section, NOT_XMLRPC)


def _read(body: bytes, charset: str, depth: int, values: int) -> Any:
    text = _as_utf8(body, charset)
    tree = _Tree(depth, values)
    # `tree` does not know the parser: a ring of the two would wait for the garbage collector.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text.append
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(text, True)
    except PeerError as broken:
        # The parser stands behind the tag at which it was noticed.
        broken.offset = body.rfind(b"<", 0, parser.CurrentByteIndex) if text is body else None
        raise
    except expat.ExpatError as broken:
        offset = parser.ErrorByteIndex if text is body else None
        raise _ill_formed(text, offset, expat.ErrorString(broken.code) or "") from None
    return tree.result


def _ill_formed(text: bytes, offset: int | None, words: str) -> PeerError:
    """Return the error for what the parser refused, where it is the bytes rather than the markup saying so."""
    try:
        text.decode()
    except UnicodeDecodeError as wrong:
        if offset is None or wrong.start <= offset:
            found = f"byte 0x{text[wrong.start]:02x} is not UTF-8, and no other encoding is declared"
            return PeerError(found, section=_CHARACTERS, offset=wrong.start)
    if not text.strip():
        return PeerError("there is nothing in the body", section=_WELL_FORMED, offset=0)
    return PeerError(f"not well-formed: {words}", section=_WELL_FORMED, offset=offset)


def _refuse_doctype(*_: object) -> None:
    raise PeerError("a DOCTYPE has no place in XML-RPC", section=_DOCTYPE)


def _as_utf8(body: bytes, charset: str) -> bytes:
    """Return `body` in UTF-8: the same object where it is that already.

    Raises: PeerError where its encoding is not known, or it does not keep to it.
    """
    label = _encoding(body, charset)
    if not label or label.lower() == "utf-8":
        return body
    try:
        name = codecs.lookup(label).name if _LABEL(label) else ""
    except LookupError:
        name = ""
    if name not in _CODECS:
        raise PeerError(f"the encoding {excerpt(label)} is not spoken here; send UTF-8", section=_ENCODING)
    try:
        return body.decode(name).encode()
    except UnicodeError as wrong:
        start = wrong.start if isinstance(wrong, UnicodeDecodeError) else None
        raise PeerError(f"the body is not in {label}", section=_CHARACTERS, offset=start) from None


def _encoding(body: bytes, charset: str) -> str:
    """Return the label of the encoding that `body` is in, "" where nothing says one (RFC 7303, 3; XML 1.0, F)."""
    if body.startswith(codecs.BOM_UTF8):
        return ""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if charset:
        return charset
    if body.startswith(b"<\0"):
        return "utf-16-le"
    if body.startswith(b"\0<"):
        return "utf-16-be"
    declared = _DECLARED(body)
    return declared[1].decode("latin-1") if declared else ""


class _Tree:
    """Builds values from the parser's events. Each open element has a frame: its name, and what stood in it so far."""

    __slots__ = ("_depth", "_frames", "_values", "result", "text")

    def __init__(self, depth: int, values: int) -> None:
        self.text: list[str] = []  # since the last tag; the parser appends to it
        self.result: Any = None
        self._frames: list[tuple[str, list[Any]]] = [("", [])]
        self._depth = depth  # arrays and structs that may still be opened
        self._values = values  # values that may still come

    def start(self, tag: str, _attributes: Mapping[str, str]) -> None:
        parent, held = self._frames[-1]
        if ":" in tag and (bare := tag.rpartition(":")[2]) in EXTENSIONS:
            tag = bare
        if _REPEATED.get(parent) != tag:
            order = _IN_ORDER.get(parent, ())
            if len(held) >= len(order) or tag not in order[len(held)]:
                shown = f"<{excerpt(tag)[1:-1]}>"
                words = f"{shown} has no place here in <{parent}>" if parent else f"{shown} is no XML-RPC"
                raise PeerError(words, section=RULE)
        if self.text:
            self._expect_blank(parent)
        if tag == "value":
            self._values -= 1
            if self._values < 0:
                raise PeerError("too many values in one message", section=LIMIT)
        elif tag in _NESTING:
            self._depth -= 1
            if self._depth < 0:
                raise PeerError("arrays and structs are nested too deep", section=LIMIT)
        self._frames.append((tag, []))

    def end(self, _tag: str) -> None:
        tag, held = self._frames.pop()
        if tag in SCALARS:
            made: Any = SCALARS[tag](self._take_text())
        elif tag in ("name", "methodName") or (tag == "value" and not held):  # without a type, a value is a string
            made = self._take_text()
        else:
            if self.text:
                self._expect_blank(tag)
            made = self._assembled(tag, held)
        self._frames[-1][1].append(made)
        self.result = made  # the last element to end is the outermost

    def _assembled(self, tag: str, held: list[Any]) -> Any:
        order = _IN_ORDER.get(tag, ())
        if len(held) < len(order) and not (tag == "methodCall" and len(held) == 1):
            raise PeerError(f"<{tag}> lacks its <{'> or <'.join(sorted(order[len(held)]))}>", section=RULE)
        match tag:
            case "params" | "data":
                return held
            case "struct":
                self._depth += 1
                return _struct(held)
            case "array":
                self._depth += 1
            case "member":
                return tuple(held)
            case "fault":
                return _fault(held[0])
            case "methodResponse":
                return _answer(held[0])
            case "methodCall":
                return Call(checked_name(held[0]), held[1] if len(held) == 2 else [])
        return held[0]

    def _take_text(self) -> str:
        text = "".join(self.text)
        self.text.clear()
        return text

    def _expect_blank(self, parent: str) -> None:
        text = self._take_text().strip(BLANK)
        if text:
            raise PeerError(f"{excerpt(text)} stands between the elements of <{parent}>", section=RULE)


def _struct(members: list[tuple[str, Any]]) -> dict[str, Any]:
    struct = dict(members)
    if len(struct) < len(members):  # readers differ in which of two they take: a way to say two things at once
        seen: set[str] = set()
        twice = next(name for name, _ in members if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise PeerError(f"a struct has two members {excerpt(twice)}", section=RULE)
    return struct


def _fault(value: Any) -> Fault:
    match value:
        case {"faultCode": int(code), "faultString": str(words)} if not isinstance(code, bool):
            return Fault(code, words)
    raise PeerError("a fault is a struct of an int faultCode and a string faultString", section=RULE)


def _answer(held: Fault | list[Any]) -> _Answer:
    if isinstance(held, Fault):
        return _Answer(held)
    if len(held) != 1:
        raise PeerError(f"an answer has one value, and here are {len(held)}", section=RULE)
    return _Answer(held[0])


def checked_name(name: str) -> str:
    """Return a method's name as it came.

    Raises: PeerError where it is none.
    """
    if not name or len(name) > METHOD_NAME:
        raise PeerError(f"a methodName has 1 to {METHOD_NAME} characters, and this has {len(name)}", section=RULE)
    return name
