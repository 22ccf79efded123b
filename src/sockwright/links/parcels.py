"""Tasks and outcomes as bytes, for runs that many machines share; typed, so that nothing else comes through."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import msgspec
from msgspec.structs import replace

from sockwright.links.asking import USER_AGENT, Body
from sockwright.links.evidence import evidence
from sockwright.links.fetcher import Outcome, Settings, Task
from sockwright.links.page import Page


class About(msgspec.Struct):
    """How a run is to be worked on. Credentials are not in it: each worker has its own, from its own flags."""

    settings: Settings
    user_agent: str = USER_AGENT
    public_only: bool = False
    resolve: tuple[str, ...] = ()


class _Task(msgspec.Struct, array_like=True):
    url: str
    body: int
    exempt: bool
    generation: int


class _Outcome(msgspec.Struct, array_like=True):
    kind: str
    reason: str
    status: int
    location: str
    permanent: bool
    note: str
    page: Page | None
    text: str | None
    readable: bool
    cookies: bool
    why: dict[str, Any] | None
    requests: int
    bytes: int


_encode = msgspec.msgpack.Encoder().encode
_decode_about = msgspec.msgpack.Decoder(About).decode
_decode_task = msgspec.msgpack.Decoder(_Task).decode
_decode_outcome = msgspec.msgpack.Decoder(_Outcome).decode
_SQUEEZED = 2_000  # bytes from which an outcome is compressed; most pages shrink to a quarter


def pack_about(about: About) -> bytes:
    return _encode(about)


def unpack_about(packed: bytes) -> About:
    return _decode_about(packed)


def pack_task(task: Task) -> tuple[str, bytes]:
    """Return a task's id and its bytes. The same asking has the same id, so it is given out once."""
    packed = _encode(_Task(task.url, int(task.body), task.exempt, task.generation))
    return hashlib.blake2b(packed, digest_size=12).hexdigest(), packed


def unpack_task(packed: bytes) -> Task:
    found = _decode_task(packed)
    return Task(found.url, Body(found.body), exempt=found.exempt, generation=found.generation)


def pack_outcome(outcome: Outcome, requests: int, size: int) -> bytes:
    """Return an outcome's bytes; `requests` and `size` (bytes of bodies) are what it took since the last one."""
    why = outcome.why
    if why is None and outcome.exchange is not None and outcome.kind != "ok":
        why = evidence(outcome.exchange)
    parcel = _Outcome(
        outcome.kind,
        outcome.reason,
        outcome.status,
        outcome.location,
        outcome.permanent,
        outcome.note,
        outcome.page,
        outcome.text,
        outcome.readable,
        outcome.cookies,
        why,
        requests,
        size,
    )
    try:
        packed = _encode(parcel)
    except UnicodeEncodeError:  # half a surrogate pair, which UTF-8 has no bytes for
        parcel.page = (
            None if outcome.page is None else replace(outcome.page, links=[_mended(x) for x in outcome.page.links])
        )
        packed = _encode(parcel)
    return b"z" + zlib.compress(packed, 1) if len(packed) > _SQUEEZED else b"-" + packed


def unpack_outcome(packed: bytes) -> tuple[Outcome, int, int]:
    """Return an outcome, and the requests and bytes it took."""
    found = _decode_outcome(zlib.decompress(packed[1:]) if packed[:1] == b"z" else packed[1:])
    outcome = Outcome(
        found.kind,
        found.reason,
        found.status,
        location=found.location,
        permanent=found.permanent,
        note=found.note,
        page=found.page,
        text=found.text,
        readable=found.readable,
        cookies=found.cookies,
        why=found.why,
    )
    return outcome, found.requests, found.bytes


def _mended(link: Any) -> Any:
    def mend(text: str) -> str:
        return text.encode("utf-8", "replace").decode()

    return replace(link, raw=mend(link.raw), text=mend(link.text), url=mend(link.url))
