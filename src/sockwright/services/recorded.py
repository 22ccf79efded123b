"""A recording as a server: each client hears what the server of one recorded connection said.

`sockwright serve tcp://:9000 --do FILE`. The first client gets the first connection of the file, and so on round it.
What the server said after so many bytes of the client is said after as many bytes now, with the gap it had then.
An RST of the recorded server is played as a FIN.

Over UDP each address gets a recorded session: what the server said behind the client's third datagram is said behind
its third one now, whatever is in it.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Callable, Sequence
from pathlib import Path

from sockwright.binding import Service, service, service_of
from sockwright.conversation import Actions, Dialogue
from sockwright.journal.recording import Take, is_recording, read
from sockwright.session import Session

# A client that says less than was recorded is given up after so many seconds of silence.
PATIENCE = 30.0


def is_file(name: str) -> bool:
    """Tell whether `name` is the path of a recording."""
    return is_recording(Path(name))


def offer_file(name: str, now: Callable[[], float]) -> Sequence[Service]:
    """Return the service that plays the recording in the file `name`.

    Raises: ConfigError for a recording that cannot be read.
    """
    takes = read(Path(name))
    streams = itertools.cycle([take for take in takes if take.proto != "udp"] or takes)
    flows = itertools.cycle(sessions := [take for take in takes if take.proto == "udp"])

    @service(frame="raw")
    async def recorded(session: Session) -> None:
        """Say what the recorded server said."""
        await _play(session, next(streams), now)

    if sessions:  # how it is spoken over UDP, which knows no sessions of ours
        recorded.converse = lambda: Played(next(flows))  # type: ignore[attr-defined]
    return (service_of(recorded, "recorded"),)


async def _play(session: Session, take: Take, now: Callable[[], float]) -> None:
    wanted = heard = 0
    is_over = False
    before = 0.0  # when the last thing happened, then
    last = now()  # ... and now
    for one in take.said:
        if one.by == "client":
            wanted += len(one.data)
            while heard < wanted and not is_over:
                data = await session.receive(PATIENCE)
                if data is None:
                    return
                is_over = not data
                heard += len(data)
            if not one.data:
                while not is_over:
                    data = await session.receive(PATIENCE)
                    if data is None:
                        return
                    is_over = not data
        else:
            due = last + (one.time - before)
            while (left := due - now()) > 0 and not is_over:
                data = await session.receive(left)
                if data is not None:
                    is_over = not data
                    heard += len(data)
            if not one.data:
                return  # FIN
            await session.send(one.data)
        before, last = one.time, now()


class Played(Dialogue):
    """The server's side of one recorded session over UDP.

    waiting --datagram--> what followed it is due in so long --deadline--> said --> waiting
    """

    __slots__ = ("_due", "_place", "_said")

    def __init__(self, take: Take) -> None:
        super().__init__()
        self._said = take.said
        self._place = 0
        self._due: list[tuple[float, int, bytes]] = []  # when, where in the recording, what

    def feed(self, data: bytes, now: float) -> Actions:
        said = self._said
        while self._place < len(said) and said[self._place].by == "server":  # nobody had asked for it
            self._place += 1
        if self._place < len(said):
            asked = said[self._place].time
            self._place += 1
            while self._place < len(said) and (one := said[self._place]).by == "server":
                insort(self._due, (now + one.time - asked, self._place, one.data))
                self._place += 1
        return self._say(now)

    def expired(self, now: float) -> Actions:
        return self._say(now)

    def _say(self, now: float) -> Actions:
        count = sum(when <= now for when, _, _ in self._due)
        out = tuple(data for _, _, data in self._due[:count])
        del self._due[:count]
        self.deadline = self._due[0][0] if self._due else None
        return out
