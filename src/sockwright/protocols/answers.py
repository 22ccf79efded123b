"""How a whole answer is written: its head with what the connection adds, then its content, files by themselves."""

from __future__ import annotations

from sockwright.conversation import Action, Send
from sockwright.wire.exchange import FilePart, Request, Response
from sockwright.wire.http1 import NO_CONTENT

# A file is not in memory, but holds a descriptor, so it counts as if it were of this size (bytes).
FILE_COUNTS = 8 * 1024


def write_answer(response: Response, request: Request, start: bytes, closes: bool, out: list[Action]) -> int:
    """Put the answer to `request` into `out`; `start` is its status line and Date.

    Returns how many bytes of memory it takes until it is sent.
    """
    if closes:
        start += b"Connection: close\r\n"
    elif request.version == "1.0":
        start += b"Connection: keep-alive\r\n"
    silent = request.method == "HEAD" or response.status in NO_CONTENT
    if response.whole and not silent:
        out.append(start + response.whole)
        return len(response.whole)
    lines = response.lines
    if response.status not in NO_CONTENT:
        lines += b"Content-Length: %d\r\n" % response.length
    out.append(start + lines + b"\r\n")
    weight = 0
    for part in (response.content, *response.parts):
        if isinstance(part, FilePart):
            # Who sends nothing of it still has to close it.
            out.append(Send(part.file, part.offset, 0 if silent else part.count))
            weight += FILE_COUNTS
        elif part and not silent:
            out.append(part)
            weight += len(part)
    return weight
