"""URLs by the rules browsers go by (the URL Standard of WHATWG, 4.4 and 4.5), for links as people write them.

`http:/x`, `http:\\\\x`, tabs and newlines inside, odd IPv4 numbers, capitals and letters beyond ASCII in
the host: all mean something to a browser, and the same to us. Percent-encoding that is there stays as it is
(`%2f`, `%2F` and `/` are three different things); what must be encoded is. Names are not resolved here, and
nothing is fetched.
"""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from sockwright.links.host import BadHost, parse_host

# Characters of a URL that are read; more is a mistake or an attack ("data:" has the document as its limit).
URL_LIMIT = 8_192

DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}
SPECIAL = frozenset({*DEFAULT_PORTS, "file"})

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):", re.ASCII)
_EDGES = "".join(map(chr, range(0x21)))  # C0 controls and the blank
_BREAKS = str.maketrans("", "", "\t\n\r")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DRIVE = re.compile(r"[a-zA-Z][:|](?=[/\\?#]|$)")
_DRIVE_SEGMENT = re.compile(r"[a-zA-Z][:|]")
_SINGLE_DOT = frozenset({".", "%2e"})
_DOUBLE_DOT = frozenset({"..", ".%2e", "%2e.", "%2e%2e"})

# What is percent-encoded in each part (1.3).
_IN_OPAQUE = re.compile(r"[^ -~]+")
_IN_FRAGMENT = re.compile(r"[^!#-;=?-_a-~]+")
_IN_QUERY = re.compile(r"[^!$-;=?-~]+")
_IN_SPECIAL_QUERY = re.compile(r"[^!$-&(-;=?-~]+")
_IN_PATH = re.compile(r"[^!$-;=@-\]_a-z|~]+")
_IN_USERINFO = re.compile(r"[^!$-.0-9A-Z_a-z~]+")


class BadURL(ValueError):
    """A browser would do nothing with it; the message says why."""


class URL(Struct, frozen=True, gc=False):
    """A URL taken apart, each part as it is serialised."""

    scheme: str
    username: str = ""
    password: str = ""
    host: str | None = None
    port: int | None = None  # None: the scheme's own
    path: str = ""
    query: str | None = None
    fragment: str | None = None
    opaque: bool = False  # the path has no segments (`mailto:a@b`)

    def __str__(self) -> str:
        fragment = "" if self.fragment is None else "#" + self.fragment
        return self.address + fragment

    @property
    def address(self) -> str:
        """The URL without its fragment: what is asked, and the key under which it is asked once."""
        text = self.scheme + ":"
        if self.host is not None:
            text += "//"
            if self.username or self.password:
                text += self.username + (":" + self.password if self.password else "") + "@"
            text += self.host + ("" if self.port is None else f":{self.port}")
        elif not self.opaque and self.path.startswith("//"):
            text += "/."
        text += self.path
        return text if self.query is None else text + "?" + self.query

    @property
    def origin(self) -> str:
        """Scheme, host and port, without user and password; "" where there is no host."""
        if not self.host:
            return ""
        return f"{self.scheme}://{self.host}" + ("" if self.port is None else f":{self.port}")


def parse(text: str, base: URL | None = None, *, encoding: str = "utf-8") -> URL:
    """Read a URL as a browser does, relative to `base` where it is relative.

    `encoding` is the Python name of the document's encoding: browsers write the query of a link in it.

    Raises:
        BadURL: it cannot be a URL; the message says why.
    """
    text = text.strip(_EDGES)
    if "\n" in text or "\t" in text or "\r" in text:
        text = text.translate(_BREAKS)
    if len(text) > URL_LIMIT and text[:5].lower() != "data:":
        raise BadURL(f"longer than {URL_LIMIT} characters")
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    try:
        return _parse(text, base, encoding)
    except BadHost as error:
        raise BadURL(f"the host {error}") from None


def address_of(url: str) -> str:
    """Return a canonical URL without its fragment: the key under which it is asked once."""
    return url.partition("#")[0]


def fragment_of(url: str) -> str:
    """Return the fragment of a canonical URL, without `#`."""
    return url.partition("#")[2]


