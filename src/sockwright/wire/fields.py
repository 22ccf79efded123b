"""The fields of an HTTP message: `name: value` lines, read strictly, looked up without case, written safely.

What a particular field means is told elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from sockwright.errors import PeerError

# RFC 9110, 5.6.2 and 5.5. Possessive throughout: a hostile line is read once and never tried again.
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
LINES = re.compile(rb"(?>(?:" + TOKEN + rb":" + VALUE + rb"\r\n)*)")
_NAME = re.compile(TOKEN)
_VALUE = re.compile(VALUE)
_LINE = re.compile(rb"[^\n]*+\n?")


class Fields:
    """The fields of one message in their order, spelled as they came. Never changed, so that messages may share it."""

    __slots__ = ("index", "pairs")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.pairs = tuple(pairs)
        index: dict[bytes, list[bytes]] = {}
        for name, value in self.pairs:
            key = name.lower()
            if key in index:
                index[key].append(value)
            else:
                index[key] = [value]
        self.index: Mapping[bytes, list[bytes]] = index

    def values(self, name: str) -> list[str]:
        """Return the value of each field called `name`, in their order."""
        return [text(value) for value in self.raw(name)]

    def raw(self, name: str) -> list[bytes]:
        """Return the same, as bytes."""
        return self.index.get(name.lower().encode(), [])

    def get(self, name: str, default: str = "") -> str:
        """Return the value of the field `name`; those of several are joined by commas (RFC 9110, 5.3)."""
        values = self.raw(name)
        return text(b", ".join(values)) if values else default

    def tokens(self, name: str) -> list[str]:
        """Return the members of a list-valued field in lower case: `close` and `te` for `Connection: close, TE`."""
        values = self.raw(name)
        if not values:
            return []
        return [member for part in text(b",".join(values)).lower().split(",") if (member := part.strip(" \t"))]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.raw(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((text(name), text(value)) for name, value in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"Fields({list(self)!r})"


NO_FIELDS = Fields()


def text(value: bytes) -> str:
    """Return a field's value as text: UTF-8 where it is that, else each byte one character (RFC 9110, 5.5)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def read_fields(block: bytes, offset: int = 0) -> Fields:
    """Return the fields in `block`: whole lines, without the empty one behind them.

    Raises: PeerError naming the rule that a line breaks; `offset` is where `block` begins in the stream.
    """
    if LINES.fullmatch(block) is None:
        raise _misformed(block, offset)
    lines = block.split(b"\r\n")
    del lines[-1]
    pairs = []
    for line in lines:
        name, _, value = line.partition(b":")
        pairs.append((name, value.strip(b" \t")))
    return Fields(pairs)


def _misformed(block: bytes, offset: int) -> PeerError:
    whole = LINES.match(block)
    assert whole is not None
    at = whole.end()
    found = _LINE.match(block, at)
    assert found is not None
    return misformed_line(found[0], offset + at)


def misformed_line(line: bytes, offset: int) -> PeerError:
    """Return what is wrong with one field line that is not one."""
    shown = line[:60]
    if not line.endswith(b"\r\n") and line.endswith(b"\n"):
        return PeerError(f"a line ends with a bare LF: {shown!r}", section="RFC 9112, 2.2", offset=offset)
    if line[:1] in (b" ", b"\t"):
        words = f"a field line begins with a blank (obsolete line folding): {shown!r}"
        return PeerError(words, section="RFC 9112, 5.2", offset=offset)
    name, colon, value = line.rstrip(b"\r\n").partition(b":")
    if not colon:
        return PeerError(f"a field line has no colon: {shown!r}", section="RFC 9112, 5", offset=offset)
    if name and name.rstrip(b" \t") != name:
        words = f"there is a blank between the field name and its colon: {shown!r}"
        return PeerError(words, section="RFC 9112, 5.1", offset=offset)
    if not _NAME.fullmatch(name):
        return PeerError(f"{name[:60]!r} is not a field name", section="RFC 9110, 5.1", offset=offset)
    good = _VALUE.match(value)
    assert good is not None
    at = offset + len(name) + 1 + good.end()
    return PeerError(
        f"the value of {name[:60].decode()} holds the control byte 0x{value[good.end()]:02x}"
        if good.end() < len(value)
        else f"a bare CR stands in {name[:60].decode()}",
        section="RFC 9110, 5.5",
        offset=at,
    )


def write_field(name: str | bytes, value: str | bytes | int) -> bytes:
    """Return one field line. Text is written as UTF-8.

    Raises: ValueError where name or value would end the line early or break the message (response splitting).
    """
    key = name.encode() if isinstance(name, str) else name
    if not _NAME.fullmatch(key):
        raise ValueError(f"{name!r} is not a field name; letters, digits and - make one")
    what = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
    if not _VALUE.fullmatch(what):
        raise ValueError(f"the value of {name!r} holds a line break or another control character: {value!r}")
    return key + b": " + what.strip(b" \t") + b"\r\n"


def write_fields(fields: Iterable[tuple[str | bytes, str | bytes | int]]) -> bytes:
    """Return the lines of `fields`, in their order. Raises: as `write_field`."""
    return b"".join([write_field(name, value) for name, value in fields])
