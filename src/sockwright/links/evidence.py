"""The exchange that proved a verdict, cut to what a person wants to see, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sockwright.links.asking import Exchange
from sockwright.links.credentials import masked
from sockwright.wire.visible import visible

_FIELDS = 40
_VALUE = 500  # characters of a field that are kept
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})  # named, but not shown


def evidence(exchange: Exchange) -> dict[str, Any]:
    """Return what was asked, by whom it was answered, what came and how long it took."""
    ask = exchange.ask
    proof: dict[str, Any] = {"asked": f"{ask.method} {ask.url}", "at": round(exchange.started, 3)}
    if ask.fields:
        proof["with"] = [[name, "***" if name.lower() in _SECRET else value[:_VALUE]] for name, value in ask.fields]
    if exchange.address:
        proof["address"] = exchange.address
    if exchange.status:
        proof["answer"] = " ".join(part for part in (exchange.version, str(exchange.status), exchange.phrase) if part)
        proof["fields"] = [[name[:100], _shown(name, value)] for name, value in exchange.fields[:_FIELDS]]
        proof["body"] = exchange.wire
    if exchange.trouble:
        proof["trouble"] = exchange.trouble
        proof["detail"] = exchange.detail[:_VALUE]
    if exchange.cut:
        proof["cut"] = exchange.cut
    proof["seconds"] = round(exchange.seconds, 4)
    return proof


def _shown(name: str, value: str) -> str:
    """Return what a report may show of a field that came: no cookie that lets in, no password of a URL."""
    if name == "set-cookie":
        cookie, semicolon, attributes = value.partition(";")
        value = f"{cookie.partition('=')[0]}=***{semicolon}{attributes}"
    return masked(value)[:_VALUE]


def told(proof: dict[str, Any]) -> Iterator[str]:
    """Return a proof as lines for a terminal."""
    yield f"> {visible(str(proof.get('asked', '')))}"
    for name, value in proof.get("with", ()):
        yield f"> {visible(str(name))}: {visible(str(value))}"
    where = f" from {visible(str(proof['address']))}" if "address" in proof else ""
    if "answer" in proof:
        yield f"< {visible(str(proof['answer']))}"
        for name, value in proof.get("fields", ()):
            yield f"< {visible(str(name))}: {visible(str(value))}"
    if "trouble" in proof:
        yield f"! {visible(str(proof['trouble']))}: {visible(str(proof.get('detail', '')))}"
    if "cut" in proof:
        yield f"! {visible(str(proof['cut']))}"
    body = f"{proof['body']} bytes of body, " if "body" in proof else ""
    yield f"  {body}{proof.get('seconds', 0)} s{where}"
