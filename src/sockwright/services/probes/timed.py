"""Probes that take their time, or come piece by piece."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import msgspec

from sockwright.binding import service_of
from sockwright.conversation import Begin
from sockwright.errors import ServiceError
from sockwright.services.probes.content import MOST_BYTES, bytes_of_chance, part_of
from sockwright.services.probes.told import about, json, parameter, seconds, whole
from sockwright.session import Session
from sockwright.wire.exchange import BYTES, JSON, Request, Response
from sockwright.wire.fields import write_field
from sockwright.wire.http1 import REASONS

MOST_DROPS = 10 * 1024 * 1024  # bytes of /drip
MOST_LINES = 100  # of /stream and /sse
_STEPS = 1000  # pieces that a drip comes in at most


class Timed:
    """They need a clock to wait by: `sleep` waits so many seconds, or until the bench stops."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep

    def _said(
        self,
        pieces: Sequence[bytes],
        pause: float,
        head: Response | None = None,
        *,
        wait: float = 0.0,
        status: bytes = b"",
    ) -> Begin:
        """Have `pieces` said one by one, `pause` seconds apart, after `wait` seconds.

        With a `head` that goes out at once; else `status` begins the first piece, behind which are the field lines
        of its content.
        """

        async def say(session: Session) -> None:
            await self._sleep(wait)
            lines = session.about.get("lines", b"")
            for number, piece in enumerate(pieces):
                if number and pause:
                    await self._sleep(pause)
                await session.send(status + lines + piece if status and not number else piece)

        return Begin(service_of(say), {"head": head})

    def delay(self, request: Request) -> Begin:
        """Tell what was asked, after so many seconds."""
        wait = seconds(request.captured["seconds"])
        answer = json(about(request, "data"))
        return self._said([answer.whole], 0, wait=wait, status=b"HTTP/1.1 200 OK\r\n")

    def drip(self, request: Request) -> Begin:
        """Answer drop by drop: `numbytes` over `duration` seconds, after `delay`, with `code`."""
        count = whole(parameter(request, "numbytes", "10"), "numbytes", MOST_DROPS)
        if not count:
            raise ServiceError("number of bytes must be positive", code=400)
        duration = seconds(parameter(request, "duration", "2"))
        wait = seconds(parameter(request, "delay", "0"))
        code = whole(parameter(request, "code", "200"), "code", 599, 200)
        head = Response.ready(b"", write_field("Content-Type", BYTES) + write_field("Content-Length", count), code)
        return self._slowly(b"*" * count, duration, min(count, _STEPS), head, wait)

    def _slowly(self, content: bytes, duration: float, steps: int, head: Response, wait: float = 0.0) -> Begin:
        """Say `content` in so many steps over `duration`; `head` has the lines and the status, with the length."""
        steps = max(steps, 1)
        cuts = [len(content) * number // steps for number in range(steps + 1)]
        pieces = [content[a:b] for a, b in pairwise(cuts)]
        pieces[0] = head.lines + b"\r\n" + pieces[0]
        status = b"HTTP/1.1 %d %b\r\n" % (head.status, REASONS.get(head.status, "Drip").encode())
        return self._said(pieces, duration / steps, wait=wait, status=status)

    def part(self, request: Request) -> Response | Begin:
        """Answer with so many letters, of which one part can be asked for; `duration` is for all of them."""
        head, content = part_of(request)
        duration = seconds(parameter(request, "duration", "0"))
        size = whole(parameter(request, "chunk_size", "10240"), "chunk_size", MOST_BYTES, 1)
        if not duration or not content or head.status >= 400 or request.method == "HEAD":
            return Response.ready(content, head.lines, head.status)
        head = Response.ready(b"", head.lines + write_field("Content-Length", len(content)), head.status)
        share = duration * len(content) / int(request.captured["count"])
        return self._slowly(content, share, min(-(-len(content) // size), _STEPS), head)

    def stream(self, request: Request) -> Begin:
        """Answer with so many lines of JSON, each a chunk."""
        count = whole(request.captured["count"], "a number of lines", MOST_LINES)
        told = about(request)
        lines = [msgspec.json.encode({**told, "id": number}) + b"\n" for number in range(count)]
        return self._said(lines, 0, Response(b"", type=JSON))

    def stream_bytes(self, request: Request) -> Begin:
        """Answer with so many bytes of chance, in chunks of `chunk_size`."""
        data = bytes_of_chance(request)
        size = whole(parameter(request, "chunk_size", "10240"), "chunk_size", MOST_BYTES, 1)
        return self._said([data[at : at + size] for at in range(0, len(data), size)], 0, Response(b"", type=BYTES))

    def sse(self, request: Request) -> Begin:
        """Answer with `count` events over `duration` seconds, after `delay`."""
        count = whole(parameter(request, "count", "10"), "count", MOST_LINES, 1)
        duration = seconds(parameter(request, "duration", "5"))
        events = [
            b"event: ping\nid: %d\ndata: %b\n\n" % (number, msgspec.json.encode({"id": number}))
            for number in range(count)
        ]
        head = Response(b"", type="text/event-stream", fields=[("Cache-Control", "no-store")])
        return self._said(events, duration / count, head, wait=seconds(parameter(request, "delay", "0")))
