"""A short way to read the commonest XML-RPC calls: UTF-8, no CDATA, comments, attributes or numeric references.

Takes the markup apart by a few regular expressions, in a fraction of an XML parser's time. It answers None to whatever
it is not sure of, errors included; then the parser judges. What it does answer is what the parser would: a test holds
the two against each other. Repetitions are possessive (`*+`), so the time grows with the text alone.
"""

from __future__ import annotations

import re
from typing import Any

from sockwright.errors import PeerError
from sockwright.wire.xmlrpc_scalars import SCALARS

_W = r"[ \t\r\n]*+"
# In text: no markup, no CR (a parser makes it LF), no control characters (XML has none); of references, XML's five.
_RUN = r"[^<&\x00-\x08\x0b-\x1f]*+"
_TEXT = rf"{_RUN}(?>(?:&(?:lt|gt|amp|quot|apos);{_RUN})*)"
_TYPES = "|".join(re.escape(name) for name in SCALARS)
_ONE = rf"<value>(?:<(?P<type>{_TYPES})>(?P<text>{_TEXT})</(?P=type)>|<nil/>|(?P<untyped>{_TEXT}))</value>{_W}"
_UTF8 = "[Uu][Tt][Ff]-8"

_OPENING = re.compile(
    rf"""(?>(?:<\?xml version=(?:'1\.0'|"1\.0")(?>(?: encoding=(?:'{_UTF8}'|"{_UTF8}"))?) ?+\?>)?){_W}"""
    rf"<methodCall>{_W}<methodName>([A-Za-z0-9_.:/]{{1,255}}+)</methodName>{_W}(?>(<params>{_W})?)"
).match
_CLOSING = re.compile(f"</params>{_W}</methodCall>{_W}").fullmatch
_CLOSING_BARE = re.compile(f"</methodCall>{_W}").fullmatch
_PARAM = re.compile(f"<param>{_W}{_ONE}</param>{_W}").match
_NESTED_PARAM = re.compile(f"<param>{_W}(?=<value>)").match
_PARAM_END = re.compile(f"</param>{_W}").match
_VALUE = re.compile(_ONE).match
_NESTED = re.compile(f"<value>{_W}<(?:(array)>{_W}<data|struct)>{_W}").match
_ARRAY_END = re.compile(f"</data>{_W}</array>{_W}</value>{_W}").match
_STRUCT_END = re.compile(f"</struct>{_W}</value>{_W}").match
_MEMBER = re.compile(f"<member>{_W}<name>({_TEXT})</name>{_W}").match
_MEMBER_END = re.compile(f"</member>{_W}").match
_SHORTEST_VALUE = len("<value></value>")


def plain_call(body: bytes, depth: int, values: int) -> tuple[str, list[Any]] | None:
    """Return the method and values of the call in `body`, None where it is not plain enough to tell here."""
    try:
        text = body.decode()
        opening = _OPENING(text)
        if opening is None or not _is_plain(text, values):
            return None
        method, has_params = opening.groups()
        at = opening.end()
        read: list[Any] = []
        if has_params is None:
            return (method, read) if _CLOSING_BARE(text, at) else None
        while True:
            param = _PARAM(text, at)
            if param is not None:
                read.append(_scalar(*param.groups()))
                at = param.end()
            elif _CLOSING(text, at) is not None:
                return method, read
            else:
                value, at = _nested(text, _end(_NESTED_PARAM(text, at)), depth)
                read.append(value)
                at = _end(_PARAM_END(text, at))
    except (PeerError, ValueError):
        return None


def _is_plain(text: str, values: int) -> bool:
    """Tell whether `text` has nothing that no expression here sees, and few enough values."""
    if "]]>" in text:  # not in text (XML 1.0, 2.4)
        return False
    if not text.isascii() and ("\ufffe" in text or "\uffff" in text):  # not in XML (2.2)
        return False
    return len(text) < values * _SHORTEST_VALUE or text.count("<value>") <= values


def _scalar(kind: str | None, text: str, untyped: str | None) -> Any:
    if kind is None:
        return None if untyped is None else _unescaped(untyped)
    return SCALARS[kind](_unescaped(text))


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    for name, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(name, sign)
    return text


def _end(found: re.Match[str] | None) -> int:
    """Return where `found` ends.

    Raises: ValueError where it was not found.
    """
    if found is None:
        raise ValueError("not plain")
    return found.end()


def _nested(text: str, at: int, depth: int) -> tuple[Any, int]:
    """Return the array or struct at `at`, and where it ends.

    Raises: ValueError where there is none that is plain, or it is too deep.
    """
    opening = _NESTED(text, at)
    at = _end(opening)
    if depth <= 0:
        raise ValueError("not plain")
    if opening is not None and opening[1] is None:
        return _struct(text, at, depth - 1)
    items: list[Any] = []
    while True:
        value = _VALUE(text, at)
        if value is not None:
            items.append(_scalar(*value.groups()))
            at = value.end()
            continue
        ending = _ARRAY_END(text, at)
        if ending is not None:
            return items, ending.end()
        item, at = _nested(text, at, depth - 1)
        items.append(item)


def _struct(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    while True:
        member = _MEMBER(text, at)
        if member is None:
            return members, _end(_STRUCT_END(text, at))
        name = _unescaped(member[1])
        at = member.end()
        value = _VALUE(text, at)
        if value is not None:
            item = _scalar(*value.groups())
            at = value.end()
        else:
            item, at = _nested(text, at, depth)
        if name in members:
            raise ValueError("not plain")
        members[name] = item
        at = _end(_MEMBER_END(text, at))
