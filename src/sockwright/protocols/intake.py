"""The content of one request on its way in: kept in memory, in a spool where the route has one, or handed on."""

from __future__ import annotations

from sockwright.errors import PeerError
from sockwright.protocols.routes import SPOOLED, Route, Spool
from sockwright.wire.content import ChunkedReader, ContentReader, LengthReader
from sockwright.wire.exchange import Request


class Intake:
    """One request's. `most` is the most that is taken (bytes), `offset` where the content begins in the stream."""

    __slots__ = ("_most", "_pieces", "_reader", "_request", "_spool", "route")

    def __init__(self, request: Request, route: Route, most: int, offset: int) -> None:
        length = request.head.length
        self.route = route
        self._request = request
        self._most = most
        self._reader: ContentReader = LengthReader(length) if length > 0 else ChunkedReader(offset)
        self._pieces: list[bytes] = []
        self._spool: Spool | None = None

    @property
    def done(self) -> bool:
        return self._reader.done

    @property
    def received(self) -> int:
        """Bytes of content so far."""
        return self._reader.received

    @property
    def rest(self) -> bytes:
        """What came behind the content."""
        return self._reader.rest

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of content in `data`. Raises: PeerError where they are malformed or too many."""
        pieces = self._reader.feed(data)
        if self._reader.announced > self._most:
            words = f"the content is longer than the {self._most} bytes that are taken"
            raise PeerError(words, section="RFC 9110, 15.5.14", code=413)
        return pieces

    def end_of_stream(self) -> None:
        """The peer will send nothing more. Raises: PeerError where content is missing."""
        self._reader.end_of_stream()

    def keep(self, pieces: list[bytes]) -> None:
        """Keep what nobody takes yet. Raises: PeerError where there is no room for it."""
        if self.route.spool is None or self._reader.received <= SPOOLED:
            self._pieces += pieces
            return
        try:
            if self._spool is None:
                self._spool = self.route.spool()
                pieces = self._pieces + pieces
                self._pieces = []
            for piece in pieces:
                self._spool.write(piece)
        except OSError as full:
            words = f"there is no room here for the content: {full.strerror or full}"
            raise PeerError(words, section="RFC 4918, 11.5", code=507) from None

    def taken(self) -> list[bytes]:
        """Return what was kept, and keep it no longer."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def complete(self) -> list[bytes]:
        """Give the request what came, now that it is whole; return the pieces where its handler was early."""
        request = self._request
        request.trailers = self._reader.trailers
        request.whole = True
        if self.route.early:
            return self.taken()
        request.content = b"".join(self._pieces)
        if self._spool is not None:
            self._spool.rewind()
            request.spooled = self._spool
        return []
