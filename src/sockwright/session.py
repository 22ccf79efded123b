"""What a service holds while one peer stays.

A service whose parameter is annotated `Session` sees a peer come, talk and go. As `async def` it runs in the
loop; as `def` it runs in a thread of its own and the same methods wait there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sockwright.endpoint import Peer


class Session(Protocol):
    """One peer, for as long as it stays. Every wait ends when the peer goes: `receive` returns b"" from then on."""

    @property
    def peer(self) -> Peer:
        """Who is there."""

    @property
    def number(self) -> int:
        """The connection's number in the journal."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What the protocol knows beyond bytes; empty over plain TCP."""

    async def receive(self, wait: float | None = None) -> bytes | None:
        """Return the next frame (over `raw` framing: what one read brought), b"" after the end of the stream,
        None when `wait` seconds passed without one, or on `wake`."""

    async def send(self, data: Any) -> None:
        """Send `data` as one frame (bytes, or what else the protocol knows), waiting while the peer does not read.

        Raises: ConnectionError when the peer is gone.
        """

    def say(self, data: Any) -> None:
        """The same without waiting, for what is small. Raises: as `send`."""

    def answer(self, answer: Any) -> None:
        """Say `answer` as the whole of it, where the protocol knows such a thing; the session is over with that.

        Raises: ConnectionError when the peer is gone.
        """

    async def close(self) -> None:
        """End the connection after what was sent (FIN)."""

    def wake(self) -> None:
        """Let a `receive` that waits, else the next one, return None at once. For any thread."""

    def watch(self, seconds: float) -> None:
        """Notice within `seconds` that the peer vanished without a word; silence alone is no reason to hang up."""

    def when_gone(self, tell: Callable[[], object]) -> None:
        """Have `tell` called in the loop if the connection is lost before the session is over."""


class BlockingSession(Protocol):
    """The same for a plain `def` service, in a thread of its own."""

    @property
    def peer(self) -> Peer: ...

    @property
    def number(self) -> int: ...

    @property
    def about(self) -> Mapping[str, Any]: ...

    def receive(self, wait: float | None = None) -> bytes | None: ...

    def send(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def wake(self) -> None: ...

    def watch(self, seconds: float) -> None: ...
