"""Symbols: the lecture's warm-up over a connection: a stream of the last symbol the peer sent, until it sends q."""

from __future__ import annotations

from collections.abc import Sequence

from sockwright.binding import Service, service, service_of
from sockwright.services import Context
from sockwright.session import Session

PACE = 0.02  # seconds between two bursts: short for the eye, long enough that little old is on its way at a switch
BURST = 16  # symbols in one burst
LONGEST = 4  # bytes of one UTF-8 character


def last_symbol(text: str) -> str:
    """Return the last symbol of `text` that is one; line ends and other control characters are not."""
    return next((sign for sign in reversed(text) if sign.isprintable()), "")


@service(frame="raw")
async def symbols(session: Session) -> None:
    """Send the last symbol that came, again and again; nothing before the first; `q` ends."""
    symbol = ""
    pending = b""
    while (data := await session.receive(PACE if symbol else None)) != b"":
        if data is not None:
            pending += data
            text = pending.decode(errors="ignore")
            if "q" in text:
                return
            symbol = last_symbol(text) or symbol
            pending = pending[-LONGEST + 1 :] if pending[-1] >= 0x80 and not _whole(pending) else b""
        if symbol:
            await session.send((symbol * BURST).encode())


def _whole(data: bytes) -> bool:
    """Tell whether `data` ends with a complete UTF-8 character."""
    try:
        data[-LONGEST:].decode()
    except UnicodeDecodeError as wrong:
        return wrong.reason != "unexpected end of data"
    return True


def offer(context: Context) -> Sequence[Service]:
    return (service_of(symbols, "symbols"),)