def _parse(text: str, base: URL | None, encoding: str) -> URL:
    text, hash_, after = text.partition("#")
    fragment = _encode(_IN_FRAGMENT, after) if hash_ else None
    if match := _SCHEME.match(text):
        scheme = match[1].lower()
        rest = text[match.end() :]
        if scheme == "file":
            return _file(rest, base, encoding, fragment)
        if scheme in SPECIAL:
            if base is not None and base.scheme == scheme and not rest.startswith("//"):
                return _relative(rest, base, encoding, fragment)
            return _authority(scheme, rest.lstrip("/\\"), encoding, fragment)
        if rest.startswith("//"):
            return _authority(scheme, rest[2:], encoding, fragment)
        if rest.startswith("/"):
            return _with_path(URL(scheme, fragment=fragment), [], rest[1:], encoding)
        return _opaque(scheme, rest, fragment)
    if base is None:
        raise BadURL("relative, and there is nothing to be relative to")
    if base.opaque:
        if text or fragment is None:
            raise BadURL(f"relative, and the base is no place in a tree: {base.scheme}:")
        return replace(base, fragment=fragment)
    if base.scheme == "file":
        return _file(text, base, encoding, fragment)
    return _relative(text, base, encoding, fragment)


def _relative(text: str, base: URL, encoding: str, fragment: str | None) -> URL:
    special = base.scheme in SPECIAL
    slashes = "/\\" if special else "/"
    if text[:1] and text[0] in slashes:
        if text[1:2] and text[1] in slashes:
            rest = text[1:].lstrip(slashes) if special else text[2:]
            return _authority(base.scheme, rest, encoding, fragment)
        return _with_path(replace(base, query=None, fragment=fragment), [], text[1:], encoding)
    return _beside(base, text, encoding, fragment)


def _beside(base: URL, text: str, encoding: str, fragment: str | None) -> URL:
    """Resolve what begins neither with a scheme nor a slash against the directory of the base."""
    if not text:
        return replace(base, fragment=fragment)
    if text[0] == "?":
        return replace(base, query=_encode_query(base.scheme, text[1:], encoding), fragment=fragment)
    segments = base.path[1:].split("/") if base.path else []
    _shorten(base.scheme, segments)
    return _with_path(replace(base, query=None, fragment=fragment), segments, text, encoding)


def _authority(scheme: str, text: str, encoding: str, fragment: str | None) -> URL:
    special = scheme in SPECIAL
    end = re.search(r"[/\\?]" if special else r"[/?]", text)
    authority, rest = (text, "") if end is None else (text[: end.start()], text[end.start() :])
    userinfo, at, host_and_port = authority.rpartition("@")
    username, _, password = userinfo.partition(":")
    host_text, port_text = _split_port(host_and_port)
    if not host_text and (special or at or port_text is not None):
        raise BadURL("the host is missing")
    host = parse_host(host_text, special=special) if host_text else ""
    url = URL(
        scheme,
        _encode(_IN_USERINFO, username),
        _encode(_IN_USERINFO, password),
        host,
        _port(scheme, port_text),
        fragment=fragment,
    )
    if not rest or rest[0] == "?":
        if not special:
            query = _encode_query(scheme, rest[1:], encoding) if rest else None
            return replace(url, query=query)
        return _with_path(url, [], rest, encoding)
    return _with_path(url, [], rest[1:], encoding)


def _split_port(text: str) -> tuple[str, str | None]:
    """Cut the port off at the first colon outside brackets."""
    start = text.find("]") if text.startswith("[") else 0
    colon = text.find(":", max(start, 0))
    return (text, None) if colon < 0 else (text[:colon], text[colon + 1 :])


def _port(scheme: str, text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise BadURL(f"the port is no number: {text[:40]!r}")
    digits = text.lstrip("0") or "0"
    if len(digits) > 5 or int(digits) > 65_535:
        raise BadURL(f"the port is above 65535: {text[:40]}")
    return None if int(digits) == DEFAULT_PORTS.get(scheme) else int(digits)


def _file(text: str, base: URL | None, encoding: str, fragment: str | None) -> URL:
    url = URL("file", host="", fragment=fragment)
    if base is not None and base.scheme != "file":
        base = None
    if text[:1] in ("/", "\\"):
        if text[1:2] in ("/", "\\"):
            return _file_host(url, text[2:], encoding)
        segments: list[str] = []
        if base is not None:
            url = replace(url, host=base.host)
            first = base.path[1:].split("/")[0]
            if not _DRIVE.match(text[1:]) and _DRIVE_SEGMENT.fullmatch(first):
                segments.append(first)
        return _with_path(url, segments, text[1:], encoding)
    if base is None:
        return _with_path(url, [], text, encoding)
    url = replace(base, fragment=fragment)
    if text[:1] in ("", "?"):
        return url if not text else replace(url, query=_encode_query("file", text[1:], encoding))
    if _DRIVE.match(text):
        return _with_path(replace(url, query=None), [], text, encoding)
    return _beside(base, text, encoding, fragment)


def _file_host(url: URL, text: str, encoding: str) -> URL:
    end = re.search(r"[/\\?]", text)
    host, rest = (text, "") if end is None else (text[: end.start()], text[end.start() :])
    if _DRIVE_SEGMENT.fullmatch(host):  # file://c:/x
        return _with_path(url, [], text, encoding)
    if host:
        host = parse_host(host, special=True)
        url = replace(url, host="" if host == "localhost" else host)
    return _with_path(url, [], rest[1:] if rest[:1] in ("/", "\\") else rest, encoding)


def _opaque(scheme: str, text: str, fragment: str | None) -> URL:
    path, mark, query = text.partition("?")
    if path.endswith(" ") and (mark or fragment is not None):
        path = path[:-1] + "%20"  # a blank at the very end would be lost when the URL is read again
    return URL(
        scheme,
        path=_encode(_IN_OPAQUE, path),
        query=_encode(_IN_QUERY, query) if mark else None,
        fragment=fragment,
        opaque=True,
    )


def _with_path(url: URL, segments: list[str], text: str, encoding: str) -> URL:
    """Append the segments of `text` to a path, resolve its dots, and read the query behind it."""
    text, mark, after = text.partition("?")
    query = _encode_query(url.scheme, after, encoding) if mark else None
    if url.scheme in SPECIAL and "\\" in text:
        text = text.replace("\\", "/")
    parts = _encode(_IN_PATH, text).split("/")
    last = len(parts) - 1
    for at, part in enumerate(parts):
        folded = part.lower() if "." in part or "%" in part else part
        if folded in _DOUBLE_DOT:
            _shorten(url.scheme, segments)
            if at == last:
                segments.append("")
        elif folded in _SINGLE_DOT:
            if at == last:
                segments.append("")
        else:
            if url.scheme == "file" and not segments and _DRIVE_SEGMENT.fullmatch(part):
                part = part[0] + ":"
            segments.append(part)
    return replace(url, path="/" + "/".join(segments), query=query)


def _shorten(scheme: str, segments: list[str]) -> None:
    """Go up one directory; the drive of a file URL stays."""
    drive = scheme == "file" and len(segments) == 1 and segments[0][1:] == ":" and segments[0][0].isalpha()
    if segments and not drive:
        segments.pop()


def _encode_query(scheme: str, text: str, encoding: str) -> str:
    special = scheme in SPECIAL
    if encoding != "utf-8" and special and scheme not in ("ws", "wss") and not text.isascii():
        text = _in_encoding(text, encoding)
    return _encode(_IN_SPECIAL_QUERY if special else _IN_QUERY, text)


def _in_encoding(text: str, encoding: str) -> str:
    """Write letters in the document's encoding; those it lacks become `&#1234;` (Encoding, 4.2)."""

    def one(match: re.Match[str]) -> str:
        pieces = []
        for character in match[0]:
            try:
                pieces.append("".join(f"%{byte:02X}" for byte in character.encode(encoding)))
            except UnicodeEncodeError:
                pieces.append(f"%26%23{ord(character)}%3B")
        return "".join(pieces)

    return re.sub(r"[^\x00-\x7f]+", one, text)


def _encode(what: re.Pattern[str], text: str) -> str:
    return what.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8"))
